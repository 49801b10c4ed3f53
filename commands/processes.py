"""Child processes: start them, wait until they answer, stop every one of them."""

import errno
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from commands.orphans import ends_with_parent
from footfall.errors import FootfallError
from footfall.logs import plain

#: Seconds that a child has to end after SIGTERM before it is killed: the collector drains for up to 10.
STOP_SECONDS = 20

#: Bytes of a log at which it begins anew; there are two of each child. Weeks of one that has nothing to tell.
LOG_BYTES = 10_000_000

#: Seconds in which the last words of a child that has ended are in its log.
RELAY_SECONDS = 2

#: Bytes of the end of a log in which a child's last lines are looked for.
_TAIL_BYTES = 65536

#: Seconds until an interrupt that nothing could catch is sent again: time for a finaliser to return.
_AGAIN_SECONDS = 0.05

#: Our own children are on this machine: a proxy that the environment names cannot reach them.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def require_free_port(host: str, port: int, variable: str) -> None:
    """Raise FootfallError when something listens on the port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                said = f"port {port} is in use; stop its owner or set {variable}"
            else:
                said = f"cannot listen on port {port} of {host}: {error.strerror}"
            raise FootfallError(said) from None


def stop_on_signals(*also: type[BaseException]) -> None:
    """Let Ctrl-C, SIGTERM and a closed terminal end a command alike: by KeyboardInterrupt, children first.

    Also where one comes while Python runs a finaliser or the callback of a weak reference, which lets no
    exception out: it would print a traceback there and be forgotten. So it comes again, a moment later.
    `also`: exceptions that a handler of somebody else's raises in the place of KeyboardInterrupt.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # What `nohup` starts ignores the closed terminal, and goes on doing so.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    signal.signal(signal.SIGALRM, lambda _number, _frame: signal.raise_signal(signal.SIGINT))
    hook = sys.unraisablehook
    others = hook.others if isinstance(hook, _ComesAgain) else hook
    sys.unraisablehook = _ComesAgain((KeyboardInterrupt, *also), others)


@dataclass(frozen=True)
class _ComesAgain:
    """Python's hook for what nothing could catch: exceptions of `kinds` come again, `others` are told."""

    kinds: tuple[type[BaseException], ...]
    others: "Callable[[sys.UnraisableHookArgs], object]"

    def __call__(self, unraisable: "sys.UnraisableHookArgs") -> None:
        if issubclass(unraisable.exc_type, self.kinds):
            # Not at once: raised here, it would be lost in the same way.
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
        else:
            self.others(unraisable)


