"""Hours in which nothing lies and nothing lay: found by what whole days list, and written down all at once.

A log of ten years has some thousand hours with data among ninety thousand. An hour that is empty, and was
empty whenever it was ingested before, changes nothing but the accounts, which then say that it is ingested.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import duckdb

from footfall import keys
from footfall.hours import HOUR
from footfall.sql import run
from footfall.store import ObjectStore
from orchestration.ingest.accounts import HourCounts
from orchestration.ingest.hour import listing_digest
from orchestration.ingest.schema import make_schema

#: What an hour has in the lake that ingest reads, or wrote: nothing of it is left where all is gone.
_FOLDERS = ("raw/", "events/", "quarantine/", keys.ENRICHMENTS)


def empty_hours(
    connection: duckdb.DuckDBPyConnection, lake: ObjectStore, hours: Sequence[datetime]
) -> list[datetime]:
    """Those of the hours, in order, of which neither the lake nor the warehouse has anything."""
    make_schema(connection)
    if not hours:
        return []
    filled = _in_lake(lake, hours) | _in_warehouse(connection, hours[0], hours[-1] + HOUR)
    return [hour for hour in hours if hour not in filled]


def ingest_empty(connection: duckdb.DuckDBPyConnection, hours: Sequence[datetime]) -> list[HourCounts]:
    """Write down that these hours are ingested and empty. Returns the counts of each."""
    digest, now = listing_digest([]), datetime.now(UTC)
    counts = [
        HourCounts(hour, 0, 0, 0, 0, 0, 0, digest, had_ended=hour + HOUR <= now) for hour in sorted(hours)
    ]
    given = {
        "hours": [each.hour for each in counts],
        "ended": [each.had_ended for each in counts],
        "digest": digest,
    }
    run(connection, "BEGIN")
    try:
        run(
            connection,
            "DELETE FROM ingest.hours WHERE received_hour IN (SELECT unnest($hours))",
            {"hours": given["hours"]},
        )
        run(
            connection,
            "INSERT INTO ingest.hours BY NAME "
            "SELECT unnest($hours) AS received_hour, unnest($ended) AS had_ended, $digest AS digest, "
            "0 AS objects, 0 AS bytes, 0 AS lines, 0 AS kept, 0 AS duplicates, 0 AS quarantined, "
            "0 AS erased, false AS is_degraded",
            given,
        )
        run(connection, "COMMIT")
    except BaseException:
        run(connection, "ROLLBACK")
        raise
    return counts


def _in_lake(lake: ObjectStore, hours: Sequence[datetime]) -> set[datetime]:
    """Hours with an object. One hour is looked up by itself, more by their days, to ask less often."""
    found: set[datetime] = set()
    for path in dict.fromkeys(_paths(hours)):
        for folder in _FOLDERS:
            for info in lake.list(f"{folder}{path}/"):
                hour = keys.hour_of(info.key)
                if hour is not None:
                    found.add(hour)
    return found


def _paths(hours: Sequence[datetime]) -> Iterable[str]:
    if len(hours) == 1:
        return [keys.hour_path(hours[0])]
    return (keys.day_path(hour.astimezone(UTC).date()) for hour in hours)


def _in_warehouse(connection: duckdb.DuckDBPyConnection, start: datetime, end: datetime) -> set[datetime]:
    rows = run(
        connection,
        """
        SELECT received_hour FROM ingest.hours
        WHERE received_hour >= $start AND received_hour < $end
            AND (objects > 0 OR lines > 0 OR kept > 0 OR duplicates > 0 OR quarantined > 0)
        UNION
        SELECT date_trunc('hour', enriched_at) FROM ingest.event_enrichments
        WHERE enriched_at >= $start AND enriched_at < $end
        """,
        {"start": start, "end": end},
    ).fetchall()
    return {hour.astimezone(UTC) for (hour,) in rows}
