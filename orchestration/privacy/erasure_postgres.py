"""Dagster's history in PostgreSQL: the same free texts as in its SQLite files lose who is erased.

Rows are read in pages without a lock, and a cell is written only as it was read. A table of which cells were
changed is written anew (VACUUM FULL): a plain UPDATE leaves the row before in the table's file. What the
server's log of writes and its backups keep is its operator's.
"""

from collections.abc import Callable

import sqlalchemy as sa

from footfall.errors import FootfallError
from orchestration.privacy.erasure_local import GONE, Cleaned
from orchestration.privacy.erasure_search import Needles
from orchestration.privacy.erasure_texts import OF_DAGSTER, Cell

#: Rows that are read at once.
_ROWS = 500
#: Milliseconds that are waited for a table which others read.
_LOCK_MS = 60_000

_ANEW = {
    "event_logs": sa.DDL("VACUUM FULL event_logs"),
    "asset_keys": sa.DDL("VACUUM FULL asset_keys"),
    "asset_check_executions": sa.DDL("VACUUM FULL asset_check_executions"),
    "job_ticks": sa.DDL("VACUUM FULL job_ticks"),
    "bulk_actions": sa.DDL("VACUUM FULL bulk_actions"),
}


def clean_postgres(opened: Callable[[], sa.Engine], needles: Needles) -> Cleaned:
    """Take the persons out of Dagster's tables, where there are any. What could not be done is in `left`."""
    try:
        engine = opened()
        try:
            return Cleaned(_clean(engine, needles), [])
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


def _clean(engine: sa.Engine, needles: Needles) -> int:
    there = sa.MetaData()
    known = set(sa.inspect(engine).get_table_names())
    names = sorted({table for table, _ in OF_DAGSTER if table in known})
    there.reflect(engine, only=names)
    changed: dict[str, int] = {}
    for (name, column), cell in OF_DAGSTER.items():
        table = there.tables.get(name)
        if table is not None and column in table.c:
            changed[name] = changed.get(name, 0) + _clean_column(engine, table, column, cell, needles)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.select(sa.func.set_config("lock_timeout", str(_LOCK_MS), False)))
        for name, cells in changed.items():
            if cells:
                connection.execute(_ANEW[name])
    return sum(changed.values())


def _clean_column(engine: sa.Engine, table: sa.Table, column: str, cell: Cell, needles: Needles) -> int:
    number, text = table.c.id, table.c[column]
    changed, last = 0, -1
    while True:
        page = sa.select(number, text).where(number > last, text.is_not(None)).order_by(number).limit(_ROWS)
        with engine.begin() as connection:
            rows = connection.execute(page).all()
            for row, before in rows:
                after = cell(before, lambda said: needles.replaced(said, GONE))
                if after != before:
                    # As it was read: what somebody has written since is looked at the next time.
                    same = sa.update(table).where(number == row, text == before).values({column: after})
                    changed += connection.execute(same).rowcount
        if not rows:
            return changed
        last = rows[-1][0]
