"""The events of another tool's trackers and exports, as one file a tool says it: which field is which.

    footfall/forms/plausible.yaml ── Form ──► event_of(form, what a tracker sent) ──► an event of ours

What a file does not name is not lost: it stays in the event below the tool's name, and so in `payload`.
"""

import base64
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlencode

import msgspec
from pydantic import Field

from footfall.event import MAX_PROPERTIES, Refusal, Refused
from footfall.event_ids import EVENT_ID
from footfall.hosts import authority_of, plain_address
from footfall.moments import milliseconds
from footfall.strict import Strict
from footfall.strict_yaml import read_yaml

FOLDER = Path(__file__).parent
#: The tools, each a file of this folder.
FormName = Literal["ga4", "matomo", "plausible", "posthog", "segment", "snowplow", "umami"]

#: Fields of ours that a file may fill. `host` and `path` make an address where `url` gives none.
_TEXTS = (
    "id", "title", "referrer", "user", "visitor", "session", "lang", "tz", "screen", "viewport", "view_id",
    "user_agent", "ip", "country", "region", "city", "device_type",
)  # fmt: skip
_UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
FIELDS = frozenset({*_TEXTS, *_UTM, "url", "host", "path", "occurred_at", "consent"})
#: What only a program with a write key may say (docs/server-events.md).
OF_PERSON = ("user_agent", "ip", "country", "region", "city", "device_type")
#: A field that is no text stays below the tool's name, but for these: of a person nothing stays by accident.
_NEVER_KEPT = frozenset({"user", "visitor", "session", *OF_PERSON})
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_PLACE = re.compile(r"\{([^{}]+)\}")
_decode = msgspec.json.Decoder().decode


class Kind(Strict):
    """One kind of event: `when` these paths have these values (`*`: any), it is of this `type`."""

    when: dict[str, str | list[str]] = Field(default_factory=dict)
    type: str
    fields: dict[str, list[str]] = Field(default_factory=dict)
    #: Property → path.
    props: dict[str, str] = Field(default_factory=dict)


class Wire(Strict):
    """A path that trackers send to; `given` are values that the path itself says."""

    path: str
    methods: list[Literal["GET", "POST"]] = Field(default=["POST"])
    given: dict[str, str] = Field(default_factory=dict)


class Said(Strict):
    """What a tracker is answered. In `document`, `$taken` and `$refused` are counts."""

    status: int = 200
    text: str = ""
    document: dict[str, Any] | None = None
    image: bool = False


class FieldMapping(Strict):
    """Which of a tool's fields is which of ours. Paths are `a.b`; with `^` they lead into what surrounds the
    events; with braces they are texts that are put together.
    """

    #: Where the public id of a site stands, and where a write key may.
    ids: list[str] = Field(default_factory=list)
    secrets: list[str] = Field(default_factory=list)
    #: Paths whose text is JSON, or JSON in base64; and those that list parts, each with its schema's name.
    json_texts: list[str] = Field(default_factory=list)
    base64_texts: list[str] = Field(default_factory=list)
    schemas: list[str] = Field(default_factory=list)
    #: Values that say nothing.
    nothing: list[str] = Field(default_factory=list)
    fields: dict[str, list[str]] = Field(default_factory=dict)
    #: Paths of objects whose members are properties; members that begin with `kept_apart` are not.
    props_from: list[str] = Field(default_factory=list)
    kept_apart: str = ""
    props: dict[str, str] = Field(default_factory=dict)
    kinds: list[Kind] = Field(default_factory=list)
    #: A type as it was sent → ours.
    types: dict[str, str] = Field(default_factory=dict)
    #: Ids of devices and the like, which are not stored.
    left_out: list[str] = Field(default_factory=list)


class Form(FieldMapping):
    """How the trackers of one tool send their events."""

    form: FormName
    wire: list[Wire]
    #: Where a batch has its events; without it a body is one event.
    events: str = ""
    sent_at: list[str] = Field(default_factory=list)
    taken: Said
    #: The same for one event of several, where it differs.
    taken_batch: Said | None = None


@cache
def forms() -> dict[str, Form]:
    """Every tool's form by its name."""
    texts = (path.read_text("utf-8") for path in sorted(FOLDER.glob("*.yaml")))
    read = (Form.model_validate(read_yaml(text)) for text in texts)
    return {form.form: form for form in read}


@cache
def paths() -> frozenset[str]:
    """The paths of the collector that belong to forms."""
    return frozenset(wire.path for form in forms().values() for wire in form.wire)


