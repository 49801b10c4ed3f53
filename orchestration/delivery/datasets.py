"""What can be exported: each dataset's table, the period a row belongs to, and the order of rows.

A new mart is one line here, its name in `Dataset` and one line in `CADENCES` of footfall/exports.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import duckdb

from footfall.failures import ConfigError
from footfall.sql import name, run


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

    def column(self, cadence: str) -> str:
        """The column by which a row belongs to a period of an export of that cadence."""
        is_by_hour = cadence in ("hourly", "live")
        return str(self.day or (self.hour if is_by_hour else self.moment))


_BY_EVENT = ("site_id", "occurred_at", "event_id")


def _daily(table: str) -> Dataset:
    """A report with rows of a site's local days."""
    return Dataset(table, day="date")


DATASETS: dict[str, Dataset] = {
    # By hour of receipt: once the hour is ingested, its events never change.
    "events": Dataset("events", "received_hour", "received_at", order=_BY_EVENT),
    "page_views": Dataset("page_views", "received_hour", "received_at", order=_BY_EVENT),
    # By the hour in which the session closed: no earlier hour can know that it is over.
    "sessions": Dataset("sessions", "closed_at", "closed_at", order=("site_id", "started_at", "session_id")),
    "conversions": Dataset("conversions", "received_hour", "received_at", order=_BY_EVENT),
    # By the day of the first visit: a visitor who comes back is a new revision of that day.
    "visitors": Dataset("visitors", day="first_date", order=("site_id", "visitor_id")),
    "daily_metrics": Dataset("daily_metrics", day="date", order=("site_id", "date")),
    "pages_daily": _daily("pages_daily"),
    "sources_daily": _daily("sources_daily"),
    "geo_daily": _daily("geo_daily"),
    "devices_daily": _daily("devices_daily"),
    "events_daily": _daily("events_daily"),
    "journeys": _daily("journeys"),
    "funnels": _daily("funnels"),
    "web_vitals_daily": _daily("web_vitals_daily"),
    "ai_traffic_daily": _daily("ai_traffic_daily"),
    "consent_daily": _daily("consent_daily"),
    "late_events": _daily("late_events"),
    "edge_daily": _daily("edge_daily"),
    # By the Monday of the cohort: each week that passes is a new revision of it.
    "retention_weekly": Dataset("retention_weekly", day="cohort_week"),
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
        described = run(connection, "DESCRIBE main.{table}", table=name(dataset.table)).fetchall()
    except duckdb.CatalogException:
        raise ConfigError(f"there is no table {dataset.table} yet: run the models first") from None
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
