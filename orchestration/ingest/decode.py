"""Raw objects to files of numbered lines that DuckDB reads without guessing, and what to do with damaged
ones.

Each line gets its number and that of its object as its first fields: `{"#":17,"@":3,"v":1,…`. So a file may
hold many objects, DuckDB may read the files in any order, on all cores, and every line's place is known.
"""

import re
import struct
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Self

import msgspec
import zstandard

from footfall.catalogue.columns import FLAG, JSON, LARGE, LINE, SMALL, TEXT, TIME
from footfall.event import MAX_BODY_BYTES, timestamp
from footfall.keys import client_of_raw_object
from footfall.tombstones import ERASED

#: Bytes one raw object may decompress to. Segments are capped far below (FOOTFALL_SEGMENT_BYTES, at most
#: 1 GiB); zstd reaches 32,000:1, so an object beyond this is damage or an attack.
MAX_OBJECT_BYTES = 2 << 30
#: Bytes of one line: a body kept in quarantine can triple in JSON escapes.
MAX_LINE_BYTES = 8 * MAX_BODY_BYTES
#: How much longer an object may be as numbered lines: stored lines grow by a tenth, empty ones a hundredfold.
_NUMBERED = 2
#: Compressed bytes that are decompressed at once. At 32,000:1 they become 32 MiB at most, so that a bomb
#: meets the limit before it fills the memory.
_CHUNK = 1024
#: The same for gzip, which reaches 1,030:1: 16 MiB at most.
_GZIP_CHUNK = 16 << 10
#: The same for an object that says it holds no more than _LITTLE; zstd refuses one that holds more than it
#: says. Pieces of some MB stay in the processor's cache, larger ones ask the system for new memory each time.
_LITTLE_CHUNK = 128 << 10
_LITTLE = 32 << 20
#: Decompressed bytes whose lines are numbered at once: splitting them takes some three times as much, and for
#: many short lines fifty times.
_NUMBERED_AT_ONCE = 4 << 20

#: The fields that hold a line's number from 1, and the number of its object in the hour.
NUMBER, OBJECT = "#", "@"
#: Reason of the one row that stands for a whole object; it has no line number.
UNREADABLE = "unreadable_object"
#: Reason of a row whose line is no stored line.
DAMAGED = "damaged_line"

#: What every event has, beside its own JSON.
EVENT_FIELDS = tuple(field.name for field in LINE if field.is_required)


@dataclass(frozen=True)
class DecodedObject:
    """A raw object as numbered lines in a file that may hold others. `problem`: why it is set aside whole.

    `waiting`: (client, key, lines) of what is not in the file, because its key is missing.
    """

    key: str
    size: int
    path: Path
    lines: int
    problem: str = ""
    waiting: tuple[tuple[str, str, int], ...] = ()


class _Line(msgspec.Struct, kw_only=True):
    """What a stored line must have to be read."""

    kind: str
    received_at: datetime
    v: Annotated[int, msgspec.Meta(ge=0, lt=2**31)] = 1
    event: msgspec.Raw = msgspec.Raw(b"null")


#: DuckDB type → what its values are here.
_TYPES: dict[str, Any] = {
    TEXT: str | None,
    FLAG: bool | None,
    TIME: datetime | None,
    SMALL: Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)] | None,
    LARGE: Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)] | None,
    JSON: dict[str, int] | None,
}
#: The types a stored line must have to be read; what is more is dropped.
_StoredLine = msgspec.defstruct(
    "_StoredLine",
    [(field.name, _TYPES[field.type], None) for field in LINE if field.name not in _Line.__struct_fields__],
    bases=(_Line,),
    kw_only=True,
)
_decode_line = msgspec.json.Decoder(_StoredLine).decode
#: Looks at every byte of a client's own JSON. Numbers stay text: one beyond a double is no damage.
_decode_event = msgspec.json.Decoder(float_hook=str).decode


class _Unreadable(Exception):
    """The object cannot be trusted whole."""


