"""The events that ingest stored, for a test to ask about: all hours of a lake, or rows of the test's own."""

from pathlib import Path
from tempfile import gettempdir

import duckdb

from footfall.catalogue.ingested import COLUMN_TYPES
from footfall.hour_files import HourFiles
from footfall.keys import events_prefix
from footfall.sql import names, run, table_statement
from footfall.store import ObjectStore
from orchestration.stored_hours import show_all_events


def events_object(lake: ObjectStore, hour) -> str:
    """The key of the one object that holds an hour's events."""
    [info] = lake.list(events_prefix(hour))
    return info.key


def show(connection: duckdb.DuckDBPyConnection, lake: ObjectStore) -> duckdb.DuckDBPyConnection:
    """The warehouse with every hour in `ingest.events`."""
    show_all_events(connection, HourFiles(lake, Path(gettempdir()) / "footfall-shown", 0))
    return connection


def events_as_a_table(connection: duckdb.DuckDBPyConnection) -> None:
    """`ingest.events` as a table that a test fills by itself, and the index of what is in it."""
    run(connection, "DROP VIEW ingest.events")
    run(connection, "DROP TABLE ingest.event_index")
    run(connection, "{table}", table=table_statement("ingest", "events", COLUMN_TYPES["events"]))
    run(
        connection,
        "CREATE VIEW ingest.event_index AS SELECT {columns} FROM ingest.events",
        columns=names(COLUMN_TYPES["event_index"]),
    )
