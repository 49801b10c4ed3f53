"""An hour's stored rows in a copy of the lake: written anew without those that are not kept."""

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

import duckdb

from footfall import keys
from footfall.catalogue.ingested import COLUMN_TYPES
from footfall.sql import Sql, names, run, sql, text
from footfall.store import NotFound, ObjectStore
from footfall.tombstones import Tombstones
from footfall.whole_files import sha256_of
from orchestration.ingest.erased import drop_erased_events, drop_erased_refused
from orchestration.ingest.event_rows import ORDER, PARQUET
from orchestration.stored_hours import rows_in

_DROP_ERASED = {"events": drop_erased_events, "quarantine": drop_erased_refused}


def clean_stored(
    connection: duckdb.DuckDBPyConnection,
    store: ObjectStore,
    hour: datetime,
    stones: Tombstones,
    folder: Path,
    *,
    gone: Collection[str] = (),
    silent: Collection[str] = (),
) -> list[str]:
    """Take the rows of clients that are `gone` and of erased persons out of an hour's events and quarantine.

    Of `silent` clients the bytes of refused lines go. The new object is there before the old one goes.
    `folder`: for scratch, which the connection may read. Returns keys of what is damaged, and stays as it is.
    Raises StoreError.
    """
    damaged = []
    for table, prefix in (
        ("events", keys.events_prefix(hour)),
        ("quarantine", f"quarantine/{keys.hour_path(hour)}/"),
    ):
        for info in list(store.list(prefix)):
            if not _clean(connection, store, table, info.key, hour, stones, folder, gone, silent):
                damaged.append(info.key)
    return damaged


def _clean(
    connection: duckdb.DuckDBPyConnection,
    store: ObjectStore,
    table: str,
    key: str,
    hour: datetime,
    stones: Tombstones,
    folder: Path,
    gone: Collection[str],
    silent: Collection[str],
) -> bool:
    """Whether the object could be read, and is what its key says."""
    path, made = folder / "stored.parquet", folder / "kept.parquet"
    try:
        store.fetch(key, path)
    except NotFound:
        return True
    if not sha256_of(path).startswith(keys.digest_in(key) or ""):
        path.unlink()
        return False
    try:
        run(
            connection,
            "CREATE OR REPLACE TEMP TABLE copied_rows AS SELECT * FROM ({rows})",
            rows=_rows(connection, table, path),
        )
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error:
        path.unlink()
        return False
    changed = _deleted(connection, gone) + _DROP_ERASED[table](connection, "copied_rows", stones)
    if table == "quarantine":
        changed += _silenced(connection, silent)
    path.unlink()
    if not changed:
        return True
    if _count(connection):
        run(
            connection,
            "COPY (SELECT {columns} FROM copied_rows ORDER BY {order}) TO $path ({parquet})",
            {"path": str(made)},
            columns=names(COLUMN_TYPES[table]),
            order=ORDER[table],
            parquet=PARQUET,
        )
        new = keys.events_object(hour, sha256_of(made)) if table == "events" else key
        store.put(new, made.read_bytes())
        made.unlink()
        if new == key:
            return True
    store.delete(key)
    return True


def _rows(connection: duckdb.DuckDBPyConnection, table: str, path: Path) -> Sql:
    if table == "quarantine":
        return sql("SELECT * FROM read_parquet({path}, hive_partitioning = false)", path=text(str(path)))
    found = run(
        connection, "SELECT name FROM parquet_schema(?) WHERE type IS NOT NULL", [str(path)]
    ).fetchall()
    return rows_in([str(path)], ",".join(column for (column,) in found))


def _deleted(connection: duckdb.DuckDBPyConnection, gone: Collection[str]) -> int:
    before = _count(connection)
    run(
        connection,
        "DELETE FROM copied_rows WHERE list_contains($gone, client_id)",
        {"gone": sorted(gone)},
    )
    return before - _count(connection)


def _silenced(connection: duckdb.DuckDBPyConnection, silent: Collection[str]) -> int:
    which = sql("list_contains($silent, client_id) AND (body IS NOT NULL OR detail IS NOT NULL)")
    given = {"silent": sorted(silent)}
    found = run(connection, "SELECT count(*) FROM copied_rows WHERE {which}", given, which=which).fetchone()
    run(
        connection,
        "UPDATE copied_rows SET body = NULL, detail = NULL, redactions = NULL WHERE {which}",
        given,
        which=which,
    )
    return int(found[0]) if found else 0


def _count(connection: duckdb.DuckDBPyConnection) -> int:
    found = run(connection, "SELECT count(*) FROM copied_rows").fetchone()
    return int(found[0]) if found else 0
