"""Hours of which something is not kept any more: what ingest reads of them, and what it takes from before.

A client's lines of an hour before its horizon are not read, whoever brings them. Where raw lines go earlier
than events, the rows that the hour has of the client are all there is: they stay, whatever else comes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import duckdb

from footfall import keys
from footfall.catalogue.ingested import COLUMN_TYPES
from footfall.hour_files import HourFile, HourFiles
from footfall.sql import Sql, joined, names, run, sql, text
from footfall.store import NotFound, ObjectStore
from footfall.tombstones import Tombstones
from footfall.whole_files import sha256_of
from orchestration.ingest.decode import DecodedObject, without_lines
from orchestration.ingest.erased import drop_erased_events, drop_erased_refused
from orchestration.ingest.event_rows import ORDER, PARQUET
from orchestration.stored_hours import read_files, rows_of

#: Kind of incident: lines of days that are not kept came, and were not read.
EXPIRED = "expired_lines"
_DROP_ERASED = {"events": drop_erased_events, "quarantine": drop_erased_refused}


@dataclass(frozen=True)
class Kept:
    """What is kept of an hour, by client. `refused`: lines are not read. `stored`: of these, who has rows all
    the same. `silent`: the bytes of refused lines are gone.
    """

    refused: frozenset[str] = frozenset()
    stored: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()

    @property
    def is_all(self) -> bool:
        """Whether nothing of the hour has gone."""
        return not (self.refused or self.silent)


def kept_of(connection: duckdb.DuckDBPyConnection, hour: datetime) -> Kept:
    """What is kept of an hour."""
    found = run(
        connection,
        "SELECT client_id, coalesce(greatest(raw_from, events_from) > $hour, false), "
        "coalesce(events_from > $hour, false), "
        "coalesce(greatest(quarantine_from, events_from) > $hour, false) FROM ingest.horizons",
        {"hour": hour},
    ).fetchall()
    return Kept(
        frozenset(client for client, raw, _, _ in found if raw),
        frozenset(client for client, raw, events, _ in found if raw and not events),
        frozenset(client for client, _, _, quarantine in found if quarantine),
    )


def expired_lines(connection: duckdb.DuckDBPyConnection, kept: Kept) -> dict[str, int]:
    """Client → lines in `judged` that are not to be read."""
    found = run(
        connection,
        "SELECT client_id, count(*) FROM judged WHERE list_contains($refused, client_id) GROUP BY 1",
        {"refused": sorted(kept.refused)},
    ).fetchall()
    return {client: int(lines) for client, lines in found}


def without_expired(
    connection: duckdb.DuckDBPyConnection, decoded: Sequence[DecodedObject], kept: Kept
) -> list[DecodedObject]:
    """The objects, and their files, without the lines that are not to be read.

    `judged` knows whose each is.
    """
    rows = run(
        connection,
        "SELECT object, n FROM judged WHERE list_contains($refused, client_id)",
        {"refused": sorted(kept.refused)},
    ).fetchall()
    gone: dict[int, set[int]] = {}
    for number, line in rows:
        gone.setdefault(number, set()).add(line)
    for path in {decoded[number].path for number in gone}:
        without_lines(path, gone)
    return [
        replace(each, lines=each.lines - len(gone.get(number, ()))) for number, each in enumerate(decoded)
    ]


def with_stored(
    connection: duckdb.DuckDBPyConnection,
    files: HourFiles,
    hour: datetime,
    made: dict[str, Path | None],
    kept: Kept,
    folder: Path,
    stones: Tombstones,
) -> dict[str, Path | None]:
    """What was made of an hour's lines, and the rows that it has of clients whose lines are gone.

    Rows of erased persons are left out: no raw object says any more that they were theirs. The temporary
    tables `fates`, `objects` and `flips` are completed.
    """
    before = {
        "events": _stored_events(connection, files, hour) if kept.stored else None,
        "quarantine": _stored_quarantine(files.lake, hour, folder) if kept.stored else None,
    }
    found: dict[str, Path | None] = {}
    for table, rows in before.items():
        columns = COLUMN_TYPES[table]
        sources = [_selected(table, path) for path in [made[table]] if path is not None]
        if rows is not None:
            stored = sql(
                "SELECT {columns} FROM ({rows}) WHERE list_contains($stored, client_id)",
                columns=names(columns),
                rows=rows,
            )
            given = {"stored": sorted(kept.stored)}
            run(connection, "CREATE OR REPLACE TEMP TABLE stored_rows AS {rows}", given, rows=stored)
            _DROP_ERASED[table](connection, "stored_rows", stones)
            _count(connection, table)
            sources.append(sql("SELECT {columns} FROM stored_rows", columns=names(columns)))
        found[table] = _written(connection, table, sources, kept, folder) if sources else None
    run(
        connection,
        "DELETE FROM flips WHERE list_contains($stored, client_id)",
        {"stored": sorted(kept.stored)},
    )
    return found


def silence(connection: duckdb.DuckDBPyConnection, lake: ObjectStore, hour: datetime, folder: Path) -> None:
    """Take the bytes of refused lines that are not kept out of an hour's quarantine, and leave all else.

    The lake first: who dies in between finds the warehouse as it was, and does it again. Raises StoreError.
    """
    kept = kept_of(connection, hour)
    rows = _stored_quarantine(lake, hour, folder)
    path = _written(connection, "quarantine", [rows], kept, folder) if rows is not None else None
    if path is not None:
        lake.put(keys.quarantine_object(hour), path.read_bytes())
        path.unlink()
    run(
        connection,
        "UPDATE ingest.quarantine SET body = NULL, detail = NULL, redactions = NULL "
        "WHERE received_hour = $hour AND list_contains($silent, client_id)",
        {"hour": hour, "silent": sorted(kept.silent)},
    )


def _selected(table: str, path: Path) -> Sql:
    return sql(
        "SELECT {columns} FROM read_parquet({path})", columns=names(COLUMN_TYPES[table]), path=text(str(path))
    )


def _written(
    connection: duckdb.DuckDBPyConnection, table: str, sources: list[Sql], kept: Kept, folder: Path
) -> Path | None:
    rows = joined(" UNION ALL ", sources)
    has = run(connection, "SELECT 1 FROM ({rows}) LIMIT 1", rows=rows).fetchone()
    if has is None:
        return None
    path = folder / f"{table}-kept.parquet"
    shown = sql("SELECT * FROM ({rows})", rows=rows)
    given: dict[str, object] = {"path": str(path)}
    if table == "quarantine":
        given["silent"] = sorted(kept.silent)
        shown = sql(
            "SELECT * REPLACE ("
            "CASE WHEN list_contains($silent, client_id) THEN NULL ELSE body END AS body, "
            "CASE WHEN list_contains($silent, client_id) THEN NULL ELSE detail END AS detail, "
            "CASE WHEN list_contains($silent, client_id) THEN NULL ELSE redactions END AS redactions"
            ") FROM ({rows})",
            rows=rows,
        )
    run(
        connection,
        "COPY (SELECT * FROM ({shown}) ORDER BY {order}) TO $path ({parquet})",
        given,
        shown=shown,
        order=ORDER[table],
        parquet=PARQUET,
    )
    return path


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """Add `stored_rows` to the receipts and to the objects that they are of, which may be gone."""
    fate = sql("reason, 0, 0, count(*), 0")
    if table == "events":
        fate = sql("NULL, count_if(NOT is_duplicate), count_if(is_duplicate), 0, 0")
    run(
        connection,
        "INSERT INTO fates (client_id, site_id, reason, kept, duplicates, quarantined, erased) "
        "SELECT client_id, site_id, {fate} FROM stored_rows GROUP BY ALL",
        fate=fate,
    )
    run(
        connection,
        "UPDATE objects SET lines = lines + more FROM "
        "(SELECT object_key AS key, count(*) AS more FROM stored_rows GROUP BY 1) WHERE object_key = key",
    )
    run(
        connection,
        "INSERT INTO objects SELECT NULL, object_key, 0, count(*) FROM stored_rows "
        "ANTI JOIN objects USING (object_key) WHERE object_key IS NOT NULL GROUP BY object_key",
    )


def _stored_events(connection: duckdb.DuckDBPyConnection, files: HourFiles, hour: datetime) -> Sql | None:
    """SQL of the rows that an hour has, by the warehouse, or by the lake where the warehouse was lost."""
    found = read_files(connection, [hour]) or _lying(connection, files, hour)
    return rows_of(found[0], files) if found else None


def _lying(connection: duckdb.DuckDBPyConnection, files: HourFiles, hour: datetime) -> list[HourFile]:
    """What lies in the hour's folder. A run that died may have left two: both have the rows asked for."""
    for info in sorted(files.lake.list(keys.events_prefix(hour)), key=lambda each: each.key):
        path = files.fetched(info.key)
        rows = run(connection, "SELECT num_rows FROM parquet_file_metadata(?)", [str(path)]).fetchone()
        columns = run(
            connection, "SELECT name FROM parquet_schema(?) WHERE type IS NOT NULL", [str(path)]
        ).fetchall()
        listed = ",".join(column for (column,) in columns if column in COLUMN_TYPES["events"])
        return [HourFile(hour, info.key, sha256_of(path), info.size, int(rows[0]) if rows else 0, listed)]
    return []


def _stored_quarantine(lake: ObjectStore, hour: datetime, folder: Path) -> Sql | None:
    path = folder / "quarantine-before.parquet"
    try:
        path.write_bytes(lake.get(keys.quarantine_object(hour)))
    except NotFound:
        return None
    return sql("SELECT * FROM read_parquet({path}, hive_partitioning = false)", path=text(str(path)))
