"""Dagster's history of runs in SQLite, as Dagster keeps it, without opening its file anew for each event.

Dagster opens a file for each event, and three times for one of an asset, and compiles its statements again
each time: 4 ms and 11 ms. Over connections that stay open it is 0.6 and 3.3 ms, and a run of an hour stores
some 300 events. dagster.yaml names this class as the instance's storage. It builds on Dagster's own, which
has no public name; tables and files are the same, and Dagster's can take them over at any time.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster import EventLogEntry
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    SQLITE_BUSY_TIMEOUT_SECONDS,
    SqliteEventLogStorage,
)
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import StaticPool

#: Files that stay open in a process, the last that were used: enough for a run, which writes to its own and
#: to the index of all. Who looks at many runs, as the web server does, holds no file for each.
_KEPT = 2


class EventLog(SqliteEventLogStorage):
    """Dagster's event log, whose connections to the last files asked for stay open.

    One thread at a time uses them: Dagster's own lock is held as long as a connection is in use.
    """

    def __init__(self, base_dir: str) -> None:
        self._kept: dict[str, Engine] = {}
        super().__init__(base_dir)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> Engine:
        engine = self._kept.pop(shard, None)
        if engine is None:
            while len(self._kept) >= _KEPT:
                oldest = next(iter(self._kept))
                self._kept.pop(oldest).dispose()
            engine = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=StaticPool,
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
            )
        self._kept[shard] = engine  # the last in the order of use
        return engine

    def store_event(self, event: EventLogEntry) -> None:
        """Store it, and touch the run's file: who watches a run, as its page in the UI does, waits for that.

        SQLite writes beside the file, and into it only when the last connection closes.
        """
        super().store_event(event)
        os.utime(self.path_for_shard(event.run_id))

    def wipe(self) -> None:
        """Forget every run: their files are deleted, so nothing may hold one."""
        super().wipe()
        self._close()

    def dispose(self) -> None:
        """Close what is open, after the watchers, who read."""
        super().dispose()
        self._close()

    def _close(self) -> None:
        with self._db_lock:
            while self._kept:
                self._kept.popitem()[1].dispose()


class History(DagsterSqliteStorage):
    """Dagster's storage in SQLite below `base_dir`, with this event log. The files are the same."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage = EventLog(self._event_log_storage._base_dir)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> "History":
        """From dagster.yaml: `base_dir`, the folder of Dagster's home."""
        return cls.from_local(inst_data=inst_data, **config_value)
