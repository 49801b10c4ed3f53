"""Hours that should have been run and were not: what ticks that were missed, or died, left behind.

A schedule asks for an hour once. Where the daemon was away for longer than it catches up on, or the hour's
run died more often than Dagster tries again, nobody else would ask for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Literal, NamedTuple

from footfall.catalogue.periods import Period
from footfall.hours import HOUR, between, floor

#: How far back an hour is asked for. Longer: longer absences heal by themselves; alerts tell of the rest.
LOOK_BACK = timedelta(hours=48)
#: The hours of the days that ended in that time began so long ago; the longest day has 25 of them.
LOOK_BACK_OF_DAYS = LOOK_BACK + 25 * HOUR
#: After the end of an hour: its own schedule comes five minutes past, and a run may wait for its turn.
GRACE = timedelta(minutes=30)
#: Runs of an hour that may die one after the other (killed, machine restarted) and be followed at once.
DEATHS = 3
#: Then the next one comes after so long, twice as long each time, up to `REST`; where a step failed, after
#: `REST`. Shorter heals sooner and fails more often in vain.
FIRST_REST, REST = timedelta(minutes=5), timedelta(hours=1)

End = Literal["succeeded", "delivering", "waiting", "stopped", "going", "undelivered", "failed", "died"]
_UNDONE = ("failed", "undelivered", "died")
#: After these a day is made again once its hours have changed. One that waits for a key has no row in the
#: ledger, by which it would be found.
UNMADE = (*_UNDONE, "waiting")
#: After these its hours are ingested, and the days that have them can be made.
_INGESTED = ("succeeded", "delivering", "waiting", "undelivered")


@dataclass(frozen=True)
class Tried:
    """A run over the hours from `first` to `last`. `delivering`: all but some deliveries are done, and those
    are tried again by themselves; `waiting`: some of those once a key is back; `undelivered`: some of those
    by nobody. `stopped`: by a person."""

    run_id: str
    first: datetime
    last: datetime
    end: End
    began_at: datetime
    ended_at: datetime


class FailedStep(NamedTuple):
    """A step of a failed run: whether nothing but deliveries failed in it, and what is known of all of these.

    `is_known`: each is in the ledger, or told of elsewhere. `waits_for_key`: for one there is no key.
    """

    only_deliveries: bool
    is_known: bool
    waits_for_key: bool


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
    """Partition of a day → a name for this need of a run: where its newest run failed, each of its hours was
    ingested, and one of them was run since. `tried`: the days' runs, by dates; `hours`: those of hours, of
    `LOOK_BACK_OF_DAYS`; both in the order in which they were made.
    """
    asked = {}
    for day in periods:
        date = day.start.date()
        runs = [each for each in tried if each.first.date() <= date <= each.last.date()]
        failures = list(takewhile(lambda each: each.end in UNMADE, reversed(runs)))
        if not failures:
            continue
        failure = failures[0]
        newest = [_newest(hour, hours) for hour in between(max(day.start, first_hour), day.end)]
        found = [each for each in newest if each and each.end in _INGESTED]
        if len(found) < len(newest):
            continue
        if failure.end == "died":
            is_due = now - failure.ended_at >= min(REST, FIRST_REST * (1 << min(len(failures) - 1, 10)))
        else:
            # Of an hour that ended while the day was run, the day may not have seen all.
            is_due = any(each.ended_at > failure.began_at for each in found)
        if is_due:
            asked[day.partition] = f"after {failure.run_id}"
    return asked


def _newest(hour: datetime, hours: Sequence[Tried]) -> Tried | None:
    return next((each for each in reversed(hours) if each.first <= hour <= each.last), None)


def _need(tried: Sequence[Tried], now: datetime) -> str:
    if not tried:
        return "never run"
    newest = tried[-1]
    if newest.end not in _UNDONE:
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


def end_of(failures: Iterable[FailedStep]) -> End:
    """What a failed run was, from its failed steps."""
    steps = list(failures)
    if not steps:
        return "died"
    if all(each.is_known for each in steps):
        return "waiting" if any(each.waits_for_key for each in steps) else "delivering"
    return "undelivered" if all(each.only_deliveries for each in steps) else "failed"
