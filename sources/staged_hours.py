"""Stored lines by hour, on disk until all is read: a log need not be ordered, and nothing is put before.

An hour's lines are kept as they are while they come, and compressed into a part when a part is full or others
came since. So disk holds about a tenth of what was read, and memory no more than a part.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from footfall.raw_object import compress

#: Bytes of stored lines of one raw object. Higher: fewer objects in a busy hour, and more memory.
PART_BYTES = 48 << 20
#: Rows that are written together.
_ROWS = 4096
_HOUR = timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Part:
    """Lines of one hour, compressed: a raw object to be."""

    hour: datetime
    path: Path
    lines: int


@dataclass(frozen=True)
class HourLines:
    """`count` newline-terminated lines of an hour, `size` bytes; `pieces`: their bytes, to be had once."""

    hour: int
    size: int
    count: int
    pieces: Iterable[bytes | memoryview]


@dataclass
class _Open:
    """An hour that still gets lines."""

    path: Path
    size: int = 0
    lines: int = 0
    touched: int = 0


@dataclass
class StagedHours:
    """`folder` is where the lines are; hours are counted from 1970."""

    folder: Path
    part_bytes: int = PART_BYTES
    parts: list[Part] = field(default_factory=list)
    _open: dict[int, _Open] = field(default_factory=dict)
    _full: list[tuple[int, _Open]] = field(default_factory=list)
    _files: int = 0
    _round: int = 0

    def add(self, lines: HourLines) -> None:
        """Lines of an hour, which stay in one part."""
        hour = lines.hour
        found = self._open.get(hour)
        if found is not None and found.size + lines.size > self.part_bytes:
            self._full.append((hour, self._open.pop(hour)))
            found = None
        if found is None:
            self._files += 1
            found = self._open[hour] = _Open(self.folder / f"{self._files:09d}.ndjson")
        with found.path.open("ab") as file:
            file.writelines(lines.pieces)
        found.size += lines.size
        found.lines += lines.count
        found.touched = self._round

    def end_round(self) -> None:
        """After each piece of a log, whose lines are out of memory then. What is full is sealed, and what the
        piece did not touch: such hours are over, as logs go.
        """
        over = [hour for hour, each in self._open.items() if each.touched < self._round]
        self._seal([*self._full, *((hour, self._open.pop(hour)) for hour in over)])
        self._full = []
        self._round += 1

    def sealed(self) -> Iterator[Part]:
        """All parts, by hour, in the order in which they came."""
        self._seal([*self._full, *self._open.items()])
        self._full, self._open = [], {}
        return iter(sorted(self.parts, key=lambda part: part.hour))

    def _seal(self, hours: Iterable[tuple[int, _Open]]) -> None:
        for hour, found in hours:
            path = self.folder / f"{len(self.parts):09d}.zst"
            path.write_bytes(compress(found.path.read_bytes()))
            found.path.unlink()
            self.parts.append(Part(_EPOCH + hour * _HOUR, path, found.lines))


def hour_of(moment: datetime) -> int:
    """The number of the hour that a moment (aware) lies in."""
    return int((moment - _EPOCH) // _HOUR)


def hours_of(rows: pa.Table) -> Iterator[HourLines]:
    """The lines of each hour, in the order of object and line_number.

    `rows` has hour, object, line_number, text, and lines: how many a text is. They are never twice in memory.
    """
    order = np.lexsort([rows[each].to_numpy() for each in ("line_number", "object", "hour")])
    is_ordered = bool((order[1:] > order[:-1]).all())
    hours, counts = (rows[each].to_numpy()[order] for each in ("hour", "lines"))
    sizes = pc.binary_length(rows["text"]).to_numpy()[order]
    changes = (hours[1:] != hours[:-1]).nonzero()[0] + 1
    for begin, end in pairwise([0, *changes.tolist(), len(order)] if len(order) else []):
        stretches = ((at, min(at + _ROWS, end)) for at in range(begin, end, _ROWS))
        parts = (
            rows.slice(first, last - first) if is_ordered else rows.take(order[first:last])
            for first, last in stretches
        )
        pieces = (_bytes_of(each) for part in parts for each in part["text"].chunks)
        yield HourLines(int(hours[begin]), int(sizes[begin:end].sum()), int(counts[begin:end].sum()), pieces)


def _bytes_of(texts: pa.Array) -> memoryview:
    """Texts of Arrow lie behind one another, as a file has them."""
    _, offsets, data = texts.buffers()
    places = memoryview(offsets).cast("i")
    return memoryview(data)[places[texts.offset] : places[texts.offset + len(texts)]]
