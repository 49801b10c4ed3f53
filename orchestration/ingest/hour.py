"""One hour, whole: raw objects of the lake → `ingest.events`, `ingest.quarantine`, `ingest.hours`.

Rebuilds the hour from what lies in the lake, so it may run in any order, any number of times, with the
same result. DuckDB reads local files; the store port moves objects. Damage is looked for first: DuckDB
would turn a bad line into NULLs and lose the tail of a truncated object without a word.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from footfall import keys
from footfall.store import NotFound, ObjectInfo, ObjectStore
from orchestration.ingest import decode
from orchestration.ingest.schema import TABLES, create_statements

#: How far apart two receipts of one event id may lie and still be the same event. Segment uses a day;
#: a phone that was offline over a weekend needs more. A longer window reads more hours at each ingest.
DEDUPLICATION_WINDOW = timedelta(days=7)


@dataclass(frozen=True)
class HourCounts:
    """What lay in an hour and what became of it. Conservation: lines = kept + duplicates + quarantined."""

    hour: datetime
    objects: int
    bytes: int
    lines: int
    kept: int
    duplicates: int
    quarantined: int

    @property
    def is_conserved(self) -> bool:
        """Whether every line is accounted for."""
        return self.lines == self.kept + self.duplicates + self.quarantined


def ingest_hours(
    connection: duckdb.DuckDBPyConnection,
    lake: ObjectStore,
    hours: Iterable[datetime],
    *,
    max_object_bytes: int = decode.MAX_OBJECT_BYTES,
) -> list[HourCounts]:
    """Rebuild each hour and its Parquet in the lake. Returns the counts of the hours asked for.

    An hour in which another one's events changed what is a duplicate is written again as well. Each hour
    is one transaction: a failure leaves earlier hours whole and later ones as they were. An object that
    decompresses to more than `max_object_bytes` is set aside.
    """
    for statement in create_statements():
        connection.execute(statement)
    asked = list(hours)
    for hour in asked:
        _replace_hour(connection, lake, hour, max_object_bytes)
    return [_counts(connection, hour) for hour in asked]


def listing_digest(objects: list[ObjectInfo]) -> str:
    """A digest of what lies in an hour; an object that lands late changes it."""
    listing = "\n".join(f"{o.key} {o.size}" for o in sorted(objects, key=lambda o: o.key))
    return hashlib.sha256(listing.encode()).hexdigest()


def _replace_hour(
    connection: duckdb.DuckDBPyConnection, lake: ObjectStore, hour: datetime, max_object_bytes: int
) -> None:
    """Replace the hour's rows and Parquet, and those of hours whose duplicates change with it."""
    objects = list(lake.list(keys.raw_prefix(hour)))
    with TemporaryDirectory(prefix="footfall-ingest-") as folder:
        decoded = [
            _decoded(lake, o, hour, Path(folder) / f"{n:06d}.ndjson", max_object_bytes)
            for n, o in enumerate(objects)
        ]
        _read_lines(connection, [d for d in decoded if d.lines], hour)
    connection.execute("BEGIN")
    try:
        changed = _swap_rows(connection, hour)
        connection.execute(
            "INSERT INTO ingest.hours VALUES (?, ?, ?, ?, 0, 0, 0, ?)",
            [
                hour,
                len(objects),
                sum(o.size for o in objects),
                sum(d.lines for d in decoded),
                listing_digest(objects),
            ],
        )
        for each in sorted({hour, *changed}):
            _recount(connection, each)
            # Before the commit: when this fails, doing the hour again finds the same changes again.
            _write_parquet(connection, lake, each)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _decoded(
    lake: ObjectStore, info: ObjectInfo, hour: datetime, path: Path, max_bytes: int
) -> decode.DecodedObject:
    try:
        data = lake.get(info.key)
    except NotFound:
        return decode.unreadable_object(info.key, hour, "deleted between listing and reading", path)
    return decode.decode_object(info.key, data, hour, path, max_bytes)


