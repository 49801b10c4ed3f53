"""The newest stored lines of a client, for whoever debugs a page: a ring in memory, scrubbed as stored."""

from collections import deque

import msgspec

#: Lines kept for each client that has a key to read them.
MAX_LINES = 100
#: Bytes for all clients together, and the least for one of them.
TOTAL_BYTES = 8 << 20
LEAST_BYTES = 64 << 10


class Ring:
    """The newest stored lines of one client, within a number and a size."""

    __slots__ = ("_bytes", "_lines", "budget")

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self.budget = TOTAL_BYTES

    def add(self, payload: bytes) -> None:
        """Remember the lines of one request, newest last. The payload is held whole, so it is cheap."""
        self._lines.append(payload)
        self._bytes += len(payload)
        while self._bytes > self.budget or len(self._lines) > MAX_LINES:
            self._bytes -= len(self._lines.popleft())

    def take_over(self, other: "Ring") -> None:
        """Begin with what another ring holds."""
        self._lines, self._bytes = other._lines, other._bytes

    def newest(self, limit: int) -> list[msgspec.Raw]:
        """Up to `limit` stored lines as JSON, newest first."""
        found: list[msgspec.Raw] = []
        for payload in reversed(self._lines):
            for line in reversed(payload.splitlines()):
                if len(found) == limit:
                    return found
                found.append(msgspec.Raw(line))
        return found


def share_memory(rings: list[Ring]) -> None:
    """Divide the memory among the rings."""
    for ring in rings:
        ring.budget = max(LEAST_BYTES, TOTAL_BYTES // len(rings))
