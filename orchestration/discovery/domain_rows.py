"""Rows of the registry, as they are read."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

State = Literal["seen", "pending", "verified", "billable", "blocked", "retired"]


@dataclass(frozen=True)
class Domain:
    """One row of the registry. `change` grows with every change of state, over all rows."""

    client_id: str
    domain: str
    state: State
    activation: int
    proof: str | None
    token: str
    first_seen_hour: datetime
    last_seen_hour: datetime
    hours_seen: int
    events: int
    changed_at: datetime
    change: int

    @property
    def partition(self) -> str:
        """Its key among Dagster's dynamic partitions."""
        return f"{self.client_id}/{self.domain}"


def find(connection: sqlite3.Connection, client_id: str, domain: str) -> Domain | None:
    """The registry's row of a domain."""
    row = connection.execute(
        "SELECT * FROM domains WHERE client_id = ? AND domain = ?", (client_id, domain)
    ).fetchone()
    return _domain(row) if row else None


def listing(
    connection: sqlite3.Connection,
    *,
    client_id: str | None = None,
    states: Iterable[State] = (),
    changed_after: int = -1,
    limit: int = 10_000,
) -> list[Domain]:
    """Rows in the order of their last change of state."""
    wanted = tuple(states)
    marks = ", ".join("?" * len(wanted))
    rows = connection.execute(
        "SELECT * FROM domains WHERE change > ?"
        + (" AND client_id = ?" if client_id else "")
        + (f" AND state IN ({marks})" if wanted else "")
        + " ORDER BY change LIMIT ?",
        (changed_after, *([client_id] if client_id else []), *wanted, limit),
    ).fetchall()
    return [_domain(row) for row in rows]


def hosts_of(connection: sqlite3.Connection, client_id: str, domain: str) -> list[str]:
    """The hosts that were seen of a domain."""
    rows = connection.execute(
        "SELECT host FROM hosts WHERE client_id = ? AND domain = ? ORDER BY host", (client_id, domain)
    ).fetchall()
    return [row[0] for row in rows]


def note_decision(
    connection: sqlite3.Connection, client_id: str, domain: str, decision: str, by: str, now: datetime
) -> None:
    """Remember what a person decided."""
    connection.execute(
        "INSERT INTO decisions VALUES (?, ?, ?, ?, ?)", (client_id, domain, decision, by, text(now))
    )


def last_decisions(connection: sqlite3.Connection) -> dict[tuple[str, str], tuple[str, str, datetime]]:
    """(client, domain) → (decision, who, when) of the last that a person decided."""
    rows = connection.execute("SELECT * FROM decisions ORDER BY at, rowid").fetchall()
    return {(row[0], row[1]): (row[2], row[3], datetime.fromisoformat(row[4])) for row in rows}


def passed_over(connection: sqlite3.Connection) -> list[tuple[str, str, int, int]]:
    """(client, reason, hosts, events) of what was counted and not stored."""
    return connection.execute(
        "SELECT client_id, reason, hosts, events FROM passed_over ORDER BY client_id, reason"
    ).fetchall()


def _domain(row: tuple[Any, ...]) -> Domain:
    client_id, domain, state, activation, proof, token, first, last, hours, events, changed, change = row
    return Domain(
        client_id,
        domain,
        state,
        activation,
        proof,
        token,
        datetime.fromisoformat(first),
        datetime.fromisoformat(last),
        hours,
        events,
        datetime.fromisoformat(changed),
        change,
    )


def text(moment: datetime) -> str:
    """A moment as the registry writes it: UTC, to the second, in an order that sorts."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")
