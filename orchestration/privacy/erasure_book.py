"""Erasures in a file of their own: what was asked, how far it came, and at the end nothing of the person.

A step is written down before it begins and after it ended. While an erasure goes on, the ids that it looks
for stand here in plain; with its certificate they are wiped from the file. No backup takes it.
"""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from footfall.sqlite_files import open_database
from orchestration.privacy.person import Person

NAME = "erasures.sqlite"
#: How long an erasure may take: GDPR, art. 12(3), allows a month.
DEADLINE = timedelta(days=30)

SCHEMA = """
CREATE TABLE IF NOT EXISTS erasures (
    id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    asked_at TEXT NOT NULL,
    until TEXT,
    person TEXT,
    finished_at TEXT,
    certificate TEXT
);
CREATE TABLE IF NOT EXISTS steps (
    erasure TEXT NOT NULL,
    step TEXT NOT NULL,
    begun_at TEXT NOT NULL,
    ended_at TEXT,
    outstanding TEXT NOT NULL DEFAULT '',
    facts TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (erasure, step)
);
"""


@dataclass(frozen=True)
class Erasure:
    """One job. `until`: up to when what they did is erased; None: whatever they do later, too.

    `person`: None once it is finished.
    """

    id: str
    client_id: str
    reason: str
    asked_by: str
    asked_at: datetime
    until: datetime | None
    person: Person | None
    finished_at: datetime | None = None
    certificate: str | None = None

    @property
    def deadline(self) -> datetime:
        """When it has to be done."""
        return self.asked_at + DEADLINE


@dataclass(frozen=True)
class Step:
    """What became of one step. `outstanding`: what it could not do yet, in one line; empty: nothing."""

    name: str
    begun_at: datetime
    ended_at: datetime | None
    outstanding: str
    facts: dict[str, Any]

    @property
    def is_done(self) -> bool:
        """Whether it need not be taken again."""
        return self.ended_at is not None and not self.outstanding


class ErasureBook:
    """The file. Used by one thread."""

    def __init__(self, home: Path) -> None:
        self._path = home / NAME

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        # Journal mode stays DELETE: a write-ahead log would keep wiped pages until its next turn.
        connection = open_database(NAME, self._path, SCHEMA, pragmas=("secure_delete = ON",))
        try:
            with connection:
                yield connection
        finally:
            connection.close()

    def begin(
        self, person: Person, *, reason: str, asked_by: str, now: datetime, is_for_good: bool
    ) -> Erasure:
        """Write a new erasure down."""
        with self._open() as connection:
            name = write_down(
                connection, person, reason=reason, asked_by=asked_by, now=now, is_for_good=is_for_good
            )
        return self.get(name)

    def know(self, name: str, person: Person) -> Erasure:
        """Who is meant was looked up."""
        with self._open() as connection:
            connection.execute(
                "UPDATE erasures SET person = ? WHERE id = ?", (msgspec.json.encode(person).decode(), name)
            )
        return self.get(name)

    def all(self) -> list[Erasure]:
        """Every erasure, the oldest first."""
        if not self._path.exists():
            return []
        with self._open() as connection:
            rows = connection.execute(
                "SELECT id, client_id, reason, asked_by, asked_at, until, person, finished_at, certificate "
                "FROM erasures ORDER BY asked_at, id"
            ).fetchall()
        return [_erasure(row) for row in rows]

    def get(self, name: str) -> Erasure:
        """One of them. Raises KeyError."""
        for each in self.all():
            if each.id == name:
                return each
        raise KeyError(name)

    def steps(self, name: str) -> dict[str, Step]:
        """Step → what became of it, in the order in which they began."""
        with self._open() as connection:
            rows = connection.execute(
                "SELECT step, begun_at, ended_at, outstanding, facts FROM steps WHERE erasure = ? "
                "ORDER BY begun_at, rowid",
                (name,),
            ).fetchall()
        return {
            row[0]: Step(
                row[0],
                datetime.fromisoformat(row[1]),
                datetime.fromisoformat(row[2]) if row[2] else None,
                row[3],
                msgspec.json.decode(row[4]),
            )
            for row in rows
        }

    def begin_step(self, name: str, step: str, now: datetime) -> None:
        """A step is about to be taken; its facts of before stay."""
        with self._open() as connection:
            connection.execute(
                "INSERT INTO steps (erasure, step, begun_at) VALUES (?, ?, ?) "
                "ON CONFLICT DO UPDATE SET ended_at = NULL, outstanding = ''",
                (name, step, now.isoformat()),
            )

    def note_facts(self, name: str, step: str, facts: dict[str, Any]) -> None:
        """What a step found or did so far; it goes on from there after a death."""
        with self._open() as connection:
            connection.execute(
                "UPDATE steps SET facts = ? WHERE erasure = ? AND step = ?",
                (msgspec.json.encode(facts).decode(), name, step),
            )

    def end_step(self, name: str, step: str, now: datetime, outstanding: str) -> None:
        """A step ended, with what it could not do."""
        with self._open() as connection:
            connection.execute(
                "UPDATE steps SET ended_at = ?, outstanding = ? WHERE erasure = ? AND step = ?",
                (now.isoformat(), outstanding, name, step),
            )

    def finish(self, name: str, certificate: str, now: datetime) -> None:
        """It is done: the certificate stays, and nothing of the person."""
        with self._open() as connection:
            connection.execute(
                "UPDATE erasures SET person = NULL, finished_at = ?, certificate = ? WHERE id = ?",
                (now.isoformat(), certificate, name),
            )
        with self._open() as connection:
            connection.commit()
            connection.execute("VACUUM")


def write_down(
    connection: sqlite3.Connection,
    person: Person,
    *,
    reason: str,
    asked_by: str,
    now: datetime,
    is_for_good: bool,
) -> str:
    """Write a new erasure into the open file, in the caller's transaction. Returns its name."""
    name = f"{now.astimezone(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
    until = None if is_for_good else now
    connection.execute(
        "INSERT INTO erasures (id, client_id, reason, asked_by, asked_at, until, person) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            name,
            person.client,
            reason,
            asked_by,
            now.isoformat(),
            until.isoformat() if until else None,
            msgspec.json.encode(person).decode(),
        ),
    )
    return name


def status(book: ErasureBook, erasure: Erasure, now: datetime | None = None) -> dict[str, Any]:
    """One erasure as plain values, for commands, API and the UI. Nothing of persons."""
    steps = book.steps(erasure.id)
    left = {each.name: each.outstanding for each in steps.values() if each.outstanding}
    state = "finished" if erasure.finished_at else "outstanding" if left else "open"
    return {
        "id": erasure.id,
        "client_id": erasure.client_id,
        "state": state,
        "asked_at": erasure.asked_at.isoformat(),
        "asked_by": erasure.asked_by,
        "due_by": erasure.deadline.isoformat(),
        "is_overdue": erasure.finished_at is None and (now or datetime.now(UTC)) > erasure.deadline,
        "finished_at": erasure.finished_at.isoformat() if erasure.finished_at else None,
        "steps": [each.name for each in steps.values() if each.is_done],
        "outstanding": left,
    }


def _erasure(row: tuple[Any, ...]) -> Erasure:
    moments = [datetime.fromisoformat(row[n]) if row[n] else None for n in (4, 5, 7)]
    assert moments[0] is not None, "each was asked at some time"
    person = msgspec.json.decode(row[6], type=Person) if row[6] else None
    return Erasure(row[0], row[1], row[2], row[3], moments[0], moments[1], person, moments[2], row[8])
