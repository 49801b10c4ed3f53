"""What lay in an hour and what became of it: by object, by client and reason, and for the hour as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from footfall.hours import HOUR
from footfall.sql import Sql, joined, name, names, run, sql
from footfall.waiting_lines import Waiting, waiting_in, waiting_text
from orchestration.ingest.decode import DAMAGED, UNREADABLE


@dataclass(frozen=True)
class HourCounts:
    """The sums of an hour. Conservation: lines = kept + duplicates + quarantined + erased.

    `uneven`: objects for which that does not hold. `unreadable`: objects that were set aside, each with why.
    `damaged`: objects of which some lines were, each with how many and why the first.
    `reasons`: reason of quarantine → lines. `restated`: other hours in which a duplicate became the event or
    the event a duplicate.
    """

    hour: datetime
    objects: int
    bytes: int
    lines: int
    kept: int
    duplicates: int
    quarantined: int
    digest: str = ""
    is_degraded: bool = False
    had_ended: bool = True
    uneven: tuple[str, ...] = ()
    reasons: tuple[tuple[str, int], ...] = ()
    restated: tuple[datetime, ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()
    damaged: tuple[tuple[str, str], ...] = ()
    erased: int = 0
    waiting: tuple[Waiting, ...] = ()

    @property
    def is_conserved(self) -> bool:
        """Whether every line is accounted for, in the hour and in each object of it."""
        through = self.kept + self.duplicates + self.quarantined + self.erased
        return self.lines == through and not self.uneven


def count_fates(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the temporary tables `fates`, the hour's receipt, and `erased`, by object, of `judged` and
    `repeats`; `judged` is dropped.

    It is the largest of the tables, and what is sorted next needs the memory.
    """
    run(
        connection,
        """
        CREATE OR REPLACE TEMP TABLE fates AS
        SELECT client_id, site_id, reason, count_if(is_event AND d.n IS NULL) AS kept,
            count_if(d.n IS NOT NULL) AS duplicates, count_if(NOT is_event AND NOT is_erased) AS quarantined,
            count_if(is_erased) AS erased
        FROM (
            SELECT object, n, client_id, site_id, is_event, is_erased,
                CASE WHEN NOT is_event THEN reason END AS reason
            FROM judged
        )
        LEFT JOIN repeats AS d USING (object, n)
        GROUP BY client_id, site_id, reason
        """,
    )
    run(
        connection,
        "CREATE OR REPLACE TEMP TABLE erased AS SELECT object, count(*) AS erased FROM judged "
        "WHERE is_erased GROUP BY object",
    )
    run(connection, "DROP TABLE judged")


def write_accounts(
    connection: duckdb.DuckDBPyConnection,
    hour: datetime,
    digest: str,
    problems: dict[str, str],
    waiting: Sequence[Waiting] = (),
) -> None:
    """Replace the hour's rows of `ingest.objects`, `receipts` and `hours`, from the tables that judged its
    lines. `waiting`: what is not among them.

    Objects are counted by what was written: rows of events and of quarantine against lines in the object.
    """
    for table in ("objects", "receipts", "hours"):
        run(connection, "DELETE FROM ingest.{table} WHERE received_hour = ?", [hour], table=name(table))
    run(
        connection,
        """
        INSERT INTO ingest.objects BY NAME
        WITH fates AS (
            SELECT object_key, count_if(NOT is_duplicate) AS kept, count_if(is_duplicate) AS duplicates,
                0 AS quarantined
            FROM ingest.event_index WHERE received_hour = $hour GROUP BY object_key
            UNION ALL
            SELECT object_key, 0, 0, count(*)
            FROM ingest.quarantine WHERE received_hour = $hour GROUP BY object_key
        )
        SELECT
            $hour AS received_hour, object_key, any_value(o.bytes) AS bytes, any_value(o.lines) AS lines,
            coalesce(sum(kept), 0) AS kept, coalesce(sum(duplicates), 0) AS duplicates,
            coalesce(sum(quarantined), 0) AS quarantined, coalesce(any_value(erased), 0) AS erased
        FROM objects AS o LEFT JOIN fates USING (object_key) LEFT JOIN erased USING (object)
        GROUP BY object_key
        """,
        {"hour": hour},
    )
    run(
        connection,
        """
        INSERT INTO ingest.receipts BY NAME
        SELECT $hour AS received_hour, * FROM fates
        """,
        {"hour": hour},
    )
    run(
        connection,
        """
        INSERT INTO ingest.hours BY NAME
        SELECT $hour AS received_hour, count(*) AS objects, coalesce(sum(bytes), 0) AS bytes,
            coalesce(sum(lines), 0) AS lines, coalesce(sum(kept), 0) AS kept,
            coalesce(sum(duplicates), 0) AS duplicates, coalesce(sum(quarantined), 0) AS quarantined,
            coalesce(sum(erased), 0) AS erased, $digest AS digest, $degraded AS is_degraded,
            $ended AS had_ended, $waiting AS waiting
        FROM ingest.objects WHERE received_hour = $hour
        """,
        {
            "hour": hour,
            "digest": digest,
            "degraded": bool(problems or waiting),
            "waiting": waiting_text(waiting),
            "ended": hour + HOUR <= datetime.now(UTC),
        },
    )


