"""Which row of another time stands beside a row: the first day beside the first, a month beside a month."""

from collections.abc import Mapping
from datetime import date, timedelta

from api.ranges import Days, year_before

Label = date | str


def labels(time: str, days: Days) -> list[Label]:
    """The first day of each day, week or month that a range touches, or each of its hours, in order."""
    if time == "time:hour":
        return [hour for day in labels("time:day", days) for hour in _hours(day)]
    each = (days[0] + timedelta(days=n) for n in range((days[1] - days[0]).days + 1))
    return list(dict.fromkeys(_began(day, time) for day in each))


def partners(
    time: str, compare: str | list[str], days: Days, before: Days, *, is_by_weekday: bool
) -> Mapping[Label, Label]:
    """Each label of a range → that of the other which stands beside it; one that has none is left out.

    A year ago is the same date, and of the 29th of February the 28th.
    """
    if time == "time:hour":
        by_day = partners("time:day", compare, days, before, is_by_weekday=is_by_weekday)
        pairs = (zip(_hours(day), _hours(there), strict=True) for day, there in by_day.items())
        return {hour: there for each in pairs for hour, there in each}
    if time == "time:day" and compare == "year_over_year" and not is_by_weekday:
        return {day: year_before(day) for day in labels(time, days) if isinstance(day, date)}
    return dict(zip(labels(time, days), labels(time, before), strict=False))


def _hours(day: Label) -> list[Label]:
    return [f"{day} {hour:02}:00:00" for hour in range(24)]


def _began(day: date, time: str) -> date:
    if time == "time:week":
        return day - timedelta(days=min(day.weekday(), (day - date.min).days))
    return day.replace(day=1) if time == "time:month" else day
