"""One hour, whole: raw objects of the lake → its events as Parquet in the lake, and what the warehouse says
of them.

Rebuilds the hour from what lies in the lake, so it may run in any order, any number of times, with the
same result. DuckDB reads local files; the store port moves objects. Damage is looked for first: DuckDB
would turn a bad line into NULLs and lose the tail of a truncated object without a word.

    objects ─ decompress, number ─► files ─ judge ─► duplicates, enrichment ─ read again ─► Parquet ─► lake
                                                                             warehouse ◄─ index, accounts ┘
"""

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from footfall import keys
from footfall.catalogue.ingested import COLUMN_TYPES
from footfall.clients import Registry
from footfall.hour_files import HourFile, HourFiles
from footfall.sql import name, names, run, scratch
from footfall.store import ObjectInfo, ObjectStore
from footfall.tombstones import Tombstones
from footfall.waiting_lines import Waiting
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
from orchestration.ingest.erased import objects_with_erased, rewrite
from orchestration.ingest.event_rows import ORDER, PARQUET, event_rows
from orchestration.ingest.horizons import (
    EXPIRED,
    Kept,
    expired_lines,
    kept_of,
    with_stored,
    without_expired,
)
from orchestration.ingest.lines import files_of, judge_lines, refused_lines
from orchestration.ingest.owners import owner_of
from orchestration.ingest.schema import columns_of, make_schema
from orchestration.ingest.unpack import unpack
from orchestration.stored_hours import read_files, record_file, remove_replaced, rows_of

#: Memory that DuckDB may take while it sorts an hour; beyond it the hour goes to disk, from some 500,000
#: events on. Lower: more on disk. Higher: the process needs up to 0.5 GB more than this; 1600 MB made an
#: hour of a million events 2% faster.
DUCKDB_MEMORY = "700MB"
#: An hour of so few lines is worked on by one thread: more wait for one another. Of 300 lines, two threads
#: took a third more CPU time.
FEW_LINES = 20_000
#: What DuckDB raises for a line that is no JSON or of other types. All else is no fault of the lines.
_BAD_LINE = (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.OutOfRangeException)
NO_CLIENTS = Registry((), ())
NOBODY_ERASED = Tombstones()
#: Table of the warehouse → whose rows in the hour's Parquet it is made of.
_OF_HOUR = {"event_index": "events", "quarantine": "quarantine"}


def ingest_hours(
    connection: duckdb.DuckDBPyConnection,
    lake: ObjectStore,
    hours: Iterable[datetime],
    registry: Registry = NO_CLIENTS,
    *,
    files: HourFiles | None = None,
    max_object_bytes: int = decode.MAX_OBJECT_BYTES,
    stones: Tombstones = NOBODY_ERASED,
) -> list[HourCounts]:
    """Rebuild each hour and its Parquet in the lake. Returns the counts of the hours asked for.

    An hour in which another one's events changed what is a duplicate is written again as well. Each hour
    is one transaction: a failure leaves earlier hours whole and later ones as they were. An object that
    decompresses to more than `max_object_bytes` is set aside. `registry` knows the sites' rules for pages.
    `files`: the lake's Parquet as local files; without it what is read again of a far lake is not kept.
    `stones`: persons who were erased; what raw objects hold of them is taken out of the objects first.
    """
    make_schema(connection)
    if files is None:
        with TemporaryDirectory(prefix="footfall-hours-", dir=scratch(connection)) as cache:
            files = HourFiles(lake, Path(cache), 0)
            return ingest_hours(
                connection,
                lake,
                hours,
                registry,
                files=files,
                max_object_bytes=max_object_bytes,
                stones=stones,
            )
    # Of a run that ended between its commit and this.
    remove_replaced(connection, files)
    restated = {}
    for hour in hours:
        with (
            TemporaryDirectory(prefix="footfall-ingest-", dir=scratch(connection)) as folder,
            _bounded(connection),
        ):
            restated[hour] = _replace_hour(
                connection, lake, files, hour, registry, Path(folder), max_object_bytes, stones
            )
    return [read_counts(connection, hour, tuple(others)) for hour, others in restated.items()]


def listing_digest(objects: Sequence[ObjectInfo]) -> str:
    """A digest of what lies in an hour; an object that lands late changes it."""
    listing = "\n".join(f"{o.key} {o.size}" for o in sorted(objects, key=lambda o: o.key))
    return hashlib.sha256(listing.encode()).hexdigest()


