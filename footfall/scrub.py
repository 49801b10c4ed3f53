"""Personal data out of what was sent, before anything is stored.

    JSON of an event ── scrub_event ──► the same JSON, with `redacted-…` where e-mail, cards, … stood
    bytes of a refused body ── scrub_body ──► the same
    text ── scrub_text ──► the same

Rules look at decoded strings: JSON escapes are undone, percent-encoding up to three times. What a rule does
not touch stays byte for byte. Every pattern is linear in the text (possessive or bounded).

Whether an event needs any of this is asked by footfall/scrub_signs.py, which costs a tenth of it.
"""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from footfall.consent import without_identity
from footfall.event_ids import EVENT_ID
from footfall.json_text import quoted, rewrite
from footfall.scrub_addresses import is_address
from footfall.scrub_cards import digits_of, is_card, is_printed
from footfall.scrub_encodings import MAX_DECODINGS, rewrite_decoded
from footfall.scrub_names import Kind, about, about_goods, about_social_security, kind_of
from footfall.scrub_sign_in import is_sign_in
from footfall.scrub_tokens import SIGNS, TOKEN, without_ibans
from footfall.scrub_values import is_ordinary_before, is_pin, is_prose, is_secret, is_weak_secret

#: Characters of an address; longer ones are cut. Browsers and proxies pass on little more.
MAX_ADDRESS = 4096
#: Characters of any other string of an event.
MAX_STRING = 2048
#: Digits of a text below which there is no card, no account and no social security number in it.
FEW_DIGITS = 9
_NOT_DIGITS = bytes(set(range(256)) - set(b"0123456789"))
#: Ends a string that was cut.
CUT = "…"
#: Characters before a number in which the words are looked for that say what it is.
_CONTEXT = 32

#: Counts by rule: email, card, ssn, jwt, secret, credentials, phone, iban, address, cut.
Redactions = Counter[str]

_LOCAL = r"\w.+~!$*'{}|^`-"
_EMAIL = re.compile(
    # Behind another @ it is the name of somebody at a server of the fediverse: `@ann@mastodon.social`.
    rf"(?<![@＠{_LOCAL}])[{_LOCAL}]++[@＠]((?:[\w-]++\.)+[^\W\d_]{{2,24}}|(?:[\w-]++\.)+xn--[\w-]++)"
)
#: `logo@2x.png` is a picture.
_PICTURE = re.compile(r"\d(?:\.\d)?x\.(?:png|jpe?g|webp|gif|svg|avif)", re.IGNORECASE)
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]{6,}+\.[\w-]{6,}+(?:\.[\w-]*+){0,3}")
_SCHEME = re.compile(r"\b(bearer|basic)([ +:=]{1,3}|%20)([\w.~+/=-]{8,})", re.IGNORECASE)
_USERINFO = re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]{1,20}+://)([^\s/?#@\"'<>]{1,256}+)@")
#: Between digits: a space, a plus (a space in a form), hyphens, dots, and what printers take for these.
_BETWEEN = r"[ +.\u00a0\u202f\u2010-\u2013\u2212-]"
_NUMBER = re.compile(rf"(?<!\w)\d(?:{_BETWEEN}?\d){{12,18}}(?!\w)")
_SSN = re.compile(rf"(?<!\w)(\d{{3}})({_BETWEEN}?)(\d{{2}})\2(\d{{4}})(?!\w)")
_HYPHENS = frozenset("-\u2010\u2011\u2012\u2013\u2212")
_PAIR = re.compile(
    r"(?<![A-Za-z0-9])([A-Za-z][\w.\[\]-]{0,63}+)(\\{0,7}+[\"'])?\s{0,3}(?:=\s{0,3}|:(?!//)[\s+]{0,3})"
)
_VALUE = re.compile(r"\\{0,7}+\"([^\"]++)\"?|\\{0,7}+'([^']++)'?|([^\s&#;,\"'<>]++)")
#: The same where it need not be a secret: bounded, because it is looked at and perhaps left.
_SHORT_VALUE = re.compile(r"\\{0,7}+\"([^\"]{1,128}+)\"?|\\{0,7}+'([^']{1,128}+)'?|([^\s&#;,\"'<>]{1,128}+)")
#: What may be an IP address. After a slash it is a version.
_IP = re.compile(
    r"(?<![\w./:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})(?![\w.:])"
)
#: Values that go on behind a space.
_SPACED = {
    "phone": re.compile(r"([+(]?\d[\d ()+./-]{5,24}\d)"),
    "card": re.compile(r"(\d[\d +./-]{9,30}\d)"),
    "ssn": re.compile(r"(\d[\d +./-]{2,14}\d)"),
    "iban": re.compile(r"([A-Za-z]{2}\d{2}(?:[ +][A-Za-z0-9]{1,4}){3,9})"),
    "email": re.compile(r"([\w.'+-]{1,64}[ +][(\[]?at[)\]]?[ +][\w-]{1,64}(?:\.[\w-]{1,64}){1,8})"),
}
#: The credential of a scheme that nobody knows.
_AUTHORIZATION = re.compile(
    r"\b(authorization\\{0,7}+[\"']?\s{0,3}[:=]\s{0,3}\\{0,7}+[\"']?[\w-]{3,24}(?: |\+|%20))"
    r"([\w.~+/=-]{8,}+)",
    re.IGNORECASE,
)
#: Where what was said before a number ends: at the next parameter, line, cell, member or fragment.
_CUTS = re.compile(r".*(?:[?&;|\n\t{}]|(?<=[^\s+])#|,\s?\\{0,7}\")", re.DOTALL)
_HOST = re.compile(r".*://[^/\s]*", re.DOTALL)


