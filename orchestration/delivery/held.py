"""Rows of domains that nobody has vouched for, of clients who want them held back until somebody has."""

import duckdb

from orchestration.delivery.datasets import Dataset

#: Written by orchestration.discovery.held in the same run, before deliveries: (client_id, host).
TABLE = "discovery.held_hosts"
#: True for rows that may be delivered. `source` is the dataset's table.
_NOT_HELD = (
    f"NOT EXISTS (SELECT 1 FROM {TABLE} AS held "
    "WHERE held.client_id = source.client_id AND held.host = source.host)"
)


def not_held(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> str:
    """SQL that is true for rows that may be delivered: `true` where nothing is held, or rows have no host."""
    found = connection.execute(
        "SELECT 1 FROM information_schema.columns WHERE table_schema = 'discovery' "
        "AND table_name = 'held_hosts' AND column_name = 'host' "
        "AND EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = 'main' "
        "AND table_name = ? AND column_name = 'host')",
        [dataset.table],
    ).fetchone()
    if found is None or connection.execute(f"SELECT 1 FROM {TABLE} LIMIT 1").fetchone() is None:
        return "true"
    return _NOT_HELD
