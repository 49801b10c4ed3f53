"""The ledger: what was to be delivered, how far it came, and what arrived. One SQLite file.

Intent is written before each side effect, so that after a crash the next run knows what may lie in a
bucket already. A row is unique by client, export, period and revision, whoever writes it; below it is a row
for each bucket.
"""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from footfall.bucket_log import Leaf, manifest_leaf
from footfall.manifest import INCOMPLETE, DeliveredFile, ReadManifest
from footfall.sqlite_files import open_database
from footfall.store import StoreError
from orchestration.delivery import log_tables, states
from orchestration.delivery.ledger_tables import TABLES

#: How long anything waits before it is looked at again.
LONGEST_WAIT = timedelta(days=1)
_OPEN = "('planned', 'rendered')"
_TIMES = ("period_start", "planned_at", "committed_at", "failing_since", "next_at", "not_before")


@dataclass(frozen=True)
class LedgerRow:
    """One delivery: one export, one period, one revision."""

    client_id: str
    export: str
    period_start: datetime
    revision: int
    state: str
    reason: str
    cadence: str
    supersedes: int | None
    schema_id: str | None
    digest: str | None
    files: tuple[DeliveredFile, ...]
    rows: int | None
    bytes: int | None
    manifest_key: str | None
    manifest: str | None
    hold: str
    kind: str | None
    error: str | None
    attempts: int
    failing_since: datetime | None
    next_at: datetime | None
    not_before: datetime | None
    planned_at: datetime
    committed_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether it is still to be brought to the client."""
        return self.state in (states.PLANNED, states.RENDERED)

    @property
    def is_delivered(self) -> bool:
        """Whether its manifests are in place."""
        return self.state in (states.COMMITTED, states.NOTIFIED)

    @property
    def is_incomplete(self) -> bool:
        """Whether its manifest says that its period had not ended."""
        return self.manifest is not None and json.loads(self.manifest).get("status") == INCOMPLETE

    @property
    def facts(self) -> tuple[str | None, str | None, bool]:
        """What decides whether it is still what would be delivered now."""
        return self.digest, self.schema_id, self.is_incomplete

    @property
    def identity(self) -> tuple[str, str, str, int]:
        """The key of the row."""
        return self.client_id, self.export, text_of(self.period_start), self.revision

    @property
    def leaf(self) -> Leaf:
        """Its manifest in the log of a bucket."""
        data = str(self.manifest).encode()
        return manifest_leaf(str(self.manifest_key), data, self.export, self.period_start)

    @property
    def shown(self) -> str:
        """The state for a person: what holds it up, or how far it is."""
        return f"{self.hold} ({self.kind})" if self.hold else self.state


@dataclass(frozen=True, slots=True)
class Held:
    """What one bucket has of a revision: key and size in bytes of the manifest and of each file.

    Years of them fit into memory, where rows with their manifests do not.
    """

    period_start: datetime
    revision: int
    objects: tuple[tuple[str, int], ...]

    @property
    def identity(self) -> tuple[datetime, int]:
        """Which revision of an export it is."""
        return self.period_start, self.revision


@dataclass(frozen=True, slots=True)
class Newest:
    """What says whether the newest delivered revision of a period is still right; of any number of periods.

    `said`: where its manifest says that a day begins and ends, as a manifest writes it; `tzdata`: by which
    release of the time zone database. Of an hour nothing.
    """

    period_start: datetime
    digest: str | None
    schema_id: str | None
    said: tuple[str | None, str | None] = (None, None)
    tzdata: str = ""


class Ledger:
    """Rows of deliveries, durable after each call. One object may be used by several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self.connection()

    def connection(self) -> sqlite3.Connection:
        """This thread's connection; opening one costs more than a statement."""
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = open_database(
                "ledger.sqlite",
                self._path,
                TABLES + log_tables.TABLES,
                seconds=60,
                pragmas=("journal_mode = WAL", "synchronous = FULL"),
            )
            found.row_factory = sqlite3.Row
            self._local.connection = found
        return found

    def close(self) -> None:
        """Close this thread's connection."""
        found = getattr(self._local, "connection", None)
        if found is not None:
            found.close()
            self._local.connection = None

    def _write(self, *statements: tuple[str, Iterable[Any]]) -> None:
        """All statements or none, durable. Raises StoreError where the disk is full: it may empty."""
        with self.transaction() as connection:
            for sql, values in statements:
                connection.execute(sql, tuple(values))

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """What is done in it is done whole or not at all, and durable; one process at a time is in one.

        Raises StoreError where the disk is full: it may empty.
        """
        connection = self.connection()
        try:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
        except sqlite3.OperationalError as error:
            raise StoreError(
                f"the ledger {self._path} cannot be written: {error}", retryable=True, code="Ledger"
            ) from None

    def revisions(self, client_id: str, export: str, period_start: datetime) -> list[LedgerRow]:
        """Every revision of one period, oldest first."""
        return self._select(
            "WHERE client_id = ? AND export = ? AND period_start = ? ORDER BY revision",
            (client_id, export, text_of(period_start)),
        )

    def within(self, client_id: str, export: str, start: datetime, end: datetime) -> list[LedgerRow]:
        """Every revision of the periods that begin in [start, end), oldest first."""
        return self._select(
            "WHERE client_id = ? AND export = ? AND period_start >= ? AND period_start < ? "
            "ORDER BY period_start, revision",
            (client_id, export, text_of(start), text_of(end)),
        )

    def newest(
        self, client_id: str, export: str, since: datetime | None = None, *, is_day: bool = False
    ) -> Iterator[Newest]:
        """Of each period from `since` on its newest delivered revision, oldest period first."""
        found = self.connection().execute(
            _NEWEST, (client_id, export, text_of(since) if since else "", is_day)
        )
        for start, digest, schema_id, said in found:
            begin, end, tzdata = json.loads(said) if said else (None, None, None)
            yield Newest(datetime.fromisoformat(start), digest, schema_id, (begin, end), tzdata or "")

    def were_days_compared(self, client_id: str, export: str, release: str) -> bool:
        """Whether all days of an export are as a release of the time zone database tells them."""
        found = self.connection().execute(
            "SELECT 1 FROM compared_days WHERE client_id = ? AND export = ? AND release = ?",
            (client_id, export, release),
        )
        return bool(found.fetchone())

    def note_days_compared(self, client_id: str, export: str, release: str) -> None:
        """They are now; by what an earlier release told nobody goes any more."""
        self._write(
            (
                "INSERT INTO compared_days VALUES (?, ?, ?) "
                "ON CONFLICT (client_id, export) DO UPDATE SET release = excluded.release",
                (client_id, export, release),
            )
        )

    def held(self, client_id: str, export: str, place: str) -> list[Held]:
        """All revisions that arrived in a bucket: the newest period first, in it the newest revision."""
        found = self.connection().execute(_HELD, (client_id, export, place))
        return [
            Held(
                datetime.fromisoformat(start),
                revision,
                ((key, size), *((file["key"], file["bytes"]) for file in json.loads(files))),
            )
            for start, revision, key, size, files in found
        ]

    def unfinished(self, now: datetime | None = None) -> list[LedgerRow]:
        """Deliveries that are not at their end, oldest period first; with `now`, those that are due."""
        due, values = _due(now) if now else ("", ())
        return self._select(
            f"WHERE (state IN {_OPEN} OR (state = 'committed' AND hold <> '')) {due} "
            "ORDER BY period_start, client_id, export, revision",
            values,
        )

    def open(self, client_id: str, export: str, now: datetime) -> list[LedgerRow]:
        """Deliveries of one export that came to no end and are due again."""
        due, values = _due(now)
        return self._select(
            f"WHERE client_id = ? AND export = ? AND state IN {_OPEN} {due}", (client_id, export, *values)
        )

    def delivered_since(self, client_id: str, export: str, start: datetime) -> list[datetime]:
        """Starts of an export's periods from `start` on of which the client had a whole revision.

        Also one that is sent again because its bucket has lost it.
        """
        found = self.connection().execute(
            "SELECT DISTINCT period_start FROM revisions WHERE client_id = ? AND export = ? "
            "AND period_start >= ? AND (state IN ('committed', 'notified') OR committed_at IS NOT NULL) "
            "AND coalesce(json_extract(manifest, '$.status'), '') <> ?",
            (client_id, export, text_of(start), INCOMPLETE),
        )
        return [datetime.fromisoformat(start) for (start,) in found.fetchall()]

    def committed_since(self, moment: datetime) -> int:
        """How many revisions have arrived everywhere since a moment."""
        [(count,)] = self.connection().execute(
            "SELECT count(*) FROM revisions WHERE committed_at >= ?", (text_of(moment),)
        )
        return int(count)

    def first_period(self, client_id: str, export: str) -> datetime | None:
        """The start of an export's oldest period that was ever planned."""
        [(start,)] = self.connection().execute(
            "SELECT min(period_start) FROM revisions WHERE client_id = ? AND export = ?", (client_id, export)
        )
        return datetime.fromisoformat(start) if start else None

    def starts(
        self, client_id: str, export: str, first: datetime | None = None, last: datetime | None = None
    ) -> list[datetime]:
        """The starts of an export's periods that were ever planned: of all, or from one to another."""
        found = self.connection().execute(
            "SELECT DISTINCT period_start FROM revisions WHERE client_id = ? AND export = ? "
            "AND period_start >= ? AND period_start <= ?",
            (client_id, export, text_of(first) if first else "", text_of(last) if last else "~"),
        )
        return [datetime.fromisoformat(start) for (start,) in found.fetchall()]

    def move(self, row: LedgerRow, period_start: datetime) -> None:
        """Let a revision be one of the period that begins at another time."""
        start = text_of(period_start)
        self._write(
            (f"UPDATE revisions SET period_start = ? {_WHERE}", (start, *row.identity)),
            (f"UPDATE copies SET period_start = ? {_WHERE}", (start, *row.identity)),
        )

    def walk(
        self,
        client_id: str | None = None,
        export: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Iterator[LedgerRow]:
        """The rows of periods that begin in [start, end), in the order of their keys; None is all.

        A few are held at a time, whatever their number, and the rows may be changed meanwhile.
        """
        wanted = [
            (condition, value)
            for condition, value in (
                ("client_id = ?", client_id),
                ("export = ?", export),
                ("period_start >= ?", text_of(start) if start else None),
                ("period_start < ?", text_of(end) if end else None),
            )
            if value is not None
        ]
        where = " AND ".join([f"({_KEY}) > (?, ?, ?, ?)", *(condition for condition, _ in wanted)])
        last: tuple[str, str, str, int] | None = ("", "", "", 0)
        while last is not None:
            values = (*last, *(value for _, value in wanted))
            rows = self._select(f"WHERE {where} ORDER BY {_KEY} LIMIT {_AT_A_TIME}", values)
            yield from rows
            last = rows[-1].identity if len(rows) == _AT_A_TIME else None

    def exports(self, client_id: str | None = None) -> set[tuple[str, str]]:
        """(client, export) of all that was ever planned."""
        found = self.connection().execute(
            "SELECT DISTINCT client_id, export FROM revisions WHERE client_id = coalesce(?, client_id)",
            (client_id,),
        )
        return {(client, export) for client, export in found.fetchall()}

    def newest_in(self, client_id: str, export: str, place: str) -> LedgerRow | None:
        """The newest delivered revision of the newest period of which a bucket has, or is to have, a copy."""
        rows = self._select(
            "JOIN (SELECT client_id, export, period_start, revision FROM copies WHERE client_id = ? "
            "AND export = ? AND place = ?) USING (client_id, export, period_start, revision) "
            "WHERE state IN ('committed', 'notified') ORDER BY period_start DESC, revision DESC LIMIT 1",
            (client_id, export, place),
        )
        return rows[0] if rows else None

    def all(self, where: str = "", values: Iterable[Any] = ()) -> list[LedgerRow]:
        """Every row, by client, export, period and revision."""
        return self._select(f"{where} ORDER BY client_id, export, period_start, revision", tuple(values))

    def plan(
        self,
        client_id: str,
        export: str,
        period_start: datetime,
        revision: int,
        *,
        cadence: str,
        reason: str,
        supersedes: int | None,
        places: Iterable[str],
        now: datetime,
    ) -> LedgerRow:
        """Write the intent to deliver, or take up the row that is there."""
        key = (client_id, export, text_of(period_start), revision)
        self._write(
            (
                "INSERT INTO revisions (client_id, export, period_start, revision, state, reason, cadence, "
                "supersedes, planned_at) VALUES (?, ?, ?, ?, 'planned', ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (*key, reason, cadence, supersedes, text_of(now)),
            ),
            *(
                (
                    "INSERT INTO copies (client_id, export, period_start, revision, place, state) "
                    "VALUES (?, ?, ?, ?, ?, 'rendered') ON CONFLICT DO NOTHING",
                    (*key, place),
                )
                for place in places
            ),
        )
        return self.row(key)

    def add_rendered(self, rows: Iterable[LedgerRow], places: Iterable[str]) -> None:
        """Write the intent to deliver what is rendered already, and which nobody has planned: all or none."""
        names = [field.name for field in fields(LedgerRow)]
        marks = ", ".join("?" * len(names))
        steps: list[tuple[str, Iterable[Any]]] = []
        for row in rows:
            states.require(states.DELIVERY, states.PLANNED, row.state)
            values = [_stored(getattr(row, name)) for name in names]
            steps.append((f"INSERT INTO revisions ({', '.join(names)}) VALUES ({marks})", values))
            steps += (
                ("INSERT INTO copies VALUES (?, ?, ?, ?, ?, 'rendered')", (*row.identity, place))
                for place in places
            )
        self._write(*steps)

    def row(self, identity: tuple[str, str, str, int]) -> LedgerRow:
        """The row as it is now."""
        [row] = self._select(
            "WHERE client_id = ? AND export = ? AND period_start = ? AND revision = ?", identity
        )
        return row

    def record(self, row: LedgerRow, state: str, **facts: Any) -> LedgerRow:
        """Move a delivery to `state`, with whatever became known (columns by name). Returns the row."""
        self.record_all([row], state, **facts)
        return self.row(row.identity)

    def record_all(self, some: Iterable[LedgerRow], state: str, **facts: Any) -> None:
        """Move deliveries to `state`, all or none."""
        values = {name: _stored(value) for name, value in {"state": state, **facts}.items()}
        settings = ", ".join(f"{name} = ?" for name in values)
        steps = []
        for row in some:
            states.require(states.DELIVERY, row.state, state)
            if "hold" in facts:
                states.require(states.HOLDS, row.hold, facts["hold"])
            steps.append((f"UPDATE revisions SET {settings} {_WHERE}", (*values.values(), *row.identity)))
        self._write(*steps)

    def copies(self, row: LedgerRow) -> dict[str, str]:
        """Place → state of the copy in it."""
        sql = f"SELECT place, state FROM copies {_WHERE} ORDER BY place"
        return {item["place"]: item["state"] for item in self.connection().execute(sql, row.identity)}

    def record_copy(self, row: LedgerRow, place: str, before: str, state: str) -> None:
        """Move one copy to `state`. One that is in place is a leaf of the bucket's log from then on."""
        self.record_copies([row], place, before, state)

    def record_copies(self, rows: Iterable[LedgerRow], place: str, *path: str) -> None:
        """Move the copies of several deliveries in one place, all or none; `path`: state after state."""
        for before, state in pairwise(path):
            states.require(states.COPY, before, state)
        steps = []
        for row in rows:
            values = path[-1], *row.identity, place
            steps.append((f"UPDATE copies SET state = ? {_WHERE} AND place = ?", values))
            if path[-1] == states.COMMITTED:
                steps.append(log_tables.noting(row.client_id, place, row.leaf))
        self._write(*steps)

    def reopen(self, row: LedgerRow) -> LedgerRow:
        """Deliver again what was delivered: its bucket has lost it. The same revision, the same bytes."""
        self._write(
            (f"UPDATE revisions SET state = 'rendered', hold = '', next_at = NULL {_WHERE}", row.identity),
            (f"UPDATE copies SET state = 'rendered' {_WHERE}", row.identity),
        )
        return self.row(row.identity)

    def release(self, row: LedgerRow) -> LedgerRow:
        """Let a delivery be tried at once and for the full time again, whatever holds it up."""
        self._write(
            (
                "UPDATE revisions SET hold = '', attempts = 0, failing_since = NULL, next_at = NULL, "
                f"not_before = NULL {_WHERE}",
                row.identity,
            )
        )
        return self.row(row.identity)

    def restart_copies(self, row: LedgerRow) -> None:
        """Nobody can have seen them: every copy begins anew."""
        self._write((f"UPDATE copies SET state = 'rendered' {_WHERE}", row.identity))

    def adopt(
        self,
        identity: tuple[str, str, str, int],
        *,
        cadence: str,
        document: ReadManifest,
        manifest_key: str,
        manifest: str,
        places: Iterable[str],
        now: datetime,
    ) -> LedgerRow:
        """Believe a manifest that lies in a bucket, after the ledger was lost: it is a delivery of ours.

        The row is taken up as rendered, so that every place that lacks it gets the same bytes; the copy
        in the place it was found in turns out to be there already.
        """
        planned_at = document.planned_at or text_of(now)
        files = _stored(tuple(document.files))
        self._write(
            (
                "INSERT INTO revisions (client_id, export, period_start, revision, state, reason, cadence, "
                "planned_at) VALUES (?, ?, ?, ?, 'rendered', ?, ?, ?) ON CONFLICT DO NOTHING",
                (*identity, document.reason, cadence, text_of(datetime.fromisoformat(planned_at))),
            ),
            (
                "UPDATE revisions SET state = 'rendered', reason = ?, supersedes = ?, files = ?, rows = ?, "
                f"bytes = ?, manifest_key = ?, manifest = ?, digest = NULL, schema_id = NULL {_WHERE}",
                (
                    document.reason,
                    document.supersedes,
                    files,
                    sum(file.rows for file in document.files),
                    sum(file.bytes for file in document.files),
                    manifest_key,
                    manifest,
                    *identity,
                ),
            ),
            (f"DELETE FROM copies {_WHERE}", identity),
            *(
                (
                    "INSERT INTO copies (client_id, export, period_start, revision, place, state) "
                    "VALUES (?, ?, ?, ?, ?, 'rendered')",
                    (*identity, place),
                )
                for place in places
            ),
        )
        return self.row(identity)

    def forget_written(self, root: str) -> None:
        """Put schemas and keys below a bucket's root again: it may be a new one."""
        self._write(("DELETE FROM written WHERE substr(url, 1, ?) = ?", (len(root), root)))

    def has_written(self, root: str) -> bool:
        """Whether anything was ever put below a bucket's root."""
        sql = "SELECT 1 FROM written WHERE substr(url, 1, ?) = ? LIMIT 1"
        return bool(self.connection().execute(sql, (len(root), root)).fetchone())

    def was_written(self, url: str) -> bool:
        """Whether an object that never changes (a schema, a public key) is there since earlier."""
        return bool(self.connection().execute("SELECT 1 FROM written WHERE url = ?", (url,)).fetchone())

    def note_written(self, url: str) -> None:
        """It is there now."""
        self._write(("INSERT INTO written VALUES (?) ON CONFLICT DO NOTHING", (url,)))

    def _select(self, where: str, values: Iterable[Any]) -> list[LedgerRow]:
        found = self.connection().execute(f"SELECT * FROM revisions {where}", tuple(values)).fetchall()
        return [row_of(dict(item)) for item in found]


def _due(now: datetime) -> tuple[str, tuple[str, str]]:
    """SQL for rows that are due. No wait is longer than a day: one that is, a wrong clock has set."""
    due = "AND (next_at IS NULL OR next_at <= ? OR next_at > ?)"
    return due, (text_of(now), text_of(now + LONGEST_WAIT))


_NEWEST = """
WITH newest AS (
    SELECT client_id, export, period_start, max(revision) AS revision FROM revisions
    WHERE client_id = ? AND export = ? AND period_start >= ? AND state IN ('committed', 'notified')
    GROUP BY period_start
)
SELECT period_start, digest, schema_id,
    CASE WHEN ? THEN json_extract(manifest, '$.period.start', '$.period.end', '$.software.tzdata') END
FROM newest JOIN revisions USING (client_id, export, period_start, revision) ORDER BY period_start
"""
_HELD = """
SELECT period_start, revision, manifest_key, length(CAST(manifest AS BLOB)), files
FROM revisions JOIN copies USING (client_id, export, period_start, revision)
WHERE client_id = ? AND export = ? AND revisions.state IN ('committed', 'notified')
AND copies.place = ? AND copies.state = 'committed' ORDER BY period_start DESC, revision DESC
"""
_KEY = "client_id, export, period_start, revision"
#: Rows with their manifests that are held at a time: two megabytes.
_AT_A_TIME = 200
_WHERE = "WHERE client_id = ? AND export = ? AND period_start = ? AND revision = ?"
_NAMES = {field.name for field in fields(LedgerRow)}


def planned(client_id: str, export: str, start: datetime, cadence: str, now: datetime) -> LedgerRow:
    """The first revision of a period, as it is planned, and not written down yet."""
    return LedgerRow(
        client_id=client_id,
        export=export,
        period_start=start.astimezone(UTC),
        revision=1,
        state=states.PLANNED,
        reason="initial",
        cadence=cadence,
        supersedes=None,
        schema_id=None,
        digest=None,
        files=(),
        rows=None,
        bytes=None,
        manifest_key=None,
        manifest=None,
        hold="",
        kind=None,
        error=None,
        attempts=0,
        failing_since=None,
        next_at=None,
        not_before=None,
        planned_at=now.astimezone(UTC),
        committed_at=None,
    )


def row_of(facts: dict[str, Any]) -> LedgerRow:
    """A row of `revisions`, as SQLite gives it by name."""
    for name in _TIMES:
        if facts[name]:
            facts[name] = datetime.fromisoformat(facts[name])
    facts["files"] = tuple(DeliveredFile(**file) for file in json.loads(facts["files"]))
    return LedgerRow(**{name: value for name, value in facts.items() if name in _NAMES})


def _stored(value: Any) -> Any:
    if isinstance(value, datetime):
        return text_of(value)
    if isinstance(value, tuple):
        return json.dumps([vars(file) for file in value])
    return value


def text_of(moment: datetime) -> str:
    """UTC with microseconds: equal moments are equal text, and text sorts by time."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
