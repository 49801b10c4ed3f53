"""What lies in `_log/` of a bucket, and what each object of it says.

    _log/checkpoint                                  the newest signed checkpoint; alone is replaced
    _log/entries/<from>-<to>-<sha>.jsonl             the leaves of one run: a line before them, a line each
    _log/checkpoints/dt=YYYY-MM-DD/<size>-<sha>.txt  the signed checkpoint of each run
    _log/exports/<number>-<sha>.json                 the signed statement of exports, one for each change
    _log/removals/<id>-<sha>.json                    a signed record of removal

A leaf is the line of one object as it was put, without its line end. Of a key with several leaves
(README.txt, which is replaced) the newest counts. The whole list lies there, in as many objects as there were
runs; so whoever checks hashes it and needs no proofs, and a run writes what is new and nothing else. The
first line of `entries` holds the roots of the full subtrees before it: with them one run's leaves are checked
by themselves.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

import msgspec

from footfall.event import timestamp
from footfall.manifest import parse
from footfall.merkle import Frontier, leaf_hash
from footfall.notes import Checkpoint
from footfall.signatures import Signer

FOLDER = "_log/"
#: Key of the newest checkpoint.
POINTER = f"{FOLDER}checkpoint"
_ENTRIES = re.compile(r"_log/entries/([0-9]{12})-([0-9]{12})-([0-9a-f]{16})\.jsonl")
_CHECKPOINT = re.compile(r"_log/checkpoints/dt=[0-9-]{10}/([0-9]{12})-([0-9a-f]{16})\.txt")
STATEMENTS = f"{FOLDER}exports/"
REMOVALS = f"{FOLDER}removals/"
#: Bytes that an object of a log may have: some 60,000 leaves, which no run makes.
MAX_BYTES = 16 * 1024 * 1024
#: Leaves in one object of entries; a first run that takes up years makes several.
MOST_LEAVES = 10_000

_T = TypeVar("_T")
Kind = Literal["erasure", "expiry", "correction", "end"]


def origin(client_id: str, place: str) -> str:
    """The name of the log of a client's bucket. `place`: the destination's name, or `backup`."""
    return f"footfall/{client_id}/{place}"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One object as it was put. Of a manifest also its export and the start of its period."""

    key: str
    sha256: str
    export: str | None = None
    start: str | None = None

    @property
    def line(self) -> bytes:
        """What is hashed."""
        said = {"export": self.export, "key": self.key, "sha256": self.sha256, "start": self.start}
        known = {name: value for name, value in said.items() if value is not None}
        return json.dumps(known, separators=(",", ":")).encode()

    @property
    def hash(self) -> bytes:
        """Its hash in the tree."""
        return leaf_hash(self.line)


def leaf_of(key: str, data: bytes) -> Leaf:
    """The leaf of an object that is no manifest."""
    return Leaf(key, hashlib.sha256(data).hexdigest())


def manifest_leaf(key: str, data: bytes, export: str, start: datetime) -> Leaf:
    """The leaf of a manifest."""
    return Leaf(key, hashlib.sha256(data).hexdigest(), export, timestamp(start))


def entries(before: Frontier, leaves: Sequence[Leaf]) -> tuple[str, bytes]:
    """Key and bytes of the leaves that follow on `before`."""
    head = {"from": before.size, "before": [peak.hex() for peak in before.peaks]}
    lines = [json.dumps(head, separators=(",", ":")).encode(), *(leaf.line for leaf in leaves)]
    data = b"".join(line + b"\n" for line in lines)
    sha = hashlib.sha256(data).hexdigest()[:16]
    return f"{FOLDER}entries/{before.size:012d}-{before.size + len(leaves):012d}-{sha}.jsonl", data


def entries_range(key: str) -> tuple[int, int] | None:
    """The leaves that an object of entries holds, by its key: [from, to). None for any other key."""
    found = _ENTRIES.fullmatch(key)
    return (int(found[1]), int(found[2])) if found else None


