"""What lies in a bucket where the manifest of a delivery belongs."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from footfall.catalogue.periods import kind_of
from footfall.found import ours
from footfall.manifest import MAX_BYTES, ReadManifest
from footfall.store import DifferentBytes, ObjectStore, TooLarge
from orchestration.delivery.ledger import LedgerRow
from orchestration.delivery.lost import MOVE_IT


def manifest_there(
    store: ObjectStore, row: LedgerRow, own_keys: Mapping[str, bytes]
) -> tuple[bytes, ReadManifest]:
    """The manifest that lies where this one belongs, if it is an earlier one of ours of the same delivery.

    Raises DifferentBytes where it is not: the bucket is its owner's, and what lies in it may be anybody's.
    """
    key = str(row.manifest_key)
    try:
        data = store.get(key, limit=MAX_BYTES)
        document = ours(data, key, own_keys)
        require_same(document, row)
    except (ValueError, TooLarge) as error:
        raise DifferentBytes(store.url(key), f"what lies there {error}; {MOVE_IT}") from None
    return data, document


def require_same(document: ReadManifest, row: LedgerRow) -> None:
    """Raise ValueError where a manifest is of another delivery."""
    says = document.client_id, document.export, document.revision
    apart = abs(datetime.fromisoformat(document.period.start) - row.period_start)
    # The start of a day is another one where its zone's clocks are known better by now.
    is_then = not apart or (kind_of(row.cadence).is_day and apart < timedelta(hours=12))
    if says != (row.client_id, row.export, row.revision) or not is_then:
        raise ValueError(f"is of {document.client_id} {document.export} {document.period.start}")
