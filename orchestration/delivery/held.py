"""Rows of domains that nobody has vouched for, of clients who want them held back until somebody has."""

from collections.abc import Collection

import duckdb

from footfall.sql import Sql, has_table, run, sql

#: Written by orchestration.discovery.held_hosts in the same run, before deliveries: (client_id, host).
TABLE = sql("discovery.held_hosts")
#: True for rows that may be delivered. `source` is the dataset's table.
_BY_HOST = sql(
    "NOT EXISTS (SELECT 1 FROM {table} AS held "
    "WHERE held.client_id = source.client_id AND held.host = source.host)",
    table=TABLE,
)
#: Rows about a session wait, whole, as long as one event of it does: half a session would be a wrong one.
_BY_SESSION = sql(
    "NOT EXISTS (SELECT 1 FROM {table} AS held JOIN main.events AS event "
    "ON event.client_id = held.client_id AND event.host = held.host "
    "WHERE event.client_id = source.client_id AND event.session_id = source.session_id)",
    table=TABLE,
)


def holding(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Clients of whom a host is held."""
    if not has_table(connection, "discovery", "held_hosts"):
        return frozenset()
    return frozenset(
        row[0] for row in run(connection, "SELECT DISTINCT client_id FROM {table}", table=TABLE).fetchall()
    )


def not_held(columns: Collection[str]) -> Sql:
    """SQL that is true for rows which may be delivered, of a dataset with these columns."""
    if "host" in columns:
        return _BY_HOST
    return _BY_SESSION if "session_id" in columns else sql("true")
