"""The life of an alert, as a pure function: firing once, a reminder now and then, resolved once.

    conditions that hold now + what was told so far + now  ─►  what is to be told

Nothing here sends or stores. The caller writes down which incidents it is about to open, and after each
message what was told: a channel that fails, or a crash, brings the same answer again, and an incident that is
over by then still gets its all-clear, since somebody may have heard of it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from orchestration.alerting.alert import NEWS, SLOW, Alert
from orchestration.alerting.silences import Silence

#: How often a condition that goes on is told again. Shorter tires people; longer lets it be forgotten.
REMINDER = timedelta(hours=4)
#: How long a condition must be gone before it counts as resolved: one that flickers is one incident.
CALM = timedelta(minutes=5)
#: Alerts of a kind and client that are told one by one; more at once become one digest (a backfill of a
#: thousand periods into a bucket that is gone is one incident).
DIGEST_OVER = 3

What = Literal["firing", "reminder", "resolved"]


@dataclass(frozen=True)
class Told:
    """What a route was told of a key: `state` firing or resolved, since when, and when it was last said.

    `last_told` is None as long as the opening is not known to have arrived. `gone_since` is when the
    condition was first seen to be gone, None while it holds.
    """

    alert: Alert
    state: Literal["firing", "resolved"]
    since: datetime
    last_told: datetime | None
    gone_since: datetime | None = None


@dataclass(frozen=True)
class Telling:
    """One message: what happened to these alerts, all of one kind and client."""

    what: What
    alerts: tuple[Alert, ...]
    since: datetime


def tellings(
    holding: Iterable[Alert],
    told: Mapping[str, Told],
    now: datetime,
    inside: Collection[str] = (),
    silences: Sequence[Silence] = (),
) -> tuple[list[Telling], dict[str, Told]]:
    """(messages to send now, changes of `gone_since` that need no message).

    `told` is keyed by the alert's key. News is told once and never resolved. `inside`: keys that hold inside
    another alert, of which nothing is said as long as they do. What is acknowledged or muted is not told
    again; its end is, and a mute that ends tells of what still holds.
    """
    by_key = {alert.key: alert for alert in holding}
    fired: dict[tuple[str, str], list[Alert]] = defaultdict(list)
    reminded: dict[tuple[str, str], list[Alert]] = defaultdict(list)
    resolved: dict[tuple[str, str], list[Alert]] = defaultdict(list)
    noted: dict[str, Told] = {}
    for key, alert in by_key.items():
        before = told.get(key)
        since = _since(before, now)
        of_key = [each for each in silences if each.covers(key, since)]
        if any(each.is_mute and each.holds(now) for each in of_key):
            if before is not None and before.gone_since is not None:
                noted[key] = replace(before, gone_since=None)
        elif (
            before is None
            or before.last_told is None
            or (before.state == "resolved" and alert.kind not in NEWS)
        ):
            fired[alert.kind, alert.client_id].append(alert)
        elif before.state == "firing" and alert.kind not in NEWS:
            ended = max((each.until for each in of_key if each.until and each.until <= now), default=None)
            is_again = ended is not None and before.last_told < ended
            is_known = alert.kind in SLOW or any(each.holds(now) for each in of_key)
            if is_again or (now - before.last_told >= REMINDER and not is_known):
                reminded[alert.kind, alert.client_id].append(alert)
            elif before.gone_since is not None:
                noted[key] = Told(alert, "firing", before.since, before.last_told)
    for key, before in told.items():
        if key in by_key or before.state == "resolved" or before.alert.kind in NEWS:
            continue
        if key in inside:
            if before.gone_since is not None:
                noted[key] = replace(before, gone_since=None)
            continue
        if before.gone_since is None:
            noted[key] = Told(before.alert, "firing", before.since, before.last_told, now)
        elif now - before.gone_since >= CALM:
            resolved[before.alert.kind, before.alert.client_id].append(before.alert)
    messages = [
        *_grouped("firing", fired, told, now),
        *_grouped("reminder", reminded, told, now),
        *_grouped("resolved", resolved, told, now),
    ]
    return messages, noted


def after(telling: Telling, told: Mapping[str, Told], now: datetime) -> dict[str, Told]:
    """What has been told once `telling` was sent, by key."""
    state: Literal["firing", "resolved"] = "resolved" if telling.what == "resolved" else "firing"
    changed = {}
    for alert in telling.alerts:
        changed[alert.key] = Told(alert, state, _since(told.get(alert.key), now), now)
    return changed


def openings(messages: Iterable[Telling], told: Mapping[str, Told], now: datetime) -> dict[str, Told]:
    """What is written down before `messages` are sent, by key: incidents that may have been told of."""
    return {
        alert.key: Told(alert, "firing", _since(told.get(alert.key), now), None)
        for message in messages
        if message.what == "firing"
        for alert in message.alerts
    }


def _since(before: Told | None, now: datetime) -> datetime:
    """When the incident began: it may be one that could not be told for a while."""
    return before.since if before is not None and before.state == "firing" else now


def _grouped(
    what: What,
    groups: Mapping[tuple[str, str], Sequence[Alert]],
    told: Mapping[str, Told],
    now: datetime,
) -> Iterable[Telling]:
    for alerts in groups.values():
        ordered = sorted(alerts, key=lambda alert: alert.key)
        batches = [tuple(ordered)] if len(ordered) > DIGEST_OVER else [(alert,) for alert in ordered]
        for batch in batches:
            yield Telling(what, batch, min(_since(told.get(alert.key), now) for alert in batch))
