"""Which receipts of one event id are one event: the earliest within the window is kept, whatever came in
first.
"""

from datetime import datetime, timedelta

import duckdb

from footfall.sql import run, sql

#: How far apart two receipts of one event id may lie and still be the same event. Segment uses a day;
#: a phone that was offline over a weekend needs more. A longer window reads more hours at each ingest.
DEDUPLICATION_WINDOW = timedelta(days=7)


def find_duplicates(connection: duckdb.DuckDBPyConnection, hour: datetime) -> None:
    """Make the temporary tables `repeats` (object, n) of this hour's lines, and `flips` of other hours'
    events.

    Only rows that share an id with the hour, before or after its replacement, can change, and only in this
    hour or later ones. flips: received_hour, client_id, site_id, event_id, object_key, line_number,
    is_duplicate (as it is now).
    """
    window = {"hour": hour, "window": DEDUPLICATION_WINDOW}
    _others(connection, window)
    run(
        connection,
        """
        CREATE OR REPLACE TEMP TABLE suspects AS
        SELECT client_id, event_id FROM judged WHERE is_event GROUP BY ALL HAVING count(*) > 1
        UNION
        SELECT client_id, event_id FROM others
        """,
    )
    run(
        connection,
        """
        CREATE OR REPLACE TEMP TABLE ranked AS
        WITH receipts AS (
            SELECT
                NULL AS received_hour, client_id, site_id, event_id, received_at, object_key, n AS
                line_number, object, NULL AS was_duplicate
            FROM judged JOIN suspects USING (client_id, event_id) JOIN objects USING (object)
            WHERE is_event
            UNION ALL
            SELECT
                received_hour, client_id, site_id, event_id, received_at, object_key, line_number,
                NULL AS object, is_duplicate AS was_duplicate
            FROM others
        ),
        in_order AS (
            SELECT *, lag(received_at) OVER (
                PARTITION BY client_id, event_id ORDER BY received_at, object_key, line_number
            ) AS received_before
            FROM receipts
        )
        SELECT *, coalesce(received_before > received_at - $window, false) AS is_duplicate FROM in_order
        """,
        {"window": DEDUPLICATION_WINDOW},
    )
    run(
        connection,
        """
        CREATE OR REPLACE TEMP TABLE repeats AS
        SELECT object, line_number AS n FROM ranked WHERE object IS NOT NULL AND is_duplicate
        """,
    )
    run(
        connection,
        """
        CREATE OR REPLACE TEMP TABLE flips AS
        SELECT received_hour, client_id, site_id, event_id, object_key, line_number, is_duplicate
        FROM ranked WHERE received_hour > ? AND is_duplicate <> was_duplicate
        """,
        [hour],
    )


def _others(connection: duckdb.DuckDBPyConnection, window: dict[str, object]) -> None:
    """The temporary table `others`: events of other hours in the window whose id this hour has or had."""
    columns = sql(
        "e.received_hour, e.client_id, e.site_id, e.event_id, e.received_at, e.object_key, e.line_number"
    )
    near = sql("e.received_hour BETWEEN $hour - $window AND $hour + $window AND e.received_hour <> $hour")
    # An installation that ingests hour by hour has the hours before; the first one has none.
    found = run(
        connection,
        "SELECT count_if({near}), count_if(e.received_hour = $hour) "
        "FROM ingest.hours AS e WHERE kept + duplicates > 0",
        window,
        near=near,
    ).fetchone()
    neighbours, itself = found or (0, 0)
    ids = sql("SELECT client_id, event_id FROM judged WHERE is_event")
    if itself:
        ids = sql(
            "{ids} UNION SELECT client_id, event_id FROM ingest.event_index WHERE received_hour = $hour",
            ids=ids,
        )
    which = sql("{near} AND (e.client_id, e.event_id) IN ({ids})", near=near, ids=ids)
    run(
        connection,
        """
        CREATE OR REPLACE TEMP TABLE others AS
        SELECT {columns}, e.is_duplicate FROM ingest.event_index AS e WHERE {which}
        """,
        window if neighbours else {},
        columns=columns,
        which=which if neighbours else sql("false"),
    )
