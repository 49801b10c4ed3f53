"""First deliveries of many periods of one export, each step taken for all of them.

Ten years have 87,600 hours. One by one each costs nine transactions of the ledger and some twenty syncs of a
folder; together a few of both are for all. The steps, and what is durable before what, are those of one
delivery (send.py), so whatever ends a process, or fails, leaves each period in a state that it could have
come to alone: the next look at it brings it on by itself.
"""

from collections.abc import Mapping, Sequence

from footfall.store import AlreadyExists, put_all_once
from orchestration.delivery import states
from orchestration.delivery.ledger import LedgerRow
from orchestration.delivery.places import BACKUP, Place
from orchestration.delivery.pointer import point
from orchestration.delivery.send import Outcome, Sender

#: Periods that go together, and at most the bytes of their files, which are in memory at once. More periods:
#: fewer syncs, and more that a crash leaves to be gone on with one by one.
PERIODS, BYTES = 256, 8 * 1024 * 1024
#: Their rows, of some 1 KB each: what would have more bytes is not rendered in vain.
ROWS = 8192
#: Periods ahead of them that are looked at, and the rows of these that are copied at once to render from.
#: More rows: more disk, some 1 KB each, and fewer readings of the mart.
AHEAD, ROWS_AHEAD = 4096, 250_000
#: Fewer do not pay.
LEAST = 4


def send_together(sender: Sender, rows: Sequence[LedgerRow], blank: Mapping[str, bytes]) -> list[Outcome]:
    """Bring rendered deliveries, which the ledger does not know yet, to all their buckets.

    `blank`: key → bytes of files without rows, which do not wait in the outbox.

    Raises whatever goes wrong; what has arrived by then the ledger says.
    """
    places = (BACKUP, *sender.export.destinations)
    sender.ledger.add_rendered(rows, places)
    for name in dict.fromkeys(places):
        _bring(sender, rows, sender.places[name], blank)
    return sender.arrived(rows)


def _bring(sender: Sender, rows: Sequence[LedgerRow], place: Place, blank: Mapping[str, bytes]) -> None:
    """The copies in one place. Each part is durable there before the next begins."""
    store, ledger = place.store(), sender.ledger
    files = ((row, file) for row in rows for file in row.files)
    put_all_once(
        store, {f.key: blank[f.key] if f.key in blank else sender.content(row, f) for row, f in files}
    )
    for row in rows:
        sender.read_back(row, place, store)
    sender.put_beside(place, store)
    ledger.record_copies(rows, place.name, states.RENDERED, states.PUT, states.VERIFIED)
    manifests = {str(row.manifest_key): str(row.manifest).encode() for row in rows}
    put_all_once(store, manifests)
    if not place.is_backup:
        newest = max(rows, key=lambda row: row.period_start)
        point(store, newest, manifests[str(newest.manifest_key)], sender.desk.own_keys)
    ledger.record_copies(rows, place.name, states.VERIFIED, states.COMMITTED)


def require_free(sender: Sender, row: LedgerRow) -> None:
    """Raise FootfallError where a bucket of the client's has a manifest where this delivery's belongs, for a
    ledger may be lost, or does not say.
    """
    for name in sender.export.destinations:
        store = sender.places[name].store()
        if store.head(str(row.manifest_key)) is not None:
            raise AlreadyExists(store.url(str(row.manifest_key)))
