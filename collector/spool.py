"""The durable spool: what was appended and acknowledged survives a crash, a full disk and a power cut.

    append ──► queue ──► one committer thread: write, fdatasync once a segment, release the waiters
                                  │
                          HOUR-ORIGIN.open ──(age, size, shutdown, restart)──► HOUR-ORIGIN.sealed

Group commit without a waiting window: while one fsync runs, the next group queues up behind it, so a
slow disk makes larger groups and a fast one small delays.

A segment is a file of frames, `length u32 | crc32 u32 | payload`, little endian. A payload is the stored
lines of one request, each with its line end, so that a batch is kept or lost as a whole. Lines never
hold a byte below 0x20 other than the line end; recovery leans on that to find the next frame after a
damaged one, because the top byte of a length is always zero.
"""

import asyncio
import fcntl
import logging
import os
import re
import struct
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from footfall.errors import FootfallError
from footfall.store import sync_folder

log = logging.getLogger("collector")

#: Bytes of one payload. A full batch with its envelopes stays below half of it.
MAX_PAYLOAD_BYTES = 8 << 20
#: Bytes that may wait for the committer. A disk that hangs must not fill the memory.
MAX_QUEUED_BYTES = 64 << 20
#: Bytes committed at once. Larger groups save syncs, but let a segment grow further past its size.
MAX_GROUP_BYTES = 4 << 20
#: Segments open at once. A bulk import over months would otherwise run out of file descriptors.
MAX_OPEN_SEGMENTS = 64

OPEN, SEALED, CORRUPT = ".open", ".sealed", ".corrupt"

_HEADER = struct.Struct("<II")
_COLLECTOR_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_data_sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


class NotDurable(FootfallError):
    """An append was refused or failed: nothing of it is promised to be on disk. Trying again may help."""


class Files:
    """What the spool asks of a file system. Tests pass one that fails on demand."""

    def create(self, path: Path) -> int:
        """A descriptor to append to a new file. Fails where the file exists."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def write(self, descriptor: int, data: bytes) -> None:
        """Write all of `data`; a short write is continued, so that its cause shows itself as an error."""
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]

    def sync(self, descriptor: int) -> None:
        """Make a file's bytes durable."""
        _data_sync(descriptor)

    def sync_folder(self, folder: Path) -> None:
        """Make the names in a folder durable."""
        sync_folder(folder)

    def rename(self, path: Path, target: Path) -> None:
        """Give a file its next name."""
        path.rename(target)


# Frames ---------------------------------------------------------------------------------------------


def frame(payload: bytes) -> bytes:
    """One frame around a payload of 1 to MAX_PAYLOAD_BYTES bytes."""
    return _HEADER.pack(len(payload), zlib.crc32(payload)) + payload


@dataclass(frozen=True)
class Scan:
    """What lies in a segment file: good payloads, damaged stretches, and a torn tail."""

    payloads: list[bytes]
    corrupt: list[bytes]
    #: Offset behind the last complete frame; what follows is a write that never finished.
    end: int
    torn: int


def scan(data: bytes) -> Scan:
    """Read the bytes of a segment, however they ended.

    A bad stretch with a good frame somewhere behind it, or one that is complete by its length, is
    damage: it may have been acknowledged, so it is reported and not dropped. Any other bad stretch is a
    torn tail: its fsync never returned, so nobody was told that it is kept.
    """
    payloads: list[bytes] = []
    corrupt: list[bytes] = []
    at = 0
    while at < len(data):
        end, good = _frame_at(data, at)
        if good:
            payloads.append(data[at + _HEADER.size : end])
        else:
            end = _next_frame(data, at + 1) or end
            if not end:
                break
            corrupt.append(data[at:end])
        at = end
    return Scan(payloads, corrupt, end=at, torn=len(data) - at)


def _frame_at(data: bytes, at: int) -> tuple[int, bool]:
    """The end of the frame at `at` (0 where no complete one can be), and whether its checksum holds."""
    if at + _HEADER.size > len(data):
        return 0, False
    length, checksum = _HEADER.unpack_from(data, at)
    end = at + _HEADER.size + length
    # Length zero is never written; it is what a file looks like that grew before its data arrived.
    if not 0 < length <= MAX_PAYLOAD_BYTES or end > len(data):
        return 0, False
    return end, zlib.crc32(memoryview(data)[at + _HEADER.size : end]) == checksum


