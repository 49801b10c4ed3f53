"""Rows of published tables for tests: with what they have unless told, and the reports that follow."""

from typing import Any

import duckdb
import pyarrow as pa

from footfall.described import table_columns

#: What a row of these tables has unless told.
DEFAULTS: dict[str, dict[str, Any]] = {
    "daily_metrics": {"timezone": "UTC", "model_version": "2", "is_final": True},
    "sessions": {
        "is_bot": False,
        "is_bounce": False,
        "is_engaged": True,
        "channel": "Direct",
        "source": "(direct)",
        "medium": "(none)",
        "page_views": 1,
        "events": 1,
        "conversions": 0,
        "revenue": 0,
        "engaged_seconds": 0,
        "duration_seconds": 0,
    },
    "page_views": {"is_bot": False, "page": "/"},
}


#: Rows from which on they are given as a table.
MANY = 100
#: Reports of sessions → their dimensions, as SQL says them.
_REPORTS = {
    "sources_daily": {
        "channel": "channel",
        "source": "source",
        "medium": "medium",
        **{each: f"coalesce({each}, '(not set)')" for each in ("campaign", "term", "content")},
    },
    "geo_daily": {each: f"coalesce({each}, '(unknown)')" for each in ("country", "region", "city")},
    "devices_daily": {each: f"coalesce({each}, '(unknown)')" for each in ("device", "browser", "os")},
}
_OF_SESSIONS = (
    "sessions",
    "visitors",
    "page_views",
    "conversions",
    "bounces",
    "bounce_rate",
    "revenue",
    "currency",
)
_COUNTED = """
SELECT site_id, date, {groups}, count(*), count(DISTINCT visitor_id), sum(page_views)::BIGINT,
       sum(conversions)::BIGINT, count(*) FILTER (is_bounce),
       round(count(*) FILTER (is_bounce)::DOUBLE / count(*), 4), sum(revenue)::DECIMAL(38, 4), max(currency)
FROM sessions WHERE NOT is_bot GROUP BY ALL
"""


def table_of(database, table, client_id, rows):
    """A table of DuckDB with the columns of a mart and these rows."""
    columns = table_columns(table)
    listed = ", ".join(f'"{c.name}" {c.kind}' for c in columns.values())
    database.execute(f'CREATE OR REPLACE TABLE "{table}" ({listed})')
    given = [{"client_id": client_id, "site_id": "shop", **DEFAULTS.get(table, {}), **row} for row in rows]
    used = sorted({name for row in given for name in row})
    assert set(used) <= set(columns), set(used) - set(columns)
    if given:
        names = ", ".join(f'"{each}"' for each in used)
        if len(given) > MANY:
            _insert_many(database, table, names, [{name: row.get(name) for name in used} for row in given])
            return
        marks = ", ".join(["(" + ", ".join("?" * len(used)) + ")"] * len(given))
        values = [row.get(name) for row in given for name in used]
        database.execute(f'INSERT INTO "{table}" ({names}) VALUES {marks}', values)


def _insert_many(database, table, names, rows):
    """So many at once: a value each as a parameter takes seconds. Each column has values of one type."""
    database.register("rows_of_a_test", pa.Table.from_pylist(rows))
    database.execute(f'INSERT INTO "{table}" ({names}) SELECT {names} FROM rows_of_a_test')
    database.unregister("rows_of_a_test")


def reports_of(client_id, sessions):
    """The reports that are made of sessions: name → rows."""
    made = {}
    with duckdb.connect() as database:
        table_of(database, "sessions", client_id, sessions)
        for report, dimensions in _REPORTS.items():
            found = database.execute(_COUNTED.format(groups=", ".join(dimensions.values()))).fetchall()
            names = ("site_id", "date", *dimensions, *_OF_SESSIONS)
            made[report] = [dict(zip(names, row, strict=True)) for row in found]
    return made
