"""Pure: what is to be built, for which hours → dbt's arguments and environment."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

#: Models that are made whole each time, from small tables, and the tests of them.
WHOLE = "tag:whole"
#: Unit tests prove the SQL in CI. In production they cost seconds and fail on an empty warehouse.
BUILD = ("build", "--exclude-resource-type", "unit_test")


def build_windowed(*, has_views: bool = False) -> list[str]:
    """Arguments for everything that is rebuilt by what the window touched.

    `has_views`: the views and seeds of this very project are there; making them again says nothing new.
    """
    if has_views:
        return [*BUILD, "--selector", "follows_hours"]
    return [*BUILD, "--exclude", WHOLE]


def build_whole() -> list[str]:
    """Arguments for the models that are made whole, once the others are done."""
    return [*BUILD, "--select", WHOLE]


def build_some(names: Iterable[str]) -> list[str]:
    """Arguments for a person's choice of models and seeds, and their tests."""
    return [*BUILD, "--select", *sorted(names), "--indirect-selection", "cautious"]


def window_environment(
    warehouse: Path, start: datetime, end: datetime, files: Path | None = None
) -> Mapping[str, str]:
    """The variables that the dbt project reads: the file, the half-open window of received hours, and the
    folder of the lake's files.

    Variables of the environment and not `--vars`: a changed `--vars` makes dbt parse everything anew.
    """
    return {
        "FOOTFALL_WAREHOUSE": str(warehouse),
        "FOOTFALL_WINDOW_START": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "FOOTFALL_WINDOW_END": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "FOOTFALL_HOUR_FILES": str(files or ""),
    }
