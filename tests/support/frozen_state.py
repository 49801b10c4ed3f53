"""The state of an earlier version (tests/fixtures/frozen_state), unpacked, and the commands on it."""

import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.collectors import free_port
from support.once import once
from support.preloaded import ROOT, run_command
from support.waiting import PATIENCE, wait_until

PACKED = ROOT / "tests" / "fixtures" / "frozen_state" / "state.tar.xz"
#: The first hour that is not run yet: what is in it lies in the lake and in the spool.
NEXT_HOUR = ("2026-11-29T13", "2026-11-29T14")


@dataclass
class FrozenState:
    """An installation of an earlier version in a folder of its own."""

    folder: Path

    @property
    def home(self) -> Path:
        """The state folder."""
        return self.folder / "home"

    @property
    def environment(self) -> dict[str, str]:
        """Of a process on this state: none of the machine's own settings."""
        inherited = {n: v for n, v in os.environ.items() if not n.startswith(("FOOTFALL_", "DAGSTER_"))}
        return inherited | {
            "FOOTFALL_ENV_FILE": os.devnull,
            "FOOTFALL_HOME": str(self.home),
            "FOOTFALL_CLIENTS": str(self.folder / "clients"),
            "FOOTFALL_COLLECTOR_PORT": str(free_port()),
            "FOOTFALL_ALERT_WEBHOOK": "http://127.0.0.1:9/",
        }

    def footfall(self, *arguments: str, seconds: float = 600) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end, which comes within so many seconds."""
        return run_command(arguments, self.environment, seconds=seconds)

    def rebuild(self) -> None:
        """Make the models anew, whose columns have changed since: what the list of changes asks for."""
        done = self.footfall("rebuild")
        assert done.returncode == 0, done.stdout + done.stderr

    def ship_the_spool(self) -> None:
        """Let a collector put into the lake what lies in the spool."""
        collector = subprocess.Popen([sys.executable, "-m", "collector"], cwd=ROOT, env=self.environment)
        try:

            def is_empty() -> bool:
                assert collector.poll() is None, "the collector ended"
                return not [*self.home.glob("spool/**/*.open"), *self.home.glob("spool/**/*.sealed")]

            wait_until(is_empty, "the spool is not shipped")
        finally:
            collector.terminate()
            collector.wait(PATIENCE)


def unpack(folder: Path) -> FrozenState:
    """The state as it was left, below `folder`."""
    with tarfile.open(PACKED) as packed:
        packed.extractall(folder, filter="data")
    return FrozenState(folder)


def rebuilt(factory: pytest.TempPathFactory, folder: Path) -> FrozenState:
    """The state below `folder` after its models were made anew, which takes a while."""
    made = once(factory, "frozen-rebuilt", lambda place: unpack(place).rebuild())
    shutil.copytree(made, folder, symlinks=True, dirs_exist_ok=True)
    return FrozenState(folder)
