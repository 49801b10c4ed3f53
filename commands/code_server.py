"""Dagster's code server as a child of `footfall up`: one, long-lived, on a socket of its own.

The webserver and the daemon ask it for the definitions, and runs are started by it. It is a proxy: what it
starts below it loads the definitions, and is replaced where a reload is asked for, while the runs of the one
before go on.
"""

import hashlib
import os
import socket
import sys
import tempfile
import time
from pathlib import Path

from commands.processes import Children
from footfall.errors import FootfallError
from footfall.settings import Settings
from orchestration.reloading import LOAD_SECONDS

NAME = "dagster-code"
#: Bytes that the path of a socket may have.
_LONGEST = 100
#: Seconds without one before it counts as dead.
_MISSED_SECONDS = 3.0
#: What stands in the command line of the process below the proxy.
_BELOW = b"\0api\0grpc\0"


def command(settings: Settings) -> list[str]:
    """How it is started. Its socket is private: whoever reaches it can run code."""
    seconds = str(LOAD_SECONDS)
    return [
        *(str(Path(sys.prefix) / "bin" / "dagster"), "code-server", "start"),
        *("--module-name", "orchestration.definitions", "--location-name", "footfall"),
        *("--socket", str(address(settings)), "--startup-timeout", seconds, "--log-level", "warning"),
        # What is below must not take a machine that is busy for a proxy that is gone.
        *("--heartbeat-ttl", seconds),
        *log_options(settings),
    ]


def address(settings: Settings) -> Path:
    """Its socket: in Dagster's home, or in a private folder of /tmp where that path is too long for one."""
    near = settings.dagster_home / "code.sock"
    if len(os.fsencode(near)) <= _LONGEST:
        return near
    name = hashlib.sha256(os.fsencode(settings.home)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"footfall-{os.getuid()}-{name}" / "code.sock"


def write_workspace(settings: Settings) -> Path:
    """Write the file that tells the webserver and the daemon where it is; a socket that is left over goes.

    Raises FootfallError where others could put a socket in its place.
    """
    where = address(settings)
    where.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    there = where.parent.stat()
    if there.st_uid != os.getuid() or there.st_mode & 0o022:
        raise FootfallError(
            f"{where.parent} may be written by others, and is to hold the socket of the code server: remove "
            "it, or set FOOTFALL_HOME to a folder with a shorter name"
        )
    where.unlink(missing_ok=True)
    path = workspace(settings)
    path.write_text(
        "# Written by whoever starts the code server.\n"
        f"load_from:\n  - grpc_server: {{socket: {str(where)!r}, location_name: footfall}}\n"
    )
    return path


def log_options(settings: Settings) -> list[str]:
    """How each of Dagster's programs is told to write its log."""
    return ["--log-format", "json"] if settings.log_format == "json" else []


def workspace(settings: Settings) -> Path:
    """The file that says where it is."""
    return settings.dagster_home / "workspace.yaml"


def answers(settings: Settings) -> bool:
    """Whether it takes connections, which it does once the definitions were loaded, or failed to."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(address(settings)))
        except OSError:
            return False
    return True


class Loss:
    """Whether a code server has lost what it started below itself, which it does not notice itself.

    Without /proc nothing of this is seen.
    """

    def __init__(self) -> None:
        self._full = 0
        self._missed_since: float | None = None

    def is_lost(self, pid: int) -> bool:
        """One look: True once its child is missing for a while, though it had one."""
        if has_below(pid):
            self._full, self._missed_since = pid, None
            return False
        if self._full != pid:
            return False  # it has not loaded yet
        now = time.monotonic()
        self._missed_since = self._missed_since or now
        return now - self._missed_since >= _MISSED_SECONDS


class Watch:
    """Ends the code server that has lost what it started: a child that has ended is started again."""

    def __init__(self, children: Children) -> None:
        self._children = children
        self._loss = Loss()

    def look(self) -> None:
        """One look, with every look at the children."""
        pid = self._children.pid(NAME)
        if pid is not None and self._loss.is_lost(pid):
            self._children.kill(NAME)


def has_below(pid: int) -> bool:
    """Whether the process of a code server has one that loads the definitions; True where nobody can say."""
    try:
        return any(_BELOW in Path("/proc", each, "cmdline").read_bytes() for each in _children_of(pid))
    except OSError:
        return True


def _children_of(pid: int) -> list[str]:
    return [
        each
        for task in Path(f"/proc/{pid}/task").iterdir()
        for each in (task / "children").read_text().split()
    ]
