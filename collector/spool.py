"""The durable spool: what was appended and acknowledged survives a crash, a full disk and a power cut.

    append ──► group ──(end of the loop's turn)──► queue ──► committer thread: write, fdatasync, release
                                                                 │
                                            HOUR-ORIGIN.open ──(age, size, end of hour, stop)──► .sealed

Group commit without a waiting window: what one turn of the event loop appends is one group with one
future, and while one sync runs all further groups queue up for the next. A slow disk so makes larger
groups, a fast one small delays, and the cost of an append beside its bytes is one item in a list.
"""

import asyncio
import logging
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from collector.files import PART, Files
from collector.segments import Recovered, Shipped, recover, segment_birth, segment_place, segment_stem
from footfall.errors import FootfallError
from footfall.frames import HEADER_BYTES, MAX_PAYLOAD_BYTES, frames
from footfall.spool_tail import OPEN, SEALED

log = logging.getLogger("collector")

#: Bytes that may wait for the committer. A disk that hangs must not fill the memory.
MAX_QUEUED_BYTES = 64 << 20
#: Bytes committed at once. Larger groups save syncs, but let a segment grow further past its size.
MAX_GROUP_BYTES = 4 << 20
#: Segments open at once. A bulk import over months would otherwise run out of file descriptors.
MAX_OPEN_SEGMENTS = 64
#: Seconds without an answer of the disk after which it counts as failing.
HANG_SECONDS = 10.0
#: Seconds between two looks at a disk that failed, or at segments that could not be recovered.
PROBE_SECONDS = 1.0
#: Bytes that a probe writes: as much as a busy turn commits, so that a full disk shows itself.
PROBE_BYTES = 64 << 10
#: Bytes of the disk that the spool leaves free, of a small disk a share: for the tallies, and for a lake
#: or a log on the same disk. Lower: more is kept before 503, and others meet a full disk sooner.
SPARE_BYTES, SPARE_SHARE = 64 << 20, 1 / 16
#: Seconds after its hour at which a segment is sealed, however young: the hour waits for it.
HOUR_END_SECONDS = 5.0

_COLLECTOR_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


class NotDurable(FootfallError):
    """An append was refused or failed: nothing of it is promised to be on disk. Trying again may help."""


class FolderTaken(FootfallError):
    """The folder belongs to a process that is running."""


class _Shared(asyncio.Future[None]):
    """The future of a group. Many wait for it: one that goes away must not take it from the others."""

    def cancel(self, *_message: object, **_named: object) -> bool:
        return False


@dataclass(slots=True)
class _Group:
    """Appends of one turn of one loop to one hour."""

    hour: datetime
    loop: asyncio.AbstractEventLoop
    future: _Shared
    payloads: list[bytes] = field(default_factory=list)
    size: int = 0  # bytes of the frames


@dataclass(slots=True)
class _Segment:
    path: Path
    descriptor: int
    opened: float  # monotonic seconds
    born: float  # seconds since 1970
    hour_end: float  # seconds since 1970
    written: int = 0
    synced: int = 0


@dataclass(frozen=True)
class SpoolState:
    """Figures for health and metrics. Ages in seconds."""

    held_bytes: int
    limit_bytes: int
    open_segments: int
    sealed_segments: int
    oldest_unshipped_seconds: float
    last_error: str | None
    torn_segments: int
    corrupt_frames: int
    #: Bytes of held_bytes that no sync covers yet.
    queued_bytes: int
    commits: int
    #: Seconds that all commits took together: write and sync.
    commit_seconds: float


