"""Where the dbt project is, and its manifest, which is made where it is missing or older than the models."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from footfall.errors import FootfallError

PROJECT_FOLDER = Path(__file__).resolve().parents[2] / "dbt_project"
#: The dbt of this very installation, whatever PATH says.
DBT = Path(sys.prefix) / "bin" / "dbt"
MANIFEST = PROJECT_FOLDER / "target" / "manifest.json"
_SOURCES = ("models", "macros", "seeds", "tests", "analyses", "dbt_project.yml", "profiles.yml")


def dbt_environment() -> dict[str, str]:
    """The environment of a dbt process of our own: this project and profile, no telemetry."""
    return {
        **os.environ,
        "DBT_PROFILES_DIR": str(PROJECT_FOLDER),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def manifest() -> Path:
    """The manifest of the models as they are now. `dbt parse` (4 s) runs only after a change.

    Raises FootfallError with dbt's own words when the project cannot be parsed.
    """
    MANIFEST.parent.mkdir(exist_ok=True)
    with (MANIFEST.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # webserver, daemon and runs load this at the same time
        if not MANIFEST.exists() or MANIFEST.stat().st_mtime < _last_change():
            _parse()
    return MANIFEST


def _last_change() -> float:
    files = [f for name in _SOURCES for f in [PROJECT_FOLDER / name, *(PROJECT_FOLDER / name).rglob("*")]]
    return max(file.stat().st_mtime for file in files if file.exists())


def _parse() -> None:
    done = subprocess.run(
        [DBT, "parse", "--no-use-colors", "--quiet"],
        cwd=PROJECT_FOLDER,
        env=dbt_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise FootfallError(f"dbt cannot parse {PROJECT_FOLDER}:\n{done.stdout}{done.stderr}")
    MANIFEST.touch()  # dbt leaves the file alone when nothing changed but a file's time
