"""The command line as a person runs it."""

import os
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from support.preloaded import ROOT, run_command


@dataclass
class CommandLine:
    """`footfall` on a state folder and ports of its own."""

    home: Path
    clients: Path
    ports: dict[str, str]
    settings: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """What a command of this installation runs with."""
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("FOOTFALL_", "AWS_"))
        }
        own = {
            "FOOTFALL_ENV_FILE": os.devnull,
            "FOOTFALL_HOME": str(self.home),
            "FOOTFALL_CLIENTS": str(self.clients),
        }
        return inherited | self.ports | own | self.settings

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return run_command(arguments, self.environment())


def command_line(home: Path) -> CommandLine:
    """The command line on a state folder, with the example clients and ports that were free."""
    probes = [socket.socket() for _ in range(5)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    parts = ("COLLECTOR", "UI", "SITE", "API", "DASHBOARD")
    names = [f"FOOTFALL_{each}_PORT" for each in parts]
    ports = {name: str(probe.getsockname()[1]) for name, probe in zip(names, probes, strict=True)}
    for probe in probes:
        probe.close()
    return CommandLine(home, ROOT / "clients", ports)
