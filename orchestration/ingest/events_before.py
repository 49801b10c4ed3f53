"""Takes up a warehouse of before the lake was the only place of an hour's events.

Opening it renamed its table to `ingest.events_before`, and made the index of it (footfall.durable). Here each
hour's object in the lake is compared with the table, and put anew where it is not whole; then the table goes.
"""

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from footfall.catalogue.ingested import COLUMN_TYPES
from footfall.hour_files import HourFile, HourFiles
from footfall.keys import events_prefix
from footfall.sql import Sql, has_table, joined, kind, name, names, run, scratch, sql
from footfall.store import NotFound
from footfall.whole_files import sha256_of
from orchestration.ingest.event_rows import ORDER, PARQUET
from orchestration.ingest.schema import make_schema
from orchestration.stored_hours import record_file

#: The object of an hour, until objects were named by their content.
_NAME = "events.parquet"
#: What tells two rows of an hour apart, and what ingest changes of them later.
_SAME = "count(*), bit_xor(hash(client_id, event_id, object_key, line_number, is_duplicate))"


def take_up_events(connection: duckdb.DuckDBPyConnection, files: HourFiles) -> int:
    """Name every hour's object, and drop the table. Returns how many hours had to be put anew.

    Nothing where there is no such table. What ended half way the next call takes up. Raises StoreError.
    """
    if not has_table(connection, "ingest", "events_before"):
        return 0
    make_schema(connection)
    hours = run(
        connection,
        "SELECT DISTINCT received_hour FROM ingest.events_before "
        "EXCEPT SELECT received_hour FROM ingest.hour_files ORDER BY 1",
    ).fetchall()
    anew = 0
    with TemporaryDirectory(prefix="footfall-events-", dir=scratch(connection)) as folder:
        for (hour,) in hours:
            file = _found(connection, files, hour, Path(folder))
            anew += file is None
            record_file(connection, hour, file or _put_anew(connection, files, hour, Path(folder)))
    run(connection, "DROP TABLE ingest.events_before")
    run(connection, "CHECKPOINT")
    return anew


def _found(
    connection: duckdb.DuckDBPyConnection, files: HourFiles, hour: datetime, folder: Path
) -> HourFile | None:
    """The object that lies in the lake, if its rows are those of the table."""
    key, path = f"{events_prefix(hour)}{_NAME}", folder / _NAME
    try:
        files.lake.fetch(key, path)
        held = run(connection, "SELECT {same} FROM read_parquet(?)", [str(path)], same=sql(_SAME)).fetchone()
        described = run(connection, "DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    except (NotFound, duckdb.Error):
        return None
    known = run(
        connection,
        "SELECT {same} FROM ingest.events_before WHERE received_hour = ?",
        [hour],
        same=sql(_SAME),
    ).fetchone()
    if held is None or held != known:
        return None
    return HourFile(
        hour, key, sha256_of(path), path.stat().st_size, held[0], ",".join(row[0] for row in described)
    )


def _put_anew(
    connection: duckdb.DuckDBPyConnection, files: HourFiles, hour: datetime, folder: Path
) -> HourFile:
    path = folder / "made.parquet"
    done = run(
        connection,
        "COPY (SELECT {columns} FROM ({rows}) ORDER BY {order}) TO $path ({parquet})",
        {"hour": hour, "path": str(path)},
        columns=names(COLUMN_TYPES["events"]),
        rows=_rows(connection),
        order=ORDER["events"],
        parquet=PARQUET,
    ).fetchone()
    assert done is not None, "COPY says how many rows"
    return files.put(hour, path, int(done[0]), COLUMN_TYPES["events"])


def _rows(connection: duckdb.DuckDBPyConnection) -> Sql:
    """The table's rows of `$hour`; a column that it never had is null."""
    known = {
        column
        for (column,) in run(
            connection,
            "SELECT column_name FROM duckdb_columns() "
            "WHERE schema_name = 'ingest' AND table_name = 'events_before'",
        ).fetchall()
    }
    listed = joined(
        ", ",
        (
            sql(
                "CAST({value} AS {type}) AS {column}",
                value=name(column) if column in known else sql("NULL"),
                type=kind(type_),
                column=name(column),
            )
            for column, type_ in COLUMN_TYPES["events"].items()
        ),
    )
    return sql("SELECT {listed} FROM ingest.events_before WHERE received_hour = $hour", listed=listed)
