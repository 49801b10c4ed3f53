"""The tables of footfall/catalogue/ingested.py in a warehouse, made where they are missing."""

import duckdb

from footfall.catalogue.ingested import COLUMN_TYPES
from footfall.sql import Sql, joined, kind, name, run, sql, table_statement


def create_statements() -> list[Sql]:
    """SQL that makes the schema and every table where missing."""
    return [
        sql("CREATE SCHEMA IF NOT EXISTS ingest"),
        *(table_statement("ingest", table, columns) for table, columns in COLUMN_TYPES.items()),
    ]


def columns_of(table: str) -> Sql:
    """SQL that selects the columns of a table, each in its type, from columns of the same names."""
    return joined(
        ", ",
        (
            sql("CAST({column} AS {type}) AS {column}", column=name(column), type=kind(each))
            for column, each in COLUMN_TYPES[table].items()
        ),
    )


def make_schema(connection: duckdb.DuckDBPyConnection) -> None:
    """Make what is missing: a warehouse of an earlier version gets the new tables and columns, empty."""
    for statement in create_statements():
        run(connection, "{statement}", statement=statement)
    found = set(
        run(
            connection,
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'ingest'",
        ).fetchall()
    )
    for table, columns in COLUMN_TYPES.items():
        for column, each in columns.items():
            if (table, column) not in found:
                run(
                    connection,
                    "ALTER TABLE ingest.{table} ADD COLUMN {column} {type}",
                    table=name(table),
                    column=name(column),
                    type=kind(each),
                )
