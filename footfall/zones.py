"""Time zones, of the package `tzdata` and of nothing else: no file of the machine, no database of an engine.

What days are follows from here alone. A local day begins at the first moment at which the clocks of its zone
show its date, or a later one where they skip it: at one o'clock where summer time begins at midnight. It ends
where the next begins, and clocks that are put back never lead from a day into the one before. An hour that
clocks show twice is in its day twice; a date that they skip has no day.
"""

import re
import zoneinfo
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, cached_property
from importlib import resources
from itertools import pairwise
from zoneinfo import ZoneInfo

import tzdata

# Libraries ask for zones by name, Dagster for its partitions and schedules. Without a path to search, Python
# takes those of the package for them too.
zoneinfo.reset_tzpath(to=())
ZoneInfo.clear_cache()

#: A field may be called as its type is.
Date = date
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
#: In the list of the package, and no place: `Factory` is the zone of a machine that nobody has set up.
_NO_PLACES = frozenset({"Factory"})
#: Europe/Berlin, until days are those of another zone: `Europe/Berlin 2026-12-01 America/New_York`.
_CHAIN = re.compile(r"\S+( \d{4}-\d{2}-\d{2} \S+)*")


@cache
def version() -> str:
    """The release of the time zone database, such as `2026f`."""
    return str(tzdata.IANA_VERSION)


@cache
def names() -> frozenset[str]:
    """The zones that there are."""
    text = resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8")
    return frozenset(text.split()) - _NO_PLACES


@cache
def zone(name: str) -> ZoneInfo:
    """A zone by its name. Raises KeyError for what is none."""
    if name not in names():
        raise KeyError(f"{name[:40]!r} is no time zone of the package tzdata")
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def require(name: str) -> str:
    """The name itself. Raises ValueError for what is no zone, with the right spelling where it has one."""
    if name in names():
        return name
    meant = [known for known in names() if known.casefold() == name.casefold()]
    if meant:
        raise ValueError(f"write {meant[0]}: names of time zones have capitals")
    raise ValueError("expected a name from the time zone database such as Europe/Berlin")


@dataclass(frozen=True)
class Clock:
    """Whose days are meant: of a zone, and before some days of others. Made by `clock`.

    `zones`: the oldest first. `since`: the first day of each but the oldest. The day of a change begins where
    the day before it ended, and ends at midnight in the new zone: it is short or long.
    """

    zones: tuple[str, ...]
    since: tuple[date, ...] = ()

    @property
    def text(self) -> str:
        """As `clock` reads it."""
        days = (f" {day} {zone}" for day, zone in zip(self.since, self.zones[1:], strict=True))
        return self.zones[0] + "".join(days)

    def zone_of(self, day: date) -> str:
        """The zone whose midnight ends a day."""
        return self.zones[sum(first <= day for first in self.since)]

    def start(self, day: date) -> datetime:
        """Where a day begins: its midnight, aware; where clocks skip that, it is told so all the same."""
        name = self.zones[sum(first < day for first in self.since)]
        return datetime(day.year, day.month, day.day, tzinfo=zone(name))

    def day(self, moment: datetime) -> date:
        """The day that a moment lies in."""
        day = max(moment.astimezone(zone(name)).date() for name in {*self.zones[-1:], *self.zones}) + _DAY
        at = moment.timestamp()
        while self.start(day).timestamp() > at:
            day -= _DAY
        return day

    def offset(self, moment: datetime) -> timedelta:
        """How far its clocks are ahead of UTC at a moment."""
        name = self.zones[0]
        if not self.since:
            return moment.astimezone(zone(name)).utcoffset() or timedelta()
        for change, later in zip(self._changes, self.zones[1:], strict=True):
            name = later if change.timestamp() <= moment.timestamp() else name
        return moment.astimezone(zone(name)).utcoffset() or timedelta()

    @cached_property
    def _changes(self) -> tuple[datetime, ...]:
        return tuple(self.start(day) for day in self.since)


