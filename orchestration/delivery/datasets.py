"""What the warehouse says of a dataset: its columns and their types."""

from collections.abc import Iterable
from datetime import timedelta

import duckdb

from footfall.catalogue.tables import Table
from footfall.failures import ConfigError
from footfall.sql import name, run

#: After this time an event is too old for the models' clock rule (footfall.event.MAX_AGE), so that a
#: period that ended earlier cannot change by ordinary late events.
LATE_TOLERANCE = timedelta(days=7)


def columns(connection: duckdb.DuckDBPyConnection, dataset: Table) -> list[tuple[str, str]]:
    """Names and DuckDB types, in the order of the table's contract. Raises ConfigError without a table."""
    try:
        described = run(connection, "DESCRIBE main.{table}", table=name(dataset.name)).fetchall()
    except duckdb.CatalogException:
        raise ConfigError(f"there is no table {dataset.name} yet: run the models first") from None
    return [(row[0], row[1]) for row in described]


def utc_cursor(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A connection for one thread, to the same database, in which hours and days are those of UTC."""
    cursor = connection.cursor()
    run(cursor, "SET TimeZone = 'UTC'")
    return cursor


def require_columns(known: Iterable[str], wanted: Iterable[str], what: str, dataset: str) -> None:
    """Raise ConfigError naming the columns that a dataset does not have."""
    missing = sorted(set(wanted) - set(known))
    if missing:
        raise ConfigError(f"{what}: {dataset} has no column {', '.join(missing)}; it has {', '.join(known)}")