def is_answering(url: str) -> bool:
    """Whether `url` answers 200."""
    try:
        with _direct.open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, http.client.HTTPException):
        return False


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back for a moment: a child that was just started must not lose its owner."""
    held: list[int] = []
    before = {
        number: signal.signal(number, lambda caught, _frame: held.append(caught))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if held:
        raise KeyboardInterrupt


class Children:
    """A set of child processes that live and end together. Use as a context manager."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        logs: Path,
        relay: Callable[[str, str], str] | None = None,
    ) -> None:
        """`relay`: what becomes of a child's line, by its name; without it, it goes to its log as it is."""
        self._relay = relay
        self._relaying: dict[str, threading.Thread] = {}
        self._folder = folder
        self._environment = dict(environment)
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._commands: dict[str, Sequence[str]] = {}
        #: Where in its log the output of a child's present life begins.
        self._begun_at: dict[str, int] = {}

    def __enter__(self) -> "Children":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start `command`, its output to `<logs>/<name>.log`.

        In a session of its own: Ctrl-C reaches this process alone, which then ends the others in order.
        Raises FootfallError where there is no such program or no log can be written.
        """
        self._commands[name] = command
        try:
            self._logs.mkdir(parents=True, exist_ok=True)
            with self.log(name).open("ab") as log, uninterrupted():
                self._begun_at[name] = log.tell()
                self._running[name] = subprocess.Popen(
                    command,
                    cwd=self._folder,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log if self._relay is None else subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=ends_with_parent(),
                )
        except OSError as error:
            raise FootfallError(f"cannot start {name}: {error.strerror}: {error.filename}") from None
        if self._relay is not None:
            thread = threading.Thread(target=self._pass_on, args=(name, self._running[name]), daemon=True)
            self._relaying[name] = thread
            thread.start()

    def _pass_on(self, name: str, process: "subprocess.Popen[bytes]") -> None:
        """Every line of a child into its log, until it and what it started have closed their output."""
        assert process.stdout is not None and self._relay is not None
        with process.stdout:
            for raw in process.stdout:
                text = raw.decode(errors="replace").rstrip("\r\n")
                if not text:
                    continue
                try:
                    with self.log(name).open("a", encoding="utf-8") as log:
                        log.write(self._relay(name, text) + "\n")
                except OSError:
                    pass  # a full disk: the child must not wait for it

    def log(self, name: str) -> Path:
        """Where a child's output goes."""
        return self._logs / f"{name}.log"

    def pid(self, name: str) -> int | None:
        """The process id of a child that is not known to have ended."""
        process = self._running.get(name)
        return process.pid if process is not None else None

    def kill(self, name: str) -> None:
        """Kill a child and what it started: for the next look, it has ended by itself."""
        if (process := self._running.get(name)) is not None and process.poll() is None:
            process.kill()

    def shorten_logs(self, most: int = LOG_BYTES) -> None:
        """Begin each log anew that has grown to so many bytes; what it held is `NAME.log.1`, nothing older.

        The child goes on writing to the same file, so that what it writes in this moment may be lost.
        """
        for name in self._running:
            log = self.log(name)
            try:
                if log.stat().st_size >= most:
                    shutil.copyfile(log, log.with_name(f"{log.name}.1"))
                    os.truncate(log, 0)
                    self._begun_at[name] = 0
            except OSError:
                continue  # a full disk: the next look tries again

    def start_again(self, name: str) -> None:
        """Start a child that has ended with the command that it had."""
        self.start(name, self._commands[name])

    def wait_for(self, name: str, url: str, seconds: float, tend: Callable[[], None] | None = None) -> None:
        """Wait until `url` answers 200. Raises FootfallError with the end of the log when it does not.

        `tend` looks after the other children meanwhile; without it, the end of any of them is an error.
        """

        self.wait_until(name, lambda: is_answering(url), f"answer at {url}", seconds, tend)

    def wait_until(
        self,
        name: str,
        is_so: Callable[[], bool],
        what: str,
        seconds: float,
        tend: Callable[[], None] | None = None,
    ) -> None:
        """Wait until a child does `what`. As wait_for."""
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            if tend is None:
                self.check()
            else:
                self._check_one(name)
                tend()
            if is_so():
                return
            time.sleep(0.1)
        raise FootfallError(f"{name} does not {what} after {seconds:.0f} s; its log: {self.log(name)}")

    def check(self) -> None:
        """Raise FootfallError when a child has ended, with the last line it wrote."""
        for name in self._running:
            self._check_one(name)

    def _check_one(self, name: str) -> None:
        process = self._running.get(name)
        if process is not None and process.poll() is not None:
            if (relaying := self._relaying.get(name)) is not None:
                relaying.join(RELAY_SECONDS)
            lines = self.last_lines(name, 1)
            raise FootfallError(f"{name} ended ({process.returncode}): {lines[0]}")

    def take_ended(self) -> list[tuple[str, int]]:
        """(name, return code) of children that have ended, what they started is ended too."""
        ended = []
        for name, process in list(self._running.items()):
            try:
                # Looked at and not yet fetched: as long as it is not, its number belongs to no other group.
                if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                    continue
            except ChildProcessError:
                pass  # fetched by another look already
            del self._running[name]
            _kill_group(process)
            process.wait()
            ended.append((name, process.returncode))
        return ended

    def last_lines(self, name: str, count: int) -> list[str]:
        """The last lines, at least one, that a child has written in its present or last life."""
        if (relaying := self._relaying.get(name)) is not None and name not in self._running:
            relaying.join(RELAY_SECONDS)
        path = self.log(name)
        with path.open("rb") as log:
            log.seek(max(self._begun_at.get(name, 0), path.stat().st_size - _TAIL_BYTES))
            lines = [plain(line) for line in log.read().decode(errors="replace").splitlines() if line.strip()]
        return lines[-count:] or [f"it wrote nothing to {path}"]

    def stop(self, name: str | None = None) -> None:
        """End one child, or all of them, newest first: SIGTERM, then SIGKILL after STOP_SECONDS."""
        names = [name] if name else list(reversed(self._running))
        for each in names:
            self._signal(each, signal.SIGTERM)
        give_up = time.monotonic() + STOP_SECONDS
        for each in names:
            end_group(self._running.pop(each), max(0.1, give_up - time.monotonic()))
            if (relaying := self._relaying.pop(each, None)) is not None:
                relaying.join(RELAY_SECONDS)

    def _signal(self, name: str, number: signal.Signals) -> None:
        process = self._running[name]
        if process.poll() is None:
            process.send_signal(number)


class Leader(Protocol):
    """A child that leads a session, as `subprocess.Popen` shows one."""

    pid: int

    def wait(self, timeout: float | None = None) -> int:
        """Its return code. Raises subprocess.TimeoutExpired."""


def end_group(process: Leader, seconds: float = STOP_SECONDS) -> None:
    """Wait for a child that leads a session; then kill what is left of it and of what it started."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        pass
    _kill_group(process)
    process.wait()


def _kill_group(process: Leader) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def python(*arguments: str) -> list[str]:
    """A command that runs this very Python."""
    return [sys.executable, *arguments]
