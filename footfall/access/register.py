"""The operator's API keys, when each key was last used, answers to acts; people, share links and notes
of the dashboard: `access.sqlite` in the state folder.

Keys of a client are in its file, for the collector may be on another machine. What is kept is the hash.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from footfall.collecting import ApiKey
from footfall.errors import FootfallError
from footfall.event import timestamp
from footfall.sqlite_files import Database, open_database

NAME = "access.sqlite"
_TABLES = """
CREATE TABLE IF NOT EXISTS operator_keys (name TEXT PRIMARY KEY, key TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS last_use (sha256 TEXT PRIMARY KEY, at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS answers (
    name TEXT PRIMARY KEY, asked TEXT NOT NULL, status INTEGER NOT NULL, body BLOB NOT NULL, at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS people (name TEXT PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS shares (id TEXT PRIMARY KEY, document TEXT NOT NULL, revoked_at TEXT);
CREATE TABLE IF NOT EXISTS day_notes (
    id TEXT PRIMARY KEY, client_id TEXT NOT NULL, site_id TEXT NOT NULL, day TEXT NOT NULL,
    text TEXT NOT NULL, by TEXT NOT NULL, at TEXT NOT NULL
);
"""


@contextmanager
def key_register(home: Path) -> Iterator[Database]:
    """The register of a state folder, made where missing. Commits at the end. Raises FootfallError."""
    database = open_database(NAME, home / NAME, _TABLES, pragmas=("journal_mode = WAL",))
    try:
        with database:
            yield database
    finally:
        database.close()


def operator_keys(home: Path) -> list[ApiKey]:
    """The operator's keys by name; none where there is no register."""
    if not (home / NAME).exists():
        return []
    with key_register(home) as database:
        rows = database.execute("SELECT key FROM operator_keys ORDER BY name").fetchall()
    return [ApiKey.model_validate_json(key) for (key,) in rows]


def put_operator_key(home: Path, key: ApiKey) -> None:
    """Add a key, or put it in the place of the one of its name. Raises FootfallError."""
    if any(each.sha256 == key.sha256 and each.name != key.name for each in operator_keys(home)):
        raise FootfallError("that key is there already, under another name")
    with key_register(home) as database:
        document = json.dumps(key.model_dump(mode="json", exclude_unset=True))
        database.execute("INSERT OR REPLACE INTO operator_keys VALUES (?, ?)", (key.name, document))


def remove_operator_key(home: Path, name: str) -> None:
    """Take a key away. Raises FootfallError where there is none of that name."""
    with key_register(home) as database:
        if not database.execute("DELETE FROM operator_keys WHERE name = ?", (name,)).rowcount:
            raise FootfallError(f"the operator has no key {name!r}; `footfall keys list` shows them")


def note_uses(home: Path, uses: Mapping[str, datetime]) -> None:
    """Remember when keys (SHA-256) were used; of two times the later counts. Raises FootfallError."""
    rows = [(sha256, timestamp(at)) for sha256, at in uses.items()]
    with key_register(home) as database:
        database.executemany(
            "INSERT INTO last_use VALUES (?, ?) ON CONFLICT (sha256) DO UPDATE SET at = max(at, excluded.at)",
            rows,
        )


def last_uses(home: Path) -> dict[str, datetime]:
    """SHA-256 of a key → when it was last used."""
    if not (home / NAME).exists():
        return {}
    with key_register(home) as database:
        rows = database.execute("SELECT sha256, at FROM last_use").fetchall()
    return {sha256: datetime.fromisoformat(at) for sha256, at in rows}


def key_of(document: dict[str, object]) -> ApiKey:
    """A key as it would be kept. Raises FootfallError that says what is wrong with it."""
    try:
        return ApiKey.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise FootfallError(f"{where}: {first['msg']}" if where else first["msg"]) from None
