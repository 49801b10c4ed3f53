"""How many rows the tables hold: DuckDB knows without reading them."""

from collections.abc import Iterable
from pathlib import Path

from footfall.sql import Sql, joined, name, open_database, run


def _path(table: str) -> Sql:
    return joined(".", map(name, table.split(".")))


def row_counts(warehouse: Path, tables: Iterable[str]) -> dict[str, int]:
    """`schema.table` → rows, of those that are tables; a view would have to be read."""
    with open_database(warehouse, is_read_only=True) as connection:
        known = run(connection, "SELECT schema_name || '.' || table_name FROM duckdb_tables()").fetchall()
        stored = {table for (table,) in known}
        return {
            table: int(found[0])
            for table in tables
            if table in stored
            and (found := run(connection, "SELECT count(*) FROM {table}", table=_path(table)).fetchone())
            is not None
        }
