"""Where the dbt project is, and what dbt made of it: the manifest, and its own cache of what it has parsed.

Both are made by `prepare`, which `make setup`, the wheel's build and the commands that need them call. They
lie in a folder that is named after the project's content and the versions of dbt: what was made of other
models, or by another dbt, is never taken for it. Whoever loads definitions asks `prepared`, which starts
nothing.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from footfall.errors import FootfallError
from footfall.installed import DBT_PROJECT as PROJECT_FOLDER
from footfall.installed import IS_INSTALLED

#: The dbt of this very installation, whatever PATH says.
DBT = Path(sys.prefix) / "bin" / "dbt"
#: Where `make setup` and the wheel's build prepare the models.
SHIPPED = PROJECT_FOLDER / "target" / "prepared"
_SOURCES = (
    "models",
    "macros",
    "seeds",
    "tests",
    "analyses",
    "dbt_project.yml",
    "profiles.yml",
    "selectors.yml",
)
_PACKAGES = ("dbt-core", "dbt-duckdb")
#: Names of the folders, and of such as were left unfinished.
_MADE = re.compile(r"[0-9a-f]{12}(\.part)?")


def dbt_environment() -> dict[str, str]:
    """The environment of a dbt process of our own: this project and profile, no telemetry."""
    return {
        **os.environ,
        "DBT_PROFILES_DIR": str(PROJECT_FOLDER),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def dbt_folders(target: Path, project: Path = PROJECT_FOLDER) -> list[str]:
    """dbt's arguments that say where the project is, and that all it writes goes to `target`."""
    return [
        *("--project-dir", str(project), "--profiles-dir", str(PROJECT_FOLDER)),
        *("--target-path", str(target), "--log-path", str(target), "--no-use-colors"),
    ]


def content() -> str:
    """Twelve hex digits over the project's files and the versions of dbt."""
    digest = hashlib.sha256(" ".join(version(name) for name in _PACKAGES).encode())
    for path in sorted(path for path in _files() if path.is_file()):
        name = path.relative_to(PROJECT_FOLDER).as_posix()
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def prepared(home: Path) -> Path:
    """The folder with `manifest.json` of the models as they are now; reads, and starts no process.

    `home`: the state folder, where a wheel keeps what was not shipped with it. Raises FootfallError with what
    makes it where it is missing, or is of other models or another dbt.
    """
    key = content()
    for folder in _folders(home):
        if (folder / key / "manifest.json").exists():
            return folder / key
    what = "python -m commands.prepare" if IS_INSTALLED else "make setup"
    raise FootfallError(
        f"what dbt made of {PROJECT_FOLDER} is missing, or is of other models or another dbt: `{what}` makes "
        "it, and so does `footfall up`; then load again"
    )


def prepare(home: Path, say: Callable[[str], object] = lambda _: None) -> Path:
    """The same, made where it is missing by `dbt parse` (4 to 15 s), of which `say` is told before.

    Raises FootfallError with dbt's own words when the project cannot be parsed.
    """
    try:
        return prepared(home)
    except FootfallError:
        pass
    root = _folders(home)[-1]
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = root / content()
        if not (made / "manifest.json").exists():
            say("reading the models …")
            part = root / f"{made.name}.part"
            shutil.rmtree(part, ignore_errors=True)
            _parse(part)
            shutil.rmtree(made, ignore_errors=True)
            part.rename(made)
            for other in root.iterdir():
                if _MADE.fullmatch(other.name) and other != made:
                    shutil.rmtree(other, ignore_errors=True)
    return made


def _folders(home: Path) -> list[Path]:
    """Where it may lie. In a checkout below dbt's own `target`; installed packages are not written to."""
    return [SHIPPED, home / "dbt-project"] if IS_INSTALLED else [SHIPPED]


def _files() -> list[Path]:
    return [f for name in _SOURCES for f in [PROJECT_FOLDER / name, *(PROJECT_FOLDER / name).rglob("*")]]


def _parse(folder: Path) -> None:
    done = subprocess.run(
        [DBT, "parse", "--quiet", *dbt_folders(folder)],
        env=dbt_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise FootfallError(f"dbt cannot parse {PROJECT_FOLDER}:\n{done.stdout}{done.stderr}")
