"""The log of a bucket brought to the bucket, taken up from it, and put back where it was lost.

The order makes each death harmless: numbers and checkpoint in the ledger, then objects, then leaves, then the
pointer, then the day's copy of the checkpoint. What is put again has the same bytes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256

from footfall import bucket_log, notes
from footfall.bucket_log import FOLDER, POINTER, STATEMENTS, Leaf
from footfall.clients import Client
from footfall.errors import FootfallError
from footfall.failures import ConfigError
from footfall.manifest import parse
from footfall.merkle import Frontier
from footfall.notes import Checkpoint
from footfall.signatures import signed_by
from footfall.store import DifferentBytes, NotFound, ObjectStore, TooLarge, put_once
from footfall.swapping import put_pointer
from footfall.zones import clock
from orchestration.delivery.desk import Desk
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.log_book import Batch, LogBook
from orchestration.delivery.pages import MARK
from orchestration.delivery.places import BACKUP, Place, Places
from orchestration.delivery.promises import Ordered

#: Bytes of an object that is taken up: a schema, a page, a statement.
_SMALL = 1024 * 1024


def ordered_of(client: Client, place: str) -> list[Ordered]:
    """What a client file orders for one of its buckets, or for the backup."""
    found = []
    for export in client.exports:
        if place in (BACKUP, *export.destinations):
            calendar = client.calendar(export)
            # As manifests of its days now name them; what was once of another zone was another promise.
            zones = {site: clock(text).zones[-1] for site, text in calendar.sites.items()}
            sites = tuple(sorted(zones.items())) if len({*zones.values()}) > 1 else ()
            zone = clock(calendar.zone).zones[-1]
            found.append(Ordered(export.name, calendar.kind.cadence, zone, sites))
    return found


def publish(ledger: Ledger, desk: Desk, client: Client, places: Places) -> list[Exception]:
    """Bring the logs of a client's buckets up to what was delivered. Returns what went wrong, if anything.

    Trouble with one bucket holds up no other; the next run goes on where this one ended.
    """
    troubles: list[Exception] = []
    for place in places.values():
        try:
            book = LogBook(ledger, client.client_id, place.name)
            ordered = ordered_of(client, place.name)
            if book.has_news(ordered):
                bring(book, place, desk, ordered)
        except Exception as error:
            # Anything, as with deliveries: told when all others are done.
            place.note(error)
            troubles.append(error)
    return troubles


def bring(book: LogBook, place: Place, desk: Desk, ordered: Sequence[Ordered]) -> None:
    """Add what is new to one bucket's log. Raises FootfallError."""
    store = place.store()
    take_up(book, place, desk)
    book.append(ordered, desk.signer, desk.now())
    for batch in book.batches():
        _put(store, batch, book)
        _point(store, batch, desk, book.origin)
        key = bucket_log.checkpoint_key(_checkpoint(batch, desk), batch.note, batch.day)
        _put_ours(store, key, batch.note)
        book.published(batch.size)


def take_up(book: LogBook, place: Place, desk: Desk) -> None:
    """See what log the bucket has. One that goes beyond ours is ours: the ledger was lost, or is older.

    Raises FootfallError where the two have different histories, or another log of ours lies there.
    """
    store = place.store()
    require_own_log(store, desk.own_keys, book.origin)
    theirs = _pointed(store, desk, book.origin)
    tip = book.tip
    if theirs is None:
        if tip.size == 0:
            _note_what_lies_there(book, place, store, desk)
        return
    if theirs.size <= tip.size:
        if book.at(theirs.size).root != theirs.root:
            raise _forked(store)
        return
    lying = [info.key for info in store.list(FOLDER)]
    batches = _batches(store, lying, tip, theirs, desk)
    reached = batches[-1].before.extended(leaf.hash for leaf in batches[-1].leaves) if batches else tip
    if (reached.size, reached.root) != (theirs.size, theirs.root):
        raise _forked(store)
    newest = {leaf.key: leaf for batch in batches for leaf in batch.leaves if leaf.export is None}
    objects = list(_objects(store, newest.values()))
    stated = max((key for key in newest if key.startswith(STATEMENTS)), default=None)
    said = _statement(dict(objects).get(newest[stated].sha256), desk) if stated else None
    book.take(batches, objects, said)


