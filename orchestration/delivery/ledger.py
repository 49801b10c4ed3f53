"""The ledger: what was to be delivered, how far it came, and what arrived. One SQLite file.

Intent is written before each side effect, so that after a crash the next run knows what may lie in a
bucket already. A row is unique by client, export, period and revision, whoever writes it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

#: How far a delivery has come. `committed`: the manifest is in the client's bucket and in the backup.
#: `failed`: an attempt ended with `error`; the next one goes on. `abandoned`: the client never saw it, and
#: its data has changed meanwhile; a later revision is delivered in its place, if there is need for one.
STATES = ("planned", "rendered", "put", "verified", "committed", "failed", "abandoned")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS deliveries (
    client_id TEXT NOT NULL,
    export TEXT NOT NULL,
    period_start TEXT NOT NULL,
    revision INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    digest TEXT,
    key TEXT,
    rows INTEGER,
    bytes INTEGER,
    sha256 TEXT,
    manifest TEXT,
    error TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    planned_at TEXT NOT NULL,
    committed_at TEXT,
    PRIMARY KEY (client_id, export, period_start, revision)
);
"""


@dataclass(frozen=True)
class LedgerRow:
    """One delivery: one export, one period, one revision."""

    client_id: str
    export: str
    period_start: datetime
    revision: int
    state: str
    reason: str
    digest: str | None
    key: str | None
    rows: int | None
    bytes: int | None
    sha256: str | None
    manifest: str | None
    error: str | None
    attempts: int
    planned_at: datetime
    committed_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether it is still to be brought to an end."""
        return self.state not in ("committed", "abandoned")


class Ledger:
    """Rows of deliveries, durable after each call."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as connection:
            connection.executescript(_SCHEMA)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self._path, timeout=60)  # seconds to wait for another writer
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            with connection:
                yield connection
        finally:
            connection.close()

    def revisions(self, client_id: str, export: str, period_start: datetime) -> list[LedgerRow]:
        """Every revision of one period, oldest first."""
        return self._select(
            "WHERE client_id = ? AND export = ? AND period_start = ? ORDER BY revision",
            (client_id, export, _text(period_start)),
        )

    def latest_committed(self, client_id: str, export: str) -> dict[datetime, LedgerRow]:
        """Period → its newest committed revision, for all periods of an export."""
        rows = self._select(
            "WHERE client_id = ? AND export = ? AND state = 'committed' ORDER BY revision",
            (client_id, export),
        )
        return {row.period_start: row for row in rows}

    def all(self) -> list[LedgerRow]:
        """Every row, by client, export, period and revision."""
        return self._select("ORDER BY client_id, export, period_start, revision", ())

    def plan(
        self, client_id: str, export: str, period_start: datetime, revision: int, reason: str, now: datetime
    ) -> LedgerRow:
        """Write the intent to deliver, or take up the row that is there. Counts the attempt."""
        key = (client_id, export, _text(period_start), revision)
        with self._open() as connection:
            connection.execute(
                "INSERT INTO deliveries "
                "(client_id, export, period_start, revision, state, reason, planned_at) "
                "VALUES (?, ?, ?, ?, 'planned', ?, ?) ON CONFLICT DO NOTHING",
                (*key, reason, _text(now)),
            )
            connection.execute(
                "UPDATE deliveries SET attempts = attempts + 1 "
                "WHERE client_id = ? AND export = ? AND period_start = ? AND revision = ?",
                key,
            )
        return self.revisions(client_id, export, period_start)[revision - 1]

    def record(self, row: LedgerRow, state: str, **facts: str | int | None) -> None:
        """Move a delivery to `state`, with whatever became known (columns by name)."""
        assert state in STATES, state
        settings = ", ".join(f"{name} = ?" for name in ("state", *facts))
        with self._open() as connection:
            connection.execute(
                f"UPDATE deliveries SET {settings} "
                "WHERE client_id = ? AND export = ? AND period_start = ? AND revision = ?",
                (state, *facts.values(), row.client_id, row.export, _text(row.period_start), row.revision),
            )

    def _select(self, where: str, values: tuple[str, ...]) -> list[LedgerRow]:
        with self._open() as connection:
            found = connection.execute(f"SELECT * FROM deliveries {where}", values).fetchall()
        rows = []
        for item in found:
            facts = dict(item)
            facts["period_start"] = datetime.fromisoformat(facts["period_start"])
            facts["planned_at"] = datetime.fromisoformat(facts["planned_at"])
            if facts["committed_at"]:
                facts["committed_at"] = datetime.fromisoformat(facts["committed_at"])
            rows.append(LedgerRow(**facts))
        return rows


def _text(moment: datetime) -> str:
    """UTC with microseconds: equal moments are equal text, and text sorts by time."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
