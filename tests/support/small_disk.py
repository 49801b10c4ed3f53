"""Small disks that a collector fills: one that needs no rights, and a real one where mounting is allowed.

`SMALL` runs a collector whose spool has DISK_BYTES bytes, whoever fills them; with DISK_DIES=call it is
killed right before its first such call on a segment that the lake holds.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BALLAST = "ballast"

SMALL = """
import errno, os, signal, sys
from pathlib import Path
from collector.files import Files

ROOT, SIZE, DIES = Path(os.environ["DISK_ROOT"]), int(os.environ["DISK_BYTES"]), os.environ.get("DISK_DIES")

def used():
    total = 0
    for folder, _, names in os.walk(ROOT):
        for name in names:
            try:
                total += os.stat(os.path.join(folder, name)).st_size
            except FileNotFoundError:
                pass
    return total

real_write = Files.write

def write(self, descriptor, data):
    fits = data[:max(0, SIZE - used())]
    real_write(self, descriptor, fits)
    if len(fits) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

Files.write = write
Files.room = lambda self, folder: (max(0, SIZE - used()), SIZE)

def dying(name):
    real = getattr(Files, name)
    def call(self, path, *more):
        # Before the call itself; a folder is synced with such segments in it.
        holds = path.is_dir() and any(each.suffix == ".shipped" for each in path.iterdir())
        if holds or ".shipped" in str(path) or any(".shipped" in str(each) for each in more):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(self, path, *more)
    setattr(Files, name, call)

if DIES:
    dying(DIES)

from collector.__main__ import main
sys.exit(main())
"""


class SmallDisk:
    """A spool of so many bytes that needs no rights: the collector's own writes are counted."""

    def __init__(self, home: Path, size: int) -> None:
        self.home = home
        self.size = size
        self.program = ("-c", SMALL)
        self.settings = {"DISK_ROOT": str(home / "spool"), "DISK_BYTES": str(size)}

    def fill(self) -> None:
        """Somebody else takes what is left."""
        used = sum(path.stat().st_size for path in (self.home / "spool").rglob("*") if path.is_file())
        with (self.home / "spool" / BALLAST).open("ab") as file:
            file.write(bytes(max(0, self.size - used)))


class MountedDisk:
    """A tmpfs: nothing is simulated."""

    program = ("-m", "collector")

    def __init__(self, home: Path) -> None:
        self.home = home
        self.settings: dict[str, str] = {}

    def fill(self) -> None:
        """Somebody else takes what is left, to the last byte."""
        descriptor = os.open(self.home / BALLAST, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            for piece in (1 << 16, 1 << 12, 1):
                try:
                    while True:
                        os.write(descriptor, bytes(piece))
                except OSError:
                    pass
        finally:
            os.close(descriptor)


@contextmanager
def mounted(folder: Path, size: int) -> Iterator[MountedDisk | None]:
    """A tmpfs of so many bytes at `folder`; None where mounting is not allowed."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield MountedDisk(folder)
    finally:
        subprocess.run(["umount", str(folder)], check=True)
