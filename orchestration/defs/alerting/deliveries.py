"""What the ledger, the probes and the ingested hours say, read without the warehouse: a run may hold it."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta

from footfall.clients import Client
from footfall.hours import floor
from orchestration.alerting import conditions
from orchestration.alerting.alert import Alert
from orchestration.alerting.book import watched_since
from orchestration.alerting.conditions import Due
from orchestration.alerting.deliveries import (
    LOOK_BACK,
    Held,
    Refusal,
    expected,
    refused,
    undeliverable,
)
from orchestration.delivery import states
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.probes import read_probes
from orchestration.ingest.listing import read_degraded
from orchestration.resources.state import State

#: How long a degraded hour is told after it was noted. Whoever has done nothing by then accepts the loss.
DEGRADED_FOR = timedelta(days=7)
#: Before the look-back begins, a local day may have begun.
_DAY = timedelta(hours=26)


def of_deliveries(
    clients: Sequence[Client], state: State, book: sqlite3.Connection, now: datetime
) -> list[Alert]:
    """Deliveries that are held up or overdue, destinations that would refuse, hours that lack an object."""
    ledger = Ledger(state.ledger())
    try:
        due, delivered = owed(ledger, clients, book, now)
        late = frozenset(
            (each.client_id, each.export, each.period) for each in conditions.late(due, delivered, now)
        )
        return [
            *undeliverable(held(ledger, clients), now, late),
            *conditions.overdue(due, delivered, now),
            *refused(refusals(clients, state)),
            *conditions.degraded_hours(read_degraded(state.listings(), now - DEGRADED_FOR)),
        ]
    finally:
        ledger.close()


def held(ledger: Ledger, clients: Sequence[Client]) -> list[Held]:
    """The rows of the ledger that something holds up, oldest period first, of exports still ordered.

    Also those that are just tried again after that: `replay` lets go of them before it tries.
    """
    ordered = {
        (client.client_id, export.name): (client, export)
        for client in clients
        for each in client.exports
        for export in each.series()
    }
    return [
        Held(
            row.client_id,
            row.export,
            client.calendar(export).at(row.period_start).name,
            row.hold,
            row.kind or "",
            row.error or "",
            row.failing_since,
            row.next_at,
            tuple(place for place, state in ledger.copies(row).items() if state != states.COMMITTED),
        )
        for row in ledger.unfinished()
        if (row.hold or row.error) and (row.client_id, row.export) in ordered
        for client, export in [ordered[row.client_id, row.export]]
    ]


def owed(
    ledger: Ledger, clients: Sequence[Client], book: sqlite3.Connection, now: datetime
) -> tuple[list[Due], frozenset[tuple[str, str, str]]]:
    """Periods of the last 48 hours, also those that never ran, and (client, export, period) of what was
    delivered of them."""

    def begun(client_id: str, export: str) -> datetime:
        return ledger.first_period(client_id, export) or floor(now)

    exports = {
        (client.client_id, export.name): (client, export) for client in clients for export in client.exports
    }
    due: list[Due] = []
    delivered: set[tuple[str, str, str]] = set()
    for key, since in watched_since(book, exports, begun).items():
        client, export = exports[key]
        due += expected(client, export, since, now)
        for start in ledger.delivered_since(*key, now - LOOK_BACK - _DAY):
            delivered.add((*key, client.calendar(export).at(start).name))
    return due, frozenset(delivered)


def refusals(clients: Sequence[Client], state: State) -> list[Refusal]:
    """Destinations that the last probe did not get through to and that are still as they were then."""
    there = {
        (client.client_id, name, destination.url)
        for client in clients
        for name, destination in client.destinations().items()
    }
    return [
        Refusal(
            each.client_id,
            each.destination,
            each.url,
            datetime.fromisoformat(each.at),
            each.step,
            each.said,
            each.missing,
        )
        for each in read_probes(state.probes())
        if each.step and (each.client_id, each.destination, each.url) in there
    ]
