"""JSON that is almost right: what can be told apart of it, so that one mistake costs itself and no more.

Nothing here parses a value. Strings and brackets are told apart, and that is enough to say where each event
of a batch begins and ends.
"""

import json
import re
from collections.abc import Iterator
from math import isinf
from typing import Any

import msgspec

from footfall.json_text import without_unreadable

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
#: Brackets of one body that are looked at; more is left to the parser's word. An event has four of them.
_MOST_BRACKETS = 4_000
#: Numbers, words and strings of a list that are told apart; it is no batch by then.
_MOST_PLAIN = 1000
#: Up to the next bracket outside of strings. Possessive throughout.
_BRACKET = re.compile(rb'[^"\[\]{}]*+(?:"(?:[^"\\]++|\\.)*+"[^"\[\]{}]*+)*+([\[\]{}])', re.DOTALL)
#: Bytes before a list in which its name is looked for.
_NAME_BYTES = 64
_NAMED_LIST = rb'(?:^\{|,)\s*"%b"\s*:\s*$'
#: A string (one without an end is taken to the end), a word that is no JSON, or a number. Possessive.
_TOKENS = re.compile(
    rb'"(?:[^"\\]++|\\.)*+"?+|(?<![\w.])(-?(?:NaN|Infinity)|undefined)(?!\w)|(-?\d[\d.eE+-]*+)', re.DOTALL
)
_CONTROLS = re.compile(rb"[\x00-\x1f]")
#: Digits of a whole number that readers downstream can take; Python reads 4300.
_MOST_DIGITS = 400
#: Up to the next comma outside of strings.
_COMMA = re.compile(rb'(?:[^",]++|"(?:[^"\\]++|\\.)*+")*+(?:,|\Z)', re.DOTALL)

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_value = msgspec.json.Decoder().decode
_syntax = msgspec.json.Decoder(msgspec.Raw).decode
_encode = msgspec.json.Encoder().encode


def without_mark(body: bytes) -> bytes:
    """A body without the byte order mark that some editors put before it."""
    return body[3:] if body.startswith(BYTE_ORDER_MARK) else body


def as_json(text: bytes) -> bytes:
    """`text` itself, or JSON that says the same where it is none but nearly (see `mended`)."""
    if _is_json(text):
        return text
    near = mended(text)
    return near if near != text and _is_json(near) else text


def _is_json(text: bytes) -> bool:
    try:
        _syntax(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def mended(text: bytes) -> bytes:
    """What some writers take for JSON, as JSON.

    `NaN`, `Infinity` and `undefined` are null, control characters in strings are escaped, and numbers that no
    reader can hold are texts. All else stays as it is.
    """
    return _TOKENS.sub(_mended, text)


def _mended(found: re.Match[bytes]) -> bytes:
    text = found[0]
    if found[1]:
        return b"null"
    if found[2]:
        is_held = len(text) <= _MOST_DIGITS and not isinf(_float(text))
        return text if is_held else b'"%b"' % text
    return _CONTROLS.sub(lambda control: rb"\u%04x" % control[0][0], text) if _CONTROLS.search(text) else text


def _float(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0  # no number; the parser says so


def batch_parts(body: bytes, name: str = "events") -> tuple[bytes, list[bytes] | None] | None:
    """The body of a batch without its events, and each of them; None of them where it has no list `name`.

    None where its brackets and quotes do not fit each other: then nobody can say what belongs where.
    """
    start = end = None
    depth = at = 0
    named = re.compile(_NAMED_LIST % re.escape(name.encode()))
    for at, bracket in _brackets(body):
        if bracket in b"[{":
            is_list = depth == 1 and bracket == b"[" and start is None
            if is_list and named.search(body[max(0, at - _NAME_BYTES) : at]):
                start = at
            depth += 1
        else:
            depth -= 1
            if depth == 1 and start is not None and end is None:
                end = at + 1
            if depth == 0:
                break
    if depth or body[:1] != b"{" or body[at + 1 :].strip():
        return None
    if start is None or end is None:
        return body, None
    events = elements(body[start:end])
    return None if events is None else (body[:start] + b"null" + body[end:], events)


def elements(text: bytes) -> list[bytes] | None:
    """The elements of a list, each as it stands there. None where it is none, or has no sound element."""
    found: list[bytes] = []
    depth, begin, last = 0, 1, 0
    for at, bracket in _brackets(text):
        if depth == 1 and bracket in b"[{":
            found += _plain(text[begin:at], is_whole=False)
            begin = at
        depth += 1 if bracket in b"[{" else -1
        last = at
        if depth == 1 and bracket in b"]}":
            found.append(text[begin : at + 1])
            begin = at + 1
        if depth == 0:
            break
    if depth or text[:1] != b"[" or text[last + 1 :].strip():
        return None
    found += _plain(text[begin:last], is_whole=True)
    return found if any(map(_is_sound, found)) else None


def _plain(between: bytes, *, is_whole: bool) -> list[bytes]:
    """Numbers, words and strings between the objects of a list. `is_whole`: nothing follows."""
    pieces: list[bytes] = []
    at = 0
    while at < len(between) and len(pieces) <= _MOST_PLAIN:
        found = _COMMA.match(between, at)
        if found is None or found.end() == at:
            break
        pieces.append(between[at : found.end()].rstrip(b",").strip())
        at = found.end()
    else:
        pieces.append(b"")
    return [piece for piece in (pieces if is_whole else pieces[:-1]) if piece]


def _brackets(text: bytes) -> Iterator[tuple[int, bytes]]:
    """Place and kind of each bracket outside of strings."""
    at = 0
    for _ in range(_MOST_BRACKETS):
        found = _BRACKET.match(text, at)  # not searched for: each byte is looked at once
        if found is None:
            return
        at = found.end()
        yield at - 1, found[1]


def _is_sound(text: bytes) -> bool:
    try:
        _value(without_unreadable(mended(text)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def members_of(text: bytes) -> dict[str, Any]:
    """The members of an object, those left out that nobody can read; empty where it is none."""
    try:
        raws = _fields(without_unreadable(mended(text)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    found = {}
    for name, raw in raws.items():
        try:
            found[name] = _value(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
    return found


# Names that are given twice ----------------------------------------------------------------------------


class _Repeated(Exception):
    pass


def _unrepeated(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise _Repeated


_look = json.JSONDecoder(object_pairs_hook=_unrepeated, parse_int=str, parse_float=str).decode


def without_repeats(text: bytes) -> bytes:
    """JSON in which each name of an object stands once: the last one counts, here and for every reader.

    Readers differ on it: what one takes for the host must be what another takes for the address.
    """
    try:
        _look(text.decode())
    except _Repeated:
        return _last_of_each(text)
    except (ValueError, RecursionError):
        pass  # no JSON; the parser says what is wrong
    return text


def _last_of_each(text: bytes) -> bytes:
    text = bytes(text).strip()
    try:
        if text[:1] == b"{":
            members = _fields(text).items()
            return b"{" + b",".join(_encode(n) + b":" + _last_of_each(bytes(v)) for n, v in members) + b"}"
        if text[:1] == b"[":
            listed = msgspec.json.decode(text, type=list[msgspec.Raw])
            return b"[" + b",".join(_last_of_each(bytes(each)) for each in listed) + b"]"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    return text
