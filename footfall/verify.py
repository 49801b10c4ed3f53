"""Is a bucket as its manifests promise? Needs nothing but the bucket, from any height above it."""

import hashlib
import itertools
import json
from collections import defaultdict
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from footfall import keys, manifest
from footfall.event import timestamp
from footfall.exports import LIVE
from footfall.hours import floor
from footfall.keys import MANIFEST_NAME
from footfall.manifest import DeliveredFile, ReadManifest, period_end
from footfall.signatures import is_signed_by
from footfall.store import NotFound, ObjectStore, StoreError

#: Objects that are no deliveries, by folder.
_OURS = ("_keys/", "_schema/", "_challenge/", "_probe/")


@dataclass
class Verification:
    """What `verify_bucket` saw. The bucket is good when `problems` and `gaps` are empty.

    `gaps` are periods between others that were never delivered. `uncommitted` are files that no manifest
    names: a delivery in progress, or one that failed. They are not data. `incomplete` are the newest
    manifests of periods that had not ended.
    """

    manifests: int = 0
    files: int = 0
    rows: int = 0
    bytes: int = 0
    signed: int = 0
    problems: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    uncommitted: list[str] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)


#: Folder of the bucket's root as seen from here, client, export.
_Series = tuple[str, str, str]


def verify_bucket(
    store: ObjectStore, *, public_keys: Mapping[str, bytes] | None = None, is_thorough: bool = True
) -> Verification:
    """Check every manifest of a bucket: its files (there, size, sha256), its signature, its receipt; then
    every series of periods (no gap), of revisions (none missing that another supersedes), and the pointer
    to the newest.

    `public_keys`: key id → PEM of the keys to trust; without them, those that lie in the bucket, which
    proves that nothing was changed by accident, but not who wrote it. `is_thorough=False` takes the size of
    a file for its content.
    """
    seen = Verification()
    sizes = {info.key: info.size for info in store.list("")}
    named: set[str] = set()
    series: dict[_Series, dict[str, dict[int, ReadManifest]]] = defaultdict(lambda: defaultdict(dict))
    trusted = dict(public_keys) if public_keys is not None else _keys_in(store, sizes)
    for key in (k for k in sizes if k.rpartition("/")[2] == MANIFEST_NAME):
        named.add(key)
        data = store.get(key)
        try:
            document = manifest.read(data)
        except ValueError as error:
            seen.problems.append(f"{key}: is no manifest ({error})")
            continue
        seen.manifests += 1
        above = _above(key, document)
        if above is None:
            seen.problems.append(f"{key}: was moved, it was written as {document.key}")
            continue
        series[above, document.client_id, document.export][document.period.start][document.revision] = (
            document
        )
        _check_signature(key, data, document, trusted, seen)
        _check_receipt(key, document, seen)
        for closed in document.closes:
            if above + closed not in sizes:
                seen.problems.append(f"{above}{closed}: is missing, closed by {key}")
        for file in document.files:
            named.add(above + file.key)
            _check_file(store, key, above, file, seen, sizes, is_thorough)
    for (above, client_id, export), periods in sorted(series.items()):
        _check_revisions(client_id, export, periods, seen)
        newest = [revisions[max(revisions)] for revisions in periods.values()]
        seen.incomplete += [f"{above}{each.key}" for each in newest if each.status == manifest.INCOMPLETE]
        hours = series.get((above, client_id, export.removesuffix(LIVE)), {})
        _check_continuity(client_id, export, periods, {*hours} if export.endswith(LIVE) else set(), seen)
        named |= _check_latest(store, above, export, sizes, seen)
    seen.uncommitted = sorted(
        key for key in set(sizes) - named if not any(f"/{ours}" in f"/{key}" for ours in _OURS)
    )
    return seen


def _keys_in(store: ObjectStore, sizes: Mapping[str, int]) -> dict[str, bytes]:
    """Public keys that lie in the bucket, by their names."""
    found = {}
    for key in sizes:
        folder, _, name = key.rpartition("/")
        if f"{folder}/".endswith("_keys/") and name.endswith(".pem"):
            found[name.removesuffix(".pem")] = store.get(key)
    return found


def _above(key: str, document: ReadManifest) -> str | None:
    """The destination's root as seen from the store that is looked at; None where a manifest was moved.

    The bucket may be looked at from above, as the backup bucket with all clients in it is.
    """
    if document.key:
        above = key.removesuffix(document.key)
        return above if above + document.key == key and (not above or above.endswith("/")) else None
    if not document.files:
        return ""
    return key.removesuffix(f"{document.files[0].key.rpartition('/')[0]}/{MANIFEST_NAME}")


