"""All reading of published tables: the files of a client's table, and up to where they are complete.

Nothing else of the API knows how tables are published. A client's database may read its files alone. An
answer is made of one Reading, so that all of it is of one snapshot.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from api.deadlines import Deadlines
from api.kept_rows import KeptRows, Rows
from api.problems import Problem
from footfall import keys
from footfall.catalogue.tables import PUBLISHED
from footfall.described import table_columns
from footfall.errors import FootfallError
from footfall.file_cache import FileCache
from footfall.hours import HOUR
from footfall.published.documents import DamagedFile, PublishedTable, Snapshot
from footfall.published.opening import Expired, NothingPublished, open_snapshot
from footfall.published.tables import Tables as OpenTables
from footfall.sql import Sql, confine, joined, kind, name, open_database, run, sql
from footfall.store import LocalStore, ObjectStore, StoreError

T = TypeVar("T")
#: Seconds for which a snapshot is believed to be current. Shorter: fresher by that; on S3 two requests a
#: question.
SNAPSHOT_SECONDS = 5.0
#: Days back in which the newest hour of the lake is looked for before the API says that it knows none.
LOOK_DAYS = 35
#: What is remembered of a snapshot at most.
MOST_KNOWN = 1000
#: Threads of a client's database, for questions about many rows, and for those about one visitor: what is
#: shared out among threads costs a few rows a third more.
THREADS, LOOKUP_THREADS = 2, 1
#: Memory for those about one visitor: a part of what a client may use, and no less than so many bytes. Lower:
#: more visitors are of so many pages that they are looked for twice; higher: more of a machine on which many
#: clients ask at once.
LOOKUP_SHARE, LOOKUP_BYTES = 4, 32 << 20
NAMES = frozenset(table.name for table in PUBLISHED)


@dataclass(frozen=True)
class _Looked:
    """A snapshot, when the lake was last asked for it, and when it last said that this one is current."""

    asked: float
    seen: float
    seen_at: datetime
    snapshot: Snapshot | None


class Tables:
    """The published tables of all clients. May be used by several threads."""

    def __init__(
        self,
        lake: ObjectStore,
        cache_of: Callable[[str], FileCache],
        *,
        seconds: int,
        memory_bytes: int,
        stale_seconds: int,
    ) -> None:
        """`cache_of`: client → its copies of a lake that is no folder. A question may take `seconds`, those
        of a client together `memory_bytes`, and those about its single visitors a quarter of that.
        `stale_seconds`: how long what was read last may stand in where
        the lake does not answer.
        """
        self._lake = lake
        self._cache_of = cache_of
        self._seconds = seconds
        self._deadlines = Deadlines(seconds)
        self._memory_bytes = memory_bytes
        self._stale_seconds = stale_seconds
        self._lock = threading.Lock()
        self._databases: dict[tuple[str, int], duckdb.DuckDBPyConnection] = {}
        self._looked: dict[str, _Looked] = {}
        self._reached: tuple[float, datetime | None] = (0.0, None)
        self._answered: tuple[float, bool] = (0.0, True)
        self._known: dict[str, tuple[object, dict[Hashable, Any]]] = {}
        self.rows = KeptRows()

    def of(self, client_id: str) -> "Reading":
        """The tables of a client as they are now. Raises StoreError, FootfallError."""
        found, is_current = self._look(client_id)
        return Reading(self, client_id, found.snapshot, None if is_current else found.seen_at)

    def answers(self) -> bool:
        """Whether the lake does; asked once in a few seconds, however often that is."""
        at, found = self._answered
        if not at or time.monotonic() - at > SNAPSHOT_SECONDS:
            try:
                self.newest_hour()
                found = True
            except FootfallError:
                found = False
            self._answered = (time.monotonic(), found)
        return found

    @contextmanager
    def database(self, client_id: str, threads: int = THREADS) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor on a database that reads files of this client only. Raises Problem where it is too big."""
        cursor = self._database(client_id, threads).cursor()
        try:
            with self._deadlines.within(cursor.interrupt):
                yield cursor
        except duckdb.InterruptException:
            raise Problem("too_slow", f"it took more than {self._seconds} s") from None
        except duckdb.OutOfMemoryException:
            raise Problem(
                "too_large", f"it takes more than {self._memory(threads) >> 20} MB of memory"
            ) from None
        finally:
            cursor.close()

    def opened(
        self, client_id: str, snapshot: Snapshot, connection: duckdb.DuckDBPyConnection | None = None
    ) -> OpenTables:
        """The tables of a snapshot. Only who asks for a visitor needs a connection: the index is read."""
        connection = connection or self._database(client_id, THREADS)
        return OpenTables(self._lake, snapshot, self._cache_of(client_id), connection)

    @contextmanager
    def still_there(self, client_id: str) -> Iterator[None]:
        """Raises Problem where files are gone: then the next question looks at what is published anew."""
        try:
            yield
        except (Expired, DamagedFile):
            self._looked.pop(client_id, None)
            raise Problem("unavailable", "the tables are being published anew") from None

    def known(self, client_id: str, snapshot: Snapshot | None) -> dict[Hashable, Any]:
        """What was found out of this snapshot, to be added to; an earlier one's is forgotten."""
        which = which_of(snapshot)
        found = self._known.get(client_id)
        if found is not None and found[0] != which:
            self.rows.forget(client_id)
        if found is None or found[0] != which or len(found[1]) >= MOST_KNOWN:
            found = self._known[client_id] = (which, {})
        return found[1]

    def newest_hour(self) -> datetime | None:
        """The end of the newest hour whose events are in the lake. Raises StoreError."""
        at, reached = self._reached
        if not at or time.monotonic() - at > SNAPSHOT_SECONDS:
            reached = self._newest_hour()
            self._reached = (time.monotonic(), reached)
        return reached

    def forget(self) -> None:
        """Look at what is published anew with the next question."""
        self._looked.clear()
        self._reached = (0.0, None)
        self._answered = (0.0, True)

    def close(self) -> None:
        """Close every database."""
        self._deadlines.close()
        with self._lock:
            for database in self._databases.values():
                database.close()
            self._databases.clear()

    def _database(self, client_id: str, threads: int) -> duckdb.DuckDBPyConnection:
        with self._lock:
            found = self._databases.get((client_id, threads))
            if found is None:
                found = self._databases[client_id, threads] = self._made(client_id, threads)
            return found

    def _made(self, client_id: str, threads: int) -> duckdb.DuckDBPyConnection:
        folder = self.folder(client_id)
        folder.mkdir(parents=True, exist_ok=True)
        database = open_database(
            memory_limit=f"{self._memory(threads)}B", threads=str(threads), max_temp_directory_size="0B"
        )
        run(database, "SET TimeZone = 'UTC'")
        run(database, "SET parquet_metadata_cache = true")
        confine(database, folder)
        run(database, "SET lock_configuration = true")
        return database

    def _memory(self, threads: int) -> int:
        if threads != LOOKUP_THREADS:
            return self._memory_bytes
        return max(LOOKUP_BYTES, self._memory_bytes // LOOKUP_SHARE)

    def folder(self, client_id: str) -> Path:
        """Where the client's files lie, and nothing else."""
        if isinstance(self._lake, LocalStore):
            return self._lake.root / keys.published_prefix(client_id)
        return self._cache_of(client_id).folder

    def _look(self, client_id: str) -> tuple[_Looked, bool]:
        """What is published, and whether the lake says so now."""
        now = time.monotonic()
        found = self._looked.get(client_id)
        if found is not None and now - found.asked <= SNAPSHOT_SECONDS:
            return found, found.asked == found.seen
        try:
            snapshot = open_snapshot(self._lake, client_id)
        except NothingPublished:
            snapshot = None
        except StoreError:
            if found is None or now - found.seen > self._stale_seconds:
                raise
            found = self._looked[client_id] = replace(found, asked=now)
            return found, False
        found = self._looked[client_id] = _Looked(now, now, datetime.now(UTC), snapshot)
        return found, True

    def _newest_hour(self) -> datetime | None:
        """The end of the newest hour whose events are in the lake."""
        day = datetime.now(UTC).date()
        for back in range(LOOK_DAYS):
            prefix = f"events/dt={day - timedelta(days=back)}/"
            hours = [info.key.removeprefix(prefix)[5:7] for info in self._lake.list(prefix)]
            if hours:
                start = f"{day - timedelta(days=back)}T{max(hours)}:00+00:00"
                return datetime.fromisoformat(start) + HOUR
        return None


def which_of(snapshot: Snapshot | None) -> object:
    """What tells a snapshot of a client from its others."""
    return (snapshot.number, snapshot.previous) if snapshot else None


@dataclass(frozen=True)
class Reading:
    """The published tables of a client as of one snapshot."""

    tables: Tables
    client_id: str
    snapshot: Snapshot | None
    #: Where the lake does not answer: when it last said that this snapshot is current.
    stale_since: datetime | None

    def source(self, table: str) -> str:
        """A sha256 over those of the files that a table has; empty where nothing is published."""
        found = self.snapshot.tables.get(table) if self.snapshot else None
        if found is None:
            return ""
        return hashlib.sha256("\n".join(file.sha256 for file in found.files).encode()).hexdigest()

    def relation(self, table: str, first: date | None = None, last: date | None = None) -> Sql:
        """The rows of a table as SQL that stands behind FROM; none where nothing is published.

        Days that are enough for the question may be named; of a table that lies by row they count for
        nothing. Raises Problem where it has expired.
        """
        if self.snapshot is None or table not in self.snapshot.tables:
            return _nothing_of(table)
        published = self.snapshot.tables[table]
        days = (first, last) if published.day is not None else (None, None)
        opened = self.tables.opened(self.client_id, self.snapshot)
        with self.tables.still_there(self.client_id):
            return _with_later(table, published, opened.select(table, *days))

    def of_visitor(
        self, visitor: str, read: Callable[[duckdb.DuckDBPyConnection, Callable[[str], Sql]], T]
    ) -> T:
        """What `read` makes of a cursor, and of the rows that a table has of a visitor, which are given as
        `relation` gives those of all. It is called again where that takes more memory than most visitors do.

        Raises Problem as `database` and `relation` do.
        """
        try:
            return self._of_visitor(visitor, read, LOOKUP_THREADS)
        except Problem as problem:
            if problem.code != "too_large":
                raise
        return self._of_visitor(visitor, read, THREADS)

    def _of_visitor(
        self,
        visitor: str,
        read: Callable[[duckdb.DuckDBPyConnection, Callable[[str], Sql]], T],
        threads: int,
    ) -> T:
        with self.tables.database(self.client_id, threads) as connection:
            snapshot = self.snapshot
            opened = self.tables.opened(self.client_id, snapshot, connection) if snapshot else None

            def rows(table: str) -> Sql:
                if opened is None or table not in opened.snapshot.tables:
                    return _nothing_of(table)
                with self.tables.still_there(self.client_id):
                    return _with_later(table, opened.table(table), opened.select(table, visitor=visitor))

            return read(connection, rows)

    def complete_through(self) -> datetime | None:
        """Up to where ingest has come, UTC: by what is published, or by the lake. None where neither says."""
        if self.snapshot is not None and self.snapshot.complete_through:
            return datetime.fromisoformat(self.snapshot.complete_through)
        return self.tables.newest_hour()

    def once(self, what: Hashable, find: Callable[[], T]) -> T:
        """What `find` gives, which the tables alone decide: once of each snapshot. Raises as it does."""
        known = self.tables.known(self.client_id, self.snapshot)
        if what not in known:
            known[what] = find()
        found: T = known[what]
        return found

    def kept(self, what: Hashable, find: Callable[[], Rows], most: int) -> Rows:
        """The same of rows, where there are so many at most, and room beside other clients'. Nobody changes
        them.
        """
        self.tables.known(self.client_id, self.snapshot)  # an earlier snapshot's are forgotten
        which = which_of(self.snapshot)
        there = self.tables.rows.get(self.client_id, which, what)
        if there is not None:
            return there
        found = find()
        if len(found) <= most:
            self.tables.rows.put(self.client_id, which, what, found)
        return found

    def database(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """A cursor on the client's database. Raises Problem where a question is too big, or too slow."""
        return self.tables.database(self.client_id)


def _nothing_of(table: str) -> Sql:
    empty = joined(
        ", ",
        (
            sql("CAST(NULL AS {k}) AS {n}", k=kind(c.kind), n=name(c.name))
            for c in table_columns(table).values()
        ),
    )
    return sql("(SELECT {columns} LIMIT 0)", columns=empty)


def _with_later(table: str, published: PublishedTable, rows: Sql) -> Sql:
    """With the columns that came with an upgrade, until the next run publishes them."""
    later = [c for c in table_columns(table).values() if c.name not in published.columns]
    if not later:
        return sql("({rows})", rows=rows)
    nulls = joined(", ", (sql("CAST(NULL AS {k}) AS {n}", k=kind(c.kind), n=name(c.name)) for c in later))
    return sql("(SELECT *, {nulls} FROM ({rows}) AS published)", nulls=nulls, rows=rows)
