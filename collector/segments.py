"""Segment files: their names, and what a start does with those that an earlier owner left.

20261120T14-c1-1-1700000000000-000001.open ──► ….sealed ──► ….SHA.LINES.BYTES.shipped
HOUR        ORIGIN: collector, worker folder, birth in ms, number   and beside it ….corrupt, where damaged

A segment that the lake holds says so by its name, with all that its tally needs: a new name takes no space,
so a full disk cannot keep it from being emptied.
"""

import logging
import re
from collections.abc import Container
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from collector.files import Files
from footfall.errors import FootfallError
from footfall.frames import scan
from footfall.spool_tail import OPEN, SEALED

log = logging.getLogger("collector")

SHIPPED, CORRUPT = ".shipped", ".corrupt"

_HOUR = "%Y%m%dT%H"
_BIRTH = re.compile(r"-(\d{13})-\d+$")


def segment_stem(hour: datetime, origin: str) -> str:
    """The file name of a segment without its state: `20261120T14-c1-1-1700000000000-000001`."""
    return f"{hour.astimezone(UTC):{_HOUR}}-{origin}"


def segment_place(path: Path) -> tuple[datetime, str]:
    """Hour and origin of a segment, from its file name. Raises FootfallError for a foreign file."""
    stamp, _, origin = path.stem.partition("-")
    try:
        return datetime.strptime(stamp, _HOUR).replace(tzinfo=UTC), origin
    except ValueError:
        raise FootfallError(f"{path} is not a segment of ours; move it out of the spool") from None


@dataclass(frozen=True)
class Shipped:
    """What the lake holds of a segment: `size` in bytes, as it lies there."""

    hour: datetime
    origin: str
    sha256: str
    lines: int
    size: int

    def name(self) -> str:
        """The file name that says all this."""
        return f"{segment_stem(self.hour, self.origin)}.{self.sha256}.{self.lines}.{self.size}{SHIPPED}"


def shipped_from(path: Path) -> Shipped:
    """What the name of a shipped segment says. Raises FootfallError for a foreign file."""
    hour, rest = segment_place(path)
    try:
        origin, sha256, lines, size = rest.rsplit(".", 3)
        return Shipped(hour, origin, sha256, int(lines), int(size))
    except ValueError:
        raise FootfallError(f"{path} is not a segment of ours; move it out of the spool") from None


def segment_birth(path: Path, now: float) -> float:
    """Seconds since 1970 at which a segment was begun, from its name; `now` where it does not say."""
    found = _BIRTH.search(path.stem)
    return int(found[1]) / 1000 if found else now


def set_aside(files: Files, path: Path, corrupt: list[bytes]) -> bool:
    """Keep damaged stretches of a segment in `….corrupt` beside it. False where they are there already."""
    target = path.with_suffix(CORRUPT)
    if not corrupt or target.name in files.names(path.parent):
        return False
    files.replace_content(target, b"".join(corrupt))
    return True


@dataclass
class Recovered:
    """What a look at the segments of an earlier owner came to."""

    #: Segments that are sealed now, with their sizes in bytes.
    sealed: dict[Path, int]
    torn_segments: int = 0
    corrupt_frames: int = 0
    #: Segments that the disk would not let us deal with: left as they are, for another try.
    left: int = 0
    #: The last reason for that.
    trouble: str | None = None


def recover(files: Files, folder: Path, *, ours: Container[Path] = ()) -> Recovered:
    """Cut torn tails, set damage aside and seal each open segment but `ours`.

    One segment that cannot be read does not hold up the others. Nothing is synced here: what an earlier
    owner wrote and never synced was never acknowledged, and it is shipped if it is still there.
    """
    found = Recovered({})
    for name in files.names(folder):
        path = folder / name
        if path in ours:
            continue
        try:
            if path.suffix == OPEN:
                _seal(files, path, found)
            elif path.suffix == SEALED:
                found.sealed[path] = files.size(path)
        except OSError as error:
            found.left += 1
            found.trouble = f"{name}: {error.strerror}"
            log.error("%s cannot be recovered yet: %s", name, error.strerror)
    if found.sealed:
        files.sync_folder(folder)
    return found


def _seal(files: Files, path: Path, found: Recovered) -> None:
    content = scan(files.read(path))
    if content.torn:
        files.truncate(path, content.end)
        found.torn_segments += 1
        log.warning("%s: a torn tail of %d bytes was cut off", path.name, content.torn)
    try:
        if set_aside(files, path, content.corrupt):
            found.corrupt_frames += len(content.corrupt)
            log.error("%s: %d damaged frames were set aside", path.name, len(content.corrupt))
    except OSError as error:  # the shipper does it, once there is room: the good frames need not wait
        log.error("%s: damaged frames cannot be set aside yet: %s", path.name, error.strerror)
    target = path.with_suffix(SEALED)
    files.rename(path, target)
    found.sealed[target] = content.end
