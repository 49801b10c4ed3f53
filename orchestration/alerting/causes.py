"""One cause, one alert: what follows from another alert is said inside it, and not a second time.

Only what is known to follow is taken in: a period that a failed run was to make, a delivery that is held up,
the probe of the destination that refuses it. What is left of an alert stays an alert.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from footfall.catalogue.periods import are_of_one_grain, partition_of
from orchestration.alerting.alert import Alert

#: Jobs whose runs make the deliveries of their partitions.
_DELIVERING = re.compile(r"hourly|backfill|daily_\w+")
#: Periods that a message names; the rest is counted.
SHOWN = 5


@dataclass(frozen=True)
class Folded:
    """Alerts that are to be told, and the keys of those that are inside another: key → the cause's key."""

    alerts: tuple[Alert, ...]
    inside: Mapping[str, str] = field(default_factory=dict)


def fold(alerts: Iterable[Alert]) -> Folded:
    """Put consequences into their causes. What has no cause among `alerts` stays as it is."""
    found = list(alerts)
    inside: dict[str, str] = {}
    follows: dict[str, list[str]] = defaultdict(list)
    kept: list[Alert] = []
    for alert in found:
        causes = [cause for cause in found if cause.key != alert.key]
        left = _without_causes(alert, causes, follows, inside)
        if left is not None:
            kept.append(left)
    told = []
    for alert in kept:
        said = follows.get(alert.key)
        told.append(replace(alert, facts={**alert.facts, "follows": "\n".join(said)}) if said else alert)
    return Folded(tuple(told), inside)


def _without_causes(
    alert: Alert, causes: list[Alert], follows: dict[str, list[str]], inside: dict[str, str]
) -> Alert | None:
    """What of the alert has no other cause, None where nothing is left."""
    whose = f"{alert.client_id}: " if alert.client_id else ""
    if alert.kind == "delivery_overdue":
        left = list(alert.covers)
        for cause in causes:
            taken = [each for each in left if _explains(cause, alert.client_id, each)]
            if taken:
                left = [each for each in left if each not in taken]
                follows[cause.key].append(f"overdue: {whose}{_listed(taken)}")
                inside[alert.key] = cause.key
        if left == list(alert.covers):
            return alert
        if not left:
            return None
        del inside[alert.key]
        return overdue_alert(alert.client_id, alert.subject, left)
    if alert.kind == "destination_failing":
        for cause in causes:
            is_same = cause.kind == "delivery_failed" and cause.client_id == alert.client_id
            if is_same and alert.subject in destinations(cause.subject):
                missing = f"; missing: {alert.facts['missing']}" if alert.facts.get("missing") else ""
                follows[cause.key].append(f"probe: {alert.title}: {alert.cause}{missing}")
                inside[alert.key] = cause.key
                return None
    if alert.kind == "collector_silent":
        for cause in causes:
            if cause.kind == "process_died" and alert.subject.rstrip("/") in cause.covers:
                follows[cause.key].append(f"{alert.title}: {alert.cause}")
                inside[alert.key] = cause.key
                return None
    return alert


def destinations(subject: str) -> list[str]:
    """The names of the destinations that a `delivery_failed` is about: `@main+archive`; none of an export."""
    return subject[1:].split("+") if subject.startswith("@") else []


def _explains(cause: Alert, client_id: str, period: str) -> bool:
    """Whether a cause is why a client's period (`events 2026-11-20T14`) is not delivered."""
    if cause.kind == "owner_changed":
        return cause.client_id == client_id
    if cause.kind == "delivery_failed":
        return cause.client_id == client_id and period in cause.covers
    if cause.kind == "run_failed" and len(cause.covers) == 3:
        job, first, last = cause.covers
        wanted = partition_of(period.partition(" ")[2])
        is_within = are_of_one_grain(wanted, first, last) and first <= wanted <= last
        return bool(_DELIVERING.fullmatch(job)) and is_within
    return False


def overdue_alert(client_id: str, pace: str, periods: Iterable[str]) -> Alert:
    """One alert for a client's periods (`events 2026-11-20T14`) that are overdue; the first is the oldest."""
    covers = tuple(periods)
    exports = list(dict.fromkeys(each.partition(" ")[0] for each in covers))
    labels = list(dict.fromkeys(each.partition(" ")[2] for each in covers))
    return Alert(
        "delivery_overdue",
        client_id,
        pace,
        f"{', '.join(exports)}: {len(covers)} periods not delivered, the first is {labels[0]}",
        {
            "why": "no run of these periods failed and no bucket refused them: they were never run, or their "
            "run still goes on",
            "exports": ", ".join(exports),
            "periods": ", ".join(labels[:SHOWN]),
            "count": str(len(covers)),
        },
        covers=covers,
    )


def _listed(periods: list[str]) -> str:
    more = f" and {len(periods) - SHOWN} more" if len(periods) > SHOWN else ""
    return ", ".join(periods[:SHOWN]) + more
