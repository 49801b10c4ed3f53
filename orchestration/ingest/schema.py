"""The tables of footfall/catalogue/ingested.py in a warehouse, made where they are missing."""

import duckdb

from footfall.catalogue.ingested import COLUMN_TYPES, STORED
from footfall.sql import Sql, has_table, joined, kind, name, run, sql, table_statement
from orchestration.stored_hours import no_events


def create_statements() -> list[Sql]:
    """SQL that makes the schema, every table where missing, and `ingest.events` without an hour."""
    return [
        sql("CREATE SCHEMA IF NOT EXISTS ingest"),
        *(table_statement("ingest", table, COLUMN_TYPES[table]) for table in STORED),
        no_events(),
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
    has_events = has_table(connection, "ingest", "events")
    for statement in create_statements()[: -1 if has_events else None]:
        run(connection, "{statement}", statement=statement)
    found = set(
        run(
            connection,
            "SELECT table_name, column_name FROM duckdb_columns() WHERE schema_name = 'ingest'",
        ).fetchall()
    )
    for table in STORED:
        for column, each in COLUMN_TYPES[table].items():
            if (table, column) not in found:
                run(
                    connection,
                    "ALTER TABLE ingest.{table} ADD COLUMN {column} {type}",
                    table=name(table),
                    column=name(column),
                    type=kind(each),
                )
