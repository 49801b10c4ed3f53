"""Hours that should have been run and were not: what ticks that were missed, or died, left behind.

A schedule asks for an hour once. Where the daemon was away for longer than it catches up on, or the hour's
run died more often than Dagster tries again, nobody else would ask for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Literal

from footfall.catalogue.periods import Period
from footfall.hours import HOUR, between, floor

#: How far back an hour is asked for. Longer: longer absences heal by themselves; alerts tell of the rest.
LOOK_BACK = timedelta(hours=48)
#: After the end of an hour: its own schedule comes five minutes past, and a run may wait for its turn.
GRACE = timedelta(minutes=30)
#: Runs of an hour that may die one after the other (killed, machine restarted) and be followed at once.
DEATHS = 3
#: Then the next one comes after so long, twice as long each time, up to `REST`; where a step failed, after
#: `REST`. Shorter heals sooner and fails more often in vain.
FIRST_REST, REST = timedelta(minutes=5), timedelta(hours=1)

End = Literal["succeeded", "delivering", "stopped", "going", "failed", "died"]


@dataclass(frozen=True)
class Tried:
    """A run over the hours from `first` to `last`. `delivering`: all but some deliveries are done, and those
    are tried again by themselves. `stopped`: by a person."""

    run_id: str
    first: datetime
    last: datetime
    end: End
    ended_at: datetime


def missed(first_hour: datetime, tried: Sequence[Tried], now: datetime) -> Mapping[datetime, str]:
    """Hour → a name for this need of a run, oldest first. `tried` is in the order in which runs were made.

    Hours before the first that was run are nobody's: an import, or a demo, begins in the middle of a day.
    """
    asked = {}
    begun = min((each.first for each in tried), default=first_hour)
    hour = max(first_hour, begun, floor(now - LOOK_BACK))
    while hour + HOUR + GRACE <= now:
        need = _need([each for each in tried if each.first <= hour <= each.last], now)
        if need:
            asked[hour] = need
        hour += HOUR
    return asked


def missed_days(
    periods: Iterable[Period],
    tried: Sequence[Tried],
    hours: Sequence[Tried],
    first_hour: datetime,
    now: datetime,
) -> Mapping[str, str]:
    """Partition of a day → a name for this need of a run: where its newest run failed, and each of its hours
    was run. `tried`: the days' runs, by dates; `hours`: those of hours, of `LOOK_BACK`; both in the order in
    which they were made.
    """
    asked = {}
    begun = min((each.first for each in hours), default=now)
    for day in periods:
        date = day.start.date()
        runs = [each for each in tried if each.first.date() <= date <= each.last.date()]
        failures = list(takewhile(lambda each: each.end in ("failed", "died"), reversed(runs)))
        if not failures:
            continue
        rest = min(REST, FIRST_REST * (1 << min(len(failures) - 1, 10)))
        wanted = between(max(day.start, first_hour, begun), day.end)
        if now - failures[0].ended_at >= rest and all(_was_run(hour, hours) for hour in wanted):
            asked[day.partition] = f"after {failures[0].run_id}"
    return asked


def _was_run(hour: datetime, hours: Sequence[Tried]) -> bool:
    ends = [each.end for each in hours if each.first <= hour <= each.last]
    return bool(ends) and ends[-1] in ("succeeded", "delivering")


def _need(tried: Sequence[Tried], now: datetime) -> str:
    if not tried:
        return "never run"
    newest = tried[-1]
    if newest.end not in ("failed", "died"):
        return ""
    rest = _rest(tried) if newest.end == "died" else REST
    return f"after {newest.run_id}" if now - newest.ended_at >= rest else ""


def _rest(tried: Sequence[Tried]) -> timedelta:
    deaths = 0
    for each in reversed(tried):
        if each.end != "died":
            break
        deaths += 1
    if deaths <= DEATHS:
        return timedelta(0)
    return min(REST, FIRST_REST * (1 << min(deaths - DEATHS - 1, 10)))


def end_of(step_failures: Iterable[bool]) -> End:
    """What a failed run was: for each failed step whether the ledger of deliveries knows it."""
    known = list(step_failures)
    if not known:
        return "died"
    return "delivering" if all(known) else "failed"