def _next_frame(data: bytes, start: int) -> int:
    """Offset of the first good frame at or behind `start`, 0 where there is none."""
    zero = data.find(0, start + 3)  # the top byte of its length
    while zero != -1:
        if _frame_at(data, zero - 3)[1]:
            return zero - 3
        zero = data.find(0, zero + 1)
    return 0


# Names ----------------------------------------------------------------------------------------------


def segment_stem(hour: datetime, origin: str) -> str:
    """The file name of a segment without its state: `20261120T14-c1-1700000000000-000001`."""
    return f"{hour.astimezone(UTC):%Y%m%dT%H}-{origin}"


def segment_place(path: Path) -> tuple[datetime, str]:
    """Hour and origin of a segment, from its file name. Raises FootfallError for a foreign file."""
    stamp, _, origin = path.stem.partition("-")
    try:
        return datetime.strptime(stamp, "%Y%m%dT%H").replace(tzinfo=UTC), origin
    except ValueError:
        raise FootfallError(f"{path} is not a segment of ours; move it out of the spool") from None


def set_aside(path: Path, corrupt: list[bytes]) -> bool:
    """Keep damaged stretches of a segment in `….corrupt` beside it. False where they are there already."""
    target = path.with_suffix(CORRUPT)
    if not corrupt or target.exists():
        return False
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(b"".join(corrupt))
        file.flush()
        os.fsync(file.fileno())
    part.rename(target)
    sync_folder(path.parent)
    return True


# The spool ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Entry:
    hour: datetime
    payload: bytes
    waiter: "asyncio.Future[None]"


@dataclass(slots=True)
class _Segment:
    path: Path
    descriptor: int
    opened: float  # monotonic seconds
    born: float  # seconds since 1970
    written: int = 0
    synced: int = 0


@dataclass(frozen=True)
class SpoolState:
    """Figures for /health. Ages in seconds."""

    held_bytes: int
    limit_bytes: int
    open_segments: int
    sealed_segments: int
    oldest_unshipped_seconds: float
    last_error: str | None
    torn_segments: int
    corrupt_frames: int


