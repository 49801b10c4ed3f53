"""All reading of published tables: the files of a client's table, and up to where they are complete.

Nothing else of the API knows how tables are published. Files are copied once into the folder of the client,
which is all that the client's database may read.
"""

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from api.problems import Problem
from footfall.catalogue.tables import PUBLISHED
from footfall.described import table_columns
from footfall.hours import HOUR
from footfall.published import Published, current
from footfall.sql import Sql, confine, joined, kind, name, open_database, run, sql, texts
from footfall.store import NotFound, ObjectStore

#: Seconds for which a pointer is believed. Shorter: fresher by that; on S3 a request a question and table.
POINTER_SECONDS = 5.0
#: Days back in which the newest hour of the lake is looked for before the API says that it knows none.
LOOK_DAYS = 35
NAMES = frozenset(table.name for table in PUBLISHED)


class Tables:
    """The published tables of all clients. May be used by several threads."""

    def __init__(self, lake: ObjectStore, folder: Path, *, seconds: int, memory_bytes: int) -> None:
        """`folder`: of copies. A question may take `seconds`, those of a client together `memory_bytes`."""
        self._lake = lake
        self._folder = folder
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self._lock = threading.Lock()
        self._databases: dict[str, duckdb.DuckDBPyConnection] = {}
        self._pointers: dict[tuple[str, str], tuple[float, Published | None]] = {}
        self._reached: tuple[float, datetime | None] = (0.0, None)

    def source(self, client_id: str, table: str) -> str:
        """The sha256 of what is published of a table now; empty where nothing is."""
        found = self._current(client_id, table)
        return found.sha256 if found else ""

    def relation(
        self,
        client_id: str,
        table: str,
        _first: date | None = None,
        _last: date | None = None,
    ) -> Sql:
        """The rows of a client's table as SQL that stands behind FROM; without a copy it has none.

        Days that are enough for the question may be named; more may be there.
        """
        found = self._current(client_id, table)
        if found is None:
            columns = table_columns(table).values()
            empty = joined(
                ", ", (sql("CAST(NULL AS {k}) AS {n}", k=kind(c.kind), n=name(c.name)) for c in columns)
            )
            return sql("(SELECT {columns} LIMIT 0)", columns=empty)
        return sql("read_parquet([{files}])", files=texts([str(self._file(client_id, found))]))

    def complete_through(self) -> datetime | None:
        """Up to where ingest has come, UTC; None where it has not begun."""
        at, reached = self._reached
        if not at or time.monotonic() - at > POINTER_SECONDS:
            reached = self._newest_hour()
            self._reached = (time.monotonic(), reached)
        return reached

    @contextmanager
    def database(self, client_id: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor on a database that reads files of this client only. Raises Problem where it is too big."""
        with self._lock:
            database = self._databases.get(client_id)
            if database is None:
                database = self._databases[client_id] = self._opened(client_id)
            cursor = database.cursor()
        timer = threading.Timer(self._seconds, cursor.interrupt)
        timer.start()
        try:
            yield cursor
        except duckdb.InterruptException:
            raise Problem("too_slow", f"it took more than {self._seconds} s") from None
        except duckdb.OutOfMemoryException:
            raise Problem(
                "too_large", f"it takes more than {self._memory_bytes >> 20} MB of memory"
            ) from None
        finally:
            timer.cancel()
            cursor.close()

    def forget(self) -> None:
        """Look at what is published anew with the next question."""
        self._pointers.clear()
        self._reached = (0.0, None)

    def close(self) -> None:
        """Close every database."""
        with self._lock:
            for database in self._databases.values():
                database.close()
            self._databases.clear()

    def _opened(self, client_id: str) -> duckdb.DuckDBPyConnection:
        folder = self._folder / client_id
        folder.mkdir(parents=True, exist_ok=True)
        database = open_database(
            memory_limit=f"{self._memory_bytes}B", threads="2", max_temp_directory_size="0B"
        )
        run(database, "SET TimeZone = 'UTC'")
        run(database, "SET parquet_metadata_cache = true")
        confine(database, folder)
        run(database, "SET lock_configuration = true")
        return database

    def _current(self, client_id: str, table: str) -> Published | None:
        now = time.monotonic()
        at, found = self._pointers.get((client_id, table), (0.0, None))
        if not at or now - at > POINTER_SECONDS:
            found = current(self._lake, client_id, table)
            self._pointers[client_id, table] = (now, found)
        return found

    def _file(self, client_id: str, published: Published) -> Path:
        """The local copy. Raises Problem where what lies there is not what was published."""
        path = self._folder / client_id / published.key.rpartition("/")[2]
        if path.exists():
            return path
        try:
            data = self._lake.get(published.key)
        except NotFound:  # replaced since the pointer was read
            self._pointers.clear()
            raise Problem("unavailable", "the tables are being published anew") from None
        if hashlib.sha256(data).hexdigest() != published.sha256:
            raise Problem("unavailable", f"{published.key} is not what was published")
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part-{threading.get_ident()}")
        part.write_bytes(data)
        part.replace(path)
        self._tidy(path)
        return path

    def _tidy(self, newest: Path) -> None:
        """Remove copies of the table that were replaced an hour ago."""
        table = newest.name.rpartition("-")[0]
        for old in newest.parent.glob(f"{table}-*.parquet"):
            if old != newest and old.stat().st_mtime < time.time() - HOUR.total_seconds():
                old.unlink(missing_ok=True)

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
