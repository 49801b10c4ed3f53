"""The tables of the ledger's SQLite file: a row for each revision, and below it one for each bucket."""

TABLES = """
CREATE TABLE IF NOT EXISTS revisions (
    client_id TEXT NOT NULL,
    export TEXT NOT NULL,
    period_start TEXT NOT NULL,
    revision INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    cadence TEXT NOT NULL,
    supersedes INTEGER,
    schema_id TEXT,
    digest TEXT,
    files TEXT NOT NULL DEFAULT '[]',
    rows INTEGER,
    bytes INTEGER,
    manifest_key TEXT,
    manifest TEXT,
    hold TEXT NOT NULL DEFAULT '',
    kind TEXT,
    error TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    failing_since TEXT,
    next_at TEXT,
    not_before TEXT,
    planned_at TEXT NOT NULL,
    committed_at TEXT,
    PRIMARY KEY (client_id, export, period_start, revision)
);
CREATE INDEX IF NOT EXISTS revisions_open ON revisions (state, next_at)
    WHERE state IN ('planned', 'rendered', 'committed');
CREATE TABLE IF NOT EXISTS copies (
    client_id TEXT NOT NULL,
    export TEXT NOT NULL,
    period_start TEXT NOT NULL,
    revision INTEGER NOT NULL,
    place TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (client_id, export, period_start, revision, place)
);
CREATE TABLE IF NOT EXISTS written (
    url TEXT PRIMARY KEY
);
CREATE TABLE IF NOT EXISTS compared_days (
    client_id TEXT NOT NULL,
    export TEXT NOT NULL,
    release TEXT NOT NULL,
    PRIMARY KEY (client_id, export)
);
"""