def scrub_event(raw: bytes) -> tuple[bytes, Redactions]:
    """The JSON of an event, UTF-8, without personal data, and what was taken out of it. Text that is no JSON
    is scrubbed as far as it looks like it.
    """
    found: Redactions = Counter()
    change = _change(found, cut=True, event_id=_event_id(raw))
    return rewrite(raw.decode(), change).encode(), found


def _change(
    found: Redactions, *, cut: bool, event_id: str | None = None
) -> Callable[[str, str, bool], str | None]:
    """What `rewrite` asks of each string and number, and of each name, whose own name is ""."""
    names: Counter[str] = Counter()

    def change(name: str, value: str, is_string: bool) -> str | None:
        if name == "id" and value == event_id:
            return None  # its form is checked, and two events must not become one
        new = _value(name, value, found, cut=cut) if is_string else _number(name, value, found)
        if new == value:
            return None
        if not name:
            # Two names must not become one.
            names[new] += 1
            new = new if names[new] == 1 else f"{new}-{names[new]}"
        return quoted(new)

    return change


class _WithId(msgspec.Struct):
    id: Any = None


_decode_id = msgspec.json.Decoder(_WithId).decode


def _event_id(raw: bytes) -> str | None:
    """The id of an event, which stays as it is. An id of anything in it, or of another form, is a text."""
    try:
        event_id = _decode_id(raw).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return event_id if isinstance(event_id, str) and EVENT_ID.fullmatch(event_id) else None


def scrub_body(body: bytes) -> tuple[bytes, Redactions]:
    """Bytes that could not be read, without personal data and ids of visitors, as far as they show."""
    found: Redactions = Counter()
    try:
        encoding = "utf-8"
        text = body.decode()
    except UnicodeDecodeError:
        encoding = "latin-1"  # keeps every byte
        text = body.decode(encoding)

    text = without_identity(rewrite(text, _change(found, cut=False)))
    return _text("", text, found).encode(encoding, "replace"), found


def scrub_text(text: str) -> str:
    """Plain text without personal data."""
    return _text("", text, Counter())


@lru_cache(maxsize=4096)
def scrub_user_agent(text: str) -> str:
    """A user agent without addresses: a bot's contact, or what a proxy wrote into it. Cut it before."""
    return _IP.sub(lambda part: "redacted-address" if is_address(part[0]) else part[0], scrub_text(text))


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


