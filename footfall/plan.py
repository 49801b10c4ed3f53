"""What a client pays for: events of a calendar month (UTC), and the shares of it that billing is told of."""

from collections.abc import Iterator
from datetime import date
from typing import Literal

from pydantic import Field

from footfall.strict import Strict

#: Percent of what is included at which a message goes out.
THRESHOLDS = (80, 100)


class Plan(Strict):
    """What is included in the price. Nothing is cut beyond it: the API and billing are told."""

    name: str = Field(default="", max_length=80)
    """For people."""
    included: int = Field(ge=1, le=10**12)
    """Events of a calendar month of UTC."""
    counts: Literal["kept", "received"] = "kept"
    """Which lines count: `kept` events, or all that was `received`, with duplicates and what was refused."""

    def reached(self, used: int) -> Iterator[int]:
        """The thresholds (percent) that so many lines have come to."""
        return (each for each in THRESHOLDS if used * 100 >= self.included * each)


def month_of(day: date) -> tuple[date, date]:
    """The first day of a day's month, and that of the next."""
    return day.replace(day=1), date(day.year + day.month // 12, day.month % 12 + 1, 1)
