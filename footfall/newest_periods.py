"""The newest deliveries of an export in a bucket of others, and the periods that are missing from it."""

import hashlib
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from footfall import zones
from footfall.bucket_log import Promise
from footfall.catalogue.periods import Period, calendar
from footfall.errors import FootfallError
from footfall.exports import LIVE
from footfall.found import mistakes, period_of
from footfall.hours import floor
from footfall.keys import MANIFEST_NAME
from footfall.log_check import FoundLog, is_under_way
from footfall.manifest import INCOMPLETE, MAX_BYTES, ReadManifest, as_manifest, parse
from footfall.signatures import signed_by
from footfall.store import ObjectStore

#: A day of a period's own calendar, or a moment.
Limit = date | datetime | None

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True)
class Delivery:
    """A manifest that holds what it must, as it was read and as its document is."""

    read: ReadManifest
    period: Period
    document: dict[str, Any] = field(repr=False)

    @property
    def schema(self) -> str:
        return str(self.document.get("schema", ""))

    @property
    def is_incomplete(self) -> bool:
        return self.read.status == INCOMPLETE


@dataclass(frozen=True)
class Found:
    """The newest deliveries of the periods asked for, in order, and the periods that are not there."""

    deliveries: tuple[Delivery, ...]
    missing: tuple[Period, ...]


@dataclass(frozen=True)
class Finder:
    """Looks for the manifests of one export. `client`: whose they must be; None: all of one client. `log`:
    of the bucket, where it has one.
    """

    store: ObjectStore
    export: str
    trusted: Mapping[str, bytes]
    client: str | None
    log: FoundLog | None

    def find(self, prefix: str, first: Limit, last: Limit) -> Found | None:
        """What lies below a prefix; None where nothing does."""
        newest: dict[float, Delivery] = {}
        keys = set()
        for key in self._keys(prefix, first, last):
            each = self._delivery(key)
            keys.add(key)
            if each is None or not _is_within(each.period.start, first, last):
                continue
            at = each.period.start.timestamp()
            if at not in newest or newest[at].read.revision < each.read.revision:
                newest[at] = each
        for lost in self._lost(prefix, keys, first, last):
            newest.pop(lost, None)  # what is left of the period may be older than what was there
        if not newest:
            return None
        deliveries = tuple(newest[at] for at in sorted(newest))
        clients = sorted({each.read.client_id for each in deliveries})
        if len(clients) > 1:
            raise FootfallError(
                f"{self.store.url(prefix)} holds manifests of {', '.join(clients)}: say client="
            )
        return Found(deliveries, tuple(self._missing(deliveries, first, last)))

    def _keys(self, prefix: str, first: Limit, last: Limit) -> Iterator[str]:
        """Keys of manifests whose folder names a day that can be meant; each folder names its own."""
        low = (first - timedelta(days=1)).strftime("%Y-%m-%d") if first else ""
        high = (last + timedelta(days=1)).strftime("%Y-%m-%d") if last else "9999-99-99"
        for info in self.store.list(prefix):
            if not info.key.endswith(f"/{MANIFEST_NAME}") or info.key.startswith("_"):
                continue
            days = _DATE.findall(info.key)
            if not days or any(low <= day <= high for day in days):
                yield info.key

    def _lost(self, prefix: str, there: Container[str], first: Limit, last: Limit) -> Iterator[float]:
        """Starts of the periods of which the log has a manifest that does not lie there any more."""
        zone = zones.zone(promise.timezone if (promise := self._promise()) else "UTC")
        for leaf in self.log.manifests if self.log else ():
            if leaf.export == self.export and leaf.key.startswith(prefix) and leaf.key not in there:
                start = datetime.fromisoformat(str(leaf.start)).astimezone(zone)
                if _is_within(start, first, last):
                    yield start.timestamp()

    def _end(self, last: Limit) -> Limit:
        """Up to where periods must be there: `last`, or the newest that the log has."""
        if last is not None or self.log is None:
            return last
        newest = max(self.log.starts().get(self.export, ()), default=None)
        return datetime.fromisoformat(newest) + timedelta(seconds=1) if newest else None

    def _promise(self) -> Promise | None:
        """What the log's statement says of this export."""
        said = self.log.statement.exports if self.log and self.log.statement else []
        return next((each for each in said if each.export == self.export), None)

    def _delivery(self, key: str) -> Delivery | None:
        """A manifest; None where it is of another export, or of a client that was not asked for."""
        where = self.store.url(key)
        try:
            data = self.store.get(key, limit=MAX_BYTES)
            document = parse(data)
            read = as_manifest(document)
            if read.export != self.export or (self.client or read.client_id) != read.client_id:
                return None
            signed_by(document, self.trusted)
            for mistake in mistakes(read):
                raise ValueError(mistake)
            if read.key != key:
                raise ValueError(f"was moved, it was written as {read.key}")
            self._check_leaf(key, data, read)
            return Delivery(read, period_of(read), document)
        except ValueError as error:
            raise FootfallError(f"{where}: {error}; `footfall verify` says more") from None

    def _check_leaf(self, key: str, data: bytes, read: ReadManifest) -> None:
        """Raises ValueError where the log has other bytes, or none though the run ended long ago."""
        leaf = self.log.newest.get(key) if self.log else None
        if leaf is not None and hashlib.sha256(data).hexdigest() != leaf.sha256:
            raise ValueError("its bytes are others than the log says")
        if self.log and leaf is None and not is_under_way(read.planned_at, datetime.now(UTC)):
            raise ValueError("is in no leaf of the log")

    def _missing(self, deliveries: Sequence[Delivery], first: Limit, last: Limit) -> Iterator[Period]:
        """Periods that should be there: a period without rows is delivered too."""
        there = {each.period.start.timestamp() for each in deliveries}
        promise = self._promise()
        if first is None and promise is not None:
            first = datetime.fromisoformat(promise.first)
        expected = list(_expected(deliveries, first, self._end(last)))
        closed = set()
        if self.export.endswith(LIVE) and any(p.start.timestamp() not in there for p in expected):
            # An hour that is delivered whole needs no parts any more.
            hours = Finder(self.store, self.export.removesuffix(LIVE), self.trusted, self.client, self.log)
            found = hours.find(f"{hours.export}/", None, None) or hours.find("", None, None)
            closed = {each.period.start.timestamp() for each in (found.deliveries if found else ())}
        for period in expected:
            at = period.start.timestamp()
            if at not in there and floor(period.start).timestamp() not in closed:
                yield period


