"""The registry's SQLite file: domains, hosts, counters, notices and the outbox, so that one transaction holds
a change and the message about it."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from footfall.sqlite_files import open_database
from orchestration.webhooks import outbox

_SCHEMA = """
CREATE TABLE IF NOT EXISTS domains (
    client_id TEXT NOT NULL,
    domain TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('seen', 'pending', 'verified', 'billable', 'blocked', 'retired')),
    activation INTEGER NOT NULL DEFAULT 0,
    proof TEXT,
    token TEXT NOT NULL,
    first_seen_hour TEXT NOT NULL,
    last_seen_hour TEXT NOT NULL,
    hours_seen INTEGER NOT NULL,
    events INTEGER NOT NULL,
    changed_at TEXT NOT NULL,
    change INTEGER NOT NULL,
    PRIMARY KEY (client_id, domain)
);
CREATE UNIQUE INDEX IF NOT EXISTS domains_changed ON domains (change);
CREATE TABLE IF NOT EXISTS hosts (
    client_id TEXT NOT NULL,
    host TEXT NOT NULL,
    domain TEXT NOT NULL,
    site_id TEXT NOT NULL,
    first_seen_hour TEXT NOT NULL,
    last_seen_hour TEXT NOT NULL,
    events INTEGER NOT NULL,
    PRIMARY KEY (client_id, host)
);
CREATE TABLE IF NOT EXISTS observed_hours (
    client_id TEXT NOT NULL,
    hour TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (client_id, hour)
);
CREATE TABLE IF NOT EXISTS decisions (
    client_id TEXT NOT NULL,
    domain TEXT NOT NULL,
    decision TEXT NOT NULL,
    by TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS passed_over (
    client_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    hosts INTEGER NOT NULL,
    events INTEGER NOT NULL,
    last_hour TEXT NOT NULL,
    PRIMARY KEY (client_id, reason)
);
CREATE TABLE IF NOT EXISTS type_hours (
    client_id TEXT NOT NULL,
    site_id TEXT NOT NULL,
    hour TEXT NOT NULL,
    event_type TEXT NOT NULL,
    events INTEGER NOT NULL,
    PRIMARY KEY (client_id, site_id, hour, event_type)
);
CREATE TABLE IF NOT EXISTS marks (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS notices (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    client_id TEXT NOT NULL,
    key TEXT NOT NULL,
    facts TEXT NOT NULL,
    created_at TEXT NOT NULL
);
"""


@contextmanager
def registry(path: Path) -> Iterator[sqlite3.Connection]:
    """The registry, made where missing. A statement is its own transaction, outside `transaction`."""
    connection = open_database(
        "registry.sqlite",
        path,
        _SCHEMA + outbox.SCHEMA,
        is_autocommit=True,
        # A change that was told must survive a power cut.
        pragmas=("journal_mode = WAL", "synchronous = FULL"),
    )
    try:
        yield connection
    finally:
        connection.close()


def notices(
    connection: sqlite3.Connection, limit: int = 500
) -> list[tuple[str, str, str, dict[str, Any], datetime]]:
    """(kind, client, domain, facts, when) of the latest notices, without new domains that were decided on."""
    rows = connection.execute(
        "SELECT kind, client_id, key, facts, created_at FROM notices WHERE kind <> 'new_domain' OR EXISTS ("
        "SELECT * FROM domains WHERE (client_id, domain, state) = (notices.client_id, key, 'pending')) "
        "ORDER BY sequence DESC LIMIT ?",
        (limit,),
    ).fetchall()
    return [
        (kind, client, key, json.loads(facts), datetime.fromisoformat(at))
        for kind, client, key, facts, at in rows
    ]


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; taken at once, so that two writers queue instead of failing half-way."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