def _waiting(decoded: Iterable[DecodedObject]) -> list[Waiting]:
    """By client and key, in this order, with the first object that has such lines."""
    lines: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], str] = {}
    for each in decoded:
        for client, key, n in each.waiting:
            lines[client, key] += n
            first.setdefault((client, key), each.key)
    return [Waiting(*whose, n, first[whose]) for whose, n in sorted(lines.items())]


@contextmanager
def _bounded(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Keep DuckDB within its memory; what does not fit goes to its folder for such. Undone behind it.

    DuckDB does not know how many lines are in a file, takes them for few, and would turn the joins round: all
    lines in a hash table, the small tables run past it. The joins stay as they are written.
    """
    before = run(
        connection,
        "SELECT current_setting('memory_limit'), current_setting('disabled_optimizers'), "
        "current_setting('threads')",
    ).fetchone()
    assert before is not None, "settings always exist"
    run(connection, "SET memory_limit = ?", [DUCKDB_MEMORY])
    run(connection, "SET disabled_optimizers = 'join_order,build_side_probe_side'")
    try:
        yield
    finally:
        run(connection, "SET memory_limit = ?", [before[0]])
        run(connection, "SET disabled_optimizers = ?", [before[1]])
        run(connection, "SET threads = ?", [before[2]])


def _replace_hour(
    connection: duckdb.DuckDBPyConnection,
    lake: ObjectStore,
    files: HourFiles,
    hour: datetime,
    registry: Registry,
    folder: Path,
    max_object_bytes: int,
    stones: Tombstones,
) -> list[datetime]:
    """Replace the hour's rows and Parquet. Returns the other hours whose duplicates changed with it.

    Objects of events are put before the commit that names them: what fails between leaves one that nobody
    names, and the hour as it was.
    """
    objects, decoded = _unpacked(connection, lake, hour, folder, max_object_bytes, stones)
    if sum(each.lines for each in decoded) <= FEW_LINES:
        run(connection, "SET threads = 1")  # until _bounded ends
    kept = kept_of(connection, hour)
    made, expired = _local_parquet(connection, decoded, hour, registry, folder, kept)
    if not kept.is_all:
        made = with_stored(connection, files, hour, made, kept, folder, stones)
    problems = {each.key: each.problem for each in decoded if each.problem}
    run(connection, "BEGIN")
    try:
        for table, of in _OF_HOUR.items():
            run(connection, "DELETE FROM ingest.{table} WHERE received_hour = ?", [hour], table=name(table))
            if made[of] is not None:
                run(
                    connection,
                    "INSERT INTO ingest.{table} BY NAME SELECT {columns} FROM read_parquet(?)",
                    [str(made[of])],
                    table=name(table),
                    columns=names(COLUMN_TYPES[table]),
                )
        write_accounts(connection, hour, listing_digest(objects), problems, _waiting(decoded))
        restated = apply_flips(connection, hour)
        record_incidents(connection, [(hour, decode.UNREADABLE, *each) for each in problems.items()])
        record_incidents(connection, [(hour, EXPIRED, client, f"{n} lines") for client, n in expired.items()])
        # Before the commit: when this fails, doing the hour again finds the same changes again.
        file = _put_events(connection, files, hour, made["events"])
        record_file(connection, hour, file)
        _put_quarantine(lake, hour, made["quarantine"])
        for before in read_files(connection, restated):
            path = _restated(connection, files, before, folder)
            record_file(connection, before.hour, _put_events(connection, files, before.hour, path))
        run(connection, "COMMIT")
    except BaseException:
        run(connection, "ROLLBACK")
        raise
    remove_replaced(connection, files)
    _remove_strangers(lake, hour, file)
    return restated


def _unpacked(
    connection: duckdb.DuckDBPyConnection,
    lake: ObjectStore,
    hour: datetime,
    folder: Path,
    max_object_bytes: int,
    stones: Tombstones,
) -> tuple[list[ObjectInfo], list[DecodedObject]]:
    """The hour's objects and their lines; none of them of an erased person any more."""

    def unpacked(where: Path) -> tuple[list[ObjectInfo], list[DecodedObject]]:
        where.mkdir()
        objects = sorted(lake.list(keys.raw_prefix(hour)), key=lambda each: each.key)
        return objects, unpack(lake, objects, hour, where, max_object_bytes)

    objects, decoded = unpacked(folder / "lines")
    try:
        named = objects_with_erased(connection, decoded, stones)
    except _BAD_LINE:
        named = [each.key for each in decoded]  # some line is damaged: each object is looked at by itself
    if not named or not rewrite(lake, named, hour, stones):
        return objects, decoded
    shutil.rmtree(folder / "lines")
    return unpacked(folder / "lines anew")


def _local_parquet(
    connection: duckdb.DuckDBPyConnection,
    decoded: Sequence[DecodedObject],
    hour: datetime,
    registry: Registry,
    folder: Path,
    kept: Kept,
) -> tuple[dict[str, Path | None], dict[str, int]]:
    """Table → its rows of the hour as a local Parquet file, None where there are none; and client → lines
    that were not read, because what they are of is not kept any more.

    Where some line is not what the contract promises, it is found line by line, and becomes a quarantined
    line in its place, so that the numbers of the others stay true.
    """
    owner = owner_of(registry.histories.values())
    try:
        if judge_lines(connection, decoded, owner):
            return _rest_of(connection, decoded, hour, registry, folder, kept)
    except _BAD_LINE:
        pass  # which line it was, only a look at each can tell
    for file in files_of(decoded):
        decode.mend_lines(Path(file), hour, [each.key for each in decoded])
    judge_lines(connection, decoded, owner)
    return _rest_of(connection, decoded, hour, registry, folder, kept)


def _rest_of(
    connection: duckdb.DuckDBPyConnection,
    decoded: Sequence[DecodedObject],
    hour: datetime,
    registry: Registry,
    folder: Path,
    kept: Kept,
) -> tuple[dict[str, Path | None], dict[str, int]]:
    """The rows of judged lines, but for those that are not to be read."""
    expired = expired_lines(connection, kept) if kept.refused else {}
    if expired:
        decoded = without_expired(connection, decoded, kept)
        judge_lines(connection, decoded, owner_of(registry.histories.values()))
    return _write_rows(connection, decoded, hour, registry, folder), expired


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
        run(connection, "COPY ({query}) TO $path ({parquet})", given, query=query, parquet=PARQUET)
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
            parquet=PARQUET,
        )
    return files


