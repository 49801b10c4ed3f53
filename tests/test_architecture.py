"""The arrows between the parts, and what else must hold of the whole repository.

pixel, dbt_project          know nothing of the rest
collector                →  footfall
orchestration.defs       →  sources, ingest, modelling, delivery, alerting (plain functions)  →  footfall
orchestration.defs       →  resources  →  footfall
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from footfall import cli
from footfall.settings import VARIABLES

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("footfall", "collector", "orchestration", "pixel", "dbt_project", "bench", "tests")

#: A part → what of ours it may import beside itself. The longest name that fits counts. A new arrow is
#: a decision about the design: take it there first, then here.
PLAIN = ("ingest", "modelling", "delivery", "alerting", "sources", "discovery", "webhooks", "upkeep")
ARROWS: dict[str, tuple[str, ...]] = {
    "footfall": (),
    "collector": ("footfall",),
    "pixel": (),
    "dbt_project": (),
    "orchestration.definitions": ("footfall", "orchestration.loading"),
    "orchestration.loading": (),
    "orchestration.history": (),
    "orchestration.launcher": (),
    "orchestration.partitions": ("footfall",),
    "orchestration.resources": ("footfall",),
    "orchestration.ingest": ("footfall",),
    # The docs are built on an empty warehouse, whose tables ingest knows.
    "orchestration.modelling": ("footfall", "orchestration.ingest.schema"),
    "orchestration.delivery": ("footfall",),
    "orchestration.alerting": ("footfall",),
    "orchestration.sources": ("footfall",),
    "orchestration.webhooks": ("footfall",),
    "orchestration.discovery": ("footfall", "orchestration.webhooks"),
    "orchestration.upkeep": ("footfall", "orchestration.alerting", "orchestration.discovery"),
    **{
        f"orchestration.defs.{domain}": (
            "footfall",
            "orchestration.partitions",
            "orchestration.resources",
            *(f"orchestration.{part}" for part in PLAIN),
        )
        for domain in PLAIN
    },
    "orchestration.defs.schedules": ("footfall", "orchestration.partitions"),
    "orchestration.defs.bindings": (
        "footfall",
        "orchestration.resources",
        *(f"orchestration.{part}" for part in PLAIN),
    ),
    "orchestration.run": ("footfall", "orchestration.definitions", "orchestration.partitions"),
    "orchestration.replay": ("footfall", "orchestration.ingest"),
    "orchestration.rebuild": ("footfall", "orchestration.modelling", "orchestration.resources"),
    "orchestration.report": ("footfall", "orchestration.resources"),
    "orchestration.deliveries": (
        "footfall",
        "orchestration.delivery",
        "orchestration.partitions",
        "orchestration.resources",
    ),
    "orchestration.children": ("footfall", "orchestration.alerting"),
    "orchestration.alerts": ("footfall", "orchestration.alerting", "orchestration.defs.alerting.runs"),
    # Of the tests it borrows the real servers that they start.
    "bench": ("footfall", "collector", "orchestration", "pixel", "tests"),
}

#: Files that are longer than others, and why that reads better than two.
LONG_FILES = {
    "collector/spool.py": "the durability of a segment is one argument",
    "footfall/event.py": "the contract, from the wire to the stored line",
    "footfall/demo/traffic.py": "the demo's visitors and what is expected of them, side by side",
    "footfall/store.py": "the port and its two adapters, to be read against each other",
    "tests/orchestration/test_cloudfront.py": "one test for each version of a log and each flaw",
    "tests/orchestration/test_definitions.py": "one loaded code location, and what each asset of it promises",
    "tests/orchestration/test_alerting.py": "one test for each way in which an alert begins and ends",
    "tests/collector/test_http.py": "one test for each thing that a peer can do to a server",
    "tests/collector/test_spool.py": "one test for each way in which a disk fails",
    "tests/support/lake_story.py": "one random history of a lake, and the order in which it is told",
    "dbt_project/models/intermediate/int_sessions.sql": "all that is said of a session, in one row",
    "dbt_project/models/intermediate/int_site_days.sql": "all that is counted of a site's day, in one row",
    "dbt_project/models/intermediate/int_events_sessionised.sql": "island closure is one chain of steps",
}
PYTHON_LINES = 400
SQL_LINES = 200


@cache
def _files() -> tuple[Path, ...]:
    """Every file of the repository, with those that are new and not yet added."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("no git repository: nobody can say which files belong to it")
    names = sorted(name for name in listed.stdout.decode().split("\0") if name)
    return tuple(ROOT / name for name in names if (ROOT / name).is_file())


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _python(*parts: str) -> Iterator[tuple[Path, ast.Module]]:
    """Python files of the named parts, parsed."""
    for path in _files():
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in parts:
            yield path, ast.parse(path.read_text())


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _imports(tree: ast.Module) -> set[str]:
    """Every name that a file imports, those inside functions too: `from a import b` is `a.b`."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _is_below(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def _strangers(module: str, imported: set[str]) -> set[str]:
    """What of ours a module imports without an arrow to it."""
    parts = [part for part in ARROWS if _is_below(module, part)]
    if not parts:
        return {f"{module} is in no part that ARROWS knows"} if imported else set()
    part = max(parts, key=len)
    allowed = (part, *ARROWS[part])
    ours = {name for name in imported if any(_is_below(name, each) for each in PARTS)}
    # `from orchestration.ingest import decode` is an import of the package and of a module in it.
    return {name for name in ours if not any(_is_below(name, each) for each in allowed)}


def test_no_import_goes_against_the_arrows():
    against = {
        _module(path): strangers
        for path, tree in _python("footfall", "collector", "orchestration", "pixel", "dbt_project", "bench")
        if (strangers := _strangers(_module(path), _imports(tree)))
    }

    assert against == {}


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("footfall.store", "collector.spool.Spool"),
        ("collector.app", "orchestration.ingest.hour.ingest_hours"),
        ("orchestration.ingest.hour", "collector.spool.scan"),
        ("orchestration.ingest.hour", "orchestration.resources.lake.Lake"),
        ("orchestration.delivery.deliver", "orchestration.defs.delivery.assets.asset_key"),
        ("orchestration.resources.lake", "orchestration.ingest.hour.ingest_hours"),
        ("orchestration.defs.ingest.assets", "orchestration.defs.delivery.assets.asset_key"),
        ("orchestration.defs.ingest.assets", "orchestration.defs.bindings.resources"),
        ("orchestration.defs.novelty.assets", "footfall.store.LocalStore"),
        ("collector.app", "tests.support.collectors.batch"),
    ],
)
def test_an_arrow_the_wrong_way_would_be_seen(module, imported):
    assert _strangers(module, {imported})


def _importers(of: str, *parts: str) -> list[str]:
    return [
        _name(path) for path, tree in _python(*parts) if any(_is_below(name, of) for name in _imports(tree))
    ]


def test_plain_functions_know_nothing_of_dagster():
    plain = tuple(f"orchestration/{part}/" for part in PLAIN)

    importers = [*_importers("dagster", "orchestration"), *_importers("dagster_dbt", "orchestration")]

    assert [name for name in importers if name.startswith(plain)] == []
    assert importers, "somebody must"


@pytest.mark.parametrize("package", ["dagster", "duckdb", "httptools", "dagster_dbt", "dagster_duckdb"])
def test_kernel_and_collector_stand_without_dagster_a_server_or_sql(package):
    importers = _importers(package, "footfall", "collector")

    assert importers == (["collector/connection.py"] if package == "httptools" else [])


def test_nothing_imports_tests():
    for name in ("tests", "support", "conftest", "pytest", "hypothesis"):
        assert _importers(name, "footfall", "collector", "orchestration", "pixel", "dbt_project") == [], name


#: What takes the place of a part of Dagster builds on that part, and those have no public name. Their tests
#: fail where they change.
REPLACEMENTS = (
    "orchestration/history.py",
    "orchestration/launcher.py",
    "tests/orchestration/test_launcher.py",
)


def test_no_private_part_of_dagster_is_used():
    """What begins with an underscore changes without notice."""
    for path, tree in _python("footfall", "collector", "orchestration", "tests"):
        if _name(path) in REPLACEMENTS:
            continue
        for name in _imports(tree):
            assert not re.match(r"dagster\w*\._|dagster\w*\.\w+\._", name), f"{_name(path)} imports {name}"
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                is_private = node.value.id in ("dg", "dagster") and node.attr.startswith("_")
                assert not is_private, f"{_name(path)}:{node.lineno} uses dagster.{node.attr}"
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and path != Path(__file__):
                assert "dagster._" not in node.value, f"{_name(path)}:{node.lineno}"


def test_definitions_only_load():
    code = [
        line
        for line in (ROOT / "orchestration" / "definitions.py").read_text().splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]

    assert len(code) < 20


def test_only_partitions_makes_partitions():
    made = {
        _name(path)
        for path, tree in _python("orchestration")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr.endswith("PartitionsDefinition")
    }

    assert made == {"orchestration/partitions.py"}


def test_the_models_hold_no_python():
    assert [
        _name(path) for path in _files() if _name(path).startswith("dbt_project/") and path.suffix == ".py"
    ] == []


def test_no_file_is_out_of_the_ordinary_length():
    limits = {".py": PYTHON_LINES, ".sql": SQL_LINES}
    long = {
        _name(path)
        for path in _files()
        if path.suffix in limits and len(path.read_text().splitlines()) > limits[path.suffix]
    }

    assert long - set(LONG_FILES) == set(), "split it, or say in LONG_FILES why it is better whole"


def test_every_exception_of_length_is_a_file():
    assert [name for name in LONG_FILES if not (ROOT / name).is_file()] == []


def _documents() -> list[Path]:
    return [path for path in _files() if path.suffix == ".md"]


#: Made by commands, so that a fresh clone has none of them.
GENERATED = ("dbt_project/target/",)


def _claimed_paths(document: Path) -> Iterator[str]:
    """What a document names as a path of the repository: in backticks from the root, or as a link."""
    text = document.read_text()
    tops = {path.relative_to(ROOT).parts[0] for path in _files()}
    for token in re.findall(r"`([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]*)+)`", text):
        if token.split("/")[0] in tops:
            yield token
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:|#", link):
            yield (document.parent / link.partition("#")[0]).resolve().relative_to(ROOT).as_posix()


def test_documents_name_only_files_that_exist():
    missing = [
        f"{_name(document)}: {path}"
        for document in _documents()
        for path in _claimed_paths(document)
        if not path.startswith(GENERATED)
        and not (ROOT / path).exists()
        and not (document.parent / path).exists()
    ]

    assert missing == []


def test_no_file_knows_the_machine_it_was_written_on():
    # In pieces, so that this file is no hit itself.
    homes = "|".join(("home", "Users", "root", "work", "mnt"))
    developers = re.compile(rf"(?<![\w.}}>~)*-])/(?:{homes})/[A-Za-z0-9_]|[A-Z]:\\\\?Users\\")
    found = []
    for path in _files():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue  # a picture
        found += [
            f"{_name(path)}:{n}: {line.strip()[:120]}"
            for n, line in enumerate(text.splitlines(), 1)
            if developers.search(line)
        ]

    assert found == []


#: Set by orchestration.modelling.command for the dbt process, and by nobody else.
OF_DBT = {"FOOTFALL_WAREHOUSE", "FOOTFALL_WINDOW_START", "FOOTFALL_WINDOW_END"}


def test_every_command_is_documented():
    text = (ROOT / "docs" / "operations.md").read_text()
    table = text.partition("\n## Commands\n")[2].partition("\n## ")[0]

    documented = set(re.findall(r"^\| `footfall ([a-z]+)", table, re.MULTILINE))

    assert documented == set(re.findall(r"^    ([a-z]+)\b", cli.parser().format_help(), re.MULTILINE))


def test_every_variable_that_is_read_is_documented():
    named = {
        node.value
        for _, tree in _python("footfall", "collector", "orchestration", "pixel", "bench")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"FOOTFALL_[A-Z0-9_]+", node.value)
    }
    in_models = {
        name
        for path in _files()
        if _name(path).startswith("dbt_project/") and path.suffix in (".sql", ".yml")
        for name in re.findall(r"env_var\(\s*['\"](\w+)", path.read_text())
    }

    assert named - OF_DBT - set(VARIABLES) == set()
    assert in_models <= OF_DBT
    assert set(VARIABLES) <= named


def test_the_environment_is_read_at_the_edges_only():
    """`os.environ` in the middle makes a function say something else on another machine."""
    readers = {
        _name(path)
        for path, tree in _python("footfall", "collector", "orchestration")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    }

    assert not [
        name
        for name in readers
        if re.match(r"orchestration/(ingest|delivery|alerting|resources)/", name)
        or name in ("footfall/store.py", "footfall/clients.py", "footfall/event.py", "collector/app.py")
    ]
