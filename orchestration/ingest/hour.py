"""One hour, whole: raw objects of the lake → `ingest.events`, `ingest.quarantine` and the hour's accounts.

Rebuilds the hour from what lies in the lake, so it may run in any order, any number of times, with the
same result. DuckDB reads local files; the store port moves objects. Damage is looked for first: DuckDB
would turn a bad line into NULLs and lose the tail of a truncated object without a word.

    objects ─ decompress, number ─► files ─ judge ─► duplicates, enrichment ─ read again ─► Parquet ─►
    warehouse
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from footfall import keys
from footfall.catalogue.ingested import COLUMN_TYPES
from footfall.clients import Registry
from footfall.sql import name, names, run, scratch, sql
from footfall.store import ObjectInfo, ObjectStore
from orchestration.ingest import decode
from orchestration.ingest.accounts import (
    HourCounts,
    apply_flips,
    count_fates,
    read_counts,
    record_incidents,
    write_accounts,
)
from orchestration.ingest.decode import DecodedObject
from orchestration.ingest.duplicates import find_duplicates
from orchestration.ingest.enrichment.tables import enrichment_version, make_tables
from orchestration.ingest.event_rows import ORDER, event_rows
from orchestration.ingest.lines import files_of, judge_lines, refused_lines
from orchestration.ingest.owners import owner_of
from orchestration.ingest.schema import columns_of, make_schema
from orchestration.ingest.unpack import unpack

#: Memory that DuckDB may take while it sorts an hour; beyond it the hour goes to disk. Lower: slower for
#: hours of over a million events. Higher: the whole process may need 1 GB more than this.
DUCKDB_MEMORY = "1600MB"
#: Fixed, so that the same rows become the same bytes. zstd 1 is a third faster than 3 and 1 % larger.
_PARQUET = sql("FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 122880")
#: What DuckDB raises for a line that is no JSON or of other types. All else is no fault of the lines.
_BAD_LINE = (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.OutOfRangeException)
NO_CLIENTS = Registry((), ())


def ingest_hours(
    connection: duckdb.DuckDBPyConnection,
    lake: ObjectStore,
    hours: Iterable[datetime],
    registry: Registry = NO_CLIENTS,
    *,
    max_object_bytes: int = decode.MAX_OBJECT_BYTES,
) -> list[HourCounts]:
    """Rebuild each hour and its Parquet in the lake. Returns the counts of the hours asked for.

    An hour in which another one's events changed what is a duplicate is written again as well. Each hour
    is one transaction: a failure leaves earlier hours whole and later ones as they were. An object that
    decompresses to more than `max_object_bytes` is set aside. `registry` knows the sites' rules for pages.
    """
    make_schema(connection)
    restated = {}
    for hour in hours:
        with (
            TemporaryDirectory(prefix="footfall-ingest-", dir=scratch(connection)) as folder,
            _bounded(connection),
        ):
            restated[hour] = _replace_hour(connection, lake, hour, registry, Path(folder), max_object_bytes)
    return [read_counts(connection, hour, tuple(others)) for hour, others in restated.items()]


def listing_digest(objects: Sequence[ObjectInfo]) -> str:
    """A digest of what lies in an hour; an object that lands late changes it."""
    listing = "\n".join(f"{o.key} {o.size}" for o in sorted(objects, key=lambda o: o.key))
    return hashlib.sha256(listing.encode()).hexdigest()


@contextmanager
def _bounded(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Keep DuckDB within its memory; what does not fit goes to its folder for such. Undone behind it.

    DuckDB does not know how many lines are in a file, takes them for few, and would turn the joins round: all
    lines in a hash table, the small tables run past it. The joins stay as they are written.
    """
    before = run(
        connection, "SELECT current_setting('memory_limit'), current_setting('disabled_optimizers')"
    ).fetchone()
    assert before is not None, "settings always exist"
    run(connection, "SET memory_limit = ?", [DUCKDB_MEMORY])
    run(connection, "SET disabled_optimizers = 'join_order,build_side_probe_side'")
    try:
        yield
    finally:
        run(connection, "SET memory_limit = ?", [before[0]])
        run(connection, "SET disabled_optimizers = ?", [before[1]])


