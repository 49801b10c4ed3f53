"""Bodies of older trackers → events of ours, with nothing of them lost.

Three shapes are known, by their fields and not by the path they came to:

    collect   {timestamp (s or ms), page, event_type, domain, session_id, user_agent, custom_data, …}
    track     {bucket, eventType, timestamp (ISO 8601), page, sessionId, viewport, referrer, metadata, …}
    events    {event_type, user_id, session_id, properties: {page_url, referrer, …}}

A field that has a name of ours is renamed, so that the consent rules see it; every other field stays as
it came. `shape` says in the stored event which of them it was.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from footfall.event import MAX_BATCH_EVENTS, Refusal, Refused, parse_batch, reported_loss

Shape = Literal["collect", "track", "events"]

_RENAMED = {
    "event_type": "type",
    "eventType": "type",
    "event_id": "id",
    "eventId": "id",
    "session_id": "session",
    "sessionId": "session",
    "user_id": "user",
    "userId": "user",
    "visitor_id": "visitor",
    "visitorId": "visitor",
    "page_title": "title",
}
_PROPS = ("properties", "custom_data", "metadata")
_PAGES = ("url", "page_url", "page", "path")

_EVENT_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[0-9]{1,5})?")
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode


@dataclass(frozen=True, slots=True)
class Translated:
    """An event of ours, made from an older body; the bucket that the body named."""

    raw: bytes
    shape: Shape
    bucket: str | None


def parse_any_batch(body: bytes) -> tuple[str | None, int | None, list[bytes], int | None]:
    """Site key, send time, the JSON of each event, and the loss that the pixel reports.

    As parse_batch, and a bare array of events too. Raises Refused as parse_batch does.
    """
    if body.lstrip()[:1] != b"[":
        return *parse_batch(body), reported_loss(body)
    try:
        events = _raws(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused(Refusal.MALFORMED_JSON) from None
    if not events:
        raise Refused(Refusal.EMPTY_BATCH)
    if len(events) > MAX_BATCH_EVENTS:
        raise Refused(Refusal.TOO_MANY_EVENTS)
    return None, None, [bytes(event) for event in events], None


def translate(raw: bytes, page_origin: str | None, host: str) -> Translated | None:
    """The event that an older body describes; None where it has no shape that is known.

    `page_origin` is `https://host` of the page that sent it, where headers say so; `host` a host of the
    site for bodies that name none. `raw` has passed the limits on size and depth.
    """
    try:
        body = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(body, dict):
        return None
    shape = _shape(body)
    if shape is None:
        return None
    event: dict[str, Any] = {}
    name: str
    for name, value in body.items():
        ours = _RENAMED.get(name, name)
        if ours == name or ours in body or ours in event:
            event[name] = value
        elif ours == "id" and not (isinstance(value, str) and _EVENT_ID.fullmatch(value)):
            event[name] = value  # no id of ours; the event gets one of its own
        else:
            event[ours] = str(value) if isinstance(value, int) else value
    for name in _PROPS:
        if isinstance(event.get(name), dict) and "props" not in event:
            event["props"] = event.pop(name)
    props = event["props"] if isinstance(event.get("props"), dict) else {}
    event["url"] = _url(body, props, page_origin, host)
    if "referrer" not in event and isinstance(props.get("referrer"), str):
        event["referrer"] = props["referrer"]
    event.setdefault("type", "page_view")
    for name in ("referrer", "title"):
        if not isinstance(event.get(name, ""), str):
            event[f"{name}_as_sent"] = event.pop(name)
    if "occurred_at" not in body:
        moment = _milliseconds(body.get("timestamp"))
        if moment is not None:
            event["occurred_at"] = moment
    viewport = event.get("viewport")
    if isinstance(viewport, dict) and set(viewport) == {"width", "height"}:
        event["viewport"] = f"{viewport['width']}x{viewport['height']}"
    event["shape"] = shape
    bucket = body.get("bucket")
    return Translated(_encode(event), shape, bucket if isinstance(bucket, str) else None)


def _shape(body: dict[str, Any]) -> Shape | None:
    """Which older tracker a body is of."""
    if "eventType" in body or isinstance(body.get("bucket"), str):
        return "track"
    if isinstance(body.get("event_type"), str):
        return "events" if isinstance(body.get("properties"), dict) else "collect"
    return "collect" if isinstance(body.get("page"), str) else None


def claimed_domain(raw: bytes) -> str | None:
    """The host that an older body says it is of, lower-case; None where it says none."""
    try:
        body = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    domain = body.get("domain") if isinstance(body, dict) else None
    return domain.lower().rstrip(".") if isinstance(domain, str) else None


def is_health_check(raw: bytes) -> bool:
    """Whether a body is `{"health": …}` and nothing else: older clients ask so whether we are there."""
    if len(raw) > 200 or b'"health"' not in raw:
        return False
    try:
        body = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return isinstance(body, dict) and list(body) == ["health"]


def page_origin(headers: dict[bytes, bytes]) -> str | None:
    """`https://shop.example` of the page that sent a request, by its Origin or Referer header."""
    for name in (b"origin", b"referer"):
        value = headers.get(name)
        if value is None:
            continue
        try:
            parts = urlsplit(value.decode("latin-1"))
        except ValueError:
            continue
        if parts.scheme in ("http", "https") and _HOST.fullmatch(parts.netloc.lower()):
            return f"{parts.scheme}://{parts.netloc.lower()}"
    return None


def _url(body: dict[str, Any], props: dict[str, Any], origin: str | None, host: str) -> str:
    """The page's address: as it was named, or its path on the host that is known best."""
    named = [body.get(name) for name in _PAGES] + [props.get(name) for name in _PAGES]
    page = next((p for p in named if isinstance(p, str) and p), "/")
    if page.startswith(("http://", "https://")):
        return page
    domain = body.get("domain")
    if isinstance(domain, str) and _HOST.fullmatch(domain.lower()):
        origin = f"https://{domain.lower()}"
    return (origin or f"https://{host}") + (page if page.startswith("/") else f"/{page}")


def _milliseconds(value: Any) -> int | None:
    """Milliseconds since 1970 of a time in seconds, milliseconds or ISO 8601 (without a zone: UTC)."""
    if isinstance(value, str):
        if value.isascii() and value.isdigit() and len(value) <= 15:
            return _milliseconds(int(value))
        try:
            moment = datetime.fromisoformat(value)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return int(moment.timestamp() * 1000)
        except (ValueError, OverflowError):
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e15:
        return None
    # Seconds have ten digits until the year 2286, milliseconds have had twelve since 1973.
    return int(value * 1000) if value < 1e11 else int(value)