@cache
def clock(text: str) -> Clock:
    """The clock of a zone's name, or of the text of a chain of them. Raises KeyError, ValueError."""
    if not _CHAIN.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is no time zone")
    words = text.split(" ")
    made = Clock(tuple(words[::2]), tuple(date.fromisoformat(day) for day in words[1::2]))
    for name in made.zones:
        zone(name)
    for before, after in pairwise(made.since):
        if after <= before:
            raise ValueError(f"the zone changes on {after}, and before that on {before}")
    for day in made.since:
        _require_plain(made, day)
    return made


def chained(zones: Iterable[tuple[date, str]], last: str) -> str:
    """The text of a clock. `zones`: (the first day that is not of it any more, zone), the oldest first."""
    words: list[str] = []
    for until, name in zones:
        if words[-2:-1] and words[-2] == name:
            words[-1] = f"{until}"
        else:
            words += [name, f"{until}"]
    if words and words[-2] == last:
        return " ".join(words[:-1])
    return " ".join([*words, last])


def _require_plain(made: Clock, day: date) -> None:
    """Raise ValueError where a zone cannot change on a day."""
    start, end = made.start(day).astimezone(UTC), made.start(day + _DAY).astimezone(UTC)
    if start >= end:
        raise ValueError(
            f"{day} would have no hour: {made.zone_of(day)} is more than a day ahead of the zone before; "
            "change to a zone between them first"
        )
    first = start.replace(hour=0, minute=0, second=0)
    while first <= end:
        if len(changes_within(made, first)) > (first <= start < first + _DAY):
            raise ValueError(f"clocks are put forward or back around {day}: take another day")
        first += _DAY


def changes_within(made: Clock, start: datetime) -> list[datetime]:
    """When within the 24 hours after `start` (in UTC, on the hour) the offset changes, and the zone."""
    end = start + _DAY
    found = {each.astimezone(UTC) for each in made._changes if start < each.astimezone(UTC) < end}
    steps = [start + n * timedelta(hours=1) for n in range(25)]
    for before, after in pairwise(steps):
        if made.offset(before) != made.offset(after):
            found |= {_change(made, before, after)} - {end}
    return sorted(found)


def _change(made: Clock, before: datetime, after: datetime) -> datetime:
    """The second at which the offset becomes another, between two moments of UTC."""
    old = made.offset(before)
    while after - before > _SECOND:
        middle = before + timedelta(seconds=(after - before) // _SECOND // 2)
        before, after = (middle, after) if made.offset(middle) == old else (before, middle)
    return after


@dataclass(frozen=True)
class ZoneDay:
    """What a clock does on the UTC day `date`, and with the local day of that date.

    Its clocks are ahead of UTC by `offset_before` seconds, and from `changes_at` on by `offset_after`; on
    most days both are the same, and nothing changes. `least_date`: the day that does not end by clocks that
    were put back then or on a day before; None on almost all days. `starts_at`: where the local day begins;
    `timezone`: the zone whose midnight ends it.
    """

    date: Date
    offset_before: int
    changes_at: datetime | None
    offset_after: int
    least_date: Date | None
    starts_at: datetime
    timezone: str


def zone_days(made: Clock, first: date, last: date) -> Iterator[ZoneDay]:
    """A row for each day from `first` to `last`, both with it."""
    midnight = datetime(first.year, first.month, first.day, tzinfo=UTC)
    offset = made.offset(midnight)
    # What changed before the first day may have put clocks back.
    put_back = midnight if made.offset(midnight - 2 * _DAY) > offset else midnight - 3 * _DAY
    for day in (first + n * _DAY for n in range((last - first).days + 1)):
        before, changes_at, end = offset, None, midnight + _DAY
        offset = made.offset(end)
        if offset != before:
            put_back = midnight if offset < before else put_back
            changes_at = _change(made, midnight, end)
        is_within = changes_at is not None and changes_at < end
        after = offset if is_within else before
        least = None
        # No day is longer than two, and on all others clocks show the day that it is.
        if midnight - put_back <= 2 * _DAY:
            since = changes_at if changes_at and is_within else midnight
            whole, shown = made.day(since), (since.replace(tzinfo=None) + after).date()
            least = whole if whole > shown else None
        yield ZoneDay(
            day,
            before // _SECOND,
            changes_at if is_within else None,
            after // _SECOND,
            least,
            made.start(day).astimezone(UTC),
            made.zone_of(day),
        )
        midnight = end
