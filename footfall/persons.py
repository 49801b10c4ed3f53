"""Who an event is about that a program sends with a write key: what the event says, and never the program.

The program's own address and library describe only the sender. What is said of a person's address lives here
as long as the request; it makes a visitor and a place, and nothing writes it anywhere.
"""

import re
from typing import Any, NamedTuple

import msgspec

from footfall.address import parse
from footfall.event import MAX_ID_LENGTH
from footfall.geo import MAX_CITY, NO_COUNTRIES, NOWHERE, Place
from footfall.json_text import without_unreadable

#: Our name of a field → the names under which programs send it; the first that is given counts.
NAMES = {
    "user": ("user", "user_id", "userId"),
    "visitor": ("visitor", "visitor_id", "visitorId", "anonymous_id", "anonymousId"),
    "session": ("session", "session_id", "sessionId"),
    "lang": ("lang", "locale", "language"),
    "device_type": ("device_type", "deviceType"),
    "user_agent": ("user_agent", "userAgent"),
    "ip": ("ip", "ip_address", "ipAddress", "client_ip"),
    "country": ("country", "country_code"),
    "region": ("region", "region_code"),
    "city": ("city",),
}
#: What is said of a person among the properties of the platform with keys (footfall.shapes).
_IN_PROPERTIES = ("device_type", "user_agent", "ip", "country", "region", "city")
DEVICES = frozenset({"mobile", "tablet", "desktop", "tv"})
_COUNTRY = re.compile(r"[A-Z]{2}")
_REGION = re.compile(r"(?:[A-Z]{2}-)?([A-Z0-9]{1,3})")

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_value = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Person(NamedTuple):
    """What an event says of the person it is about.

    `user_agent` as it was sent; `address` in its canonical form: it must not be kept. `token`: the id by
    which the sender knows the person, however it is called. `place`: as said, and not looked up.
    """

    user_agent: str = ""
    address: str = ""
    token: str | None = None
    place: Place = NOWHERE

    @property
    def told_apart_by(self) -> tuple[str, str]:
        """What a visitor's hash is made of: the id, or address and user agent as of a page's visitor."""
        return (self.token, "") if self.token is not None else (self.address, self.user_agent)


NOBODY = Person()


def told_apart(raw: bytes) -> tuple[bytes, Person]:
    """An event without what is kept in its line, under our names, and the person that it is about.

    What is no JSON object comes back as it is.
    """
    try:
        fields = _fields(without_unreadable(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return raw, NOBODY
    said = {ours: found for ours, names in NAMES.items() if (found := _named(fields, names)) is not None}
    if "event_type" in fields:
        properties = _decoded(fields.get("properties"))
        if isinstance(properties, dict):
            for ours in _IN_PROPERTIES:
                texts = [properties[name] for name in NAMES[ours] if isinstance(properties.get(name), str)]
                if ours not in said and texts:
                    said[ours] = texts[0]
    for ours in ("user", "visitor", "session", "lang"):
        if ours in said:
            for name in NAMES[ours]:
                fields.pop(name, None)
            fields[ours] = msgspec.Raw(_encode(said[ours]))
    place = _place(said)
    # A country or region in words of the sender's own stays in the event.
    for ours in ("user_agent", "ip", *(name for name, value in place._asdict().items() if value)):
        for name in NAMES[ours]:
            fields.pop(name, None)
    device = said.get("device_type", "").lower()
    if device in DEVICES:
        for name in NAMES["device_type"]:
            fields.pop(name, None)
        fields["device_type"] = msgspec.Raw(_encode(device))
    address = parse(said.get("ip", "")[:64])
    person = Person(
        user_agent=said.get("user_agent", ""),
        address="" if address is None else str(address),
        token=_token(said),
        place=place,
    )
    return _encode(fields), person


def _named(fields: dict[str, msgspec.Raw], names: tuple[str, ...]) -> str | None:
    """The text or whole number that stands first under one of these names."""
    for name in names:
        value = _decoded(fields.get(name))
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return str(value)
    return None


def _decoded(raw: msgspec.Raw | None) -> Any:
    try:
        return None if raw is None else _value(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _token(said: dict[str, str]) -> str | None:
    token = said.get("visitor") or said.get("user")
    if token is None and "ip" not in said:
        token = said.get("session")
    return token if token is None or len(token) <= MAX_ID_LENGTH else None


def _place(said: dict[str, str]) -> Place:
    country = said.get("country", "").strip().upper()
    region = _REGION.fullmatch(said.get("region", "").strip().upper())
    city = said.get("city", "").strip()[:MAX_CITY]
    return Place(
        country if _COUNTRY.fullmatch(country) and country not in NO_COUNTRIES else None,
        region[1] if region else None,
        city if city and city.isprintable() else None,
    )
