"""Figures of days whose events go: frozen into the lake before, and read back from it ever after.

    frozen/client=acme/daily_metrics/2026-01-<sha>.parquet    a month of a table
    frozen/client=acme/list-<sha>.json                        all of them; the decision names it
    frozen/client=acme/carried-<sha>.parquet                  first visits of who is still seen

In the warehouse they are the tables of schema `frozen`, and `ingest.carried_visitors`: copies, which the
first run on a new machine makes anew.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from footfall.catalogue.ingested import COLUMN_TYPES
from footfall.catalogue.tables import COHORT, SITE_DAY, TABLES
from footfall.errors import FootfallError
from footfall.keys import frozen_object
from footfall.retention.records import FrozenFile, State, read_states
from footfall.sql import Sql, has_table, joined, kind, name, names, run, sql, table_statement, text
from footfall.store import ObjectStore, put_once
from footfall.tombstones import Tombstones
from footfall.whole_files import sha256_of
from orchestration.ingest.erased import drop_erased_visitors

#: Table of figures → its day. A day is a local one of the site, or the Monday of a cohort.
FIGURES: Mapping[str, str] = {
    table.name: str(table.day) for table in TABLES if table.clock in (SITE_DAY, COHORT)
}
#: Those that a run makes whole, or whose rule makes anew more than the touched days.
_MADE_FURTHER = frozenset(
    {"daily_metrics", "retention_weekly", "funnels", "revenue_daily", "revenue_sources_daily"}
)
_CARRIED = COLUMN_TYPES["carried_visitors"]


def take_up(
    connection: duckdb.DuckDBPyConnection, lake: ObjectStore, trusted: Mapping[str, bytes], folder: Path
) -> dict[str, State]:
    """Let the warehouse know what counts for each client. Returns it.

    `folder`: for scratch, which the connection may read. Raises FootfallError, StoreError.
    """
    states = read_states(lake, trusted)
    known = dict(run(connection, "SELECT client_id, number FROM ingest.horizons").fetchall())
    for client_id, state in states.items():
        if known.get(client_id) != state.number:
            _take_up(connection, lake, state, folder)
    return states


def _take_up(connection: duckdb.DuckDBPyConnection, lake: ObjectStore, state: State, folder: Path) -> None:
    """Of frozen figures those months whose file is another than that which was taken up last."""
    had = _loaded(connection, state.client_id)
    named = {(each.table, each.month): each for each in state.frozen}
    other = {at: each for at, each in named.items() if had.get(at) != each.sha256}
    fetched = {at: _fetched(lake, each.key, each.sha256, folder) for at, each in other.items()}
    carried = _fetched(lake, state.carried[0], state.carried[1], folder) if state.carried else None
    run(connection, "BEGIN")
    if not had:  # a warehouse of before anybody noted what was taken up
        for table in FIGURES:
            _forget(connection, state.client_id, table, None)
    for table, month in [*(at for at in had if at not in named), *other]:
        _forget(connection, state.client_id, table, month)
    for (table, month), path in fetched.items():
        _load(connection, table, path)
        run(
            connection,
            "INSERT INTO frozen.files VALUES (?, ?, ?, ?)",
            [state.client_id, table, month, named[table, month].sha256],
        )
    run(connection, "DELETE FROM ingest.carried_visitors WHERE client_id = ?", [state.client_id])
    if carried is not None:
        run(
            connection,
            "INSERT INTO ingest.carried_visitors BY NAME SELECT * FROM read_parquet(?)",
            [str(carried)],
        )
    run(connection, "DELETE FROM ingest.horizons WHERE client_id = ?", [state.client_id])
    horizons = [state.horizon(each) for each in ("raw", "quarantine", "events")]
    run(
        connection,
        "INSERT INTO ingest.horizons VALUES (?, ?, ?, ?, ?, ?)",
        [state.client_id, state.number, *horizons, state.frozen_until],
    )
    if has_table(connection, "intermediate", "restored"):
        run(connection, "DELETE FROM intermediate.restored WHERE client_id = ?", [state.client_id])
    run(connection, "COMMIT")
    for path in (*fetched.values(), *([carried] if carried else [])):
        path.unlink()


def _loaded(connection: duckdb.DuckDBPyConnection, client_id: str) -> dict[tuple[str, str], str]:
    """(table, month) → sha256 of the file that a client's frozen figures were taken up of."""
    run(connection, "CREATE SCHEMA IF NOT EXISTS frozen")
    run(
        connection,
        "CREATE TABLE IF NOT EXISTS frozen.files "
        "(client_id VARCHAR, table_name VARCHAR, month VARCHAR, sha256 VARCHAR)",
    )
    rows = run(
        connection, "SELECT table_name, month, sha256 FROM frozen.files WHERE client_id = ?", [client_id]
    )
    return {(table, month): sha256 for table, month, sha256 in rows.fetchall()}


