"""Is a bucket as its manifests promise? Needs nothing but the bucket, from any height above it.

The bucket is input of somebody else: what has to be signed, by whom and for whom, is decided here. Whatever
is odd becomes a line, and the rest is checked all the same.
"""

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping
from datetime import datetime

from footfall import keys
from footfall.bucket_log import POINTER
from footfall.catalogue.periods import kind_of
from footfall.errors import FootfallError
from footfall.event import timestamp
from footfall.exports import LIVE
from footfall.found import is_of_before_signing, mistakes, own_key, period_of
from footfall.hours import floor
from footfall.keys import MANIFEST_NAME
from footfall.log_check import FoundLog, Read, pointers_of, roots
from footfall.manifest import (
    INCOMPLETE,
    MAX_BYTES,
    DeliveredFile,
    ReadManifest,
    as_manifest,
    parse,
)
from footfall.pointers import Pointers, Position, position
from footfall.settled_log import settled_log
from footfall.signatures import public_key, signed_by
from footfall.store import NotFound, ObjectStore, StoreError
from footfall.survey import size_of, survey
from footfall.verification import Known, Verification
from footfall.verify_log import check_log, check_logged, gone_by, may_be_gone

#: Objects that are no deliveries, by folder.
_OURS = ("_keys/", "_schema/", "_challenge/", "_probe/", "_log/")
#: Bytes that a public key or a pointer may have.
_SMALL = 64 * 1024


#: Folder of the bucket's root as seen from here, client, export.
_Series = tuple[str, str, str]


def verify_bucket(
    store: ObjectStore,
    *,
    public_keys: Mapping[str, bytes] | None = None,
    is_thorough: bool = True,
    takes_unsigned: bool = False,
    known: Callable[[str], Known | None] = lambda _above: None,
    needs_log: bool = False,
    expected: Iterable[str] = (),
    at: datetime | None = None,
    since: datetime | None = None,
) -> Verification:
    """Check every manifest of a bucket: its place, its signature, its client, its files (there, size,
    sha256), its receipt; then every series of periods (no gap), of revisions (none missing that another
    supersedes), and the pointer to the newest.

    `public_keys`: key id → PEM of the keys to trust; without them, those that are `known` to sign there; else
    those that lie in the bucket, which proves that nothing was changed by accident, but not who wrote it.
    `is_thorough=False` takes the size of a file for its content. `takes_unsigned` lets manifests of before
    signing pass. `known`: a root, as seen from here, → what is known of it; where nothing is, it is of the
    client that most of its manifests name. `needs_log`: a bucket of before there were logs is not good.
    `expected`: roots, as seen from here, that were delivered to. `at`: the moment for which the newest period
    must be there, and removals done; without it neither is asked. `since`: periods before it may be gone, by
    a lifecycle rule of the client's own.
    """
    seen = Verification()
    lying = survey(store)
    sizes = lying.sizes
    seen.problems += [f"{key}: {what}" for key, what in lying.oddities]
    named: set[str] = set()
    series: dict[_Series, dict[str, dict[int, ReadManifest]]] = defaultdict(lambda: defaultdict(dict))
    clients: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    in_bucket = _keys_in(store, sizes, seen)

    def fetch(key: str, limit: int) -> bytes | None:
        return _read(store, key, limit, seen)

    def trusted_in(above: str) -> Mapping[str, bytes]:
        here = known(above)
        signing = public_keys if public_keys is not None else here.keys if here else None
        return in_bucket.get(above, {}) if signing is None else signing

    def owner(above: str) -> str | None:
        here = known(above)
        return here.client_id if here else None

    logs = {}
    for root in sorted(roots(sizes)):
        found, odd = settled_log(store, root, sizes, trusted_in(root), fetch)
        seen.problems += odd
        if found is not None:
            logs[root] = found
    seen.logs = list(logs.values())
    for key in (k for k in sizes if k.rpartition("/")[2] == MANIFEST_NAME):
        named.add(key)
        data = fetch(key, MAX_BYTES)
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
        is_signed = _check_signature(key, document, read, trusted_in(above), takes_unsigned, seen)
        log = logs.get(above)
        if log is not None:
            check_logged(log, key, data, read, at if is_signed else None, seen)
        if wrong:
            continue
        revisions = series[above, read.client_id, read.export][_named(read)]
        if revisions.setdefault(read.revision, read) is not read:
            seen.problems.append(f"{key}: this revision of the period is there twice")
        _check_receipt(key, read, seen)
        for closed in read.closes:
            if above + closed not in sizes and not (log and closed in log.newest):
                seen.problems.append(f"{above}{closed}: is missing, closed by {key}")
        for file in read.files:
            named.add(above + file.key)
            if not (above + file.key not in sizes and may_be_gone(log, file, read, since, seen)):
                _check_file(store, key, above, file, seen, sizes, is_thorough)
    _check_owners(clients, owner, seen)
    for (above, client_id, export), periods in sorted(series.items()):
        newest = [revisions[max(revisions)] for revisions in periods.values()]
        seen.incomplete += [f"{above}{each.key}" for each in newest if each.status == INCOMPLETE]
        if above in logs and logs[above].is_whole:
            continue  # it knows every revision and period
        _check_revisions(client_id, export, periods, seen)
        hours = series.get((above, client_id, export.removesuffix(LIVE)), {})
        _check_continuity(client_id, export, periods, {*hours} if export.endswith(LIVE) else set(), seen)
    for above, log in logs.items():
        here = known(above)
        if here and here.origin not in ("", log.checkpoint.origin):
            mine, other = here.origin, log.checkpoint.origin
            seen.problems.append(f"{above}{POINTER}: is of the log {other}, and this bucket's is {mine}")
        whose = owner(above) or _most(clients[above]) or log.client_id
        check_log(log, sizes, lambda: survey(store).sizes, fetch, at, since, whose, seen)
    if needs_log:
        seen.problems += [
            f"{above}{POINTER}: there is no log, which alone says what is missing (--allow-unlogged)"
            for above in sorted(clients.keys() - logs.keys())
        ]
    _check_nesting(clients, seen)
    named |= _check_pointers(
        fetch, lambda key: size_of(store, key) is not None, clients, series, logs, sizes, since, seen
    )
    named |= {f"{above}{keys.README}" for above in clients}
    beside = tuple(above + ours for above in {"", *clients, *logs} for ours in _OURS)
    # What an erasure says in a bucket is a leaf of its log, and so are pages.
    leaves = {log.above + key for log in logs.values() for key in log.newest}
    seen.uncommitted = sorted(key for key in set(sizes) - named - leaves if not key.startswith(beside))
    for above in sorted(set(expected) - clients.keys() - logs.keys()):
        where = above or "this bucket"
        seen.problems.append(f"{where}: nothing of a client lies there, and deliveries arrived in it")
    seen.problems = list(dict.fromkeys(seen.problems))  # a log that is odd is read again
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
) -> bool:
    """Note what is wrong with it; whether one that is trusted signed it."""
    is_old = is_of_before_signing(read) and "signature" not in document
    if is_old and takes_unsigned:
        seen.unsigned.append(key)
        return False
    try:
        by = signed_by(document, trusted)
    except ValueError as error:
        hint = "; it says that it is of before signing, as anybody can (--allow-unsigned)" if is_old else ""
        seen.problems.append(f"{key}: {error}{hint}")
        return False
    seen.signed += 1
    seen.signers[by, read.client_id] += 1
    return True


