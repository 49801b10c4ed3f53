"""`footfall enrich FILE`: what somebody learnt later of stored events, checked and landed in the lake.

A line of the file: `{"event_id": "…", "fields": {"country": "SE"}, "properties": {"score": 85}}`, one of
both at least, optionally `"version": 2`. `fields` are columns of ours; `properties` are anything else, by any
name. The higher version wins, field by field and property by property; nothing that was stored is changed.
"""

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
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


#: Properties that one line may give, characters of their names and of a text among their values.
MOST_PROPERTIES, LONGEST_NAME, LONGEST_TEXT = 64, 64, 2000
#: The member of the stored fields that holds properties; no column has this name.
_PROPERTIES = "properties"
_EVENT_ID = re.compile("[A-Za-z0-9_-]{8,64}")
_NAME = re.compile(rf"[^\x00-\x1f\x7f]{{1,{LONGEST_NAME}}}")

#: A value of a property: any scalar of JSON. Null takes the property back.
Scalar = str | int | float | bool | None


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    event_id: str
    fields: dict[str, str | bool | None] = {}
    properties: dict[str, Scalar] = {}
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
    if not _EVENT_ID.fullmatch(line.event_id):
        raise FootfallError(
            f"{where}: event_id: expected 8 to 64 of A-Z a-z 0-9 _ -, as the column `event_id` has it; "
            "nothing was taken"
        )
    unknown = sorted(set(line.fields) - {*ENRICHABLE})
    if unknown:
        raise FootfallError(
            f"{where}: {unknown[0]!r} is no field that can be learnt later; known are "
            f"{', '.join(sorted(ENRICHABLE))}; give anything else under `properties`; nothing was taken"
        )
    if not line.fields and not line.properties:
        raise FootfallError(f"{where}: neither fields nor properties; nothing was taken")
    wrong = mistake_of(line.properties)
    if wrong:
        raise FootfallError(f"{where}: properties: {wrong}; nothing was taken")
    return line


def mistake_of(properties: Mapping[str, Scalar]) -> str:
    """What is wrong with properties that were learnt; empty where nothing is."""
    if len(properties) > MOST_PROPERTIES:
        return f"more than {MOST_PROPERTIES} of them"
    for name, value in properties.items():
        if not _NAME.fullmatch(name):
            return f"{name[:80]!r}: a name has 1 to {LONGEST_NAME} characters and no controls"
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            return f"{name!r} is a text of more than {LONGEST_TEXT} characters"
        if isinstance(value, float) and not math.isfinite(value):
            return f"{name!r} is no number of JSON"
    return ""


def _stored(line: _Line, client_id: str, taken_at: datetime) -> bytes:
    fields: dict[str, object] = dict(line.fields)
    if line.properties:
        fields[_PROPERTIES] = line.properties
    return msgspec.json.encode(
        {
            "client_id": client_id,
            "event_id": line.event_id,
            "version": line.version,
            "at": timestamp(taken_at),
            "fields": fields,
        }
    )
