"""Sealed segments → raw objects in the lake: same segment, same bytes, same key, so a retry is harmless.

    HOUR-ORIGIN.sealed ─ lines ─ zstd ─ sha256 ─► raw/dt=…/hour=…/ORIGIN-SHA.ndjson.zst ─ confirmed
                                         └─► renamed .shipped ─► emptied ─► in the tally ─► gone

Nothing here gives up. The local file goes only after the lake has confirmed the object, and until then
it is tried again, whatever the failure was. To let it go takes no space: a full disk has none.
"""

import contextlib
import hashlib
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from collector.closing import Closer
from collector.segments import Shipped, segment_place, set_aside
from collector.spool import Spool
from footfall.durable import require_known_lake
from footfall.errors import FootfallError
from footfall.frames import scan
from footfall.keys import raw_object
from footfall.raw_object import compress_chunks
from footfall.store import ObjectStore, StoreError, put_once

log = logging.getLogger("collector")

#: Seconds of the first wait after a failure; each further failure doubles it.
BACKOFF_BASE = 0.5
#: Seconds that a wait never exceeds. Lower: quicker after an outage, and more knocking during it.
BACKOFF_CAP = 30.0
#: Seconds that a wait never exceeds once the end has come: what is not shipped by then may be nowhere else.
ENDING_CAP = 1.0
#: Seconds between two looks at hours that may be closed and at workers that may be gone.
LOOK_SECONDS = 5.0
#: Bytes compressed at once. Larger: fewer calls, and more memory beside that of the segment.
CHUNK_BYTES = 1 << 20


def backoff(failures: int, chance: Callable[[], float] = random.random) -> float:
    """Seconds to wait after so many failures in a row: full jitter, so that not all come back at once."""
    return chance() * min(BACKOFF_CAP, BACKOFF_BASE * 2.0 ** min(failures - 1, 16))


@dataclass(frozen=True)
class Prepared:
    """A segment as it goes into the lake. Empty `data`: there is nothing to put."""

    path: Path
    key: str
    data: bytes
    shipped: Shipped
    corrupt: list[bytes]


