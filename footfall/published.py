"""Published marts: for each client and mart a pointer, and immutable Parquet copies that it names.

A reader reads the pointer, then the copy; a copy that it has opened stays for a while after a newer one has
taken its place. Nobody but a run opens the warehouse.
"""

import json
from dataclasses import dataclass
from typing import Any

from footfall import keys
from footfall.store import NotFound, ObjectStore

#: Copies that stay beside the current one, for readers that opened them: with a run an hour, two hours.
KEPT = 2


@dataclass(frozen=True)
class Published:
    """One client's mart as it was published last."""

    key: str
    rows: int
    sha256: str


def current(store: ObjectStore, client_id: str, mart: str) -> Published | None:
    """The newest copy of a mart; None where none was published yet."""
    pointer = _pointer(store, client_id, mart)
    return Published(pointer["key"], pointer["rows"], pointer["sha256"]) if pointer else None


def _pointer(store: ObjectStore, client_id: str, mart: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(store.get(keys.published_pointer(client_id, mart)))
    except NotFound:
        return {}
    return found


def publish(store: ObjectStore, client_id: str, mart: str, data: bytes, sha256: str, rows: int) -> Published:
    """Put a copy, then turn the pointer to it; the same bytes again change nothing."""
    pointer = _pointer(store, client_id, mart)
    key = keys.published_mart(client_id, mart, sha256)
    if pointer.get("key") != key:
        earlier = [key for key in (pointer.get("key"), *pointer.get("earlier", [])) if key]
        store.put(key, data)
        keep = [k for k in earlier if k != key][:KEPT]
        document = {"key": key, "rows": rows, "sha256": sha256, "earlier": keep}
        store.put(keys.published_pointer(client_id, mart), (json.dumps(document) + "\n").encode())
        for old in earlier[KEPT:]:
            if old not in (key, *keep):
                store.delete(old)
    return Published(key, rows, sha256)
