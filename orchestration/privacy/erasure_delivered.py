"""What was delivered of a person: older revisions go, with a signed record in the log of each bucket.

A new revision without the person is there before (`deliver_all`, reason `erasure`). The record is a leaf of
the log before the first file goes. What we may not remove is named to the client as work to do: a signed
list in `_erasures/`, with keyed digests of the ids and how to look for them, and never the ids.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from footfall.bucket_log import RemovedKey, removal
from footfall.catalogue.periods import Kind, kind_of
from footfall.catalogue.tables import DATASETS
from footfall.clients import Client
from footfall.event import timestamp
from footfall.exports import LIVE
from footfall.hours import HOUR, floor
from footfall.keys import erasure_notice
from footfall.manifest import DeliveredFile
from footfall.object_versions import KeptVersion
from footfall.store import NotFound, ObjectStore, StoreError
from footfall.whole_files import sha256_of
from orchestration.delivery import states
from orchestration.delivery.desk import Desk
from orchestration.delivery.horizons import Horizons
from orchestration.delivery.ledger import Ledger, LedgerRow
from orchestration.delivery.log_book import LogBook
from orchestration.delivery.log_writing import bring, ordered_of
from orchestration.delivery.places import Place, Places
from orchestration.privacy.erasure_search import Needles

#: Columns of delivered tables in which ids stand.
_ID_COLUMNS = frozenset(
    ("visitor_id", "user_id", "stitched_id", "event_id", "session_id", "first_party_session_id")
)
#: Days by which a period may lie apart from what it is about: a session of a day is delivered when it closed.
_APART = timedelta(days=2)


@dataclass(frozen=True)
class OldFile:
    """A delivered file with rows of the person. `is_newest`: no newer revision takes its place. `is_gone`:
    none can, for what it was made of is not kept any more.
    """

    export: str
    period: str
    revision: int
    key: str
    sha256: str
    rows: int
    is_newest: bool
    is_gone: bool = False


def hashed_forms(texts: Iterable[str], hash_key: str) -> Iterator[str]:
    """The texts as exports write them whose columns are hashed (orchestration.delivery.selection)."""
    for each in texts:
        inner = hashlib.sha256(f"{hash_key}{each}".encode()).hexdigest()
        yield hashlib.sha256(f"{hash_key}{inner}".encode()).hexdigest()


def is_touched(kind: Kind, start: datetime, first: datetime | None) -> bool:
    """Whether rows of a period may go with a person of whom there is something from `first` on."""
    return first is not None and start + kind.to_last_day >= first - _APART


def rows_to_search(
    ledger: Ledger, client: Client, first: datetime | None, horizons: Horizons
) -> list[LedgerRow]:
    """Revisions that may hold the person: of all periods that ended after `first`, whoever has seen them.

    And of those before the horizon: nobody knows any more who was in them.
    """
    found = []
    for row in ledger.walk(client.client_id):
        is_after = first is None or _end(row) + _APART >= first
        if row.files and (is_after or not horizons.has_events(row.period_start)):
            found.append(row)
    return found


def find_files(
    ledger: Ledger,
    client: Client,
    rows: Sequence[LedgerRow],
    places: Places,
    needles: Needles,
    is_gone: Callable[[LedgerRow], bool] = lambda _row: False,
    kept: tuple[datetime, Needles] | None = None,
    damaged: Callable[[str], object] = lambda _line: None,
    *,
    is_made_anew: bool = False,
) -> Iterator[OldFile]:
    """Files of these revisions in which the person stands. Raises StoreError where none can be read.

    `is_gone`: whether a period cannot be delivered anew. `kept`: since when what the person does is kept, and
    what is looked for in the newest revision of a period that reaches beyond. `damaged` is told of each file
    of which only other bytes are left than were delivered. `is_made_anew`: each newest revision was delivered
    without the person, so it is looked at by its rows: an address may say what he is called of somebody else.
    """
    columns = _columns_of_ids(client)
    newest: dict[tuple[str, datetime], int] = {}
    for row in rows:
        if row.is_delivered:
            at = row.export, row.period_start
            newest[at] = max(newest.get(at, 0), row.revision)
    with TemporaryDirectory(prefix="footfall-delivered-") as folder:
        path = Path(folder) / "file"
        for row in rows:
            if not ledger.copies(row):
                continue
            # The hour of a live export holds the rows of its parts, and takes their place.
            whole = row.export.removesuffix(LIVE), floor(row.period_start)
            is_closed = row.export.endswith(LIVE) and whole in newest
            is_newest = row.revision >= newest.get((row.export, row.period_start), 0) and not is_closed
            wanted = kept[1] if kept and is_newest and _end(row) + HOUR > kept[0] else needles
            for file in row.files:
                if not _found(ledger, row, places, file, path, damaged):
                    continue
                if is_made_anew and is_newest and not is_gone(row):
                    is_his = wanted.are_rows_of_file(path, columns)
                else:
                    is_his = wanted.are_in_file(path) or wanted.are_cells_of_file(path, columns)
                if is_his:
                    yield OldFile(
                        row.export,
                        timestamp(row.period_start),
                        row.revision,
                        file.key,
                        file.sha256,
                        file.rows,
                        is_newest,
                        is_newest and is_gone(row),
                    )


def _end(row: LedgerRow) -> datetime:
    """When a period ends, but for an hour where clocks move."""
    kind = kind_of(row.cadence)
    return row.period_start + kind.to_last_day + (timedelta(days=1) if kind.is_day else HOUR)


def _columns_of_ids(client: Client) -> set[str]:
    """Names of the columns in which ids stand, as the tables have them and as the exports call them."""
    return {
        *_ID_COLUMNS,
        *(export.rename[each] for export in client.exports for each in _ID_COLUMNS & {*export.rename}),
    }


def _found(
    ledger: Ledger,
    row: LedgerRow,
    places: Places,
    file: DeliveredFile,
    path: Path,
    damaged: Callable[[str], object],
) -> bool:
    """Bring a delivered file to `path`, from whichever place has the bytes that were delivered, ours first.

    False where none has them: bytes of somebody else say nothing of what was delivered, and are named.
    """
    trouble: StoreError | None = None
    others = []
    for name in sorted(ledger.copies(row), key=lambda each: each != "backup"):
        if name not in places:
            continue
        store = places[name].store()
        try:
            info = store.head(file.key)
            if info is None:
                continue
            if info.size == file.bytes:
                store.fetch(file.key, path)
                if sha256_of(path) == file.sha256:
                    return True
            others.append(store.url(file.key))
        except NotFound:
            continue
        except StoreError as error:
            trouble = error
    if trouble is not None:
        raise trouble
    for each in others:
        damaged(
            f"{each}: holds other bytes than were delivered, so nobody can tell whether the person stands in "
            "it: put back what was delivered, or remove it"
        )
    return False


def remove(
    ledger: Ledger,
    desk: Desk,
    client: Client,
    place: Place,
    erasure: str,
    files: Sequence[OldFile],
    *,
    decided_at: datetime,
    decided_by: str,
    until: datetime,
) -> list[str]:
    """Remove files from one bucket, record first. Returns what is still there, a line each.

    Raises FootfallError where the bucket cannot be asked, or its log not be written: then nothing went.
    """
    store = place.store()
    key, data = removal(
        "erasure",
        erasure,
        client.client_id,
        [RemovedKey(each.key, each.sha256, timestamp(until)) for each in files],
        decided_at=decided_at,
        decided_by=decided_by,
        rows=sum(each.rows for each in files),
        signer=desk.signer,
    )
    book = LogBook(ledger, client.client_id, place.name)
    book.note(key, data)
    bring(book, place, desk, ordered_of(client, place.name))
    left = []
    for each in files:
        try:
            store.delete(each.key)
            if store.head(each.key) is not None:
                left.append(f"{store.url(each.key)}: is still there")
        except StoreError as error:
            left.append(f"{store.url(each.key)}: {error}")
    return left


def notice(
    client: Client,
    erasure: str,
    files: Sequence[OldFile],
    left: Sequence[str],
    versions: Sequence[KeptVersion],
    ids: Mapping[str, Sequence[str]],
    salt: str,
    decided_at: datetime,
    desk: Desk,
) -> bytes:
    """What a client is told: what went, what is left to do, how to find the person in tables of his own.

    An id stands there as the sha256 of the salt and the id, which any engine computes.
    """
    datasets = {export.name: export.dataset for export in client.exports}
    said: dict[str, Any] = {
        "record": "erasure",
        "id": erasure,
        "client": client.client_id,
        "decided_at": timestamp(decided_at),
        "files": [
            {
                "key": each.key,
                "sha256": each.sha256,
                "export": each.export,
                "period": each.period,
                "revision": each.revision,
            }
            for each in files
        ],
        "left_to_you": list(left),
        **({"versions_left_to_you": [vars(each) for each in versions]} if versions else {}),
        "digest": "sha256(salt || id), in hex",
        "salt": salt,
        "ids": {
            kind: sorted(hashlib.sha256(f"{salt}{each}".encode()).hexdigest() for each in some)
            for kind, some in ids.items()
        },
        "find": {
            name: [
                f"DELETE FROM {dataset} WHERE sha256(concat('{salt}', {column})) IN (ids.{kind})"
                for kind, column in (
                    ("visitor", "visitor_id"),
                    ("user", "user_id"),
                    ("event", "event_id"),
                    ("session", "session_id"),
                )
                if column in DATASETS[dataset].personal
            ]
            for name, dataset in sorted(datasets.items())
            if DATASETS[dataset].retention != "figures"
        },
        "hashed_columns": "load the newest revision of each period anew: it is without the person",
    }
    return (json.dumps(desk.signer.sign(said), indent=2, ensure_ascii=False) + "\n").encode()


def put_notice(
    ledger: Ledger, desk: Desk, client: Client, place: Place, erasure: str, now: datetime, data: bytes
) -> None:
    """Put it into a client's bucket, known to the bucket's log. Raises FootfallError."""
    store: ObjectStore = place.store()
    key = erasure_notice(now.astimezone(UTC).date(), erasure)
    store.put(key, data)
    book = LogBook(ledger, client.client_id, place.name)
    book.note(key, data)
    bring(book, place, desk, ordered_of(client, place.name))


def drop_open(ledger: Ledger, desk: Desk, client: Client, needles: Needles) -> list[str]:
    """Rendered files that wait, and hold the person. Returns what could not be dropped, a line each.

    Those that nobody has seen are rendered anew by the next run. Those that a bucket may have
    seen in part are finished first, and then superseded.
    """
    left = []
    root, columns = desk.folder / "outbox" / client.client_id, _columns_of_ids(client)
    for path in sorted(root.rglob("*")) if root.exists() else ():
        if path.is_file() and (needles.are_in_file(path) or needles.are_cells_of_file(path, columns)):
            path.unlink(missing_ok=True)
    for row in ledger.walk(client.client_id):
        if (
            row.is_open
            and row.state == states.RENDERED
            and any(
                state in (states.VERIFIED, states.COMMITTED)
                for place, state in ledger.copies(row).items()
                if place != "backup"
            )
        ):
            folder = desk.outbox(row.client_id, row.export, row.period_start, row.revision)
            if not all((folder / file.key.rpartition("/")[2]).exists() for file in row.files):
                left.append(
                    f"{row.export} {row.period_start:%Y-%m-%dT%H:%MZ} revision {row.revision} waits for its "
                    "bucket, and holds the person"
                )
    return left