class Shipper:
    """One thread that ships what the spool has sealed, oldest hour first, and closes hours."""

    def __init__(
        self,
        spool: Spool,
        store: ObjectStore,
        *,
        closer: Closer,
        wait: Callable[[int], float] = backoff,
        look_seconds: float = LOOK_SECONDS,
        sealed: Callable[[Callable[[], bytes]], bytes | None] = lambda _content: None,
    ) -> None:
        """`sealed`: stored lines, which it asks for, as an object that their clients' keys open; None where
        no client wants it.
        """
        self._spool = spool
        self._store = store
        self._closer = closer
        self._sealed = sealed
        self._wait = wait
        self._look_seconds = look_seconds
        self._looked: float | None = None  # monotonic seconds
        self._wake = threading.Event()
        self._deadline: float | None = None  # monotonic seconds; None while running
        self._thread = threading.Thread(target=self._run, name="shipper", daemon=True)
        #: Whether this collector does not come back; then it says so when all is shipped.
        self._is_last: Callable[[], bool] = lambda: False
        self._has_left = False
        self._prepared: Prepared | None = None
        self._is_known = False  # the lake's version
        self.shipped = 0
        self.shipped_bytes = 0
        #: Attempts that failed, of whatever kind.
        self.failures = 0
        #: What is wrong now, or None. Free of personal data: names of segments and objects only.
        self.last_error: str | None = None
        spool.on_sealed = self._wake.set

    def start(self) -> None:
        """Begin with what earlier runs left."""
        self._thread.start()

    def finish(self, seconds: float, *, is_last: Callable[[], bool] = lambda: False) -> int:
        """Ship what is sealed, for so long at most, and stop. Returns how many segments stay behind.

        What stays is safe: the next start ships it. `is_last`: there is none, and the hours are closed too;
        asked when all is shipped.
        """
        self._is_last = is_last
        self._deadline = time.monotonic() + seconds
        self._wake.set()
        self._thread.join(seconds + 0.5)
        return len(self._spool.sealed())

    def ship(self, path: Path) -> None:
        """Put one sealed segment into the lake and remove it. Raises StoreError, FootfallError, OSError."""
        if not self._is_known:
            require_known_lake(self._store)
            self._is_known = True
        made = self._prepare(path)
        if made.data:
            put_once(self._store, made.key, made.data)
            info = self._store.head(made.key)
            if info is None or info.size != len(made.data):
                raise StoreError(f"{self._store.url(made.key)} is not what was put there", retryable=True)
        # The good frames are safe by now; what is damaged stays until there is room for it.
        if set_aside(self._spool.files, path, made.corrupt):
            self._spool.count_corrupt(len(made.corrupt))
            log.error("%s: %d damaged frames were set aside", path.name, len(made.corrupt))
        if made.data:
            self._spool.let_go(path, made.shipped)
            # Without room for a tally its name says it as well. The next look tries again, and tells.
            with contextlib.suppress(OSError):
                self._closer.count()
        else:
            self._spool.remove(path)
        self._prepared = None
        self.shipped += 1
        self.shipped_bytes += len(made.data)

    def _prepare(self, path: Path) -> Prepared:
        """Read, check and compress a segment: once, however often the lake refuses it."""
        if self._prepared is None or self._prepared.path != path:
            hour, origin = segment_place(path)
            # The event loop shares the interpreter: give way to it often.
            found = scan(self._spool.files.read(path), breathe=lambda: time.sleep(0))
            lines = 0

            def counted() -> Iterator[bytes]:
                nonlocal lines
                for chunk in found.chunks(CHUNK_BYTES):
                    lines += chunk.count(b"\n")
                    yield chunk

            sealed = self._sealed(lambda: b"".join(found.payloads)) if found.spans else b""
            if sealed is None:
                data = compress_chunks(counted(), found.size)
            else:
                data, lines = sealed, sum(payload.count(b"\n") for payload in found.payloads)
            shipped = Shipped(hour, origin, hashlib.sha256(data).hexdigest(), lines, len(data))
            key = raw_object(hour, origin, shipped.sha256)
            self._prepared = Prepared(path, key, data, shipped, found.corrupt)
        return self._prepared

    def _run(self) -> None:
        failures = 0
        put_off: set[Path] = set()  # failed in this round: the others go first
        while True:
            self._wake.clear()
            waiting = [path for path in self._spool.sealed() if path not in put_off]
            step: Callable[[], None]
            if waiting:
                step, name = partial(self.ship, waiting[0]), f"ship {waiting[0].name}"
            elif self._is_time_to_look():
                step, name = self._closer.look, "close an hour"
            elif put_off:
                put_off.clear()
                continue
            elif self._deadline is not None and not self._has_left and self._is_last():
                step, name = self._leave, "say that this collector is gone"
            else:
                self.last_error = None
                if self._deadline is not None:
                    return
                self._wake.wait(self._look_seconds)
                continue
            if self._try(step, name):
                failures = 0
                continue
            put_off.update(waiting[:1])
            failures += 1
            if not self._pause(self._wait(failures)):
                return

    def _leave(self) -> None:
        self._has_left = self._closer.leave()

    def _is_time_to_look(self) -> bool:
        now = time.monotonic()
        if self._looked is not None and now - self._looked < self._look_seconds:
            return False
        self._looked = now
        return True

    def _try(self, step: Callable[[], None], name: str) -> bool:
        try:
            step()
        except Exception as error:  # whatever it is, it stays to be done and is tried again
            self.failures += 1
            self._fault(f"cannot {name}: {_reason(error)}")
            return False
        return True

    def _pause(self, seconds: float) -> bool:
        """Wait out a backoff; False when the time to finish has run out."""
        begun = time.monotonic()
        while True:
            end = begun + seconds
            if self._deadline is not None:
                end = min(end, begun + ENDING_CAP, self._deadline)
            left = end - time.monotonic()
            if left <= 0:
                return self._deadline is None or time.monotonic() < self._deadline
            # Short steps: a deadline set meanwhile cuts the wait.
            time.sleep(min(left, 0.2))

    def _fault(self, text: str) -> None:
        if text != self.last_error:
            log.error("%s", text)
        self.last_error = text


def _reason(error: Exception) -> str:
    """One line about an exception: its text where it is ours, else its kind, which holds nobody's data."""
    if isinstance(error, FootfallError):
        return " ".join(str(error).split())
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
