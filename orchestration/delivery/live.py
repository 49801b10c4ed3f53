"""The parts of a live export: what arrived in each few minutes of an hour that is not delivered yet.

A part is a delivery like any other, of a short period, in a series of its own (`events.live`), with
revisions where something of it came late. The hour's own delivery holds the rows of all its parts and names
them; from then on none is made or mended.
"""

from datetime import datetime, timedelta

from footfall.catalogue.periods import Period
from footfall.clients import Client, Export
from orchestration.delivery.ledger import Ledger

#: How long after its end a part is made. The collector ships a segment after FOOTFALL_SEGMENT_SECONDS (60);
#: earlier makes parts that come once more, later makes them older.
GRACE = timedelta(seconds=90)


def due_parts(
    ledger: Ledger, client: Client, export: Export, hour: Period, now: datetime
) -> tuple[Period, ...]:
    """The hour's parts that have ended, those that were delivered before included.

    None where the hour itself is delivered, or is the client's history. `export` is the live export, not its
    parts.
    """
    if client.is_history(hour):
        return ()
    if any(row.is_delivered for row in ledger.revisions(client.client_id, export.name, hour.start)):
        return ()
    return tuple(part for part in hour.parts(export.live_minutes) if part.end + GRACE <= now)
