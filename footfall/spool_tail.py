"""What a collector on this machine has taken and not put into the lake yet: looked at, never touched."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from footfall.frames import scan
from footfall.hours import floor

#: Ends of the names of segments whose lines the lake does not hold.
OPEN, SEALED = ".open", ".sealed"
_HOUR = "%Y%m%dT%H"


@dataclass(frozen=True)
class Segment:
    """A file of the spool. A sealed one is never written again."""

    path: Path
    is_sealed: bool

    def lines(self) -> bytes:
        """Its whole lines, one behind the other; none where it has just gone."""
        try:
            return b"".join(scan(self.path.read_bytes()).payloads)
        except OSError:
            # Sealed since, which has the same lines under another name; or shipped, and in the lake.
            return b"" if self.is_sealed else Segment(self.path.with_suffix(SEALED), True).lines()


def is_here(spool: Path) -> bool:
    """Whether a collector of this machine writes, or wrote, into that spool."""
    return spool.is_dir() and any(each.name.isdecimal() for each in spool.iterdir())


def segments(spool: Path, since: datetime) -> Iterator[Segment]:
    """Segments of the hour of `since` and later ones, the newest hour first."""
    if not spool.is_dir():
        return
    first = floor(since).astimezone(UTC).strftime(_HOUR)
    found = [*spool.glob("2*"), *spool.glob("[0-9]*/2*")]
    for path in sorted(found, key=lambda each: each.name, reverse=True):
        if path.suffix in (OPEN, SEALED) and path.name[: len(first)] >= first:
            yield Segment(path, path.suffix == SEALED)
