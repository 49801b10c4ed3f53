"""What is wrong with deliveries now, as pure functions: what the ledger and the probes say in, alerts out."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from footfall.clients import Client, Export
from footfall.days import window
from footfall.failures import FIXES
from footfall.hours import HOUR, floor
from orchestration.alerting.alert import Alert
from orchestration.alerting.conditions import Due

#: How far back a period is asked for. Longer: a hole is told for longer; each look reads more of the ledger.
LOOK_BACK = timedelta(hours=48)
#: After the end of its period a delivery is overdue. The hour's run starts five minutes past and the day's
#: ten past one; shorter would cry wolf while a run is tried again.
HOURLY_DEADLINE = timedelta(hours=2)
DAILY_DEADLINE = timedelta(hours=3)
#: How long a delivery that is tried again by itself may fail before somebody is told: the tries within a run
#: span two and a half minutes.
PATIENCE = timedelta(minutes=15)

_FIXES: dict[str, str] = {str(kind): fix for kind, fix in FIXES.items()}


@dataclass(frozen=True)
class Held:
    """A delivery that is held up: `hold` is waiting, blocked or parked; `kind` sorts the trouble."""

    client_id: str
    export: str
    period: str
    hold: str
    kind: str
    error: str
    failing_since: datetime | None
    next_at: datetime | None


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


def label(start: datetime, export: Export, client: Client) -> str:
    """A period as a person writes it: `2026-11-20T14` (UTC), with minutes for a part of an hour, or the
    local day `2026-11-20`.
    """
    if export.cadence == "daily":
        return start.astimezone(client.zone()).strftime("%Y-%m-%d")
    return start.astimezone(UTC).strftime(
        "%Y-%m-%dT%H:%M" if export.cadence.endswith("min") else "%Y-%m-%dT%H"
    )


def expected(client: Client, export: Export, since: datetime, now: datetime) -> list[Due]:
    """The export's periods that began at `since` or later and ended within the last 48 hours."""
    oldest = now - LOOK_BACK
    deadline = DAILY_DEADLINE if export.cadence == "daily" else HOURLY_DEADLINE
    if export.cadence == "daily":
        today = now.astimezone(client.zone())
        starts = [client.local_midnight(f"{today - timedelta(days=n):%Y-%m-%d}") for n in range(4, -1, -1)]
    else:
        starts = [floor(now) - n * HOUR for n in range(int(LOOK_BACK / HOUR) + 1, 0, -1)]
    due = []
    for start in starts:
        # In UTC: a local day with a change of summer time has 23 or 25 hours.
        end = window(client, export, start)[1].astimezone(UTC)
        if start >= since and oldest < end <= now:
            due.append(Due(client.client_id, export.name, label(start, export, client), end + deadline))
    return due


def undeliverable(held: Iterable[Held], now: datetime) -> list[Alert]:
    """One alert for each export of a client that is held up: a bucket that is gone is one incident."""
    stuck: dict[tuple[str, str], list[Held]] = defaultdict(list)
    for each in held:
        is_patient = each.hold == "waiting" and (
            each.failing_since is None or now - each.failing_since < PATIENCE
        )
        if each.hold and not is_patient:
            stuck[each.client_id, each.export].append(each)
    alerts = []
    for (client_id, export), rows in sorted(stuck.items()):
        first = rows[0]
        facts = {"error": first.error, "class": first.kind, "state": first.hold}
        if first.kind in _FIXES:
            facts["to do"] = _FIXES[first.kind]
        facts |= {"periods": ", ".join(each.period for each in rows[:5]), "count": str(len(rows))}
        if first.next_at is not None:
            facts["tried again"] = f"{first.next_at.astimezone(UTC):%Y-%m-%dT%H:%MZ}"
        title = f"{export}: {len(rows)} deliveries are held up, the first is {first.period}"
        alerts.append(Alert("delivery_failed", client_id, export, title, facts))
    return alerts


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
