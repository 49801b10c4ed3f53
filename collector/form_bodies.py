"""What trackers of other tools send over HTTP → their events, each as JSON, and what surrounds them."""

import base64
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from collector.encoding import GZIP_MARK, inflated
from footfall.event import MAX_BATCH_EVENTS, MAX_BODY_BYTES, MAX_EVENT_BYTES, Refusal, Refused
from footfall.forms.form import Form, Wire
from footfall.json_text import depth, without_unreadable
from footfall.moments import milliseconds
from footfall.odd_json import batch_parts, elements, members_of, mended, without_mark

#: Parameters of one query or form. Matomo has some eighty, and as many again for custom dimensions.
_MOST_PARAMETERS = 256
#: Nesting of a body, above that of its events.
_MOST_DEPTH = 64
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one request brings: JSON of each event, what surrounds them, and when they were sent (ms)."""

    events: list[bytes]
    around: dict[str, Any]
    sent_at: int | None
    #: Texts where the form has the public id of a site, and where it may have a write key; in their order.
    ids: list[str]
    secrets: list[str]
    #: The first event, as it was sent.
    first: dict[str, Any]
    is_batch: bool


def delivery(form: Form, wire: Wire, method: str, query: bytes, content: bytes) -> Delivery:
    """The events of a request. Raises Refused where nobody can read it."""
    parameters = _parameters(query)
    body = _body(content, form.events) if method == "POST" and content else None
    around: dict[str, Any] = dict(parameters)
    listed: list[Any]
    is_batch = True
    if isinstance(body, list):
        listed = body
    elif isinstance(body, dict) and form.events and isinstance(body.get(form.events), list):
        listed = body[form.events]
        around |= {name: value for name, value in body.items() if name != form.events}
    else:
        is_batch = False
        around |= body or {}
        # Matomo's parameters may stand in the query and in the form.
        listed = [{**parameters, **(body or {})}]
    if not listed:
        raise Refused(Refusal.EMPTY_BATCH)
    if len(listed) > MAX_BATCH_EVENTS:
        raise Refused(Refusal.TOO_MANY_EVENTS)
    shared = around.get("context")
    events = []
    for each in listed:
        is_query = isinstance(each, str) and "=" in each
        event = _parameters(each.lstrip("?").encode()) if is_query else each
        if isinstance(event, dict):
            event = {**wire.given, **event}
            if isinstance(shared, dict) and is_batch:
                event.setdefault("context", shared)
        events.append(event)
    first = next((event for event in events if isinstance(event, dict)), {})
    sent = texts_at(form.sent_at, first, around)
    return Delivery(
        [_encode(event) for event in events],
        around,
        milliseconds(sent[0]) if sent else None,
        texts_at(form.ids, first, around),
        texts_at(form.secrets, first, around),
        first,
        is_batch,
    )


def texts_at(ways: list[str], event: dict[str, Any], around: dict[str, Any]) -> list[str]:
    """The texts and numbers of an event at these ways, in their order; `^` leads into what surrounds it."""
    found = []
    for way in ways:
        place: Any = around if way.startswith("^") else event
        for name in way.removeprefix("^").split("."):
            place = place.get(name) if isinstance(place, dict) else None
        if isinstance(place, str | int) and not isinstance(place, bool) and str(place).strip():
            found.append(str(place).strip())
    return found


def _parameters(query: bytes) -> dict[str, Any]:
    try:
        return dict(parse_qsl(query.decode("utf-8", "replace"), max_num_fields=_MOST_PARAMETERS))
    except ValueError:
        raise Refused(Refusal.TOO_MANY_PROPERTIES, f"more than {_MOST_PARAMETERS} parameters") from None


def _body(content: bytes, events: str) -> dict[str, Any] | list[Any]:
    """A body that is JSON, a form, or either of them in gzip or base64.

    Its events are below `events`, or are all of it; those that are no JSON stay as they are.
    """
    if content.startswith(GZIP_MARK):  # once more, inside of what the request said
        content = inflated(content, b"gzip")
    if len(content) > MAX_BODY_BYTES:
        raise Refused(Refusal.BODY_TOO_LARGE)
    content = without_mark(content).strip()
    if content[:1] not in (b"{", b"["):
        form = _parameters(content)
        inner = _of_base64(form.get("data"))
        if inner is None:
            return form
        content = inner
    if content.count(b"{") + content.count(b"[") > _MOST_DEPTH and depth(content) > _MOST_DEPTH:
        raise Refused(Refusal.TOO_DEEP)
    body = read_object(content)
    if body is None:
        body = _in_parts(content, events)
    if not isinstance(body, dict | list):
        raise Refused(Refusal.MALFORMED_JSON)
    return body


def read_object(text: bytes) -> Any:
    """What JSON says, also where a writer has spelled it its own way; None where it says nothing."""
    for spelled in (bytes, mended):
        try:
            return _decode(without_unreadable(spelled(text)))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
    return None


def _in_parts(content: bytes, name: str) -> dict[str, Any] | list[Any] | None:
    """A batch of which some events are no JSON: each stands for itself."""
    if content[:1] == b"[":
        listed = elements(content)
        return None if listed is None else list(map(_element, listed))
    parts = batch_parts(content, name) if name else None
    if parts is None or parts[1] is None or len(parts[0]) > MAX_EVENT_BYTES:
        return None
    return {**members_of(parts[0]), name: list(map(_element, parts[1]))}


def _element(text: bytes) -> Any:
    found = read_object(text)
    return msgspec.Raw(text) if found is None else found


def _of_base64(text: Any) -> bytes | None:
    """JSON in base64, as some browsers' trackers send it below `data`; JSON itself there as well."""
    if not isinstance(text, str):
        return None
    if text[:1] in ("{", "["):
        return text.encode()
    try:
        inner = base64.b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    return inner if inner[:1] in (b"{", b"[") else None
