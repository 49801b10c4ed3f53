"""`python -m commands.entry` without its start: a process that has loaded everything forks for each command.

Of three seconds of a command, two and a half are imports, the same each time. The copy runs the same entry
with the arguments, environment, folder and output that it is given, and ends as a process ends. What only a
start from nothing can show (what is loaded and when, how a command is found in /proc, what a terminal does to
it) wants `sys.executable`.
"""

import atexit
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENTRY = "commands.entry"
#: What commands load, roughly from the slowest.
PRELOADED = (
    "dagster",
    "dagster_postgres",  # and with it, all that keeps Dagster's history
    "dagster_dbt",
    "dbt.cli.main",
    "dbt.task.build",
    "dbt.adapters.duckdb.connections",
    "fsspec",
    "upath.core",
    "pandas",
    "pyarrow.parquet",
    "boto3",
    "rich.table",
    "commands.cli",
    "commands.materialising",
    "orchestration.definitions",
)
#: Packages of which commands load nearly all.
PRELOADED_WHOLE = ("orchestration", "footfall")
#: Read by Python itself when it starts.
_OF_PYTHON = ("PYTHON", "LD_", "OPENBLAS_", "OMP_")
_UNBUFFERED = "PYTHONUNBUFFERED"


def run_command(
    arguments: Sequence[str], environment: Mapping[str, str], *, seconds: float = 300
) -> "subprocess.CompletedProcess[str]":
    """`footfall ARGUMENTS` in the project's folder, to its end: as `subprocess.run` with its output captured.

    Raises subprocess.TimeoutExpired after so many seconds, and the command is killed.
    """
    if _read_by_python(environment) != _OURS:
        command = [sys.executable, "-m", ENTRY, *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=seconds, check=False
        )
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error:
        code = _server().run(arguments, environment, out.fileno(), error.fileno(), seconds)
        out.seek(0)
        error.seek(0)
        said = [file.read().decode().replace("\r\n", "\n") for file in (out, error)]
    return subprocess.CompletedProcess([ENTRY, *arguments], code, *said)


def _read_by_python(environment: Mapping[str, str]) -> dict[str, str]:
    return {n: v for n, v in environment.items() if n.startswith(_OF_PYTHON) and n != _UNBUFFERED}


_OURS = _read_by_python(os.environ)


class _Server:
    """The process that has loaded everything. It ends with this one."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "ignore", __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                cwd=ROOT,
                env={n: v for n, v in os.environ.items() if not n.startswith(("FOOTFALL_", "DAGSTER_"))},
            )
        atexit.register(self.end)

    def run(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        out: int,
        error: int,
        seconds: float,
    ) -> int:
        """The return code of a command whose output goes to two open files."""
        reader, writer = os.pipe()
        told = json.dumps([list(arguments), dict(environment)]).encode()
        try:
            with self._lock:
                socket.send_fds(self._ours, [told], [out, error, writer])
        finally:
            os.close(writer)
        late: list[bool] = []
        with os.fdopen(reader) as answers:
            number = answers.readline()
            assert number, "the process that starts commands has ended"

            def kill() -> None:
                late.append(True)
                os.kill(int(number), signal.SIGKILL)

            timer = threading.Timer(seconds, kill)
            timer.start()
            try:
                status = answers.readline()
            finally:
                timer.cancel()
        if late:
            raise subprocess.TimeoutExpired([ENTRY, *arguments], seconds)
        return os.waitstatus_to_exitcode(int(status))

    def end(self) -> None:
        self._ours.close()
        self._process.wait()


_servers: list[_Server] = []
_starting = threading.Lock()


def _server() -> _Server:
    with _starting:
        if not _servers:
            _servers.append(_Server())
        return _servers[0]


def _serve(asked: socket.socket) -> "tuple[list[str], dict[str, str]]":
    """Fork for every command that is asked for. Returns in each copy, with arguments and environment."""
    while True:
        told, files, _, _ = socket.recv_fds(asked, 1 << 20, 3)
        _fetch_ended(os.WNOHANG)
        if not told:
            _fetch_ended(0)
            os._exit(0)
        if os.fork():
            for each in files:
                os.close(each)
            continue
        asked.close()
        # One that waits for the other, so that many commands may go on at a time.
        if number := os.fork():
            os.write(files[2], b"%d\n" % number)
            _, status = os.waitpid(number, 0)
            os.write(files[2], b"%d\n" % status)
            os._exit(0)
        os.dup2(files[0], 1)
        os.dup2(files[1], 2)
        for each in files:
            os.close(each)
        arguments, environment = json.loads(told)
        return arguments, environment


def _fetch_ended(options: int) -> None:
    try:
        while os.waitpid(-1, options)[0]:
            pass
    except ChildProcessError:
        pass


def _make_lists_of_programs() -> None:
    """What ingest makes of its lists when it meets the first user agent."""
    from orchestration.ingest.enrichment.bots import bot_of
    from orchestration.ingest.enrichment.user_agents import agent_of

    for make in (bot_of, agent_of):
        make("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")


def _write_history_without_waiting_for_the_disk() -> None:
    """Dagster commits a thousand times in a small run. What was written outlives the process anyhow; only
    a power cut would show the difference, and of Dagster's history no test claims that.
    """
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    @event.listens_for(Engine, "connect")
    def _(connection: object, _: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous = OFF")


def _as_if_started(environment: Mapping[str, str]) -> None:
    """What Python does when it starts, and what modules keep of the process that loaded them."""
    import time
    import warnings

    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    tempfile.tempdir = None
    sys.warnoptions.clear()
    warnings.resetwarnings()
    for kind in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
        warnings.simplefilter("ignore", kind)
    warnings.filterwarnings("default", category=DeprecationWarning, module="__main__")
    if environment.get(_UNBUFFERED):
        sys.stdout.reconfigure(write_through=True)  # type: ignore[union-attr]


def _main() -> None:
    import gc
    import importlib
    import pkgutil
    import runpy

    sys.path[0] = str(ROOT)
    for name in PRELOADED:
        importlib.import_module(name)
    for name in PRELOADED_WHOLE:
        for module in pkgutil.walk_packages(importlib.import_module(name).__path__, f"{name}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    _make_lists_of_programs()
    _write_history_without_waiting_for_the_disk()
    # Nothing of it is looked at again, or each copy would have pages of its own.
    gc.collect()
    gc.freeze()
    arguments, environment = _serve(socket.socket(fileno=int(sys.argv[1])))
    _as_if_started(environment)
    sys.argv[:] = [ENTRY, *arguments]
    code: object = 0
    try:
        runpy.run_module(ENTRY, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    # Without the end of the interpreter: of libraries with threads, a copy has the threads no more.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    if not isinstance(code, int | None):
        sys.stderr.write(f"{code}\n")
        code = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit((code or 0) & 0xFF)


if __name__ == "__main__":
    _main()
