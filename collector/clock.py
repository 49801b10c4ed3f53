"""The time of receipt, which never goes back."""

from collections.abc import Callable
from datetime import UTC, datetime


class LiveClock:
    """Receipt times that never go back.

    A server clock that is set back would otherwise reopen an hour that is closed. One that ran ahead
    keeps its last time until the true time has caught up.
    """

    def __init__(self, wall: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._wall = wall
        self._last = wall()

    def __call__(self) -> datetime:
        """The time of now, or the latest that was ever told."""
        now = self._wall()
        if now > self._last:
            self._last = now
        return self._last
