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
from typing import Any, Literal

import msgspec

from footfall.event import Refusal, Refused
from footfall.event_ids import EVENT_ID
from footfall.hosts import authority_of, host_of, plain_address
from footfall.json_text import without_unreadable
from footfall.moments import milliseconds

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

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|//")
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Translated:
    """An event of ours, made from an older body; the bucket that the body named."""

    raw: bytes
    shape: Shape
    bucket: str | None


#: What the tracker with buckets must be told, and how its own collector said that it was not.
_REQUIRED = {
    "bucket": "You must specify the S3 bucket name in the request body",
    "eventType": "You must specify the type of the event in the request body",
    "timestamp": "You must specify the time of the event (ISO 8601) in the request body",
}


def require_fields(raw: bytes) -> None:
    """Raises Refused, with the answer of its own collector, where a body of shape `track` lacks a field."""
    body = _decode(without_unreadable(raw))
    for name, message in _REQUIRED.items():
        if not isinstance(body.get(name), str | int | float) or body[name] in ("", False, True):
            error = f"Missing required field: {name}"
            raise Refused(Refusal.INVALID_EVENT, error, document={"error": error, "message": message})


def older_event(raw: bytes, refused: Refused, page_origin: str | None, host: str) -> Translated:
    """What only an older tracker's rules explain of an event that was refused. Raises the refusal, or
    another.
    """
    if refused.refusal is not Refusal.INVALID_EVENT:
        raise refused
    translated = translate(raw, page_origin, host)
    if translated is None:
        raise refused
    return translated


def translate(raw: bytes, page_origin: str | None, host: str) -> Translated | None:
    """The event that an older body describes; None where it has no shape that is known.

    `page_origin` is `https://host` of the page that sent it, where headers say so; `host` a host of the
    site for bodies that name none. `raw` has passed the limits on size and depth. Raises Refused where it
    names a host that nobody can read.
    """
    try:
        body = _decode(without_unreadable(raw))
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
        elif ours == "id" and not (isinstance(value, str) and EVENT_ID.fullmatch(value)):
            event[name] = value  # no id of ours; the event gets one of its own
        elif value is None and ours == "type":
            event[name] = value  # it says nothing, so it is what most are
        else:
            event[ours] = str(value) if isinstance(value, int) else value
    for name in _PROPS:
        if isinstance(event.get(name), dict) and "props" not in event:
            event["props"] = event.pop(name)
    props = event["props"] if isinstance(event.get("props"), dict) else {}
    event["url"] = _url(body, props, page_origin, host)
    if "referrer" not in event and isinstance(props.get("referrer"), str):
        event["referrer"] = props["referrer"]
    if event.get("type") is None:
        event["type"] = "page_view"
    for name in ("referrer", "title"):
        if not isinstance(event.get(name, ""), str):
            event[f"{name}_as_sent"] = event.pop(name)
    if "occurred_at" not in body:
        moment = milliseconds(body.get("timestamp"))
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
    if "event_type" in body and isinstance(body["event_type"], str | None):
        return "events" if isinstance(body.get("properties"), dict) else "collect"
    return "collect" if isinstance(body.get("page"), str) else None


def is_older(raw: bytes) -> bool:
    """Whether a body has one of the older shapes."""
    try:
        body = _decode(without_unreadable(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(body, dict) and _shape(body) is not None


def claimed_host(raw: bytes) -> str | None:
    """The host that an older body says it is of; None where it says none."""
    try:
        body = _decode(without_unreadable(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    domain = body.get("domain") if isinstance(body, dict) else None
    authority = authority_of(domain) if isinstance(domain, str) else None
    return None if authority is None else host_of(authority)


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
        scheme, mark, rest = value.decode("latin-1").partition("://")
        authority = authority_of(rest) if mark else None
        if authority is not None and scheme.lower() in ("http", "https"):
            return f"{scheme.lower()}://{authority}"
    return None


def _url(body: dict[str, Any], props: dict[str, Any], origin: str | None, host: str) -> str:
    """The page's address: as it was named, or its path on the host that is known best.

    Raises Refused where it names a host that nobody can read: no other host takes its place.
    """
    named = [body.get(name) for name in _PAGES] + [props.get(name) for name in _PAGES]
    page = next((p for p in named if isinstance(p, str) and p), "/")
    if _SCHEME.match(page):
        address = plain_address(page)
        if address is None and page.lower().startswith(("http:", "https:", "//")):
            raise Refused(Refusal.INVALID_EVENT, "page: expected a path, or an address with its host")
        return address or page
    domain = body.get("domain")
    if isinstance(domain, str) and domain.strip():
        authority = authority_of(domain)
        if authority is None:
            raise Refused(Refusal.INVALID_EVENT, "domain: expected a host such as shop.example")
        origin = f"https://{authority}"
    return (origin or f"https://{host}") + (page if page.startswith("/") else f"/{page}")
