"""What of the lake's hours is one client's, in objects of its own: for an installation that has no other.

An object of several clients' lines becomes one of this client's lines, in their order. The same lines make
the same object under the same key, so that what is made twice lies there once.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import msgspec
import zstandard

from footfall import keys
from footfall.clients import Registry
from footfall.enrichments import StoredEnrichment
from footfall.raw_object import compress_lines
from footfall.sealed import Opened, frames_of, open_raw, require_keys
from footfall.sql import run
from footfall.store import ObjectInfo, ObjectStore
from orchestration.ingest.event_rows import ORDER, PARQUET
from orchestration.ingest.raw_expiry import key_of, lines_in, lines_of

_decode = msgspec.json.Decoder(StoredEnrichment).decode


@dataclass(frozen=True)
class Part:
    """One object: its key in the client's own lake, and its bytes; None: the object of that key as it is."""

    key: str
    data: bytes | None = None


@dataclass(frozen=True)
class Unread:
    """An object whose lines are several clients', and which cannot be read."""

    key: str


def raw_of(
    connection: duckdb.DuckDBPyConnection,
    lake: ObjectStore,
    hour: datetime,
    registry: Registry,
    client_id: str,
    folder: Path,
) -> Iterator[Part | Unread]:
    """What of an hour's raw objects is a client's. `folder`: for scratch. Raises StoreError."""
    mixed = []
    for info in sorted(lake.list(keys.raw_prefix(hour)), key=lambda each: each.key):
        owner = keys.client_of_raw_object(info.key)
        if owner == client_id:
            yield _opened(lake, info, hour, client_id)
        elif owner is None:
            mixed.append(info)
    if not mixed:
        return
    found = lines_of(connection, lake, mixed, hour, registry, (client_id,), folder)
    for number, info in enumerate(mixed):
        _require_his(lake, info, client_id)
        mine = found.get(number, {}).get(client_id)
        if mine:
            lines = enumerate(lines_in(open_raw(lake, info.key).data), 1)
            data = compress_lines(line for n, line in lines if n in mine)
            yield Part(key_of(info, hour, data, client_id), data)
        elif not _is_sound(open_raw(lake, info.key).data):
            yield Unread(info.key)


def _opened(lake: ObjectStore, info: ObjectInfo, hour: datetime, client_id: str) -> Part:
    """An object as it is; one that is sealed opened, without the lines whose key was destroyed."""
    if frames_of(lake.get(info.key)) is None:
        return Part(info.key)
    opened = _require_his(lake, info, client_id)
    return Part(key_of(info, hour, opened.data, client_id), opened.data)


def _require_his(lake: ObjectStore, info: ObjectInfo, client_id: str) -> Opened:
    """An object, opened. Raises KeyMissing where lines of the client wait for their key."""
    opened = open_raw(lake, info.key)
    require_keys(lake, info.key, (each for each in opened.waiting if each.client == client_id))
    return opened


def _is_sound(data: bytes) -> bool:
    try:
        lines_in(data)
    except (zstandard.ZstdError, OSError, EOFError):
        return False
    return True


def enrichments_of(lake: ObjectStore, hour: datetime, client_id: str) -> Iterator[Part]:
    """What was learnt of a client's events and taken in during `hour`. Raises StoreError."""
    for info in lake.list(f"{keys.ENRICHMENTS}{keys.hour_path(hour)}/"):
        content = zstandard.ZstdDecompressor().decompressobj().decompress(lake.get(info.key))
        lines = content.splitlines()
        mine = [line for line in lines if _decode(line).client_id == client_id]
        if len(mine) == len(lines):
            yield Part(info.key)
        elif mine:
            data = compress_lines(mine)
            yield Part(keys.enrichment_object(hour, hashlib.sha256(data).hexdigest()), data)


def rows_of_client(
    connection: duckdb.DuckDBPyConnection, lake: ObjectStore, hour: datetime, client_id: str, folder: Path
) -> Iterator[Part]:
    """Events and quarantine of an hour whose lines are gone: all that there is of it. Raises StoreError."""
    events = sorted(info.key for info in lake.list(keys.events_prefix(hour)))[:1]
    quarantine = keys.quarantine_object(hour)
    there = [("events", key) for key in events]
    if lake.head(quarantine) is not None:
        there.append(("quarantine", quarantine))
    for table, key in there:
        source, made = folder / f"{table}.parquet", folder / f"{table}-of-client.parquet"
        lake.fetch(key, source)
        found = run(
            connection,
            "SELECT count(*) FROM read_parquet($source, hive_partitioning = false) WHERE client_id = $client",
            {"source": str(source), "client": client_id},
        ).fetchone()
        if found and found[0]:
            run(
                connection,
                "COPY (SELECT * FROM read_parquet($source, hive_partitioning = false) "
                "WHERE client_id = $client ORDER BY {order}) TO $made ({parquet})",
                {"source": str(source), "client": client_id, "made": str(made)},
                order=ORDER[table],
                parquet=PARQUET,
            )
            data = made.read_bytes()
            made.unlink()
            sha256 = hashlib.sha256(data).hexdigest()
            yield Part(keys.events_object(hour, sha256) if table == "events" else quarantine, data)
        source.unlink()
