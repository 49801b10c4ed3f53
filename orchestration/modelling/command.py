"""Pure: a window of hours → dbt's arguments and environment."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

#: Unit tests prove the SQL in CI. In production they cost seconds and fail on an empty warehouse.
BUILD = ("build", "--exclude-resource-type", "unit_test")


def window_environment(warehouse: Path, start: datetime, end: datetime) -> Mapping[str, str]:
    """The variables that the dbt project reads: the file, and the half-open window of received hours.

    Variables of the environment and not `--vars`: a changed `--vars` makes dbt parse everything anew.
    """
    return {
        "FOOTFALL_WAREHOUSE": str(warehouse),
        "FOOTFALL_WINDOW_START": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "FOOTFALL_WINDOW_END": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
