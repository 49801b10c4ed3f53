"""The lake's Parquet of an hour's events, as local files that an engine reads.

An object is named by its content, so a name that was read once is never other bytes. A lake in a folder is
read in place. Of any other lake the objects lie in a cache, by their sha256: fetched when they are asked for,
compared with that sha256, and gone again when newer ones need the room.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from footfall.errors import FootfallError
from footfall.file_cache import IN_USE, FileCache, OtherBytes
from footfall.hours import HOUR
from footfall.keys import EVENTS, events_object
from footfall.store import LocalStore, NotFound, ObjectStore

#: Whose copies they are among all of the lake's: no client has such a name.
OWNER = "_hours"
#: Seconds for which a copy stays that a run reads, longer than any run: those of published tables, which
#: others read meanwhile, take no room from it.
_RUN_SECONDS = 24 * 3600.0


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
        self._cache = FileCache(cache, OWNER, most_bytes)
        self._is_near = isinstance(lake, LocalStore)
        self._read: list[Path] = []
        self.folder = (lake.root / EVENTS).absolute() if isinstance(lake, LocalStore) else self._cache.folder

    def put(self, hour: datetime, path: Path, rows: int, columns: Iterable[str]) -> HourFile:
        """Put a local file into the lake as the hour's events; it may be gone then. Raises StoreError."""
        data = path.read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        file = HourFile(hour, events_object(hour, sha256), sha256, len(data), rows, ",".join(columns))
        self.lake.put(file.key, data)
        self._cache.keep(self.lake, path, sha256)
        return file

    def local(self, file: HourFile, *, seconds: float = IN_USE) -> Path:
        """A local file with the object's bytes, which stays for `seconds`.

        Raises StoreError, FootfallError where they are others.
        """
        try:
            path = self._cache.path(self.lake, file.key, file.sha256, file.bytes, seconds=seconds)
            size = path.stat().st_size
        except (NotFound, FileNotFoundError):
            raise _lost(file, "is missing from the lake") from None
        except OtherBytes:
            raise _lost(file, "holds other bytes than those that were put") from None
        if size != file.bytes:
            raise _lost(file, f"has {size} bytes and not {file.bytes}")
        return path

    def fetched(self, key: str) -> Path:
        """A local file with an object's bytes, whatever they are; it stays as long as a copy does."""
        if isinstance(self.lake, LocalStore):
            return self.lake.root / key
        data = self.lake.get(key)
        sha256 = hashlib.sha256(data).hexdigest()
        return self._cache.path(self.lake, key, sha256, len(data))

    def locals(self, files: Iterable[HourFile]) -> list[Path]:
        """The same of several, all of which stay until the next are asked for; others go for want of room."""
        if not self._is_near:
            self._cache.release(self._read)
        self._read = [self.local(file, seconds=_RUN_SECONDS) for file in files]
        if not self._is_near and self._read:
            self._cache.make_room()
        return self._read


def _lost(file: HourFile, what: str) -> FootfallError:
    return FootfallError(
        f"{file.key} {what}; it is made again of the raw objects: `footfall run --from "
        f"{file.hour.astimezone(UTC):%Y-%m-%dT%H} --to {(file.hour + HOUR).astimezone(UTC):%Y-%m-%dT%H}` "
        "(docs/runbook.md#models-red)"
    )
