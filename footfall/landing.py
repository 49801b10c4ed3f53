"""Stored lines → a raw object of the lake, and what lies there afterwards, counted in the lake itself."""

import hashlib
from collections import Counter
from datetime import datetime

import msgspec
import zstandard

from footfall.errors import FootfallError
from footfall.keys import raw_object
from footfall.raw_keys import keys_of
from footfall.sealed import read_raw, sealed_for
from footfall.store import ObjectStore, put_once

#: What a refused line counts as; an event counts as its type, which never has a blank.
REFUSED = "refused line"


class _Line(msgspec.Struct, gc=False):
    kind: str
    type: str = ""


_decode_lines = msgspec.json.Decoder(_Line).decode_lines


def count_stored(content: bytes) -> Counter[str]:
    """Event type, or REFUSED → how many of the newline-terminated stored lines are that."""
    found = _decode_lines(content)
    if len(found) != content.count(b"\n") + (not content.endswith(b"\n") and bool(content)):
        raise msgspec.DecodeError("a line that is not one stored line")
    return Counter([REFUSED if line.kind == "refused" else line.type for line in found])


def land(
    lake: ObjectStore, hour: datetime, origin: str, client_id: str, data: bytes, lines: int
) -> tuple[str, Counter[str]]:
    """Put the `lines` stored lines of one client and hour, compressed (footfall.raw_object). Returns the key,
    and what is stored there.

    The object is read back, and what is said of it is counted from that. Raises FootfallError, naming the
    object, where it does not hold as many lines as were read, and StoreError where the lake fails.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    key = raw_object(hour, origin, sha256, client_id)
    formers = [raw_object(hour, origin, sha256)]
    ring = keys_of(lake)
    seal = ring.current(client_id) if ring is not None else None
    if ring is not None and seal is not None:
        formers.append(key)
        content = zstandard.ZstdDecompressor().decompress(data)
        for each in ring.all_of(client_id):
            if each != seal:
                before = hashlib.sha256(sealed_for(content, each, ring)).hexdigest()
                formers.append(raw_object(hour, origin, before, client_id))
        data = sealed_for(content, seal, ring)
        key = raw_object(hour, origin, hashlib.sha256(data).hexdigest(), client_id)
    for former in formers:
        if lake.head(former) is not None:
            # Put before keys named their client, before it was sealed, or before its key turned: a second
            # copy would count its refused lines twice.
            key, data = former, lake.get(former)
    put_once(lake, key, data)
    try:
        stored = count_stored(zstandard.ZstdDecompressor().decompress(read_raw(lake, key)))
    except (zstandard.ZstdError, msgspec.DecodeError) as error:
        raise FootfallError(f"{lake.url(key)} cannot be read back: {error}; import the same again") from None
    if stored.total() != lines:
        raise FootfallError(
            f"{lake.url(key)} holds {stored.total()} lines, and {lines} were read for it: what was imported "
            "is not whole; report this with the log, the hour must not be delivered"
        )
    return key, stored
