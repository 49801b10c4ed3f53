"""What lies in a bucket, with everything that no delivery puts there: odd keys, links, pipes, folders."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from footfall.keys import MANIFEST_NAME, is_key
from footfall.store import LocalStore, ObjectStore, StoreError


@dataclass
class Survey:
    """Key → size in bytes of what can be read, and what is odd: (key, what about it)."""

    sizes: dict[str, int] = field(default_factory=dict)
    oddities: list[tuple[str, str]] = field(default_factory=list)


def survey(store: ObjectStore) -> Survey:
    """List a whole bucket. Raises StoreError where it cannot be listed at all."""
    found = Survey()
    listed = _in_folder(store, found) if isinstance(store, LocalStore) else _listed(store)
    for key, size in listed:
        if size == 0 and (not key or key.endswith("/")):
            continue  # the mark of a folder, which consoles make
        if not is_key(key):
            found.oddities.append((key, "is no key that Footfall writes"))
        elif key in found.sizes:
            found.oddities.append((key, "is listed twice"))
        else:
            found.sizes[key] = size
    return found


def size_of(store: ObjectStore, key: str) -> int | None:
    """The size of what a listing did not name: it may be newer, or the listing stale. None: there is none."""
    if isinstance(store, LocalStore):
        path = store.root
        for part in key.split("/"):
            path = path / part
            if path.is_symlink():
                return None
    info = store.head(key)
    return info.size if info else None


def _listed(store: ObjectStore) -> Iterator[tuple[str, int]]:
    return ((info.key, info.size) for info in store.list(""))


def _in_folder(store: LocalStore, found: Survey) -> Iterator[tuple[str, int]]:
    """Plain files below the root, in order; links are not followed, and a folder's trouble ends nothing."""

    def trouble(error: OSError) -> None:
        at = os.path.relpath(error.filename or store.root, store.root)
        if at == "." and not isinstance(error, FileNotFoundError):
            raise StoreError(
                f"cannot list {store.url('')}: {error.strerror}", retryable=False, code="EACCES"
            ) from None
        if at != ".":
            found.oddities.append((at, f"cannot be read: {error.strerror}"))

    for parent, folders, names in os.walk(store.root, onerror=trouble):
        folders.sort()
        for name in sorted([*names, *folders]):
            path = Path(parent, name)
            key = path.relative_to(store.root).as_posix()
            try:
                status = path.lstat()
            except OSError:
                continue  # deleted since it was seen
            if stat.S_ISREG(status.st_mode):
                if not name.startswith(".part-"):
                    yield key, status.st_size
            elif stat.S_ISLNK(status.st_mode):
                found.oddities.append((key, "is a link, which leads out of what is checked; not followed"))
            elif not stat.S_ISDIR(status.st_mode):
                found.oddities.append((key, "is neither a file nor a folder"))
            elif name == MANIFEST_NAME:
                found.oddities.append((key, "is a folder where a manifest belongs"))
