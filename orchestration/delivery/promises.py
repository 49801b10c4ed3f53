"""What is promised to a bucket of each export, as periods are delivered and client files change."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from footfall.bucket_log import Promise
from footfall.catalogue.periods import calendar
from footfall.event import timestamp


class Promised(msgspec.Struct, frozen=True):
    """A promise, and the end of the newest period that was delivered of it."""

    promise: Promise
    last: str


@dataclass(frozen=True)
class Ordered:
    """What a client file orders of one export: by this a promise goes on, or has ended."""

    export: str
    cadence: str
    zone: str
    sites: tuple[tuple[str, str], ...] = ()

    def is_of(self, promise: Promise) -> bool:
        """Whether a promise is of this order."""
        return self == Ordered(
            promise.export, promise.cadence, promise.timezone, tuple(sorted(promise.sites.items()))
        )


def promised(before: list[Promised], manifests: Iterable[dict[str, Any]], now: datetime) -> list[Promised]:
    """The promises with more periods delivered: a new export begins with its first one."""
    promises = list(before)
    for document in manifests:
        period = document["period"]
        if not period.get("end"):
            continue  # of before manifests said it
        start, end = period["start"], period["end"]
        ordered = Ordered(
            document["export"],
            document["cadence"],
            period.get("timezone", "UTC"),
            tuple(sorted(period.get("sites", {}).items())),
        )
        mine = [(n, each) for n, each in enumerate(promises) if ordered.is_of(each.promise)]
        going = [(n, each) for n, each in mine if each.promise.until is None]
        is_covered = any(each.promise.until and start < each.promise.until for _, each in mine)
        if going and not is_covered:
            [(n, each)] = going
            first = min(each.promise.first, _first(ordered, start, end))
            promise = msgspec.structs.replace(each.promise, first=first)
            promises[n] = Promised(promise, max(each.last, end))
        elif not is_covered:
            promise = Promise(
                ordered.export,
                ordered.cadence,
                ordered.zone,
                _first(ordered, start, end),
                timestamp(now),
                sites=dict(ordered.sites),
            )
            promises.append(Promised(promise, end))
    return promises


def _first(ordered: Ordered, start: str, end: str) -> str:
    """From when a period's promise holds: from its end where it begins by another zone's clocks."""
    periods = calendar(ordered.cadence, ordered.zone, dict(ordered.sites))
    moment = datetime.fromisoformat(start)
    return start if periods.at(moment).start == moment else end


def ended(promises: list[Promised], ordered: Sequence[Ordered]) -> list[Promised]:
    """The same, those ended that no client file orders any more: with the last period that was delivered."""
    return [
        each
        if each.promise.until or any(order.is_of(each.promise) for order in ordered)
        else Promised(msgspec.structs.replace(each.promise, until=each.last), each.last)
        for each in promises
    ]
