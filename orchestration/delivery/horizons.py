"""From when on periods are compared and delivered: what retention removed is no change of data."""

from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from footfall.catalogue.tables import Table
from footfall.sql import has_table, run


@dataclass(frozen=True)
class Horizons:
    """Of one client. `events_from`: events received before are gone. `compared_from`: what began before is
    what it was when it was delivered: its figures are frozen, its rows lack what they were made of.
    """

    events_from: datetime | None = None
    compared_from: datetime | None = None

    def is_compared(self, start: datetime) -> bool:
        """Whether a period that begins then may have changed."""
        return self.compared_from is None or start >= self.compared_from

    def has_events(self, start: datetime) -> bool:
        """Whether all events of a period that begins then are kept."""
        return self.events_from is None or start >= self.events_from

    def is_gone(self, dataset: Table, start: datetime) -> bool:
        """Whether rows of a period that begins then are gone, so that it can be delivered no more."""
        is_figure = dataset.retention == "figures"
        return not is_figure and not self.has_events(start)


def horizons_of(connection: duckdb.DuckDBPyConnection, client_id: str) -> Horizons:
    """What counts for a client, by the warehouse."""
    if not has_table(connection, "ingest", "horizons"):
        return Horizons()
    found = run(
        connection, "SELECT events_from, frozen_until FROM ingest.horizons WHERE client_id = ?", [client_id]
    ).fetchone()
    if found is None or found[0] is None:
        return Horizons()
    until = found[1]
    # A local day may begin up to 14 hours before that of UTC.
    return Horizons(
        found[0].astimezone(UTC), datetime(until.year, until.month, until.day, tzinfo=UTC) if until else None
    )
