"""Which periods of an export must be in a bucket by its signed statement, and which of them are not."""

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime

from footfall.bucket_log import Promise
from footfall.catalogue.periods import Period, calendar
from footfall.event import timestamp

#: Seconds. No two days begin so near to each other.
_HALF_A_DAY = 12 * 3600


def due(period: Period) -> datetime:
    """When a period must be there."""
    return period.window[1].astimezone(UTC) + period.kind.deadline


def promised(promise: Promise, since: datetime | None, at: datetime | None, newest: str) -> Iterator[Period]:
    """The periods of a promise, in order: those that begin at `since` or later and are due `at`.

    Without a moment those up to `newest`, the start of the newest that was delivered.
    """
    periods = calendar(promise.cadence, promise.timezone, promise.sites)
    first = datetime.fromisoformat(promise.first)
    until = datetime.fromisoformat(promise.until) if promise.until else None
    begun = max(first, since) if since else first
    period = periods.at(begun)
    if period.kind.is_day and begun.timestamp() - period.start.timestamp() > _HALF_A_DAY:
        period = periods.after(period)  # a day's start by another release of the time zones
    while until is None or period.start.timestamp() < until.timestamp():
        if at is None and timestamp(period.start) > newest:
            return
        if at is not None and due(period) > at:
            return
        if since is None or period.start.timestamp() >= since.timestamp():
            yield period
        period = periods.after(period)


def _is_there(period: Period, delivered: Collection[str], starts: Sequence[float]) -> bool:
    """Whether a period was delivered. A day may have begun elsewhere by another release of the time zones."""
    if timestamp(period.start) in delivered:
        return True
    wanted = period.start.timestamp()
    near = bisect_left(starts, wanted - _HALF_A_DAY)
    return period.kind.is_day and near < len(starts) and starts[near] < wanted + _HALF_A_DAY


def missing(
    promise: Promise, delivered: Collection[str], since: datetime | None, at: datetime | None, newest: str
) -> Iterator[tuple[datetime, datetime]]:
    """Half-open spans of time without a period. `delivered`: starts, as manifests write them."""
    starts = sorted(datetime.fromisoformat(start).timestamp() for start in delivered)
    begin = end = None
    for period in promised(promise, since, at, newest):
        if not _is_there(period, delivered, starts):
            begin, end = begin or period.start, period.end
        elif begin is not None and end is not None:
            yield begin, end
            begin = None
    if begin is not None and end is not None:
        yield begin, end