def _read_lines(
    connection: duckdb.DuckDBPyConnection, decoded: list[decode.DecodedObject], hour: datetime
) -> None:
    """Fill the temporary table `lines`: a row a line, with its object and its number in it from 1."""
    try:
        _insert_lines(connection, decoded)
        is_sound = _is_sound(connection, sum(each.lines for each in decoded))
    except duckdb.Error:
        is_sound = False
    if not is_sound:
        # Some line is not what the contract promises. Find out which, line by line; each becomes a
        # quarantined line in its place, so that the numbers of the others stay true.
        for each in decoded:
            decode.mend_lines(each, hour)
        _insert_lines(connection, decoded)


def _is_sound(connection: duckdb.DuckDBPyConnection, lines: int) -> bool:
    """Whether every line became a row, and every row is an event or something refused.

    DuckDB passes over an empty line, and makes a row of NULLs from an object without our fields.
    """
    found = connection.execute(
        f"SELECT count(*), count_if({_IS_EVENT} OR (kind = 'refused' AND reason IS NOT NULL)) FROM lines"
    ).fetchone()
    return found == (lines, lines)


def _insert_lines(connection: duckdb.DuckDBPyConnection, decoded: list[decode.DecodedObject]) -> None:
    line = ", ".join(f"{name} {kind}" for name, kind in decode.LINE_COLUMNS.items())
    connection.execute(f"CREATE OR REPLACE TEMP TABLE lines ({line}, object_key VARCHAR, line_number BIGINT)")
    if not decoded:
        return
    first = 0
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE objects (path VARCHAR, object_key VARCHAR, lines_before BIGINT)"
    )
    for each in decoded:
        connection.execute("INSERT INTO objects VALUES (?, ?, ?)", [str(each.path), each.key, first])
        first += each.lines
    names = ", ".join(decode.LINE_COLUMNS)
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in decode.LINE_COLUMNS.items())
    # Rows come in the order of the files and of the lines in them (preserve_insertion_order): counting
    # them gives each its number.
    connection.execute(
        f"""
        INSERT INTO lines
        SELECT {names}, object_key, n - lines_before
        FROM (
            SELECT *, row_number() OVER () AS n
            FROM read_json(
                ?, format = 'newline_delimited', records = true, columns = {{{columns}}}, filename = true,
                maximum_object_size = {decode.MAX_LINE_BYTES}
            )
        ) AS numbered
        JOIN objects ON objects.path = numbered.filename
        """,
        [[str(each.path) for each in decoded]],
    )


#: A line is an event when it says so and has what every event has.
_IS_EVENT = " AND ".join(
    (
        "kind = 'event'",
        *(f"{name} IS NOT NULL" for name in decode.EVENT_FIELDS),
        "json_type(event) = 'OBJECT'",
    )
)


