"""What is wrong with deliveries now, as pure functions: what the ledger and the probes say in, alerts out."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from footfall.clients import Client, Export
from footfall.failures import FIXES
from orchestration.alerting.alert import Alert
from orchestration.alerting.conditions import Due

#: How far back a period is asked for. Longer: a hole is told for longer; each look reads more of the ledger.
LOOK_BACK = timedelta(hours=48)
#: How long a delivery that is tried again by itself may fail before somebody is told: the tries within a run
#: span two and a half minutes.
PATIENCE = timedelta(minutes=15)

#: Kinds of trouble that a bucket has, whatever is to be put into it.
_OF_DESTINATIONS = frozenset({"retry", "auth", "bucket", "challenge"})
#: Periods, and errors, that an alert names; the rest is counted.
_SHOWN = 5

_FIXES: dict[str, str] = {str(kind): fix for kind, fix in FIXES.items()}


@dataclass(frozen=True)
class Held:
    """A delivery that is held up: `hold` is waiting, blocked or parked, or empty while it is tried again.

    `kind` sorts the trouble; `places` are the buckets that lack it.
    """

    client_id: str
    export: str
    period: str
    hold: str
    kind: str
    error: str
    failing_since: datetime | None
    next_at: datetime | None
    places: tuple[str, ...] = ()

    @property
    def incident(self) -> tuple[str, str]:
        """What it has in common with others: the buckets and the kind of trouble, or its own export."""
        if self.places and self.kind in _OF_DESTINATIONS:
            return "@" + "+".join(self.places), self.kind
        return self.export, self.kind


@dataclass(frozen=True)
class Refusal:
    """What the probe of a destination ended with: the step that failed, what was said, what is missing."""

    client_id: str
    destination: str
    url: str
    at: datetime
    step: str
    said: str
    missing: str


def expected(client: Client, export: Export, since: datetime, now: datetime) -> list[Due]:
    """The export's periods that began at `since` or later and ended within the last 48 hours."""
    oldest = now - LOOK_BACK
    calendar = client.calendar(export)
    due = []
    for period in calendar.within(max(since, oldest - calendar.kind.longest), now):
        # In UTC: a local day with a change of summer time has 23 or 25 hours.
        end = period.window[1].astimezone(UTC)
        if oldest < end <= now and not client.is_history(period):
            due.append(
                Due(client.client_id, export.name, period.name, end + period.kind.deadline, period.kind.pace)
            )
    return due


def undeliverable(
    held: Iterable[Held], now: datetime, late: frozenset[tuple[str, str, str]] = frozenset()
) -> list[Alert]:
    """One alert for a bucket that takes nothing, whatever was to be put there, or for an export.

    `late`: (client, export, period) of those that are overdue, with which nobody is patient any more.
    """
    stuck: dict[tuple[str, str, str], list[Held]] = defaultdict(list)
    for each in held:
        is_patient = each.hold in ("waiting", "") and (
            each.failing_since is None or now - each.failing_since < PATIENCE
        )
        if not is_patient or (each.client_id, each.export, each.period) in late:
            subject, kind = each.incident
            stuck[each.client_id, subject, kind].append(each)
    taken: set[tuple[str, str]] = set()
    alerts = []
    for (client_id, subject, kind), rows in sorted(stuck.items()):
        # Two kinds of trouble with one bucket are two causes.
        name = f"{subject}:{kind}" if (client_id, subject) in taken else subject
        taken.add((client_id, subject))
        alerts.append(_held_up(client_id, name, rows))
    return alerts


def _held_up(client_id: str, subject: str, rows: list[Held]) -> Alert:
    first = rows[0]
    exports = list(dict.fromkeys(row.export for row in rows))
    errors = list(dict.fromkeys(row.error for row in rows))
    facts = {
        "error": "\n".join(errors[:_SHOWN]),
        "class": first.kind,
        "state": first.hold or "tried again now",
    }
    if len(errors) > _SHOWN:
        facts["error"] += f"\nand {len(errors) - _SHOWN} more: `footfall deliveries list`"
    if first.kind in _FIXES:
        facts["to do"] = _FIXES[first.kind]
    labels = list(dict.fromkeys(row.period for row in rows))
    facts |= {
        "exports": ", ".join(exports),
        "periods": ", ".join(labels[:_SHOWN]),
        "count": str(len(rows)),
    }
    if first.next_at is not None:
        facts["tried again"] = f"{first.next_at.astimezone(UTC):%Y-%m-%dT%H:%MZ}"
    title = f"{', '.join(exports)}: {len(rows)} deliveries are held up, the first is {first.period}"
    covers = tuple(f"{row.export} {row.period}" for row in rows)
    return Alert("delivery_failed", client_id, subject, title, facts, covers=covers)


def refused(refusals: Iterable[Refusal]) -> list[Alert]:
    """Destinations whose last probe failed."""
    return [
        Alert(
            "destination_failing",
            each.client_id,
            each.destination,
            f"{each.url} fails the step: {each.step}",
            {
                "said": each.said,
                **({"missing": each.missing} if each.missing else {}),
                "probed": f"{each.at.astimezone(UTC):%Y-%m-%dT%H:%MZ}",
            },
        )
        for each in refusals
    ]
