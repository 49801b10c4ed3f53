"""What several test files here need: the command line as a person runs it, and client files."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[2]

# A busy machine pauses any example for a while; slowness is no failure here.
settings.register_profile("footfall", deadline=None)
settings.load_profile("footfall")


@dataclass
class CommandLine:
    """`python -m commands.cli` on a state folder and ports of its own."""

    home: Path
    clients: Path
    ports: dict[str, str]
    settings: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("FOOTFALL_", "AWS_"))
        }
        return subprocess.run(
            [sys.executable, "-m", "commands.cli", *arguments],
            cwd=ROOT,
            env=inherited
            | self.ports
            | {"FOOTFALL_HOME": str(self.home), "FOOTFALL_CLIENTS": str(self.clients)}
            | self.settings,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def footfall(tmp_path: Path) -> CommandLine:
    """The command line on an empty state folder, with the example clients."""
    probes = [socket.socket() for _ in range(3)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    names = ("FOOTFALL_COLLECTOR_PORT", "FOOTFALL_UI_PORT", "FOOTFALL_SITE_PORT")
    ports = {name: str(probe.getsockname()[1]) for name, probe in zip(names, probes, strict=True)}
    for probe in probes:
        probe.close()
    return CommandLine(tmp_path / "state", ROOT / "clients", ports)


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A socket that listens on a port of 127.0.0.1."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener
