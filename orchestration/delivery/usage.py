"""What every client received and was delivered, by UTC day, from the receipts in the backup bucket alone.

Metering needs neither the warehouse nor the clients' buckets: the manifests are signed, and each says what
became of everything that was received in its period.
"""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from typing import Any

from footfall import keys
from footfall.keys import MANIFEST_NAME
from footfall.store import ObjectStore


@dataclass(frozen=True)
class Usage:
    """One number of a client on a day of UTC. `kind`: `received`, `kept`, `duplicate`, `quarantined`, or
    `delivered:<export>`. `site`: the domain's site; empty for what names none and for files of all sites.
    """

    date: str
    client_id: str
    site: str
    kind: str
    rows: int
    bytes: int = 0


def usage_daily(backup: ObjectStore, day: str) -> list[Usage]:
    """Usage of one UTC day (`2026-11-20`), by client, site and kind.

    Received is counted once from each hour's newest receipt, however many exports carry it; a client with
    daily exports alone is counted from its local day of that date. What was delivered is counted for each
    export, the parts of live ones included.
    """
    newest: dict[tuple[str, str, str], dict[str, Any]] = {}
    for document in _manifests(backup, day):
        of = (document["client_id"], document["export"], document["period"]["start"])
        if of not in newest or newest[of]["revision"] < document["revision"]:
            newest[of] = document
    hours: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    days: dict[str, dict[str, Any]] = {}
    counted: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for (client_id, export, start), document in sorted(newest.items()):
        if document["cadence"] == "daily":
            days[client_id] = document["receipt"]
        elif document["cadence"] in ("hourly", "live"):
            hours[client_id][start] = document["receipt"]
        for file in document["files"]:
            of_export = counted[client_id, file.get("site") or "", f"delivered:{export}"]
            of_export[0] += file["rows"]
            of_export[1] += file["bytes"]
    for client_id in {*hours, *days}:
        for receipt in hours[client_id].values() or [days[client_id]]:
            for site, kind, rows in _received(receipt):
                counted[client_id, site, kind][0] += rows
    return [Usage(day, *of, *amounts) for of, amounts in sorted(counted.items())]


def write_usage(lake: ObjectStore, day: str, usage: Iterable[Usage]) -> str:
    """Replace a day's usage in the lake, as CSV with a header. Returns its URL."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(field.name for field in fields(Usage))
    table.writerows(astuple(each) for each in usage)
    key = keys.usage_object(day)
    lake.put(key, out.getvalue().encode())
    return lake.url(key)


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


def _received(receipt: dict[str, Any]) -> Iterator[tuple[str, str, int]]:
    """(site, kind, lines) of a receipt; an older one does not tell sites apart."""
    quarantined = sum(receipt["quarantined"].values())
    whole = {"kept": receipt["kept"], "duplicate": receipt["duplicate"], "quarantined": quarantined}
    for site, fates in (receipt.get("sites") or {"": whole}).items():
        yield site, "received", sum(fates.values())
        for kind, lines in fates.items():
            yield site, kind, lines