class LinesFile:
    """A local file of numbered lines, to which one object after the other is added."""

    def __init__(self, path: Path, hour: datetime) -> None:
        self._path = path
        self._hour = hour
        self._file = path.open("wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, number: int, key: str, data: bytes, max_bytes: int = MAX_OBJECT_BYTES) -> DecodedObject:
        """Decompress an object (zstd or gzip). One that cannot be trusted whole becomes one quarantined line.

        The checksums of zstd and gzip cover the content, so truncation and flipped bits are seen here.
        """
        start, owner = self._file.tell(), client_of_raw_object(key)
        try:
            lines = 0
            for whole in _whole_lines(_decompressed(data, max_bytes)):
                lines += _write_numbered(self._file, whole, lines, number, self._hour, owner)
                if self._file.tell() - start > _NUMBERED * max_bytes:
                    raise _Unreadable(f"more than {max_bytes} bytes decompressed and numbered")
        except (_Unreadable, zstandard.ZstdError, zlib.error) as error:
            self._file.seek(start)
            self._file.truncate()
            return self.add_unreadable(number, key, str(error), len(data))
        return DecodedObject(key, len(data), self._path, lines)

    def add_unreadable(self, number: int, key: str, detail: str, size: int) -> DecodedObject:
        """One line for a whole object that nobody can read; the object itself stays in the lake."""
        owner = client_of_raw_object(key)
        self._file.write(_quarantined(UNREADABLE, detail, b"", _place(1, number), self._hour, owner))
        return DecodedObject(key, size, self._path, 1, detail)


def _decompressed(data: bytes, max_bytes: int) -> Iterator[bytes]:
    """The content, piece by piece. Raises _Unreadable before more than `max_bytes` have been given."""
    if data[:2] == b"\x1f\x8b":
        pieces = _inflated(zlib.decompressobj(wbits=31), data, _GZIP_CHUNK)
    else:
        chunk = _LITTLE_CHUNK if _content_size(data) <= min(_LITTLE, max_bytes) else _CHUNK
        pieces = _inflated(zstandard.ZstdDecompressor().decompressobj(), data, chunk)
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > max_bytes:
            raise _Unreadable(f"more than {max_bytes} bytes decompressed")
        yield piece


def _content_size(data: bytes) -> float:
    """What a zstd frame says of itself; infinite where it says nothing."""
    try:
        size = zstandard.frame_content_size(data)
    except zstandard.ZstdError:
        return float("inf")
    return size if size >= 0 else float("inf")


def _inflated(decompressor: Any, data: bytes, chunk: int) -> Iterator[bytes]:
    for start in range(0, len(data), chunk):
        piece = decompressor.decompress(memoryview(data)[start : start + chunk])
        if piece:
            yield piece
        if decompressor.unused_data or (decompressor.eof and start + chunk < len(data)):
            raise _Unreadable("there is more after the end of the compressed data")
    if not decompressor.eof:
        raise _Unreadable("the compressed data ends early")


def content_of(data: bytes, max_bytes: int = MAX_OBJECT_BYTES) -> bytes | None:
    """The lines of a raw object; None where it cannot be read, and is set aside whole."""
    try:
        return b"".join(_decompressed(data, max_bytes))
    except (_Unreadable, zstandard.ZstdError, zlib.error):
        return None


def _whole_lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces that end at a line's end. Raises _Unreadable where the last line has none.

    What a line has beyond MAX_LINE_BYTES is left out, and makes no valid line of it.
    """
    rest: list[bytes] = []
    held = 0
    for piece in _slices(pieces):
        end = piece.rfind(b"\n") + 1
        if not end:
            if held <= MAX_LINE_BYTES:
                rest.append(piece)
                held += len(piece)
            continue
        yield b"".join((*rest, piece[:end])) if rest else piece[:end] if end < len(piece) else piece
        rest = [piece[end:]] if end < len(piece) else []
        held = len(piece) - end
    if rest:
        raise _Unreadable("the last line has no end")


def _slices(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        if len(piece) <= _NUMBERED_AT_ONCE:
            yield piece
            continue
        for start in range(0, len(piece), _NUMBERED_AT_ONCE):
            yield piece[start : start + _NUMBERED_AT_ONCE]


#: Beginnings of lines that are kept for the next objects; a longer object makes its own.
_KEPT_BEGINNINGS = 20_000


@cache
def _beginnings() -> Any:
    """`\\n{"#":1` and on."""
    return _made_beginnings(1, _KEPT_BEGINNINGS)


def _made_beginnings(first: int, last: int) -> Any:
    import pyarrow as pa

    return pa.array([b'\n{"#":%d' % n for n in range(first, last + 1)], pa.binary())


def _write_numbered(
    file: BinaryIO, whole: bytes, before: int, number: int, hour: datetime, client_id: str | None
) -> int:
    """Write lines of an object with their numbers, `before` + 1 and on. Returns how many.

    Splitting and joining run at the speed of memory, and beside other objects' (Arrow lets Python's lock go).
    """
    # Imported here: it takes a quarter of a second, and most of what imports this module ingests nothing.
    import pyarrow as pa
    import pyarrow.compute as pc

    count = whole.count(b"\n")
    # The bytes behind the first bracket, as they lie there.
    text = [None, pa.py_buffer(struct.pack("=ii", 1, len(whole))), pa.py_buffer(whole)]
    inner = pc.split_pattern(pa.Array.from_buffers(pa.binary(), 1, text), pattern="\n{").values
    if len(inner) != count or not whole.startswith(b"{"):
        # Some line does not begin with a bracket: each is looked at by itself.
        for n, line in enumerate(whole[:-1].split(b"\n"), before + 1):
            file.write(_mended(line, _place(n, number), hour, client_id))
        return count
    if before + count <= _KEPT_BEGINNINGS:
        beginnings = _beginnings().slice(before, count)
    else:
        beginnings = _made_beginnings(before + 1, before + count)
    mark = pa.scalar(b',"@":%d,' % number, pa.binary())
    joined = pc.binary_join_element_wise(beginnings, mark, inner, pa.scalar(b"", pa.binary()))
    # The first beginning brings the line end of the piece before it; the last line has its own.
    file.write(memoryview(joined.buffers()[2])[1:])
    return count


def _place(line: int, number: int) -> bytes:
    """The beginning of a numbered line, up to its own fields."""
    return b'{"#":%d,"@":%d,' % (line, number)


_PLACE = re.compile(rb'\{"#":\d+,"@":(\d+),')


def mend_lines(path: Path, hour: datetime, keys: Sequence[str]) -> None:
    """Replace each line of such a file that is no stored line by a quarantined one with its bytes, in place.

    `keys`: those of the hour's objects, by their numbers.

    Stored lines are written anew in one form, so that DuckDB can read whatever was found sound here.
    """
    mended = path.with_suffix(".mended")
    with path.open("rb") as lines, mended.open("wb") as out:
        for line in lines:
            place = _PLACE.match(line)
            assert place, "every line was numbered"
            owner = client_of_raw_object(keys[int(place[1])])
            out.write(_mended(b"{" + line[place.end() : -1], place[0], hour, owner))
    mended.replace(path)


_NUMBERED_LINE = re.compile(rb'\{"#":(\d+),"@":(\d+),')


def without_lines(path: Path, gone: Mapping[int, Collection[int]]) -> None:
    """Take lines out of such a file, in place. `gone`: number of an object → numbers of its lines."""
    rest = path.with_suffix(".rest")
    with path.open("rb") as lines, rest.open("wb") as out:
        for line in lines:
            place = _NUMBERED_LINE.match(line)
            assert place, "every line was numbered"
            if int(place[1]) not in gone.get(int(place[2]), ()):
                out.write(line)
    rest.replace(path)


def _mended(line: bytes, place: bytes, hour: datetime, client_id: str | None) -> bytes:
    try:
        if len(line) > MAX_LINE_BYTES:
            raise msgspec.ValidationError(f"more than {MAX_LINE_BYTES} bytes")
        stored: Any = _decode_line(line)
        _decode_event(stored.event)
        written = place + msgspec.json.encode(stored)[1:] + b"\n"
        missing = _missing(stored)
        if missing:
            raise msgspec.ValidationError(f"the line lacks {missing}")
        if len(written) > MAX_LINE_BYTES:
            raise msgspec.ValidationError(f"more than {MAX_LINE_BYTES} bytes")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _quarantined(DAMAGED, str(error), line, place, hour, client_id)
    return written


def _missing(line: Any) -> str:
    """The first field that a line of its kind must have and has not; empty where nothing is missing."""
    if line.kind == "refused":
        return "" if line.reason else "reason"
    if line.kind == ERASED:
        return ""
    if line.kind != "event":
        return "a known kind"
    for name in EVENT_FIELDS:
        if getattr(line, name) is None:
            return name
    return "" if bytes(line.event).lstrip().startswith(b"{") else "event"


def _quarantined(
    reason: str, detail: str, body: bytes, place: bytes, hour: datetime, client_id: str | None
) -> bytes:
    """A refused line, in the receipt of the client that the whole object was written for, if one is."""
    text = body[:MAX_BODY_BYTES].decode("latin-1")
    line = {
        "kind": "refused",
        "client_id": client_id,
        "received_at": timestamp(hour),
        "reason": reason,
        "detail": detail,
        "body": text,
    }
    return place + msgspec.json.encode(line)[1:] + b"\n"
