"""Whether the days of a client's file are those that were delivered, by the newest manifests of the ledger.

Else a day would be delivered that overlaps one that was: its events would be in two files, or in none.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from footfall.found import period_of
from footfall.identities import written_id
from footfall.manifest import as_manifest
from footfall.zones import clock

if TYPE_CHECKING:
    from footfall.clients import Client

_NEWEST = (
    "SELECT manifest FROM revisions WHERE client_id = ? AND export = ? AND cadence = ? "
    "AND manifest IS NOT NULL AND state <> 'superseded' ORDER BY period_start DESC LIMIT 1"
)


@dataclass(frozen=True)
class DeliveredDay:
    """The newest day of an export: whose midnight ended it, and of its sites where it says them.

    `seen`: sites of which something was received on it.
    """

    export: str
    day: date
    zone: str
    sites: dict[str, str]
    seen: frozenset[str]


def newest_days(ledger: Path, client: "Client") -> Iterator[DeliveredDay]:
    """Of each export of local days the newest one that was delivered, or that may have been."""
    try:
        with closing(sqlite3.connect(f"{ledger.absolute().as_uri()}?mode=ro", uri=True)) as database:
            for export in client.exports:
                if export.kind.is_day:
                    row = database.execute(
                        _NEWEST, (client.client_id, export.name, export.kind.cadence)
                    ).fetchone()
                    if row:
                        yield _day(json.loads(row[0]))
    except sqlite3.Error:
        return  # there is none yet; what is wrong with one that is damaged, deliveries say


def _day(document: dict[str, Any]) -> DeliveredDay:
    read = as_manifest(document)
    sites = (document.get("receipt") or {}).get("sites") or {}
    return DeliveredDay(
        export=read.export,
        day=period_of(read).last_day,
        zone=read.period.timezone,
        sites=dict(document["period"].get("sites") or {}),
        seen=frozenset(sites),
    )


def other_zone(client: "Client", said: DeliveredDay, before: "Client | None") -> tuple[str, str] | None:
    """The zone of a delivered day and the one that it would be of now, where they differ.

    `before`: the client's file as it was last in force, which says what sites there were.
    """
    export = client.export(said.export)
    if export is None:
        return None
    calendar = client.calendar(export)
    now = clock(calendar.zone).zone_of(said.day)
    if now != said.zone:
        return said.zone, now
    for site_id, text in calendar.sites.items():
        zone = clock(text).zone_of(said.day)
        is_old = before.site(site_id) is not None if before else site_id in said.seen
        was = said.sites.get(site_id) or (said.zone if is_old and not said.sites else zone)
        if was != zone:
            return was, zone
    return None


def mistake_of(client: "Client", ledger: Path, before: "Client | None") -> str | None:
    """What to say of a file whose days are not those that were delivered; None where they are."""
    for said in newest_days(ledger, client):
        zones = other_zone(client, said, before)
        if zones:
            first = said.day + timedelta(days=1)
            return (
                f"days of {said.export} were delivered in {zones[0]} up to {said.day} and would be of "
                f"{zones[1]} now; put it back, or `footfall clients rezone {written_id(client.client_id)} "
                f"--from {first}`"
            )
    return None
