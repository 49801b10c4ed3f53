"""Hours that are over: when everything received in one is in the lake, a marker says so, once.

    closed/dt=2026-11-20/hour=14/c1.json    {"collector": "c1", "hour": "2026-11-20T14", "objects": 61,
                                             "lines": 12034, "bytes": 840211, "keys": [...], "closed_at": …}

One marker for each collector, whatever the number of its workers, and also for hours in which it was
alive and received nothing: a reader can tell "nothing came" from "not here yet". It is created and never
written again. What arrives under a closed hour later (a disk that hung) is a late raw object, and so is
all that an import files under hours in which nobody was alive.

A collector whose spool ends with it (FOOTFALL_LAST_SHIPPING_SECONDS) closes its hours when it ends, also the
one that goes on, and says `"is_last": true` in its newest marker: nobody waits for another one.
"""

import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from collector.clock import machine_clock
from collector.hour_tallies import Tallies, Tally
from collector.segments import SHIPPED, Shipped, segment_place, shipped_from
from collector.spool import Spool
from collector.worker_folders import take_over, worker_folders
from footfall.errors import FootfallError
from footfall.hours import HOUR, floor
from footfall.keys import closed_marker, raw_object
from footfall.spool_tail import OPEN, SEALED
from footfall.store import AlreadyExists, ObjectStore

log = logging.getLogger("collector")

#: How long after its end an hour is closed at the earliest: longer than a request that was received in it
#: may take (25 s for its body, 3 s for a salt, 12 s for its turns). Lower would close hours before their last
#: events are here.
CLOSE_AFTER = timedelta(seconds=45)


class Closer:
    """Closes hours for all workers of a collector. One thread of each worker uses it."""

    def __init__(
        self,
        spool: Spool,
        store: ObjectStore,
        collector_id: str,
        *,
        now: Callable[[], datetime] = machine_clock,
    ) -> None:
        self._spool = spool
        self._store = store
        self._collector_id = collector_id
        self._now = now
        self._files = spool.files
        self._root = spool.folder.parent
        self._tallies = Tallies(spool.files, spool.folder)
        self._started = floor(now())
        #: Hours closed by this worker since it started.
        self.closed = 0

    def count(self) -> None:
        """Count what the lake holds of this worker, and let its segments go. Raises OSError.

        Their space is given back first, so that a full disk has room for the count. Only in hours in which
        the collector was alive: those of an import are never said to be whole.
        """
        found = self._shipped()
        if not found:
            return
        # Once a segment is empty, nothing but its name says what it was.
        self._files.sync_folder(self._spool.folder)
        for path in found:
            self._files.truncate(path, 0)
        alive = set(self._tallies.hours())
        for hour in sorted({shipped.hour for shipped in found.values()}):
            of_hour = {path: shipped for path, shipped in found.items() if shipped.hour == hour}
            if hour >= self._started or hour in alive:
                self._tallies.add(hour, dict(map(_counted, of_hour.values())))
            for path in of_hour:
                self._files.unlink(path)

    def _shipped(self) -> dict[Path, Shipped]:
        """The segments of this worker that the lake holds and no tally counts yet."""
        found = {}
        for name in self._files.names(self._spool.folder):
            if name.endswith(SHIPPED):
                try:
                    found[self._spool.folder / name] = shipped_from(self._spool.folder / name)
                except FootfallError as error:
                    log.error("%s", error)
        return found

    def look(self) -> None:
        """Do what is due now. Raises OSError, StoreError; whatever is left is done the next time.

        What gives space back comes before what takes some.
        """
        take_over(self._spool)
        self.count()
        now = self._now()
        mine = self._tallies.hours()
        if floor(now) not in mine:
            self._tallies.write(floor(now), Tally())
        over = [hour for hour in mine if hour + HOUR + CLOSE_AFTER <= now]
        if over:
            self._finish(over)
        lock = self._files.lock(self._root / ".closing", wait=False)
        if lock is None:
            return  # a neighbour is at it
        try:
            self._close(lambda hour: hour + HOUR + CLOSE_AFTER <= now)
        finally:
            self._files.close(lock)

    def leave(self) -> bool:
        """Close every hour, the present one too: nothing comes any more. False where something that a worker
        left which is gone is to be shipped before. Raises OSError, StoreError.

        To be called when all of this worker is shipped, and no other takes its place. Of several workers the
        one that ends last closes: whoever is here has an hour that is not done, and may have missed that
        another has begun.
        """
        take_over(self._spool)
        self.count()
        if self._spool.sealed():
            return False
        lock = self._files.lock(self._root / ".closing", wait=True)
        assert lock is not None
        try:
            self._finish(self._tallies.hours())
            self._close(lambda _hour: True, is_last=True)
        finally:
            self._files.close(lock)
        return True

    def _finish(self, over: list[datetime]) -> None:
        """Mark the hours of which this worker has nothing left."""
        held = self._spool.hours()
        for hour in over:
            tally = self._tallies.read(hour)
            if hour not in held and not tally.done:
                tally.done = True
                self._tallies.write(hour, tally)

    def _close(self, is_over: Callable[[datetime], bool], *, is_last: bool = False) -> None:
        """Put the markers of hours that every worker is done with, and forget their tallies.

        `is_last`: the newest of them is the last that this collector closes, and none behind one that a
        neighbour still works at: it may take lines of the newer ones.
        """
        every = [Tallies(self._files, folder) for folder in worker_folders(self._files, self._root)]
        held = self._held()
        hours = {hour for tallies in every for hour in tallies.hours()}
        for hour in sorted(hours | held if is_last else hours):
            if not is_over(hour):
                continue
            shares = [tallies.read(hour) for tallies in every if hour in tallies.hours()]
            if hour not in held and all(share.done for share in shares):
                self._mark(hour, shares, is_last=is_last and hour == max(hours))
                for tallies in every:
                    tallies.remove(hour)
            elif is_last:
                return

    def _held(self) -> set[datetime]:
        """Hours with a segment in any worker's folder."""
        found = set()
        for folder in worker_folders(self._files, self._root):
            for name in self._files.names(folder):
                path = folder / name
                if path.suffix in (OPEN, SEALED, SHIPPED):
                    try:
                        found.add(segment_place(path)[0])
                    except FootfallError:
                        pass  # a foreign file is of no hour
        return found

    def _mark(self, hour: datetime, shares: list[Tally], *, is_last: bool) -> None:
        objects = {key: facts for share in shares for key, facts in share.objects.items()}
        marker = {
            "collector": self._collector_id,
            "hour": f"{hour:%Y-%m-%dT%H}",
            "objects": len(objects),
            "lines": sum(facts["lines"] for facts in objects.values()),
            "bytes": sum(facts["bytes"] for facts in objects.values()),
            "keys": sorted(objects),
            "closed_at": self._now().isoformat(timespec="seconds"),
            **({"is_last": True} if is_last else {}),
        }
        try:
            key = closed_marker(hour, self._collector_id)
            self._store.put(key, json.dumps(marker, indent=1).encode() + b"\n", create_only=True)
            self.closed += 1
        except AlreadyExists:
            pass  # closed before; what came since is a late raw object, and no marker is written twice


def _counted(shipped: Shipped) -> tuple[str, dict[str, int]]:
    """An object's key and what a tally says of it."""
    key = raw_object(shipped.hour, shipped.origin, shipped.sha256)
    return key, {"lines": shipped.lines, "bytes": shipped.size}
