"""An image request's query → the JSON of the event that it describes."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from footfall.event import MAX_PROPERTIES, Refusal, Refused

_FIELDS = frozenset({"id", "type", "occurred_at", "url", "title", "referrer"})

#: Characters of a path in the short form; more is no page that a person has visited.
MAX_PATH = 2048
_SCREEN = re.compile(r"([0-9]{1,5})(?:,([0-9]{1,5})(?:,[0-9.]{1,5})?)?")
#: What a script may say of itself: 0 for a person, from 150 on for the sign of automation that it saw.
_BOT = re.compile(r"0|1[5-9][0-9]")


#: Headers by which browsers, mail programs and previews say that nobody looks yet, and their words for it.
_AHEAD = (b"sec-purpose", b"purpose", b"x-purpose", b"x-moz")
_AHEAD_WORDS = (b"prefetch", b"prerender", b"preview")
#: How proxies that fetch the images of e-mails call themselves. Apple's calls itself nothing else.
_MAIL_PROXY = re.compile(rb"GoogleImageProxy|YahooMailProxy|\AMozilla/5\.0\Z")
_NAMELESS_PROXY = "AppleMailPrivacy"


def is_ahead(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a request is made ahead of a view that may never come."""
    said = b" ".join(headers[name] for name in _AHEAD if name in headers).lower()
    return bool(said) and any(word in said for word in _AHEAD_WORDS)


def mail_proxy(headers: Mapping[bytes, bytes]) -> str | None:
    """The e-mail provider's proxy that asks for an image in the place of its readers; None for all others."""
    found = _MAIL_PROXY.search(headers.get(b"user-agent", b"").strip())
    if found is None:
        return None
    return _NAMELESS_PROXY if found[0] == b"Mozilla/5.0" else found[0].decode()


def gif_event(
    query: bytes, referer: str, site_host: str, proxy: str | None = None
) -> tuple[int | None, bytes]:
    """Send time and JSON of the event that an image request describes.

    `event` is its whole JSON, as the pixel sends it where it may not post. Else fields are those of a posted
    event; every other parameter becomes a property. A page without scripts
    cannot name its address, so the Referer header stands in for a missing `url`. The short form of
    small counters (`p` path, `t` title, `r` referrer, `s` screen, `q` query, `e` event, `b` bot) is read
    where `p` is given and `url` is not; its path is on the Referer's host, or else on `site_host`. `proxy`
    is the one that stands between us and the reader of an e-mail; the event says so as `mail_proxy`.
    Raises Refused(TOO_MANY_PROPERTIES | INVALID_EVENT).
    """
    try:
        pairs = parse_qsl(query.decode("utf-8", "replace"), max_num_fields=2 * MAX_PROPERTIES)
    except ValueError:
        raise Refused(Refusal.TOO_MANY_PROPERTIES) from None
    event: dict[str, Any] = {"type": "page_view", "url": referer}
    if proxy is not None:
        event["mail_proxy"] = proxy
    given = dict(pairs)
    if "event" in given:
        return _milliseconds(given.get("sent_at", "")), given["event"].encode()
    if "p" in given and "url" not in given:
        event |= _short_form(given, referer, site_host)
        pairs = [(name, value) for name, value in pairs if name not in _SHORT]
    props: dict[str, str] = {}
    sent_at = None
    for name, value in pairs:
        if name == "sent_at":
            sent_at = _milliseconds(value)
        elif name in _FIELDS:
            event[name] = value
        elif name != "site":
            props[name] = value
    if "occurred_at" in event:
        # Not a number: stays text, and the check of the event names the field.
        event["occurred_at"] = _milliseconds(event["occurred_at"]) or event["occurred_at"]
    if props:
        event["props"] = props
    return sent_at, msgspec.json.encode(event)


_SHORT = frozenset("ptrsqeb")


def _short_form(given: dict[str, str], referer: str, site_host: str) -> dict[str, Any]:
    path = given["p"]
    if len(path) > MAX_PATH:
        raise Refused(Refusal.INVALID_EVENT, f"p: expected at most {MAX_PATH} characters")
    here = re.match(r"https?://[^/?#\s]+", referer)
    base = here[0] if here else f"https://{site_host}"
    event: dict[str, Any] = {}
    if given.get("e") in ("true", "1"):
        event |= {"type": path, "url": referer or f"{base}/"}
    else:
        event["url"] = base + (path if path.startswith("/") else f"/{path}")
        query = given.get("q", "").removeprefix("?")
        if query and "?" not in event["url"]:
            event["url"] += f"?{query}"
    for short, name in (("t", "title"), ("r", "referrer")):
        if given.get(short):
            event[name] = given[short]
    if given.get("s"):
        screen = _SCREEN.fullmatch(given["s"])
        if screen is None:
            raise Refused(Refusal.INVALID_EVENT, "s: expected width, or width,height[,scale]")
        event["screen"] = f"{screen[1]}x{screen[2] or 0}"
    if given.get("b"):
        if not _BOT.fullmatch(given["b"]):
            raise Refused(Refusal.INVALID_EVENT, "b: expected 0, or 150 to 199")
        if given["b"] != "0":
            event |= {"webdriver": True, "bot": int(given["b"])}
    return event


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
