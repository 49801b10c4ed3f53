"""Which hours are ingested, and what that says about a period."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import duckdb

from footfall.failures import KeyMissing, NotWhole
from footfall.hours import HOUR, between, floor
from footfall.sql import run
from footfall.waiting_lines import Waiting, waiting_in


class IngestedHours:
    """The ingested hours of a warehouse. `first_hour` is where this installation's history begins."""

    def __init__(
        self,
        hours: Iterable[datetime],
        first_hour: datetime,
        waiting: Mapping[datetime, Iterable[Waiting]] | None = None,
    ) -> None:
        """`waiting`: sealed lines of an hour that are not in it, because their key is missing."""
        self._first_hour = first_hour
        self._waiting = {hour: tuple(each) for hour, each in (waiting or {}).items()}
        self._whole_until: dict[datetime, datetime] = {}
        for hour in sorted(hours, reverse=True):
            self._whole_until[hour] = self._whole_until.get(hour + HOUR, hour + HOUR)

    @classmethod
    def read(cls, connection: duckdb.DuckDBPyConnection, first_hour: datetime) -> "IngestedHours":
        """Those of `ingest.hours` that were over when they were ingested: of others only the beginning is in.

        A warehouse that was last written before this was noted has none of the others.
        """
        cursor = run(connection, "SELECT COLUMNS('^(received_hour|had_ended|waiting)$') FROM ingest.hours")
        names = [each[0] for each in cursor.description or ()]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        return cls(
            (each["received_hour"] for each in found if each.get("had_ended") is not False),
            first_hour,
            {each["received_hour"]: waiting_in(each["waiting"]) for each in found if each.get("waiting")},
        )

    def require_lines(self, client_id: str, start: datetime, end: datetime) -> None:
        """Raise KeyMissing where lines of a client wait for their key in an hour of [start, end)."""
        for hour, waiting in sorted(self._waiting.items()):
            for each in waiting if start < hour + HOUR and hour < end else ():
                if each.client_id == client_id:
                    raise KeyMissing(f"{hour:%Y-%m-%dT%H}: {each.text}")

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
