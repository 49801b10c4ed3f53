"""Answers of few rows that are kept until something is published anew: of all clients within one bound."""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

#: Bytes, about, that the rows of all clients may have together.
MOST_BYTES = 32 << 20
#: What a cell costs beside its characters, about.
_CELL_BYTES = 64

#: Values of dimensions → metrics.
Rows = Mapping[tuple[Any, ...], Sequence[Any]]


class KeptRows:
    """Rows by client and question. What was not asked for longest goes first. For several threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._guard = threading.Lock()
        self._rows: OrderedDict[tuple[str, Hashable], tuple[object, Rows, int]] = OrderedDict()
        self.bytes = 0

    def get(self, client_id: str, which: object, what: Hashable) -> Rows | None:
        """What is kept of a question to the snapshot `which`."""
        with self._guard:
            found = self._rows.get((client_id, what))
            if found is None or found[0] != which:
                return None
            self._rows.move_to_end((client_id, what))
            return found[1]

    def put(self, client_id: str, which: object, what: Hashable, rows: Rows) -> None:
        """Keep these, which nobody changes from now on."""
        size = _CELL_BYTES + sum(_size(each) for dims, values in rows.items() for each in (*dims, *values))
        if size > self._most:
            return
        with self._guard:
            self._drop((client_id, what))
            self._rows[client_id, what] = (which, rows, size)
            self.bytes += size
            while self.bytes > self._most:
                self._drop(next(iter(self._rows)))

    def forget(self, client_id: str) -> None:
        """Forget all of a client."""
        with self._guard:
            for key in [key for key in self._rows if key[0] == client_id]:
                self._drop(key)

    def _drop(self, key: tuple[str, Hashable]) -> None:
        found = self._rows.pop(key, None)
        self.bytes -= found[2] if found else 0


def _size(cell: object) -> int:
    return _CELL_BYTES + (4 * len(cell) if isinstance(cell, str) else 0)
