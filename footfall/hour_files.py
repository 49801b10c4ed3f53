"""The lake's Parquet of an hour's events, as local files that an engine reads.

An object is named by its content, so a name that was read once is never other bytes. A lake in a folder is
read in place. Of any other lake the objects lie in a cache, by their sha256: fetched when they are asked for,
compared with that sha256, and gone again when newer ones need the room.
"""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from footfall.errors import FootfallError
from footfall.hours import HOUR
from footfall.keys import EVENTS, events_object
from footfall.store import LocalStore, NotFound, ObjectStore
from footfall.whole_files import written_beside

#: The cache, below the state folder.
CACHE = "lake-cache"


@dataclass(frozen=True)
class HourFile:
    """The object that holds an hour's events. `columns`: its columns, with commas between them."""

    hour: datetime
    key: str
    sha256: str
    bytes: int
    rows: int
    columns: str


class HourFiles:
    """Objects of `lake` as local files. `folder`: where all of them lie.

    `cache`, `most_bytes`: where copies of a lake that is no folder lie, and how many bytes they may take
    beside what is being read.
    """

    def __init__(self, lake: ObjectStore, cache: Path, most_bytes: int) -> None:
        self.lake = lake
        self._cache = None if isinstance(lake, LocalStore) else cache
        self._most_bytes = most_bytes
        self.folder = cache if not isinstance(lake, LocalStore) else (lake.root / EVENTS).absolute()

    def put(self, hour: datetime, path: Path, rows: int, columns: Iterable[str]) -> HourFile:
        """Put a local file into the lake as the hour's events. Raises StoreError, FootfallError."""
        data = path.read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        file = HourFile(hour, events_object(hour, sha256), sha256, len(data), rows, ",".join(columns))
        self.lake.put(file.key, data)
        if self._cache is not None:
            self._keep(self._cache / f"{sha256}.parquet", data)
        return file

    def local(self, file: HourFile) -> Path:
        """A local file with the object's bytes. Raises StoreError, FootfallError where they are others."""
        if self._cache is None:
            path = self.folder / file.key.removeprefix(EVENTS)
            if not path.is_file():
                raise _lost(file, "is missing from the lake")
            if path.stat().st_size != file.bytes:
                raise _lost(file, f"has {path.stat().st_size} bytes and not {file.bytes}")
            return path
        path = self._cache / f"{file.sha256}.parquet"
        if path.is_file() and path.stat().st_size == file.bytes:
            os.utime(path)
            return path
        try:
            data = self.lake.get(file.key, limit=file.bytes)
        except NotFound:
            raise _lost(file, "is missing from the lake") from None
        if hashlib.sha256(data).hexdigest() != file.sha256:
            raise _lost(file, "holds other bytes than those that were put")
        self._keep(path, data)
        return path

    def locals(self, files: Iterable[HourFile]) -> list[Path]:
        """The same of several, all of which stay; of others the cache keeps what it has room for."""
        found = [self.local(file) for file in files]
        if self._cache is not None and self._cache.is_dir():
            self._forget({path.name for path in found})
        return found

    def _keep(self, path: Path, data: bytes) -> None:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            written_beside(path, data).replace(path)
        except OSError as error:
            raise FootfallError(
                f"cannot keep a copy of an hour in {path.parent}: {error.strerror}; make room, or lower "
                "FOOTFALL_LAKE_CACHE_BYTES"
            ) from None

    def _forget(self, kept: set[str]) -> None:
        """Remove the files that were longest not asked for, until the others fit."""
        assert self._cache is not None
        found = sorted(((each.stat(), each) for each in self._cache.iterdir()), key=lambda f: f[0].st_mtime)
        held = sum(stat.st_size for stat, _ in found)
        for stat, path in found:
            if held <= self._most_bytes:
                return
            if path.name not in kept:
                path.unlink(missing_ok=True)
                held -= stat.st_size


def _lost(file: HourFile, what: str) -> FootfallError:
    return FootfallError(
        f"{file.key} {what}; it is made again of the raw objects: `footfall run --from "
        f"{file.hour.astimezone(UTC):%Y-%m-%dT%H} --to {(file.hour + HOUR).astimezone(UTC):%Y-%m-%dT%H}` "
        "(docs/runbook.md#models-red)"
    )
