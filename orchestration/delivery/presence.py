"""What a bucket holds of an export, held against all revisions that arrived in it.

At a bounded cost: the newest revisions of the newest periods are read whole, and each day some of all others
in turn; of the rest a listing tells what is there.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from os.path import commonprefix
from typing import TypeVar

from footfall.manifest import DeliveredFile
from footfall.store import NotFound, ObjectStore, TooLarge
from footfall.survey import size_of
from orchestration.delivery.ledger import Held, LedgerRow

#: Periods of an export that are read whole, the newest ones: a day of hours. More: damage of older files is
#: found, and each look reads more. 1 to 1000.
RECENT = 24
#: Older periods and revisions that a look reads whole, others each day: a year of hours in a year.
IN_TURN = 24
#: Bytes of files that a look reads at most in one bucket. Of further files only the size is compared.
READ_BYTES = 128 * 1024 * 1024
#: Objects that a listing did not name are asked for one by one, so many of them: a listing may be stale.
ASKED = 100


T = TypeVar("T")


@dataclass(frozen=True)
class Presence:
    """What was found: periods that were looked at, how many revisions were read, and what is wrong.

    A line of `wrong` names an object and says what is wrong with it.
    """

    periods: int
    read: int
    wrong: tuple[str, ...]


def in_turn(items: Sequence[T], many: int, day: date) -> Sequence[T]:
    """So many of the items, others each day until all have had their turn; all where there are no more."""
    if len(items) <= many:
        return items
    start = day.toordinal() * many % len(items)
    return [*items[start : start + many], *items[: max(0, start + many - len(items))]]


def look(
    store: ObjectStore,
    held: Sequence[Held],
    row_of: Callable[[Held], LedgerRow],
    day: date,
    *,
    recent: int = RECENT,
    turn: int = IN_TURN,
    read_bytes: int = READ_BYTES,
    gone: Collection[tuple[str, str]] = (),
) -> Presence:
    """Hold a bucket against delivered revisions. Raises StoreError where it does not let us.

    `held`: the newest period first, of a period the newest revision. `row_of`: the row of one of them, with
    its manifest. `day`: whose turn it is. `gone`: key and sha256 of what a record of removal lets go, which
    nobody misses.
    """
    if gone:
        keys = {key for key, _ in gone}
        held = [replace(h, objects=tuple(each for each in h.objects if each[0] not in keys)) for h in held]
    current: dict[datetime, Held] = {}
    for each in held:
        current.setdefault(each.period_start, each)
    first = list(current.values())[:recent]
    newest = {each.identity for each in first}
    older = [each for each in held if each.identity not in newest]
    read = {each.identity: each for each in (*first, *in_turn(older, turn, day))}
    near = {key for each in read.values() for key, _ in each.objects}
    unseen = {key: size for each in older if each.identity not in read for key, size in each.objects}
    listed: dict[str, int] = {}
    sizes: list[str] = []
    for info in store.list(_beginning(held)) if held else ():
        if info.key in near:
            listed[info.key] = info.size
        elif (size := unseen.pop(info.key, info.size)) != info.size:
            sizes.append(_other_size(info.key, info.size, size))
    budget = [read_bytes]
    wrong = [line for each in read.values() for line in _read(store, row_of(each), listed, budget, gone)]
    missing = list(unseen.items())
    wrong += sizes
    wrong += [line for key, size in missing[:ASKED] if (line := asked_for(store, key, size))]
    wrong += [f"{key}: is missing" for key, _ in missing[ASKED:]]
    return Presence(len(current), len(read), tuple(wrong))


def _beginning(held: Sequence[Held]) -> str:
    """As little of a bucket as a listing can name."""
    first = min(key for each in held for key, _ in each.objects)
    last = max(key for each in held for key, _ in each.objects)
    return commonprefix([first, last])  # noqa: RUF071


def _other_size(key: str, found: int, size: int) -> str:
    return f"{key}: has {found} bytes, {size} were delivered"


def asked_for(store: ObjectStore, key: str, size: int) -> str:
    """What is wrong with an object that a listing did not name; empty: it is there."""
    found = size_of(store, key)
    if found is None:
        return f"{key}: is missing"
    return "" if found == size else _other_size(key, found, size)


def _read(
    store: ObjectStore,
    row: LedgerRow,
    listed: Mapping[str, int],
    budget: list[int],
    gone: Collection[tuple[str, str]],
) -> Iterator[str]:
    key, manifest = str(row.manifest_key), str(row.manifest).encode()
    line = differs(store, key, len(manifest), hashlib.sha256(manifest).hexdigest())
    if line:
        yield line
    for file in (each for each in row.files if (each.key, each.sha256) not in gone):
        yield from _read_file(store, file, listed, budget)


def _read_file(
    store: ObjectStore, file: DeliveredFile, listed: Mapping[str, int], budget: list[int]
) -> Iterator[str]:
    if file.bytes > budget[0]:
        there = listed.get(file.key) == file.bytes
        line = "" if there else asked_for(store, file.key, file.bytes)
    else:
        budget[0] -= file.bytes
        line = differs(store, file.key, file.bytes, file.sha256)
    if line:
        yield line


def differs(store: ObjectStore, key: str, size: int, sha256: str) -> str:
    """What is wrong with an object, which is read whole; empty: it is as it was put."""
    try:
        data = store.get(key, limit=size)
    except NotFound:
        return f"{key}: is missing"
    except TooLarge:
        return f"{key}: has more than the {size} bytes that were delivered"
    if len(data) != size:
        return f"{key}: has {len(data)} bytes, {size} were delivered"
    return "" if hashlib.sha256(data).hexdigest() == sha256 else f"{key}: other bytes than were delivered"