class _Sent:
    """One event as it was sent, and what surrounds it; it remembers which paths were asked for."""

    def __init__(self, event: dict[str, Any], around: Mapping[str, Any], nothing: Iterable[str]) -> None:
        self.event = event
        self._around = around
        self._nothing = frozenset(nothing)
        self.used: set[str] = set()

    def at(self, path: str) -> Any:
        """What stands at a path; None where nothing does."""
        place: Any = self.event
        if path.startswith("^"):
            place, path = self._around, path[1:]
        else:
            self.used.add(path)
        for name in path.split("."):
            place = place.get(name) if isinstance(place, Mapping) else None
        return None if place == "" or (isinstance(place, str) and place in self._nothing) else place

    def text(self, path: str) -> str | None:
        """The text or number at a path, or one that is put together of several."""
        if "{" in path:
            parts = {name: self.text(name) for name in _PLACE.findall(path)}
            if any(part is None for part in parts.values()):
                return None
            return _PLACE.sub(lambda found: str(parts[found[1]]), path)
        value = self.at(path)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return None
        return value.strip() or None if isinstance(value, str) else str(value)

    def first(self, ways: Iterable[str]) -> str | None:
        """The first text that is there. Every way counts as asked for."""
        found = None
        for way in ways:
            text = self.text(way)
            found = found if found is not None else text
        return found

    def keep(self, ways: Iterable[str]) -> None:
        """What is no text at these paths was not understood, so it counts as not asked for."""
        for way in ways:
            if way in self.used and self.at(way) is not None and self.text(way) is None:
                self.used.discard(way)

    def rest(self) -> dict[str, Any]:
        """What nobody has asked for."""
        for path in self.used:
            _remove(self.event, path.split("."))
        return self.event


def _remove(place: Any, names: list[str]) -> None:
    if not isinstance(place, dict) or names[0] not in place:
        return
    if len(names) == 1:
        del place[names[0]]
        return
    _remove(place[names[0]], names[1:])
    if place[names[0]] == {}:
        del place[names[0]]


def event_of(
    tool: str,
    form: FieldMapping,
    event: dict[str, Any],
    around: Mapping[str, Any],
    *,
    host: str,
    origin: str | None = None,
    is_keyed: bool = False,
) -> dict[str, Any]:
    """An event of ours, of what a `tool` calls one. `event` is changed.

    `host` stands for a page that names none, `origin` (`https://host`) is the page that sent it. Without a
    key what it says of a person's address, user agent and place is left out: the request says that. Raises
    Refused where it has no type.
    """
    _unpack(form, event)
    sent = _Sent(event, around, form.nothing)
    kind = next(kind for kind in form.kinds if _fits(kind, sent))
    fields = form.fields | kind.fields
    ours: dict[str, Any] = {}
    for name in _TEXTS:
        text = sent.first(fields.get(name, ()))
        if text is not None:
            ours[name] = text
    ours["url"] = _address(sent, fields, host, origin)
    _set_type(ours, sent, tool, form, kind)
    declared = _values(sent, fields.get("consent", ()))
    if declared:
        ours["consent"] = declared[0]
    stated = _values(sent, fields.get("occurred_at", ()))
    moments = [moment for value in stated if (moment := milliseconds(value)) is not None]
    if moments:
        ours["occurred_at"] = moments[0]
    elif stated:
        ours["occurred_at_as_sent"] = stated[0]
    if "id" in ours and not EVENT_ID.fullmatch(ours["id"]):
        ours["id_as_sent"] = ours.pop("id")
    if ours.get("referrer") and "://" not in ours["referrer"]:
        ours["referrer"] = f"https://{ours['referrer'].removeprefix('//')}"
    for path in (*form.left_out, *form.ids, *form.secrets):
        sent.at(path)
    for name in fields.keys() - _NEVER_KEPT:
        sent.keep(fields[name])
    props, more = _props(sent, form, kind)
    rest = sent.rest()
    if not is_keyed:
        for name in OF_PERSON:
            ours.pop(name, None)
    ours |= {"form": tool}
    if props:
        ours["props"] = props
    rest = more | rest
    if rest:
        ours[tool] = rest
    return ours


def _values(sent: _Sent, ways: Iterable[str]) -> list[Any]:
    return [value for way in ways if (value := sent.at(way)) is not None]


def _fits(kind: Kind, sent: _Sent) -> bool:
    for path, wanted in kind.when.items():
        text = sent.text(path)
        if text is None:
            return False
        if wanted != "*" and text not in ([wanted] if isinstance(wanted, str) else wanted):
            return False
    return True


