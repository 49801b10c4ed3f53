"""Raw objects to lines that DuckDB can read without guessing, and what to do with damaged ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import zstandard

from footfall.event import MAX_BODY_BYTES, timestamp

#: Bytes one raw object may decompress to. Segments are capped far below (FOOTFALL_SEGMENT_BYTES, at most
#: 1 GiB); zstd reaches 32,000:1, so an object beyond this is damage or an attack.
MAX_OBJECT_BYTES = 2 << 30
#: Bytes of one line: a body kept in quarantine can triple in JSON escapes.
MAX_LINE_BYTES = 8 * MAX_BODY_BYTES
#: Compressed bytes that are fed to zstd at once. At 32,000:1 they become 128 MiB at most, so that a bomb
#: meets the limit before it fills the memory.
_CHUNK = 4096

#: Columns of a stored line (footfall.event) and their DuckDB types: no inference.
LINE_COLUMNS = {
    "v": "INTEGER",
    "kind": "VARCHAR",
    "client_id": "VARCHAR",
    "site_id": "VARCHAR",
    "event_id": "VARCHAR",
    "type": "VARCHAR",
    "received_at": "TIMESTAMPTZ",
    "occurred_at": "TIMESTAMPTZ",
    "visitor_id": "VARCHAR",
    "user_agent": "VARCHAR",
    "host": "VARCHAR",
    "is_declared_host": "BOOLEAN",
    "gpc": "BOOLEAN",
    "dnt": "BOOLEAN",
    "reason": "VARCHAR",
    "detail": "VARCHAR",
    "body": "VARCHAR",
    "event": "JSON",
}


#: Reason of the one row that stands for a whole object; it has no line number.
UNREADABLE = "unreadable_object"

#: What every event has, beside its own JSON.
EVENT_FIELDS = ("client_id", "site_id", "event_id", "type", "received_at", "occurred_at")


@dataclass(frozen=True)
class DecodedObject:
    """A raw object as plain lines in a local file. `lines` counts them."""

    key: str
    path: Path
    lines: int


class _StoredLine(msgspec.Struct):
    """The types a stored line must have to be read; what is more is dropped."""

    kind: str
    received_at: datetime
    client_id: str | None = None
    site_id: str | None = None
    event_id: str | None = None
    type: str | None = None
    occurred_at: datetime | None = None
    visitor_id: str | None = None
    user_agent: str | None = None
    host: str | None = None
    is_declared_host: bool | None = None
    gpc: bool | None = None
    dnt: bool | None = None
    reason: str | None = None
    detail: str | None = None
    body: str | None = None
    event: msgspec.Raw = msgspec.Raw(b"null")
    v: Annotated[int, msgspec.Meta(ge=0, lt=2**31)] = 1


_decode_line = msgspec.json.Decoder(_StoredLine).decode
#: Looks at every byte of a client's own JSON. Numbers stay text: one beyond a double is no damage.
_decode_event = msgspec.json.Decoder(float_hook=str).decode


def decode_object(
    key: str, data: bytes, hour: datetime, path: Path, max_bytes: int = MAX_OBJECT_BYTES
) -> DecodedObject:
    """Decompress an object to `path`. One that cannot be trusted whole becomes one quarantined line.

    zstd's own checksum covers the content, so truncation and flipped bits are seen here.
    """
    lines = size = 0
    last = b"\n"
    try:
        with path.open("wb") as file:
            for chunk in _decompressed(data):
                size += len(chunk)
                if size > max_bytes:
                    return unreadable_object(key, hour, f"more than {max_bytes} bytes decompressed", path)
                lines += chunk.count(b"\n")
                last = chunk[-1:]
                file.write(chunk)
    except (zstandard.ZstdError, EOFError) as error:
        return unreadable_object(key, hour, str(error), path)
    if last != b"\n":
        return unreadable_object(key, hour, "the last line has no end", path)
    return DecodedObject(key, path, lines)


def _decompressed(data: bytes) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor().decompressobj()
    for start in range(0, len(data), _CHUNK):
        chunk = decompressor.decompress(data[start : start + _CHUNK])
        if chunk:
            yield chunk
        if decompressor.unused_data:
            raise EOFError("there is more after the end of the compressed data")
    if not decompressor.eof:
        raise EOFError("the compressed data ends early")


def unreadable_object(key: str, hour: datetime, detail: str, path: Path) -> DecodedObject:
    """The one line that stands for a whole object nobody can read; the object itself stays in the lake."""
    path.write_bytes(_quarantined(UNREADABLE, detail, b"", hour))
    return DecodedObject(key, path, 1)


def mend_lines(decoded: DecodedObject, hour: datetime) -> None:
    """Replace each line that is not a stored line by a quarantined one with its bytes, in place.

    Stored lines are written anew in one form, so that DuckDB can read whatever was found sound here.
    """
    mended = decoded.path.with_suffix(".mended")
    with decoded.path.open("rb") as lines, mended.open("wb") as out:
        for line in lines:
            out.write(_mended(line, hour))
    mended.replace(decoded.path)


def _mended(line: bytes, hour: datetime) -> bytes:
    try:
        stored = _decode_line(line)
        _decode_event(stored.event)
        written = msgspec.json.encode(stored) + b"\n"
        missing = _missing(stored)
        if missing:
            raise msgspec.ValidationError(f"the line lacks {missing}")
        if len(written) > MAX_LINE_BYTES:
            raise msgspec.ValidationError(f"more than {MAX_LINE_BYTES} bytes")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _quarantined("damaged_line", str(error), line[:-1], hour)
    return written


def _missing(line: _StoredLine) -> str:
    """The first field that a line of its kind must have and has not; empty where nothing is missing."""
    if line.kind == "refused":
        return "" if line.reason else "reason"
    if line.kind != "event":
        return "a known kind"
    for name in EVENT_FIELDS:
        if getattr(line, name) is None:
            return name
    return "" if bytes(line.event).lstrip().startswith(b"{") else "event"


def _quarantined(reason: str, detail: str, body: bytes, hour: datetime) -> bytes:
    text = body[:MAX_BODY_BYTES].decode("latin-1")
    line = {
        "kind": "refused",
        "received_at": timestamp(hour),
        "reason": reason,
        "detail": detail,
        "body": text,
    }
    return msgspec.json.encode(line) + b"\n"
