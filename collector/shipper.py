"""Sealed segments → raw objects in the lake: same segment, same bytes, same key, so a retry is harmless.

    HOUR-ORIGIN.sealed ─ lines ─ zstd ─ sha256 ─► raw/dt=…/hour=…/ORIGIN-SHA.ndjson.zst ─ confirmed ─► unlink

Nothing here gives up. The local file goes only after the lake has confirmed the object, and until then
it is tried again, whatever the failure was.
"""

import hashlib
import logging
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

from collector.spool import Spool, scan, segment_place, set_aside
from footfall.errors import FootfallError
from footfall.keys import raw_object
from footfall.raw_object import compress
from footfall.store import ObjectStore, StoreError, put_once

log = logging.getLogger("collector")

#: Seconds of the first wait after a failure; each further failure doubles it.
BACKOFF_BASE = 0.5
#: Seconds that a wait never exceeds. Lower: quicker after an outage, and more knocking during it.
BACKOFF_CAP = 30.0


def backoff(failures: int, chance: Callable[[], float] = random.random) -> float:
    """Seconds to wait after so many failures in a row: full jitter, so that not all come back at once."""
    return chance() * min(BACKOFF_CAP, BACKOFF_BASE * 2.0 ** min(failures - 1, 16))


class Shipper:
    """One thread that ships what the spool has sealed, oldest hour first."""

    def __init__(self, spool: Spool, store: ObjectStore, *, wait: Callable[[int], float] = backoff) -> None:
        self._spool = spool
        self._store = store
        self._wait = wait
        self._wake = threading.Event()
        self._deadline: float | None = None  # monotonic seconds; None while running
        self._thread = threading.Thread(target=self._run, name="shipper", daemon=True)
        self.shipped = 0
        #: What is wrong now, or None. Free of personal data: names of segments and objects only.
        self.last_error: str | None = None
        spool.on_sealed = self._wake.set

    def start(self) -> None:
        """Begin with what earlier runs left."""
        self._thread.start()

    def finish(self, seconds: float) -> int:
        """Ship what is sealed, for so long at most, and stop. Returns how many segments stay behind.

        What stays is safe: the next start ships it.
        """
        self._deadline = time.monotonic() + seconds
        self._wake.set()
        self._thread.join(seconds + 0.5)
        return len(self._spool.sealed())

    def ship(self, path: Path) -> None:
        """Put one sealed segment into the lake and remove it. Raises StoreError, FootfallError, OSError."""
        hour, origin = segment_place(path)
        found = scan(path.read_bytes())
        if set_aside(path, found.corrupt):
            self._spool.count_corrupt(len(found.corrupt))
            log.error("%s: %d damaged frames were set aside", path.name, len(found.corrupt))
        if found.payloads:
            data = compress(b"".join(found.payloads))
            key = raw_object(hour, origin, hashlib.sha256(data).hexdigest())
            put_once(self._store, key, data)
            info = self._store.head(key)
            if info is None or info.size != len(data):
                raise StoreError(f"{self._store.url(key)} is not what was put there", retryable=True)
        self._spool.remove(path)
        self.shipped += 1

    def _run(self) -> None:
        failures = 0
        put_off: set[Path] = set()  # failed in this round: the others go first
        while True:
            self._wake.clear()
            waiting = [path for path in self._spool.sealed() if path not in put_off]
            if waiting:
                if self._try(waiting[0]):
                    failures = 0
                    continue
                put_off.add(waiting[0])
                failures += 1
                if self._pause(self._wait(failures)):
                    continue
                return
            if put_off:
                put_off.clear()
                continue
            self.last_error = None
            if self._deadline is not None:
                return
            self._wake.wait()

    def _try(self, path: Path) -> bool:
        try:
            self.ship(path)
        except Exception as error:  # whatever it is, the segment stays and is tried again
            self._fault(f"cannot ship {path.name}: {_reason(error)}")
            return False
        return True

    def _pause(self, seconds: float) -> bool:
        """Wait out a backoff; False when the time to finish has run out."""
        until = time.monotonic() + seconds
        while True:
            end = until if self._deadline is None else min(until, self._deadline)
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
