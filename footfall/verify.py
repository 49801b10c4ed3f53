"""Is a bucket as its manifests promise? Needs nothing but the bucket, from any height above it.

The bucket is input of somebody else: what has to be signed, by whom and for whom, is decided here. Whatever
is odd becomes a line, and the rest is checked all the same.
"""

import hashlib
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field

from footfall import keys
from footfall.catalogue.periods import kind_of
from footfall.errors import FootfallError
from footfall.event import timestamp
from footfall.exports import LIVE
from footfall.found import is_of_before_signing, mistakes, own_key, period_of
from footfall.hours import floor
from footfall.keys import MANIFEST_NAME
from footfall.manifest import (
    INCOMPLETE,
    MAX_BYTES,
    DeliveredFile,
    ReadManifest,
    as_manifest,
    parse,
)
from footfall.pointers import Position, position
from footfall.pointers import mistake as pointer_mistake
from footfall.signatures import public_key, signed_by
from footfall.store import NotFound, ObjectStore, StoreError
from footfall.survey import Survey, size_of, survey

#: Objects that are no deliveries, by folder.
_OURS = ("_keys/", "_schema/", "_challenge/", "_probe/")
#: Bytes that a public key or a pointer may have.
_SMALL = 64 * 1024


@dataclass
class Verification:
    """What `verify_bucket` saw. The bucket is good when `problems` and `gaps` are empty.

    `gaps` are periods between others that were never delivered. `uncommitted` are files that no manifest
    names: a delivery in progress, or one that failed. They are not data. `unsigned` are manifests of before
    signing that were asked to be taken. `signers`: (key id, client id) → manifests. `incomplete` are the
    newest manifests of periods that had not ended.
    """

    manifests: int = 0
    files: int = 0
    rows: int = 0
    bytes: int = 0
    signed: int = 0
    problems: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    uncommitted: list[str] = field(default_factory=list)
    unsigned: list[str] = field(default_factory=list)
    signers: Counter[tuple[str, str]] = field(default_factory=Counter)
    incomplete: list[str] = field(default_factory=list)


#: Folder of the bucket's root as seen from here, client, export.
_Series = tuple[str, str, str]


def verify_bucket(
    store: ObjectStore,
    *,
    public_keys: Mapping[str, bytes] | None = None,
    is_thorough: bool = True,
    takes_unsigned: bool = False,
    owner: Callable[[str], str | None] = lambda _above: None,
) -> Verification:
    """Check every manifest of a bucket: its place, its signature, its client, its files (there, size,
    sha256), its receipt; then every series of periods (no gap), of revisions (none missing that another
    supersedes), and the pointer to the newest.

    `public_keys`: key id → PEM of the keys to trust; without them, those that lie in the bucket, which
    proves that nothing was changed by accident, but not who wrote it. `is_thorough=False` takes the size of
    a file for its content. `takes_unsigned` lets manifests of before signing pass. `owner`: a root, as seen
    from here, → the client that it is of; None where nobody knows, then it is of the client that most of its
    manifests name.
    """
    seen = Verification()
    lying = survey(store)
    sizes = lying.sizes
    seen.problems += [f"{key}: {what}" for key, what in lying.oddities]
    named: set[str] = set()
    series: dict[_Series, dict[str, dict[int, ReadManifest]]] = defaultdict(lambda: defaultdict(dict))
    clients: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    in_bucket = _keys_in(store, sizes, seen)
    for key in (k for k in sizes if k.rpartition("/")[2] == MANIFEST_NAME):
        named.add(key)
        data = _read(store, key, MAX_BYTES, seen)
        if data is None:
            continue
        try:
            document = parse(data)
            read = as_manifest(document)
        except ValueError as error:
            seen.problems.append(f"{key}: is no manifest ({error})")
            continue
        seen.manifests += 1
        above = _above(key, read)
        if above is None:
            seen.problems.append(f"{key}: was moved, it was written as {own_key(read)}")
            continue
        clients[above][read.client_id].append(key)
        wrong = list(mistakes(read))
        seen.problems += [f"{key}: {mistake}" for mistake in wrong]
        trusted = in_bucket.get(above, {}) if public_keys is None else public_keys
        _check_signature(key, document, read, trusted, takes_unsigned, seen)
        if wrong:
            continue
        revisions = series[above, read.client_id, read.export][_named(read)]
        if revisions.setdefault(read.revision, read) is not read:
            seen.problems.append(f"{key}: this revision of the period is there twice")
        _check_receipt(key, read, seen)
        for closed in read.closes:
            if above + closed not in sizes:
                seen.problems.append(f"{above}{closed}: is missing, closed by {key}")
        for file in read.files:
            named.add(above + file.key)
            _check_file(store, key, above, file, seen, sizes, is_thorough)
    _check_owners(clients, owner, seen)
    for (above, client_id, export), periods in sorted(series.items()):
        _check_revisions(client_id, export, periods, seen)
        newest = [revisions[max(revisions)] for revisions in periods.values()]
        seen.incomplete += [f"{above}{each.key}" for each in newest if each.status == INCOMPLETE]
        hours = series.get((above, client_id, export.removesuffix(LIVE)), {})
        _check_continuity(client_id, export, periods, {*hours} if export.endswith(LIVE) else set(), seen)
    _check_nesting(clients, seen)
    named |= _check_pointers(store, clients, series, lying, seen)
    named |= {f"{above}{keys.README}" for above in clients}
    seen.uncommitted = sorted(
        key for key in set(sizes) - named if not any(f"/{ours}" in f"/{key}" for ours in _OURS)
    )
    return seen


