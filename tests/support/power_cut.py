"""Cut the power under a real collector, or a bare spool, again and again. Run as root inside `unshare -m`:

    python power_cut.py FOLDER CYCLES {collector,spool} {synced,unsynced}

The spool lies on an ext4 file system in a loop file. A cut stops the process, then shuts the file
system down without flushing anything, not even its journal (FS_IOC_SHUTDOWN), then mounts it again: what
was not synced is gone, as after a real cut. `unsynced` runs one whose syncs do nothing. A bare spool
starts quickly, so that many cuts fall into little time. Prints
`{"cycles": …, "acknowledged": …, "lost": …, "cycles_with_loss": …}`.
"""

import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import zstandard
from support.collectors import CollectorProcess, Load, ids

from collector.segments import OPEN, SEALED
from footfall.frames import scan

SHUTDOWN = 0x8004587D  # FS_IOC_SHUTDOWN
NO_LOG_FLUSH = struct.pack("I", 2)

WITHOUT_SYNC = """
from collector.files import Files
Files.sync = Files.sync_folder = lambda self, anything: None
"""
COLLECTOR = """
import sys
from collector.__main__ import main
sys.exit(main())
"""
#: Appends from sixteen sides, and writes the name of each line that it was promised to a pipe.
SPOOL = """
import asyncio, os, sys
from datetime import UTC, datetime
from pathlib import Path
from collector.worker_folders import open_spool

async def main():
    spool = open_spool(Path(sys.argv[1]), collector_id="c1", segment_seconds=0.05, segment_bytes=65536,
                       spool_bytes=1 << 30)
    hour = datetime(2026, 11, 20, 14, tzinfo=UTC)
    async def client(number):
        count = 0
        while True:
            name = f"{os.getpid()}-{number}-{count}"
            count += 1
            await spool.append(hour, b'{"event_id":"%s"}\\n' % name.encode())
            os.write(1, name.encode() + b"\\n")
    await asyncio.gather(*(client(n) for n in range(16)))

asyncio.run(main())
"""


def run(*command: str) -> str:
    """The output of a command that must succeed."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def shut_down(pid: int, disk: Path) -> None:
    """Stop the process and lose what the disk has not synced."""
    # Stopped first: a sync that returns while the file system goes down would say yes to what is lost.
    os.kill(pid, signal.SIGSTOP)
    time.sleep(0.02)
    folder = os.open(disk, os.O_RDONLY)
    try:
        fcntl.ioctl(folder, SHUTDOWN, NO_LOG_FLUSH)
    finally:
        os.close(folder)


class Bench:
    """The disk, and what was promised and found on it so far."""

    def __init__(self, folder: Path) -> None:
        self.disk, self.safe = folder / "disk", folder / "safe"
        self.disk.mkdir()
        self.safe.mkdir()
        image = folder / "disk.img"
        with image.open("wb") as file:
            file.truncate(64 << 20)
        run("mkfs.ext4", "-q", "-F", str(image))
        # `-o loop` lets go of the device with the mount, and the mount goes with its namespace.
        self._mount = ("mount", "-o", "loop", str(image), str(self.disk))
        self.acknowledged: set[str] = set()
        self.lost: set[str] = set()
        self.cycles_with_loss = 0
        self.counted = 0  # promises of cycles whose segments were cleared away since

    def mount(self) -> None:
        run(*self._mount)

    def remount(self) -> None:
        run("umount", str(self.disk))
        self.mount()

    def compare(self, acknowledged: set[str], found: set[str]) -> None:
        """Add a cycle: everything ever promised must be among what is found now."""
        self.acknowledged |= acknowledged
        missing = self.acknowledged - found - self.lost
        self.cycles_with_loss += bool(missing)
        self.lost |= missing

    def in_spool(self) -> set[str]:
        paths = [p for p in (self.disk / "spool").glob("*/2*") if p.suffix in (OPEN, SEALED)]
        return ids(payload for path in paths for payload in scan(path.read_bytes()).payloads)


def cut_collectors(bench: Bench, cycles: int, synced: bool) -> None:
    """Whole collectors under load over HTTP, whose lake is on another disk."""
    in_lake: set[str] = set()  # raw objects never change: each is read once
    read: set[Path] = set()
    for cycle in range(cycles):
        process = CollectorProcess(
            bench.disk,
            settings={"FOOTFALL_LAKE": bench.safe.as_uri(), "FOOTFALL_SEGMENT_BYTES": "65536"},
            program=("-m", "collector") if synced else ("-c", WITHOUT_SYNC + COLLECTOR),
        ).start()
        # The client file is part of the scene, not of what is tested.
        os.sync()
        load = Load(process.port, prefix=f"cut{cycle}").start()
        time.sleep(0.2 + 0.05 * (cycle % 4))
        shut_down(process.pid, bench.disk)
        process.end(kill=True)
        acknowledged = load.stop()
        bench.remount()
        objects = set((bench.safe / "raw").rglob("*.zst")) - read
        in_lake |= ids(zstandard.decompress(path.read_bytes()) for path in objects)
        read |= objects
        bench.compare(acknowledged, bench.in_spool() | in_lake)


def cut_spools(bench: Bench, cycles: int, synced: bool) -> None:
    """Bare spools that ship nothing: each start recovers what all cuts before it have left."""
    program = ("" if synced else WITHOUT_SYNC) + SPOOL
    for cycle in range(cycles):
        spool = bench.disk / "spool"
        with subprocess.Popen([sys.executable, "-c", program, str(spool)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            rest: list[bytes] = []
            reader = threading.Thread(target=lambda out=process.stdout, to=rest: to.append(out.read()))
            reader.start()
            time.sleep(0.02 + 0.015 * (cycle % 7))
            shut_down(process.pid, bench.disk)
            process.kill()
            reader.join()
        # A line that was cut off in the pipe names nothing.
        names = (first + rest[0]).rpartition(b"\n")[0].decode().split()
        bench.remount()
        bench.compare(set(names), bench.in_spool())
        if cycle % 10 == 9:  # the disk is small
            for path in spool.glob("*/2*"):
                path.unlink()
            os.sync()
            bench.acknowledged, bench.counted = set(), bench.counted + len(bench.acknowledged)


def main(folder: Path, cycles: int, what: str, synced: bool) -> dict[str, int]:
    """Run the cycles and count."""
    bench = Bench(folder)
    try:
        bench.mount()
        {"collector": cut_collectors, "spool": cut_spools}[what](bench, cycles, synced)
        run("umount", str(bench.disk))
    finally:
        subprocess.run(["umount", "-l", str(bench.disk)], capture_output=True, check=False)
    return {
        "cycles": cycles,
        "acknowledged": bench.counted + len(bench.acknowledged),
        "lost": len(bench.lost),
        "cycles_with_loss": bench.cycles_with_loss,
    }


if __name__ == "__main__":
    result = main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4] == "synced")
    sys.stdout.write(json.dumps(result) + "\n")
