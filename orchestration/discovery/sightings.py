"""Which hosts an hour's events name: from the warehouse, a bounded number for each client."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb

from footfall.sql import run
from orchestration.discovery.domains import Sighting

#: Hosts of a client that are looked at in an hour, by weight. A flood of 100,000 made-up names costs no more.
HOSTS_AN_HOUR = 500


@dataclass(frozen=True)
class SeenInHour:
    """The heaviest hosts of one client and hour, and how many more there were."""

    sightings: list[Sighting]
    overflow: int


def seen_in(
    connection: duckdb.DuckDBPyConnection, start: datetime, end: datetime
) -> Mapping[tuple[str, datetime], SeenInHour]:
    """(client, hour) → its hosts, from events that are no duplicates, received in [start, end)."""
    rows = run(
        connection,
        """
        WITH hosts AS (
            SELECT received_hour, client_id, site_id, left(host, 1024) AS host, count(*) AS events,
                -- a host that visitors agree on before one that a single sender repeats
                count(DISTINCT visitor_id) AS visitors
            FROM ingest.event_index
            WHERE received_hour >= ? AND received_hour < ? AND NOT is_duplicate AND host IS NOT NULL
            GROUP BY ALL
        ),
        ranked AS (
            SELECT *,
                row_number() OVER w AS place,
                count(*) OVER (PARTITION BY received_hour, client_id) AS hosts
            FROM hosts
            WINDOW w AS (
                PARTITION BY received_hour, client_id ORDER BY visitors DESC, events DESC, host, site_id
            )
        )
        SELECT client_id, received_hour, site_id, host, events, hosts FROM ranked
        WHERE place <= ? ORDER BY client_id, received_hour, place
        """,
        [start, end, HOSTS_AN_HOUR],
    ).fetchall()
    found: dict[tuple[str, datetime], SeenInHour] = {}
    for client_id, hour, site_id, host, events, hosts in rows:
        each = found.setdefault((client_id, hour), SeenInHour([], max(0, hosts - HOSTS_AN_HOUR)))
        each.sightings.append(Sighting(site_id, host, events))
    return found
