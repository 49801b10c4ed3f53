"""Before the first byte of state is written: is there all that the parts to be started will need?

Looks and changes nothing. Finds every reason not to begin, not only the first; but where another process
has the state folder, that is the one reason: the ports are taken by the same one.
"""

import enum
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from commands import installation
from commands.apart import ask_apart
from commands.processes import require_free_port
from footfall.durable import open_lake
from footfall.errors import FootfallError
from footfall.settings import Settings

#: Bytes that must be free where state is written: several times what a demo of two days takes. Of a disk that
#: fills later, the collector and the alerts tell.
FREE_BYTES = 1 << 30


class Part(enum.Enum):
    """What is going to be started."""

    COLLECTOR = "collector"
    DAGSTER = "Dagster UI"
    API = "API"
    DASHBOARD = "dashboard"
    SITE = "demo site"


def require_ready(settings: Settings, *parts: Part, needs_lake: bool = False) -> None:
    """Raise FootfallError with a line for each thing that is in the way.

    `needs_lake`: a lake on S3 must answer now. A collector starts without it, and ships later.
    """
    installation.require_unheld(settings)
    checks: list[Callable[[], object]] = [
        partial(installation.require_local, settings),
        partial(
            _require_writable,
            settings.home,
            f"the state folder {settings.home}",
            "mend its rights or set FOOTFALL_HOME",
        ),
        partial(_require_room, settings.home),
    ]
    for variable, url in (("FOOTFALL_LAKE", settings.lake), ("FOOTFALL_BACKUP", settings.backup)):
        if (folder := _folder(url)) is not None and not folder.is_relative_to(settings.home):
            checks.append(
                partial(_require_writable, folder, str(folder), f"mend its rights or set {variable}")
            )
            checks.append(partial(_require_room, folder))
    ports = _ports(settings, parts)
    checks += [partial(require_free_port, *port) for port in ports]
    checks.append(partial(_require_distinct, ports))
    if Part.DAGSTER in parts:
        checks.append(_require_programs)
    if needs_lake and _folder(settings.lake) is None:
        checks.append(partial(ask_apart, dict(os.environ), partial(_look_at_lake, settings)))
    if found := list(_said(checks)):
        raise FootfallError("\n".join(found))


def _look_at_lake(settings: Settings) -> None:
    """Apart, for what is run next is a copy of this process, which must have asked no store by then."""
    open_lake(settings.lake, settings.s3_endpoint, settings.home)


def _said(checks: list[Callable[[], object]]) -> Iterator[str]:
    for check in checks:
        try:
            check()
        except FootfallError as error:
            yield str(error)


def _ports(settings: Settings, parts: tuple[Part, ...]) -> list[tuple[str, int, str]]:
    """(address, port, variable) of all that will listen."""
    wanted = []
    if Part.COLLECTOR in parts:
        wanted.append((settings.collector_host, settings.collector_port, "FOOTFALL_COLLECTOR_PORT"))
        if settings.metrics_port:
            wanted.append((settings.metrics_host, settings.metrics_port, "FOOTFALL_METRICS_PORT"))
    if Part.DAGSTER in parts:
        wanted.append(("127.0.0.1", settings.ui_port, "FOOTFALL_UI_PORT"))
    if Part.API in parts and settings.api_port:
        wanted.append((settings.api_host, settings.api_port, "FOOTFALL_API_PORT"))
        if settings.state_metrics_port:
            host, port = settings.metrics_host, settings.state_metrics_port
            wanted.append((host, port, "FOOTFALL_STATE_METRICS_PORT"))
    if Part.DASHBOARD in parts and settings.dashboard_port:
        wanted.append((settings.dashboard_host, settings.dashboard_port, "FOOTFALL_DASHBOARD_PORT"))
        if settings.dashboard_metrics_port:
            host, port = settings.metrics_host, settings.dashboard_metrics_port
            wanted.append((host, port, "FOOTFALL_DASHBOARD_METRICS_PORT"))
    if Part.SITE in parts:
        wanted.append(("127.0.0.1", settings.site_port, "FOOTFALL_SITE_PORT"))
    return wanted


def _require_distinct(ports: list[tuple[str, int, str]]) -> None:
    seen: dict[int, str] = {}
    for _, port, variable in ports:
        if port in seen:
            raise FootfallError(
                f"{seen[port]} and {variable} are both {port}: set one of them to another port"
            )
        seen[port] = variable


def _folder(url: str) -> Path | None:
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def _existing(path: Path) -> Path:
    """The path, or what of its parents is there already."""
    return next(each for each in (path, *path.parents) if each.exists())


def _require_writable(path: Path, name: str, remedy: str) -> None:
    there = _existing(path)
    if not there.is_dir():
        raise FootfallError(f"{name} cannot be written ({there} is no folder); {remedy}")
    if not os.access(there, os.W_OK | os.X_OK):
        raise FootfallError(f"{name} cannot be written ({there} may not be written by this user); {remedy}")


def _require_room(path: Path) -> None:
    there = _existing(path)
    free = shutil.disk_usage(there).free
    if free < FREE_BYTES:
        raise FootfallError(
            f"{free >> 20} MB are free on the disk of {there}, and {FREE_BYTES >> 20} are needed to begin: "
            "make room, or set FOOTFALL_HOME to a folder on another disk"
        )


def _require_programs() -> None:
    for name in ("dagster", "dagster-webserver", "dagster-daemon"):
        program = Path(sys.prefix) / "bin" / name
        if not os.access(program, os.X_OK):
            raise FootfallError(f"{program} is missing: install the project again (`make setup`)")