def restore(book: LogBook, place: Place, desk: Desk) -> Iterator[str]:
    """Put back what the bucket lost of its log and beside its manifests. Yields keys that were put.

    Raises StoreError, and at the end DifferentBytes for a page in whose place somebody's own text lies.
    """
    store = place.store()
    require_own_log(store, desk.own_keys, book.origin)
    sizes = {info.key: info.size for info in store.list("")}
    theirs = []
    gone = book.gone()
    for key, data in book.beside():
        if _lies(store, key, data, sizes) or (key, sha256(data).hexdigest()) in gone:
            continue
        there = _read(store, key, _SMALL) if MARK.encode() in data else None
        if there is not None and MARK.encode() not in there:
            theirs.append(key)
            continue
        store.put(key, data)
        yield key
    newest = None
    for batch in book.batches(0):
        newest = batch
        entries = bucket_log.entries(batch.before, batch.leaves)
        kept = bucket_log.checkpoint_key(_checkpoint(batch, desk), batch.note, batch.day)
        for key, data in (entries, (kept, batch.note)):
            if not _lies(store, key, data, sizes):
                store.put(key, data)
                yield key
    if newest is not None and _read(store, POINTER, notes.MAX_BYTES) != newest.note:
        _point(store, newest, desk, book.origin)
        book.published(newest.size)
        yield POINTER
    for key in theirs:
        raise DifferentBytes(store.url(key), "it is somebody's own text; move it away, then replay again")


def _lies(store: ObjectStore, key: str, data: bytes, sizes: Mapping[str, int]) -> bool:
    """Whether an object lies there, with these bytes."""
    return sizes.get(key) == len(data) and _read(store, key, len(data)) == data


def _put(store: ObjectStore, batch: Batch, book: LogBook) -> None:
    for leaf in batch.leaves:
        data = book.content(leaf.sha256) if leaf.key.startswith(FOLDER) else None
        if data is not None:
            _put_ours(store, leaf.key, data)
    _put_ours(store, *bucket_log.entries(batch.before, batch.leaves))


def _put_ours(store: ObjectStore, key: str, data: bytes) -> None:
    """Put an object whose key names its content: whatever else lies under it is none of ours."""
    try:
        put_once(store, key, data)
    except DifferentBytes:
        store.put(key, data)


def _point(store: ObjectStore, batch: Batch, desk: Desk, name: str) -> None:
    """Make the pointer say this checkpoint, unless it says a longer one of this log."""

    def is_longer(there: bytes) -> bool:
        found = opened(there, desk.own_keys, name)
        return found is not None and found.size > batch.size

    put_pointer(store, POINTER, batch.note, limit=notes.MAX_BYTES, stays=is_longer)


def _checkpoint(batch: Batch, desk: Desk) -> Checkpoint:
    return notes.opened(batch.note, desk.own_keys)


def require_own_log(store: ObjectStore, own_keys: Mapping[str, bytes], name: str) -> None:
    """Raise ConfigError where a bucket holds a log that we keep for another destination or owner."""
    data = _read(store, POINTER, notes.MAX_BYTES)
    try:
        there = notes.opened(data, own_keys).origin if data is not None else name
    except ValueError:
        return  # anybody's
    if there != name:
        raise ConfigError(
            f"{store.url('')} has the deliveries and the log {there}, and {name} is to go there; no bucket "
            "holds two logs: name the destination as it was, or give it a bucket or prefix of its own"
        )


