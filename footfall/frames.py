"""Frames: `length u32 | crc32 u32 | payload`, little endian; a segment is a row of them.

A payload is the stored lines of one request, each with its line end, so that a batch is kept or lost as
a whole. Lines never hold a byte below 0x20 other than the line end; `scan` leans on that to find the
next frame behind a damaged one, because the top byte of a length is always zero.
"""

import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

#: Bytes of one payload. A full batch with its envelopes stays below half of it.
MAX_PAYLOAD_BYTES = 8 << 20

_HEADER = struct.Struct("<II")
HEADER_BYTES = _HEADER.size


def frames(payloads: Iterable[bytes]) -> bytes:
    """Frames around payloads of 1 to MAX_PAYLOAD_BYTES bytes, one behind the other."""
    pack, crc32 = _HEADER.pack, zlib.crc32
    parts: list[bytes] = []
    for payload in payloads:
        parts += (pack(len(payload), crc32(payload)), payload)
    return b"".join(parts)


@dataclass(frozen=True)
class Scan:
    """What lies in a segment file: good payloads, damaged stretches, and a torn tail."""

    data: bytes
    #: Start and end of each good payload.
    spans: list[tuple[int, int]]
    corrupt: list[bytes]
    #: Offset behind the last complete frame; what follows is a write that never finished.
    end: int

    @property
    def torn(self) -> int:
        """Bytes of the torn tail."""
        return len(self.data) - self.end

    @property
    def payloads(self) -> list[bytes]:
        """The good payloads, one for each append."""
        return [self.data[start:end] for start, end in self.spans]

    @property
    def size(self) -> int:
        """Bytes of all good payloads together."""
        return sum(end - start for start, end in self.spans)

    def chunks(self, size: int) -> Iterator[bytes]:
        """The good payloads one behind the other, in pieces of about `size` bytes."""
        gathered: list[memoryview] = []
        held, view = 0, memoryview(self.data)
        for start, end in self.spans:
            gathered.append(view[start:end])
            held += end - start
            if held >= size:
                yield b"".join(gathered)
                gathered, held = [], 0
        if gathered:
            yield b"".join(gathered)


def scan(data: bytes, *, breathe: Callable[[], None] = lambda: None) -> Scan:
    """Read the bytes of a segment, however they ended. `breathe` is called every 64 KiB or so.

    A bad stretch with a good frame somewhere behind it, or one that is complete by its length, is
    damage: it may have been acknowledged, so it is reported and not dropped. Any other bad stretch is a
    torn tail: its fsync never returned, so nobody was told that it is kept.
    """
    spans: list[tuple[int, int]] = []
    corrupt: list[bytes] = []
    at = breath = 0
    while at < len(data):
        end, good = _frame_at(data, at)
        if good:
            spans.append((at + _HEADER.size, end))
        else:
            end = _next_frame(data, at + 1) or end
            if not end:
                break
            corrupt.append(data[at:end])
        at = end
        if at - breath > 1 << 16:
            breath = at
            breathe()
    return Scan(data, spans, corrupt, end=at)


def _frame_at(data: bytes, at: int) -> tuple[int, bool]:
    """The end of the frame at `at` (0 where no complete one can be), and whether its checksum holds."""
    if at + _HEADER.size > len(data):
        return 0, False
    length, checksum = _HEADER.unpack_from(data, at)
    end = at + _HEADER.size + length
    # Length zero is never written; it is what a file looks like that grew before its data arrived.
    if not 0 < length <= MAX_PAYLOAD_BYTES or end > len(data):
        return 0, False
    return end, zlib.crc32(memoryview(data)[at + _HEADER.size : end]) == checksum


#: Where a header can begin: a length of less than 2^24 that is not zero.
_LENGTH = re.compile(rb"(?=(?:[^\0]..|.[^\0].|..[^\0])\0)", re.DOTALL)


def _next_frame(data: bytes, start: int) -> int:
    """Offset of the first good frame at or behind `start`, 0 where there is none."""
    for found in _LENGTH.finditer(data, start):
        if _frame_at(data, found.start())[1]:
            return found.start()
    return 0
