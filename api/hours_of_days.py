"""`time:hour`: the hour that clocks at a site show at a moment, by the pinned zones and not the engine's."""

from datetime import UTC, date, datetime, timedelta

from api.ranges import Days
from footfall import zones
from footfall.sql import Sql, joined, name, number, sql, text

#: How an hour is written, as Plausible does.
FORM = "%Y-%m-%d %H:00:00"
_DAY = timedelta(days=1)


def shown_hour(column: str, clock: str, days: Days) -> Sql:
    """SQL for the hour of a moment that lies in `days` of a clock (footfall.zones)."""
    # Clocks are looked at for some days around: at the ends of the calendar there are none.
    first, last = (min(max(each, date.min + 7 * _DAY), date.max - 7 * _DAY) for each in days)
    offsets: list[tuple[datetime, int]] = []
    for day in zones.zone_days(zones.clock(clock), first - 2 * _DAY, last + 2 * _DAY):
        begins = datetime(day.date.year, day.date.month, day.date.day, tzinfo=UTC)
        for at, offset in ((begins, day.offset_before), (day.changes_at, day.offset_after)):
            if at is not None and (not offsets or offsets[-1][1] != offset):
                offsets.append((at, offset))
    begun = [
        sql(
            "WHEN {moment} >= TIMESTAMPTZ {at} THEN {offset}",
            moment=name(column),
            at=text(at.isoformat()),
            offset=number(offset),
        )
        for at, offset in reversed(offsets)
    ]
    return sql(
        "strftime(CAST({moment} AS TIMESTAMP) + to_seconds(CASE {begun} ELSE {first} END), {form})",
        moment=name(column),
        begun=joined(" ", begun),
        first=number(offsets[0][1]),
        form=text(FORM),
    )
