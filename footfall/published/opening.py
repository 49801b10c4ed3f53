"""The pointer of a client's published tables: what is current, what readers may still be at, what may go."""

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from footfall import keys
from footfall.errors import FootfallError
from footfall.published.documents import MAX_BYTES, DamagedSnapshot, Snapshot
from footfall.store import NotFound, ObjectStore

_POINTER_BYTES = 1024 * 1024
#: In the place of a snapshot's name: what lay there before there were snapshots.
BEFORE = ""


class NothingPublished(FootfallError):
    """A client has no published tables."""


class Expired(FootfallError):
    """A snapshot that was opened is gone: it was replaced, and the time for its readers is over."""

    def __init__(self, client_id: str, missing: str) -> None:
        super().__init__(
            f"the snapshot of {client_id} that was opened has been replaced, and its files have expired "
            f"({missing} is gone; FOOTFALL_PUBLISHED_GRACE_MINUTES says how long they stay): open it again"
        )


@dataclass(frozen=True)
class Replaced:
    """A snapshot (its `name`, or BEFORE) that is no longer current, and since when."""

    name: str
    at: datetime


@dataclass(frozen=True)
class Pointer:
    """Which snapshot is current, and those before it whose readers have time."""

    name: str
    sha256: str
    published_at: datetime
    earlier: tuple[Replaced, ...] = ()

    def as_bytes(self, client_id: str) -> bytes:
        """The document."""
        document = {
            "snapshot": keys.published_snapshot(client_id, self.sha256),
            "sha256": self.sha256,
            "published_at": self.published_at.isoformat(timespec="seconds"),
            "earlier": [
                {"name": each.name, "replaced_at": each.at.isoformat(timespec="seconds")}
                for each in self.earlier
            ],
        }
        return json.dumps(document).encode() + b"\n"


def read_pointer(store: ObjectStore, client_id: str) -> Pointer | None:
    """The pointer; None where there is none, or nothing that is one: then all is published anew."""
    try:
        document: dict[str, Any] = json.loads(
            store.get(keys.published_pointer(client_id), limit=_POINTER_BYTES)
        )
        sha256 = str(document["sha256"])
        return Pointer(
            sha256[:16],
            sha256,
            _moment(document["published_at"]),
            tuple(Replaced(str(each["name"]), _moment(each["replaced_at"])) for each in document["earlier"]),
        )
    except NotFound:
        return None
    except (ValueError, KeyError, TypeError):
        return None


def _moment(text: Any) -> datetime:
    moment = datetime.fromisoformat(str(text))
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no zone")
    return moment


def read_snapshot(store: ObjectStore, client_id: str, sha256: str) -> Snapshot:
    """The snapshot whose document has that sha256, or that start of one.

    Raises NotFound where it is gone, DamagedSnapshot, and FootfallError where a newer program wrote it.
    """
    key = keys.published_snapshot(client_id, sha256)
    data = store.get(key, limit=MAX_BYTES)
    if not hashlib.sha256(data).hexdigest().startswith(sha256):
        raise DamagedSnapshot(store.url(key), "its sha256 is another")
    return Snapshot.read(data, store.url(key))


def open_snapshot(store: ObjectStore, client_id: str) -> Snapshot:
    """The current snapshot. Raises NothingPublished, StoreError, and FootfallError where it is damaged."""
    for _ in range(2):
        pointer = read_pointer(store, client_id)
        if pointer is None:
            key = keys.published_pointer(client_id)
            if store.head(key) is not None:
                raise DamagedSnapshot(store.url(key), "it names no snapshot")
            raise NothingPublished(
                f"nothing is published of {client_id} in {store.url(keys.published_prefix(client_id))}: a "
                "run of any hour publishes its tables"
            )
        try:
            return read_snapshot(store, client_id, pointer.sha256)
        except NotFound as error:
            missing = f"{error}"  # replaced, and expired, between the two readings
    raise DamagedSnapshot(store.url(keys.published_pointer(client_id)), missing)


def turned(
    before: Pointer | None, snapshot: Snapshot, now: datetime, grace: timedelta, *, had_others: bool
) -> Pointer:
    """The pointer that makes a snapshot the current one.

    `had_others`: there was no pointer, and yet objects, which an earlier program may have readers of.
    """
    if before is None:
        earlier: tuple[Replaced, ...] = (Replaced(BEFORE, now),) if had_others else ()
    elif before.name == snapshot.name:
        return replace(before, earlier=_in_grace(before, now, grace))
    else:
        earlier = (Replaced(before.name, now), *_in_grace(before, now, grace))
    return Pointer(snapshot.name, snapshot.sha256, now, earlier)


def _in_grace(pointer: Pointer, now: datetime, grace: timedelta) -> tuple[Replaced, ...]:
    return tuple(each for each in pointer.earlier if each.at + grace > now)


def readable(store: ObjectStore, client_id: str, pointer: Pointer, current: Snapshot) -> set[str] | None:
    """Keys that a reader may still ask for. None: whatever lies there, such as that of an earlier program.

    `current`: the snapshot that the pointer names.
    """
    found = current.keys | {
        keys.published_pointer(client_id),
        keys.published_snapshot(client_id, pointer.sha256),
        *(keys.published_links(client_id, name) for name in current.tables),
    }
    for each in pointer.earlier:
        if each.name == BEFORE:
            return None
        try:
            snapshot = read_snapshot(store, client_id, each.name)
        except NotFound:
            continue
        except DamagedSnapshot:
            return None  # nobody knows what somebody reads by it
        found |= snapshot.keys | {keys.published_snapshot(client_id, each.name)}
    return found


def remove_published(store: ObjectStore, client_id: str) -> None:
    """Remove all that is published of a client, the pointer first. Raises StoreError."""
    store.delete(keys.published_pointer(client_id))
    for info in list(store.list(keys.published_prefix(client_id))):
        store.delete(info.key)
