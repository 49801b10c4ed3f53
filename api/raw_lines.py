"""The newest events of a client before any run: of the lake's raw objects, and of the spool beside us."""

import io
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from footfall.hours import HOUR, floor
from footfall.keys import client_of_raw_object, raw_prefix
from footfall.sealed import read_raw
from footfall.spool_tail import Segment, is_here, last_life, segments
from footfall.store import NotFound, ObjectInfo, ObjectStore

#: Bytes of objects as they are read for one answer, and those kept inflated. More: older minutes of busy
#: sites; the answer says where it was cut.
MOST_BYTES, MOST_KEPT = 32 << 20, 64 << 20
#: Bytes that one object may have when it is inflated.
MOST_INFLATED = 64 << 20
#: Seconds from the end of a segment until the lake has it, unless one of the two is in trouble.
UPLOAD_SECONDS = 15
#: A collector shows every two seconds that it lives; one that has not for so long takes nothing any more.
ALIVE = timedelta(seconds=20)

_decode = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True)
class Seen:
    """Kept events, in no order; whether these are all; up to when nothing is missing that was taken."""

    lines: list[dict[str, Any]]
    is_whole: bool
    as_of: datetime


class RawLines:
    """Lines of raw objects, kept in memory as long as there is room. May be used by several threads."""

    def __init__(self, lake: ObjectStore, spool: Path, collector_id: str, segment_seconds: int) -> None:
        """`spool`: that of the collector of this machine, which has that id; it may be missing."""
        self._lake = lake
        self._spool = spool
        self._collector_id = collector_id
        self._behind = timedelta(seconds=segment_seconds + UPLOAD_SECONDS)
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._kept_bytes = 0

    def since(self, client_id: str, start: datetime, now: datetime) -> Seen:
        """Events of a client that were received at `start` or later. Raises StoreError."""
        found: list[dict[str, Any]] = []
        seen: set[str] = set()
        budget = MOST_BYTES
        is_whole = True
        # The spool first: what goes into the lake meanwhile is seen twice, and never missed.
        here = is_here(self._spool)
        spooled: list[bytes] = []
        for segment in segments(self._spool, start):
            spooled.append(self._of_spool(segment))
            if sum(map(len, spooled)) > MOST_BYTES:
                break
        objects = list(self._objects(client_id, start, now))
        for text in chain(spooled, (self._of_lake(info.key) for info in objects)):
            budget -= len(text)
            if budget < 0:
                is_whole = False
                break
            for line in _lines(text, client_id):
                event_id = str(line.get("event_id"))
                if event_id not in seen and (_received(line) or start) >= start:
                    seen.add(event_id)
                    found.append(line)
        others = any(not self._is_ours(info.key) for info in objects)
        if not here or others:
            return Seen(found, is_whole, now - self._behind)
        life = last_life(self._spool)
        is_dead = life is not None and now - life > ALIVE
        return Seen(found, is_whole, life if is_dead and life is not None else now)

    def _objects(self, client_id: str, start: datetime, now: datetime) -> Iterator[ObjectInfo]:
        """Those that may hold lines of the client, the newest hour first."""
        hour = floor(now)
        while hour >= floor(start):
            infos = [
                info
                for info in self._lake.list(raw_prefix(hour))
                if client_of_raw_object(info.key) in (None, client_id)
            ]
            yield from sorted(infos, key=lambda each: each.key, reverse=True)
            hour -= HOUR

    def _is_ours(self, key: str) -> bool:
        """Whether the collector of this machine wrote it, or no collector: an import, a replay."""
        name = key.rpartition("/")[2]
        return name.startswith((f"{self._collector_id}-", "client=", "import", "replay"))

    def _of_spool(self, segment: Segment) -> bytes:
        if not segment.is_sealed:
            return segment.lines()
        return self._remembered(str(segment.path)) or self._remember(str(segment.path), segment.lines())

    def _of_lake(self, key: str) -> bytes:
        known = self._remembered(key)
        if known is not None:
            return known
        try:
            # Whose key is missing fails the hour's ingest, and nobody else's question.
            data = read_raw(self._lake, key, passes_over=True)
            with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)) as reader:
                text = reader.read(MOST_INFLATED)
        except (NotFound, zstandard.ZstdError):
            return b""
        return self._remember(key, text)

    def _remembered(self, key: str) -> bytes | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _remember(self, key: str, text: bytes) -> bytes:
        with self._lock:
            self._kept_bytes += len(text) - len(self._kept.pop(key, b""))
            self._kept[key] = text
            while self._kept_bytes > MOST_KEPT:
                _, oldest = self._kept.popitem(last=False)
                self._kept_bytes -= len(oldest)
        return text


def _lines(text: bytes, client_id: str) -> Iterator[dict[str, Any]]:
    whose = f'"{client_id}"'.encode()
    for raw in text.splitlines():
        if whose not in raw:
            continue
        try:
            line = _decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue  # damage is for ingest to tell of
        if line.get("client_id") == client_id and line.get("kind", "event") == "event":
            yield line


def _received(line: dict[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(str(line.get("received_at")))
    except ValueError:
        return None
