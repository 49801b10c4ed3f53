"""Copies of immutable objects on the local disk, by their sha256: what a lake on S3 is read from twice.

An object that is never written again has no stale copy. Several processes may share a folder.
"""

import os
import secrets
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from footfall.errors import FootfallError
from footfall.store import LocalStore, ObjectStore
from footfall.whole_files import sha256_of

#: Seconds for which a copy that was asked for stays, however full the folder is: whoever asked opens it now.
IN_USE = 600
#: A folder is looked through once so large a part of what it may have came in: it has more by that at times.
_SHARE = 64


class OtherBytes(FootfallError):
    """An object has other bytes than those that its sha256 was made of."""


#: Folder → bytes that this process put there since it looked through it.
_came: Counter[Path] = Counter()


@dataclass(frozen=True)
class FileCache:
    """The copies of one owner, in a folder of its own below `root`, which has `most_bytes` at most.

    What was asked for last stays; what is in use stays however much that is.
    """

    root: Path
    owner: str
    most_bytes: int

    @property
    def folder(self) -> Path:
        """Where the owner's copies lie."""
        return self.root / self.owner

    def path(self, store: ObjectStore, key: str, sha256: str, size: int, *, seconds: float = IN_USE) -> Path:
        """A local file with the object's bytes; the object itself, where the store is a folder.

        `sha256`: of the object, in hex; `size`: its bytes. The copy stays for `seconds`. Raises NotFound,
        StoreError, OtherBytes, FootfallError where no copy can be kept.
        """
        if isinstance(store, LocalStore):
            return store.root / key
        path = self._place(sha256)
        asked_at = time.time() + seconds - IN_USE
        try:
            if path.stat().st_size == size:
                os.utime(path, (asked_at, asked_at))
                return path
        except OSError:
            pass  # not there; what is in the way is said where a copy is made
        try:
            part = self._part()
            try:
                store.fetch(key, part)
                found = sha256_of(part)
                if found != sha256:
                    raise OtherBytes(f"{store.url(key)} is damaged: its sha256 is {found}, not {sha256}")
                self._take(part, path, asked_at)
            finally:
                part.unlink(missing_ok=True)
        except OSError as error:
            raise FootfallError(
                f"cannot keep a copy in {self.folder}: {error.strerror}; make room there and let it be "
                "written, or lower FOOTFALL_CACHE_MB"
            ) from None
        return path

    def keep(self, store: ObjectStore, made: Path, sha256: str) -> None:
        """Take in a local file that was put into the store; it stays where the store is a folder."""
        if not isinstance(store, LocalStore):
            try:
                part = self._part()
                made.replace(part)
                self._take(part, self._place(sha256), time.time() - IN_USE)
            except OSError:
                pass  # on another disk, or nowhere to write: it is fetched when it is asked for

    def release(self, paths: Iterable[Path]) -> None:
        """Let copies that were asked for go where others need the room."""
        early = time.time() - IN_USE
        for path in paths:
            if path.parent == self.folder and path.exists():
                os.utime(path, (early, early))

    def remove(self) -> None:
        """Remove all copies, those in use too: their owner is gone."""
        for path in self.folder.glob("*"):
            path.unlink(missing_ok=True)

    def _place(self, sha256: str) -> Path:
        return self.folder / f"{sha256}.parquet"

    def _part(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self.folder / f"{os.getpid()}-{secrets.token_hex(6)}.part"

    def _take(self, part: Path, path: Path, asked_at: float) -> None:
        part.chmod(0o600)
        os.utime(part, (asked_at, asked_at))
        part.replace(path)
        is_first = self.root not in _came
        _came[self.root] += path.stat().st_size
        if is_first or _came[self.root] * _SHARE > self.most_bytes:
            _came[self.root] = 0
            self.make_room()

    def make_room(self) -> None:
        """Remove what was asked for longest ago; halves of files that a killed process left, too."""
        found = []
        for path in self.root.glob("*/*"):
            try:
                status = path.stat()
            except FileNotFoundError:
                continue  # another process was faster
            found.append((status.st_mtime, status.st_size, path))
        too_much = sum(size for _, size, _ in found) - self.most_bytes
        early = time.time() - IN_USE
        for used_at, size, path in sorted(found):
            if used_at >= early or (too_much <= 0 and path.suffix != ".part"):
                continue
            path.unlink(missing_ok=True)
            too_much -= size
