"""How much each site and event type sends: what silence is measured against. Kept for five weeks."""

import sqlite3
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import duckdb

from footfall.sql import run
from orchestration.discovery.domain_rows import text

#: Four earlier weeks of the same hour, and one in which it is read.
KEPT = timedelta(days=35)
#: Event types of a site that are followed, by weight; anybody can make up others.
TYPES = 50


def note(
    database: sqlite3.Connection, warehouse: duckdb.DuckDBPyConnection, start: datetime, end: datetime
) -> None:
    """Replace the counts of the hours of [start, end), received time, duplicates left out."""
    rows = run(
        warehouse,
        """
        SELECT client_id, site_id, received_hour, event_type, events
        FROM (
            SELECT client_id, site_id, received_hour, event_type, count(*) AS events
            FROM ingest.event_index
            WHERE received_hour >= ? AND received_hour < ? AND NOT is_duplicate
            GROUP BY client_id, site_id, received_hour, event_type
        )
        QUALIFY row_number() OVER (
            PARTITION BY client_id, site_id, received_hour ORDER BY events DESC, event_type
        ) <= ?
        """,
        [start, end, TYPES],
    ).fetchall()
    database.execute("BEGIN IMMEDIATE")
    database.execute("DELETE FROM type_hours WHERE hour >= ? AND hour < ?", (text(start), text(end)))
    database.executemany(
        "INSERT INTO type_hours VALUES (?, ?, ?, ?, ?)",
        [(client, site, text(hour), kind, events) for client, site, hour, kind, events in rows],
    )
    database.execute("DELETE FROM type_hours WHERE hour < ?", (text(end - KEPT),))
    database.execute(
        "INSERT INTO marks VALUES ('last_hour', ?) "
        "ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
        (text(end - timedelta(hours=1)),),
    )
    database.execute("COMMIT")


def last_hour(database: sqlite3.Connection) -> datetime | None:
    """The latest hour that was noted."""
    row = database.execute("SELECT value FROM marks WHERE name = 'last_hour'").fetchone()
    return datetime.fromisoformat(row[0]) if row else None


def by_site(database: sqlite3.Connection) -> dict[tuple[str, str], dict[datetime, int]]:
    """(client, site) → hour → events."""
    found: dict[tuple[str, str], dict[datetime, int]] = defaultdict(dict)
    for client, site, hour, events in database.execute(
        "SELECT client_id, site_id, hour, sum(events) FROM type_hours GROUP BY 1, 2, 3"
    ):
        found[client, site][datetime.fromisoformat(hour)] = events
    return dict(found)


def by_type(database: sqlite3.Connection) -> dict[tuple[str, str, str], dict[datetime, int]]:
    """(client, site, type) → day (midnight UTC) → events."""
    found: dict[tuple[str, str, str], dict[datetime, int]] = defaultdict(dict)
    for client, site, kind, day, events in database.execute(
        "SELECT client_id, site_id, event_type, substr(hour, 1, 10), sum(events) FROM type_hours "
        "GROUP BY 1, 2, 3, 4"
    ):
        found[client, site, kind][datetime.fromisoformat(day).replace(tzinfo=UTC)] = events
    return dict(found)
