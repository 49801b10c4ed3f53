"""What every client received and was delivered, by UTC day, from the receipts in the backup bucket alone.

Metering needs neither the warehouse nor the clients' buckets: each manifest says what became of everything
that was received in its period, and counts only where a key of ours signed it.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, fields
from typing import Any

from footfall import keys
from footfall.catalogue.periods import kind_of
from footfall.found import ours, period_of, shown
from footfall.keys import MANIFEST_NAME
from footfall.manifest import MAX_BYTES, parse
from footfall.store import NotFound, ObjectStore, TooLarge


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


def usage_daily(
    backup: ObjectStore,
    day: str,
    own_keys: Mapping[str, bytes],
    not_counted: Callable[[str], object] = lambda _line: None,
) -> list[Usage]:
    """Usage of one UTC day (`2026-11-20`), by client, site and kind.

    Only manifests count that a key of `own_keys` signed for the client in whose folder they lie; each other
    is told to `not_counted`, in a line.

    Received is counted once from each hour's newest receipt, however many exports carry it; a client with
    daily exports alone is counted from its local day of that date, and by weeks or months from none. What was
    delivered is counted for each export, the parts of live ones included.
    """
    newest: dict[tuple[str, str, str], dict[str, Any]] = {}
    for document in _manifests(backup, day, own_keys, not_counted):
        of = (document["client_id"], document["export"], document["period"]["start"])
        if of not in newest or newest[of]["revision"] < document["revision"]:
            newest[of] = document
    hours: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    days: dict[str, dict[str, Any]] = {}
    counted: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    # An hour that was mended is a new revision of those exports alone whose rows changed.
    by_age = sorted(newest.items(), key=lambda item: (item[1].get("planned_at") or "", item[0]))
    for (client_id, export, start), document in by_age:
        cadence = kind_of(document["cadence"])
        if cadence.is_day and cadence.span.days == 1:
            days[client_id] = document["receipt"]
        elif cadence.is_hour:
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


def _manifests(
    backup: ObjectStore, day: str, own_keys: Mapping[str, bytes], not_counted: Callable[[str], object]
) -> Iterator[dict[str, Any]]:
    for info in backup.list(""):
        if not info.key.endswith(f"/{MANIFEST_NAME}") or day not in info.key:
            continue
        try:
            data = backup.get(info.key, limit=MAX_BYTES)
            client_id, _, key = info.key.partition("/")
            document = ours(data, key, own_keys)
            if document.client_id != client_id:
                raise ValueError(f"is of the client {document.client_id}")
        except (ValueError, TooLarge, NotFound) as error:
            not_counted(f"{backup.url(shown(info.key))}: {error}")
            continue
        if document.receipt is not None and period_of(document).date == day:
            yield parse(data)


def _received(receipt: dict[str, Any]) -> Iterator[tuple[str, str, int]]:
    """(site, kind, lines) of a receipt; an older one does not tell sites apart."""
    quarantined = sum(receipt["quarantined"].values())
    whole = {"kept": receipt["kept"], "duplicate": receipt["duplicate"], "quarantined": quarantined}
    for site, fates in (receipt.get("sites") or {"": whole}).items():
        yield site, "received", sum(fates.values())
        for kind, lines in fates.items():
            yield site, kind, lines
