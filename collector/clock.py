"""The time of receipt: it never goes back, and a clock that jumps ahead is not believed."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

log = logging.getLogger("collector")

#: How far the wall clock may run ahead of the time that has passed before it counts as a jump. NTP slews half
#: a millisecond a second, and steps by less than a second once it is in step. Lower: a jump of a machine that
#: slept is noticed sooner; higher: an hour could be closed by so much too early. Far below CLOSE_AFTER.
JUMP = timedelta(seconds=20)


def machine_clock() -> datetime:
    """What the machine's clock says."""
    return datetime.now(UTC)


def passed_seconds() -> float:
    """Seconds that have passed, whatever anybody sets; those asleep count, where the system can tell."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class LiveClock:
    """Receipt times that never go back, and go on by the time that passes.

    A server clock that is set back would otherwise reopen an hour that is closed: the last time is kept until
    the true time has caught up. One that jumps ahead would close hours whose events are still to come, and
    destroy salts that are still needed: from then on time goes on as it has passed since the clock was last
    believed, until the clock is back or the process starts again. Threads may share it.
    """

    def __init__(
        self, wall: Callable[[], datetime] | None = None, steady: Callable[[], float] | None = None
    ) -> None:
        self._wall = wall or (lambda: machine_clock())
        self._steady = steady or passed_seconds
        self._last = self._wall()
        self._believed = self._last, self._steady()
        #: The clock has jumped ahead and is not believed.
        self.has_jumped = False

    def __call__(self) -> datetime:
        """The time of now, or the latest that was ever told."""
        said, passed = self._wall(), self._steady()
        then, since = self._believed
        by_passing = then + timedelta(seconds=passed - since)
        jumped = said - by_passing > JUMP
        if jumped != self.has_jumped:
            self.has_jumped = jumped
            if jumped:
                log.error(
                    "the clock jumped ahead by %.0f s; it is not believed until it is back or the collector "
                    "starts again (docs/runbook.md#clock-jumped)",
                    (said - by_passing).total_seconds(),
                )
            else:
                log.warning("the clock is back where it should be")
        if abs(said - by_passing) <= JUMP:
            # In small steps it is followed: it may run a little faster or slower than the time that passes.
            self._believed = said, passed
        self._last = max(self._last, by_passing if jumped else said)
        return self._last