def _swap_rows(connection: duckdb.DuckDBPyConnection, hour: datetime) -> set[datetime]:
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE touched_ids AS
        SELECT client_id, event_id FROM ingest.events WHERE received_hour = ?
        UNION
        SELECT client_id, event_id FROM lines WHERE {_IS_EVENT}
        """,
        [hour],
    )
    for table in ("events", "quarantine", "hours"):
        connection.execute(f"DELETE FROM ingest.{table} WHERE received_hour = ?", [hour])
    connection.execute(
        f"""
        INSERT INTO ingest.events BY NAME
        SELECT
            ? AS received_hour, client_id, site_id, event_id, type AS event_type, received_at, occurred_at,
            visitor_id, json_extract_string(event, '$.url') AS url, host, is_declared_host,
            json_extract_string(event, '$.title') AS title,
            json_extract_string(event, '$.referrer') AS referrer,
            user_agent, gpc, dnt, CAST(json_extract(event, '$.props') AS VARCHAR) AS props,
            CAST(event AS VARCHAR) AS payload, false AS is_duplicate, object_key, line_number
        FROM lines WHERE {_IS_EVENT}
        """,
        [hour],
    )
    connection.execute(
        f"""
        INSERT INTO ingest.quarantine ({", ".join(TABLES["quarantine"])})
        SELECT
            ?, client_id, site_id, received_at, reason, detail, body, object_key,
            CASE WHEN reason <> '{decode.UNREADABLE}' THEN line_number END
        FROM lines WHERE ({_IS_EVENT}) IS NOT TRUE
        """,
        [hour],
    )
    return _mark_duplicates(connection, hour)


def _mark_duplicates(connection: duckdb.DuckDBPyConnection, hour: datetime) -> set[datetime]:
    """The earliest receipt of (client, event id) within the window is kept, whatever came in first.

    Only rows that share an id with the hour, before or after its replacement, can change, and only in
    this hour or later ones.
    """
    changed = connection.execute(
        """
        WITH ranked AS (
            SELECT
                e.object_key, e.line_number, e.received_hour, e.received_at,
                lag(e.received_at) OVER (
                    PARTITION BY e.client_id, e.event_id ORDER BY e.received_at, e.object_key, e.line_number
                ) AS received_before
            FROM ingest.events AS e
            JOIN touched_ids AS t ON t.client_id = e.client_id AND t.event_id = e.event_id
            WHERE e.received_hour BETWEEN $hour - $window AND $hour + $window
        ),
        judged AS (
            SELECT *, coalesce(received_before > received_at - $window, false) AS is_duplicate FROM ranked
        )
        UPDATE ingest.events AS e
        SET is_duplicate = j.is_duplicate
        FROM judged AS j
        WHERE e.received_hour = j.received_hour
            AND e.object_key = j.object_key
            AND e.line_number = j.line_number
            AND e.received_hour >= $hour
            AND e.is_duplicate <> j.is_duplicate
        RETURNING e.received_hour
        """,
        {"hour": hour, "window": DEDUPLICATION_WINDOW},
    ).fetchall()
    return {row[0] for row in changed} - {hour}


def _recount(connection: duckdb.DuckDBPyConnection, hour: datetime) -> None:
    connection.execute(
        """
        UPDATE ingest.hours SET
            kept = (SELECT count(*) FROM ingest.events WHERE received_hour = $hour AND NOT is_duplicate),
            duplicates = (SELECT count(*) FROM ingest.events WHERE received_hour = $hour AND is_duplicate),
            quarantined = (SELECT count(*) FROM ingest.quarantine WHERE received_hour = $hour)
        WHERE received_hour = $hour
        """,
        {"hour": hour},
    )


def _counts(connection: duckdb.DuckDBPyConnection, hour: datetime) -> HourCounts:
    row = connection.execute(
        "SELECT objects, bytes, lines, kept, duplicates, quarantined "
        "FROM ingest.hours WHERE received_hour = ?",
        [hour],
    ).fetchone()
    assert row is not None, "the hour was just written"
    return HourCounts(hour, *row)


def _write_parquet(connection: duckdb.DuckDBPyConnection, lake: ObjectStore, hour: datetime) -> None:
    """The hour's events and quarantine as Parquet: sorted, fixed writer settings, same input same bytes."""
    order = {
        "events": "client_id, site_id, visitor_id, occurred_at, event_id, object_key, line_number",
        "quarantine": "object_key, line_number",
    }
    for table, key in (("events", keys.events_object(hour)), ("quarantine", keys.quarantine_object(hour))):
        counted = connection.execute(
            f"SELECT count(*) FROM ingest.{table} WHERE received_hour = ?", [hour]
        ).fetchone()
        if not counted or not counted[0]:
            lake.delete(key)
            continue
        with TemporaryDirectory(prefix="footfall-ingest-") as folder:
            path = Path(folder) / "part.parquet"
            connection.execute(
                f"COPY (SELECT * FROM ingest.{table} WHERE received_hour = ? ORDER BY {order[table]}) "
                f"TO '{path}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)",
                [hour],
            )
            lake.put(key, path.read_bytes())
