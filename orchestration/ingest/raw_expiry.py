"""Lines of raw objects whose time is over: an object of one client goes whole, one of several is written
anew.

The new object is there before the old one goes. Who dies in between leaves both, whose lines are the same
ones; the next look writes the same object and removes the old one.
"""

import gzip
import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import zstandard

from footfall import keys
from footfall.clients import Registry
from footfall.sealed import Opened, open_raw
from footfall.sql import run
from footfall.store import ObjectInfo, ObjectStore, put_once
from orchestration.ingest import decode
from orchestration.ingest.lines import files_of, judge_lines
from orchestration.ingest.owners import owner_of
from orchestration.ingest.unpack import unpack

_NAME = re.compile(r"(?P<origin>[^/]+?)(-[0-9a-f]{16})?\.ndjson\.(zst|gz)$")


@dataclass(frozen=True)
class Went:
    """What went of raw objects: objects that are gone or were written anew, lines and bytes."""

    objects: int = 0
    lines: int = 0
    bytes: int = 0

    def __add__(self, other: "Went") -> "Went":
        return Went(self.objects + other.objects, self.lines + other.lines, self.bytes + other.bytes)


def expire_raw(
    connection: duckdb.DuckDBPyConnection,
    lake: ObjectStore,
    hour: datetime,
    registry: Registry,
    clients: Collection[str],
    folder: Path,
    *,
    may_remove: bool = True,
) -> dict[str, Went]:
    """Remove an hour's raw lines of these clients. Returns what went, by client.

    `folder`: for scratch, which the connection may read. Without `may_remove` nothing goes, and what would is
    returned. An object that cannot be read is left, unless its key says that it is all one client's.
    """
    found: dict[str, Went] = {}
    mixed = []
    for info in sorted(lake.list(keys.raw_prefix(hour)), key=lambda each: each.key):
        owner = keys.client_of_raw_object(info.key)
        if owner is None:
            mixed.append(info)
        elif owner in clients:
            found[owner] = found.get(owner, Went()) + Went(1, 0, info.size)
            if may_remove:
                lake.delete(info.key)
    gone = lines_of(connection, lake, mixed, hour, registry, clients, folder) if mixed else {}
    for number, by_client in sorted(gone.items()):
        info = mixed[number]
        lines = {line for each in by_client.values() for line in each}
        rest, size = _without(open_raw(lake, info.key), lines)
        for client, mine in by_client.items():
            share = (info.size - size) * len(mine) // max(1, len(lines))
            found[client] = found.get(client, Went()) + Went(1, len(mine), share)
        if may_remove:
            if rest:
                put_once(lake, key_of(info, hour, rest), rest)
            lake.delete(info.key)
    return found


def lines_of(
    connection: duckdb.DuckDBPyConnection,
    lake: ObjectStore,
    objects: list[ObjectInfo],
    hour: datetime,
    registry: Registry,
    clients: Collection[str],
    folder: Path,
) -> dict[int, dict[str, set[int]]]:
    """Number of an object → client → numbers of its lines in it. None of an object that cannot be read."""
    owner = owner_of(registry.histories.values())
    decoded = unpack(lake, objects, hour, folder, decode.MAX_OBJECT_BYTES)
    try:
        is_sound = judge_lines(connection, decoded, owner)
    except duckdb.Error:
        is_sound = False
    if not is_sound:
        for file in files_of(decoded):
            decode.mend_lines(Path(file), hour, [each.key for each in decoded])
        judge_lines(connection, decoded, owner)
    rows = run(
        connection,
        "SELECT object, client_id, n FROM judged WHERE list_contains($clients, client_id)",
        {"clients": sorted(clients)},
    ).fetchall()
    run(connection, "DROP TABLE judged")
    for file in files_of(decoded):
        Path(file).unlink(missing_ok=True)
    found: dict[int, dict[str, set[int]]] = {}
    for number, client, line in rows:
        if not decoded[number].problem:
            found.setdefault(number, {}).setdefault(client, set()).add(line)
    return found


def _without(opened: Opened, gone: set[int]) -> tuple[bytes, int]:
    """An object without some of its lines, empty where none is left; and its size.

    What waits for its key stays: nobody can tell what it is.
    """
    kept = [(n, line) for n, line in enumerate(lines_in(opened.data), 1) if n not in gone]
    rest = opened.packed(kept) if kept or opened.waiting else b""
    return rest, len(rest)


def lines_in(data: bytes) -> list[bytes]:
    """The lines of a raw object that is whole. Raises zstandard.ZstdError, OSError, EOFError for others."""
    if data[:2] == b"\x1f\x8b":
        content = gzip.decompress(data)
    else:
        frame = zstandard.ZstdDecompressor().decompressobj()
        content = frame.decompress(data)
        if frame.unused_data:
            raise zstandard.ZstdError("there is more after the end of the compressed data")
    return content[:-1].split(b"\n") if content else []


def key_of(info: ObjectInfo, hour: datetime, data: bytes, client_id: str = "") -> str:
    """The key of what of an object is written anew; `client_id`: whose all of its lines are."""
    found = _NAME.search(info.key)
    origin = found["origin"] if found else "kept"
    return keys.raw_object(hour, origin, hashlib.sha256(data).hexdigest(), client_id)
