"""What should be looked at in an hour that was ingested: markers of collectors, volume, lines that do not
add up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb
import msgspec

from footfall import keys
from footfall.hours import HOUR
from footfall.sql import run
from footfall.store import NotFound, ObjectStore
from orchestration.ingest.accounts import HourCounts, record_incidents

#: Hours before, in which a collector that closed one of them counts as living. Shorter: a collector that was
#: down for so long is not missed. Longer: one that was taken away for good is missed for so long.
LIVING = 3
#: Fewest lines at which volume is judged, and the factor by which it may differ from the usual. A factor
#: nearer 1 finds smaller losses and cries wolf on quiet nights.
VOLUME_FLOOR = 1000
VOLUME_FACTOR = 10.0

UNCLOSED = "unclosed_hour"
VOLUME = "implausible_volume"
LOST = "lost_lines"


@dataclass(frozen=True)
class Finding:
    """One thing that somebody should look at: a row of `ingest.incidents`."""

    hour: datetime
    kind: str
    key: str
    detail: str


def review(
    connection: duckdb.DuckDBPyConnection, lake: ObjectStore, counts: Sequence[HourCounts]
) -> list[Finding]:
    """Look at each hour, and record what is found in `ingest.incidents`."""
    found = []
    for hour in counts:
        found += unclosed(lake, hour.hour)
        found += implausible(connection, hour)
        if not hour.is_conserved:
            keys_ = ", ".join(hour.uneven) or "the hour as a whole"
            detail = f"{hour.lines} lines, but {hour.kept} + {hour.duplicates} + {hour.quarantined}: {keys_}"
            found.append(Finding(hour.hour, LOST, hour.hour.isoformat(), detail))
    record_incidents(connection, [(each.hour, each.kind, each.key, each.detail) for each in found])
    return found


def unclosed(lake: ObjectStore, hour: datetime) -> list[Finding]:
    """Living collectors that have not closed the hour, or named objects for it that are not there."""
    present = _collectors(lake, hour)
    living = set().union(*(_collectors(lake, hour - n * HOUR) for n in range(1, LIVING + 1)))
    found = [
        Finding(
            hour,
            UNCLOSED,
            name,
            f"collector {name} has not closed the hour; its events may still be on their way",
        )
        for name in sorted(living - present)
    ]
    if not present:
        return found
    listed = {info.key for info in lake.list(keys.raw_prefix(hour))}
    for name in sorted(present):
        try:
            marker = msgspec.json.decode(lake.get(keys.closed_marker(hour, name)))
        except (NotFound, msgspec.DecodeError):
            continue
        named = marker.get("keys") if isinstance(marker, dict) else None
        missing = [key for key in named or () if isinstance(key, str) and key not in listed]
        if missing:
            detail = (
                f"collector {name} shipped {len(missing)} objects that are not there, the first {missing[0]}"
            )
            found.append(Finding(hour, LOST, name, detail))
    return found


def _collectors(lake: ObjectStore, hour: datetime) -> set[str]:
    prefix = keys.closed_prefix(hour)
    return {info.key.removeprefix(prefix).removesuffix(".json") for info in lake.list(prefix)}


def implausible(connection: duckdb.DuckDBPyConnection, hour: HourCounts) -> list[Finding]:
    """Whether the hour has far more or fewer lines than the same hour of the seven days before."""
    row = run(
        connection,
        """
        SELECT median(lines), count(*) FROM ingest.hours
        WHERE received_hour IN (SELECT $hour - INTERVAL 1 DAY * n FROM range(1, 8) AS days(n))
        """,
        {"hour": hour.hour},
    ).fetchone()
    usual, days = row or (None, 0)
    if usual is None or days < 3 or max(usual, hour.lines) < VOLUME_FLOOR:
        return []
    if usual / VOLUME_FACTOR <= hour.lines <= usual * VOLUME_FACTOR:
        return []
    detail = f"{hour.lines} lines; at this time of day it was {usual:.0f} (median of {days} days)"
    return [Finding(hour.hour, VOLUME, hour.hour.isoformat(), detail)]
