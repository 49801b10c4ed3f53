"""Versions that a bucket keeps of what was removed or replaced: removed where we may be, else named."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from footfall.store import ObjectStore, S3Store, StoredVersion, StoreError


@dataclass(frozen=True)
class KeptVersion:
    """A version that stays, and why."""

    key: str
    version: str
    why: str


@dataclass(frozen=True)
class Kept:
    """What a bucket keeps. `unseen`: why nobody can tell, where nobody lets us see its versions.
    `is_versioned`: it is known that it keeps some.
    """

    versions: tuple[KeptVersion, ...] = ()
    unseen: str = ""
    is_versioned: bool = False


def remove_versions(store: ObjectStore, keys: Collection[str]) -> Kept:
    """Remove every version of objects that were removed. Raises StoreError where trying again can help.

    What says that a key is gone stays as long as a version below it does: else that would be the newest.
    """

    def each_of(store: S3Store, key: str) -> list[KeptVersion]:
        found = [each for each in store.versions(key) if each.key == key]
        left = _removed(store, (each for each in found if not each.is_marker))
        return left or _removed(store, (each for each in found if each.is_marker))

    return _gone_through(store, sorted(keys), each_of)


def remove_replaced(store: ObjectStore, prefixes: Iterable[str]) -> Kept:
    """Remove what was replaced or removed below some prefixes; what counts now stays.

    Raises StoreError where trying again can help.
    """

    def each_below(store: S3Store, prefix: str) -> list[KeptVersion]:
        found = list(store.versions(prefix))
        return _removed(store, (each for each in found if not (each.is_newest or each.is_marker)))

    return _gone_through(store, prefixes, each_below)


def _gone_through(
    store: ObjectStore, names: Iterable[str], act: Callable[[S3Store, str], list[KeptVersion]]
) -> Kept:
    if not isinstance(store, S3Store):
        return Kept()
    try:
        is_versioned = bool(store.what_stays())
        if not is_versioned:
            return Kept()
    except StoreError as error:
        if error.retryable:
            raise
        is_versioned = False  # nobody lets us ask; its versions may be listed all the same
    kept: list[KeptVersion] = []
    for name in names:
        try:
            kept += act(store, name)
        except StoreError as error:
            if error.retryable:
                raise
            return Kept(tuple(kept), str(error), is_versioned)
    return Kept(tuple(kept), "", is_versioned)


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