def _set_type(ours: dict[str, Any], sent: _Sent, tool: str, form: FieldMapping, kind: Kind) -> None:
    said = sent.text(kind.type) if "{" in kind.type else kind.type
    if said is None:
        raise Refused(Refusal.INVALID_EVENT, f"expected what {tool} calls the type of an event")
    said = form.types.get(said, said)
    plain = _CONTROLS.sub(" ", said)[:64]
    ours["type"] = plain
    if plain != said:
        ours["type_as_sent"] = said


def _address(sent: _Sent, fields: Mapping[str, list[str]], host: str, origin: str | None) -> str:
    """The page's address: as it was sent, or its path on the host that is known best."""
    url, named, path = (sent.first(fields.get(name, ())) for name in ("url", "host", "path"))
    utm = {name: text for name in _UTM if (text := sent.first(fields.get(name, ()))) is not None}
    address = None
    if url is not None and "://" in url:
        address = plain_address(url) or url
    if address is None:
        authority = authority_of(named) if named else None
        base = f"https://{authority}" if authority else origin or f"https://{host}"
        said = url if url is not None and url.startswith("/") else path
        place = quote(said or "/", safe="/?&=#%~:+,;@!$'()*")
        address = base + (place if place.startswith("/") else f"/{place}")
    if utm and "utm_" not in address:
        before, mark, fragment = address.partition("#")
        address = before + ("&" if "?" in before else "?") + urlencode(utm) + mark + fragment
    return address


def _props(sent: _Sent, form: FieldMapping, kind: Kind) -> tuple[dict[str, Any], dict[str, Any]]:
    """Properties, and members beside them that stay below the tool's name."""
    props: dict[str, Any] = {}
    apart: dict[str, Any] = {}
    wanted = form.props | kind.props
    named = {name: value for name, path in wanted.items() if (value := _value(sent, path)) is not None}
    for path in form.props_from:
        found = sent.at(path)
        if isinstance(found, str):
            found = _json(found)
        if not isinstance(found, dict):
            sent.used.discard(path)
            continue
        for name, value in found.items():
            if value is None or f"{path}.{name}" in sent.used:
                continue
            is_apart = form.kept_apart and name.startswith(form.kept_apart)
            room = MAX_PROPERTIES - len(named)
            if is_apart or (name not in props and len(props) >= room):
                apart[name] = value
            else:
                props.setdefault(name, value)
    return props | named, apart


def _value(sent: _Sent, path: str) -> Any:
    return sent.text(path) if "{" in path else sent.at(path)


def _json(text: str) -> Any:
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _unpack(form: FieldMapping, event: dict[str, Any]) -> None:
    """Texts that are JSON become what they say, where they are; lists of parts become objects by schema."""
    for path in form.json_texts:
        _replace(event, path, lambda value: _json(value) if isinstance(value, str) else value)
    for path in form.base64_texts:
        _replace(event, path, _of_base64)
    for path in form.schemas:
        _replace(event, path, _by_schema)


def _replace(place: dict[str, Any], path: str, change: Any) -> None:
    *before, last = path.split(".")
    for name in before:
        inner = place.get(name)
        if not isinstance(inner, dict):
            return
        place = inner
    if last in place:
        new = change(place[last])
        if new is not None:
            place[last] = new


def _of_base64(value: Any) -> Any:
    if not isinstance(value, str):
        return None
    try:
        text = base64.urlsafe_b64decode(value.strip() + "=" * (-len(value.strip()) % 4)).decode()
    except (ValueError, UnicodeDecodeError):
        return None
    return _json(text)


def _by_schema(value: Any) -> Any:
    """`{data: [{schema: "iglu:vendor/web_page/jsonschema/1-0-0", data: …}]}` as `{web_page: …}`; one alone as
    well.
    """
    while isinstance(value, dict) and isinstance(value.get("data"), dict) and "schema" in value["data"]:
        value = value["data"]  # a self-describing thing in its envelope
    parts = value.get("data") if isinstance(value, dict) else None
    if isinstance(value, dict) and isinstance(value.get("schema"), str) and not isinstance(parts, list):
        return {"name": _schema_name(value["schema"]), "data": parts}
    if not isinstance(parts, list):
        return None
    found: dict[str, Any] = {}
    for part in parts:
        if isinstance(part, dict) and isinstance(part.get("schema"), str):
            found.setdefault(_schema_name(part["schema"]), part.get("data"))
    return found


def _schema_name(schema: str) -> str:
    pieces = schema.removeprefix("iglu:").split("/")
    return pieces[1] if len(pieces) > 1 else schema
