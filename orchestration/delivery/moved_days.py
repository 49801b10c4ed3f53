"""Days that begin elsewhere since the clocks of their zone are known better: their rows follow.

A day is called by its date, and the ledger finds it by its start. Where a newer release of the time zone
database moves the start of a day that was delivered, its revisions move with it: so that the next one has the
next number.
"""

import json
from datetime import UTC, date, datetime, timedelta
from operator import itemgetter

import duckdb

from footfall.catalogue.periods import Calendar, Period
from footfall.clients import Client, Export
from footfall.found import period_of
from footfall.manifest import as_manifest
from orchestration import zone_days
from orchestration.delivery.desk import Desk
from orchestration.delivery.ledger import Ledger, LedgerRow

#: Within which a day of its own start begins, whatever was thought of its zone.
_HALF = timedelta(hours=12)
_DAY = timedelta(days=1)


def follow(ledger: Ledger, desk: Desk, client: Client, export: Export) -> None:
    """Bring the rows of an export's days to where these days begin. Whoever calls does not hold it."""
    if not export.kind.is_day:
        return
    calendar = client.calendar(export)
    starts = ledger.starts(client.client_id, export.name)
    elsewhere = [start for start in starts if _is_elsewhere(calendar, start)]
    if not elsewhere:
        return
    with desk.claim(client.client_id, export.name):
        for row in (row for at in elsewhere for row in ledger.revisions(client.client_id, export.name, at)):
            period = _period(calendar, row)
            if period.start.timestamp() == row.period_start.timestamp():
                continue
            before = desk.outbox(row.client_id, row.export, row.period_start, row.revision)
            after = desk.outbox(row.client_id, row.export, period.start, row.revision)
            if before.exists() and not after.exists():
                before.rename(after)
            ledger.move(row, period.start)


class ZoneChanges:
    """What releases of the time zone database told otherwise of a client's days, read once."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, client: Client) -> None:
        self._connection = connection
        self._client_id = client.client_id
        self._texts = {client.clock(site) for site in client.sites}
        self._texts |= {client.calendar(export).zone for export in client.exports if export.kind.is_day}
        #: Zone → day → the newest release that told it otherwise.
        self._found: dict[str, dict[date, str]] = {}

    def are_modelled(self) -> bool:
        """Whether the models have made the client's rows by what is known of its days now."""
        return zone_days.are_modelled(self._connection, self._client_id)

    def within(self, period: Period) -> str | None:
        """The newest release that told days of a period's rows otherwise."""
        if period.zone not in self._found:
            found = zone_days.changes(self._connection, {period.zone, *self._texts})
            self._found[period.zone] = dict(sorted(found, key=itemgetter(1)))
        begin, end = (moment.astimezone(UTC).date() for moment in period.window)
        days = (begin + n * _DAY for n in range(-1, (end - begin).days + 2))
        told = self._found[period.zone]
        return max((told[day] for day in days if day in told), default=None)


def _is_elsewhere(calendar: Calendar, start: datetime) -> bool:
    return calendar.at(start).start.timestamp() != start.timestamp()


def _period(calendar: Calendar, row: LedgerRow) -> Period:
    """The day that a row is of: by its manifest; without one by the middle of the day."""
    if not _is_elsewhere(calendar, row.period_start):
        return calendar.at(row.period_start)
    if row.manifest is not None:
        return calendar.named(period_of(as_manifest(json.loads(row.manifest))).date)
    return calendar.at(row.period_start.astimezone(UTC) + _HALF)
