"""Stored lines by hour, on disk until all is read: a log need not be ordered, and nothing is put before.

An hour's lines are kept as they are while they come, and compressed into a part when a part is full or others
came since. So disk holds about a tenth of what was read, and memory no more than a part.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from footfall.raw_object import compress

#: Bytes of stored lines of one raw object. Higher: fewer objects in a busy hour, and more memory.
PART_BYTES = 48 << 20
_HOUR = timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Part:
    """Lines of one hour, compressed: a raw object to be."""

    hour: datetime
    path: Path
    lines: int


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
    _round: int = 0

    def add(self, hour: int, lines: bytes | memoryview, count: int) -> None:
        """`count` newline-terminated lines of an hour."""
        found = self._open.get(hour)
        if found is not None and found.size + len(lines) > self.part_bytes:
            self._seal(hour)
            found = None
        if found is None:
            found = self._open[hour] = _Open(self.folder / f"{hour:09d}.ndjson")
        with found.path.open("ab") as file:
            file.write(lines)
        found.size += len(lines)
        found.lines += count
        found.touched = self._round

    def end_round(self) -> None:
        """After each piece of a log: hours that it did not touch are over, as logs go."""
        for hour in [hour for hour, each in self._open.items() if each.touched < self._round]:
            self._seal(hour)
        self._round += 1

    def sealed(self) -> Iterator[Part]:
        """All parts, by hour, in the order in which they came."""
        for hour in list(self._open):
            self._seal(hour)
        return iter(sorted(self.parts, key=lambda part: part.hour))

    def _seal(self, hour: int) -> None:
        found = self._open.pop(hour)
        path = self.folder / f"{len(self.parts):09d}.zst"
        path.write_bytes(compress(found.path.read_bytes()))
        found.path.unlink()
        self.parts.append(Part(_EPOCH + hour * _HOUR, path, found.lines))


def hour_of(moment: datetime) -> int:
    """The number of the hour that a moment (aware) lies in."""
    return int((moment - _EPOCH) // _HOUR)


def in_order(rows: pa.Table) -> pa.Table:
    """Rows by hour, object and line_number. A log is in order but for a few lines, and so mostly are they."""
    keys = [rows[each].to_numpy() for each in ("line_number", "object", "hour")]
    order = np.lexsort(keys)
    return rows if (order[1:] > order[:-1]).all() else rows.take(pa.array(order))


def runs_of(batch: pa.RecordBatch) -> Iterator[tuple[int, memoryview, int]]:
    """Hour, the bytes of its lines, how many. Texts of Arrow lie behind one another, as a file has them.

    `batch` has hour, text, and lines: how many a text is.
    """
    hours, lines = (batch.column(each).to_numpy(zero_copy_only=False) for each in ("hour", "lines"))
    texts = batch.column("text")
    _, offsets, data = texts.buffers()
    places = memoryview(offsets).cast("i")[texts.offset : texts.offset + len(texts) + 1]
    content = memoryview(data)
    begin = 0
    changes = (hours[1:] != hours[:-1]).nonzero()[0] + 1
    for end in [*changes.tolist(), len(hours)]:
        yield int(hours[begin]), content[places[begin] : places[end]], int(lines[begin:end].sum())
        begin = end
