"""dbt over a window of hours: the lake's files that it reads are shown first."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from footfall.hour_files import HourFiles
from footfall.sql import confine, open_database, run
from orchestration.ingest.schema import make_schema
from orchestration.modelling.command import window_environment
from orchestration.modelling.frozen import restore
from orchestration.modelling.invoke import NodeResult, failures, invoke
from orchestration.stored_hours import show_all_events, show_events

Window = tuple[datetime, datetime]
#: What macros/touched_islands.sql says where it would make anew what is not shown.
_NOT_SHOWN = "an hour that is not shown"


def build(
    arguments: Sequence[str],
    warehouse: Path,
    window: Window,
    target: Path,
    files: HourFiles | None,
    known: Path | None = None,
) -> list[NodeResult]:
    """Run dbt with these arguments over [start, end). Whoever calls holds the warehouse.

    `files`: None where `ingest.events` is to stay what it is. `known`: the folder of the prepared models.
    Where models turn out to make more anew than was foreseen (their rules are of a newer program), dbt runs
    once more over every hour. Figures of frozen days are what they were, whatever it made. Raises
    FootfallError, StoreError.
    """
    environment = window_environment(warehouse, *window, files.folder if files else None)
    if files is not None:
        _show(warehouse, files, window)
    results = invoke(arguments, environment, target, known=known)
    if files is not None and any(_NOT_SHOWN in said for said in failures(results)):
        _show(warehouse, files, None)
        results = invoke(arguments, environment, target, known=known)
    with open_database(warehouse) as connection:
        run(connection, "SET TimeZone = 'UTC'")
        restore(connection)
    return results


def _show(warehouse: Path, files: HourFiles, window: Window | None) -> None:
    with open_database(warehouse) as connection:
        run(connection, "SET TimeZone = 'UTC'")
        make_schema(connection)
        confine(connection, files.folder)
        if window is None:
            show_all_events(connection, files)
        else:
            show_events(connection, files, *window)
