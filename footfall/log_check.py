"""The log of a bucket as input of others: what of it is whole and signed, and what must be there by it."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from footfall import bucket_log, keys, notes
from footfall.bucket_log import FOLDER, POINTER, REMOVALS, STATEMENTS, Leaf, Removal, RemovedKey, Statement
from footfall.event import timestamp
from footfall.keys import MANIFEST_NAME
from footfall.manifest import parse
from footfall.merkle import Frontier
from footfall.notes import Checkpoint
from footfall.signatures import signed_by

#: Reads an object, at most so many bytes; None where it cannot be had, which was noted.
Read = Callable[[str, int], bytes | None]
Say = Callable[[str], None]
#: How far from its plan a manifest may be in no checkpoint: its run is under way, and clocks differ.
RUN = timedelta(hours=2)
#: Bytes of an object beside the data.
_SMALL = 1024 * 1024


@dataclass
class FoundLog:
    """The log below one root, as far as it can be believed.

    `leaves`: by number. `is_whole`: all that the checkpoint speaks of are there. `newest`: key → the leaf
    that counts. `gone`: key → the record by which it goes.
    """

    above: str
    checkpoint: Checkpoint
    leaves: dict[int, Leaf] = field(default_factory=dict)
    is_whole: bool = True
    newest: dict[str, Leaf] = field(default_factory=dict)
    statement: Statement | None = None
    removals: list[Removal] = field(default_factory=list)
    gone: dict[str, tuple[Removal, RemovedKey]] = field(default_factory=dict)

    @property
    def client_id(self) -> str:
        """Whose log it says to be."""
        return self.checkpoint.origin.split("/")[1] if self.checkpoint.origin.count("/") == 2 else ""

    @property
    def removed(self) -> Counter[str]:
        """Records of removal by kind."""
        return Counter(each.kind for each in self.removals)

    @property
    def manifests(self) -> Iterator[Leaf]:
        """The leaves of manifests that count."""
        return (leaf for leaf in self.newest.values() if leaf.start is not None)

    def starts(self) -> dict[str, set[str]]:
        """Export → starts of the periods that were delivered."""
        found: dict[str, set[str]] = defaultdict(set)
        for leaf in self.manifests:
            found[str(leaf.export)].add(str(leaf.start))
        return found

    def goes(self, key: str, sha256: str) -> tuple[Removal, RemovedKey] | None:
        """The record by which an object with these bytes goes or went."""
        found = self.gone.get(key)
        return found if found and found[1].sha256 == sha256 else None

    def grew_from(self, kept: Checkpoint) -> str | None:
        """What is wrong with a checkpoint that somebody kept of this log; None where the log only grew."""
        if kept.origin != self.checkpoint.origin:
            return f"is of the log {kept.origin}, and this is {self.checkpoint.origin}"
        if kept.size > self.checkpoint.size:
            return f"has {kept.size} leaves, and the log in the bucket {self.checkpoint.size}: it was cut"
        if not all(number in self.leaves for number in range(kept.size)):
            return "cannot be compared: leaves of the log are missing"
        root = Frontier().extended(self.leaves[number].hash for number in range(kept.size)).root
        return None if root == kept.root else f"is not how the log began: its first {kept.size} leaves differ"


def is_under_way(planned_at: str, at: datetime) -> bool:
    """Whether the run of a manifest that no checkpoint knows may go on. `planned_at`: as manifests say."""
    return timestamp(at - RUN) < planned_at <= timestamp(at + RUN)


def roots(sizes: Iterable[str]) -> set[str]:
    """The roots below which anything of a log lies."""
    return {key.partition(FOLDER)[0] for key in sizes if key.startswith(FOLDER) or f"/{FOLDER}" in key}


def read_log(
    above: str, sizes: Mapping[str, int], trusted: Mapping[str, bytes], read: Read, say: Say
) -> FoundLog | None:
    """The log below a root; None where no checkpoint of it can be believed. What is odd is said."""
    mine = [key.removeprefix(above) for key in sizes if key.startswith(above + FOLDER)]
    kept = _kept(above, mine, trusted, read, say)
    pointed = _open(above, POINTER, trusted, read, say) if above + POINTER in sizes else None
    newest = _newest(above, sizes, pointed, kept, say)
    if newest is None:
        return None
    log = FoundLog(above, newest)
    _read_leaves(log, mine, {each for _, each in kept}, read, say)
    _look_for_forks(log, [*kept, *([(POINTER, pointed)] if pointed else [])], say)
    for _, leaf in sorted(log.leaves.items()):
        log.newest[leaf.key] = leaf
    _read_records(log, sizes, trusted, read)
    stray = [key for key in mine if key != POINTER and not _is_of_log(key, log)]
    for key in stray:
        say(f"{above}{key}: is no part of the log")
    return log


def _is_of_log(key: str, log: FoundLog) -> bool:
    ranges = bucket_log.entries_range(key)
    return ranges is not None or bucket_log.is_checkpoint(key) or key in log.newest or not log.is_whole


def _open(above: str, key: str, trusted: Mapping[str, bytes], read: Read, say: Say) -> Checkpoint | None:
    data = read(above + key, notes.MAX_BYTES)
    if data is None:
        return None
    try:
        return notes.opened(data, trusted)
    except ValueError as error:
        say(f"{above}{key}: {error}")
        return None


def _kept(
    above: str, mine: Iterable[str], trusted: Mapping[str, bytes], read: Read, say: Say
) -> list[tuple[str, Checkpoint]]:
    """The checkpoints that runs left, by size."""
    found = []
    for key in mine:
        checkpoint = _open(above, key, trusted, read, say) if bucket_log.is_checkpoint(key) else None
        if checkpoint is not None:
            found.append((key, checkpoint))
    return sorted(found, key=lambda each: each[1].size)


def _newest(
    above: str,
    sizes: Mapping[str, int],
    pointed: Checkpoint | None,
    kept: list[tuple[str, Checkpoint]],
    say: Say,
) -> Checkpoint | None:
    if above + POINTER not in sizes:
        say(f"{above}{POINTER}: is missing, and other parts of the log are there")
    if kept and pointed is not None and kept[-1][1].size > pointed.size:
        key, longer = kept[-1]
        say(f"{above}{POINTER}: has {pointed.size} leaves and is older than {key} with {longer.size}")
    known = ([pointed] if pointed else []) + [each for _, each in kept]
    for key, each in kept:
        if pointed is not None and each.origin != pointed.origin:
            say(f"{above}{key}: is of the log {each.origin}, and this is {pointed.origin}")
    mine = [each for each in known if pointed is None or each.origin == pointed.origin]
    return max(mine, key=lambda each: each.size, default=None)


def _read_leaves(log: FoundLog, mine: Iterable[str], kept: set[Checkpoint], read: Read, say: Say) -> None:
    """All leaves up to the checkpoint; what a run added is believed where a checkpoint says its root."""
    above, until = log.above, log.checkpoint
    kept = kept | {until}
    known = {(each.size, each.root) for each in kept if each.origin == until.origin}
    sizes = {size for size, _ in known}
    tip = Frontier()
    beyond = []
    ends = set()
    found = ((r, key) for key in mine if (r := bucket_log.entries_range(key)))
    # Of several that begin alike those first that a checkpoint ends with: anybody can put another beside.
    for (start, end), key in sorted(found, key=lambda each: (each[0][0], each[0][1] not in sizes, each)):
        if end > until.size:
            beyond.append(key)
            continue
        entries = _entries(above, key, read, say)
        if entries is None:
            continue
        before, leaves = entries
        after = before.extended(leaf.hash for leaf in leaves)
        if (before.size == tip.size and before != tip) or (
            after.size in sizes and (after.size, after.root) not in known
        ):
            say(f"{above}{key}: its leaves are others than the checkpoint of {end} leaves says")
            continue
        if start < tip.size:
            say(f"{above}{key}: is of no checkpoint of this log")
            continue
        if start > tip.size:
            log.is_whole = False
            say(f"{above}{FOLDER}entries/: leaves {tip.size} to {start - 1} are missing")
        log.leaves.update(enumerate(leaves, start))
        tip = after
        ends.add(end)
    if tip.size < until.size:
        log.is_whole = False
        say(f"{above}{FOLDER}entries/: leaves {tip.size} to {until.size - 1} are missing")
    elif tip.root != until.root:
        log.is_whole = False
        say(f"{above}{FOLDER}entries/: the leaves are others than the checkpoint of {until.size} says")
    for size in sorted(ends - sizes):
        say(f"{above}{FOLDER}checkpoints/: the checkpoint of {size} leaves is missing")
    if len(beyond) > 1:  # one is a run that is about to replace the checkpoint
        say(f"{above}{POINTER}: {len(beyond)} runs wrote leaves after it: it is older than the log")
    for key in beyond if log.is_whole else ():
        entries = _entries(above, key, read, say)
        if len(beyond) == 1 and entries is not None and entries[0] != tip:
            say(f"{above}{key}: does not go on where the log ends, and is no part of it")


def _look_for_forks(log: FoundLog, checkpoints: Iterable[tuple[str, Checkpoint]], say: Say) -> None:
    """Is every checkpoint that was ever signed one of this history? Another was shown to somebody else."""
    known = sorted(
        (each.size, key, each.root)
        for key, each in checkpoints
        if each.origin == log.checkpoint.origin and each.size <= log.checkpoint.size
    )
    tip = Frontier()
    for size, key, root in known if log.is_whole else ():
        tip = tip.extended(log.leaves[number].hash for number in range(tip.size, size))
        if tip.root != root:
            say(f"{log.above}{key}: its {size} leaves are others than the log's: there are two histories")
    for (size, key, root), (also, beside, other) in pairwise(known if not log.is_whole else ()):
        if size == also and root != other:
            said = f"its {size} leaves are others than {beside} says"
            say(f"{log.above}{key}: {said}: there are two histories")


def _entries(above: str, key: str, read: Read, say: Say) -> tuple[Frontier, list[Leaf]] | None:
    """What comes before, and the leaves; None where they cannot be had, which was said."""
    data = read(above + key, bucket_log.MAX_BYTES)
    if data is None:
        return None
    try:
        return bucket_log.read_entries(key, data)
    except ValueError as error:
        say(f"{above}{key}: {error}")
        return None


def _read_records(log: FoundLog, sizes: Mapping[str, int], trusted: Mapping[str, bytes], read: Read) -> None:
    """The newest statement of exports, and all removals, as far as they are there and signed.

    That something is not as its leaf says, the check of leaves says.
    """
    stated = [leaf for _, leaf in sorted(log.leaves.items()) if leaf.key.startswith(STATEMENTS)]
    removed = [leaf for leaf in log.newest.values() if leaf.key.startswith(REMOVALS)]
    for leaf in (*stated[-1:], *removed):
        data = read(log.above + leaf.key, _SMALL) if log.above + leaf.key in sizes else None
        if data is None or hashlib.sha256(data).hexdigest() != leaf.sha256:
            continue
        try:
            document = parse(data)
            signed_by(document, trusted)
            if leaf in removed:
                record = bucket_log.read_removal(document)
                if record.client == log.client_id:
                    log.removals.append(record)
                    log.gone |= {each.key: (record, each) for each in record.keys}
            elif (said := bucket_log.read_statement(document)).origin == log.checkpoint.origin:
                log.statement = said
        except ValueError:
            continue


@dataclass(frozen=True)
class Outstanding:
    """An object that is to go and is still there."""

    key: str
    record: Removal
    until: datetime


def until_of(removed: RemovedKey) -> datetime:
    """Until when an object may be there that is to go."""
    moment = datetime.fromisoformat(removed.until)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def check_leaves(
    log: FoundLog,
    sizes: Mapping[str, int],
    listed_now: Callable[[], Mapping[str, int]],
    since: datetime | None,
    read: Read,
    say: Say,
) -> int:
    """Is everything there that the log has a leaf of, unless a record lets it go? Manifests by name only: who
    reads them compares them. Returns how many manifests of periods before `since` are gone.

    `listed_now` is asked once, where something is missing: a run may have put it since `sizes` were listed.
    """
    gone = {key: leaf for key, leaf in log.newest.items() if log.above + key not in sizes}
    missing = {key for key, leaf in gone.items() if not log.goes(key, leaf.sha256)}
    if missing:
        now = listed_now()
        missing = {key for key in missing if log.above + key not in now}
    expired = 0
    for key, leaf in sorted(log.newest.items()):
        at = log.above + key
        if key in missing:
            if leaf.start is not None and since and datetime.fromisoformat(leaf.start) < since:
                expired += 1
            else:
                say(f"{at}: is missing, and the log has it")
        elif at in sizes and leaf.start is None:
            data = read(at, _SMALL)
            if data is not None and hashlib.sha256(data).hexdigest() != leaf.sha256:
                say(f"{at}: its bytes are others than the log says")
    if log.is_whole and log.statement is None:
        say(f"{log.above}{STATEMENTS}: no signed statement of exports says what must be there")
    return expired


def check_unknown(log: FoundLog, sizes: Iterable[str], in_progress: Iterable[str], say: Say) -> None:
    """Schemas and keys that the log does not know: anybody may have put them. `in_progress`: manifests whose
    run has not written its leaves yet.
    """
    exports = {key.partition("/")[0] for key in in_progress}
    for at in sizes:
        key = at.removeprefix(log.above) if at.startswith(log.above) else ""
        folder = key.partition("/")[0]
        if folder not in ("_schema", "_keys") or key in log.newest or not log.is_whole:
            continue
        if exports and (folder == "_keys" or key.split("/")[1] in exports):
            continue
        say(f"{at}: the log does not know it")


def pointers_of(log: FoundLog) -> set[str]:
    """Keys of the pointers that must be there; the backup has none."""
    if log.checkpoint.origin.endswith("/backup"):
        return set()
    return {keys.latest(export) for export in log.starts()}


def is_manifest(key: str) -> bool:
    """Whether a manifest belongs under a key."""
    return key.endswith(f"/{MANIFEST_NAME}")
