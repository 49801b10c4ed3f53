"""Late enrichments of events that are not kept any more: objects are written anew without these, or go."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

import msgspec
import zstandard

from footfall import keys
from footfall.enrichments import StoredEnrichment
from footfall.raw_object import compress_lines
from footfall.store import ObjectInfo, ObjectStore, put_once
from orchestration.ingest.raw_expiry import Went

_decode = msgspec.json.Decoder(StoredEnrichment).decode


def expire_enrichments(
    lake: ObjectStore,
    events_from: Mapping[str, datetime],
    hours: Iterable[datetime],
    damaged: set[str] | None = None,
) -> dict[str, Went]:
    """Remove what was learnt in these hours, before a client's events begin: it is of events that are gone.

    Returns what went, by client. Keys of what cannot be read go to `damaged`, and the objects stay;
    without it the first one raises ZstdError or ValueError. Raises StoreError.
    """
    found: dict[str, Went] = {}
    for hour in hours:
        gone = {client for client, at in events_from.items() if hour < at}
        for info in list(lake.list(f"{keys.ENRICHMENTS}{keys.hour_path(hour)}/")):
            try:
                _expire(lake, info, hour, gone, found)
            except (zstandard.ZstdError, ValueError):
                if damaged is None:
                    raise
                damaged.add(info.key)
    return found


def _expire(
    lake: ObjectStore, info: ObjectInfo, hour: datetime, gone: Collection[str], found: dict[str, Went]
) -> None:
    content = zstandard.ZstdDecompressor().decompressobj().decompress(lake.get(info.key))
    kept: list[bytes] = []
    mine: set[str] = set()
    for line in content.splitlines():
        client = _decode(line).client_id
        if client in gone:
            mine.add(client)
            found[client] = found.get(client, Went()) + Went(0, 1, 0)
        else:
            kept.append(line)
    if not mine:
        return
    if kept:
        data = compress_lines(kept)
        put_once(lake, keys.enrichment_object(hour, hashlib.sha256(data).hexdigest()), data)
    lake.delete(info.key)
    for client in mine:
        found[client] += Went(1, 0, info.size)
