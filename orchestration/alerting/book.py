"""What each route was told: one SQLite file. That a message was sent is written after it, never before."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

from footfall.sqlite_files import open_database
from orchestration.alerting.alert import NEWS, Alert
from orchestration.alerting.life import Told
from orchestration.alerting.silences import Silence

_SCHEMA = """
CREATE TABLE IF NOT EXISTS told (
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    alert TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('firing', 'resolved')),
    since TEXT NOT NULL,
    last_told TEXT NOT NULL,
    gone_since TEXT,
    PRIMARY KEY (route, key)
);
CREATE TABLE IF NOT EXISTS looked (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    at TEXT NOT NULL,
    holding TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS failing (
    route TEXT PRIMARY KEY,
    since TEXT NOT NULL,
    said TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS silences (
    key TEXT NOT NULL,
    is_mute INTEGER NOT NULL,
    by TEXT NOT NULL,
    because TEXT NOT NULL,
    at TEXT NOT NULL,
    until TEXT,
    PRIMARY KEY (key, is_mute)
);
CREATE TABLE IF NOT EXISTS history (
    at TEXT NOT NULL,
    key TEXT NOT NULL,
    what TEXT NOT NULL,
    said TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS history_of_a_key ON history (key, at);
CREATE TABLE IF NOT EXISTS processes (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    at TEXT NOT NULL,
    holding TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS watched (
    client_id TEXT NOT NULL,
    export TEXT NOT NULL,
    since TEXT NOT NULL,
    PRIMARY KEY (client_id, export)
);
"""

#: How long what `footfall up` said of its children holds where it says no more: it was ended in between.
_PROCESSES_FOR = timedelta(minutes=15)


@contextmanager
def alert_book(path: Path) -> Iterator[sqlite3.Connection]:
    """The file, made where missing. Every statement is its own transaction."""
    connection = open_database(
        "alerts.sqlite", path, _SCHEMA, is_autocommit=True, pragmas=("journal_mode = WAL",)
    )
    try:
        yield connection
    finally:
        connection.close()


def told_to(connection: sqlite3.Connection, route: str) -> dict[str, Told]:
    """Key → what the route was told of it."""
    rows = connection.execute(
        "SELECT key, alert, state, since, last_told, gone_since FROM told WHERE route = ?", (route,)
    )
    return {
        key: Told(
            Alert(**json.loads(alert)),
            state,
            datetime.fromisoformat(since),
            datetime.fromisoformat(last) if last else None,
            datetime.fromisoformat(gone) if gone else None,
        )
        for key, alert, state, since, last, gone in rows
    }


def write(connection: sqlite3.Connection, route: str, changed: Mapping[str, Told]) -> None:
    """Remember what the route was told, all of it or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(
        "INSERT INTO told VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (route, key) DO UPDATE SET "
        "alert = excluded.alert, state = excluded.state, since = excluded.since, "
        "last_told = excluded.last_told, gone_since = excluded.gone_since",
        [
            (
                route,
                key,
                json.dumps(asdict(each.alert), sort_keys=True),
                each.state,
                each.since.isoformat(),
                each.last_told.isoformat() if each.last_told else "",
                each.gone_since.isoformat() if each.gone_since else None,
            )
            for key, each in changed.items()
        ],
    )
    connection.execute("COMMIT")


def note_look(connection: sqlite3.Connection, holding: Iterable[Alert], now: datetime) -> None:
    """A round is done: everything was looked at, and whoever could be told was told."""
    found = json.dumps([asdict(alert) for alert in holding])
    connection.execute("INSERT OR REPLACE INTO looked VALUES (1, ?, ?)", (now.isoformat(), found))


def last_look(connection: sqlite3.Connection) -> tuple[datetime | None, list[Alert]]:
    """When the last round was done, None where there was none yet, and what held then."""
    row = connection.execute("SELECT at, holding FROM looked").fetchone()
    if row is None:
        return None, []
    return datetime.fromisoformat(row[0]), [Alert(**each) for each in json.loads(row[1])]


def note_processes(connection: sqlite3.Connection, holding: Iterable[Alert], now: datetime) -> None:
    """What `footfall up` says of its children, which nobody else can see. It says so each minute."""
    found = json.dumps([asdict(alert) for alert in holding])
    connection.execute("INSERT OR REPLACE INTO processes VALUES (1, ?, ?)", (now.isoformat(), found))


def fallen_processes(connection: sqlite3.Connection, now: datetime) -> list[Alert]:
    """What `footfall up` said of its children lately."""
    row = connection.execute("SELECT at, holding FROM processes").fetchone()
    if row is None or now - datetime.fromisoformat(row[0]) > _PROCESSES_FOR:
        return []
    return [Alert(**each) for each in json.loads(row[1])]


def note_history(
    connection: sqlite3.Connection, keys: Iterable[str], what: str, said: str, now: datetime
) -> None:
    """What happened to alerts: told to whom, acknowledged by whom."""
    connection.executemany(
        "INSERT INTO history VALUES (?, ?, ?, ?)", [(now.isoformat(), key, what, said) for key in keys]
    )


def history_of(connection: sqlite3.Connection, key: str) -> list[tuple[datetime, str, str]]:
    """(when, what, said) of an alert and of what names a group of alerts that it is in, oldest first."""
    parts = key.split(":")
    keys = [":".join(parts[:count]) for count in range(1, len(parts) + 1)]
    marks = ", ".join("?" * len(keys))
    rows = connection.execute(
        f"SELECT at, what, said FROM history WHERE key IN ({marks}) ORDER BY at, rowid", keys
    )
    return [(datetime.fromisoformat(at), what, said) for at, what, said in rows]


def silence(connection: sqlite3.Connection, wanted: Silence) -> None:
    """Acknowledge or mute; what was said of the same key before is replaced."""
    until = wanted.until.isoformat() if wanted.until else None
    row = (wanted.key, wanted.is_mute, wanted.by, wanted.because, wanted.at.isoformat(), until)
    connection.execute("INSERT OR REPLACE INTO silences VALUES (?, ?, ?, ?, ?, ?)", row)


def end_silence(connection: sqlite3.Connection, key: str) -> int:
    """Take back what was acknowledged or muted under this very key. Returns how many."""
    return connection.execute("DELETE FROM silences WHERE key = ?", (key,)).rowcount


def silences(connection: sqlite3.Connection) -> list[Silence]:
    """All that were not taken back, also those that have ended, oldest first."""
    rows = connection.execute("SELECT key, is_mute, by, because, at, until FROM silences ORDER BY at")
    return [
        Silence(
            key,
            bool(is_mute),
            by,
            because,
            datetime.fromisoformat(at),
            datetime.fromisoformat(until) if until else None,
        )
        for key, is_mute, by, because, at, until in rows
    ]


def note_failure(connection: sqlite3.Connection, route: str, said: str, now: datetime) -> None:
    """The route's channel failed; its messages are tried again at the next tick."""
    connection.execute(
        "INSERT INTO failing VALUES (?, ?, ?) ON CONFLICT (route) DO UPDATE SET said = excluded.said",
        (route, now.isoformat(), said),
    )


def note_success(connection: sqlite3.Connection, route: str) -> None:
    """The route's channel works."""
    connection.execute("DELETE FROM failing WHERE route = ?", (route,))


def failing_routes(connection: sqlite3.Connection) -> list[tuple[str, datetime, str]]:
    """(route, since, what its channel said)."""
    rows = connection.execute("SELECT route, since, said FROM failing ORDER BY route").fetchall()
    return [(route, datetime.fromisoformat(since), said) for route, since, said in rows]


def watched_since(
    connection: sqlite3.Connection,
    exports: Iterable[tuple[str, str]],
    begun: Callable[[str, str], datetime],
) -> dict[tuple[str, str], datetime]:
    """(client, export) → the moment from which its periods are asked for; `begun` says it of a new one.

    An export that was ordered today owes nothing of yesterday. One that was taken away is forgotten.
    """
    known = {
        (client_id, export): datetime.fromisoformat(since)
        for client_id, export, since in connection.execute("SELECT client_id, export, since FROM watched")
    }
    wanted = list(exports)
    added = {key: begun(*key) for key in wanted if key not in known}
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(
        "INSERT INTO watched VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(*key, since.isoformat()) for key, since in added.items()],
    )
    connection.executemany(
        "DELETE FROM watched WHERE client_id = ? AND export = ?", [*(known.keys() - set(wanted))]
    )
    connection.execute("COMMIT")
    return {key: since for key, since in {**known, **added}.items() if key in set(wanted)}


def forget(connection: sqlite3.Connection, before: datetime) -> int:
    """Drop what was resolved, or was news, before a moment, and what was over by then without a word.

    Returns how many rows.
    """
    news = ", ".join(f"'{kind}'" for kind in sorted(NEWS))
    done = connection.execute(
        "DELETE FROM told WHERE last_told < :before AND last_told <> '' "
        f"AND (state = 'resolved' OR alert ->> 'kind' IN ({news})) "
        "OR last_told = '' AND gone_since < :before",
        {"before": before.isoformat()},
    )
    connection.execute("DELETE FROM history WHERE at < ?", (before.isoformat(),))
    connection.execute("DELETE FROM silences WHERE coalesce(until, at) < ?", (before.isoformat(),))
    return done.rowcount