def _check_signature(
    key: str, data: bytes, document: ReadManifest, trusted: Mapping[str, bytes], seen: Verification
) -> None:
    if document.manifest_version.startswith("1."):
        return
    whole = json.loads(data)
    signature = whole.get("signature")
    by = signature.get("key_id") if isinstance(signature, dict) else None
    if by is None:
        seen.problems.append(f"{key}: is not signed")
    elif by not in trusted:
        seen.problems.append(f"{key}: is signed with the key {by}, which is not known here")
    elif not is_signed_by(whole, trusted[by]):
        seen.problems.append(f"{key}: its signature is wrong, it was changed")
    else:
        seen.signed += 1


def _check_receipt(key: str, document: ReadManifest, seen: Verification) -> None:
    receipt = document.receipt
    if receipt is None:
        return
    if not receipt.is_balanced:
        seen.problems.append(f"{key}: its receipt does not add up")
    if receipt.delivered != sum(file.rows for file in document.files):
        seen.problems.append(f"{key}: its receipt has other rows than its files")
    # Every event that was kept is a row of `events`; of other datasets only some are.
    is_whole = document.dataset == "events" and document.cadence in ("hourly", "live")
    if is_whole and receipt.kept != receipt.rows:
        seen.problems.append(f"{key}: {receipt.kept} events were kept, {receipt.rows} are accounted for")


def _check_file(
    store: ObjectStore,
    manifest_key: str,
    above: str,
    file: DeliveredFile,
    seen: Verification,
    sizes: Mapping[str, int],
    is_thorough: bool,
) -> None:
    try:
        if is_thorough or above + file.key not in sizes:
            data = store.get(above + file.key)
            size, sha256 = len(data), hashlib.sha256(data).hexdigest()
        else:
            size, sha256 = sizes[above + file.key], file.sha256
    except NotFound:
        seen.problems.append(f"{above}{file.key}: is missing, named by {manifest_key}")
        return
    except StoreError as error:
        if error.retryable:
            raise
        seen.problems.append(f"{manifest_key}: {error}")
        return
    if size != file.bytes:
        seen.problems.append(f"{above}{file.key}: {size} bytes, {file.bytes} in {manifest_key}")
    elif sha256 != file.sha256:
        seen.problems.append(f"{above}{file.key}: sha256 differs from {manifest_key}")
    seen.files += 1
    seen.rows += file.rows
    seen.bytes += size


def _check_revisions(
    client_id: str, export: str, periods: Mapping[str, Mapping[int, ReadManifest]], seen: Verification
) -> None:
    for start, chain in sorted(periods.items()):
        for revision, document in sorted(chain.items()):
            superseded = document.supersedes
            if superseded is not None and superseded not in chain:
                seen.problems.append(
                    f"{client_id} {export} {start}: revision {superseded} is missing, "
                    f"superseded by revision {revision}"
                )


def _check_continuity(
    client_id: str,
    export: str,
    periods: Mapping[str, Mapping[int, ReadManifest]],
    closed: Container[str],
    seen: Verification,
) -> None:
    """From the first to the last period none may be missing: a period without rows is delivered too.

    `closed`: starts of hours that are delivered, which need no parts any more.
    """
    starts: list[datetime] = []
    for start, chain in sorted(periods.items()):
        document = next(iter(chain.values()))
        if not document.cadence:
            continue
        try:
            zone = ZoneInfo(document.period.timezone)
            starts.append(datetime.fromisoformat(start).astimezone(zone))
        except (ValueError, ZoneInfoNotFoundError):
            seen.problems.append(f"{client_id} {export} {start}: is no start of a period")
    cadence = next((d.cadence for chain in periods.values() for d in chain.values() if d.cadence), "hourly")
    for one, following in itertools.pairwise(starts):
        expected = period_end(_midnight(one) if cadence == "daily" else one, cadence)
        if timestamp(floor(one)) in closed:
            continue
        if expected.astimezone(UTC) < following.astimezone(UTC):
            seen.gaps.append(
                f"{client_id} {export}: nothing from {expected:%Y-%m-%dT%H:%M%z} "
                f"to {following:%Y-%m-%dT%H:%M%z}"
            )


def _midnight(start: datetime) -> datetime:
    """A day's start as midnight of the calendar, which a change of summer time may put at one o'clock."""
    return start.replace(hour=0, minute=0)


def _check_latest(
    store: ObjectStore, above: str, export: str, sizes: Mapping[str, int], seen: Verification
) -> set[str]:
    """The pointer names a manifest that is there, and its bytes. Returns the pointer's key.

    It may be a step behind: the manifest comes first.
    """
    key = f"{above}{keys.latest(export)}"
    if key not in sizes:
        return set()  # of version 1, or the backup bucket
    try:
        pointer = json.loads(store.get(key))
        data = store.get(above + pointer["manifest"])
    except NotFound:
        seen.problems.append(f"{key}: points to {pointer['manifest']}, which is missing")
    except (ValueError, KeyError, TypeError):
        seen.problems.append(f"{key}: is no pointer")
    else:
        if hashlib.sha256(data).hexdigest() != pointer.get("sha256"):
            seen.problems.append(f"{key}: the sha256 of {pointer['manifest']} is another")
    return {key}
