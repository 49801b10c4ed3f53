"""Python's values as a temporary table of DuckDB."""

from collections.abc import Mapping, Sequence

import duckdb
import pyarrow as pa

from footfall.sql import name, run

#: Texts, or values with their type.
Values = Sequence[object] | tuple[Sequence[object], pa.DataType]


def make_table(connection: duckdb.DuckDBPyConnection, called: str, columns: Mapping[str, Values]) -> None:
    """Make the temporary table `called` anew."""
    connection.register("given", _table(columns))
    run(connection, "CREATE OR REPLACE TEMP TABLE {called} AS SELECT * FROM given", called=name(called))
    connection.unregister("given")


def add_rows(connection: duckdb.DuckDBPyConnection, called: str, columns: Mapping[str, Values]) -> None:
    """Add rows to a table that `make_table` made of the same columns."""
    connection.register("given", _table(columns))
    run(connection, "INSERT INTO {called} SELECT * FROM given", called=name(called))
    connection.unregister("given")


def _table(columns: Mapping[str, Values]) -> pa.Table:
    return pa.table(
        {
            column: pa.array(*given) if isinstance(given, tuple) else pa.array(given, pa.string())
            for column, given in columns.items()
        }
    )