def _pointed(store: ObjectStore, desk: Desk, name: str) -> Checkpoint | None:
    data = _read(store, POINTER, notes.MAX_BYTES)
    return opened(data, desk.own_keys, name) if data is not None else None


def opened(data: bytes, own_keys: Mapping[str, bytes], name: str) -> Checkpoint | None:
    """A checkpoint of this log that a key of ours signed; None for what anybody could have written."""
    try:
        found = notes.opened(data, own_keys)
    except ValueError:
        return None
    return found if found.origin == name else None


def _read(store: ObjectStore, key: str, limit: int) -> bytes | None:
    try:
        return store.get(key, limit=limit)
    except (NotFound, TooLarge):
        return None


def _batches(
    store: ObjectStore, lying: Iterable[str], tip: Frontier, until: Checkpoint, desk: Desk
) -> list[Batch]:
    """What the bucket's log holds from `tip` to a checkpoint, as far as it is there whole."""
    kept = _kept(store, lying, desk, until.origin)
    ranges = sorted((found, key) for key in lying if (found := bucket_log.entries_range(key)))
    batches = []
    for (start, end), key in ranges:
        if start != tip.size or end > until.size:
            continue
        try:
            before, leaves = bucket_log.read_entries(key, store.get(key, limit=bucket_log.MAX_BYTES))
        except (ValueError, TooLarge):
            continue
        after = tip.extended(leaf.hash for leaf in leaves)
        if before != tip or (after.size == until.size and after.root != until.root):
            continue
        note, day = kept.get((after.size, after.root)) or (
            notes.signed(Checkpoint(until.origin, after.size, after.root), desk.signer),
            desk.now().strftime("%Y-%m-%d"),
        )
        batches.append(Batch(tip, tuple(leaves), note, day))
        tip = after
    return batches


def _kept(
    store: ObjectStore, lying: Iterable[str], desk: Desk, name: str
) -> Mapping[tuple[int, bytes], tuple[bytes, str]]:
    """Size and root → note and day, of the checkpoints of runs."""
    found = {}
    for key in lying:
        data = _read(store, key, notes.MAX_BYTES) if bucket_log.is_checkpoint(key) else None
        checkpoint = opened(data, desk.own_keys, name) if data is not None else None
        if checkpoint is not None and data is not None:
            found[checkpoint.size, checkpoint.root] = data, bucket_log.day_of(key)
    return found


def _objects(store: ObjectStore, leaves: Iterable[Leaf]) -> Iterator[tuple[str, bytes]]:
    for leaf in leaves:
        data = _read(store, leaf.key, _SMALL)
        if data is not None and bucket_log.leaf_of(leaf.key, data) == leaf:
            yield leaf.sha256, data


def _statement(data: bytes | None, desk: Desk) -> bucket_log.Statement | None:
    if data is None:
        return None
    try:
        document = parse(data)
        signed_by(document, desk.own_keys)
        return bucket_log.read_statement(document)
    except ValueError:
        return None


def _note_what_lies_there(book: LogBook, place: Place, store: ObjectStore, desk: Desk) -> None:
    """Before a log begins: schemas of earlier columns and our earlier keys, which no run puts any more.

    Nobody can say any more what was put as a schema; what lies there on that day is what the log knows.
    """
    for info in list(store.list("_schema/")) if not place.is_backup else []:
        if book.newest(info.key) is None and (data := _read(store, info.key, _SMALL)) is not None:
            book.note(info.key, data)
    for name, pem in desk.own_keys.items():
        key = f"_keys/{name}.pem"
        if book.newest(key) is None and _read(store, key, len(pem)) == pem:
            book.note(key, pem)


def _forked(store: ObjectStore) -> FootfallError:
    return FootfallError(
        f"the log in {store.url(FOLDER)} has another history than the ledger, or is damaged; look at it with "
        f"`footfall verify`, move the folder away, then `footfall deliveries replay` writes the ledger's anew"
    )
