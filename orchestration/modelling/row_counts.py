"""How many rows the tables hold: DuckDB knows without reading them."""

from collections.abc import Iterable
from pathlib import Path

import duckdb


def row_counts(warehouse: Path, tables: Iterable[str]) -> dict[str, int]:
    """`schema.table` → rows, of those that are tables; a view would have to be read."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        known = connection.execute("SELECT schema_name || '.' || table_name FROM duckdb_tables()").fetchall()
        stored = {name for (name,) in known}
        return {
            table: int(found[0])
            for table in tables
            if table in stored
            and (found := connection.execute(f"SELECT count(*) FROM {table}").fetchone()) is not None
        }
