"""Delivered files whose time is over: signed into the bucket's log, then removed; and what waits.

The record is a leaf of the log before the first key goes, and lies in the bucket then. Who dies in between is
followed by the next run, which removes what a record names and the bucket still has.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import duckdb

from footfall import bucket_log
from footfall.bucket_log import REMOVALS, RemovedKey
from footfall.clients import Client
from footfall.event import timestamp
from footfall.manifest import DeliveredFile, parse
from footfall.sql import run
from orchestration.delivery.desk import Desk
from orchestration.delivery.ledger import Ledger, LedgerRow
from orchestration.delivery.log_book import LogBook
from orchestration.delivery.log_writing import bring, ordered_of
from orchestration.delivery.places import Place

#: Keys that one record names: some 400 KB of it.
_AT_ONCE = 2000
#: Until when a file may still lie there without `footfall verify` calling it a failure.
_GRACE = timedelta(days=7)


@dataclass(frozen=True)
class Expired:
    """What went of a bucket. `waiting`: periods that are not removed, because a delivery of them is open."""

    files: int = 0
    rows: int = 0
    bytes: int = 0
    waiting: tuple[str, ...] = field(default=())


def expire_delivered(
    client: Client,
    place: Place,
    ledger: Ledger,
    desk: Desk,
    horizon: datetime,
    rule: str,
    *,
    is_dry: bool = False,
) -> Expired:
    """Remove the files of all periods that ended before `horizon`. Raises FootfallError, StoreError.

    Manifests, schemas and the log stay. `rule`: what it goes by, for the record.
    """
    book = LogBook(ledger, client.client_id, place.name)
    gone = book.gone()
    rows, waiting = _over(ledger, client.client_id, place.name, horizon)
    keys = [(row, file) for row in rows for file in row.files if (file.key, file.sha256) not in gone]
    if is_dry:
        return _sum(keys, waiting)
    now = desk.now()
    for n, at in enumerate(range(0, len(keys), _AT_ONCE), 1):
        some = keys[at : at + _AT_ONCE]
        key, data = bucket_log.removal(
            "expiry",
            f"expiry-{horizon:%Y%m%d}-{now:%Y%m%d%H%M%S}-{n:03d}",
            client.client_id,
            [RemovedKey(file.key, file.sha256, timestamp(now + _GRACE)) for _, file in some],
            decided_at=now,
            decided_by=f"retention of {rule}",
            rows=sum(file.rows for _, file in some),
            signer=desk.signer,
        )
        book.note(key, data)
    if keys or any(True for _ in _records(book)):
        bring(book, place, desk, ordered_of(client, place.name))
        _remove(book, place)
    return _sum(keys, waiting)


def lying(client: Client, place: Place, ledger: Ledger, horizon: datetime) -> list[str]:
    """Keys of files in a bucket whose periods ended before `horizon`, by what the bucket lists."""
    rows, _ = _over(ledger, client.client_id, place.name, horizon)
    wanted = {file.key for row in rows for file in row.files}
    return sorted(info.key for info in place.store().list("") if info.key in wanted) if wanted else []


def _sum(keys: list[tuple[LedgerRow, DeliveredFile]], waiting: tuple[str, ...]) -> Expired:
    files = [file for _, file in keys]
    return Expired(len(files), sum(file.rows for file in files), sum(file.bytes for file in files), waiting)


def _over(
    ledger: Ledger, client_id: str, place: str, horizon: datetime
) -> tuple[list[LedgerRow], tuple[str, ...]]:
    """The revisions in a bucket of periods that ended before; and periods of which a revision is open."""
    open_ones = {(row.export, row.period_start) for row in _open_before(ledger, client_id, horizon)}
    found = [
        row
        for row in ledger.walk(client_id, end=horizon)
        if row.manifest is not None
        and _end(row) <= horizon
        and (row.export, row.period_start) not in open_ones
        and ledger.copies(row).get(place) == "committed"
    ]
    waiting = sorted(f"{export} {start:%Y-%m-%dT%H:%M}" for export, start in open_ones)
    return found, tuple(waiting)


def _open_before(ledger: Ledger, client_id: str, moment: datetime) -> list[LedgerRow]:
    """A client's revisions that came to no end, of periods that begin before a moment; the oldest first."""
    return [
        row
        for row in ledger.unfinished()
        if row.is_open and row.client_id == client_id and row.period_start < moment
    ]


def _end(row: LedgerRow) -> datetime:
    return datetime.fromisoformat(json.loads(str(row.manifest))["period"]["end"]).astimezone(UTC)


def _records(book: LogBook) -> Iterator[bucket_log.Removal]:
    for key, data in book.beside():
        if key.startswith(REMOVALS):
            record = bucket_log.read_removal(parse(data))
            if record.kind == "expiry":
                yield record


def _remove(book: LogBook, place: Place) -> None:
    gone = {each.key for record in _records(book) for each in record.keys}
    store = place.store()
    for key in [info.key for info in store.list("") if info.key in gone]:
        store.delete(key)


def undelivered(
    connection: duckdb.DuckDBPyConnection, client: Client, ledger: Ledger, since: datetime, until: datetime
) -> tuple[datetime, str] | None:
    """The earliest period of a client before `until` that is still to be delivered, and which it is.

    A period with a revision that came to no end; and one that was never planned, after the export's first
    one and from `since` on, in which something was received.
    """
    found = [
        (row.period_start, f"{row.export} {row.period_start:%Y-%m-%dT%H:%M} is {row.shown}")
        for row in _open_before(ledger, client.client_id, until)
    ]
    hours = [
        hour.astimezone(UTC)
        for (hour,) in run(
            connection,
            "SELECT DISTINCT received_hour FROM ingest.event_index "
            "WHERE client_id = $client AND NOT is_duplicate AND received_hour >= $since "
            "AND received_hour < $until ORDER BY 1",
            {"client": client.client_id, "since": since, "until": until},
        ).fetchall()
    ]
    for export in client.exports:
        starts = {start.astimezone(UTC) for start in ledger.starts(client.client_id, export.name)}
        if not starts or export.is_live:
            continue
        calendar, first = client.calendar(export), min(starts)
        for hour in hours:
            start = calendar.at(hour).start.astimezone(UTC)
            if first <= start < until and start not in starts:
                found.append((start, f"{export.name} {start:%Y-%m-%dT%H:%M} was never delivered"))
                break
    return min(found, default=None)
