"""`_latest.json`, the pointer to an export's newest period: the one object of a delivery that is replaced."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime

from footfall import keys
from footfall.found import ours
from footfall.manifest import MAX_BYTES, parse
from footfall.store import NotFound, ObjectStore, TooLarge
from footfall.swapping import put_pointer
from orchestration.delivery.ledger import LedgerRow

#: Bytes that are read of a pointer; ours have some 300.
_LIMIT = 64 * 1024


def point(store: ObjectStore, row: LedgerRow, data: bytes, own_keys: Mapping[str, bytes]) -> None:
    """Make `_latest.json` name this manifest (`data`), unless it names a newer one of ours.

    Two writers never lose a turn. A pointer that anybody could have written holds up nothing.
    """
    key, text = keys.latest(row.export), _text(row, data)
    # Of a store without conditions the last one counts: the manifests are the truth anyway.
    put_pointer(
        store,
        key,
        text,
        limit=_LIMIT,
        stays=lambda there: _is_newer(store, there, row, own_keys),
    )


def _text(row: LedgerRow, data: bytes) -> bytes:
    pointer = {
        "export": row.export,
        "period_start": row.period_start.isoformat(),
        "revision": row.revision,
        "manifest": row.manifest_key,
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    return (json.dumps(pointer, indent=2) + "\n").encode()


def astray(store: ObjectStore, row: LedgerRow, own_keys: Mapping[str, bytes]) -> str:
    """What is wrong with the pointer of an export whose newest delivery is `row`; empty: nothing."""
    key = keys.latest(row.export)
    try:
        there = store.get(key, limit=_LIMIT)
    except NotFound:
        return f"{key}: is missing"
    except TooLarge:
        there = b""
    if there == _text(row, str(row.manifest).encode()) or _is_newer(store, there, row, own_keys):
        return ""
    return f"{key}: does not name {row.manifest_key}, the newest"


def _is_newer(store: ObjectStore, data: bytes, row: LedgerRow, own_keys: Mapping[str, bytes]) -> bool:
    """Whether a pointer names a manifest of ours that is newer than this one."""
    try:
        pointer = parse(data)
        start, revision = datetime.fromisoformat(pointer["period_start"]), pointer["revision"]
        to = pointer["manifest"]
        if (start, revision) <= (row.period_start, row.revision) or not keys.is_key(to):
            return False
        document = ours(store.get(to, limit=MAX_BYTES), to, own_keys)
        start = datetime.fromisoformat(document.period.start)
    except (ValueError, KeyError, TypeError, NotFound, TooLarge):
        return False
    is_same = (document.client_id, document.export) == (row.client_id, row.export)
    return is_same and (start, document.revision) > (row.period_start, row.revision)
