"""Versions that a bucket keeps of what was removed or replaced: removed where we may be, else named."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from footfall.store import ObjectStore, S3Store, StoredVersion, StoreError
from footfall.store_cloud import CloudStore

BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class KeptVersion:
    """A version that stays, and why."""

    key: str
    version: str
    why: str


@dataclass(frozen=True)
class Kept:
    """What a bucket keeps. `unseen`: why nobody can tell, where nobody lets us see its versions, although it
    is not known to keep none.
    """

    versions: tuple[KeptVersion, ...] = ()
    unseen: str = ""


def remove_versions(store: ObjectStore, keys: Collection[str]) -> Kept:
    """Remove every version of objects that were removed. Raises StoreError where trying again can help.

    What says that a key is gone stays as long as a version below it does: else that would be the newest.
    """

    def each_of(store: S3Store, key: str) -> list[KeptVersion]:
        found = [each for each in store.versions(key) if each.key == key]
        left = _removed(store, (each for each in found if not each.is_marker))
        return left or _removed(store, (each for each in found if each.is_marker))

    return _gone_through(store, sorted(keys), each_of)


def remove_replaced(
    store: ObjectStore,
    prefixes: Iterable[str],
    since: datetime,
    is_meant: Callable[[bytes], bool],
    kept_for: str = "",
    first: datetime = BEGINNING,
) -> Kept:
    """Remove what was replaced or removed below some prefixes; what counts now stays.

    Of a key that was written anew or removed `since` then, every version; of any other those whose bytes are
    meant, which others replaced or removed before. `kept_for`: why the last version of an object that was
    removed before stays nevertheless, where somebody holds it. `first`: none that the bucket got before can
    be meant, so none is read. Raises StoreError where trying again can help.
    """

    def each_below(store: S3Store, prefix: str) -> list[KeptVersion]:
        kept: list[KeptVersion] = []
        found = sorted(store.versions(prefix), key=lambda each: each.key)
        for _, of_key in groupby(found, key=lambda each: each.key):
            versions = list(of_key)
            now = [each for each in versions if each.is_newest]
            older = [each for each in versions if not (each.is_newest or each.is_marker)]
            if not all(each.at >= since for each in now):
                older = [each for each in older if each.at >= first and is_meant(store.read_version(each))]
                if kept_for and all(each.is_marker for each in now):
                    kept += [KeptVersion(each.key, each.version, kept_for) for each in older]
                    continue
            kept += _removed(store, older)
        return kept

    return _gone_through(store, prefixes, each_below)


def _gone_through(
    store: ObjectStore, names: Iterable[str], act: Callable[[S3Store, str], list[KeptVersion]]
) -> Kept:
    if isinstance(store, CloudStore):
        return Kept(unseen=f"with {store.cloud} its owner alone sees soft delete, versions and retention")
    if not isinstance(store, S3Store):
        return Kept()
    try:
        if not store.what_stays():
            return Kept()
    except StoreError as error:
        if error.code == "NotImplemented":  # a store that knows of no versions
            return Kept()
        if error.retryable:
            raise
        # Nobody lets us ask; its versions may be listed all the same.
    kept: list[KeptVersion] = []
    for name in names:
        try:
            kept += act(store, name)
        except StoreError as error:
            if error.retryable:
                raise
            return Kept(tuple(kept), str(error))
    return Kept(tuple(kept))


def _removed(store: S3Store, versions: Iterable[StoredVersion]) -> list[KeptVersion]:
    """Remove these. Returns those that stay."""
    kept = []
    for each in versions:
        try:
            store.remove_version(each)
        except StoreError as error:
            if error.retryable:
                raise
            kept.append(KeptVersion(each.key, each.version, str(error)))
    return kept