def _most(by_client: Mapping[str, list[str]]) -> str | None:
    """The client of most manifests."""
    return max(sorted(by_client), key=lambda client_id: len(by_client[client_id]), default=None)


def _check_owners(
    clients: Mapping[str, Mapping[str, list[str]]], owner: Callable[[str], str | None], seen: Verification
) -> None:
    """A bucket is of one client. Another's manifests, however well signed, are somebody's damage."""
    for above, by_client in clients.items():
        whose = owner(above) or _most(by_client)
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
    read: Read,
    is_there: Callable[[str], bool],
    roots: Container[str],
    series: Mapping[_Series, Mapping[str, Mapping[int, ReadManifest]]],
    logs: Mapping[str, FoundLog],
    sizes: Mapping[str, int],
    since: datetime | None,
    seen: Verification,
) -> set[str]:
    """Each pointer of a bucket: is it there, and does it say what it should? Returns their keys.

    Buckets of version 1 and the backup bucket have none.
    """
    delivered: dict[str, list[Position]] = defaultdict(list)
    logged: dict[str, list[Position]] = defaultdict(list)
    for (above, _, export), periods in series.items():
        key = f"{above}{keys.latest(export)}"
        for revisions in periods.values():
            for revision, each in revisions.items():
                delivered[key].append(position(each.period.start, revision))
                if above in logs and each.key in logs[above].newest:
                    logged[key].append(position(each.period.start, revision))
    found = set()
    gone = {log.above + key for log in logs.values() for key in gone_by(log, since)}
    pointers = Pointers(sizes, is_there, delivered, logged, gone, read)
    for key, above, export in pointers.found(roots):
        found.add(key)
        wrong = pointers.mistake(key, above, export)
        seen.problems += [f"{key}: {wrong}"] if wrong else []
    for above, log in logs.items():
        lost = sorted({f"{above}{key}" for key in pointers_of(log)} - found)
        lost = [key for key in lost if not is_there(key)]
        seen.problems += [f"{key}: is missing, the pointer to the newest period" for key in lost]
    return found
