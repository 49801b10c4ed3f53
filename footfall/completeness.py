"""Which periods of an export must be in a bucket by its signed statement, and which of them are not."""

from collections.abc import Container, Iterator
from datetime import UTC, datetime

from footfall.bucket_log import Promise
from footfall.catalogue.periods import Period, calendar
from footfall.event import timestamp


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
    period = periods.at(max(first, since) if since else first)
    while until is None or period.start.timestamp() < until.timestamp():
        if at is None and timestamp(period.start) > newest:
            return
        if at is not None and due(period) > at:
            return
        if since is None or period.start.timestamp() >= since.timestamp():
            yield period
        period = periods.after(period)


def missing(
    promise: Promise, delivered: Container[str], since: datetime | None, at: datetime | None, newest: str
) -> Iterator[tuple[datetime, datetime]]:
    """Half-open spans of time without a period. `delivered`: starts, as manifests write them."""
    begin = end = None
    for period in promised(promise, since, at, newest):
        if timestamp(period.start) not in delivered:
            begin, end = begin or period.start, period.end
        elif begin is not None and end is not None:
            yield begin, end
            begin = None
    if begin is not None and end is not None:
        yield begin, end