def _forget(connection: duckdb.DuckDBPyConnection, client_id: str, table: str, month: str | None) -> None:
    """Take a client's frozen figures of a month out of the warehouse; of all months without one."""
    of_month = (
        sql("AND strftime({day}, '%Y-%m') = {month}", day=name(FIGURES[table]), month=text(month))
        if month and table in FIGURES
        else sql("")
    )
    if has_table(connection, "frozen", table):
        run(
            connection,
            "DELETE FROM frozen.{table} WHERE client_id = {client} {of_month}",
            table=name(table),
            client=text(client_id),
            of_month=of_month,
        )
    run(
        connection,
        "DELETE FROM frozen.files WHERE client_id = ? AND table_name = ? AND month = coalesce(?, month)",
        [client_id, table, month],
    )


def _fetched(lake: ObjectStore, key: str, sha256: str, folder: Path) -> Path:
    path = folder / f"{sha256}.parquet"
    lake.fetch(key, path)
    if sha256_of(path) != sha256:
        raise FootfallError(
            f"{lake.url(key)} holds other bytes than were frozen; put it back from a backup of the lake: its "
            "figures cannot be computed any more"
        )
    return path


def _load(connection: duckdb.DuckDBPyConnection, table: str, path: Path) -> None:
    """Add a file to its table, which gets the columns that it has not."""
    found = run(connection, "DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    columns = {str(row[0]): str(row[1]) for row in found}
    if not has_table(connection, "frozen", table):
        run(connection, "{made}", made=table_statement("frozen", table, columns))
    there = _columns(connection, "frozen", table)
    for column, type_ in columns.items():
        if column not in there:
            run(
                connection,
                "ALTER TABLE frozen.{table} ADD COLUMN {column} {type}",
                table=name(table),
                column=name(column),
                type=kind(type_),
            )
    run(
        connection,
        "INSERT INTO frozen.{table} BY NAME SELECT * FROM read_parquet(?)",
        [str(path)],
        table=name(table),
    )


def _columns(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> list[str]:
    found = run(
        connection,
        "SELECT column_name FROM duckdb_columns() WHERE database_name = current_database() "
        "AND schema_name = ? AND table_name = ? ORDER BY column_index",
        [schema, table],
    ).fetchall()
    return [str(column) for (column,) in found]


def freeze(
    connection: duckdb.DuckDBPyConnection, lake: ObjectStore, before: State, until: date, folder: Path
) -> tuple[FrozenFile, ...]:
    """Put the figures of a client's days before `until` into the lake. Returns all that is frozen then.

    Days that were frozen before stay as they are. The warehouse knows `before` (`take_up`).
    """
    since = before.frozen_until or date.min
    found = {(each.table, each.month): each for each in before.frozen}
    for table, day in FIGURES.items():
        if not has_table(connection, "main", table):
            continue
        new = sql(
            "SELECT * FROM main.{table} WHERE client_id = {client} AND {day} >= CAST({since} AS DATE) "
            "AND {day} < CAST({until} AS DATE)",
            table=name(table),
            client=text(before.client_id),
            day=name(day),
            since=text(since.isoformat()),
            until=text(until.isoformat()),
        )
        months = run(
            connection,
            "SELECT DISTINCT strftime({day}, '%Y-%m') FROM ({new}) ORDER BY 1",
            day=name(day),
            new=new,
        ).fetchall()
        for (month,) in months:
            rows = [sql("SELECT * FROM ({new})", new=new)]
            if has_table(connection, "frozen", table):
                rows.append(
                    sql(
                        "SELECT * FROM frozen.{table} WHERE client_id = {client}",
                        table=name(table),
                        client=text(before.client_id),
                    )
                )
            found[table, month] = _put(connection, lake, before.client_id, table, day, month, rows, folder)
    return tuple(found[each] for each in sorted(found))


def _put(
    connection: duckdb.DuckDBPyConnection,
    lake: ObjectStore,
    client_id: str,
    table: str,
    day: str,
    month: str,
    rows: list[Sql],
    folder: Path,
) -> FrozenFile:
    path = folder / "frozen.parquet"
    order = _columns(connection, "main", table)
    run(
        connection,
        "COPY (SELECT * FROM ({rows}) WHERE strftime({day}, '%Y-%m') = $month ORDER BY {order}) "
        "TO $path (FORMAT parquet, COMPRESSION zstd)",
        {"month": month, "path": str(path)},
        rows=joined(" UNION ALL BY NAME ", rows),
        day=name(day),
        order=names(order),
    )
    count = run(connection, "SELECT num_rows FROM parquet_file_metadata(?)", [str(path)]).fetchone()
    sha256 = sha256_of(path)
    key = frozen_object(client_id, f"{table}/{month}", sha256, "parquet")
    put_once(lake, key, path.read_bytes())
    path.unlink()
    return FrozenFile(table, month, key, sha256, int(count[0]) if count else 0)


def carry(
    connection: duckdb.DuckDBPyConnection,
    lake: ObjectStore,
    client_id: str,
    events_from: datetime,
    folder: Path,
    stones: Tombstones,
) -> tuple[str, str, int] | None:
    """Put down the first visit of each visitor who was seen before a moment and after it, too.

    But for erased persons, of whom the models may still have rows.
    """
    if not has_table(connection, "main", "visitors"):
        return None
    rows = sql(
        "SELECT {columns} FROM main.visitors WHERE client_id = $client AND first_seen_at < $from "
        "AND last_seen_at >= $from",
        columns=names(_CARRIED),
    )
    _select_carried(connection, rows, {"client": client_id, "from": events_from.astimezone(UTC)})
    drop_erased_visitors(connection, "carried_rows", stones)
    return _put_carried(connection, lake, client_id, folder)


def without_erased(
    connection: duckdb.DuckDBPyConnection, lake: ObjectStore, state: State, stones: Tombstones, folder: Path
) -> State:
    """The same, with first visits carried on without those of erased persons; their object is put."""
    if state.carried is None:
        return state
    path = _fetched(lake, state.carried[0], state.carried[1], folder)
    rows = sql("SELECT {columns} FROM read_parquet($path)", columns=names(_CARRIED))
    _select_carried(connection, rows, {"path": str(path)})
    path.unlink()
    if not drop_erased_visitors(connection, "carried_rows", stones):
        return state
    return replace(state, carried=_put_carried(connection, lake, state.client_id, folder))


def _select_carried(connection: duckdb.DuckDBPyConnection, rows: Sql, given: dict[str, object]) -> None:
    run(connection, "CREATE OR REPLACE TEMP TABLE carried_rows AS {rows}", given, rows=rows)


def _put_carried(
    connection: duckdb.DuckDBPyConnection, lake: ObjectStore, client_id: str, folder: Path
) -> tuple[str, str, int] | None:
    """Put `carried_rows`. Returns key, sha256 and rows; None where there are none."""
    path = folder / "carried.parquet"
    run(
        connection,
        "COPY (SELECT * FROM carried_rows ORDER BY site_id, visitor_id) "
        "TO $path (FORMAT parquet, COMPRESSION zstd)",
        {"path": str(path)},
    )
    found = run(connection, "SELECT num_rows FROM parquet_file_metadata(?)", [str(path)]).fetchone()
    rows = int(found[0]) if found else 0
    sha256 = sha256_of(path)
    key = frozen_object(client_id, "carried", sha256, "parquet")
    if rows:
        put_once(lake, key, path.read_bytes())
    path.unlink()
    return (key, sha256, rows) if rows else None


def restore(connection: duckdb.DuckDBPyConnection) -> int:
    """Give the tables of figures their frozen days back, where a run made others of them.

    Returns how many tables were changed.
    """
    if not has_table(connection, "ingest", "horizons") or not has_table(
        connection, "intermediate", "restored"
    ):
        return 0
    clients = run(
        connection,
        "SELECT client_id, number, frozen_until FROM ingest.horizons WHERE frozen_until IS NOT NULL",
    ).fetchall()
    changed = 0
    for client_id, number, until in clients:
        done = {
            model
            for (model,) in run(
                connection,
                "SELECT model FROM intermediate.restored WHERE client_id = ? AND number = ?",
                [client_id, number],
            ).fetchall()
        }
        for table, day in FIGURES.items():
            if has_table(connection, "main", table) and (table in _MADE_FURTHER or table not in done):
                changed += _restore(connection, table, day, client_id, number, until)
    return changed


def _restore(
    connection: duckdb.DuckDBPyConnection, table: str, day: str, client_id: str, number: int, until: date
) -> bool:
    of_days = sql("client_id = $client AND {day} < $until", day=name(day))
    given: dict[str, object] = {"client": client_id, "until": until}
    is_there = has_table(connection, "frozen", table)
    there = set(_columns(connection, "frozen", table)) if is_there else set()
    both = [column for column in _columns(connection, "main", table) if column in there]

    def digest(schema: str) -> object:
        return run(
            connection,
            "SELECT count(*), bit_xor(hash({columns})), sum(hash({columns}) % 1000003) "
            "FROM {schema}.{table} WHERE {of_days}",
            given,
            columns=names(both) if both else sql("1"),
            schema=name(schema),
            table=name(table),
            of_days=of_days,
        ).fetchone()

    frozen = digest("frozen") if is_there else (0, None, None)
    is_other = digest("main") != frozen
    run(connection, "BEGIN")
    if is_other:
        run(
            connection,
            "DELETE FROM main.{table} WHERE {of_days}",
            given,
            table=name(table),
            of_days=of_days,
        )
        if both:
            run(
                connection,
                "INSERT INTO main.{table} ({columns}) SELECT {columns} FROM frozen.{table} WHERE {of_days}",
                given,
                table=name(table),
                columns=names(both),
                of_days=of_days,
            )
        if has_table(connection, "intermediate", "unpublished_days"):
            run(
                connection,
                "INSERT INTO intermediate.unpublished_days "
                "SELECT DISTINCT $table, client_id, {day} FROM main.{table} WHERE {of_days}",
                {**given, "table": table},
                day=name(day),
                table=name(table),
                of_days=of_days,
            )
    run(
        connection,
        "DELETE FROM intermediate.restored WHERE model = ? AND client_id = ?",
        [table, client_id],
    )
    run(connection, "INSERT INTO intermediate.restored VALUES (?, ?, ?)", [table, client_id, number])
    run(connection, "COMMIT")
    return is_other
