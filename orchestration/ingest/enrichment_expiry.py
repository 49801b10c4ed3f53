"""Late enrichments of events that are not kept any more: objects are written anew without these, or go."""

import hashlib
from collections.abc import Mapping
from datetime import datetime

import msgspec
import zstandard

from footfall import keys
from footfall.enrichments import StoredEnrichment
from footfall.raw_object import compress_lines
from footfall.store import ObjectStore, put_once
from orchestration.ingest.raw_expiry import Went


def expire_enrichments(lake: ObjectStore, events_from: Mapping[str, datetime]) -> dict[str, Went]:
    """Remove what was learnt before a client's events begin: it is of events that are gone.

    Returns what went, by client. Raises StoreError.
    """
    decode = msgspec.json.Decoder(StoredEnrichment).decode
    found: dict[str, Went] = {}
    latest = max(events_from.values(), default=None)
    for info in list(lake.list(keys.ENRICHMENTS)) if latest else []:
        hour = keys.hour_of(f"/{info.key}")
        if hour is None or latest is None or hour >= latest:
            continue
        gone = {client for client, at in events_from.items() if hour < at}
        content = zstandard.ZstdDecompressor().decompressobj().decompress(lake.get(info.key))
        kept = []
        for line in content.splitlines():
            client = decode(line).client_id
            if client in gone:
                found[client] = found.get(client, Went()) + Went(0, 1, 0)
            else:
                kept.append(line)
        if len(kept) == content.count(b"\n"):
            continue
        if kept:
            data = compress_lines(kept)
            put_once(lake, keys.enrichment_object(hour, hashlib.sha256(data).hexdigest()), data)
        lake.delete(info.key)
        for client in gone & set(found):
            found[client] += Went(1, 0, info.size)
    return found
