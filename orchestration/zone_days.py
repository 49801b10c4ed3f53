"""What the zones in use do on each day, as tables of the warehouse. All SQL about local days joins them.

No statement names a zone to an engine, whose database of zones is another one: a row is found by equality, of
the zone's text and a date, and times are only added to. The rows come from `footfall.zones`.
"""

import json
import threading
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta

import duckdb

from footfall import zones
from footfall.catalogue.ingested import COLUMN_TYPES
from footfall.sql import Sql, has_table, run, sql, table_statement
from footfall.zones import ZoneDay

#: Table → column → DuckDB type.
TABLES = {table: COLUMN_TYPES[table] for table in ("zones", "zone_days", "zone_changes")}
_COLUMNS = tuple(TABLES["zone_days"])
_DAY = timedelta(days=1)
#: Deliveries of several clients ask at once.
_LOCK = threading.Lock()


def ensure(
    connection: duckdb.DuckDBPyConnection,
    texts: Iterable[str],
    since: date | None = None,
    until: date | None = None,
    *,
    now: datetime | None = None,
) -> None:
    """Write the days of these zones where they are not there, or were of another release.

    They are known for all events that there are, for `since` to `until`, and to the end of the next year. A
    past day that is another one by the new release has a row in `zone_changes`. Raises KeyError, ValueError
    for what is no zone.
    """
    wanted = {text: zones.clock(text) for text in sorted({*texts})}
    today = (now or datetime.now(UTC)).date()
    with _LOCK:
        known = _known(connection)
        first, last = _span(connection, known, since, until, today)
        todo = {
            text: clock
            for text, clock in wanted.items()
            if text not in known
            or known[text][0] != zones.version()
            or known[text][1] > first
            or known[text][2] < last
        }
        if not todo:
            return
        run(connection, "BEGIN")
        try:
            for text, clock in todo.items():
                _replace(connection, text, list(zones.zone_days(clock, first, last)), known.get(text), today)
            run(connection, "COMMIT")
        except BaseException:
            run(connection, "ROLLBACK")
            raise


def in_use(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """The zones of all sites, those of clients whose files are gone too; without what is no zone any more."""
    found = run(connection, "SELECT DISTINCT timezone FROM ingest.sites").fetchall()
    return {text for (text,) in found if is_known(text)}


def is_known(text: str) -> bool:
    """Whether a text is a zone, or a chain of them."""
    try:
        zones.clock(text)
    except (KeyError, ValueError):
        return False
    return True


def local_date(moment: Sql, zone: Sql) -> Sql:
    """SQL of the local day that a time lies in: in the zone whose text `zone` is."""
    utc = sql("epoch_us({moment})", moment=moment)
    return sql(
        "(SELECT greatest("
        "CAST(make_timestamp({utc} + 1000000 * "
        "CASE WHEN {moment} < days.changes_at THEN days.offset_before ELSE days.offset_after END) AS DATE), "
        "CASE WHEN days.changes_at IS NULL OR {moment} >= days.changes_at THEN days.least_date END) "
        "FROM ingest.zone_days AS days "
        "WHERE days.zone = {zone} AND days.date = CAST(make_timestamp({utc}) AS DATE))",
        moment=moment,
        utc=utc,
        zone=zone,
    )


def changes(connection: duckdb.DuckDBPyConnection, texts: Iterable[str]) -> list[tuple[date, str]]:
    """(day, release) of the days of these zones that a release told otherwise than the one before."""
    if not has_table(connection, "ingest", "zone_changes"):
        return []
    return run(
        connection,
        "SELECT DISTINCT date, version FROM ingest.zone_changes "
        "WHERE list_contains(CAST(? AS VARCHAR[]), zone)",
        [sorted({*texts})],
    ).fetchall()


def are_modelled(connection: duckdb.DuckDBPyConnection, client_id: str) -> bool:
    """Whether the models have made a client's sites by these days, where there are models of sites."""
    if not (
        has_table(connection, "staging", "stg_web__sites")
        and has_table(connection, "intermediate", "modelled_settings")
    ):
        return True
    return not run(
        connection,
        "SELECT 1 FROM staging.stg_web__sites WHERE client_id = ? AND (client_id, site_id, settings) NOT IN "
        "(SELECT client_id, name, settings FROM intermediate.modelled_settings WHERE kind = 'site') LIMIT 1",
        [client_id],
    ).fetchall()


def _known(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[str, date, date]]:
    run(connection, "CREATE SCHEMA IF NOT EXISTS ingest")
    for table, columns in TABLES.items():
        run(connection, "{statement}", statement=table_statement("ingest", table, columns))
    found = run(connection, "SELECT zone, version, first_date, last_date FROM ingest.zones").fetchall()
    return {text: (version, first, last) for text, version, first, last in found}


def _span(
    connection: duckdb.DuckDBPyConnection,
    known: dict[str, tuple[str, date, date]],
    since: date | None,
    until: date | None,
    today: date,
) -> tuple[date, date]:
    """Whole years, so that days are written anew once a year, and a year to spare at both ends."""
    reached = [since or today, until or today, today]
    if not known:
        reached.append(_first_event(connection) or today)
    first, last = min(reached).year - 1, max(reached).year + 1
    return (
        min([date(first, 1, 1), *(each[1] for each in known.values())]),
        max([date(last, 12, 31), *(each[2] for each in known.values())]),
    )


def _first_event(connection: duckdb.DuckDBPyConnection) -> date | None:
    """The day of the oldest event, in a warehouse that was last written before there were these tables."""
    if not has_table(connection, "ingest", "event_index"):
        return None
    found = run(connection, "SELECT CAST(min(occurred_at) AS DATE) FROM ingest.event_index").fetchone()
    return found[0] if found else None


def _replace(
    connection: duckdb.DuckDBPyConnection,
    text: str,
    rows: list[ZoneDay],
    known: tuple[str, date, date] | None,
    today: date,
) -> None:
    told = json.dumps([asdict(row) for row in rows], default=str)
    run(
        connection,
        "CREATE OR REPLACE TEMP TABLE told AS SELECT ? AS zone, unnest(from_json(?, ?), recursive := true)",
        [text, told, json.dumps([{column: TABLES["zone_days"][column] for column in _COLUMNS[1:]}])],
    )
    if known is not None and known[0] != zones.version():
        run(
            connection,
            "INSERT INTO ingest.zone_changes SELECT zone, date, ? FROM ("
            "SELECT * FROM told WHERE date BETWEEN ? AND ? "
            "EXCEPT SELECT * FROM ingest.zone_days WHERE zone = ?) AS other",
            [zones.version(), known[1], min(known[2], today + _DAY), text],
        )
    run(connection, "DELETE FROM ingest.zone_days WHERE zone = ?", [text])
    run(connection, "INSERT INTO ingest.zone_days SELECT * FROM told")
    run(connection, "DROP TABLE told")
    run(connection, "DELETE FROM ingest.zones WHERE zone = ?", [text])
    run(
        connection,
        "INSERT INTO ingest.zones VALUES (?, ?, ?, ?)",
        [text, zones.version(), rows[0].date, rows[-1].date],
    )