class Spool:
    """One folder of segments with one owner. `append` belongs to the event loop, the rest to any thread."""

    def __init__(
        self,
        folder: Path,
        *,
        collector_id: str,
        segment_seconds: float,
        segment_bytes: int,
        spool_bytes: int,
        files: Files | None = None,
        on_sealed: Callable[[], None] = lambda: None,
    ) -> None:
        """Take the folder, recover what an earlier owner left open, start the committer.

        Raises FootfallError where the folder cannot be used or is another collector's.
        """
        if not _COLLECTOR_ID.fullmatch(collector_id):
            raise FootfallError(
                f"FOOTFALL_COLLECTOR_ID={collector_id!r}: expected 1 to 64 of A-Z a-z 0-9 _ . -"
            )
        self.folder = folder
        self.on_sealed = on_sealed
        self._files = files or Files()
        self._segment_seconds = segment_seconds
        self._segment_bytes = segment_bytes
        self._spool_bytes = spool_bytes
        self._origin = f"{collector_id}-{time.time_ns() // 1_000_000}"
        self._number = 0
        self._torn_segments = 0
        self._corrupt_frames = 0
        self._faults: dict[str, str] = {}  # step → what is wrong with it now

        # Guards everything below. The committer alone touches _open, and takes it to change the counts.
        self._wake = threading.Condition()
        self._queue: deque[_Entry] = deque()
        self._queued = 0
        self._held = 0
        self._stopping = False
        self._open: dict[datetime, _Segment] = {}
        self._unsealed: list[_Segment] = []
        self._sealed: dict[Path, tuple[int, float]] = {}

        try:
            self._lock = _take(folder)
            self._recover()
        except OSError as error:
            where = error.filename or folder
            raise FootfallError(f"the spool cannot be used: {where}: {error.strerror}") from error
        self._committer = threading.Thread(target=self._run, name="committer", daemon=True)
        self._committer.start()

    def append(self, hour: datetime, payload: bytes) -> "asyncio.Future[None]":
        """Queue newline-terminated lines received in `hour` (aware, on the hour).

        The future is done when they are on disk, and fails with NotDurable when they may not be.
        Raises NotDurable at once where the spool is full, closing, or behind.
        """
        size = len(payload) + _HEADER.size
        with self._wake:
            if self._stopping:
                raise NotDurable("the collector is stopping")
            if self._held + self._queued + size > self._spool_bytes:
                raise NotDurable("the spool is full")
            if self._queued + size > MAX_QUEUED_BYTES or len(payload) > MAX_PAYLOAD_BYTES:
                raise NotDurable("the disk does not keep up")
            waiter = asyncio.get_running_loop().create_future()
            self._queue.append(_Entry(hour, payload, waiter))
            self._queued += size
            self._wake.notify()
        return waiter

    def sealed(self) -> list[Path]:
        """Segments ready to be shipped, oldest hour first."""
        with self._wake:
            return sorted(self._sealed)

    def remove(self, path: Path) -> None:
        """Forget a sealed segment that the lake holds. Call it only after the lake has confirmed."""
        path.unlink(missing_ok=True)
        with self._wake:
            size, _ = self._sealed.pop(path, (0, 0.0))
            self._held -= size

    def count_corrupt(self, frames: int) -> None:
        """Add to the count of damaged frames (found while shipping)."""
        with self._wake:
            self._corrupt_frames += frames

    def state(self) -> SpoolState:
        """What /health shows."""
        with self._wake:
            open_now = [*self._open.values(), *self._unsealed]
            births = [s.born for s in open_now] + [born for _, born in self._sealed.values()]
            return SpoolState(
                held_bytes=self._held + self._queued,
                limit_bytes=self._spool_bytes,
                open_segments=len(open_now),
                sealed_segments=len(self._sealed),
                oldest_unshipped_seconds=max(0.0, time.time() - min(births)) if births else 0.0,
                last_error="; ".join(self._faults.values()) or None,
                torn_segments=self._torn_segments,
                corrupt_frames=self._corrupt_frames,
            )

    def close(self) -> None:
        """Commit what is queued and seal every segment. Appends are refused from now on."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._committer.join()

    def release(self) -> None:
        """Give the folder back, after the last segment was shipped or left for the next owner."""
        os.close(self._lock)

    # Recovery, before the committer starts

    def _recover(self) -> None:
        for path in self.folder.glob("*.part"):
            path.unlink()
        for path in sorted(self.folder.glob(f"*{OPEN}")):
            found = scan(path.read_bytes())
            if found.torn:
                os.truncate(path, found.end)
                self._torn_segments += 1
                log.warning("%s: a torn tail of %d bytes was cut off", path.name, found.torn)
            if set_aside(path, found.corrupt):
                self._corrupt_frames += len(found.corrupt)
                log.error("%s: %d damaged frames were set aside", path.name, len(found.corrupt))
            # Frames that a process wrote but never synced are about to be shipped as if they were durable.
            descriptor = os.open(path, os.O_RDWR)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            path.rename(path.with_suffix(SEALED))
        sync_folder(self.folder)
        for path in self.folder.iterdir():
            facts = path.stat()
            self._held += facts.st_size
            if path.suffix == SEALED:
                self._sealed[path] = (facts.st_size, facts.st_mtime)

    # The committer thread

    def _run(self) -> None:
        while True:
            group = self._take_group()
            self._commit(group)
            self._seal_due()
            if self._stopping and not self._queue:
                break
        for hour in list(self._open):
            self._retire(hour)
        self._seal_due()

    def _take_group(self) -> list[_Entry]:
        """Whatever is queued, up to MAX_GROUP_BYTES; waits for it no longer than the next tick."""
        group: list[_Entry] = []
        size = 0
        with self._wake:
            if not self._queue and not self._stopping:
                self._wake.wait(min(1.0, self._segment_seconds / 4))
            while self._queue and size < MAX_GROUP_BYTES:
                entry = self._queue.popleft()
                group.append(entry)
                size += len(entry.payload) + _HEADER.size
        return group

    def _commit(self, group: list[_Entry]) -> None:
        by_hour: dict[datetime, list[_Entry]] = {}
        for entry in group:
            by_hour.setdefault(entry.hour, []).append(entry)
        for hour, entries in by_hour.items():
            data = b"".join([frame(entry.payload) for entry in entries])
            failure: NotDurable | None = None
            try:
                self._commit_hour(hour, data)
                self._faults.pop("commit", None)
            except Exception as error:
                self._fault("commit", "cannot make events durable", error)
                self._poison(hour)
                failure = NotDurable("the disk refused")
            finally:
                with self._wake:
                    self._queued -= len(data)
                _release((entry.waiter for entry in entries), failure)

    def _commit_hour(self, hour: datetime, data: bytes) -> None:
        segment = self._open.get(hour) or self._create(hour)
        self._files.write(segment.descriptor, data)
        self._files.sync(segment.descriptor)
        with self._wake:
            segment.written += len(data)
            segment.synced = segment.written
            self._held += len(data)

    def _create(self, hour: datetime) -> _Segment:
        self._number += 1
        path = self.folder / (segment_stem(hour, f"{self._origin}-{self._number:06d}") + OPEN)
        segment = _Segment(path, self._files.create(path), time.monotonic(), time.time())
        with self._wake:
            self._open[hour] = segment
        # A file's own fsync does not cover its name.
        self._files.sync_folder(self.folder)
        return segment

    def _poison(self, hour: datetime) -> None:
        """Write no more to a segment that met an error, and never sync it again.

        After a failed fsync the kernel holds the pages for clean: a second fsync would succeed without
        having written them. What was acknowledged before is on disk, so the segment is sealed as it is.
        """
        segment = self._open.get(hour)
        if segment is None:
            return
        try:
            self._give_up(hour, segment)
        except OSError as error:  # the file stays .open, and the next start recovers it
            self._fault("commit", f"cannot put {segment.path.name} aside", error)

    def _give_up(self, hour: datetime, segment: _Segment) -> None:
        if segment.synced:
            # The bytes of the failed write count too, as far as they came.
            size = os.fstat(segment.descriptor).st_size
            with self._wake:
                self._held += size - segment.written
                segment.written = size
            self._retire(hour)
            return
        # Nothing in it was ever acknowledged: on a full disk each attempt would leave one more empty file.
        with self._wake:
            del self._open[hour]
        os.close(segment.descriptor)
        segment.path.unlink(missing_ok=True)

    def _retire(self, hour: datetime) -> None:
        with self._wake:
            segment = self._open.pop(hour)
            self._unsealed.append(segment)
        os.close(segment.descriptor)

    def _seal_due(self) -> None:
        now = time.monotonic()
        for hour, segment in list(self._open.items()):
            if now - segment.opened >= self._segment_seconds or segment.written >= self._segment_bytes:
                self._retire(hour)
        while len(self._open) > MAX_OPEN_SEGMENTS:
            self._retire(next(iter(self._open)))
        if not self._unsealed:
            return
        try:
            for segment in list(self._unsealed):
                target = segment.path.with_suffix(SEALED)
                self._files.rename(segment.path, target)
                with self._wake:
                    self._unsealed.remove(segment)
                    self._sealed[target] = (segment.written, segment.born)
            # Should this sync fail, a power cut may bring the old name back; recovery then seals it.
            self._files.sync_folder(self.folder)
            self._faults.pop("seal", None)
        except OSError as error:  # what is not sealed is safe, merely not shipped: the next tick tries again
            self._fault("seal", "cannot seal a segment", error)
        self.on_sealed()

    def _fault(self, step: str, what: str, error: Exception) -> None:
        text = f"{what}: {getattr(error, 'strerror', None) or type(error).__name__}"
        if self._faults.get(step) != text:
            log.error("%s", text)
        self._faults[step] = text


def _take(folder: Path) -> int:
    """Lock the folder for this process; the kernel gives it back when the process ends, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    sync_folder(folder.parent)
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise FootfallError(
            f"the spool {folder} belongs to a collector that is running; stop it or set another FOOTFALL_HOME"
        ) from None
    return descriptor


def _release(waiters: Iterable["asyncio.Future[None]"], failure: NotDurable | None) -> None:
    """Resolve waiters in their loop: one wake-up for all of them, and one that is gone harms no other."""
    by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for waiter in waiters:
        by_loop.setdefault(waiter.get_loop(), []).append(waiter)
    for loop, theirs in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, theirs, failure)
        except RuntimeError:
            pass  # the loop is closed: nobody waits any more


def _resolve(waiters: list["asyncio.Future[None]"], failure: NotDurable | None) -> None:
    for waiter in waiters:
        if waiter.done():
            continue  # cancelled: its client went away
        if failure is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(failure)
