"""`footfall enrich FILE`: fields of stored events that somebody learnt later, checked and landed in the lake.

A line of the file: `{"event_id": "…", "fields": {"country": "SE"}}`, optionally `"version": 2`. The higher
version wins, field by field; nothing that was stored is changed.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec

from footfall.catalogue.columns import ENRICHABLE
from footfall.errors import FootfallError
from footfall.event import timestamp
from footfall.keys import enrichment_object
from footfall.raw_object import compress_lines
from footfall.store import ObjectStore, put_once

#: Lines of one object, so that neither side holds more at once.
LINES_AN_OBJECT = 50_000


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    event_id: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{8,64}$")]
    fields: dict[str, str | bool | None]
    version: Annotated[int, msgspec.Meta(ge=1, lt=2**31)] = 1


_decode = msgspec.json.Decoder(_Line).decode


class StoredEnrichment(msgspec.Struct):
    """One line of an object of enrichments."""

    client_id: str
    event_id: str
    version: int
    at: datetime
    fields: msgspec.Raw


def land_enrichments(path: Path, client_id: str, lake: ObjectStore, now: datetime | None = None) -> list[str]:
    """Check the whole file, then put it into the lake. Returns the keys.

    Raises FootfallError naming the first line that cannot be taken; then nothing was put.
    """
    taken_at = now or datetime.now(UTC)
    chunks = list(_chunks(path, client_id, taken_at))
    if not chunks:
        raise FootfallError(f"{path} holds no line: there is nothing to enrich")
    return _put(chunks, lake, taken_at)


def land_enrichment(document: bytes, client_id: str, lake: ObjectStore, now: datetime) -> list[str]:
    """The same of one line that came by itself. Raises FootfallError, StoreError."""
    return _put([[_stored(_checked(document, "the event"), client_id, now)]], lake, now)


def _put(chunks: list[list[bytes]], lake: ObjectStore, taken_at: datetime) -> list[str]:
    names = []
    for data in map(compress_lines, chunks):
        key = enrichment_object(taken_at, hashlib.sha256(data).hexdigest())
        put_once(lake, key, data)
        names.append(key)
    return names


def _chunks(path: Path, client_id: str, taken_at: datetime) -> Iterator[list[bytes]]:
    chunk: list[bytes] = []
    try:
        with path.open("rb") as file:
            for number, text in enumerate(file, 1):
                if not text.strip():
                    continue
                chunk.append(_stored(_checked(text, f"{path}, line {number}"), client_id, taken_at))
                if len(chunk) == LINES_AN_OBJECT:
                    yield chunk
                    chunk = []
    except OSError as error:
        raise FootfallError(f"{path} cannot be read: {error.strerror}") from None
    if chunk:
        yield chunk


def _checked(text: bytes, where: str) -> _Line:
    try:
        line = _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FootfallError(f"{where}: {error}; nothing was taken") from None
    unknown = sorted(set(line.fields) - {*ENRICHABLE})
    if unknown or not line.fields:
        said = f"{unknown[0]!r} is no field that can be learnt later" if unknown else "no fields"
        raise FootfallError(f"{where}: {said}; known are {', '.join(sorted(ENRICHABLE))}; nothing was taken")
    return line


def _stored(line: _Line, client_id: str, taken_at: datetime) -> bytes:
    return msgspec.json.encode(
        {
            "client_id": client_id,
            "event_id": line.event_id,
            "version": line.version,
            "at": timestamp(taken_at),
            "fields": line.fields,
        }
    )
