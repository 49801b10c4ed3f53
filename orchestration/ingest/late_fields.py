"""Late enrichment: fields of stored events that somebody learnt later, from objects that `footfall enrich`
landed.

    enrichments/dt=2026-11-20/hour=14/<content>.ndjson.zst

A line is a StoredEnrichment.

An hour's objects become rows of `ingest.event_enrichments` when the hour is ingested, and again whenever it
is: the table can always be made anew from the lake.
"""

import hashlib
from datetime import datetime
from typing import Any

import duckdb
import msgspec
import zstandard

from footfall import keys
from footfall.enrichments import StoredEnrichment
from footfall.raw_object import compress_lines
from footfall.sql import run, sql
from footfall.store import ObjectStore, put_once
from footfall.tombstones import Tombstones, base_of, ids_in
from orchestration.ingest.accounts import record_changes

NOBODY_ERASED = Tombstones()

_OF_HOUR = sql(
    "FROM ingest.event_enrichments WHERE enriched_at >= $hour AND enriched_at < $hour + INTERVAL 1 HOUR"
)


def replace_enrichments(
    connection: duckdb.DuckDBPyConnection,
    lake: ObjectStore,
    hour: datetime,
    stones: Tombstones = NOBODY_ERASED,
) -> int:
    """Replace the rows that were taken in during `hour`. Returns how many there are now.

    What is said of erased persons, or names them, is taken out of the objects first.

    The events of what goes and of what comes are remembered as changes, before the first row goes: the models
    make them anew with the hour, wherever they were received.
    """
    rows: list[StoredEnrichment] = []
    for info in list(lake.list(f"{keys.ENRICHMENTS}{keys.hour_path(hour)}/")):
        rows += [_decode(line) for line in _cleaned(lake, info.key, hour, stones)]
    events = sql("SELECT client_id, event_id {of_hour}", of_hour=_OF_HOUR)
    record_changes(connection, hour, events)
    run(connection, "DELETE {of_hour}", {"hour": hour}, of_hour=_OF_HOUR)
    if rows:
        columns: dict[str, list[Any]] = {
            "clients": [row.client_id for row in rows],
            "events": [row.event_id for row in rows],
            "times": [row.at for row in rows],
            "versions": [row.version for row in rows],
            "fields": [bytes(row.fields).decode() for row in rows],
        }
        run(
            connection,
            "INSERT INTO ingest.event_enrichments "
            "SELECT unnest($clients), unnest($events), unnest($times), unnest($versions), unnest($fields)",
            columns,
        )
        record_changes(connection, hour, events)
    return len(rows)


_decode = msgspec.json.Decoder(StoredEnrichment).decode


def _cleaned(lake: ObjectStore, key: str, hour: datetime, stones: Tombstones) -> list[bytes]:
    """The lines of an object that nobody was erased from; where some were, it is written anew before it goes.

    One without any line left is written too: a backup counts objects.
    """
    content = zstandard.ZstdDecompressor().decompressobj().decompress(lake.get(key))
    lines = content.splitlines()
    kept = [line for line in lines if not (stones and _is_erased(_decode(line), stones))]
    if len(kept) < len(lines):
        data = compress_lines(kept)
        put_once(lake, keys.enrichment_object(hour, hashlib.sha256(data).hexdigest()), data)
        lake.delete(key)
    return kept


def clean_enrichments(lake: ObjectStore, hour: datetime, stones: Tombstones) -> list[str]:
    """Take erased persons out of the objects that were taken in during `hour`.

    Returns keys of what cannot be read, and stays as it is. Raises StoreError.
    """
    damaged = []
    for info in list(lake.list(f"{keys.ENRICHMENTS}{keys.hour_path(hour)}/")):
        try:
            _cleaned(lake, info.key, hour, stones)
        except (zstandard.ZstdError, ValueError):
            damaged.append(info.key)
    return damaged


def _is_erased(row: StoredEnrichment, stones: Tombstones) -> bool:
    user = msgspec.json.decode(row.fields).get("user_id")
    if stones.covers(row.client_id, "event", row.event_id, row.at) or (
        isinstance(user, str) and stones.covers(row.client_id, "user", user, row.at)
    ):
        return True
    if base_of(row.client_id) not in stones.clients:
        return False
    said = ids_in(bytes(row.fields).decode(), None)
    return any(stones.covers(row.client_id, kind, each, row.at) for kind, each in said)