def record_changes(connection: duckdb.DuckDBPyConnection, hour: datetime, events: Sql) -> None:
    """Remember in ingest.changes, once each, what the ingest of `hour` changed of other hours.

    `events`: a query for (client_id, event_id); its one parameter is $hour.
    """
    run(
        connection,
        """
        INSERT INTO ingest.changes
        SELECT $hour, client_id, event_id FROM ({events})
        EXCEPT
        SELECT changed_in_hour, client_id, event_id FROM ingest.changes WHERE changed_in_hour = $hour
        """,
        {"hour": hour},
        events=events,
    )


#: Tables that count lines, and by what.
_COUNTED = {
    "hours": ("received_hour",),
    "objects": ("received_hour", "object_key"),
    "receipts": ("received_hour", "client_id", "site_id"),
}


def apply_flips(connection: duckdb.DuckDBPyConnection, hour: datetime) -> list[datetime]:
    """Write `flips` (ingest.duplicates) into the other hours: rows and accounts. Returns those hours.

    The models of `hour` have to take these events along, and the hour itself may hold no kept copy of them,
    before or after: they are remembered as changes.
    """
    hours = run(connection, "SELECT DISTINCT received_hour FROM flips ORDER BY 1").fetchall()
    if not hours:
        return []
    run(
        connection,
        """
        UPDATE ingest.event_index AS e SET is_duplicate = f.is_duplicate FROM flips AS f
        WHERE e.received_hour = f.received_hour AND e.object_key = f.object_key
            AND e.line_number = f.line_number
        """,
    )
    record_changes(connection, hour, sql("SELECT client_id, event_id FROM flips"))
    for table, columns in _COUNTED.items():
        same = joined(
            " AND ", (sql("a.{c} IS NOT DISTINCT FROM f.{c}", c=name(column)) for column in columns)
        )
        run(
            connection,
            """
            UPDATE ingest.{table} AS a SET kept = kept - more, duplicates = duplicates + more
            FROM (
                SELECT {columns}, sum(CASE WHEN is_duplicate THEN 1 ELSE -1 END) AS more
                FROM flips GROUP BY ALL
            ) AS f
            WHERE {same} {of_events}
            """,
            table=name(table),
            columns=names(columns),
            same=same,
            of_events=sql("AND a.reason IS NULL") if table == "receipts" else sql(""),
        )
    return [hour for (hour,) in hours]


def read_counts(
    connection: duckdb.DuckDBPyConnection, hour: datetime, restated: tuple[datetime, ...] = ()
) -> HourCounts:
    """The hour's sums as they are in the warehouse."""
    row = run(
        connection,
        "SELECT objects, bytes, lines, kept, duplicates, quarantined, digest, coalesce(is_degraded, false), "
        "coalesce(had_ended, true), coalesce(erased, 0), waiting "
        "FROM ingest.hours WHERE received_hour = ?",
        [hour],
    ).fetchone()
    assert row is not None, "the hour was just written"
    uneven = run(
        connection,
        "SELECT object_key FROM ingest.objects "
        "WHERE received_hour = ? AND lines <> kept + duplicates + quarantined + coalesce(erased, 0) "
        "ORDER BY 1",
        [hour],
    ).fetchall()
    reasons = run(
        connection,
        "SELECT reason, sum(quarantined) FROM ingest.receipts "
        "WHERE received_hour = ? AND quarantined > 0 GROUP BY reason ORDER BY reason",
        [hour],
    ).fetchall()
    unreadable = run(
        connection,
        "SELECT object_key, any_value(detail) FROM ingest.quarantine "
        "WHERE received_hour = ? AND reason = ? GROUP BY object_key ORDER BY object_key",
        [hour, UNREADABLE],
    ).fetchall()
    damaged = run(
        connection,
        "SELECT object_key, count(*), min_by(detail, line_number) FROM ingest.quarantine "
        "WHERE received_hour = ? AND reason = ? GROUP BY object_key ORDER BY object_key",
        [hour, DAMAGED],
    ).fetchall()
    objects, size, lines, kept, duplicates, quarantined, digest, is_degraded, had_ended, erased, waiting = row
    return HourCounts(
        hour,
        objects,
        size,
        lines,
        kept,
        duplicates,
        quarantined,
        digest,
        is_degraded,
        had_ended,
        uneven=tuple(key for (key,) in uneven),
        reasons=tuple((reason or DAMAGED, int(n)) for reason, n in reasons),
        restated=restated,
        unreadable=tuple((key, detail or "") for key, detail in unreadable),
        damaged=tuple((key, f"{n} damaged lines, the first: {detail}") for key, n, detail in damaged),
        erased=erased,
        waiting=waiting_in(waiting),
    )


def record_incidents(
    connection: duckdb.DuckDBPyConnection, found: Sequence[tuple[datetime, str, str, str]]
) -> None:
    """Add (hour, kind, key, detail) to `ingest.incidents`, unless the same was seen before."""
    if not found:
        return
    hours, kinds, keys, details = (list(column) for column in zip(*found, strict=True))
    run(
        connection,
        """
        INSERT INTO ingest.incidents BY NAME
        SELECT received_hour, kind, key, any_value(detail) AS detail, $now AS first_seen_at
        FROM (
            SELECT unnest($hours) AS received_hour, unnest($kinds) AS kind, unnest($keys) AS key,
                unnest($details) AS detail
        )
        ANTI JOIN ingest.incidents USING (received_hour, kind, key)
        GROUP BY received_hour, kind, key
        """,
        {"hours": hours, "kinds": kinds, "keys": keys, "details": details, "now": datetime.now(UTC)},
    )