class Spool:
    """One folder of segments with one owner. `append` belongs to the event loop, the rest to any thread."""

    def __init__(
        self,
        folder: Path,
        *,
        collector_id: str,
        worker: int = 1,
        segment_seconds: float,
        segment_bytes: int,
        spool_bytes: int,
        disk_share: int = 1,
        files: Files | None = None,
        on_sealed: Callable[[], None] = lambda: None,
    ) -> None:
        """Take the folder, recover what an earlier owner left open, start the committer.

        `collector_id` and `worker` name the segments; together they must be unique in the lake. So many
        spools as `disk_share` says fill one disk.

        Raises FolderTaken where another process has it, FootfallError where it cannot be used.
        """
        if not _COLLECTOR_ID.fullmatch(collector_id):
            raise FootfallError(
                f"FOOTFALL_COLLECTOR_ID={collector_id!r}: expected 1 to 64 of A-Z a-z 0-9 _ . -"
            )
        self.folder = folder
        self.on_sealed = on_sealed
        self.files = files or Files()
        self._segment_seconds = segment_seconds
        self._segment_bytes = segment_bytes
        self._spool_bytes = spool_bytes
        self._disk_share = disk_share
        self._disk_bytes = spool_bytes  # what the spool may hold by what its disk has free
        self._measured: float | None = None  # monotonic seconds
        self._origin = f"{collector_id}-{worker}"
        self._number = 0

        # The event loop's side: written there only.
        self._gathering: _Group | None = None
        self._stopping = False
        self._taken = 0  # bytes ever appended

        # The committer's side: written there only. What is queued is the difference of the two.
        self._settled = 0  # bytes of groups that were committed or failed
        self._commits = 0
        self._commit_seconds = 0.0
        self._commit_began: float | None = None  # monotonic seconds
        self._faults: dict[str, str] = {}  # step → what is wrong with it now
        self._probed = 0.0  # monotonic seconds
        self._left = 0  # segments of ours or of an earlier owner that must be looked at again

        # Guards the queue and everything below. The committer alone changes _open and _unsealed.
        self._wake = threading.Condition()
        self._queue: deque[_Group] = deque()
        self._in_hand: list[_Group] = []  # being committed
        self._held = 0
        self._torn_segments = 0
        self._corrupt_frames = 0
        self._open: dict[datetime, _Segment] = {}
        self._unsealed: list[_Segment] = []
        self._sealed: dict[Path, tuple[int, float]] = {}

        try:
            self._lock = self._take()
            found = recover(self.files, folder)
            self._left = found.left
            self.adopt(found)
        except OSError as error:
            where = error.filename or folder
            raise FootfallError(f"the spool cannot be used: {where}: {error.strerror}") from error
        self._measure()
        self._committer = threading.Thread(target=self._run, name="committer", daemon=True)
        self._committer.start()

    def _take(self) -> int:
        self.files.make_folder(self.folder)
        self.files.sync_folder(self.folder.parent)
        descriptor = self.files.lock(self.folder / ".lock", wait=False)
        if descriptor is None:
            raise FolderTaken(
                f"the spool {self.folder} belongs to a collector that is running; "
                "stop it or set another FOOTFALL_HOME"
            )
        for name in self.files.names(self.folder):
            if name.endswith(PART):
                self.files.unlink(self.folder / name)
        return descriptor

    def append(self, hour: datetime, payload: bytes) -> "asyncio.Future[None]":
        """Queue newline-terminated lines received in `hour` (aware, on the hour).

        The future is done when they are on disk, and fails with NotDurable when they may not be. It is
        shared with other appends and cannot be cancelled. Raises NotDurable at once where the spool is
        full, closing, or behind.
        """
        loop = asyncio.get_running_loop()
        size = len(payload) + HEADER_BYTES
        if self._stopping:
            raise NotDurable("the collector is stopping")
        queued = self._taken - self._settled + size
        if self._held + queued > self._spool_bytes:
            raise NotDurable("the spool is full")
        if self._held + queued > self._disk_bytes:
            raise NotDurable("the disk is full")
        if queued > MAX_QUEUED_BYTES or size > MAX_PAYLOAD_BYTES:
            raise NotDurable("the disk does not keep up")
        group = self._gathering
        if group is None or group.hour != hour or group.loop is not loop:
            group = self._gather(hour, loop)
        self._taken += size
        group.size += size
        group.payloads.append(payload)
        return group.future

    def _gather(self, hour: datetime, loop: asyncio.AbstractEventLoop) -> _Group:
        if self._gathering is not None:
            self._hand_over(self._gathering)
        group = self._gathering = _Group(hour, loop, _Shared(loop=loop))
        loop.call_soon(self._hand_over, group)
        return group

    def _hand_over(self, group: _Group) -> None:
        """Give a group to the committer, once."""
        if self._gathering is group:
            self._gathering = None
            with self._wake:
                self._queue.append(group)
                self._wake.notify()

    def sealed(self) -> list[Path]:
        """Segments ready to be shipped, oldest hour first."""
        with self._wake:
            return sorted(self._sealed)

    def hours(self) -> set[datetime]:
        """Hours of which something is here that the lake does not hold yet."""
        group = self._gathering
        with self._wake:
            paths = [s.path for s in (*self._open.values(), *self._unsealed)] + list(self._sealed)
            groups = (*self._queue, *self._in_hand, *([group] if group else ()))
            queued = {each.hour for each in groups}
        found = set(queued)
        for path in paths:
            try:
                found.add(segment_place(path)[0])
            except FootfallError:
                pass  # a foreign file is of no hour
        return found

    def remove(self, path: Path) -> None:
        """Forget a sealed segment that the lake holds. Call it only after the lake has confirmed."""
        self.files.unlink(path)
        with self._wake:
            size, _ = self._sealed.pop(path, (0, 0.0))
            self._held -= size

    def let_go(self, path: Path, shipped: Shipped) -> None:
        """Rename a sealed segment: the lake holds it. Call it only after the lake has confirmed."""
        self.files.rename(path, self.folder / shipped.name())
        with self._wake:
            size, _ = self._sealed.pop(path, (0, 0.0))
            self._held -= size

    def adopt(self, found: Recovered) -> None:
        """Take sealed segments of an earlier owner, which lie in this folder now, into the books."""
        now = time.time()
        with self._wake:
            for path, size in found.sealed.items():
                if path not in self._sealed:
                    self._sealed[path] = (size, segment_birth(path, now))
                    self._held += size
            self._torn_segments += found.torn_segments
            self._corrupt_frames += found.corrupt_frames

    def count_corrupt(self, frames: int) -> None:
        """Add to the count of damaged frames (found while shipping)."""
        with self._wake:
            self._corrupt_frames += frames

    def state(self) -> SpoolState:
        """What health and metrics show."""
        queued = self._taken - self._settled
        began = self._commit_began
        faults = list(self._faults.values())
        if began is not None and time.monotonic() - began > HANG_SECONDS:
            faults.append("the disk does not answer")
        with self._wake:
            open_now = [*self._open.values(), *self._unsealed]
            births = [s.born for s in open_now] + [born for _, born in self._sealed.values()]
            return SpoolState(
                held_bytes=self._held + queued,
                limit_bytes=min(self._spool_bytes, self._disk_bytes),
                open_segments=len(open_now),
                sealed_segments=len(self._sealed),
                oldest_unshipped_seconds=max(0.0, time.time() - min(births)) if births else 0.0,
                last_error="; ".join(faults) or None,
                torn_segments=self._torn_segments,
                corrupt_frames=self._corrupt_frames,
                queued_bytes=queued,
                commits=self._commits,
                commit_seconds=self._commit_seconds,
            )

    def close(self) -> None:
        """Commit what is queued and seal every segment. Appends are refused from now on."""
        self._stopping = True
        if self._gathering is not None:
            self._hand_over(self._gathering)
        with self._wake:
            self._wake.notify()
        self._committer.join()

    def release(self) -> None:
        """Give the folder back, after the last segment was shipped or left for the next owner."""
        self.files.close(self._lock)

    # The committer thread

    def _run(self) -> None:
        while True:
            # Looked at before the queue: what was queued before the stop is in it.
            stopping = self._stopping
            groups = self._take_groups()
            if groups:
                self._commit(groups)
                self._in_hand = []
            elif stopping:
                break
            else:
                self._look_after()
            self._seal_due()
            self._measure()
        for hour in list(self._open):
            self._retire(hour)
        self._seal_due()

    def _take_groups(self) -> list[_Group]:
        """Whatever is queued, up to MAX_GROUP_BYTES; waits for it no longer than the next tick."""
        groups: list[_Group] = []
        size = 0
        with self._wake:
            if not self._queue and not self._stopping:
                self._wake.wait(min(PROBE_SECONDS, self._segment_seconds / 4))
            while self._queue and size < MAX_GROUP_BYTES:
                group = self._queue.popleft()
                groups.append(group)
                size += group.size
            self._in_hand = groups
        return groups

    def _commit(self, groups: list[_Group]) -> None:
        by_hour: dict[datetime, list[_Group]] = {}
        for group in groups:
            by_hour.setdefault(group.hour, []).append(group)
        for hour, together in by_hour.items():
            began = self._commit_began = time.monotonic()
            failure: NotDurable | None = None
            try:
                data = frames(payload for group in together for payload in group.payloads)
                self._commit_hour(hour, data)
                self._faults.pop("commit", None)
            except Exception as error:
                self._fault("commit", "cannot make events durable", error)
                self._poison(hour)
                self._probed = time.monotonic()
                failure = NotDurable("the disk refused")
            finally:
                self._settled += sum(group.size for group in together)
                _release(together, failure)
                self._commit_began = None
                self._commit_seconds += time.monotonic() - began
                self._commits += 1

    def _commit_hour(self, hour: datetime, data: bytes) -> None:
        segment = self._open.get(hour) or self._create(hour)
        self.files.write(segment.descriptor, data)
        self.files.sync(segment.descriptor)
        with self._wake:
            segment.written += len(data)
            segment.synced = segment.written
            self._held += len(data)

    def _create(self, hour: datetime) -> _Segment:
        self._number += 1
        born = time.time()
        origin = f"{self._origin}-{int(born * 1000)}-{self._number:06d}"
        path = self.folder / (segment_stem(hour, origin) + OPEN)
        end = (hour + timedelta(hours=1)).timestamp()
        segment = _Segment(path, self.files.create(path), time.monotonic(), born, end)
        with self._wake:
            self._open[hour] = segment
        # A file's own fsync does not cover its name.
        self.files.sync_folder(self.folder)
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
        except OSError as error:  # the file stays .open: another look, or the next start, recovers it
            self._left += 1
            self._fault("commit", f"cannot put {segment.path.name} aside", error)

    def _give_up(self, hour: datetime, segment: _Segment) -> None:
        if segment.synced:
            self._retire(hour)
            # The bytes of the failed write count too, as far as they came.
            size = self.files.size(segment.path)
            with self._wake:
                self._held += size - segment.written
                segment.written = size
            return
        # Nothing in it was ever acknowledged: on a full disk each attempt would leave one more empty file.
        with self._wake:
            del self._open[hour]
        self._close_quietly(segment)
        self.files.unlink(segment.path)

    def _retire(self, hour: datetime) -> None:
        with self._wake:
            segment = self._open.pop(hour)
            self._unsealed.append(segment)
        self._close_quietly(segment)

    def _close_quietly(self, segment: _Segment) -> None:
        """Close a descriptor whose bytes were synced, or are not trusted anyway: no error matters here."""
        try:
            self.files.close(segment.descriptor)
        except OSError as error:
            log.warning("%s: closing it failed: %s", segment.path.name, error.strerror)

    def _seal_due(self) -> None:
        now, wall = time.monotonic(), time.time()
        for hour, segment in list(self._open.items()):
            old = now - segment.opened >= self._segment_seconds
            # Segments of hours that were over when they were begun are imports: nobody waits for those.
            over = segment.born < segment.hour_end <= wall - HOUR_END_SECONDS
            if old or over or segment.written >= self._segment_bytes:
                self._retire(hour)
        while len(self._open) > MAX_OPEN_SEGMENTS:
            self._retire(next(iter(self._open)))
        if not self._unsealed:
            return
        try:
            for segment in list(self._unsealed):
                target = segment.path.with_suffix(SEALED)
                self.files.rename(segment.path, target)
                with self._wake:
                    self._unsealed.remove(segment)
                    self._sealed[target] = (segment.written, segment.born)
            # Should this sync fail, a power cut may bring the old name back; recovery then seals it.
            self.files.sync_folder(self.folder)
            self._faults.pop("seal", None)
        except OSError as error:  # what is not sealed is safe, merely not shipped: the next tick tries again
            self._fault("seal", "cannot seal a segment", error)
        self.on_sealed()

    def _measure(self) -> None:
        """See what the disk has room for: others may fill it too, and a full disk helps nobody."""
        now = time.monotonic()
        if self._measured is not None and now - self._measured < PROBE_SECONDS:
            return
        self._measured = now
        try:
            free, size = self.files.room(self.folder)
        except OSError:
            return  # a disk that cannot be asked says the rest when it is written to
        free -= int(min(SPARE_BYTES, SPARE_SHARE * size))
        self._disk_bytes = self._held + max(0, free) // self._disk_share

    def _look_after(self) -> None:
        """With nothing to commit: see whether a disk that failed works again, and what can be recovered.

        Without this a collector that told its balancer to stay away would never hear of a new event, and
        so never find out that its disk is well.
        """
        now = time.monotonic()
        if now - self._probed < PROBE_SECONDS or not (self._left or "commit" in self._faults):
            return
        self._probed = now
        self._commit_began = now
        try:
            if "commit" in self._faults:
                self.files.replace_content(self.folder / ".probe", bytes(PROBE_BYTES))
                self.files.unlink(self.folder / ".probe")
                self._faults.pop("commit", None)
            if self._left:
                ours = {s.path for s in (*self._open.values(), *self._unsealed)}
                found = recover(self.files, self.folder, ours=ours)
                self._left = found.left
                self.adopt(found)
                self.on_sealed()
        except OSError as error:
            self._fault("commit", "cannot make events durable", error)
        finally:
            self._commit_began = None

    def _fault(self, step: str, what: str, error: Exception) -> None:
        text = f"{what}: {getattr(error, 'strerror', None) or type(error).__name__}"
        if self._faults.get(step) != text:
            log.error("%s", text)
        self._faults[step] = text


def _release(groups: Iterable[_Group], failure: NotDurable | None) -> None:
    """Resolve futures in their loop, with one wake-up for all of them."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Shared]] = {}
    for group in groups:
        by_loop.setdefault(group.loop, []).append(group.future)
    for loop, theirs in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, theirs, failure)
        except RuntimeError:
            pass  # the loop is closed: nobody waits any more


def _resolve(futures: list[_Shared], failure: NotDurable | None) -> None:
    for future in futures:
        if future.done():
            continue  # not by us; the others are to be told all the same
        if failure is None:
            future.set_result(None)
        else:
            future.set_exception(failure)
            future.exception()  # nobody may be waiting any more: that is no news for a log
