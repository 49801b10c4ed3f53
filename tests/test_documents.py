"""What must hold of the repository's documents and of what code names."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
from support.repository import CODE, ROOT, files, name_of, python_files

from commands import cli
from footfall.environment import OF_DBT
from footfall.settings import VARIABLES


def _documents() -> list[Path]:
    return [path for path in files() if path.suffix == ".md"]


#: Made by commands, so that a fresh clone has none of them.
GENERATED = ("dbt_project/target/",)


def _claimed_paths(document: Path) -> Iterator[str]:
    """What a document names as a path of the repository: in backticks from the root, or as a link."""
    text = document.read_text()
    tops = {path.relative_to(ROOT).parts[0] for path in files()}
    for token in re.findall(r"`([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]*)+)`", text):
        if token.split("/")[0] in tops:
            yield token
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:|#", link):
            yield (document.parent / link.partition("#")[0]).resolve().relative_to(ROOT).as_posix()


def test_documents_name_only_files_that_exist():
    missing = [
        f"{name_of(document)}: {path}"
        for document in _documents()
        for path in _claimed_paths(document)
        if not path.startswith(GENERATED)
        and not (ROOT / path).exists()
        and not (document.parent / path).exists()
    ]

    assert missing == []


def test_documents_name_only_tests_that_exist():
    named = {
        (name_of(document), path, test)
        for document in _documents()
        for path, test in re.findall(r"(tests/[\w/]+\.py)::(\w+)", document.read_text())
    }

    assert named, "docs/lifecycle.md has a table of them"
    assert [each for each in sorted(named) if f"\ndef {each[2]}(" not in (ROOT / each[1]).read_text()] == []


def test_no_file_knows_the_machine_it_was_written_on():
    # In pieces, so that this file is no hit itself.
    homes = "|".join(("home", "Users", "root", "work", "mnt"))
    developers = re.compile(rf"(?<![\w.}}>~)*-])/(?:{homes})/[A-Za-z0-9_]|[A-Z]:\\\\?Users\\")
    found = []
    for path in files():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue  # a picture
        found += [
            f"{name_of(path)}:{n}: {line.strip()[:120]}"
            for n, line in enumerate(text.splitlines(), 1)
            if developers.search(line)
        ]

    assert found == []


def _documented_commands() -> dict[str, str]:
    """Command → how the rows of the table write it: `deliveries` → `deliveries list|replay|…`."""
    text = (ROOT / "docs" / "operations.md").read_text()
    table = text.partition("\n## Commands\n")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| `footfall (([a-z]+).*?) \| ", table, re.MULTILINE)
    return {name: " ".join(line for line, other in lines if other == name) for _, name in lines}


def _command(name: str) -> click.Command:
    found = cli.footfall.get_command(click.Context(cli.footfall), name)
    assert found is not None, name
    return found


def test_every_command_is_documented():
    assert set(_documented_commands()) == set(cli.COMMANDS)


def test_every_verb_is_documented_and_every_documented_option_is_one():
    for name, written in _documented_commands().items():
        command = _command(name)
        verbs = command.commands if isinstance(command, click.Group) else {}
        groups = [each for each in verbs.values() if isinstance(each, click.Group)]
        below = [each for group in groups for each in group.commands.values()]
        words = set(re.findall(r"[a-z]+", written))
        assert set(verbs) <= words, name
        every = (command, *verbs.values(), *below)
        options = {option for each in every for param in each.params for option in param.opts}
        assert set(re.findall(r"--[a-z-]+", written)) <= options, name


def test_every_command_is_a_file_of_its_own_with_help():
    for name in cli.COMMANDS:
        command = _command(name)
        assert command.help, name
        verbs = command.commands if isinstance(command, click.Group) else {}
        assert [verb for verb, each in verbs.items() if not each.help] == []


def test_the_help_fits_on_a_screen():
    with click.Context(cli.footfall, info_name="footfall", terminal_width=80) as context:
        lines = cli.footfall.get_help(context).splitlines()

    assert len(lines) <= 45
    assert all(any(line.split()[:1] == [name] for line in lines) for name in cli.COMMANDS)


def test_every_variable_that_is_read_is_documented():
    named = {
        node.value
        for _, tree in python_files(*CODE, "pixel", "bench")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"FOOTFALL_[A-Z0-9_]+", node.value)
    }
    in_models = {
        name
        for path in files()
        if name_of(path).startswith("dbt_project/") and path.suffix in (".sql", ".yml")
        for name in re.findall(r"env_var\(\s*['\"](\w+)", path.read_text())
    }

    assert named - set(OF_DBT) - set(VARIABLES) == set()
    assert in_models <= set(OF_DBT)
    assert set(VARIABLES) <= named


def test_the_environment_is_read_at_the_edges_only():
    """`os.environ` in the middle makes a function say something else on another machine."""
    readers = {
        name_of(path)
        for path, tree in python_files(*CODE)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    }

    assert not [
        name
        for name in readers
        if re.match(r"orchestration/(ingest|delivery|alerting|resources)/", name)
        or name in ("footfall/store.py", "footfall/clients.py", "footfall/event.py", "collector/app.py")
    ]
