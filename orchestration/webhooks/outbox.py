"""The outbox: messages written in the same transaction as the change they tell of, and their attempts.

A message keeps its id through every attempt, so a receiver that sees it twice can tell. The list of all
messages is the truth: a receiver that missed some reads it (`footfall webhooks list`).
"""

import json
import random
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestration.webhooks.endpoint import Attempt, Outcome

#: Seconds between attempts, the schedule that Standard Webhooks publishes: 75 hours in all.
SCHEDULE = (0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
#: How much later than scheduled an attempt may be, as a share: waiting messages must not all come at once.
JITTER = 0.1
#: Longest wait that a receiver's Retry-After can ask for, seconds.
LONGEST_WAIT = 86400

SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    client_id TEXT NOT NULL,
    type TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at TEXT,
    delivered_at TEXT,
    said TEXT
);
CREATE INDEX IF NOT EXISTS outbox_due ON outbox (state, next_at);
CREATE TABLE IF NOT EXISTS endpoint (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    disabled_at TEXT,
    why TEXT
);
"""


@dataclass(frozen=True)
class Message:
    """One row of the outbox."""

    sequence: int
    id: str
    client_id: str
    type: str
    body: str
    created_at: datetime
    state: str
    attempts: int
    next_at: datetime | None
    said: str | None


def add(
    connection: sqlite3.Connection,
    message_id: str,
    client_id: str,
    kind: str,
    data: dict[str, Any],
    now: datetime,
) -> bool:
    """Put a message into the outbox, in the caller's transaction. False where the id is there already."""
    moment = _text(now)
    body = json.dumps(
        {"type": kind, "timestamp": moment, "data": {"client_id": client_id, **data}}, sort_keys=True
    )
    done = connection.execute(
        "INSERT INTO outbox (id, client_id, type, body, created_at, state, next_at) "
        "VALUES (?, ?, ?, ?, ?, 'waiting', ?) ON CONFLICT (id) DO NOTHING",
        (message_id, client_id, kind, body, moment, moment),
    )
    return done.rowcount == 1


def due(connection: sqlite3.Connection, now: datetime, limit: int = 100) -> list[Message]:
    """Messages to be sent now, oldest first; none while the endpoint is disabled."""
    if disabled(connection) is not None:
        return []
    rows = connection.execute(
        f"{_SELECT} WHERE state = 'waiting' AND next_at <= ? ORDER BY sequence LIMIT ?", (_text(now), limit)
    )
    return [_message(row) for row in rows]


def record(connection: sqlite3.Connection, message: Message, attempt: Attempt, now: datetime) -> None:
    """Write down what an attempt came to, and when the next one is due.

    A receiver that answers 410, an address that is forbidden and a message that failed for the whole schedule
    disable the endpoint: nothing is sent until `enable`, nothing is lost.
    """
    attempts = message.attempts + 1
    said = attempt.said
    if attempt.outcome is Outcome.DELIVERED:
        connection.execute(
            "UPDATE outbox SET state = 'delivered', attempts = ?, next_at = NULL, delivered_at = ?, said = ? "
            "WHERE id = ?",
            (attempts, _text(now), said, message.id),
        )
        return
    last = attempts >= len(SCHEDULE)
    state = "failed" if last and attempt.outcome is Outcome.RETRY else "waiting"
    wait = 0.0 if last else SCHEDULE[attempts] * (1 + random.random() * JITTER)
    wait = max(wait, min(attempt.retry_after, LONGEST_WAIT))
    connection.execute(
        "UPDATE outbox SET state = ?, attempts = ?, next_at = ?, said = ? WHERE id = ?",
        (state, attempts, _text(now + timedelta(seconds=wait)), said, message.id),
    )
    if attempt.outcome is not Outcome.RETRY or last:
        connection.execute(
            "INSERT INTO endpoint (one, disabled_at, why) VALUES (1, ?, ?) "
            "ON CONFLICT (one) DO UPDATE SET disabled_at = excluded.disabled_at, why = excluded.why",
            (_text(now), said),
        )


def stuck(connection: sqlite3.Connection) -> list[tuple[str, int, str]]:
    """(id, attempts, what was said) of messages that wait after a failed attempt, oldest first."""
    return connection.execute(
        "SELECT id, attempts, said FROM outbox WHERE state <> 'delivered' AND attempts > 0 ORDER BY sequence"
    ).fetchall()


def disabled(connection: sqlite3.Connection) -> str | None:
    """Why nothing is sent; None while the endpoint is in use."""
    row = connection.execute("SELECT why FROM endpoint WHERE disabled_at IS NOT NULL").fetchone()
    return row[0] if row else None


def enable(connection: sqlite3.Connection) -> None:
    """Use the endpoint again."""
    connection.execute("UPDATE endpoint SET disabled_at = NULL, why = NULL")


def replay(connection: sqlite3.Connection, now: datetime, message_id: str | None = None) -> int:
    """Send again, now: one message whatever its state, or all that did not arrive yet. Returns how many."""
    where, values = ("id = ?", (message_id,)) if message_id else ("state <> 'delivered'", ())
    done = connection.execute(
        f"UPDATE outbox SET state = 'waiting', attempts = 0, next_at = ? WHERE {where}", (_text(now), *values)
    )
    enable(connection)
    return done.rowcount


def listing(connection: sqlite3.Connection, after: int = 0) -> Iterator[Message]:
    """All messages in the order in which they were written, beginning after a sequence number."""
    rows = connection.execute(f"{_SELECT} WHERE sequence > ? ORDER BY sequence", (after,))
    return (_message(row) for row in rows)


_SELECT = "SELECT sequence, id, client_id, type, body, created_at, state, attempts, next_at, said FROM outbox"


def _message(row: Any) -> Message:
    sequence, name, client_id, kind, body, created, state, attempts, next_at, said = row
    return Message(
        sequence,
        name,
        client_id,
        kind,
        body,
        datetime.fromisoformat(created),
        state,
        attempts,
        datetime.fromisoformat(next_at) if next_at else None,
        said,
    )


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
