"""How a long range of hours is cut into runs, and how long the rest of them will take."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from commands.narration import minutes
from footfall import keys
from footfall.hours import HOUR, floor
from footfall.store import ObjectStore

#: Hours of one run. Fewer: dbt starts more often, some ten seconds each time. More: more memory for what
#: deliveries say, and a run that is stopped has more to do again.
HOURS = 366 * 24
#: Bytes of raw objects of one run. Fewer: as above. More: the models make more at once, in memory; a million
#: events are some 60 MB.
BYTES = 64 * 1000 * 1000
#: Shorter ranges are one run, and nobody asks the lake about them.
SHORT = 48


@dataclass(frozen=True)
class Stretch:
    """The hours of one run, [start, end), and the bytes that lie in them."""

    start: datetime
    end: datetime
    bytes: int = 0

    @property
    def hours(self) -> int:
        """How many."""
        return (self.end - self.start) // HOUR

    @property
    def weight(self) -> float:
        """What it costs, in no unit: a run as long, or as full, as one may be is about one."""
        return 0.05 + self.hours / HOURS + self.bytes / BYTES


def stretches(lake: ObjectStore, start: datetime, end: datetime) -> list[Stretch]:
    """[start, end) cut at midnights of UTC, so that no run has much more to do than another."""
    if end - start <= SHORT * HOUR:
        return [Stretch(start, end)]
    found: list[Stretch] = []
    begin = start
    while begin < end:
        midnight = floor(begin).replace(hour=0) + timedelta(days=1)
        day = Stretch(begin, min(midnight, end), _bytes_of(lake, begin.date()))
        last = found[-1] if found else None
        if last and last.hours + day.hours <= HOURS and last.bytes + day.bytes <= BYTES:
            found[-1] = Stretch(last.start, day.end, last.bytes + day.bytes)
        else:
            found.append(day)
        begin = day.end
    return found


def _bytes_of(lake: ObjectStore, day: date) -> int:
    return sum(info.size for info in lake.list(f"raw/{keys.day_path(day)}/"))


class Pace:
    """What several runs have taken so far, and will take."""

    def __init__(self, parts: Sequence[Stretch]) -> None:
        self._parts = list(parts)
        self._begun = time.monotonic()

    def after(self, part: Stretch) -> str:
        """What to say behind a run: `2 of 10 parts, up to 2018-01-01T00; about 14 min more`."""
        number = self._parts.index(part) + 1
        done = sum(each.weight for each in self._parts[:number])
        left = sum(each.weight for each in self._parts[number:])
        more = f"; about {minutes((time.monotonic() - self._begun) / done * left)} more" if left else ""
        return f"{number} of {len(self._parts)} parts, up to {part.end:%Y-%m-%dT%H}{more}"
