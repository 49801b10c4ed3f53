"""All raw objects of an hour → a bounded number of local files of numbered lines.

Whoever calls the collector decides how many objects an hour has: a function writes one for each request. What
an open file costs DuckDB, some 300 KB, is therefore paid for a bundle of objects and not for each.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from threading import Event

from footfall.sealed import open_raw
from footfall.store import NotFound, ObjectInfo, ObjectStore
from orchestration.ingest.decode import DecodedObject, LinesFile

#: Files of an hour. More: those without refused lines are passed over at the third reading, which helps large
#: hours; each takes some 300 KB of DuckDB's memory. 16-500.
FILES = 64
#: Objects that are fetched and decompressed at the same time. More: a far store's latency weighs less, and so
#: many objects more are in memory at once (some 7 MB each by default). S3Store keeps as many connections.
FETCHED_AT_ONCE = 16
#: The same where objects are large: fewer at a time, so that they stay below so many compressed bytes, but...
LARGE_BYTES = 128 << 20
#: ...never fewer than these.
LARGE_AT_ONCE = 4
#: What an object weighs beyond its bytes when objects are shared out: to ask for one takes as long as this.
_ASKED = 64 << 10


def unpack(
    lake: ObjectStore, objects: Sequence[ObjectInfo], hour: datetime, folder: Path, max_bytes: int
) -> list[DecodedObject]:
    """Fetch, decompress and number the objects, in their order, into files in `folder`.

    An object that cannot be trusted whole becomes one quarantined line. Lines whose key is missing are not in
    the files: they wait. Raises StoreError.
    """
    stopped = Event()

    def one(bundle: list[tuple[int, ObjectInfo]]) -> list[DecodedObject]:
        with LinesFile(folder / f"{bundle[0][0]:09d}.ndjson", hour) as file:
            done = []
            for number, info in bundle:
                if stopped.is_set():
                    raise CancelledError
                done.append(_add(file, lake, number, info, max_bytes))
            return done

    largest = max((info.size for info in objects), default=1)
    at_once = min(FETCHED_AT_ONCE, max(LARGE_AT_ONCE, LARGE_BYTES // max(1, largest)))
    with ThreadPoolExecutor(at_once, thread_name_prefix="unpack") as threads:
        try:
            return [each for done in threads.map(one, _bundles(objects)) for each in done]
        except BaseException:
            # Nobody waits for the rest of 1,500 objects.
            stopped.set()
            raise


def _bundles(objects: Sequence[ObjectInfo]) -> Iterator[list[tuple[int, ObjectInfo]]]:
    """The numbered objects in at most FILES runs of similar weight; up to FILES objects are alone."""
    each = sum(info.size + _ASKED for info in objects) / FILES
    before = 0

    def bundle(numbered: tuple[int, ObjectInfo]) -> int:
        nonlocal before
        number, info = numbered
        if len(objects) <= FILES:
            return number
        before += info.size + _ASKED
        return int((before - 1) // each)

    for _, run in groupby(enumerate(objects), bundle):
        yield list(run)


def _add(file: LinesFile, lake: ObjectStore, number: int, info: ObjectInfo, max_bytes: int) -> DecodedObject:
    try:
        opened = open_raw(lake, info.key)
    except NotFound:
        return file.add_unreadable(number, info.key, "deleted between listing and reading", info.size)
    waiting = tuple((each.client, each.key, each.lines) for each in opened.waiting)
    added = file.add(number, info.key, opened.data, max_bytes)
    return replace(added, size=info.size, waiting=waiting)