def hidden_user(text: str) -> str | None:
    """What is stored in place of a user id that is personal by its looks; None where it stays."""
    stored = _value("user", text, Counter())
    return stored if stored != text else None


def _number(name: str, text: str, found: Redactions) -> str:
    if kind_of(name) in ("secret", "weak_secret", "pin", "phone", "card", "card_code", "ssn", "address"):
        return _by_name(name, text, found) or text
    return text


def _by_name(name: str, text: str, found: Redactions) -> str | None:
    """What takes the place of a value that its name gives away; None where it does not."""
    kind = kind_of(name)
    if kind is None or not text or text.startswith("redacted-") or not _is_of(kind, text):
        return None
    rule = _RULES.get(kind, kind)
    found[rule] += 1
    return f"redacted-{rule}"


#: The rule under which a kind is counted, where it has another name.
_RULES = {"card_code": "card", "weak_secret": "secret", "pin": "secret", "sign_in": "secret"}


def _is_of(kind: Kind, text: str) -> bool:
    """Whether a value can be what its name says."""
    digits = len(digits_of(text))
    if kind == "email":
        return "@" in text or "%40" in text or "＠" in text or _AT.search(text) is not None
    if kind == "phone":
        return 7 <= digits <= 20
    if kind == "card":
        return 12 <= digits <= 20
    if kind == "card_code":
        return digits == len(text) and digits in (3, 4)
    if kind == "ssn":
        return 4 <= digits <= 12
    if kind == "iban":
        return len(text) >= 15 and digits >= 8
    if kind == "address":
        return is_address(text)
    if kind == "sign_in":
        return False  # an address says it; here nothing does
    return {"weak_secret": is_weak_secret, "pin": is_pin}.get(kind, is_secret)(text)


_AT = re.compile(r"[ (\[+]at[ )\]+]", re.IGNORECASE)


def _text(name: str, text: str, found: Redactions, decodings: int = 0) -> str:
    """Text by every rule that goes by its looks."""

    def put(rule: str) -> str:
        found[rule] += 1
        return f"redacted-{rule}"

    if decodings < MAX_DECODINGS and ("%" in text or "\\u" in text):
        text = rewrite_decoded(text, lambda decoded: _text("", decoded, found, decodings + 1))
    if "eyJ" in text:
        text = _JWT.sub(lambda _: put("jwt"), text)
    text = TOKEN.sub(lambda _: put("secret"), text) if any(sign in text for sign in SIGNS) else text
    # What the patterns begin with is looked for first; in other scripts a letter may mean one of ours.
    lower = text.lower() if text.isascii() else None
    is_scheme = lower is None or "bearer" in lower or "basic" in lower
    if is_scheme:
        text = _SCHEME.sub(
            lambda part: part[1] + part[2] + put("secret") if _is_credential(part) else part[0], text
        )
    if "@" in text or "＠" in text:
        text = _USERINFO.sub(lambda part: put("credentials") and part[1], text)
        text = _EMAIL.sub(lambda part: part[0] if _PICTURE.fullmatch(part[1]) else put("email"), text)
    if lower is None or "authorization" in lower:
        text = _AUTHORIZATION.sub(
            lambda part: part[0] if part[2].startswith("redacted-") else part[1] + put("secret"), text
        )
    if "=" in text or ":" in text:
        text = _pairs(text, found)
    if text.isascii() and len(text.encode().translate(None, _NOT_DIGITS)) < FEW_DIGITS:
        return text
    text, ibans = without_ibans(text, "redacted-iban")
    if ibans:
        found["iban"] += ibans
    text = _NUMBER.sub(lambda part: put("card") if _is_card(name, part) else part[0], text)
    return _SSN.sub(lambda part: put("ssn") if _is_ssn(name, part) else part[0], text)


def _is_credential(part: re.Match[str]) -> bool:
    value = part[3]
    if value.startswith("redacted-"):
        return False
    if part[1].lower() == "basic":
        try:
            return b":" in base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
        except ValueError:
            return False
    return len(value) >= 20 or any(character.isdigit() for character in value)


