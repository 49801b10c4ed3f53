"""What lies beside the deliveries of a bucket, held against the log in the ledger: schemas, keys, pages and
the log itself.
"""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import date

from footfall import bucket_log, notes
from footfall.bucket_log import FOLDER, POINTER
from footfall.notes import Checkpoint
from footfall.store import NotFound, ObjectStore, TooLarge
from orchestration.delivery.log_book import LogBook
from orchestration.delivery.log_writing import opened
from orchestration.delivery.presence import asked_for, differs, in_turn

#: Objects that a look reads whole, of more than that others each day. 1 to 10,000.
OBJECTS = 200
#: Runs of which a look reads leaves and checkpoint: so many of the newest, and as many of the others in turn.
RUNS = 24


def look_beside(store: ObjectStore, book: LogBook, own_keys: Mapping[str, bytes], day: date) -> Iterator[str]:
    """A line for each object that is missing or was changed. Raises StoreError where the bucket does not let
    us. `day`: whose turn it is.
    """
    if not book.in_bucket:
        return
    listed = {info.key: info.size for folder in ("_schema/", "_keys/", FOLDER) for info in store.list(folder)}
    yield from _objects(store, book, listed, day)
    yield from _runs(store, book, listed, day)
    if line := _pointer(store, book, own_keys):
        yield line


def _objects(store: ObjectStore, book: LogBook, listed: Mapping[str, int], day: date) -> Iterator[str]:
    gone = book.gone()
    small = {}
    for key, data in book.beside():
        if (key, hashlib.sha256(data).hexdigest()) not in gone:
            small[key] = data
    read = set(in_turn(sorted(small), OBJECTS, day))
    for key, data in sorted(small.items()):
        if key in read:
            line = differs(store, key, len(data), hashlib.sha256(data).hexdigest())
        else:
            line = "" if listed.get(key) == len(data) else asked_for(store, key, len(data))
        if line:
            yield line


def _runs(store: ObjectStore, book: LogBook, listed: Mapping[str, int], day: date) -> Iterator[str]:
    runs = [run for run in book.runs() if run.size <= book.in_bucket]
    ranges = {found for key in listed if (found := bucket_log.entries_range(key))}
    for run in runs:
        if (run.before, run.size) not in ranges:
            yield f"{FOLDER}entries/: the leaves {run.before} to {run.size - 1} are missing"
        key = bucket_log.checkpoint_key(Checkpoint(book.origin, run.size, b""), run.note, run.day)
        if listed.get(key) != len(run.note) and (line := asked_for(store, key, len(run.note))):
            yield line
    for run in (*in_turn(runs[:-RUNS], RUNS, day), *runs[-RUNS:]):
        batch = book.batch(run)
        key, data = bucket_log.entries(batch.before, batch.leaves)
        line = differs(store, key, len(data), hashlib.sha256(data).hexdigest())
        if line and (run.before, run.size) in ranges:
            yield line


def _pointer(store: ObjectStore, book: LogBook, own_keys: Mapping[str, bytes]) -> str:
    try:
        data = store.get(POINTER, limit=notes.MAX_BYTES)
    except NotFound:
        return f"{POINTER}: is missing"
    except TooLarge:
        data = b""
    found = opened(data, own_keys, book.origin)
    if found is None:
        return f"{POINTER}: is no checkpoint of ours of this log"
    known = book.at(found.size) if found.size <= book.tip.size else None
    if found.size < book.in_bucket or (known is not None and known.root != found.root):
        return f"{POINTER}: has {found.size} leaves, and {book.in_bucket} were put: it is older, or another"
    return ""
