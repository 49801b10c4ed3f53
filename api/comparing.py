"""Which row of another time stands beside a row: the first day beside the first, a month beside a month."""

from collections.abc import Mapping
from datetime import date, timedelta

from api.ranges import Days, year_before


def labels(time: str, days: Days) -> list[date]:
    """The first day of each day, week or month that a range touches, in order."""
    each = (days[0] + timedelta(days=n) for n in range((days[1] - days[0]).days + 1))
    return list(dict.fromkeys(_began(day, time) for day in each))


def partners(
    time: str, compare: str | list[str], days: Days, before: Days, *, is_by_weekday: bool
) -> Mapping[date, date]:
    """Each label of a range → that of the other which stands beside it; one that has none is left out.

    A year ago is the same date, and of the 29th of February the 28th.
    """
    if time == "time:day" and compare == "year_over_year" and not is_by_weekday:
        return {day: year_before(day) for day in labels(time, days)}
    return dict(zip(labels(time, days), labels(time, before), strict=False))


def _began(day: date, time: str) -> date:
    if time == "time:week":
        return day - timedelta(days=min(day.weekday(), (day - date.min).days))
    return day.replace(day=1) if time == "time:month" else day
