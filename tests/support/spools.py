"""Spools in tests: one that seals nothing by itself, appending from outside a loop, a disk that refuses."""

import asyncio
import errno
import threading
from datetime import UTC, datetime
from pathlib import Path

from collector.files import Files
from collector.segments import OPEN, SEALED
from collector.spool import Spool
from footfall.frames import frames, scan

HOUR = datetime(2026, 11, 20, 14, tzinfo=UTC)


def frame(payload: bytes) -> bytes:
    """One frame."""
    return frames([payload])


def open_spool(folder: Path, **changes) -> Spool:
    """A spool that seals nothing by itself during a test."""
    options = {
        "collector_id": "c1",
        "segment_seconds": 3600,
        "segment_bytes": 1 << 30,
        "spool_bytes": 1 << 30,
        **changes,
    }
    return Spool(folder, **options)


def shut(spool: Spool) -> None:
    """An orderly end."""
    spool.close()
    spool.release()


def append_all(spool: Spool, *payloads: bytes, hour: datetime = HOUR) -> list[BaseException | None]:
    """Append all at once; what became of each: None (durable) or its failure."""

    async def go():
        return await asyncio.gather(
            *(spool.append(hour, payload) for payload in payloads), return_exceptions=True
        )

    return asyncio.run(go())


def kept(folder: Path) -> list[bytes]:
    """Every good payload in the folder, in order of segments."""
    segments = [path for path in sorted(folder.rglob("2*")) if path.suffix in (OPEN, SEALED)]
    return [p for path in segments for p in scan(path.read_bytes()).payloads]


class BadDisk(Files):
    """A disk that refuses what it is told to: `refuse` holds names of methods and how often."""

    def __init__(self) -> None:
        self.refuse: dict[str, int] = {}
        self.calls: list[str] = []
        self.synced: list[int] = []
        self.begun = 0
        """Syncs that began, those that are held among them."""
        self.hold = threading.Event()
        self.hold.set()

    def _meet(self, name: str) -> None:
        self.calls.append(name)
        if self.refuse.get(name, 0) > 0:
            self.refuse[name] -= 1
            raise OSError(errno.EIO, "Input/output error")

    def create(self, path):
        self._meet("create")
        return super().create(path)

    def write(self, descriptor, data):
        self._meet("write")
        super().write(descriptor, data)

    def sync(self, descriptor):
        self.begun += 1
        self.hold.wait()
        self._meet("sync")
        super().sync(descriptor)

    def sync_folder(self, folder):
        self._meet("sync_folder")
        super().sync_folder(folder)

    def rename(self, path, target):
        self._meet("rename")
        super().rename(path, target)
