"""Cut the power under a real collector, again and again. Run as root inside `unshare -m`:

    python power_cut.py FOLDER CYCLES {synced,unsynced}

The spool lies on an ext4 file system in a loop file. A cut stops the collector, then shuts the file
system down without flushing anything, not even its journal (FS_IOC_SHUTDOWN), then mounts it again: what
was not synced is gone, as after a real cut. `unsynced` runs a collector whose syncs do nothing. Prints
`{"cycles": …, "acknowledged": …, "lost": …, "cycles_with_loss": …}`.
"""

import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import zstandard
from support.collectors import CollectorProcess, Load, ids

SHUTDOWN = 0x8004587D  # FS_IOC_SHUTDOWN
NO_LOG_FLUSH = struct.pack("I", 2)

WITHOUT_SYNC = """
import sys
from collector.files import Files
Files.sync = Files.sync_folder = lambda self, anything: None
from collector.__main__ import main
sys.exit(main())
"""


def run(*command: str) -> str:
    """The output of a command that must succeed."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def cut(process: CollectorProcess, disk: Path) -> None:
    """Stop the process, lose what the disk has not synced, end the process."""
    # Stopped first: a sync that returns while the file system goes down would say yes to what is lost.
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(0.02)
    folder = os.open(disk, os.O_RDONLY)
    try:
        fcntl.ioctl(folder, SHUTDOWN, NO_LOG_FLUSH)
    finally:
        os.close(folder)
    process.end(kill=True)


def main(folder: Path, cycles: int, synced: bool) -> dict[str, int]:
    """Run the cycles and count."""
    image, disk, safe = folder / "disk.img", folder / "disk", folder / "safe"
    disk.mkdir()
    safe.mkdir()
    with image.open("wb") as file:
        file.truncate(64 << 20)
    run("mkfs.ext4", "-q", "-F", str(image))
    # `-o loop` lets go of the device with the mount, and the mount goes with its namespace, at the latest.
    mount = ("mount", "-o", "loop", str(image), str(disk))
    acknowledged: set[str] = set()
    lost: set[str] = set()
    in_lake: set[str] = set()  # raw objects never change: each is read once
    read: set[Path] = set()
    cycles_with_loss = 0
    try:
        run(*mount)
        for cycle in range(cycles):
            process = CollectorProcess(
                disk,
                settings={"FOOTFALL_LAKE": safe.as_uri(), "FOOTFALL_SEGMENT_BYTES": "65536"},
                program=("-m", "collector") if synced else ("-c", WITHOUT_SYNC),
            ).start()
            # The client file is part of the scene, not of what is tested.
            os.sync()
            load = Load(process.port, prefix=f"cut{cycle}").start()
            time.sleep(0.2 + 0.05 * (cycle % 4))
            cut(process, disk)
            acknowledged |= load.stop()
            run("umount", str(disk))
            run(*mount)
            objects = set((safe / "raw").rglob("*.zst")) - read
            in_lake |= ids(zstandard.decompress(path.read_bytes()) for path in objects)
            read |= objects
            missing = acknowledged - ids(process.spool_lines()) - in_lake - lost
            cycles_with_loss += bool(missing)
            lost |= missing
        run("umount", str(disk))
    finally:
        subprocess.run(["umount", "-l", str(disk)], capture_output=True, check=False)
    return {
        "cycles": cycles,
        "acknowledged": len(acknowledged),
        "lost": len(lost),
        "cycles_with_loss": cycles_with_loss,
    }


if __name__ == "__main__":
    result = main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "synced")
    sys.stdout.write(json.dumps(result) + "\n")