def _expected(deliveries: Sequence[Delivery], first: Limit, last: Limit) -> Iterator[Period]:
    """Every period from the first to the last that was asked for or, where nothing was asked, is there.

    How long a period is, is what the one before it says: parts of an hour can change their length.
    """

    def following(period: Period) -> Period:
        return calendar(period.cadence, period.zone).after(period)

    start = deliveries[0].period
    calendar_of_first = calendar(start.cadence, start.zone)
    earlier = []
    while first is not None and not _is_before(
        (before := calendar_of_first.before(start.start)).start, first
    ):
        earlier.append(before)
        start = before
    yield from reversed(earlier)
    for one, other in zip(deliveries, [*deliveries[1:], None], strict=True):
        yield one.period
        period = following(one.period)
        while (other and period.start.timestamp() < other.period.start.timestamp()) or (
            not other and last is not None and _is_before(period.start, last)
        ):
            yield period
            period = following(period)


def _is_before(start: datetime, bound: date | datetime) -> bool:
    """Whether a period begins before a moment, or before a day of its own calendar. `start`: in its zone."""
    if isinstance(bound, datetime):
        return start.timestamp() < bound.timestamp()
    return start.date() < bound


def _is_within(start: datetime, first: Limit, last: Limit) -> bool:
    return not (first and _is_before(start, first)) and (last is None or _is_before(start, last))
