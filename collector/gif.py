"""An image request's query → the JSON of the event that it describes."""

from typing import Any
from urllib.parse import parse_qsl

import msgspec

from footfall.event import MAX_PROPERTIES, Refusal, Refused

_FIELDS = frozenset({"id", "type", "occurred_at", "url", "title", "referrer"})


def gif_event(query: bytes, referer: str) -> tuple[int | None, bytes]:
    """Send time and JSON of the event that an image request describes.

    `event` is its whole JSON, as the pixel sends it where it may not post. Else fields are those of a posted
    event, and every other parameter becomes a property. A page without scripts
    cannot name its address, so the Referer header stands in for a missing `url`. Raises
    Refused(TOO_MANY_PROPERTIES).
    """
    try:
        pairs = parse_qsl(query.decode("utf-8", "replace"), max_num_fields=2 * MAX_PROPERTIES)
    except ValueError:
        raise Refused(Refusal.TOO_MANY_PROPERTIES) from None
    event: dict[str, Any] = {"type": "page_view", "url": referer}
    props: dict[str, str] = {}
    sent_at = None
    whole = None
    for name, value in pairs:
        if name == "sent_at":
            sent_at = _milliseconds(value)
        elif name == "event":
            whole = value
        elif name in _FIELDS:
            event[name] = value
        elif name != "site":
            props[name] = value
    if whole is not None:
        return sent_at, whole.encode()
    if "occurred_at" in event:
        # Not a number: stays text, and the check of the event names the field.
        event["occurred_at"] = _milliseconds(event["occurred_at"]) or event["occurred_at"]
    if props:
        event["props"] = props
    return sent_at, msgspec.json.encode(event)


def _milliseconds(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None


def site_in_query(query: bytes) -> str | None:
    """The site key that a query names, None where it names none."""
    if b"site=" not in query:
        return None
    try:
        pairs = parse_qsl(query.decode("utf-8", "replace"), max_num_fields=4 * MAX_PROPERTIES)
    except ValueError:
        return None
    return next((value for name, value in pairs if name == "site"), None)
