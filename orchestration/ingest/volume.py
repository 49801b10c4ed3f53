"""The hours before and including one, as a small plot that a person can read in the UI."""

from datetime import UTC, datetime

import duckdb

from footfall.hours import HOUR
from footfall.sql import run

#: Hours shown: a day, so that the same hour of yesterday is the first row.
SHOWN = 25
#: Characters of the longest bar.
WIDTH = 30


def volume_by_hour(connection: duckdb.DuckDBPyConnection, last: datetime) -> str:
    """A Markdown table of the 25 hours up to `last`, newest first; an hour never ingested has a dash."""
    found = {
        hour.astimezone(UTC): (kept, duplicates, quarantined)
        for hour, kept, duplicates, quarantined in run(
            connection,
            "SELECT received_hour, kept, duplicates, quarantined FROM ingest.hours "
            "WHERE received_hour BETWEEN ? AND ?",
            [last - (SHOWN - 1) * HOUR, last],
        ).fetchall()
    }
    most = max((kept for kept, _, _ in found.values()), default=0)
    lines = ["| hour (UTC) | events | | duplicate | quarantined |", "|---|---:|:---|---:|---:|"]
    for n in range(SHOWN):
        hour = (last - n * HOUR).astimezone(UTC)
        kept, duplicates, quarantined = found.get(hour, ("–", "–", "–"))
        bar = "█" * round(WIDTH * kept / most) if most and hour in found else ""
        # The column is narrow, and would break at a hyphen.
        label = f"{hour:%Y-%m-%dT%H}".replace("-", "\N{NON-BREAKING HYPHEN}")
        lines.append(f"| {label} | {kept} | {bar} | {duplicates} | {quarantined} |")
    return "\n".join(lines)