def _named(read: ReadManifest) -> str:
    """What a period is told from others by: its start; of a day its date, whatever its clocks were."""
    period = period_of(read)
    return period.date if period.kind.is_day else read.period.start


def _read(store: ObjectStore, key: str, limit: int, seen: Verification) -> bytes | None:
    """An object's bytes; None where they cannot be had, which is noted.

    Raises StoreError where nobody answers: each further try would take a minute.
    """
    try:
        return store.get(key, limit=limit)
    except FootfallError as error:
        if isinstance(error, StoreError) and error.code == "Connection":
            raise
        seen.problems.append(f"{key}: {'is gone' if isinstance(error, NotFound) else error}")
    return None


def _keys_in(store: ObjectStore, sizes: Mapping[str, int], seen: Verification) -> dict[str, dict[str, bytes]]:
    """Root → key id → PEM of the public keys that lie in it. Anybody can put one there."""
    found: dict[str, dict[str, bytes]] = defaultdict(dict)
    for key in sizes:
        folder, _, name = key.rpartition("/")
        if not f"/{folder}/".endswith("/_keys/") or not name.endswith(".pem"):
            continue
        pem = _read(store, key, _SMALL, seen)
        if pem is None:
            continue
        try:
            called, pem = public_key(pem)
        except ValueError as error:
            seen.problems.append(f"{key}: {error}")
            continue
        if called != name.removesuffix(".pem"):
            seen.problems.append(f"{key}: holds the key {called}, which belongs under that name")
            continue
        found[f"{folder}/".removesuffix("_keys/")][called] = pem
    return found


def _above(key: str, document: ReadManifest) -> str | None:
    """The destination's root as seen from the store that is looked at; None where a manifest was moved.

    The bucket may be looked at from above, as the backup bucket with all clients in it is.
    """
    own = own_key(document)
    if own is None:
        return ""
    above = key.removesuffix(own)
    return above if above + own == key and (not above or above.endswith("/")) else None


def _check_signature(
    key: str,
    document: dict[str, object],
    read: ReadManifest,
    trusted: Mapping[str, bytes],
    takes_unsigned: bool,
    seen: Verification,
) -> None:
    is_old = is_of_before_signing(read) and "signature" not in document
    if is_old and takes_unsigned:
        seen.unsigned.append(key)
        return
    try:
        by = signed_by(document, trusted)
    except ValueError as error:
        hint = "; it says that it is of before signing, as anybody can (--allow-unsigned)" if is_old else ""
        seen.problems.append(f"{key}: {error}{hint}")
    else:
        seen.signed += 1
        seen.signers[by, read.client_id] += 1


def _check_owners(
    clients: Mapping[str, Mapping[str, list[str]]], owner: Callable[[str], str | None], seen: Verification
) -> None:
    """A bucket is of one client. Another's manifests, however well signed, are somebody's damage."""
    for above, by_client in clients.items():
        most = max(sorted(by_client), key=lambda client_id: len(by_client[client_id]))
        whose = owner(above) or most
        for client_id, found in by_client.items():
            if client_id != whose:
                where = f"{above or 'this bucket'} is of {whose}"
                seen.problems += [f"{key}: is of the client {client_id}; {where}" for key in found]


