"""The newest events of a client as the lake has them, before any run: read once for each raw object."""

import io
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import zstandard

from footfall.hours import HOUR, floor
from footfall.keys import client_of_raw_object, raw_prefix
from footfall.store import NotFound, ObjectStore

#: Bytes of objects as they are read for one answer, and those kept inflated. More: older minutes of busy
#: sites; the answer says where it was cut.
MOST_BYTES, MOST_KEPT = 32 << 20, 64 << 20
#: Bytes that one object may have when it is inflated.
MOST_INFLATED = 64 << 20


class RawLines:
    """Lines of raw objects, kept in memory as long as there is room. May be used by several threads."""

    def __init__(self, lake: ObjectStore) -> None:
        self._lake = lake
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    def since(self, client_id: str, start: datetime, now: datetime) -> tuple[list[dict[str, Any]], bool]:
        """Kept events that were received at `start` or later, in no order; and whether these are all."""
        found: list[dict[str, Any]] = []
        seen: set[str] = set()
        budget = MOST_BYTES
        hour = floor(now)
        while hour >= floor(start):
            infos = [
                info
                for info in self._lake.list(raw_prefix(hour))
                if client_of_raw_object(info.key) in (None, client_id)
            ]
            for info in sorted(infos, key=lambda each: each.key, reverse=True):
                budget -= info.size
                if budget < 0:
                    return found, False
                for line in self._lines(info.key):
                    if line.get("client_id") != client_id or line.get("kind", "event") != "event":
                        continue
                    event_id = str(line.get("event_id"))
                    if event_id not in seen and (_received(line) or start) >= start:
                        seen.add(event_id)
                        found.append(line)
            hour -= HOUR
        return found, True

    def _lines(self, key: str) -> Iterator[dict[str, Any]]:
        for raw in self._read(key).splitlines():
            try:
                line = json.loads(raw)
            except (ValueError, RecursionError):
                continue  # damage is for ingest to tell of
            if isinstance(line, dict):
                yield line

    def _read(self, key: str) -> bytes:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        try:
            data = self._lake.get(key)
            with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)) as reader:
                text = reader.read(MOST_INFLATED)
        except (NotFound, zstandard.ZstdError):
            return b""
        with self._lock:
            self._kept[key] = text
            while sum(map(len, self._kept.values())) > MOST_KEPT:
                self._kept.popitem(last=False)
        return text


def _received(line: dict[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(str(line.get("received_at")))
    except ValueError:
        return None