def read_entries(key: str, data: bytes) -> tuple[Frontier, list[Leaf]]:
    """What `entries` wrote. Raises ValueError saying what is wrong with it."""
    found = _ENTRIES.fullmatch(key)
    if found is None or hashlib.sha256(data).hexdigest()[:16] != found[3]:
        raise ValueError("its bytes are others than its name says")
    try:
        first, *rest = data.splitlines()
        head = parse(first)
        before = Frontier(head["from"], tuple(bytes.fromhex(peak) for peak in head["before"]))
        leaves = [_leaf(line) for line in rest]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"holds no leaves ({error})") from None
    if (before.size, before.size + len(leaves)) != (int(found[1]), int(found[2])):
        raise ValueError("holds other leaves than its name says")
    return before, leaves


def _leaf(line: bytes) -> Leaf:
    leaf = msgspec.json.decode(line, type=Leaf)
    if leaf.line != line:
        raise ValueError("a line is no leaf")
    return leaf


def checkpoint_key(checkpoint: Checkpoint, note: bytes, day: str) -> str:
    """Where the checkpoint of a run is kept. `day`: `2026-11-20`, in UTC."""
    sha = hashlib.sha256(note).hexdigest()[:16]
    return f"{FOLDER}checkpoints/dt={day}/{checkpoint.size:012d}-{sha}.txt"


def is_checkpoint(key: str) -> bool:
    """Whether the checkpoint of a run is kept under a key."""
    return _CHECKPOINT.fullmatch(key) is not None


def day_of(key: str) -> str:
    """The day of a checkpoint, by its key."""
    return key.partition("dt=")[2][:10]


class Promise(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is promised of one export: each period of its cadence, from `first` on.

    `since`: when the promise was made. `until`: the end of the last period that is promised, of an export
    that has ended. `sites`: site → zone, as in manifests.
    """

    export: str
    cadence: str
    timezone: str
    first: str
    since: str
    until: str | None = None
    sites: dict[str, str] = {}


class Statement(msgspec.Struct):
    """The exports of a bucket. `number` counts from 1; the newest is the newest leaf of its kind."""

    record: Literal["exports"]
    origin: str
    client: str
    number: int
    made_at: str
    exports: list[Promise]


def statement(
    client_id: str, place: str, number: int, made_at: datetime, promises: Iterable[Promise], signer: Signer
) -> tuple[str, bytes]:
    """Key and bytes of a signed statement of exports."""
    said = Statement(
        "exports", origin(client_id, place), client_id, number, timestamp(made_at), list(promises)
    )
    data = _signed(said, signer)
    return f"{STATEMENTS}{number:06d}-{hashlib.sha256(data).hexdigest()[:16]}.json", data


class RemovedKey(msgspec.Struct, frozen=True):
    """An object that goes: its key below the destination's root, its bytes, until when it may be there."""

    key: str
    sha256: str
    until: str


class Removal(msgspec.Struct):
    """A signed record of removal (docs/lifecycle.md). `client`: its identity. `rows`: that it concerns."""

    record: Literal["removal"]
    kind: Kind
    id: str
    client: str
    decided_at: str
    decided_by: str
    keys: list[RemovedKey]
    rows: int


def removal(
    kind: Kind,
    identifier: str,
    client_id: str,
    keys: Iterable[RemovedKey],
    *,
    decided_at: datetime,
    decided_by: str,
    rows: int,
    signer: Signer,
) -> tuple[str, bytes]:
    """Key and bytes of a signed record of removal. It is a leaf before the first key goes."""
    said = Removal(
        "removal", kind, identifier, client_id, timestamp(decided_at), decided_by, list(keys), rows
    )
    data = _signed(said, signer)
    return f"{REMOVALS}{identifier}-{hashlib.sha256(data).hexdigest()[:16]}.json", data


def read_statement(document: Mapping[str, Any]) -> Statement:
    """A parsed statement. Raises ValueError."""
    return _converted(document, Statement)


def read_removal(document: Mapping[str, Any]) -> Removal:
    """A parsed record of removal. Raises ValueError."""
    found = _converted(document, Removal)
    for each in found.keys:
        _moment(each.until)
    return found


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _converted(document: Mapping[str, Any], kind: type[_T]) -> _T:
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


def _signed(said: msgspec.Struct, signer: Signer) -> bytes:
    document = signer.sign(msgspec.to_builtins(said))
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
