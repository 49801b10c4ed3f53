"""Personal data out of what was sent, before anything is stored.

    JSON of an event ── scrub_event ──► the same JSON, with `redacted-…` where e-mail, cards, … stood
    bytes of a refused body ── scrub_body ──► the same
    text ── scrub_text ──► the same

Rules look at decoded strings: JSON escapes are undone, percent-encoding up to three times. What a rule does
not touch stays byte for byte. Every pattern is linear in the text (possessive or bounded).

Whether an event needs any of this is asked by footfall/scrub_signs.py, which costs a tenth of it.
"""

import base64
import binascii
import hashlib
import ipaddress
import re
from collections import Counter
from functools import lru_cache
from urllib.parse import quote, unquote

from footfall.consent import without_identity
from footfall.json_text import quoted, rewrite
from footfall.scrub_cards import digits_of, is_card, is_printed
from footfall.scrub_names import about, about_social_security, kind_of

#: Characters of an address; longer ones are cut. Browsers and proxies pass on little more.
MAX_ADDRESS = 4096
#: Characters of any other string of an event.
MAX_STRING = 2048
#: Ends a string that was cut.
CUT = "…"
#: Percent-encoding is undone so many times. A redirect in a redirect needs two.
MAX_DECODINGS = 3
#: Characters before a number in which the words are looked for that say what it is.
_CONTEXT = 32

#: Counts by rule: email, card, ssn, jwt, secret, credentials, phone, iban, address, cut.
Redactions = Counter[str]

_LOCAL = r"\w.+~!$*'{}|^`-"
_EMAIL = re.compile(
    rf"(?<![{_LOCAL}])[{_LOCAL}]++[@＠]((?:[\w-]++\.)+[^\W\d_]{{2,24}}|(?:[\w-]++\.)+xn--[\w-]++)"
)
#: `logo@2x.png` is a picture.
_PICTURE = re.compile(r"\d(?:\.\d)?x\.(?:png|jpe?g|webp|gif|svg|avif)", re.IGNORECASE)
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]{6,}+\.[\w-]{6,}+(?:\.[\w-]*+){0,3}")
_SCHEME = re.compile(r"\b(bearer|basic)([ +:=]{1,3}|%20)([\w.~+/=-]{8,})", re.IGNORECASE)
_USERINFO = re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]{1,20}+://)([^\s/?#@\"'<>]{1,256}+)@")
_NUMBER = re.compile(r"(?<!\w)\d(?:[ +-]?\d){12,18}(?!\w)")
_SSN = re.compile(r"(?<!\w)(\d{3})([ -]?)(\d{2})\2(\d{4})(?!\w)")
_PAIR = re.compile(r"(?<![A-Za-z0-9])([A-Za-z][\w.\[\]-]{0,63}+)[\"']?\s{0,3}(?:=|:(?!//))\s{0,3}")
_VALUE = re.compile(r"\"([^\"]++)\"?|'([^']++)'?|([^\s&#;,\"'<>]++)")
#: The same where it need not be a secret: bounded, because it is looked at and perhaps left.
_SHORT_VALUE = re.compile(r"\"([^\"]{1,128}+)\"?|'([^']{1,128}+)'?|([^\s&#;,\"'<>]{1,128}+)")
#: What may be an IP address. After a slash it is a version.
_IP = re.compile(
    r"(?<![\w./:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})(?![\w.:])"
)
_SPACED = re.compile(r"([+(]?\d[\d ()./-]{5,24}\d)")
#: A run of an address or a text that holds a percent sign, from its start.
_ENCODED = re.compile(r"(?<![^\s?&#\"'])[^\s?&#\"'%]*+%[^\s?&#\"']*+")


def scrub_event(raw: bytes) -> tuple[bytes, Redactions]:
    """The JSON of an event, UTF-8, without personal data, and what was taken out of it. Text that is no JSON
    is scrubbed as far as it looks like it.
    """
    found: Redactions = Counter()

    def change(name: str, value: str, is_string: bool) -> str | None:
        if name == "id":
            return None  # its form is checked, and two events must not become one
        new = _value(name, value, found) if is_string else _number(name, value, found)
        return quoted(new) if new != value else None

    return rewrite(raw.decode(), change).encode(), found


def scrub_body(body: bytes) -> tuple[bytes, Redactions]:
    """Bytes that could not be read, without personal data and ids of visitors, as far as they show."""
    found: Redactions = Counter()
    try:
        encoding = "utf-8"
        text = body.decode()
    except UnicodeDecodeError:
        encoding = "latin-1"  # keeps every byte
        text = body.decode(encoding)

    def change(name: str, value: str, is_string: bool) -> str | None:
        new = _value(name, value, found, cut=False) if is_string else _number(name, value, found)
        return quoted(new) if new != value else None

    text = without_identity(rewrite(text, change))
    return _text("", text, found).encode(encoding, "replace"), found


def scrub_text(text: str) -> str:
    """Plain text without personal data."""
    return _text("", text, Counter())


@lru_cache(maxsize=4096)
def scrub_user_agent(text: str) -> str:
    """A user agent without addresses: a bot's contact, or what a proxy wrote into it. Cut it before."""
    return _IP.sub(lambda part: "redacted-address" if _has_address(part[0]) else part[0], scrub_text(text))


def _value(name: str, text: str, found: Redactions, *, cut: bool = True) -> str:
    """A string of an event; `name` is that of its field."""
    new = _by_name(name, text, found)
    if new is None:
        new = _text(name, text, found)
    if new != text and name in ("user", "previous"):
        # Users must stay apart, and a hash of their own keeps the address out of reach of a glance.
        new = "redacted-" + hashlib.sha256(f"user\x1f{text.strip().lower()}".encode()).hexdigest()[:24]
    if cut and len(new) > MAX_STRING:
        limit = MAX_ADDRESS if name in ("url", "referrer") else MAX_STRING
        if len(new) > limit:
            found["cut"] += 1
            new = new[: limit - len(CUT)] + CUT
    return new


