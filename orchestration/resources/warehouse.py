"""The warehouse: one DuckDB file, opened by one process at a time."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
import duckdb
from dagster_duckdb import DuckDBResource

from footfall.errors import FootfallError
from orchestration.sql import SCRATCH, confine, run


class Warehouse(dg.ConfigurableResource):
    """The DuckDB file behind a lock of our own.

    DuckDB refuses a second process at once. Runs of the daemon queue in the pool `warehouse`; this lock
    also covers what the pool cannot see: `footfall run` and the dbt process.
    """

    path: str
    """The DuckDB file."""
    wait_seconds: int = 1800
    """How long to wait for another process, 0-7200. Longer than the longest run; lower fails sooner."""

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the warehouse for this process, without opening it (dbt opens it itself).

        Raises FootfallError when another process holds it for longer than `wait_seconds`.
        """
        Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            give_up = time.monotonic() + self.wait_seconds
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= give_up:
                        raise FootfallError(
                            f"{self.path} has been in use for {self.wait_seconds} s"
                        ) from None
                    time.sleep(0.1)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def connect(self, *folders: Path) -> Iterator[duckdb.DuckDBPyConnection]:
        """An open connection, in UTC. Nobody else has the file open meanwhile.

        It reads and writes other files only in `folders`, and in a folder for `orchestration.sql.scratch`.
        """
        with (
            self.exclusive(),
            TemporaryDirectory(prefix=f"{SCRATCH}warehouse-") as own,
            DuckDBResource(database=self.path).get_connection() as connection,
        ):
            try:
                run(connection, "SET TimeZone = 'UTC'")
                # A progress bar in a run's log is noise.
                run(connection, "SET enable_progress_bar = false")
                confine(connection, Path(own), *folders)
                yield connection
            finally:
                connection.close()
