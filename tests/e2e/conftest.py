"""End to end: the real commands, in a state folder and on ports of their own."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.once import once
from support.preloaded import ENTRY, ROOT, run_command
from support.told.run import tell_all
from support.waiting import PATIENCE, wait_until

COMMAND = (sys.executable, "-m", ENTRY)


@dataclass
class Installation:
    """One state folder, and how to run `footfall` on it."""

    home: Path
    environment: dict[str, str]
    command: tuple[str, ...] = COMMAND
    folder: Path = ROOT
    running: list["Running"] = field(default_factory=list)

    def run(self, *arguments: str, seconds: float = 900) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        if self.command == COMMAND:
            return run_command(arguments, self.environment, seconds=seconds)
        return subprocess.run(
            [*self.command, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def start(self, *arguments: str) -> "Running":
        """Start a command that a person would end with Ctrl-C."""
        started = Running(
            subprocess.Popen(
                [*self.command, *arguments],
                cwd=self.folder,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                # A group of its own, as a terminal gives one to each command.
                start_new_session=True,
            )
        )
        self.running.append(started)
        return started


class Running:
    """A command that goes on, and what it has said so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        try:
            for line in self.process.stdout:
                self.said += line
        except ValueError:
            pass  # closed at the end of a test that failed

    def wait_until_it_says(self, pattern: str, seconds: float = 900) -> str:
        """Wait for a line that matches; returns the first group, or the match."""

        def said() -> re.Match[str] | None:
            is_over = self.process.poll() is not None
            if is_over:
                self._reader.join(PATIENCE)
            found = re.search(pattern, self.said)
            assert found or not is_over, f"ended early:\n{self.said}"
            return found

        found = wait_until(said, lambda: f"never said {pattern!r}:\n{self.said}", seconds=seconds)
        return found.group(found.lastindex or 0)

    def press_control_c(self, seconds: float = 300) -> int:
        """What a terminal does: SIGINT to the whole foreground group. Returns the exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        code = self.process.wait(seconds)
        self._reader.join(PATIENCE)
        return code

    def close(self) -> None:
        """End it whatever its state."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
            try:
                self.process.wait(120)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self._reader.join(5)
        if self.process.stdout is not None:
            self.process.stdout.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """A new, empty installation with the repository's clients."""
    yield from _installation(tmp_path)


@pytest.fixture(scope="module")
def installation_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The same for all tests of a file, which only look."""
    yield from _installation(tmp_path_factory.mktemp("installation"))


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an installation in which all stories of tests/support/told came to pass."""
    return once(tmp_path_factory, "told", tell_all)


def _installation(folder: Path) -> Iterator[Installation]:
    environment = {
        **{
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("FOOTFALL_", "DAGSTER_"))
        },
        "FOOTFALL_HOME": str(folder / "state"),
        "FOOTFALL_ENV_FILE": os.devnull,  # that of a person who works here is not for tests
        "FOOTFALL_CLIENTS": str(ROOT / "clients"),
        "FOOTFALL_COLLECTOR_PORT": str(_free_port()),
        "FOOTFALL_METRICS_PORT": str(_free_port()),
        "FOOTFALL_UI_PORT": str(_free_port()),
        "FOOTFALL_SITE_PORT": str(_free_port()),
        "FOOTFALL_API_PORT": str(_free_port()),
        "FOOTFALL_DASHBOARD_PORT": str(_free_port()),
        "PYTHONUNBUFFERED": "1",
    }
    made = Installation(folder / "state", environment)
    yield made
    for running in made.running:
        running.close()


@pytest.fixture
def processes_of() -> Callable[[Path], list[str]]:
    """Command lines of living processes that were given a state folder, by /proc."""

    def find(home: Path) -> list[str]:
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if f"FOOTFALL_HOME={home}".encode() in (entry / "environ").read_bytes():
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
        return found

    return find
