"""Which hours are ingested, and what that says about a period."""

from collections.abc import Iterable
from datetime import datetime

import duckdb

from footfall.failures import NotWhole
from footfall.hours import HOUR, between, floor
from footfall.sql import run


class IngestedHours:
    """The ingested hours of a warehouse. `first_hour` is where this installation's history begins."""

    def __init__(self, hours: Iterable[datetime], first_hour: datetime) -> None:
        self._first_hour = first_hour
        self._whole_until: dict[datetime, datetime] = {}
        for hour in sorted(hours, reverse=True):
            self._whole_until[hour] = self._whole_until.get(hour + HOUR, hour + HOUR)

    @classmethod
    def read(cls, connection: duckdb.DuckDBPyConnection, first_hour: datetime) -> "IngestedHours":
        """Those of `ingest.hours` that were over when they were ingested: of others only the beginning is in.

        A warehouse that was last written before this was noted has none of the others.
        """
        found = run(connection, "SELECT COLUMNS('^(received_hour|had_ended)$') FROM ingest.hours").fetchall()
        return cls((hour for hour, *ended in found if ended != [False]), first_hour)

    def may_hold(self, end: datetime) -> bool:
        """Whether a period that ends then has an hour of this installation's history."""
        return end.timestamp() > self._first_hour.timestamp()

    def complete_through(self, start: datetime) -> datetime | None:
        """The time up to which every hour since `start` is ingested; None where the first one is not."""
        return self._whole_until.get(floor(max(start, self._first_hour)))

    def require(self, start: datetime, end: datetime) -> None:
        """Raise NotWhole naming the hours of [start, end) that are not ingested."""
        wanted = between(max(start, self._first_hour), end)
        missing = [hour.strftime("%Y-%m-%dT%H") for hour in wanted if hour not in self._whole_until]
        if missing:
            more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            raise NotWhole(
                f"hours not ingested yet: {', '.join(missing[:5])}{more}; materialise `events` for them first"
            )