def _number(name: str, text: str, found: Redactions) -> str:
    kind = kind_of(name)
    if kind in ("secret", "phone", "card", "card_code", "ssn"):
        return _by_name(name, text, found) or text
    return text


def _by_name(name: str, text: str, found: Redactions) -> str | None:
    """What takes the place of a value that its name gives away; None where it does not."""
    kind = kind_of(name)
    if kind is None or not text or text.startswith("redacted-"):
        return None
    digits = len(digits_of(text))
    if kind == "email":
        is_it = "@" in text or "%40" in text or "(at)" in text or "[at]" in text or " at " in text
    elif kind == "phone":
        is_it = 7 <= digits <= 20
    elif kind == "card":
        is_it = 12 <= digits <= 20
    elif kind == "card_code":
        is_it = digits == len(text) and digits in (3, 4)
    elif kind == "ssn":
        is_it = 4 <= digits <= 12
    elif kind == "iban":
        is_it = len(text) >= 15 and digits >= 10
    elif kind == "address":
        is_it = _has_address(text)
    else:
        is_it = text not in ("true", "false", "null")
    if not is_it:
        return None
    rule = "card" if kind == "card_code" else kind
    found[rule] += 1
    return f"redacted-{rule}"


def _has_address(text: str) -> bool:
    for part in unquote(text).split(","):
        try:
            ipaddress.ip_address(part.strip().strip("[]").partition("%")[0])
        except ValueError:
            continue
        return True
    return False


def _text(name: str, text: str, found: Redactions, decodings: int = 0) -> str:
    """Text by every rule that goes by its looks."""

    def put(rule: str) -> str:
        found[rule] += 1
        return f"redacted-{rule}"

    if "%" in text and decodings < MAX_DECODINGS:
        text = _ENCODED.sub(lambda part: _decoded(part[0], found, decodings), text)
    if "eyJ" in text:
        text = _JWT.sub(lambda _: put("jwt"), text)
    text = _SCHEME.sub(
        lambda part: part[1] + part[2] + put("secret") if _is_credential(part) else part[0], text
    )
    if "@" in text or "＠" in text:
        text = _USERINFO.sub(lambda part: put("credentials") and part[1], text)
        text = _EMAIL.sub(lambda part: part[0] if _PICTURE.fullmatch(part[1]) else put("email"), text)
    text = _pairs(text, found)
    text = _NUMBER.sub(lambda part: put("card") if _is_card(name, part) else part[0], text)
    return _SSN.sub(lambda part: put("ssn") if _is_ssn(name, part) else part[0], text)


def _decoded(part: str, found: Redactions, decodings: int) -> str:
    """A run of percent-encoded text; it is written anew only where something was found in it."""
    text = unquote(part)
    new = text if text == part else _text("", text, found, decodings + 1)
    return part if new == text else quote(new, safe="/:=,;@!$'()*+~")


def _is_credential(part: re.Match[str]) -> bool:
    value = part[3]
    if value.startswith("redacted-"):
        return False
    if part[1].lower() == "basic":
        try:
            return b":" in base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
        except binascii.Error:
            return False
    return len(value) >= 20 or any(character.isdigit() for character in value)


def _pairs(text: str, found: Redactions) -> str:
    """Values after names that give them away: `token=…` in an address, `password: …` in a text."""
    parts: list[str] = []
    done = 0
    for pair in _PAIR.finditer(text):
        kind = kind_of(pair[1])
        if pair.start() < done or kind is None:
            continue
        spaced = kind in ("phone", "card", "ssn") and _SPACED.match(text, pair.end())
        value = spaced or (_VALUE if kind == "secret" else _SHORT_VALUE).match(text, pair.end())
        if value is None:
            continue
        group = value.lastindex or 0
        if pair[0].rstrip()[-1] == ":" and len(value[group]) < 4 and kind == "secret":
            continue  # prose
        new = _by_name(pair[1], value[group], found)
        if new is not None:
            parts += (text[done : value.start(group)], new)
            done = value.end(group)
    return "".join([*parts, text[done:]]) if parts else text


def _before(name: str, part: re.Match[str]) -> str:
    """The words that say what a number is: those before it, or the name of its field where it is alone."""
    return part.string[max(0, part.start() - _CONTEXT) : part.start()] or name


def _is_card(name: str, part: re.Match[str]) -> bool:
    if not is_card(digits_of(part[0])):
        return False
    topic = about(_before(name, part))
    if topic is not None:
        return topic == "card"
    # A number in a path, or the tail of a longer code, is an id; printed like a card, it is hardly one.
    return is_printed(part[0]) or not _is_in_code(part)


def _is_ssn(name: str, part: re.Match[str]) -> bool:
    area, separator, group, serial = part.groups()
    if area in ("000", "666") or area[0] == "9" or group == "00" or serial == "0000":
        return False
    words = _before(name, part)
    if about_social_security(words):
        return True
    return separator == "-" and not _is_in_code(part) and about(words) != "other"


def _is_in_code(part: re.Match[str]) -> bool:
    before = part.string[: part.start()][-2:]
    after = part.string[part.end() : part.end() + 2]
    return (
        before[-1:] in ("/", "_")
        or (before[-1:] in ("-", ".") and before[:1].isalnum())
        or (after[:1] in ("-", ".") and after[1:].isalnum())
    )
