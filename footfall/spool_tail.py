"""What a collector on this machine has taken and not put into the lake yet: looked at, never touched."""

import os
from collections.abc import Iterator
from contextlib import suppress
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


#: In the folder of a worker, and touched by it as long as it lives.
LIFE = ".lock"


def show_life(folder: Path) -> None:
    """Leave a sign in the folder of a worker that it lives. Raises OSError."""
    os.utime(folder / LIFE)


def last_life(spool: Path) -> datetime | None:
    """When a worker of that spool last showed that it lives; None where none ever did."""
    found = []
    for folder in spool.iterdir() if spool.is_dir() else ():
        if folder.name.isdecimal():
            with suppress(OSError):
                found.append((folder / LIFE).stat().st_mtime)
    return datetime.fromtimestamp(max(found), UTC) if found else None


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
