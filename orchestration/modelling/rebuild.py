"""All models anew, over a history that no memory holds: piece by piece, in a copy that then takes the place.

One statement over years of events needs many times the memory of the machine (1.3 GB for each million).
The models are exact in any order of arrival, so the hours in pieces, one after the other, give the same
tables.
"""

import shutil
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from footfall.errors import FootfallError
from footfall.hour_files import HourFiles
from footfall.hours import HOUR
from footfall.sql import name, open_database, run, sql
from orchestration.ingest.schema import make_schema
from orchestration.modelling.build import Window, build
from orchestration.modelling.command import build_whole, build_windowed
from orchestration.modelling.invoke import failures

#: Events of one piece, 100,000 to 10,000,000. Larger: fewer pieces, each of which costs dbt's seconds for all
#: its models, and up to 3 GB of memory more for each million.
PIECE = 2_000_000
#: Free disk that a rebuild wants, as a share of the warehouse's size: of a copy, and of what memory does not
#: hold.
_ROOM = 1.5


def pieces(hours: Iterable[tuple[datetime, int]], most: int = PIECE) -> list[Window]:
    """(hour, events) in order of time → half-open windows, each of `most` events at most, or of one hour."""
    found: list[Window] = []
    held = 0
    for hour, events in hours:
        if not found or held + events > most:
            found.append((hour, hour + HOUR))
            held = 0
        else:
            found[-1] = (found[-1][0], hour + HOUR)
        held += events
    return found


def rebuild(
    warehouse: Path,
    target: Path,
    say: Callable[[str], object],
    most: int = PIECE,
    known: Path | None = None,
    files: HourFiles | None = None,
) -> None:
    """Make every model of the warehouse anew. Whoever calls holds the warehouse.

    `target`: a folder for dbt's artefacts; `known`: that of the prepared models. `say` is told of each piece.
    `files`: the lake's hours; None where `ingest.events` is to stay what it is.
    Until the end the warehouse stays as it was, and for good where something fails. Raises FootfallError with
    what failed, or where the disk is too full.
    """
    if not warehouse.exists():
        raise FootfallError(f"there is no warehouse at {warehouse}: nothing to rebuild")
    room, wanted = shutil.disk_usage(warehouse.parent).free, _ROOM * warehouse.stat().st_size
    if room < wanted:
        raise FootfallError(
            f"{warehouse.parent} has {room / 1e9:.1f} GB left; a rebuild wants {wanted / 1e9:.1f} GB beside "
            "the warehouse"
        )
    copy = warehouse.with_name(f"{warehouse.stem}.rebuilt.duckdb")
    try:
        hours = _without_models(warehouse, copy)
        windows = pieces(hours, most)
        for number, window in enumerate(windows, start=1):
            say(f"{number} of {len(windows)}: {window[0]:%Y-%m-%dT%H} to {window[1]:%Y-%m-%dT%H}")
            _build(build_windowed(has_views=number > 1), copy, window, target, files, known)
        if windows:
            _build(build_whole(), copy, (windows[0][0], windows[-1][1]), target, None, known)
        copy.replace(warehouse)
    finally:
        copy.unlink(missing_ok=True)
        copy.with_name(f"{copy.name}.wal").unlink(missing_ok=True)


def _without_models(warehouse: Path, copy: Path) -> list[tuple[datetime, int]]:
    """Copy what ingest and discovery wrote. Returns (hour, events) of every ingested hour, in order."""
    with open_database(warehouse) as connection:
        run(connection, "CHECKPOINT")  # so that the file is all there is
    shutil.copyfile(warehouse, copy)
    with open_database(copy) as connection:
        run(connection, "SET TimeZone = 'UTC'")
        # Of an earlier version: the models read columns that no ingest has made yet.
        make_schema(connection)
        for schema in ("staging", "intermediate"):
            run(connection, "DROP SCHEMA IF EXISTS {schema} CASCADE", schema=name(schema))
        made = run(
            connection,
            "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = 'main'",
        ).fetchall()
        for table, kind in made:
            what = sql("VIEW") if kind == "VIEW" else sql("TABLE")
            run(connection, "DROP {what} main.{table}", what=what, table=name(table))
        rows = run(
            connection,
            "SELECT received_hour, count(events.received_hour) FROM ingest.hours "
            "LEFT JOIN ingest.event_index AS events USING (received_hour) GROUP BY 1 ORDER BY 1",
        ).fetchall()
    return [(row[0], row[1]) for row in rows]


def _build(
    arguments: list[str],
    warehouse: Path,
    window: Window,
    target: Path,
    files: HourFiles | None,
    known: Path | None,
) -> None:
    bad = failures(build(arguments, warehouse, window, target, files, known))
    if bad:
        raise FootfallError(f"{len(bad)} models and tests failed, and nothing has changed: " + "; ".join(bad))
