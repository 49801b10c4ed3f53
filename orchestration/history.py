"""Dagster's runs, events and schedules, out of the state folder's SQLite files into PostgreSQL.

Dagster keeps the events of each run in a file of its own and copies those about assets, checks and ends of
runs into an index file, under other numbers. PostgreSQL has one table. So all events are put into the order
of their moments and numbered anew, and whatever names a number of the index is given the new one. Nothing is
taken away from the files.
"""

import bisect
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from footfall.errors import FootfallError

#: Seconds that a server may take to answer before a start gives up: one that is started beside us is given
#: time.
ANSWER_SECONDS = 60
#: Rows that are written at once.
_ROWS = 500
#: Tables that are taken as they are, each after what it refers to. Not taken: locks and signs of life, which
#: are of the past, and what Dagster notes of its own tables.
_RUNS = ("snapshots", "runs", "run_tags", "bulk_actions", "backfill_tags", "kvs")
_SCHEDULES = ("jobs", "instigators", "job_ticks", "asset_daemon_asset_evaluations")
_INDEX = ("dynamic_partitions", "concurrency_limits")
#: Columns that name an event by its number, of tables of the index.
_NUMBERED = {
    "asset_event_tags": ("event_id",),
    "asset_check_executions": ("evaluation_event_storage_id", "materialization_event_storage_id"),
}
#: Columns of `asset_keys` with JSON that names events, and the names under which it does.
_WITH_NUMBERS = ("last_materialization", "cached_status_data")
_NUMBER_NAMES = frozenset(
    {"storage_id", "latest_storage_id", "earliest_in_progress_materialization_event_id"}
)

Progress = Callable[[str], None]


def require_answer(url: str, seconds: float = ANSWER_SECONDS) -> None:
    """Raise FootfallError, without the password, where a server does not take us within some time."""
    give_up = time.monotonic() + seconds
    engine = engine_of(url)
    while True:
        try:
            with engine.connect():
                return
        except sa.exc.OperationalError as error:
            said = str(error.orig).strip().splitlines()[0] if error.orig else "no answer"
            is_refused = "password" in said or "does not exist" in said
            if is_refused or time.monotonic() > give_up:
                raise FootfallError(f"FOOTFALL_POSTGRES: {said}") from None
        finally:
            engine.dispose()
        time.sleep(0.5)


def engine_of(url: str) -> sa.Engine:
    """The server at an address of FOOTFALL_POSTGRES. Raises FootfallError, without the password."""
    if urlsplit(url).scheme not in ("postgresql", "postgres"):
        raise FootfallError("FOOTFALL_POSTGRES: expected postgresql://user:password@host/database")
    try:
        address = sa.make_url(url.replace("postgres://", "postgresql://", 1))
    except (sa.exc.ArgumentError, ValueError):
        raise FootfallError(
            "FOOTFALL_POSTGRES: expected postgresql://user:password@host/database; signs of a "
            "password such as "
            "/ or @ are written %2F and %40"
        ) from None
    return sa.create_engine(address, connect_args={"connect_timeout": 5})


@dataclass
class _Order:
    """The new number of each event. A place is a file and the row in it."""

    numbers: dict[tuple[str, int], int] = field(default_factory=dict)
    #: Number in the index → new number; whole before anybody asks for one.
    of_index: dict[int, int] = field(default_factory=dict)

    def number(self, of_index: int) -> int | None:
        """The new number of an event of the index; of one that is gone None."""
        return self.of_index.get(of_index)

    def before(self, of_index: int) -> int:
        """The new number of the newest event of the index up to one."""
        at = bisect.bisect_right(self._known, of_index)
        return self.of_index[self._known[at - 1]] if at else 0

    @cached_property
    def _known(self) -> list[int]:
        return sorted(self.of_index)


def move(home: Path, url: str, progress: Progress) -> Mapping[str, int]:
    """Copy the history below Dagster's home into a database that has Dagster's tables and no runs.

    Whole or not at all. Returns how many rows of which table. Raises FootfallError.
    """
    runs, schedules = home / "history" / "runs.db", home / "schedules" / "schedules.db"
    index = home / "history" / "runs" / "index.db"
    if not runs.exists():
        raise FootfallError(f"{home} holds no history of Dagster's: there is nothing to move")
    target = engine_of(url)
    copied: dict[str, int] = {}
    try:
        with target.begin() as there:
            tables = sa.MetaData()
            tables.reflect(there)
            if there.execute(sa.select(sa.func.count()).select_from(tables.tables["runs"])).scalar():
                raise FootfallError(
                    "FOOTFALL_POSTGRES: the database has runs already; move into an empty one"
                )
            for path, names in ((runs, _RUNS), (schedules, _SCHEDULES), (index, _INDEX)):
                for name in names:
                    copied[name] = _copy(path, name, there, tables)
            order = _order(index)
            progress(f"{len(order.numbers)} events of {len({file for file, _ in order.numbers})} files")
            copied["event_logs"] = _copy_events(order, index, there, tables)
            for name, columns in _NUMBERED.items():
                copied[name] = _copy(index, name, there, tables, _renumbering(order, columns))
            copied["asset_keys"] = _copy(index, "asset_keys", there, tables, _with_new_numbers(order))
            for name in copied:
                _continue_numbers(name, there, tables)
    finally:
        target.dispose()
    return copied


