"""The files of this repository, and what a test may ask of their text."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = (
    "footfall", "sources", "collector", "orchestration", "api", "dashboard", "commands", "pixel",
    "dbt_project", "deploy", "bench", "tests",
)  # fmt: skip

#: The floors: our Python that is installed.
CODE = PARTS[:7]


@cache
def files() -> tuple[Path, ...]:
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


def name_of(path: Path) -> str:
    """A path as the repository names it."""
    return path.relative_to(ROOT).as_posix()


def python_files(*parts: str) -> Iterator[tuple[Path, ast.Module]]:
    """Python files of the named parts, parsed."""
    for path in files():
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in parts:
            yield path, ast.parse(path.read_text())


def module_of(path: Path) -> str:
    """A file as Python imports it."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports_of(tree: ast.Module) -> set[str]:
    """Every name that a file imports, those inside functions too: `from a import b` is `a.b`."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found
