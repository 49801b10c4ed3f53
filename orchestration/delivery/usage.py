"""What every client received and was delivered, by UTC day, from the receipts in the backup bucket alone.

Metering needs neither the warehouse nor the clients' buckets: the manifests are signed, and each says what
became of everything that was received in its period.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from footfall.keys import MANIFEST_NAME
from footfall.store import ObjectStore


@dataclass(frozen=True)
class Usage:
    """One number of a client on a day of UTC. `kind`: `received`, `kept`, … or `delivered:<export>`."""

    date: str
    client_id: str
    kind: str
    rows: int
    bytes: int = 0


def usage_daily(backup: ObjectStore, day: str) -> list[Usage]:
    """Usage of one UTC day (`2026-11-20`), by client and kind.

    Counted once from each hour's newest receipt, however many exports carry it; a client with daily exports
    alone is counted from its local day of that date. What was delivered is counted for each export.
    """
    newest: dict[tuple[str, str, str], dict[str, Any]] = {}
    for document in _manifests(backup, day):
        of = (document["client_id"], document["export"], document["period"]["start"])
        if of not in newest or newest[of]["revision"] < document["revision"]:
            newest[of] = document
    hours: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    days: dict[str, dict[str, Any]] = {}
    found: list[Usage] = []
    delivered: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for (client_id, export, start), document in sorted(newest.items()):
        if document["cadence"] == "daily":
            days[client_id] = document["receipt"]
        else:
            hours[client_id][start] = document["receipt"]
        counted = delivered[client_id, export]
        counted[0] += sum(file["rows"] for file in document["files"])
        counted[1] += sum(file["bytes"] for file in document["files"])
    for client_id in sorted({client for client, _, _ in newest}):
        receipts = list(hours[client_id].values()) or [days[client_id]]
        found += [Usage(day, client_id, kind, rows) for kind, rows in _summed(receipts)]
    found += [
        Usage(day, client_id, f"delivered:{export}", rows, size)
        for (client_id, export), (rows, size) in sorted(delivered.items())
    ]
    return found


def _manifests(backup: ObjectStore, day: str) -> Iterable[dict[str, Any]]:
    for info in backup.list(""):
        if info.key.endswith(f"/{MANIFEST_NAME}") and day in info.key:
            document = json.loads(backup.get(info.key))
            if "receipt" in document and _day_of(document) == day:
                yield document


def _day_of(document: dict[str, Any]) -> str:
    """A day's own date, and of an hour the date in UTC."""
    if document["cadence"] == "daily":
        folder = [part for part in document["key"].split("/") if part.startswith("dt=")]
        return folder[0].removeprefix("dt=") if folder else ""
    start = datetime.fromisoformat(document["period"]["start"]).astimezone(UTC)
    return start.strftime("%Y-%m-%d")


def _summed(receipts: Iterable[dict[str, Any]]) -> Iterable[tuple[str, int]]:
    total: dict[str, int] = defaultdict(int)
    for receipt in receipts:
        for kind in ("received", "kept", "duplicate"):
            total[kind] += receipt[kind]
        for reason, rows in receipt["quarantined"].items():
            total[f"quarantined:{reason}"] += rows
    return sorted(total.items())