def _rows(path: Path, name: str) -> Iterator[dict[str, Any]]:
    """Rows of a table of a SQLite file, typed; none where there is no such file or table."""
    if not path.exists():
        return
    engine = sa.create_engine(f"sqlite:///{path}")
    try:
        with engine.connect() as here:
            tables = sa.MetaData()
            tables.reflect(here, only=lambda table, _: table == name)
            if name in tables.tables:
                for row in here.execute(sa.select(tables.tables[name])).mappings():
                    yield dict(row)
    finally:
        engine.dispose()


def _copy(
    path: Path,
    name: str,
    there: sa.Connection,
    tables: sa.MetaData,
    changed: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda row: row,
) -> int:
    """Rows into the table of the same name. `changed`: None for one that is left out."""
    if name not in tables.tables:
        return 0
    known = _referred_to(name, there, tables)
    rows = (row for each in _rows(path, name) if (row := changed(each)) is not None)
    return _write((row for row in rows if _is_whole(row, known)), tables.tables[name], there)


def _referred_to(name: str, there: sa.Connection, tables: sa.MetaData) -> dict[str, set[Any]]:
    """Column → what it may say, where it refers to a table: SQLite did not look."""
    return {
        key.parent.name: set(there.execute(sa.select(key.column)).scalars())
        for key in tables.tables[name].foreign_keys
    }


def _is_whole(row: Mapping[str, Any], known: Mapping[str, set[Any]]) -> bool:
    return all(row.get(column) is None or row[column] in values for column, values in known.items())


def _write(rows: Iterator[dict[str, Any]], table: sa.Table, there: sa.Connection) -> int:
    count, batch = 0, []
    columns = set(table.columns.keys())
    for row in rows:
        batch.append({name: value for name, value in row.items() if name in columns})
        if len(batch) == _ROWS:
            there.execute(table.insert(), batch)
            count, batch = count + len(batch), []
    if batch:
        there.execute(table.insert(), batch)
    return count + len(batch)


def _files(index: Path) -> list[Path]:
    """Files of single runs."""
    return sorted(path for path in index.parent.glob("*.db") if path != index)


def _order(index: Path) -> _Order:
    """New numbers of all events, by their moments. One of the index that its run has too is one event."""
    of_index: dict[str, list[int]] = {}
    moments: dict[tuple[str, int], str] = {}
    for row in _rows(index, "event_logs"):
        of_index.setdefault(_print_of(row), []).append(row["id"])
        moments[index.name, row["id"]] = _moment(row)
    same: dict[int, tuple[str, int]] = {}
    for path in _files(index):
        for row in _rows(path, "event_logs"):
            moments[path.name, row["id"]] = _moment(row)
            if twins := of_index.get(_print_of(row)):
                twin = twins.pop(0)
                same[twin] = (path.name, row["id"])
                del moments[index.name, twin]
    order = _Order()
    for number, place in enumerate(sorted(moments, key=lambda each: (moments[each], each)), 1):
        order.numbers[place] = number
    for twins in of_index.values():
        for number in twins:
            order.of_index[number] = order.numbers[index.name, number]
    for number, place in same.items():
        order.of_index[number] = order.numbers[place]
    return order


def _print_of(row: Mapping[str, Any]) -> str:
    return hashlib.sha256(f"{row['run_id']}\0{row['event']}".encode("utf-8", "surrogatepass")).hexdigest()


def _moment(row: Mapping[str, Any]) -> str:
    return row["timestamp"].isoformat() if row["timestamp"] is not None else ""


def _copy_events(order: _Order, index: Path, there: sa.Connection, tables: sa.MetaData) -> int:
    def rows() -> Iterator[dict[str, Any]]:
        for path in (index, *_files(index)):
            for row in _rows(path, "event_logs"):
                if (number := order.numbers.get((path.name, row["id"]))) is not None:
                    yield row | {"id": number}

    return _write(rows(), tables.tables["event_logs"], there)


def _renumbering(order: _Order, columns: Sequence[str]) -> Callable[[dict[str, Any]], dict[str, Any] | None]:
    def changed(row: dict[str, Any]) -> dict[str, Any] | None:
        named = {column: row[column] for column in columns if row.get(column) is not None}
        new = {column: order.number(number) for column, number in named.items()}
        return None if "event_id" in new and new["event_id"] is None else row | new

    return changed


def _with_new_numbers(order: _Order) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def changed(row: dict[str, Any]) -> dict[str, Any]:
        new = {}
        for column in _WITH_NUMBERS:
            if row.get(column):
                try:
                    new[column] = json.dumps(_renumbered(json.loads(row[column]), order))
                except ValueError:
                    continue  # an asset that was never made says no JSON
        return row | new

    return changed


def _renumbered(value: Any, order: _Order) -> Any:
    if isinstance(value, dict):
        return {
            name: order.before(each)
            if name in _NUMBER_NAMES and isinstance(each, int)
            else _renumbered(each, order)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [_renumbered(each, order) for each in value]
    return value


def _continue_numbers(name: str, there: sa.Connection, tables: sa.MetaData) -> None:
    """What is written next has a number that nobody has."""
    table = tables.tables.get(name)
    if table is None or "id" not in table.columns:
        return
    sequence = there.execute(sa.select(sa.func.pg_get_serial_sequence(name, "id"))).scalar()
    most = there.execute(sa.select(sa.func.max(table.c.id))).scalar()
    if sequence and most:
        there.execute(sa.select(sa.func.setval(sequence, most)))
