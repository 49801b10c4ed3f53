"""The copy of the lake in a backup, brought to what retention and erasures have left of the lake.

It holds what cannot be made again: beside raw objects the stored hours of clients whose raw lines have gone,
and the signed records that say so. Whatever takes the place of something is copied before that goes, so a
restore finds a whole copy at any moment. What the lake has lost without a rule stays, and is named; so does
what is damaged, and the rest is brought all the same.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import duckdb
import zstandard

from footfall import keys
from footfall.clients import Registry
from footfall.errors import FootfallError
from footfall.hours import HOUR
from footfall.raw_keys import give_keys
from footfall.retention.records import State, read_states, unnamed
from footfall.sealed import Opened, open_raw
from footfall.settings import Settings
from footfall.snapshots import note_least, remembered, require_there, stores
from footfall.sql import confined
from footfall.store import NotFound, ObjectStore
from footfall.tombstones import Tombstones
from orchestration.ingest.copied_hours import clean_stored
from orchestration.ingest.decode import content_of
from orchestration.ingest.enrichment_expiry import expire_enrichments
from orchestration.ingest.erased import rewrite
from orchestration.ingest.late_fields import clean_enrichments
from orchestration.ingest.raw_expiry import expire_raw
from orchestration.retention.left import older_in_turn

_QUARANTINE = "quarantine/"
#: Folders by hours: what is made anew lies under another name, but in quarantine.
_BY_HOURS = ("raw/", keys.ENRICHMENTS, keys.EVENTS, _QUARANTINE)
#: Hours of quarantine whose bytes are compared at once; of all others, the sizes.
_COMPARED_AT_ONCE = 48
#: What is done about a damaged object.
MEND_IT = "is not what was written: put another copy of it there, or remove it"


@dataclass(frozen=True)
class Brought:
    """What became of a copy. `stored`: objects of hours that cannot be made again, `new` of them new.
    `removed`: objects that went. `only_here`: keys of what the lake has lost, and no rule removed. `damaged`:
    addresses, of the lake or of the copy, of what is damaged, and stays as it is.
    """

    stored: int = 0
    new: int = 0
    removed: int = 0
    only_here: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()


def bring_backups(
    settings: Settings,
    lake: ObjectStore,
    registry: Registry,
    trusted: Mapping[str, bytes],
    stones: Tombstones,
    first: Callable[[str], object] = lambda _url: None,
) -> list[str]:
    """Bring the copies in all known backups. Returns what could not be done, a line each.

    `first` is called with the address of each that is there, before anything of its copy goes.
    """
    left = []
    for url in remembered(settings.home):
        try:
            require_there(settings.home, url, settings.s3_endpoint)
            first(url)
            brought = bring_backup(settings, url, lake, registry, trusted, stones)
            left += [f"the backup {url}: DAMAGED {each} {MEND_IT}" for each in brought.damaged]
        except FootfallError as error:
            left.append(f"the backup {url}: {error}")
    return left


def bring_backup(
    settings: Settings,
    url: str,
    lake: ObjectStore,
    registry: Registry,
    trusted: Mapping[str, bytes],
    stones: Tombstones,
) -> Brought:
    """Bring the copy in one backup; nothing of one that has none. Raises FootfallError, StoreError."""
    _, copies = stores(url, settings.s3_endpoint)
    give_keys(copies, settings.home)
    return bring(lake, copies, registry, trusted, stones, partial(note_least, url, settings.s3_endpoint))


def bring(
    lake: ObjectStore,
    copies: ObjectStore,
    registry: Registry,
    trusted: Mapping[str, bytes],
    stones: Tombstones,
    least: Callable[[int], None],
) -> Brought:
    """The same of a copy that is open. `least` notes how many objects there are from now on, at least."""
    if copies.head(keys.LAKE_VERSION) is None:
        return Brought()
    if lake.head(keys.LAKE_VERSION) is None:
        raise FootfallError(
            f"{lake.url('')} is empty or no lake, and its copy is of one: mount it, or set FOOTFALL_LAKE to "
            "where it is"
        )
    damaged = set[str]()
    stored, new = _copy_kept(lake, copies, trusted, damaged)
    states = read_states(copies, trusted)
    by_hour = _strange(lake, copies, states)
    frozen = [key for state in states.values() for key in _frozen_no_more(copies, trusted, state)]
    if not by_hour and not frozen:
        return Brought(stored, new, damaged=tuple(sorted(damaged)))
    before = sum(1 for _ in copies.list(""))
    # A restore asks that all be there: from here on it may be fewer.
    least(before - sum(map(len, by_hour.values())) - len(frozen))
    only_here = list[str]()
    with confined("footfall-copies-") as (connection, folder):
        for hour, strange in sorted(by_hour.items()):
            try:
                only_here += _bring_hour(
                    connection, lake, copies, hour, strange, registry, states, stones, folder, damaged
                )
            except duckdb.OutOfMemoryException:
                raise
            except (duckdb.Error, zstandard.ZstdError, ValueError):
                damaged.update(copies.url(key) for key in strange)
    for key in frozen:
        copies.delete(key)
    after = sum(1 for _ in copies.list(""))
    least(after)
    lost = tuple(key for key in only_here if copies.url(key) not in damaged)
    return Brought(stored, new, before - after, lost, tuple(sorted(damaged)))


def without_erased(lake: ObjectStore, stones: Tombstones) -> list[str]:
    """Take erased persons out of every stored hour of a lake that was put back.

    Returns keys of what is damaged, and stays as it is. Raises StoreError.
    """
    hours = {hour for prefix in (keys.EVENTS, _QUARANTINE) for _, hour in _listed(lake, prefix)}
    if not stones or not hours:
        return []
    with confined("footfall-restored-") as (connection, folder):
        return [key for hour in sorted(hours) for key in clean_stored(connection, lake, hour, stones, folder)]


def _copy_kept(
    lake: ObjectStore, copies: ObjectStore, trusted: Mapping[str, bytes], damaged: set[str]
) -> tuple[int, int]:
    """Copy what retention wrote, then hours that cannot be made again. Returns objects of these, and new."""
    for prefix in ("frozen/", keys.RETENTION):  # a record after what it names
        there = {info.key for info in copies.list(prefix)}
        for info in list(lake.list(prefix)):
            if info.key not in there:
                with suppress(NotFound):
                    copies.put(info.key, lake.get(info.key))
    states = read_states(copies, trusted)
    stored = new = 0
    for prefix in (keys.EVENTS, _QUARANTINE):
        sizes = {info.key: info.size for info in copies.list(prefix)}
        compared = _in_turn(copies) if prefix == _QUARANTINE else set()
        for info in list(lake.list(prefix)):
            key, hour = info.key, keys.hour_of(f"/{info.key}")
            if hour is None or not _is_only_copy(states, hour):
                continue
            stored += key in sizes
            # Of events the key says what is in it.
            is_known = prefix == keys.EVENTS or sizes.get(key) == info.size
            if key in sizes and is_known and hour not in compared:
                continue
            try:
                data = lake.get(key)
            except NotFound:
                continue  # its hour was made anew meanwhile: the next backup has it
            if not keys.is_whole(key, data):
                damaged.add(lake.url(key))
            elif key not in sizes or copies.get(key) != data:
                copies.put(key, data)
                stored += key not in sizes
                new += key not in sizes
    return stored, new


def _in_turn(copies: ObjectStore) -> set[datetime]:
    """Hours of quarantine whose bytes are compared today."""
    now = datetime.now(UTC)
    return set(older_in_turn(copies, {"": now}, {"": now}, now, _COMPARED_AT_ONCE, _QUARANTINE))


def _is_only_copy(states: Mapping[str, State], hour: datetime) -> bool:
    """Whether the raw lines of some client have gone of an hour, and its events are kept."""
    return any(
        (raw := state.horizon("raw")) is not None
        and hour < raw
        and ((events := state.horizon("events")) is None or events <= hour)
        for state in states.values()
    )


def _listed(store: ObjectStore, prefix: str) -> list[tuple[str, datetime]]:
    found = ((info.key, keys.hour_of(f"/{info.key}")) for info in store.list(prefix))
    return [(key, hour) for key, hour in found if hour is not None]


def _strange(lake: ObjectStore, copies: ObjectStore, states: Mapping[str, State]) -> dict[datetime, set[str]]:
    """Hour → keys of the copy that the lake has not, or that it can make again."""
    found: dict[datetime, set[str]] = {}
    for prefix in _BY_HOURS:
        in_lake = {key for key, _ in _listed(lake, prefix)}
        is_made_again = prefix in (keys.EVENTS, _QUARANTINE)
        for key, hour in _listed(copies, prefix):
            if key not in in_lake or (is_made_again and not _is_only_copy(states, hour)):
                found.setdefault(hour, set()).add(key)
    return found


def _bring_hour(
    connection: duckdb.DuckDBPyConnection,
    lake: ObjectStore,
    copies: ObjectStore,
    hour: datetime,
    strange: Collection[str],
    registry: Registry,
    states: Mapping[str, State],
    stones: Tombstones,
    folder: Path,
    damaged: set[str],
) -> list[str]:
    """Bring an hour of the copy. Returns keys of what stays, and the lake has not."""
    unread = set[str]()
    raw, events = _before(states, hour, "raw"), _before(states, hour, "events")
    if any(key.startswith("raw/") for key in strange):
        expire_raw(connection, copies, hour, registry, raw, folder)
        rewrite(copies, [key for key, _ in _listed(copies, keys.raw_prefix(hour))], hour, stones)
    if any(key.startswith(keys.ENRICHMENTS) for key in strange):
        expire_enrichments(copies, dict.fromkeys(events, hour + HOUR), [hour], unread)
        unread.update(clean_enrichments(copies, hour, stones))
    if not _is_only_copy(states, hour):
        for key in strange:
            if key.startswith((keys.EVENTS, _QUARANTINE)):
                copies.delete(key)
    elif any(key.startswith((keys.EVENTS, _QUARANTINE)) for key in strange):
        silent = events | _before(states, hour, "quarantine")
        unread.update(clean_stored(connection, copies, hour, stones, folder, gone=events, silent=silent))
    lost = [key for prefix in _BY_HOURS for key in _lost(lake, copies, prefix, hour, damaged)]
    # Another one may have come in the place of a damaged one.
    damaged.update(copies.url(key) for key in unread if copies.head(key) is not None)
    return lost


def _before(states: Mapping[str, State], hour: datetime, name: str) -> set[str]:
    """Clients of whose hour a class is not kept."""
    return {client for client, state in states.items() if (at := state.horizon(name)) and hour < at}


def _lost(
    lake: ObjectStore, copies: ObjectStore, prefix: str, hour: datetime, damaged: set[str]
) -> list[str]:
    """Keys of an hour that the lake has not, and of which something is only in the copy; all others go, once
    what the lake has in their place is in the copy too. None go where that is damaged.
    """
    within = f"{prefix}{keys.hour_path(hour)}/"
    theirs = {key for key, _ in _listed(lake, within)}
    here = {key for key, _ in _listed(copies, within)}
    strange = sorted(here - theirs)
    if not strange:
        return []
    try:
        for key in sorted(theirs - here):
            data = lake.get(key)
            if not keys.is_whole(key, data):
                damaged.add(lake.url(key))
                return []
            copies.put(key, data)
    except NotFound:
        return []  # the lake's hour was made anew meanwhile: the next time
    if prefix in (keys.EVENTS, _QUARANTINE):
        # One object holds all of the hour: the lake's, where it has one.
        lost = [] if theirs else strange
    else:
        known = {each for key in theirs for each in _digests(lake, key)}
        lost = [key for key in strange if not known.issuperset(_digests(copies, key))]
    for key in set(strange) - set(lost):
        copies.delete(key)
    return lost


def _digests(store: ObjectStore, key: str) -> Iterable[bytes]:
    """A short digest of each line of an object; of what cannot be read, or waits for its key, of its
    bytes.
    """
    try:
        is_raw = key.startswith("raw/")
        opened = open_raw(store, key) if is_raw else Opened(store.get(key))
        content = content_of(opened.data)
        lines = content.splitlines() if content is not None else [store.get(key)]
    except NotFound:
        return
    for line in [*lines, *(bytes(each.frame) for each in opened.waiting)]:
        yield hashlib.blake2b(line, digest_size=12).digest()


def _frozen_no_more(copies: ObjectStore, trusted: Mapping[str, bytes], state: State) -> list[str]:
    """Frozen objects of the copy that its newest decision does not name, once it has all that this names.

    The signed record says it, and never a look at the lake: what a lake has lost is in the copy alone.
    """
    found, missing = unnamed(copies, trusted, state)
    return [] if missing else found
