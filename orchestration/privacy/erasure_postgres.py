"""Dagster's history in PostgreSQL: the same free texts as in its SQLite files lose who is erased.

Rows are read in pages without a lock, and a cell is written only as it was read. A table of which cells were
changed is written anew (VACUUM FULL): a plain UPDATE leaves the row before in the table's file. What the
server's log of writes and its backups keep is its operator's.
"""

import time
from collections.abc import Callable, Collection
from functools import partial

import sqlalchemy as sa

from footfall.errors import FootfallError
from orchestration.privacy.erasure_local import GONE, Cleaned
from orchestration.privacy.erasure_search import Needles
from orchestration.privacy.erasure_texts import OF_DAGSTER, Cell

#: Rows that are read at once.
_ROWS = 500
#: Milliseconds that are waited for a table which others read, and how often, with so many seconds between.
#: Longer waits: whoever comes behind waits as well, Dagster's runs among them. More tries: busier servers.
_LOCK_MS, _TRIES, _REST = 2_000, 15, 3.0
#: What PostgreSQL says where a lock was not to be had in time.
_LOCKED = "55P03"

_ANEW = {
    "event_logs": sa.DDL("VACUUM FULL event_logs"),  # type: ignore[no-untyped-call]
    "asset_keys": sa.DDL("VACUUM FULL asset_keys"),  # type: ignore[no-untyped-call]
    "asset_check_executions": sa.DDL("VACUUM FULL asset_check_executions"),  # type: ignore[no-untyped-call]
    "job_ticks": sa.DDL("VACUUM FULL job_ticks"),  # type: ignore[no-untyped-call]
    "bulk_actions": sa.DDL("VACUUM FULL bulk_actions"),  # type: ignore[no-untyped-call]
}


def clean_postgres(
    opened: Callable[[], sa.Engine],
    needles: Needles,
    before: Collection[str] = (),
    note: Callable[[list[str]], object] = lambda _names: None,
) -> Cleaned:
    """Take the persons out of Dagster's tables, where there are any. What could not be done is in `left`.

    `note` is told which tables are to be written anew before a cell of them changes, and none at the end;
    `before`: those that an attempt before left.
    """
    try:
        engine = opened()
        try:
            return Cleaned(_clean(engine, needles, before, note), [])
        finally:
            engine.dispose()
    except (sa.exc.SQLAlchemyError, FootfallError) as error:
        # The statement and its values, which may hold the person, are no part of `orig`.
        cause = getattr(error, "orig", None)
        said = str(cause or (error if isinstance(error, FootfallError) else type(error).__name__))
        return Cleaned(
            0,
            [
                "Dagster's history in PostgreSQL (FOOTFALL_POSTGRES) was not looked through: "
                f"{said.strip().splitlines()[0]}; go on once it answers and nobody holds its tables"
            ],
        )


def _clean(
    engine: sa.Engine, needles: Needles, before: Collection[str], note: Callable[[list[str]], object]
) -> int:
    there = sa.MetaData()
    known = set(sa.inspect(engine).get_table_names())
    names = sorted({table for table, _ in OF_DAGSTER if table in known})
    there.reflect(engine, only=names)
    anew = {*before} & {*there.tables}
    changed = 0
    for (name, column), cell in OF_DAGSTER.items():
        table = there.tables.get(name)
        if table is not None and column in table.c:
            first = partial(_noted, anew, name, note)
            changed += _clean_column(engine, table, column, cell, needles, first)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.select(sa.func.set_config("lock_timeout", str(_LOCK_MS), False)))
        for name in sorted(anew):
            _write_anew(connection, name)
    note([])
    return changed


def _noted(anew: set[str], name: str, note: Callable[[list[str]], object]) -> None:
    if name not in anew:
        anew.add(name)
        note(sorted(anew))


def _write_anew(connection: sa.Connection, name: str) -> None:
    """Raises SQLAlchemyError where others held the table at every try."""
    for left in reversed(range(_TRIES)):
        try:
            connection.execute(_ANEW[name])
            return
        except sa.exc.OperationalError as error:
            if not left or _LOCKED not in (getattr(error.orig, each, "") for each in ("pgcode", "sqlstate")):
                raise
            time.sleep(_REST)


def _clean_column(
    engine: sa.Engine,
    table: sa.Table,
    column: str,
    cell: Cell,
    needles: Needles,
    first: Callable[[], object],
) -> int:
    number, text = table.c.id, table.c[column]
    changed, last = 0, -1
    while True:
        page = sa.select(number, text).where(number > last, text.is_not(None)).order_by(number).limit(_ROWS)
        with engine.begin() as connection:
            rows = connection.execute(page).all()
            for row, before in rows:
                after = cell(before, lambda said: needles.replaced(said, GONE))
                if after != before:
                    first()
                    # As it was read: what somebody has written since is looked at the next time.
                    same = sa.update(table).where(number == row, text == before).values({column: after})
                    changed += connection.execute(same).rowcount
        if not rows:
            return changed
        last = rows[-1][0]
