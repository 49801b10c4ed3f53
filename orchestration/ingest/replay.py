"""Quarantine again under the rules of today: what is an event now becomes one, in the hour it was received
in.

A body that the collector refused is kept in the hour's quarantine with its reason. When a rule has changed (a
limit raised, a contract widened), replaying reads those bodies, and puts what has become events into the same
hours as new raw objects. The quarantine keeps its rows: they say what happened then. Lines that ingest itself
found damaged need no replay: every run of their hour judges them anew.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import msgspec

from footfall import keys
from footfall.clients import Client, Registry, Site
from footfall.event import Event, Receipt, Refused, check_event, event_line, is_kept, parse_any_batch
from footfall.raw_keys import keys_of
from footfall.raw_object import compress, joined_lines
from footfall.sealed import sealed_here
from footfall.shapes import older_event
from footfall.sql import confined, run
from footfall.store import NotFound, ObjectStore, put_once
from orchestration.ingest.decode import DAMAGED, UNREADABLE


@dataclass(frozen=True)
class Replayed:
    """What came of one hour's quarantine: rows looked at, events made of them, rows still refused."""

    hour: datetime
    rows: int
    events: int
    refused: int
    key: str | None


def replay_quarantine(
    lake: ObjectStore, registry: Registry, hours: Iterable[datetime], reason: str | None = None
) -> list[Replayed]:
    """Replay the quarantine of each hour; of one `reason` only, where it is given. Doing it again adds
    nothing.

    The event's id, or one made of its place in quarantine, makes a second replay a duplicate of the first.
    Who sent it is not known any more: such an event has no visitor.
    """
    sites = {(c.client_id, s.site_id): (c, s) for c in registry.clients for s in c.sites}
    done = []
    for hour in hours:
        rows = list(_rows(lake, hour, reason))
        if not rows:
            continue
        lines: list[bytes] = []
        refused = 0
        for row in rows:
            owner = sites.get((row.client_id, row.site_id))
            made, left = _events(row, *owner) if owner else ([], 1)
            refused += left
            lines += made
        key = None
        if lines:
            content = joined_lines(lines)
            data = sealed_here(content, keys_of(lake)) or compress(content)
            key = keys.raw_object(hour, "replay", hashlib.sha256(data).hexdigest())
            put_once(lake, key, data)
        done.append(Replayed(hour, len(rows), len(lines), refused, key))
    return done


@dataclass(frozen=True)
class _Row:
    client_id: str
    site_id: str
    received_at: datetime
    body: bytes
    place: str


def _rows(lake: ObjectStore, hour: datetime, reason: str | None) -> Iterator[_Row]:
    with confined("footfall-replay-") as (connection, folder):
        path = folder / "quarantine.parquet"
        try:
            lake.fetch(keys.quarantine_object(hour), path)
        except NotFound:
            return
        found = run(
            connection,
            """
            SELECT client_id, site_id, received_at, body, object_key || ':' || line_number
            FROM read_parquet(?)
            WHERE client_id IS NOT NULL AND site_id IS NOT NULL AND reason NOT IN (?, ?)
                AND reason = coalesce(?, reason)
            ORDER BY object_key, line_number
            """,
            [str(path), DAMAGED, UNREADABLE, reason],
        ).fetchall()
    for client_id, site_id, received_at, body, place in found:
        # The collector keeps every byte as one character.
        yield _Row(client_id, site_id, received_at, (body or "").encode("latin-1", "replace"), place)


def _events(row: _Row, client: Client, site: Site) -> tuple[list[bytes], int]:
    """Stored lines of the events in a body, and how many are still refused: each stands for itself."""
    receipt = Receipt(client.client_id, site.site_id, row.received_at, None, "", dnt_policy=site.dnt_policy)
    lines: list[bytes] = []
    refused = 0
    try:
        _, sent_at, raws, _ = parse_any_batch(row.body)
    except Refused:
        return [], 1
    for n, raw in enumerate(raws):
        try:
            event = _event(raw, site)
        except Refused:
            refused += 1
            continue
        if not is_kept(receipt, event):
            continue
        # An id that the server had to make would be another one at each replay.
        if f'"{event.event_id}"'.encode() not in raw:
            place = hashlib.sha256(f"{row.place}:{n}".encode()).hexdigest()
            event = msgspec.structs.replace(event, event_id=f"replay-{place[:32]}")
        declared = site.declares(event.host)
        lines.append(event_line(event, receipt, sent_at=sent_at, is_declared_host=declared))
    return lines, refused


def _event(raw: bytes, site: Site) -> Event:
    """An event in our shape or an older one. Raises Refused."""
    try:
        return check_event(raw)
    except Refused as refused:
        older = older_event(raw, refused, None, site.page_host)
        return check_event(older.raw)
