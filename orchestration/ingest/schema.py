"""The tables that ingest writes in the warehouse, schema `ingest`. dbt reads them and nothing else.

`dbt_project/models/staging/web/__sources.yml` documents the same columns; a test keeps the two equal.
"""

import duckdb

from footfall.sql import Sql, joined, kind, name, run, sql
from orchestration import zone_days

#: Table → column → DuckDB type. Order is the order in the table and in the lake's Parquet.
TABLES: dict[str, dict[str, str]] = {
    # One row per line of a raw object that is an event, duplicates included.
    "events": {
        "received_hour": "TIMESTAMPTZ",
        "client_id": "VARCHAR",
        "site_id": "VARCHAR",
        "event_id": "VARCHAR",
        "event_type": "VARCHAR",
        "received_at": "TIMESTAMPTZ",
        "occurred_at": "TIMESTAMPTZ",
        "visitor_id": "VARCHAR",
        "url": "VARCHAR",
        "host": "VARCHAR",
        "is_declared_host": "BOOLEAN",
        "title": "VARCHAR",
        "referrer": "VARCHAR",
        "user_agent": "VARCHAR",
        "gpc": "BOOLEAN",
        "dnt": "BOOLEAN",
        "consent_tier": "INTEGER",
        "consent_declared": "INTEGER",
        "previous_visitor_id": "VARCHAR",
        "first_party_session_id": "VARCHAR",
        "user_id": "VARCHAR",
        "view_id": "VARCHAR",
        "country": "VARCHAR",
        "region": "VARCHAR",
        "city": "VARCHAR",
        "language": "VARCHAR",
        "screen": "VARCHAR",
        "browser": "VARCHAR",
        "browser_version": "VARCHAR",
        "os": "VARCHAR",
        "os_version": "VARCHAR",
        "device": "VARCHAR",
        "is_bot": "BOOLEAN",
        "bot_class": "VARCHAR",
        "bot_name": "VARCHAR",
        "bot_signals": "VARCHAR",
        "referrer_class": "VARCHAR",
        "referrer_source": "VARCHAR",
        "is_referrer_spam": "BOOLEAN",
        "page": "VARCHAR",
        "page_group": "VARCHAR",
        "clock": "VARCHAR",
        "source": "VARCHAR",
        "lost": "INTEGER",
        "status": "INTEGER",
        "edge_location": "VARCHAR",
        "edge_result": "VARCHAR",
        "time_taken": "DOUBLE",
        "bytes_sent": "BIGINT",
        "enrichment_version": "VARCHAR",
        "props": "VARCHAR",
        "payload": "VARCHAR",
        "is_duplicate": "BOOLEAN",
        "object_key": "VARCHAR",
        "line_number": "BIGINT",
    },
    # One row per line, or per whole object, that could not become an event.
    "quarantine": {
        "received_hour": "TIMESTAMPTZ",
        "client_id": "VARCHAR",
        "site_id": "VARCHAR",
        "received_at": "TIMESTAMPTZ",
        "reason": "VARCHAR",
        "detail": "VARCHAR",
        "body": "VARCHAR",
        "object_key": "VARCHAR",
        "line_number": "BIGINT",
    },
    # One row per ingested hour: what lay there and what became of it.
    "hours": {
        "received_hour": "TIMESTAMPTZ",
        "objects": "BIGINT",
        "bytes": "BIGINT",
        "lines": "BIGINT",
        "kept": "BIGINT",
        "duplicates": "BIGINT",
        "quarantined": "BIGINT",
        "digest": "VARCHAR",
        "is_degraded": "BOOLEAN",
        "had_ended": "BOOLEAN",
    },
    # One row per raw object of an ingested hour: lines = kept + duplicates + quarantined holds for each.
    "objects": {
        "received_hour": "TIMESTAMPTZ",
        "object_key": "VARCHAR",
        "bytes": "BIGINT",
        "lines": "BIGINT",
        "kept": "BIGINT",
        "duplicates": "BIGINT",
        "quarantined": "BIGINT",
    },
    # The receipt of an hour: a row per client and site, and one more per reason of quarantine.
    "receipts": {
        "received_hour": "TIMESTAMPTZ",
        "client_id": "VARCHAR",
        "site_id": "VARCHAR",
        "reason": "VARCHAR",
        "kept": "BIGINT",
        "duplicates": "BIGINT",
        "quarantined": "BIGINT",
    },
    # One row per thing of an hour that somebody should look at; only ever added to.
    "incidents": {
        "received_hour": "TIMESTAMPTZ",
        "kind": "VARCHAR",
        "key": "VARCHAR",
        "detail": "VARCHAR",
        "first_seen_at": "TIMESTAMPTZ",
    },
    # One row per site of a valid client file.
    "sites": {
        "client_id": "VARCHAR",
        "site_id": "VARCHAR",
        "timezone": "VARCHAR",
        "timeout_minutes": "INTEGER",
        "cut_at_midnight": "BOOLEAN",
        "cut_on_campaign": "BOOLEAN",
        "conversions": "VARCHAR",
    },
    # One row per step of a client's funnel.
    "funnels": {
        "client_id": "VARCHAR",
        "funnel": "VARCHAR",
        "counted_by": "VARCHAR",
        "window_minutes": "INTEGER",
        "step": "INTEGER",
        "step_name": "VARCHAR",
        "event_type": "VARCHAR",
        "page": "VARCHAR",
        "definition": "VARCHAR",
    },
    # One row per event and hour whose ingest changed it, though it was received in another hour: it became a
    # duplicate or the copy that counts, or a correction of it came or went. Only ever added to.
    "changes": {
        "changed_in_hour": "TIMESTAMPTZ",
        "client_id": "VARCHAR",
        "event_id": "VARCHAR",
    },
    # One row per correction of a stored event's fields; only ever added to.
    "event_enrichments": {
        "client_id": "VARCHAR",
        "event_id": "VARCHAR",
        "enriched_at": "TIMESTAMPTZ",
        "version": "INTEGER",
        "fields": "VARCHAR",
    },
    # What the zones in use do on each day.
    **zone_days.TABLES,
}


def create_statements() -> list[Sql]:
    """SQL that makes the schema and every table where missing."""
    statements = [sql("CREATE SCHEMA IF NOT EXISTS ingest")]
    for table, columns in TABLES.items():
        listing = joined(
            ", ", (sql("{column} {type}", column=name(c), type=kind(each)) for c, each in columns.items())
        )
        statements.append(
            sql("CREATE TABLE IF NOT EXISTS ingest.{table} ({listing})", table=name(table), listing=listing)
        )
    return statements


def make_schema(connection: duckdb.DuckDBPyConnection) -> None:
    """Make what is missing: a warehouse of an earlier version gets the new tables and columns, empty."""
    for statement in create_statements():
        run(connection, "{statement}", statement=statement)
    found = set(
        run(
            connection,
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'ingest'",
        ).fetchall()
    )
    for table, columns in TABLES.items():
        for column, each in columns.items():
            if (table, column) not in found:
                run(
                    connection,
                    "ALTER TABLE ingest.{table} ADD COLUMN {column} {type}",
                    table=name(table),
                    column=name(column),
                    type=kind(each),
                )
