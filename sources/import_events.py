"""Import events of another tool: a file of JSON lines, each an event of the contract at its own time.

    {"occurred_at": "2026-05-01T12:00:00Z", "type": "page_view", "url": "https://a.example/", "visitor": "v"}

`occurred_at` is ISO 8601 with its zone, or milliseconds since 1970; it is the time of receipt as well, so the
event lands in the partition of its own hour. All else is as the pixel sends it; fields that nobody knows are
kept.
"""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from footfall.clients import Client, Site
from footfall.errors import FootfallError
from footfall.event import MAX_AHEAD, Receipt, Refusal, Refused, check_event, event_line, refused_line
from footfall.privacy import Salts, visitor_id
from footfall.store import ObjectStore
from sources.importer import (
    EARLIEST,
    MAX_KEPT_BYTES,
    MAX_LINE_BYTES,
    ImportReport,
    KeptLines,
    numbered_lines,
)

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def import_events(
    path: Path,
    client: Client,
    site: Site,
    store: ObjectStore,
    salts: Salts,
    *,
    now: datetime | None = None,
    max_kept_bytes: int = MAX_KEPT_BYTES,
) -> ImportReport:
    """Put the events of `path` (plain, gzip or zstd) into the lake as raw objects, one an hour.

    An event without an `id` gets one from the content's hash and its line's number, so that importing the
    same file again brings nothing new. A `visitor` becomes a keyed hash, daily unless the event declares
    `consent` 3. A line that is no event is stored as a refused line, in the hour of the last good one.

    Raises FootfallError for a file that cannot be read to its end, is empty or holds no event, and
    StoreError when the lake fails; importing again completes it.
    """
    latest = (now or datetime.now(UTC)) + MAX_AHEAD
    digest = hashlib.sha256()
    lines = list(numbered_lines(path, digest.update))
    if not lines:
        raise FootfallError(f"{path} is empty: there is nothing to import")
    name = digest.hexdigest()
    kept = KeptLines(path, max_kept_bytes)
    taken = 0
    refusals: list[tuple[datetime | None, Refused, bytes]] = []
    last_good: datetime | None = None
    first_good: datetime | None = None
    for number, line in lines:
        try:
            at, raw, token = _event_of(line, f"import-{name[:24]}-{number}", latest)
            event = check_event(raw)
        except Refused as problem:
            refusals.append((last_good, problem, line))
            continue
        last_good = at
        first_good = first_good or at
        visitor = None
        if token is not None:
            visitor = visitor_id(salts.of(client.client_id, at), site.site_id, token, "")
        receipt = Receipt(
            client.client_id,
            site.site_id,
            at,
            visitor,
            _user_agent(raw),
            source="import",
            consent_default=site.consent_default,
            gpc_policy=site.gpc_policy,
        )
        kept.add(at, event_line(event, receipt, sent_at=None, is_declared_host=site.declares(event.host)))
        taken += 1
    if first_good is None:
        raise FootfallError(
            f"none of the {len(lines)} lines of {path} is an event ({refusals[0][1]}); nothing was imported"
        )
    for near, refused, line in refusals:
        receipt = Receipt(client.client_id, site.site_id, near or first_good, None, "")
        kept.add(receipt.received_at, refused_line(refused, receipt, line))
    stored = kept.put_into(store, f"import-{name[:12]}", client.client_id)
    stored.require(path, events=taken, refused=len(refusals))
    return ImportReport(
        lines=stored.events + stored.refused,
        hits=stored.events,
        page_views=stored.events,
        other_hits=0,
        refused=stored.refused,
        malformed=0,
        by_hour=stored.by_hour,
        keys=stored.keys,
    )


def _event_of(line: bytes, event_id: str, latest: datetime) -> tuple[datetime, bytes, str | None]:
    """Time, JSON in the contract's form and visitor token of one line. Raises Refused."""
    if len(line) > MAX_LINE_BYTES:
        raise Refused(Refusal.EVENT_TOO_LARGE, f"longer than {MAX_LINE_BYTES} bytes")
    try:
        event = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused(Refusal.MALFORMED_JSON, "not one JSON object on the line") from None
    at = _moment(event.get("occurred_at"))
    if at is None or not EARLIEST <= at <= latest:
        raise Refused(
            Refusal.INVALID_EVENT,
            "occurred_at: expected ISO 8601 with its zone, or milliseconds, from 2000 to now",
        )
    event["occurred_at"] = int(at.timestamp() * 1000)
    event.setdefault("id", event_id)
    token = event.get("visitor")
    return at, msgspec.json.encode(event), token if isinstance(token, str) and token else None


def _moment(value: object) -> datetime | None:
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment.astimezone(UTC) if moment.tzinfo else None
        if isinstance(value, int) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None


def _user_agent(raw: bytes) -> str:
    agent = _decode(raw).get("user_agent")
    return agent[:512] if isinstance(agent, str) else ""