def _restated(connection: duckdb.DuckDBPyConnection, files: HourFiles, file: HourFile, folder: Path) -> Path:
    """An hour's events with the marks of `flips`, as the file that ingesting it would have made."""
    path = folder / "restated.parquet"
    run(
        connection,
        """
        COPY (
            SELECT {columns} FROM (
                SELECT e.* REPLACE (coalesce(f.is_duplicate, e.is_duplicate) AS is_duplicate)
                FROM ({rows}) AS e
                LEFT JOIN (
                    SELECT object_key, line_number, is_duplicate FROM flips WHERE received_hour = $hour
                ) AS f USING (object_key, line_number)
            )
            ORDER BY {order}
        ) TO $path ({parquet})
        """,
        {"hour": file.hour, "path": str(path)},
        columns=names(COLUMN_TYPES["events"]),
        rows=rows_of(file, files),
        order=ORDER["events"],
        parquet=PARQUET,
    )
    return path


def _put_events(
    connection: duckdb.DuckDBPyConnection, files: HourFiles, hour: datetime, path: Path | None
) -> HourFile | None:
    """Put the hour's Parquet where Athena, Spark and Trino look for it."""
    if path is None:
        return None
    rows = run(connection, "SELECT num_rows FROM parquet_file_metadata(?)", [str(path)]).fetchone()
    assert rows is not None, "it was just written"
    return files.put(hour, path, int(rows[0]), COLUMN_TYPES["events"])


def _put_quarantine(lake: ObjectStore, hour: datetime, path: Path | None) -> None:
    """The same of what could not become an event; what is no longer there goes away."""
    if path is None:
        lake.delete(keys.quarantine_object(hour))
    else:
        lake.put(keys.quarantine_object(hour), path.read_bytes())


def _remove_strangers(lake: ObjectStore, hour: datetime, file: HourFile | None) -> None:
    """What else lies where the hour's events lie: of an attempt that failed, of a warehouse that was lost."""
    for info in list(lake.list(keys.events_prefix(hour))):
        if file is None or info.key != file.key:
            lake.delete(info.key)
