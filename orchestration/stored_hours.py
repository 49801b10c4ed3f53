"""Which object of the lake holds an hour's events, and the view `ingest.events` of the hours of a run.

Wide rows lie in the lake alone. `ingest.hour_files` names each hour's object, and is committed with all that
is said of the hour; a file that no row names is none of ours. No statement reads more hours than are shown.
"""

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby

import duckdb

from footfall.catalogue.ingested import COLUMN_TYPES
from footfall.hour_files import HourFile, HourFiles
from footfall.sql import Sql, has_table, joined, kind, name, run, sql, texts

_EVENTS = COLUMN_TYPES["events"]


def no_events() -> Sql:
    """SQL that makes the view without an hour."""
    return sql("CREATE OR REPLACE VIEW ingest.events AS {rows}", rows=rows_in([], ""))


def read_files(connection: duckdb.DuckDBPyConnection, hours: Iterable[datetime]) -> list[HourFile]:
    """The objects of those of these hours that have events, in order."""
    found = run(
        connection,
        "SELECT received_hour, object_key, sha256, bytes, rows, columns FROM ingest.hour_files "
        "WHERE is_current AND list_contains(CAST(? AS TIMESTAMPTZ[]), received_hour) ORDER BY columns, 1",
        [list(hours)],
    ).fetchall()
    return [HourFile(*row) for row in found]


def record_file(connection: duckdb.DuckDBPyConnection, hour: datetime, file: HourFile | None) -> None:
    """Name the hour's object; the one before waits to be removed. Part of the caller's transaction."""
    run(
        connection,
        "DELETE FROM ingest.hour_files WHERE received_hour = ? AND object_key = ?",
        [hour, file.key if file else ""],
    )
    run(
        connection,
        "UPDATE ingest.hour_files SET is_current = false, is_shown = false "
        "WHERE received_hour = ? AND is_current",
        [hour],
    )
    if file is not None:
        run(
            connection,
            "INSERT INTO ingest.hour_files VALUES (?, ?, ?, ?, ?, ?, true, false)",
            [hour, file.key, file.sha256, file.bytes, file.rows, file.columns],
        )


def remove_replaced(connection: duckdb.DuckDBPyConnection, files: HourFiles) -> None:
    """Remove the objects whose place others have taken. Raises StoreError."""
    for (key,) in run(
        connection, "SELECT object_key FROM ingest.hour_files WHERE NOT is_current ORDER BY 1"
    ).fetchall():
        files.lake.delete(key)
        run(connection, "DELETE FROM ingest.hour_files WHERE object_key = ? AND NOT is_current", [key])


def rows_of(file: HourFile, files: HourFiles) -> Sql:
    """SQL that reads an hour's object; a column that it lacks is null."""
    return rows_in([str(files.local(file))], file.columns)


def show_events(
    connection: duckdb.DuckDBPyConnection, files: HourFiles, start: datetime, end: datetime
) -> int:
    """Let `ingest.events` show what the models of the hours in [start, end) read. Returns how many hours.

    These hours, those of the events that their ingest changed elsewhere, and all hours of a site whose rules
    are not those that were last modelled. Raises FootfallError, StoreError.
    """
    return _show(connection, files, _read_by_models(connection, start, end))


def show_all_events(connection: duckdb.DuckDBPyConnection, files: HourFiles) -> int:
    """Let `ingest.events` show every hour: for what reads all of history at once. Returns how many."""
    found = run(connection, "SELECT received_hour FROM ingest.hour_files WHERE is_current").fetchall()
    return _show(connection, files, {hour for (hour,) in found})


def _show(connection: duckdb.DuckDBPyConnection, files: HourFiles, hours: set[datetime]) -> int:
    found = read_files(connection, hours)
    paths = dict(zip(found, files.locals(found), strict=True))
    # A file of an earlier version has other columns, and is read by a list of its own.
    lists = [
        rows_in([str(paths[each]) for each in alike], columns)
        for columns, alike in groupby(found, lambda file: file.columns)
    ]
    rows = joined(" UNION ALL ", lists or [rows_in([], "")])
    run(connection, "BEGIN")
    run(connection, "CREATE OR REPLACE VIEW ingest.events AS {rows}", rows=rows)
    run(
        connection,
        "UPDATE ingest.hour_files SET is_shown = NOT is_shown "
        "WHERE is_shown <> (is_current AND list_contains(CAST(? AS TIMESTAMPTZ[]), received_hour))",
        [[file.hour for file in found]],
    )
    run(connection, "COMMIT")
    return len(found)


def rows_in(paths: list[str], columns: str) -> Sql:
    """SQL that reads local files of events with these columns, with commas between; any other is null."""
    known = set(columns.split(","))
    listed = joined(
        ", ",
        (
            sql("CAST({value} AS {type}) AS {column}", value=value, type=kind(type_), column=name(column))
            for column, type_ in _EVENTS.items()
            for value in [name(column) if column in known else sql("NULL")]
        ),
    )
    if not paths:
        return sql("SELECT {listed} WHERE false", listed=listed)
    return sql(
        "SELECT {listed} FROM read_parquet([{paths}], hive_partitioning = false)",
        listed=listed,
        paths=texts(paths),
    )


def _read_by_models(connection: duckdb.DuckDBPyConnection, start: datetime, end: datetime) -> set[datetime]:
    window = {"start": start, "end": end}
    found = run(
        connection,
        "SELECT received_hour FROM ingest.hour_files "
        "WHERE is_current AND received_hour >= $start AND received_hour < $end",
        window,
    ).fetchall()
    found += run(
        connection,
        """
        SELECT DISTINCT received_hour FROM ingest.event_index
        WHERE NOT is_duplicate AND (client_id, event_id) IN (
            SELECT client_id, event_id FROM ingest.changes
            WHERE changed_in_hour >= $start AND changed_in_hour < $end
        )
        """,
        window,
    ).fetchall()
    if has_table(connection, "staging", "stg_web__sites") and has_table(
        connection, "intermediate", "int_events_sessionised"
    ):
        found += run(
            connection,
            """
            SELECT DISTINCT received_hour FROM ingest.event_index
            WHERE NOT is_duplicate AND (client_id, site_id) IN (
                SELECT client_id, site_id FROM staging.stg_web__sites
                WHERE (client_id, site_id, settings) NOT IN (
                    SELECT client_id, name, settings FROM intermediate.modelled_settings WHERE kind = 'site'
                )
            )
            """,
        ).fetchall()
    return {hour for (hour,) in found}