def _check_receipt(key: str, document: ReadManifest, seen: Verification) -> None:
    receipt = document.receipt
    if receipt is None:
        return
    if not receipt.is_balanced:
        seen.problems.append(f"{key}: its receipt does not add up")
    if receipt.delivered != sum(file.rows for file in document.files):
        seen.problems.append(f"{key}: its receipt has other rows than its files")
    # Every event that was kept is a row of `events`; of other datasets only some are.
    is_by_hour = bool(document.cadence) and kind_of(document.cadence).is_hour
    if document.dataset == "events" and is_by_hour and receipt.kept != receipt.rows:
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
    key = above + file.key
    size = sizes[key] if key in sizes else size_of(store, key)
    if size is None:
        seen.problems.append(f"{key}: is missing, named by {manifest_key}")
        return
    if size != file.bytes:
        seen.problems.append(f"{key}: {size} bytes, {file.bytes} in {manifest_key}")
    elif is_thorough:
        data = _read(store, key, file.bytes, seen)
        if data is None:
            return
        if hashlib.sha256(data).hexdigest() != file.sha256:
            seen.problems.append(f"{key}: sha256 differs from {manifest_key}")
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
    documents = [chain[max(chain)] for _, chain in sorted(periods.items())]
    found = [period_of(document) for document in documents if document.cadence]
    for one, following in itertools.pairwise(found):
        if timestamp(floor(one.start)) in closed:
            continue
        if one.end.timestamp() < following.start.timestamp():
            seen.gaps.append(
                f"{client_id} {export}: nothing from {one.end:%Y-%m-%dT%H:%M%z} "
                f"to {following.start:%Y-%m-%dT%H:%M%z}"
            )


def _check_nesting(clients: Mapping[str, Mapping[str, list[str]]], seen: Verification) -> None:
    """No two destinations overlap: what lies inside another one was copied there, and would count twice."""
    for above in sorted(clients):
        outer = next((root for root in sorted(clients) if root != above and above.startswith(root)), None)
        if outer is not None:
            copied = sum(map(len, clients[above].values()))
            seen.problems.append(
                f"{above}: {copied} manifests that belong at the top of a bucket lie inside of "
                f"{outer or 'this bucket'}"
            )


def _check_pointers(
    store: ObjectStore,
    roots: Container[str],
    series: Mapping[_Series, Mapping[str, Mapping[int, ReadManifest]]],
    lying: Survey,
    seen: Verification,
) -> set[str]:
    """Each pointer of a bucket, also one whose export has no manifest any more. Returns their keys.

    Buckets of version 1 and the backup bucket have none.
    """
    delivered: dict[str, list[Position]] = defaultdict(list)
    for (above, _, export), periods in series.items():
        delivered[f"{above}{keys.latest(export)}"] += [
            position(each.period.start, each.revision)
            for revisions in periods.values()
            for each in revisions.values()
        ]
    found = set()
    for key in lying.sizes:
        folder = key.rpartition("/")[0]
        above, slash, export = folder.rpartition("/")
        if export and key == f"{above}{slash}{keys.latest(export)}" and above + slash in roots:
            found.add(key)
            _check_pointer(store, key, above + slash, export, delivered.get(key, []), lying, seen)
    return found


def _check_pointer(
    store: ObjectStore,
    key: str,
    above: str,
    export: str,
    delivered: list[Position],
    lying: Survey,
    seen: Verification,
) -> None:
    """The pointer names a manifest that is there, its bytes, its period, and the newest of `delivered`."""
    data = _read(store, key, _SMALL, seen)
    if data is None:
        return
    try:
        pointer = parse(data)
    except ValueError as error:
        seen.problems.append(f"{key}: is no pointer ({error})")
        return
    to = pointer.get("manifest")
    if not isinstance(to, str) or not keys.is_key(to) or not to.endswith(f"/{MANIFEST_NAME}"):
        seen.problems.append(f"{key}: is no pointer")
    elif above + to not in lying.sizes:
        seen.problems.append(f"{key}: points to {to}, which is missing")
    elif (there := _read(store, above + to, MAX_BYTES, seen)) is not None:
        wrong = pointer_mistake(pointer, to, there, export, delivered)
        seen.problems += [f"{key}: {wrong}"] if wrong else []
