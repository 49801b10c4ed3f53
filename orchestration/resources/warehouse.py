"""The warehouse: one DuckDB file, opened by one process at a time."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
from dagster_duckdb import DuckDBResource
from pydantic import Field

from footfall.durable import STEPS, BrokenState, known_version, require_known, version_in
from footfall.errors import FootfallError
from footfall.sql import SCRATCH, SETTINGS, confine, has_table, open_database, run, run_steps

#: Of DuckDB: not its file, or not whole; of another version; without our tables.
_DAMAGE = (
    duckdb.IOException,
    duckdb.SerializationException,
    duckdb.InternalException,
    duckdb.FatalException,
    duckdb.CatalogException,
    duckdb.BinderException,
)


class Warehouse(DuckDBResource):
    """Dagster's resource of a DuckDB file, behind a lock of our own; a connection of it finds no other file.

    DuckDB refuses a second process at once. Runs of the daemon queue in the pool `warehouse`; this lock
    also covers what the pool cannot see: `footfall run` and the dbt process.
    """

    connection_config: dict[str, Any] = Field(default=dict(SETTINGS))
    wait_seconds: int = 1800
    """How long to wait for another process, 0-7200. Longer than the longest run; lower fails sooner."""

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the warehouse for this process, without opening it (dbt opens it itself).

        Raises FootfallError when another process holds it for longer than `wait_seconds`.
        """
        Path(self.database).parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(f"{self.database}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            give_up = time.monotonic() + self.wait_seconds
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= give_up:
                        raise FootfallError(
                            f"{self.database} has been in use for {self.wait_seconds} s"
                        ) from None
                    time.sleep(0.1)
            with self._told():
                self._require_known()
                yield
        finally:
            os.close(descriptor)

    def _require_known(self) -> None:
        """Look at the version before anybody else opens the file; an older one is brought up to now."""
        name = "warehouse.duckdb"
        with open_database(self.database) as connection:
            found = self._version(connection)
            require_known(name, self.database, found, known_version(name))
            if found == known_version(name):
                return
            run(connection, "BEGIN")
            run(connection, "CREATE SCHEMA IF NOT EXISTS ingest")
            run(connection, "CREATE TABLE IF NOT EXISTS ingest.state_version (version INTEGER)")
            run(connection, "DELETE FROM ingest.state_version")
            run_steps(connection, STEPS[name][found:])
            run(connection, "INSERT INTO ingest.state_version VALUES (?)", [known_version(name)])
            run(connection, "COMMIT")

    def _version(self, connection: duckdb.DuckDBPyConnection) -> int:
        is_there = has_table(connection, "ingest", "state_version")
        row = run(connection, "SELECT version FROM ingest.state_version").fetchone() if is_there else None
        try:
            return version_in(row[0]) if row else 0
        except ValueError as error:
            raise BrokenState("warehouse.duckdb", self.database, error) from None

    def found_version(self) -> int:
        """The version that the file says, which nobody has brought up yet. Raises FootfallError, BrokenState.

        Whoever asks knows that no run holds it.
        """
        try:
            with self._told(), open_database(self.database, is_read_only=True) as connection:
                return self._version(connection)
        except duckdb.Error as error:
            raise FootfallError(f"{self.database} cannot be read: {error}") from None

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What a damaged file raises, in one line; other errors are of the statement, and stay."""
        try:
            yield
        except _DAMAGE as error:
            if isinstance(error, duckdb.CatalogException) and self._is_new():
                raise FootfallError(
                    f"nothing was ingested into {self.database} yet: run its hours first, "
                    "`footfall run --from HOUR --to HOUR`"
                ) from None
            # DuckDB advises to install what reads other programs' files.
            said = "a file of another program" if "INSTALL" in str(error) else error
            raise BrokenState("warehouse.duckdb", self.database, said) from None

    def _is_new(self) -> bool:
        """Whether the file is ours and no hour was ever ingested into it, so that its tables are not made."""
        try:
            with open_database(self.database) as connection:
                return has_table(connection, "ingest", "state_version") and not has_table(
                    connection, "ingest", "hours"
                )
        except duckdb.Error:
            return False

    @contextmanager
    def get_connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The connection of DuckDBResource, under the lock and confined to its own file."""
        with self.connect() as connection:
            yield connection

    @contextmanager
    def connect(self, *folders: Path) -> Iterator[duckdb.DuckDBPyConnection]:
        """An open connection, in UTC. Nobody else has the file open meanwhile.

        It reads and writes other files only in `folders`, and in a folder for `footfall.sql.scratch`.
        """
        with (
            self.exclusive(),
            TemporaryDirectory(prefix=f"{SCRATCH}warehouse-") as own,
            super().get_connection() as connection,
        ):
            try:
                run(connection, "SET TimeZone = 'UTC'")
                # A progress bar in a run's log is noise.
                run(connection, "SET enable_progress_bar = false")
                confine(connection, Path(own), *folders)
                yield connection
            finally:
                connection.close()
