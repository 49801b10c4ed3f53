"""Late enrichment: fields of stored events that somebody learnt later, from objects that `footfall enrich`
landed.

    enrichments/dt=2026-11-20/hour=14/<content>.ndjson.zst

A line is a StoredEnrichment.

An hour's objects become rows of `ingest.event_enrichments` when the hour is ingested, and again whenever it
is: the table can always be made anew from the lake.
"""

from datetime import datetime
from typing import Any

import duckdb
import msgspec
import zstandard

from footfall import keys
from footfall.enrichments import StoredEnrichment
from footfall.sql import run, sql
from footfall.store import ObjectStore
from orchestration.ingest.accounts import record_changes

_OF_HOUR = sql(
    "FROM ingest.event_enrichments WHERE enriched_at >= $hour AND enriched_at < $hour + INTERVAL 1 HOUR"
)


def replace_enrichments(connection: duckdb.DuckDBPyConnection, lake: ObjectStore, hour: datetime) -> int:
    """Replace the rows that were taken in during `hour`. Returns how many there are now.

    The events of what goes and of what comes are remembered as changes, before the first row goes: the models
    make them anew with the hour, wherever they were received.
    """
    decode = msgspec.json.Decoder(StoredEnrichment).decode
    rows: list[StoredEnrichment] = []
    for info in lake.list(f"{keys.ENRICHMENTS}{keys.hour_path(hour)}/"):
        content = zstandard.ZstdDecompressor().decompressobj().decompress(lake.get(info.key))
        rows += [decode(line) for line in content.splitlines()]
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
