"""What lies beside lake and warehouse on this machine: spool, slices, caches, artefacts, texts of alerts."""

import fcntl
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from footfall.catalogue.state import HOME, Kind
from footfall.frames import frames, scan
from footfall.hours import floor
from footfall.keys import COMPUTE_LOGS
from footfall.spool_tail import segments
from footfall.store import NotFound, ObjectStore
from footfall.tombstones import Tombstones
from footfall.whole_files import written_beside
from orchestration.privacy.erasure_book import NAME
from orchestration.privacy.erasure_search import SHORTEST, Needles

#: Folders of what is made again or is history: a file of them that holds the person goes.
PASSING = ("slices", "dbt", "logs")
#: What Dagster notes of runs: databases of its own, and what steps print.
DAGSTER = "dagster"
#: What lies beside a database.
_BESIDE = ("-wal", "-shm", "-journal")
#: What is in place of an id in a text that stays.
GONE = "[erased]"
#: How old a segment may be: older ones wait for a lake that is away, and are looked at as well.
_SEGMENTS_SINCE = timedelta(days=3650)


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Hold a folder of the spool; False where a collector that runs has it."""
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)


def _segments_with(spool: Path, stones: Tombstones, now: datetime) -> list[Path]:
    return [
        each.path
        for each in segments(spool, now - _SEGMENTS_SINCE)
        if any(stones.erases(line) for line in each.lines().splitlines())
    ]


def clean_spool(
    spool: Path,
    stones: Tombstones,
    now: datetime,
    *,
    seconds: float,
    wait: Callable[[float], None] = time.sleep,
) -> tuple[set[datetime], list[Path]]:
    """Take the person out of segments that nobody writes, and wait until the collector has shipped its own.

    Returns hours of the segments that held him, and what still holds him after `seconds`.
    """
    hours: set[datetime] = set()
    give_up = time.monotonic() + seconds
    while True:
        left = _segments_with(spool, stones, now)
        for path in list(left):
            hours.add(_hour_of(path))
            with _held(path.parent) as is_ours:
                if is_ours:
                    _rewrite(path, stones)
                    left.remove(path)
        if not left or time.monotonic() >= give_up:
            return hours, left
        wait(1.0)


def _hour_of(path: Path) -> datetime:
    return datetime.strptime(path.name.partition("-")[0], "%Y%m%dT%H").replace(tzinfo=UTC)


def _rewrite(path: Path, stones: Tombstones) -> None:
    """The same frames without the person's lines: whole, under the same name."""
    with suppress(FileNotFoundError):
        found = scan(path.read_bytes())
        hour = _hour_of(path)
        part = written_beside(path, frames(stones.without(each, hour)[0] for each in found.payloads))
        part.replace(path)


def clean_folders(home: Path, needles: Needles) -> int:
    """Remove what is made again or is history and holds the person. Returns how many files went."""
    gone = 0
    for folder in (*PASSING, DAGSTER):
        for path in _files(home / folder):
            if _is_database(path) or path.name.endswith(_BESIDE):
                continue
            if needles.are_in_file(path):
                path.unlink(missing_ok=True)
                gone += 1
    return gone


def clean_history(home: Path, needles: Needles) -> int:
    """Take the person out of what Dagster notes of runs: previews of rows, errors. Returns how many cells."""
    return sum(_clean_database(path, needles) for path in _files(home / DAGSTER) if _is_database(path))


def clean_compute_logs(lake: ObjectStore, needles: Needles) -> int:
    """Remove what steps of runs printed of the person, where that lies in the lake. Returns how many went."""
    gone = 0
    for info in list(lake.list(COMPUTE_LOGS)):
        with suppress(NotFound):
            if needles.are_in(lake.get(info.key)):
                lake.delete(info.key)
                gone += 1
    return gone


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()] if folder.is_dir() else []


def _is_database(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(16) == b"SQLite format 3\0"
    except FileNotFoundError:
        return False


def clean_cache(cache: Path) -> int:
    """Remove all copies of the lake: they are fetched again. Returns how many files went."""
    found = [path for path in cache.rglob("*") if path.is_file()] if cache.is_dir() else []
    for each in cache.iterdir() if cache.is_dir() else ():
        shutil.rmtree(each, ignore_errors=True)
    return len(found)


def clean_databases(home: Path, needles: Needles) -> dict[str, int]:
    """Take the person out of texts of SQLite files (alerts, errors, answers). Returns file → cells."""
    done = {}
    for place in HOME:
        path = home / place.name
        if place.kind is not Kind.SQLITE or place.name == NAME or not path.exists():
            continue
        if cells := _clean_database(path, needles):
            done[place.name] = cells
    return done


def _clean_database(path: Path, needles: Needles) -> int:
    """By cells and not by the file's bytes: a long text lies there in pieces. Returns the changed ones."""
    beside = [path, *(path.with_name(path.name + end) for end in _BESIDE)]
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        connection.create_function(
            "cleaned", 1, lambda cell: needles.replaced(cell, GONE), deterministic=True
        )
        connection.execute("PRAGMA secure_delete = ON")
        columns = connection.execute(
            "SELECT m.name, c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c "
            "WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.sql NOT LIKE 'CREATE VIRTUAL%'"
        ).fetchall()
        cells = sum(_clean_column(connection, table, column) for table, column in columns)
        if cells or any(needles.are_in_file(each) for each in beside):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return cells


def _clean_column(connection: sqlite3.Connection, table: str, column: str) -> int:
    """Changed cells. Others write meanwhile, but while a column with a find is written."""
    place, of = (f'"{each.replace(chr(34), chr(34) * 2)}"' for each in (column, table))
    where = f"typeof({place}) = 'text' AND length({place}) >= {SHORTEST} AND cleaned({place}) <> {place}"
    if connection.execute(f"SELECT 1 FROM {of} WHERE {where} LIMIT 1").fetchone() is None:
        return 0
    changed = connection.execute(f"UPDATE OR REPLACE {of} SET {place} = cleaned({place}) WHERE {where}")
    connection.commit()
    return changed.rowcount


def recent(now: datetime, hours: int) -> list[datetime]:
    """The hours up to now, the running one included."""
    return [floor(now) - n * timedelta(hours=1) for n in range(hours)]
