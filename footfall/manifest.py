"""The manifest of a delivery: written last, it says what was delivered and how to check it.

`build` makes it, `verify_bucket` checks a bucket against its manifests and needs nothing but the bucket.
The format is versioned; a reader ignores fields it does not know.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from footfall.event import timestamp
from footfall.keys import MANIFEST_NAME
from footfall.store import NotFound, ObjectStore, StoreError

MANIFEST_VERSION = "1.0"

#: How delivered CSV is written. `formula_guard`: a text cell that a spreadsheet would run as a formula
#: (it starts with = + - @, tab, CR or LF) has an apostrophe in front. One that starts so after apostrophes
#: of its own gets one more: to read a cell, take one apostrophe from '=, ''=, '+ and so on.
CSV_DIALECT = {
    "encoding": "utf-8",
    "delimiter": ",",
    "quote": '"',
    "escape": '"',
    "line_end": "\n",
    "header": True,
    "null": "",
    "empty_string": '""',
    "timestamps": "ISO 8601, UTC, milliseconds",
    "formula_guard": "'",
}


@dataclass(frozen=True)
class DeliveredFile:
    """One file of a delivery: where it lies below the bucket's root, and how to check it."""

    key: str
    bytes: int
    sha256: str
    rows: int


@dataclass(frozen=True)
class Period:
    """Half-open: the hour (UTC) or local day that a delivery covers."""

    start: datetime
    end: datetime
    timezone: str


def period_end(start: datetime, cadence: str) -> datetime:
    """The end of the period that begins at `start`: an hour later, or the next local midnight."""
    if cadence == "hourly":
        return start + timedelta(hours=1)
    # By the calendar, not by 24 hours: a day with a change of summer time has 23 or 25.
    return (start.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=start.tzinfo)


def build(
    *,
    client_id: str,
    export: str,
    dataset: str,
    cadence: str,
    period: Period,
    revision: int,
    supersedes: int | None,
    reason: str,
    files: Iterable[DeliveredFile],
    columns: Iterable[tuple[str, str]],
    complete_through: datetime | None,
    is_final: bool,
    planned_at: datetime,
) -> bytes:
    """The manifest as JSON. The same arguments give the same bytes, so a repeated attempt is harmless.

    `supersedes` is the revision that this one replaces. Numbers may be left out: a revision that failed
    before anybody could see it, and whose data changed meanwhile, is never delivered.
    `reason` is `initial` or `late`. `complete_through` is the end of the last hour up to which every hour
    is ingested. `is_final` means that no ordinary late event can change the period any more.
    """
    document = {
        "manifest_version": MANIFEST_VERSION,
        "client_id": client_id,
        "export": export,
        "dataset": dataset,
        "cadence": cadence,
        "period": {
            "start": timestamp(period.start),
            "end": timestamp(period.end),
            "timezone": period.timezone,
        },
        "revision": revision,
        "supersedes": supersedes,
        "reason": reason,
        "is_final": is_final,
        "complete_through": timestamp(complete_through) if complete_through else None,
        "planned_at": timestamp(planned_at),
        "format": "csv",
        "dialect": CSV_DIALECT,
        "columns": [{"name": name, "type": kind} for name, kind in columns],
        "files": [vars(file) for file in files],
    }
    return (json.dumps(document, indent=2) + "\n").encode()


class _ReadPeriod(msgspec.Struct):
    start: str


class _ReadManifest(msgspec.Struct):
    """The fields of a manifest that a check needs, with the types they must have."""

    client_id: str
    export: str
    period: _ReadPeriod
    revision: int
    supersedes: int | None
    files: list[DeliveredFile]


_decode = msgspec.json.Decoder(_ReadManifest).decode


@dataclass
class Verification:
    """What `verify_bucket` saw. The bucket is good when `problems` is empty.

    `uncommitted` are files that no manifest names: a delivery in progress, or one that failed. They are
    not data.
    """

    manifests: int = 0
    files: int = 0
    rows: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)
    uncommitted: list[str] = field(default_factory=list)


def verify_bucket(store: ObjectStore) -> Verification:
    """Check every manifest of a bucket: files exist, sizes and sha256 agree, and so does every revision
    that another one supersedes.
    """
    seen = Verification()
    keys = [info.key for info in store.list("")]
    named: set[str] = set()
    #: Client, export and start of a period → revision → the revision it supersedes.
    revisions: dict[tuple[str, str, str], dict[int, int | None]] = defaultdict(dict)
    for key in (k for k in keys if k.rpartition("/")[2] == MANIFEST_NAME):
        named.add(key)
        try:
            document = _decode(store.get(key))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            seen.problems.append(f"{key}: is no manifest ({error})")
            continue
        period = document.client_id, document.export, document.period.start
        revisions[period][document.revision] = document.supersedes
        seen.manifests += 1
        for file in document.files:
            # The bucket may be looked at from above, as the backup bucket with all clients in it is.
            above = key.removesuffix(f"{file.key.rpartition('/')[0]}/{MANIFEST_NAME}")
            named.add(above + file.key)
            _check_file(store, key, above, file, seen)
    for (client_id, export, start), chain in sorted(revisions.items()):
        for revision, superseded in sorted(chain.items()):
            if superseded is not None and superseded not in chain:
                seen.problems.append(
                    f"{client_id} {export} {start}: revision {superseded} is missing, "
                    f"superseded by revision {revision}"
                )
    seen.uncommitted = sorted(set(keys) - named)
    return seen


def _check_file(
    store: ObjectStore, manifest_key: str, above: str, file: DeliveredFile, seen: Verification
) -> None:
    try:
        data = store.get(above + file.key)
    except NotFound:
        seen.problems.append(f"{above}{file.key}: is missing, named by {manifest_key}")
        return
    except StoreError as error:
        if error.retryable:
            raise
        seen.problems.append(f"{manifest_key}: {error}")
        return
    if len(data) != file.bytes:
        seen.problems.append(f"{above}{file.key}: {len(data)} bytes, {file.bytes} in {manifest_key}")
    elif hashlib.sha256(data).hexdigest() != file.sha256:
        seen.problems.append(f"{above}{file.key}: sha256 differs from {manifest_key}")
    seen.files += 1
    seen.rows += file.rows
    seen.bytes += len(data)
