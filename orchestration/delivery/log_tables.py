"""The tables of the logs of buckets in the ledger's file, and the one statement that notes a leaf."""

import sqlite3
from typing import Any

from footfall.bucket_log import Leaf

#: `logs`: one of each client and place; `promises` is JSON, `stated` the number of the newest statement, and
#: `published` the size that the bucket has. `log_leaves`: `number` is NULL until a run gives it one.
#: `log_checkpoints`: what each run made of the log. `log_objects`: small objects by content, to put back.
TABLES = """
CREATE TABLE IF NOT EXISTS logs (
    log INTEGER PRIMARY KEY,
    client_id TEXT NOT NULL,
    place TEXT NOT NULL,
    published INTEGER NOT NULL DEFAULT 0,
    stated INTEGER NOT NULL DEFAULT 0,
    promises TEXT NOT NULL DEFAULT '[]',
    UNIQUE (client_id, place)
);
CREATE TABLE IF NOT EXISTS log_leaves (
    leaf INTEGER PRIMARY KEY,
    log INTEGER NOT NULL,
    number INTEGER,
    key TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    export TEXT,
    start TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS log_leaves_number ON log_leaves (log, number) WHERE number IS NOT NULL;
CREATE INDEX IF NOT EXISTS log_leaves_new ON log_leaves (log, leaf) WHERE number IS NULL;
CREATE INDEX IF NOT EXISTS log_leaves_key ON log_leaves (log, key);
CREATE TABLE IF NOT EXISTS log_checkpoints (
    log INTEGER NOT NULL,
    size INTEGER NOT NULL,
    peaks BLOB NOT NULL,
    note BLOB NOT NULL,
    day TEXT NOT NULL,
    PRIMARY KEY (log, size)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log_objects (
    sha256 TEXT PRIMARY KEY,
    data BLOB NOT NULL
);
"""

Statement = tuple[str, tuple[Any, ...]]


_NOTE = (
    "INSERT INTO log_leaves (log, key, sha256, export, start) SELECT log, ?, ?, ?, ? FROM logs "
    "WHERE client_id = ? AND place = ? AND coalesce((SELECT sha256 FROM log_leaves newest "
    "WHERE newest.log = logs.log AND newest.key = ? ORDER BY leaf DESC LIMIT 1), '') <> ?"
)


def noting(client_id: str, place: str, leaf: Leaf) -> Statement:
    """Note a leaf of a log that is there, unless the newest of its key says the same."""
    return (
        _NOTE,
        (leaf.key, leaf.sha256, leaf.export, leaf.start, client_id, place, leaf.key, leaf.sha256),
    )


def note(connection: sqlite3.Connection, client_id: str, place: str, leaf: Leaf) -> None:
    """Do it within the connection's transaction."""
    _, values = noting(client_id, place, leaf)
    connection.execute(_NOTE, values)
