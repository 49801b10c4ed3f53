"""A period: the UTC hour, the part of an hour, or the local day, week or month that one delivery covers.

The only place that looks at a cadence. A `Calendar` makes the periods of an export, and each says what it is
called: in keys, in file names, in Dagster, to a person.

Where days begin and end, `footfall.zones` says. Each follows the one before without a gap: a day has 23 or
25 hours where clocks are put forward or back, begins at one o'clock where midnight is skipped, and is short
or long where its zone becomes another one. Whatever it is, its name is its date, and no date names two.
A week (from Monday on) or a month is the local days in it, and is named by the first of them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from footfall.zones import clock

#: Key of an hour: `2026-11-20-14:00`, Dagster's own form.
HOUR_FORMAT = "%Y-%m-%d-%H:%M"
DAY_FORMAT = "%Y-%m-%d"

#: A property may be called as its type is.
Date = date
_DAY = timedelta(days=1)
#: Two dates that tell which of two zones lies further west, whatever their clocks do in summer.
_PROBES = (datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC))


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _first_of_month(day: date) -> date:
    return day.replace(day=1)


@dataclass(frozen=True)
class Span:
    """Which local days one period has. `first`: a day → the first of its period; `days`: how many at most;
    `cron`: on which days one begins, as day of the month, month and day of the week.
    """

    first: Callable[[date], date]
    days: int
    cron: str

    def following(self, first: date) -> date:
        """The first day of the period after the one that begins on `first`."""
        return self.first(first + timedelta(days=self.days))


_ONE_DAY = Span(lambda day: day, 1, "* * *")
_WEEK = Span(_monday, 7, "* * 1")
_MONTH = Span(_first_of_month, 31, "1 * *")


@dataclass(frozen=True)
class Kind:
    """What the periods of a cadence have in common.

    `minutes`: how long one is; None where it is of local days. `label`, `name` and `partition` are for
    strftime: in file names, for a person, for Dagster (which knows no part of an hour). `folder`: of one
    delivery, below the destination's root, where the client file names no other.
    """

    cadence: str
    minutes: int | None
    label: str
    name: str
    partition: str
    folder: str
    #: Whether its parts were delivered before it.
    is_live: bool = False
    #: Of local days.
    span: Span = _ONE_DAY

    @property
    def is_day(self) -> bool:
        """Whether it is of local days: one, or those of a week or a month."""
        return self.minutes is None

    @property
    def to_last_day(self) -> timedelta:
        """From the begin of a period to that of its last local day; nothing of an hour or a day."""
        return timedelta(days=self.span.days - 1)

    @property
    def longest(self) -> timedelta:
        """From the first midnight of one to its last, at sites from one end of the world to the other."""
        return timedelta(days=self.span.days, hours=28)

    @property
    def pace(self) -> str:
        """What alerts call it, and parts of an hour with it: `daily` or `hourly`."""
        return "daily" if self.is_day else "hourly"

    @property
    def deadline(self) -> timedelta:
        """After the end of its period a delivery is overdue.

        The hour's run starts five minutes past and the day's ten past one; shorter would cry wolf while a run
        is tried again.
        """
        return timedelta(hours=3 if self.is_day else 2)

    @property
    def is_hour(self) -> bool:
        """Whether it is a whole hour."""
        return self.minutes == 60

    @property
    def is_part(self) -> bool:
        """Whether it is a part of an hour."""
        return not (self.is_day or self.is_hour)

    def template(self, own: str | None = None) -> str:
        """The folder of one delivery with its placeholders; `own` is what a client file says.

        Where a client file's own has the hour, a part of one has hour and minute: `1405`.
        """
        if own is None:
            return self.folder
        return own.replace("{hour}", "{hour}{minute}") if self.is_part else own


def _hour(cadence: str, *, is_live: bool = False) -> Kind:
    folder = "{export}/dt={date}/hour={hour}/rev={revision}"
    return Kind(cadence, 60, "%Y%m%dT%HZ", "%Y-%m-%dT%H", HOUR_FORMAT, folder, is_live)


def _part(minutes: int) -> Kind:
    folder = "{export}/dt={date}/hour={hour}/minute={minute}/rev={revision}"
    cadence = part_cadence(minutes)
    return Kind(cadence, minutes, "%Y%m%dT%H%MZ", "%Y-%m-%dT%H:%M", "%Y-%m-%d-%H:00", folder)


def part_cadence(minutes: int) -> str:
    """The cadence of the parts of a live export: `5min`."""
    return f"{minutes}min"


def _days(cadence: str, span: Span) -> Kind:
    folder = "{export}/dt={date}/rev={revision}"
    return Kind(cadence, None, "%Y%m%d", DAY_FORMAT, DAY_FORMAT, folder, span=span)


#: The cadence of local days.
DAILY = "daily"
_DAYS = _days(DAILY, _ONE_DAY)
_KINDS = {
    kind.cadence: kind
    for kind in (
        _hour("hourly"),
        _hour("live", is_live=True),
        _DAYS,
        _days("weekly", _WEEK),
        _days("monthly", _MONTH),
        *(_part(minutes) for minutes in (5, 10, 15, 20, 30)),
    )
}


def kind_of(cadence: str) -> Kind:
    """What the periods of a cadence are. Raises ValueError for what is none."""
    if cadence not in _KINDS:
        raise ValueError(f"{cadence[:20]!r} is no cadence")
    return _KINDS[cadence]


def partition_of(name: str) -> str:
    """Key of the partition of the period that a person calls so (`Period.name`); any other text as it is."""
    return next((start.strftime(kind.partition) for kind, start in _read(name, "name")), name)


def are_of_one_grain(*partitions: str) -> bool:
    """Whether keys of partitions are all of days, or all of hours: only then they compare."""
    grains = {next((kind.is_day for kind, _ in _read(key, "partition")), None) for key in partitions}
    return len(grains) == 1 and None not in grains


def _read(text: str, form: str) -> Iterator[tuple[Kind, datetime]]:
    """The kinds of period whose `form` (name, partition) a text has, with the start that it names."""
    for kind in _KINDS.values():
        pattern = getattr(kind, form)
        try:
            start = datetime.strptime(text, pattern).replace(tzinfo=UTC)
        except ValueError:
            continue
        if start.strftime(pattern) == text:
            yield kind, start


def has_hours(cadences: Iterable[str]) -> bool:
    """Whether one of them delivers whole hours: else every row is of a local day."""
    return any(kind_of(cadence).is_hour for cadence in cadences)


@dataclass(frozen=True)
class Period:
    """Half-open. `start` and `end` are in `zone`, which is UTC but for local days.

    `zone`: whose midnight ends it; the first day in a new zone begins where the last one in the old ended.
    `sites`: site → the clock of its days (footfall.zones), where the sites of an export do not share one.
    Then the rows of each are those of its own local day, and `start` and `end` are the client's.
    """

    start: datetime
    end: datetime
    zone: str
    cadence: str
    sites: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def kind(self) -> Kind:
        """What it has in common with others of its cadence."""
        return kind_of(self.cadence)

    @property
    def label(self) -> str:
        """In file names: `20261120T14Z`, `20261120T1405Z` of a part of an hour, `20261120` of a day."""
        return self.start.strftime(self.kind.label)

    @property
    def name(self) -> str:
        """For a person: `2026-11-20T14` (UTC), `2026-11-20T14:05` of a part of it, `2026-11-20` of a day."""
        return self.start.strftime(self.kind.name)

    @property
    def partition(self) -> str:
        """Key of the partition that it belongs to."""
        return self.start.strftime(self.kind.partition)

    @property
    def date(self) -> str:
        """The day it lies in: a local one of a day, in UTC of an hour."""
        return self.start.strftime(DAY_FORMAT)

    @property
    def last_day(self) -> Date:
        """Of local days the last one."""
        # A day's end is a midnight of the calendar, also where the clocks of that day have none.
        return self.end.date() - _DAY

    @property
    def clock(self) -> str:
        """The hour, with the minute of a part of one; nothing of a day. So any folder of its names it."""
        return "" if self.kind.is_day else self.start.strftime("%H%M" if self.kind.is_part else "%H")

    @property
    def window(self) -> tuple[datetime, datetime]:
        """From where to where it reaches: of a day from its first midnight to its last at any site."""
        clocks = [clock(text) for text in sorted({*self.sites.values()})]
        if not clocks:
            return self.start, self.end
        starts = [each.start(self.start.date()) for each in clocks]
        ends = [each.start(self.end.date()) for each in clocks]
        return min(starts, key=datetime.timestamp), max(ends, key=datetime.timestamp)

    @property
    def zones_of_sites(self) -> dict[str, str]:
        """Site → the zone of its day, of several the last one, where they do not share one on it."""
        day = self.last_day
        zones = {site: clock(text).zone_of(day) for site, text in self.sites.items()}
        return zones if len({*zones.values()}) > 1 else {}

    def folder(self, own: str | None = None) -> str:
        """The folder of one delivery, with `{export}`, `{revision}` and the like still to be filled in."""
        text = self.kind.template(own)
        for word, value in (
            ("date", self.date),
            ("hour", f"{self.start:%H}"),
            ("minute", f"{self.start:%M}"),
        ):
            text = text.replace(f"{{{word}}}", value)
        return text

    def parts(self, minutes: int) -> tuple["Period", ...]:
        """Its parts of so many minutes each."""
        return tuple(calendar(part_cadence(minutes)).within(self.start, self.end))


@dataclass(frozen=True)
class Calendar:
    """The periods of an export: hours and parts of them in UTC, days by the clock `zone`. See `calendar`."""

    kind: Kind
    zone: str
    sites: Mapping[str, str] = field(default_factory=dict, hash=False)

    def at(self, moment: datetime) -> Period:
        """The period that a moment lies in, or begins with."""
        if self.kind.minutes is None:
            return self._day(self.kind.span.first(clock(self.zone).day(moment)))
        moment = moment.astimezone(UTC).replace(second=0, microsecond=0)
        start = moment - timedelta(minutes=moment.minute % self.kind.minutes)
        return Period(start, start + timedelta(minutes=self.kind.minutes), self.zone, self.kind.cadence)

    def named(self, partition: str) -> Period:
        """The period of a partition. Raises ValueError for what names none."""
        named = datetime.strptime(partition, self.kind.partition).replace(tzinfo=UTC)
        if not self.kind.is_day:
            return self.at(named)
        if self.kind.span.first(named.date()) != named.date():
            raise ValueError(f"no {self.kind.cadence} period begins on {partition}")
        return self._day(named.date())

    def within(self, start: datetime, end: datetime) -> Iterator[Period]:
        """The periods that begin in [start, end)."""
        period = self.at(start)
        while period.start.timestamp() < end.timestamp():
            if period.start.timestamp() >= start.timestamp():
                yield period
            period = self.after(period)

    def ended(self, start: datetime, end: datetime) -> Iterator[Period]:
        """The periods that have a moment in [start, end) and ended no later than `end`."""
        period = self.at(start)
        while period.end.timestamp() <= end.timestamp():
            yield period
            period = self.after(period)

    def after(self, period: Period) -> Period:
        """The period that follows."""
        # A day's end is a midnight of the calendar, also where the clocks of that day have none.
        return self._day(period.end.date()) if self.kind.is_day else self.at(period.end)

    def before(self, moment: datetime) -> Period:
        """The period that ended last."""
        period = self.at(moment)
        if self.kind.is_day:
            return self._day(self.kind.span.first(period.start.date() - _DAY))
        return self.at(period.start - timedelta(minutes=1))

    @property
    def last_zone(self) -> str:
        """The zone whose days end last among those of the export: only then its day can be delivered."""
        zones = {clock(text).zones[-1] for text in self.sites.values()} or {clock(self.zone).zones[-1]}
        return min(sorted(zones), key=lambda name: min(_offset(name, moment) for moment in _PROBES))

    def _day(self, first: date) -> Period:
        # By the calendar, not by 24 hours: a day with a change of summer time has 23 or 25.
        days, following = clock(self.zone), self.kind.span.following(first)
        start, end = days.start(first), days.start(following)
        return Period(start, end, days.zone_of(following - _DAY), self.kind.cadence, self.sites)


def calendar(cadence: str, zone: str = "UTC", sites: Mapping[str, str] | None = None) -> Calendar:
    """The periods of a cadence. `zone`: the clock by which days begin, most often a zone's name. `sites`:
    site → the clock of its days, where an export keeps days of its sites. Raises ValueError for what is no
    cadence, KeyError for no zone.
    """
    kind = kind_of(cadence)
    zones = sites or {}
    if not kind.is_day:
        return Calendar(kind, "UTC")
    return Calendar(kind, clock(zone).text, zones if len({*zones.values()}) > 1 else {})


def days(zone: str) -> Calendar:
    """The local days of a zone."""
    return calendar(_DAYS.cadence, zone)


def _offset(name: str, moment: datetime) -> float:
    return clock(name).offset(moment).total_seconds()
