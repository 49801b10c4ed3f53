"""What can be exported: each dataset's table, the period a row belongs to, and the order of rows.

A new mart is one line here, its name in `Dataset` and one line in `CADENCES` of footfall/exports.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import duckdb

from footfall.failures import ConfigError


@dataclass(frozen=True)
class Dataset:
    """A mart or report as something to deliver.

    A row belongs to a period by a time, `hour` (TIMESTAMPTZ) in hourly and `moment` in daily files, or by a
    local day, `day` (DATE). `order`: columns that give rows a total order, so that the same data gives the
    same bytes; none: by all columns.
    """

    table: str
    hour: str | None = None
    moment: str | None = None
    day: str | None = None
    order: tuple[str, ...] = ()


_BY_EVENT = ("site_id", "occurred_at", "event_id")


def _daily(table: str, *order: str) -> Dataset:
    """A report with one row for a site's local day and whatever else."""
    return Dataset(table, day="date", order=("site_id", "date", *order) if order else ())


DATASETS: dict[str, Dataset] = {
    # By hour of receipt: once the hour is ingested, its events never change.
    "events": Dataset("events", "received_hour", "received_at", order=_BY_EVENT),
    "page_views": Dataset("page_views", "received_hour", "received_at", order=_BY_EVENT),
    # By the hour in which the session closed: no earlier hour can know that it is over.
    "sessions": Dataset("sessions", "closed_at", "closed_at", order=("site_id", "started_at", "session_id")),
    "daily_metrics": Dataset("daily_metrics", day="date", order=("site_id", "date")),
}

#: After this time an event is too old for the models' clock rule (footfall.event.MAX_AGE), so that a
#: period that ended earlier cannot change by ordinary late events.
LATE_TOLERANCE = timedelta(days=7)

#: Columns about a person or a device, which previews in Dagster's UI leave out.
PERSONAL = frozenset(
    {
        "visitor_id",
        "previous_visitor_id",
        "first_party_session_id",
        "session_id",
        "user_id",
        "user_agent",
        "url",
        "title",
        "referrer",
        "props",
        "payload",
        "region",
        "city",
        "event_id",
        "event_key",
        "view_id",
    }
)


def columns(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> list[tuple[str, str]]:
    """Names and DuckDB types, in the order of the table's contract. Raises ConfigError without a table."""
    try:
        described = connection.execute(f"DESCRIBE main.{dataset.table}").fetchall()
    except duckdb.CatalogException:
        raise ConfigError(f"there is no table {dataset.table} yet: run the models first") from None
    return [(row[0], row[1]) for row in described]


def utc_cursor(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A connection for one thread, to the same database, in which hours and days are those of UTC."""
    cursor = connection.cursor()
    cursor.execute("SET TimeZone = 'UTC'")
    return cursor


def require_columns(known: Iterable[str], wanted: Iterable[str], what: str, dataset: str) -> None:
    """Raise ConfigError naming the columns that a dataset does not have."""
    missing = sorted(set(wanted) - set(known))
    if missing:
        raise ConfigError(f"{what}: {dataset} has no column {', '.join(missing)}; it has {', '.join(known)}")