def _pairs(text: str, found: Redactions) -> str:
    """Values after names that give them away: `token=…` in an address, `password: …` in a text."""
    parts: list[str] = []
    done = looked_at = 0
    for pair in _PAIR.finditer(text):
        name = _whole_name(text, pair)
        kind = kind_of(name)
        if pair.start() < done or kind is None:
            continue
        at = pair.end()
        spaced = _SPACED[kind].match(text, at) if kind in _SPACED else None
        is_bounded = kind not in ("secret", "weak_secret")
        value = spaced or (_SHORT_VALUE if is_bounded else _VALUE).match(text, at)
        if value is None:
            continue
        group = value.lastindex or 0
        start, end = value.span(group)
        while end > start and text[end - 1] == "\\":
            end -= 1  # the quote after it is an escaped one
        is_running = ":" in pair[0] and pair[2] is None
        if is_running and group == 3 and pair[0].endswith("+"):
            end = start + len(text[start:end].partition("+")[0])  # a form's space
        written = text[start:end]
        if (
            kind in _SECRET_KINDS
            and group == 3
            and (is_ordinary_before(written) or (is_running and is_prose(name, written, text[end : end + 1])))
        ):
            continue
        if kind == "sign_in":
            looked_at += 1
            is_it = looked_at > _MOST_SIGN_INS or is_sign_in(written, text, pair.start())
            new = "redacted-secret" if is_it else None
            found["secret"] += new is not None
        else:
            new = _by_name(name, written, found)
        if new is not None:
            parts += (text[done:start], new)
            done = end
    return "".join([*parts, text[done:]]) if parts else text


#: Pairs of one text whose surroundings are looked at. No page has more of `code` and `state`; they go.
_MOST_SIGN_INS = 16
_SECRET_KINDS = ("secret", "weak_secret", "pin")
_WORD_BEFORE = re.compile(r"[A-Za-z]{2,16}[ _-]$")


def _whole_name(text: str, pair: re.Match[str]) -> str:
    """The name of a pair; in a running text it may have two words: `API key: …`."""
    if pair[1].lower() not in ("key", "number", "no", "code", "security"):
        return pair[1]
    before = _WORD_BEFORE.search(text, max(0, pair.start() - 17), pair.start())
    return before[0] + pair[1] if before is not None else pair[1]


def _before(name: str, part: re.Match[str]) -> str:
    """The words that say what a number is: those before it, or the name of its field where it is alone."""
    words = part.string[max(0, part.start() - _CONTEXT) : part.start()]
    cut = _CUTS.match(words)
    said = _HOST.sub("", words[cut.end() :] if cut is not None else words)
    return said if said or part.start() else name


def _is_card(name: str, part: re.Match[str]) -> bool:
    if not is_card(digits_of(part[0])):
        return False
    topic = about(_before(name, part))
    if topic is not None:
        return topic == "card"
    # A number in a path, or the tail of a longer code, is an id; printed like a card, it is hardly one.
    return is_printed(part[0]) or not (
        "." in part[0] or part.string[: part.start()].endswith("/") or _is_in_code(part)
    )


def _is_ssn(name: str, part: re.Match[str]) -> bool:
    area, separator, group, serial = part.groups()
    if area in ("000", "666") or area[0] == "9" or group == "00" or serial == "0000":
        return False
    words = _before(name, part)
    if about_social_security(words):
        return True
    return separator in _HYPHENS and not _is_in_code(part) and not about_goods(words)


def _is_in_code(part: re.Match[str]) -> bool:
    """Whether a number is a part of a longer code."""
    before = part.string[max(0, part.start() - 2) : part.start()]
    after = part.string[part.end() : part.end() + 2]
    return (
        before[-1:] == "_"
        or (before[-1:] in ("-", ".") and before[:1].isalnum())
        or (after[:1] in ("-", ".") and after[1:].isalnum())
    )
