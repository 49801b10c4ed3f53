"""Free texts of SQLite files: what people wrote, and what failures and steps of runs said.

They alone may hold a person, and lose him. Keys, states and what is signed stay as they are, whatever an id
is: one that is also the name of an export, of a client or of an asset takes nothing with it.
"""

import json
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from footfall.errors import FootfallError

#: A text → the same without whom it is about.
Clean = Callable[[str], str]
#: A cell → the same, of which Clean had the free texts.
Cell = Callable[[str, Clean], str]

#: Facts of an alert in which somebody is quoted; the others name what it is about.
QUOTED = frozenset({"error", "problem", "said", "found", "why", "last lines", "left"})
#: Fields of what Dagster serialises that hold a sentence, or a list of such.
_SENTENCES = frozenset({"message", "user_message", "description", "stack", "skip_reason"})
#: Its metadata that show what a step found. Others name assets, runs and columns.
_SHOWN = frozenset(
    f"{kind}MetadataEntryData" for kind in ("Text", "Markdown", "Json", "Table", "Url", "Path", "Notebook")
)
#: What there names a class, and columns.
_NAMES = ("__class__", "schema")
#: Seconds that are waited for others who write.
SECONDS = 60.0
#: Rows that are read at once, without a lock.
_ROWS = 500


def _whole(cell: str, clean: Clean) -> str:
    return clean(cell)


def _of_json(walk: Callable[[Any, Clean], Any]) -> Cell:
    """The same JSON after `walk`; byte for byte where nothing of it changed, and what is no JSON."""

    def cleaned(cell: str, clean: Clean) -> str:
        try:
            before = json.loads(cell)
            after = walk(before, clean)
        except (ValueError, RecursionError):
            return cell
        return cell if after == before else json.dumps(after)

    return cleaned


def _alerts(value: Any, clean: Clean) -> Any:
    """An alert, or a list of them."""
    if isinstance(value, list):
        return [_alerts(each, clean) for each in value]
    if not isinstance(value, dict) or not isinstance(facts := value.get("facts"), dict):
        return value
    said = {name: _all(each, clean) if name in QUOTED else each for name, each in facts.items()}
    return {**value, "facts": said}


def _events(value: Any, clean: Clean) -> Any:
    """What Dagster serialised: events, materialisations, checks, ticks, backfills."""
    if isinstance(value, list):
        return [_events(each, clean) for each in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("__class__")
    if kind in _SHOWN:
        return {name: each if name in _NAMES else _all(each, clean) for name, each in value.items()}
    return {
        name: _all(each, clean) if kind and name in _SENTENCES else _events(each, clean)
        for name, each in value.items()
    }


def _all(value: Any, clean: Clean) -> Any:
    """Each text below a value; names of fields stay."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_all(each, clean) for each in value]
    if isinstance(value, dict):
        return {name: each if name in _NAMES else _all(each, clean) for name, each in value.items()}
    return value


#: Table and column → where in its cells free texts are.
Columns = Mapping[tuple[str, str], Cell]
#: File of the state folder → its columns.
TEXTS: Mapping[str, Columns] = {
    "ledger.sqlite": {("revisions", "error"): _whole},
    "registry.sqlite": {("outbox", "said"): _whole, ("endpoint", "why"): _whole},
    "alerts.sqlite": {
        ("told", "alert"): _of_json(_alerts),
        ("looked", "holding"): _of_json(_alerts),
        ("processes", "holding"): _of_json(_alerts),
        ("failing", "said"): _whole,
        ("silences", "because"): _whole,
        ("history", "said"): _whole,
    },
    "access.sqlite": {("day_notes", "text"): _whole},
    "listings.sqlite": {("degraded", "problem"): _whole},
}
#: Columns of Dagster's files.
OF_DAGSTER: Columns = {
    ("event_logs", "event"): _of_json(_events),
    ("asset_keys", "last_materialization"): _of_json(_events),
    ("asset_check_executions", "evaluation_event"): _of_json(_events),
    ("job_ticks", "tick_body"): _of_json(_events),
    ("bulk_actions", "body"): _of_json(_events),
}


def clean_file(
    path: Path,
    columns: Columns,
    clean: Clean,
    is_left: Callable[[], bool] = lambda: True,
    *,
    seconds: float = SECONDS,
) -> int:
    """Take somebody out of the free texts of a file. Returns how many cells were changed.

    Others go on to read and write: what is changed is written in small pieces, and the file anew at the end,
    where a cell was changed or `is_left` (bytes of a row that is gone). Nothing of a file that has just gone.
    Raises FootfallError where it is locked or damaged.
    """
    if not path.exists():
        return 0
    try:
        with closing(
            sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=seconds)
        ) as file:
            file.text_factory = bytes  # a text that is no UTF-8 is looked at too
            file.execute("PRAGMA secure_delete = ON")
            cells = sum(_clean_column(file, *place, cell, clean) for place, cell in columns.items())
            if cells or is_left():
                _shorten(file)
                file.execute("VACUUM")
                _shorten(file)
            return cells
    except sqlite3.Error as error:
        raise FootfallError(
            f"{path} was not looked through for who is erased: {error}; go on once nobody holds it; a "
            "damaged one has to be put back from your backup, or moved away"
        ) from None


def _shorten(file: sqlite3.Connection) -> None:
    """Take what was written into the file itself."""
    is_busy = file.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if is_busy:
        raise sqlite3.OperationalError("others hold it")


def _clean_column(file: sqlite3.Connection, table: str, column: str, cell: Cell, clean: Clean) -> int:
    if not file.execute("SELECT 1 FROM pragma_table_info(?) WHERE name = ?", (table, column)).fetchone():
        return 0
    changed, last = 0, -(2**63)
    after = f"SELECT rowid, {column} FROM {table} WHERE rowid > ? AND typeof({column}) = 'text' "
    while rows := file.execute(f"{after} ORDER BY rowid LIMIT {_ROWS}", (last,)).fetchall():
        last = rows[-1][0]
        found = [row for row, data in rows if _cleaned(data, cell, clean) != data]
        if found:
            file.execute("BEGIN IMMEDIATE")
            changed += sum(_clean_cell(file, table, column, row, cell, clean) for row in found)
            file.commit()
    return changed


def _clean_cell(file: sqlite3.Connection, table: str, column: str, row: int, cell: Cell, clean: Clean) -> int:
    """As it is now: somebody may have written it since it was read."""
    now = file.execute(f"SELECT {column} FROM {table} WHERE rowid = ?", (row,)).fetchone()
    if now is None or not isinstance(now[0], bytes):
        return 0
    file.execute(
        f"UPDATE {table} SET {column} = CAST(? AS TEXT) WHERE rowid = ?", (_cleaned(now[0], cell, clean), row)
    )
    return 1


def _cleaned(data: bytes, cell: Cell, clean: Clean) -> bytes:
    return cell(data.decode("utf-8", "surrogateescape"), clean).encode("utf-8", "surrogateescape")
