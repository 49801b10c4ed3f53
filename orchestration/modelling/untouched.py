"""Whether hours change anything that the models make, and what time alone changes.

dbt takes seconds to find out that nothing was touched. What it looks at are some tables of the warehouse; a
query of each says it as well. Asked of hours in which nothing was received, most of all.
"""

from collections.abc import Collection
from datetime import datetime

import duckdb

from footfall.sql import has_table, run

#: Names of the two builds that make all models: of the hours of a run, and whole.
WINDOWED_BUILD, WHOLE_BUILD = "models", "whole_models"
#: What a build writes down: its name, and the project that it built. Beside `intermediate.touched`.
_BUILT = "CREATE TABLE IF NOT EXISTS intermediate.built (build VARCHAR PRIMARY KEY, project VARCHAR)"

_TOUCHED = """
    SELECT EXISTS (
        SELECT 1 FROM ingest.hours
        WHERE received_hour >= $start AND received_hour < $end AND (objects > 0 OR lines > 0)
    ) OR EXISTS (
        SELECT 1 FROM ingest.changes WHERE changed_in_hour >= $start AND changed_in_hour < $end
    ) OR EXISTS (
        SELECT 1 FROM intermediate.int_events_sessionised
        WHERE received_hour >= $start AND received_hour < $end
    ) OR EXISTS (
        SELECT 1 FROM intermediate.int_received_hours
        WHERE received_hour >= $start AND received_hour < $end
    ) OR EXISTS (
        -- what a run that failed left to the next one
        SELECT 1 FROM intermediate.touched
    )
"""

#: What the client files say against what they said when the models last read them (macros/touched.sql).
_SAID_OTHERWISE = """
    WITH said AS (
        SELECT 'site' AS kind, client_id, site_id AS name, settings FROM staging.stg_web__sites
        UNION ALL
        SELECT DISTINCT 'funnel', client_id, funnel, definition FROM staging.stg_web__funnels
        UNION ALL
        SELECT DISTINCT 'rates', client_id, client_id, settings FROM staging.stg_web__exchange_rates
    ),
    modelled AS (SELECT kind, client_id, name, settings FROM intermediate.modelled_settings)
    SELECT EXISTS (FROM said EXCEPT FROM modelled) OR EXISTS (FROM modelled EXCEPT FROM said)
"""

#: A day is final once ingest has come so far, whether or not anything was received: daily_metrics.sql.
_FINAL = """
    UPDATE main.daily_metrics SET is_final = true
    WHERE NOT is_final
        AND final_at <= (SELECT max(received_hour) + INTERVAL 1 HOUR FROM ingest.hours)
"""


def is_untouched(
    connection: duckdb.DuckDBPyConnection,
    start: datetime,
    end: datetime,
    project: str,
    builds: Collection[str],
    tables: Collection[str],
) -> bool:
    """Whether the builds of the hours of [start, end) would leave every table as it is, but for the time.

    `project`: what is to be built; `builds`: by which builds it was, whole. `tables`: `schema.table` of what
    they make, which all must be there.
    """
    if not is_built(connection, project, tables, builds):
        return False
    touched = run(connection, _TOUCHED, {"start": start, "end": end}).fetchone()
    if touched != (False,):
        return False
    return run(connection, _SAID_OTHERWISE).fetchone() == (False,)


def let_time_pass(connection: duckdb.DuckDBPyConnection) -> None:
    """Bring the columns that follow the clock up to where ingest has come."""
    run(connection, _FINAL)


def is_built(
    connection: duckdb.DuckDBPyConnection,
    project: str,
    tables: Collection[str] = (),
    builds: Collection[str] = (WINDOWED_BUILD, WHOLE_BUILD),
) -> bool:
    """Whether the models were last made, whole, by this very project, and all of `tables` are there."""
    if not has_table(connection, "intermediate", "built"):
        return False
    built = dict(run(connection, "SELECT build, project FROM intermediate.built").fetchall())
    if any(built.get(build) != project for build in builds):
        return False
    found = run(connection, "SELECT table_schema || '.' || table_name FROM information_schema.tables")
    return not set(tables) - {table for (table,) in found.fetchall()}


def note_begun(connection: duckdb.DuckDBPyConnection) -> None:
    """Some models are to be made: until each build has succeeded, none counts as up to date."""
    run(connection, "CREATE SCHEMA IF NOT EXISTS intermediate")
    run(connection, _BUILT)
    run(connection, "DELETE FROM intermediate.built")


def note_built(connection: duckdb.DuckDBPyConnection, build: str, project: str) -> None:
    """A build has succeeded, whole."""
    run(connection, _BUILT)
    run(connection, "INSERT OR REPLACE INTO intermediate.built VALUES (?, ?)", [build, project])
