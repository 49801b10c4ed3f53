"""SQLite files of ours: opened, brought to the version of this program, and their damage told in one line."""

import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

from footfall.durable import STEPS, BrokenState, known_version, require_known, version_in

#: Errors of a file that is not what it should be: damaged, or without our tables. Others may pass.
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})


class Database(sqlite3.Connection):
    """A connection whose statements raise BrokenState where the file is damaged."""

    name: str
    path: Path

    def cursor(self, _factory: Any = None) -> Any:
        """See sqlite3."""
        return super().cursor(_Cursor)

    def execute(self, *arguments: Any) -> Any:
        """See sqlite3."""
        return self.cursor().execute(*arguments)

    def executemany(self, *arguments: Any) -> Any:
        """See sqlite3."""
        return self.cursor().executemany(*arguments)

    def executescript(self, *arguments: Any) -> Any:
        """See sqlite3."""
        return self.cursor().executescript(*arguments)


class _Cursor(sqlite3.Cursor):
    connection: Database

    def execute(self, *arguments: Any) -> Self:
        return self._told(super().execute, *arguments)  # type: ignore[no-any-return]

    def executemany(self, *arguments: Any) -> Self:
        return self._told(super().executemany, *arguments)  # type: ignore[no-any-return]

    def executescript(self, *arguments: Any) -> Self:
        return self._told(super().executescript, *arguments)  # type: ignore[no-any-return]

    def fetchone(self) -> Any:
        return self._told(super().fetchone)

    def fetchall(self) -> list[Any]:
        return self._told(super().fetchall)  # type: ignore[no-any-return]

    def __next__(self) -> Any:
        return self._told(super().__next__)

    def _told(self, step: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return step(*arguments)
        except sqlite3.DatabaseError as error:
            # Absent where Python itself objects, to a wrong use of the library.
            code = getattr(error, "sqlite_errorcode", None)
            if code is None or code & 0xFF not in _DAMAGE:
                raise
            raise BrokenState(self.connection.name, self.connection.path, error) from None


def open_database(
    name: str,
    path: Path,
    schema: str,
    *,
    seconds: float = 30,
    is_autocommit: bool = False,
    pragmas: Iterable[str] = (),
) -> Database:
    """The SQLite file `path`, made where missing, of the version that this program knows.

    `name` is its line in footfall.durable; `schema` makes its tables where they are missing; `seconds` are
    waited for another writer. Raises FootfallError where it is newer, BrokenState where it cannot be read.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = sqlite3.connect(
            path, timeout=seconds, isolation_level=None if is_autocommit else "DEFERRED", factory=Database
        )
    except sqlite3.OperationalError as error:
        raise BrokenState(name, path, error) from None
    connection.name, connection.path = name, path
    try:
        require_known(name, path, _version(connection), known_version(name))
        for pragma in pragmas:
            _set(connection, pragma, seconds)
        if _version(connection) < known_version(name):
            _migrate(connection, name)
        connection.executescript(schema)
    except BaseException:
        connection.close()
        raise
    return connection


def _set(connection: Database, pragma: str, seconds: float) -> None:
    """SQLite waits for no other process while it changes how a new file is written."""
    give_up = time.monotonic() + seconds
    while True:
        try:
            connection.execute(f"PRAGMA {pragma}")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= give_up:
                raise
            time.sleep(0.01)


def _version(connection: Database) -> int:
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    try:
        return version_in(found)
    except ValueError as error:
        raise BrokenState(connection.name, connection.path, error) from None


def _migrate(connection: Database, name: str) -> None:
    """Every step that is missing, all or nothing; whoever comes second finds it done."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        is_new = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        for step in () if is_new else STEPS[name][_version(connection) :]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {known_version(name)}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
