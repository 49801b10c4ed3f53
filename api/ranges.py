"""Which days a question is about, and which it is compared with."""

import re
from datetime import date, timedelta

from api.moments import day_of
from api.problems import Problem

#: Days that a question may be about.
MOST_DAYS = 3700
PRESETS = ("day", "7d", "28d", "30d", "91d", "month", "6mo", "12mo", "year", "all")
_BACK = re.compile(r"([1-9][0-9]{0,3})d", re.ASCII)
Days = tuple[date, date]


def days_of(said: str | list[str], today: date, first: date, field: str = "date_range") -> Days:
    """First and last day of a range, as Plausible writes them: a preset that ends today, or two days.

    `first`: the first day there is, for `all`. Raises Problem.
    """
    if isinstance(said, list):
        if len(said) != 2:
            raise Problem("invalid", "write two days, the first and the last", field=field)
        return checked((day_of(said[0], field), day_of(said[1], field)), field)
    back = _BACK.fullmatch(said)
    if said == "day":
        return today, today
    if back:
        return checked((today - timedelta(days=int(back[1]) - 1), today), "date_range")
    if said == "month":
        return today.replace(day=1), today
    if said == "year":
        return today.replace(month=1, day=1), today
    if said in ("6mo", "12mo"):
        return _months_back(today, int(said[:-2]) - 1), today
    if said == "all":
        return checked((min(first, today), today), "date_range")
    raise Problem("invalid", f"{said!r} is no range", field="date_range", possible=list(PRESETS))


def checked(days: Days, field: str) -> Days:
    """The same. Raises Problem where they are no range."""
    if days[0] > days[1]:
        raise Problem("invalid", "the first day is not after the last", field=field)
    if (days[1] - days[0]).days >= MOST_DAYS:
        raise Problem("too_large", f"at most {MOST_DAYS} days at once", field=field)
    return days


def compared(said: str | list[str], days: Days, *, is_by_weekday: bool) -> Days:
    """The days that others are compared with. Raises Problem."""
    length = (days[1] - days[0]).days + 1
    if isinstance(said, list):
        return days_of(said, days[1], days[0], "compare")
    if said == "previous_period":
        back = -(-length // 7) * 7 if is_by_weekday else length
    elif said == "year_over_year":
        if not is_by_weekday and days[0].year > date.min.year:
            return year_before(days[0]), year_before(days[1])
        back = 364
    else:
        raise Problem(
            "invalid",
            f"{said!r} is no comparison",
            field="compare",
            possible=["previous_period", "year_over_year", "[first, last]"],
        )
    try:
        return days[0] - timedelta(days=back), days[1] - timedelta(days=back)
    except OverflowError:
        raise Problem("invalid", "there are no days before these", field="compare") from None


def year_before(day: date) -> date:
    """The same date a year earlier, of a year after the first."""
    try:
        return day.replace(year=day.year - 1)
    except ValueError:  # the 29th of February
        return day.replace(year=day.year - 1, day=28)


def _months_back(today: date, months: int) -> date:
    number = today.year * 12 + today.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)
