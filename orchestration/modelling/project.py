"""Where the dbt project is, and its manifest, which is made where it is missing or older than the models."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path

from footfall.errors import FootfallError
from footfall.installed import DBT_PROJECT as PROJECT_FOLDER
from footfall.installed import IS_INSTALLED
from footfall.settings import Settings

#: The dbt of this very installation, whatever PATH says.
DBT = Path(sys.prefix) / "bin" / "dbt"
_SOURCES = ("models", "macros", "seeds", "tests", "analyses", "dbt_project.yml", "profiles.yml")


def dbt_environment() -> dict[str, str]:
    """The environment of a dbt process of our own: this project and profile, no telemetry."""
    return {
        **os.environ,
        "DBT_PROFILES_DIR": str(PROJECT_FOLDER),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def artefacts() -> Path:
    """The folder of what dbt makes of the project: manifest, docs, its own cache and logs.

    In a checkout that is dbt's own, `target`. Installed packages are not written to: there it is a folder of
    the state folder, named after the project's content, so that an upgrade has another.
    """
    if not IS_INSTALLED:
        return PROJECT_FOLDER / "target"
    return Settings.from_environ(os.environ).home / "dbt-project" / _content()


@cache
def _content() -> str:
    """Twelve hex digits over the project's files and the version of dbt."""
    digest = hashlib.sha256(version("dbt-core").encode())
    for path in sorted(path for path in _files() if path.is_file()):
        name = path.relative_to(PROJECT_FOLDER).as_posix()
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def dbt_folders(target: Path, project: Path = PROJECT_FOLDER) -> list[str]:
    """dbt's arguments that say where the project is, and that all it writes goes to `target`."""
    return [
        *("--project-dir", str(project), "--profiles-dir", str(PROJECT_FOLDER)),
        *("--target-path", str(target), "--log-path", str(target), "--no-use-colors"),
    ]


def manifest() -> Path:
    """The manifest of the models as they are now. `dbt parse` (4 s) runs only after a change.

    Raises FootfallError with dbt's own words when the project cannot be parsed.
    """
    folder = artefacts()
    made = folder / "manifest.json"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # webserver, daemon and runs load this at the same time
        if not made.exists() or (not IS_INSTALLED and made.stat().st_mtime < _last_change()):
            _parse(folder)
            made.touch()  # dbt leaves the file alone when nothing changed but a file's time
            if IS_INSTALLED:
                _forget_others(folder)
    return made


def _files() -> list[Path]:
    return [f for name in _SOURCES for f in [PROJECT_FOLDER / name, *(PROJECT_FOLDER / name).rglob("*")]]


def _last_change() -> float:
    return max(file.stat().st_mtime for file in _files() if file.exists())


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


def _forget_others(folder: Path) -> None:
    for other in folder.parent.iterdir():
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
