"""How often a line came before in its file, exactly, in memory that does not grow with the file.

Two lines that are alike have the same time. So of each part of a file that was read, the span of its times
and the sorted hashes of its lines are kept on disk, and asked where spans meet: in a log, by its neighbours.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class _Part:
    first: int
    last: int
    path: Path


@dataclass
class RepeatedLines:
    """What was seen of the files that are read together. `folder` gets a file for each part."""

    folder: Path
    parts: list[_Part] = field(default_factory=list)

    def occurrences(self, seconds: NDArray[np.int64], hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """For each line of a part, the how-manieth with its hash it is; the first is 1."""
        count = len(hashes)
        if not count:
            return np.empty(0, dtype=np.int64)
        order = np.argsort(hashes, kind="stable")
        ordered = hashes[order]
        is_new = np.concatenate(([True], ordered[1:] != ordered[:-1]))
        begins = np.maximum.accumulate(np.where(is_new, np.arange(count), 0))
        found = np.empty(count, dtype=np.int64)
        found[order] = np.arange(count) - begins + 1
        first, last = int(seconds.min()), int(seconds.max())
        for part in self.parts:
            if part.first <= last and first <= part.last:
                before = np.fromfile(part.path, dtype=np.uint64)
                found += np.searchsorted(before, hashes, "right") - np.searchsorted(before, hashes, "left")
        path = self.folder / f"{len(self.parts):09d}.hashes"
        ordered.tofile(path)
        self.parts.append(_Part(first, last, path))
        return found
