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
from footfall.hours import HOUR
from footfall.store import ObjectStore


def replace_enrichments(connection: duckdb.DuckDBPyConnection, lake: ObjectStore, hour: datetime) -> int:
    """Replace the rows that were taken in during `hour`. Returns how many there are now."""
    decode = msgspec.json.Decoder(StoredEnrichment).decode
    rows: list[StoredEnrichment] = []
    for info in lake.list(f"{keys.ENRICHMENTS}{keys.hour_path(hour)}/"):
        content = zstandard.ZstdDecompressor().decompressobj().decompress(lake.get(info.key))
        rows += [decode(line) for line in content.splitlines()]
    connection.execute(
        "DELETE FROM ingest.event_enrichments WHERE enriched_at >= ? AND enriched_at < ?", [hour, hour + HOUR]
    )
    if rows:
        columns: dict[str, list[Any]] = {
            "clients": [row.client_id for row in rows],
            "events": [row.event_id for row in rows],
            "times": [row.at for row in rows],
            "versions": [row.version for row in rows],
            "fields": [bytes(row.fields).decode() for row in rows],
        }
        connection.execute(
            "INSERT INTO ingest.event_enrichments "
            "SELECT unnest($clients), unnest($events), unnest($times), unnest($versions), unnest($fields)",
            columns,
        )
    return len(rows)
