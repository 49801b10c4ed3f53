"""What an import of events holds until it is put, and what is said of any import afterwards."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from footfall import hours
from footfall.errors import FootfallError
from footfall.landing import REFUSED, land
from footfall.raw_object import compress_lines
from footfall.store import ObjectStore

#: Bytes of stored lines that one import holds in memory, since a file need not be ordered by hour. A page
#: view takes about 700, so this is some 1.5 million of them. Higher: larger files in one go, more memory.
MAX_KEPT_BYTES = 1 << 30


@dataclass(frozen=True)
class ImportReport:
    """What became of a log. lines = hits + malformed; hits = page_views + other_hits + refused.

    What is stored is counted in the lake, in the objects that hold it.

    lines       lines of the file that are not blank
    hits        those that follow the format
    page_views  hits stored as events
    other_hits  hits that are no page view (images, redirects, errors, …): counted, not stored
    refused     page views that the contract refuses: stored as refused lines
    malformed   lines that do not follow the format, or whose time cannot be: stored as refused lines
    by_hour     hour → stored lines; first_hour and last_hour are its ends, None where nothing is stored
    keys        the raw objects in the lake, one an hour
    """

    lines: int
    hits: int
    page_views: int
    other_hits: int
    refused: int
    malformed: int
    by_hour: Mapping[datetime, int]
    keys: tuple[str, ...]

    @property
    def first_hour(self) -> datetime | None:
        """The earliest hour that something was stored in."""
        return min(self.by_hour, default=None)

    @property
    def last_hour(self) -> datetime | None:
        """The latest hour that something was stored in."""
        return max(self.by_hour, default=None)

    @property
    def objects(self) -> int:
        """How many raw objects the log became."""
        return len(self.keys)


@dataclass(frozen=True)
class StoredLines:
    """What the raw objects of an import hold, counted in the lake."""

    keys: tuple[str, ...]
    by_hour: Mapping[datetime, int]
    events: int
    refused: int

    def require(self, path: Path, *, events: int, refused: int) -> None:
        """Raise FootfallError where not everything that was read is stored."""
        if (self.events, self.refused) != (events, refused):
            raise FootfallError(
                f"{path}: {events} events and {refused} refused lines were read, {self.events} and "
                f"{self.refused} are stored in {', '.join(self.keys)}; report this with the log, these hours "
                "must not be delivered"
            )


@dataclass
class KeptLines:
    """Stored lines by hour, up to a number of bytes."""

    path: Path
    max_bytes: int
    size: int = 0
    by_hour: dict[datetime, list[bytes]] = field(default_factory=lambda: defaultdict(list))

    def add(self, at: datetime, line: bytes) -> None:
        self.size += len(line)
        if self.size > self.max_bytes:
            raise FootfallError(
                f"{self.path} holds more than {self.max_bytes} bytes of page views: split it, for "
                "instance by day, and import the parts; nothing was imported"
            )
        self.by_hour[hours.floor(at)].append(line)

    def put_into(self, store: ObjectStore, origin: str, client_id: str) -> StoredLines:
        """Put one raw object an hour. Raises FootfallError where it does not hold what was kept."""
        keys, by_hour, counts = [], {}, Counter[str]()
        for hour, lines in sorted(self.by_hour.items()):
            key, stored = land(store, hour, origin, client_id, compress_lines(lines), len(lines))
            keys.append(key)
            by_hour[hour] = stored.total()
            counts += stored
        refused = counts.pop(REFUSED, 0)
        return StoredLines(tuple(keys), by_hour, counts.total(), refused)
