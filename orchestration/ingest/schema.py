"""The tables that ingest writes in the warehouse, schema `ingest`. dbt reads them and nothing else.

`dbt_project/models/staging/web/__sources.yml` documents the same columns; a test keeps the two equal.
"""

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
    },
    # One row per site of a valid client file.
    "sites": {
        "client_id": "VARCHAR",
        "site_id": "VARCHAR",
        "timezone": "VARCHAR",
    },
}


def create_statements() -> list[str]:
    """SQL that makes the schema and every table where missing."""
    statements = ["CREATE SCHEMA IF NOT EXISTS ingest"]
    for table, columns in TABLES.items():
        listing = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        statements.append(f"CREATE TABLE IF NOT EXISTS ingest.{table} ({listing})")
    return statements
