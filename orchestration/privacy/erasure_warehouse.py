"""The models' side of an erasure: hours made anew, what is only ever added to purged, and a new file.

A DELETE leaves the bytes in free blocks of a DuckDB file; so all that is left is copied into a new one, which
takes its place at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import duckdb

from footfall.errors import FootfallError
from footfall.hour_files import HourFiles
from footfall.hours import HOUR
from footfall.sql import joined, name, open_database, run, sql, text
from orchestration.modelling.build import Window, build
from orchestration.modelling.command import build_whole, build_windowed
from orchestration.modelling.invoke import failures
from orchestration.privacy.person import Person

#: Events of one run of the models, as in a rebuild; and events of hours nobody touched that one run may take
#: along. A start of dbt costs as much as some 200,000 events.
MOST, GAP = 2_000_000, 200_000


def windows(
    touched: Iterable[datetime], events: Mapping[datetime, int], most: int = MOST, gap: int = GAP
) -> list[Window]:
    """Half-open windows over all touched hours: by what was touched, and not by all that lies between."""
    found: list[Window] = []
    held = 0
    for hour in sorted(set(touched)):
        if found:
            between = sum(n for each, n in events.items() if found[-1][1] <= each < hour)
            if between <= gap and held + between + events.get(hour, 0) <= most:
                found[-1] = (found[-1][0], hour + HOUR)
                held += between + events.get(hour, 0)
                continue
        found.append((hour, hour + HOUR))
        held = events.get(hour, 0)
    return found


def model(
    warehouse: Path, touched: Sequence[datetime], files: HourFiles, target: Path, known: Path
) -> list[Window]:
    """Make anew what these hours touch. Whoever calls holds the warehouse. Raises FootfallError."""
    with open_database(warehouse) as connection:
        run(connection, "SET TimeZone = 'UTC'")
        rows = run(connection, "SELECT received_hour, kept + duplicates FROM ingest.hours").fetchall()
    spans = windows(touched, {row[0]: row[1] for row in rows})
    for n, span in enumerate(spans):
        _require(build(build_windowed(has_views=n > 0), warehouse, span, target, files, known))
    if spans:
        _require(build(build_whole(), warehouse, (spans[0][0], spans[-1][1]), target, None, known))
    return spans


def _require(results: Iterable[object]) -> None:
    bad = failures(results)  # type: ignore[arg-type]
    if bad:
        raise FootfallError(f"{len(bad)} models and tests failed: " + "; ".join(bad))


def purge(connection: duckdb.DuckDBPyConnection, person: Person) -> None:
    """Forget the person's events in what is only ever added to, and the list of files that a run showed."""
    _put_needles(connection, person)
    run(
        connection,
        "DELETE FROM ingest.changes WHERE client_id = $client AND event_id IN (SELECT id FROM needles)",
        {"client": person.client},
    )


def rows_left(
    connection: duckdb.DuckDBPyConnection, person: Person, until: datetime | None = None
) -> dict[str, int]:
    """Table → rows in which a cell is one of the person's ids; empty where nothing is left.

    `until`: what happened after it is kept. Of an id that somebody has gone on with since then only what the
    person did before is looked for, by its events and sessions.
    """
    _put_needles(connection, person)
    if until is not None:
        _leave_those_in_use(connection, person, until)
    columns = run(
        connection,
        "SELECT c.schema_name, c.table_name, list(c.column_name ORDER BY c.column_index) "
        "FROM duckdb_columns() AS c JOIN duckdb_tables() AS t USING (database_name, schema_name, table_name) "
        "WHERE c.database_name = current_database() AND c.data_type = 'VARCHAR' AND NOT t.temporary "
        "GROUP BY ALL ORDER BY ALL",
    ).fetchall()
    found = {}
    for schema, table, texts in columns:
        which = joined(
            " OR ", (sql("{column} IN (SELECT id FROM needles)", column=name(each)) for each in texts)
        )
        if "client_id" in texts:  # another client may have the same id, of somebody else
            which = sql("client_id = {client} AND ({which})", client=text(person.client), which=which)
        row = run(
            connection,
            "SELECT count(*) FROM {schema}.{table} WHERE {which}",
            schema=name(schema),
            table=name(table),
            which=which,
        ).fetchone()
        if row and row[0]:
            found[f"{schema}.{table}"] = int(row[0])
    return found


def _put_needles(connection: duckdb.DuckDBPyConnection, person: Person) -> None:
    run(connection, "CREATE OR REPLACE TEMP TABLE needles (id VARCHAR)")
    # Short ids (`42`) are in every table; rows of theirs are found by their events.
    ids = [each for each in person.needles if len(each) >= 8]
    run(connection, "INSERT INTO needles SELECT unnest($ids)", {"ids": ids})


def _leave_those_in_use(connection: duckdb.DuckDBPyConnection, person: Person, until: datetime) -> None:
    run(
        connection,
        """
        DELETE FROM needles WHERE NOT list_contains($theirs, id) AND id IN (
            SELECT visitor_id FROM ingest.event_index WHERE client_id = $client AND occurred_at > $until
            UNION ALL
            SELECT unnest([visitor_id, user_id, first_party_session_id]) FROM main.events
            WHERE client_id = $client AND occurred_at > $until
        )
        """,
        {"client": person.client, "until": until, "theirs": [*person.events, *person.sessions]},
    )


def compact(warehouse: Path) -> tuple[int, int]:
    """Copy all that is left into a new file; whoever calls holds it. Returns bytes before and after.

    Until the end the old file stays as it was.
    """
    made = warehouse.with_name(f"{warehouse.stem}.rebuilt.duckdb")
    before = warehouse.stat().st_size
    made.unlink(missing_ok=True)
    try:
        with open_database(warehouse) as connection:
            run(connection, "SET TimeZone = 'UTC'")
            run(connection, "CHECKPOINT")
            row = run(connection, "SELECT current_database()").fetchone()
            assert row is not None, "a connection has a database"
            run(connection, "ATTACH {path} AS made", path=text(str(made)))
            run(connection, "COPY FROM DATABASE {old} TO made", old=name(row[0]))
            run(connection, "DETACH made")
        made.replace(warehouse)
    finally:
        made.unlink(missing_ok=True)
        made.with_name(f"{made.name}.wal").unlink(missing_ok=True)
    return before, warehouse.stat().st_size
