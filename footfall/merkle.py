"""The tree hash of RFC 6962 over a list that only grows, from what is left of it: log n hashes.

Of a list of n leaves the frontier is the roots of its full subtrees, largest first: one for each bit of n.
From it the root follows, and every longer list. So a log is extended without reading it, and whoever has the
leaves checks any older root by hashing as many of them.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

#: Bytes of a hash.
WIDTH = 32


def leaf_hash(data: bytes) -> bytes:
    """The hash of one leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node above two others."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True)
class Frontier:
    """A list of `size` leaves, as far as hashes go. Raises ValueError where size and peaks do not fit."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or self.size.bit_count() != len(self.peaks) or {*map(len, self.peaks)} - {WIDTH}:
            raise ValueError(f"no frontier of {self.size} leaves")

    def extended(self, hashes: Iterable[bytes]) -> "Frontier":
        """The frontier with more leaves, given by their hashes."""
        size, peaks = self.size, list(self.peaks)
        for found in hashes:
            full, left = found, size
            while left & 1:
                full = node_hash(peaks.pop(), full)
                left >>= 1
            peaks.append(full)
            size += 1
        return Frontier(size, tuple(peaks))

    @property
    def root(self) -> bytes:
        """The tree hash of all leaves."""
        if not self.peaks:
            return hashlib.sha256().digest()
        *others, root = self.peaks
        for peak in reversed(others):
            root = node_hash(peak, root)
        return root

    def packed(self) -> bytes:
        """Its peaks as bytes."""
        return b"".join(self.peaks)

    @staticmethod
    def unpacked(size: int, data: bytes) -> "Frontier":
        """What `packed` gave. Raises ValueError."""
        return Frontier(size, tuple(data[at : at + WIDTH] for at in range(0, len(data), WIDTH)))