def _replace_hour(
    connection: duckdb.DuckDBPyConnection,
    lake: ObjectStore,
    hour: datetime,
    registry: Registry,
    folder: Path,
    max_object_bytes: int,
) -> list[datetime]:
    """Replace the hour's rows and Parquet. Returns the other hours whose duplicates changed with it."""
    objects = sorted(lake.list(keys.raw_prefix(hour)), key=lambda each: each.key)
    decoded = unpack(lake, objects, hour, folder, max_object_bytes)
    files = _local_parquet(connection, decoded, hour, registry, folder)
    problems = {each.key: each.problem for each in decoded if each.problem}
    run(connection, "BEGIN")
    try:
        for table, path in files.items():
            run(connection, "DELETE FROM ingest.{table} WHERE received_hour = ?", [hour], table=name(table))
            if path is not None:
                run(
                    connection,
                    "INSERT INTO ingest.{table} BY NAME SELECT * FROM read_parquet(?)",
                    [str(path)],
                    table=name(table),
                )
        write_accounts(connection, hour, listing_digest(objects), problems)
        restated = apply_flips(connection, hour)
        record_incidents(connection, [(hour, decode.UNREADABLE, *each) for each in problems.items()])
        # Before the commit: when this fails, doing the hour again finds the same changes again.
        _publish(lake, hour, files)
        for other in restated:
            _publish(lake, other, {"events": _stored_parquet(connection, other, folder)})
        run(connection, "COMMIT")
    except BaseException:
        run(connection, "ROLLBACK")
        raise
    return restated


def _local_parquet(
    connection: duckdb.DuckDBPyConnection,
    decoded: Sequence[DecodedObject],
    hour: datetime,
    registry: Registry,
    folder: Path,
) -> dict[str, Path | None]:
    """Table → its rows of the hour as a local Parquet file, None where there are none.

    Where some line is not what the contract promises, it is found line by line, and becomes a quarantined
    line in its place, so that the numbers of the others stay true.
    """
    owner = owner_of(registry.histories.values())
    try:
        if judge_lines(connection, decoded, owner):
            return _write_rows(connection, decoded, hour, registry, folder)
    except _BAD_LINE:
        pass  # which line it was, only a look at each can tell
    for file in files_of(decoded):
        decode.mend_lines(Path(file), hour, [each.key for each in decoded])
    judge_lines(connection, decoded, owner)
    return _write_rows(connection, decoded, hour, registry, folder)


def _write_rows(
    connection: duckdb.DuckDBPyConnection,
    decoded: Sequence[DecodedObject],
    hour: datetime,
    registry: Registry,
    folder: Path,
) -> dict[str, Path | None]:
    owner = owner_of(registry.histories.values())
    find_duplicates(connection, hour)
    make_tables(connection, registry)
    found = run(
        connection,
        "SELECT count_if(is_event), count_if(coalesce(source, 'web') <> 'web'), "
        "(SELECT count(*) FROM page_rules SEMI JOIN judged USING (client_id, site_id)) "
        "FROM judged",
    ).fetchone()
    events, requests, ruled = found or (0, 0, 0)
    refused = run(connection, "SELECT DISTINCT object FROM judged WHERE NOT is_event ORDER BY 1").fetchall()
    count_fates(connection)
    files: dict[str, Path | None] = {"events": None, "quarantine": None}
    if events:
        files["events"] = folder / "events.parquet"
        query = event_rows(hour, enrichment_version(), owner, has_requests=requests > 0, has_rules=ruled > 0)
        given = {
            "files": files_of(decoded),
            "keys": [each.key for each in decoded],
            "path": str(files["events"]),
        }
        run(connection, "COPY ({query}) TO $path ({parquet})", given, query=query, parquet=_PARQUET)
    if refused:
        files["quarantine"] = folder / "quarantine.parquet"
        run(
            connection,
            """
            COPY (
                SELECT {columns}
                FROM (
                    SELECT *, CAST($hour AS TIMESTAMPTZ) AS received_hour,
                        CASE WHEN reason <> $unreadable THEN n END AS line_number
                    FROM {lines} JOIN objects USING (object)
                    WHERE kind = 'refused'
                )
                ORDER BY {order}
            ) TO $path ({parquet})
            """,
            {
                "files": files_of(decoded[n] for (n,) in refused),
                "hour": hour,
                "unreadable": decode.UNREADABLE,
                "path": str(files["quarantine"]),
            },
            columns=columns_of("quarantine"),
            lines=refused_lines(owner),
            order=ORDER["quarantine"],
            parquet=_PARQUET,
        )
    return files


def _stored_parquet(connection: duckdb.DuckDBPyConnection, hour: datetime, folder: Path) -> Path:
    """An hour's events out of the warehouse, as the file that ingesting it would have made."""
    path = folder / "restated.parquet"
    run(
        connection,
        "COPY (SELECT {columns} FROM ingest.events WHERE received_hour = $hour ORDER BY {order}) "
        "TO $path ({parquet})",
        {"hour": hour, "path": str(path)},
        columns=names(COLUMN_TYPES["events"]),
        order=ORDER["events"],
        parquet=_PARQUET,
    )
    return path


def _publish(lake: ObjectStore, hour: datetime, files: dict[str, Path | None]) -> None:
    """Put the hour's Parquet where Athena, Spark and Trino look for it; what is no longer there goes away."""
    places = {"events": keys.events_object(hour), "quarantine": keys.quarantine_object(hour)}
    for table, path in files.items():
        if path is None:
            lake.delete(places[table])
        else:
            lake.put(places[table], path.read_bytes())
