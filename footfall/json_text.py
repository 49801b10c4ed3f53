"""JSON as text: looked at and changed in place, so that everything else stays byte for byte.

A parser and a writer between them would round numbers, unescape strings and drop repeated fields.
"""

import re
from collections.abc import Callable

import msgspec

#: A string with the colon that makes it a name, or a number. Possessive, and a string without an end is taken
#: to the end of the text: nothing makes it slow.
_TOKENS = re.compile(r'("(?:[^"\\]++|\\.)*+("?+))(\s*+:)?+|(-?\d[\d.eE+-]*+)', re.DOTALL)
#: Escapes one by one, so that a backslash that is itself escaped starts none.
_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2}|u0000)|.)",
    re.DOTALL,
)

_encode = msgspec.json.Encoder().encode
_decode_string = msgspec.json.Decoder(str).decode


def is_utf8(raw: bytes) -> bool:
    """Whether all of it is UTF-8."""
    if raw.isascii():
        return True
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def depth(raw: bytes) -> int:
    """The deepest nesting of JSON text: brackets inside strings do not count."""
    now = deepest = 0
    in_string = escaped = False
    for byte in raw:
        if in_string:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte in b"{[":
            now += 1
            deepest = max(deepest, now)
        elif byte in b"}]":
            now -= 1
    return deepest


def without_unreadable(raw: bytes) -> bytes:
    r"""JSON in which half of a pair, such as `\ud83d` where a text was cut, and NUL have become U+FFFD.

    Such an escape is JSON but no text that readers downstream could take: many end or fail at a NUL.
    """
    if b"\\ud" not in raw and b"\\uD" not in raw and b"\\u0000" not in raw:
        return raw
    return _ESCAPES.sub(lambda found: rb"\ufffd" if found[1] else found[0], raw)


def quoted(text: str) -> str:
    """A string as JSON."""
    return _encode(text).decode()


def unquoted(token: str) -> str | None:
    """What a JSON string says; None where it is none."""
    if "\\" not in token:
        return token[1:-1]
    try:
        return _decode_string(token)
    except msgspec.DecodeError:
        return None


def rewrite(text: str, change: Callable[[str, str, bool], str | None]) -> str:
    """`text` with strings and numbers replaced; all between them stays as it is.

    `change(name, value, is_string)` gives the JSON to put in place of a value, or None to leave it. `name`
    is the name that stands last before the value, so the members of a list have the name of the list. A
    name is asked about too, as a string whose name is "". Text that is no JSON is rewritten as far as it
    looks like it.
    """
    parts: list[str] = []
    done = 0
    name = ""
    for found in _TOKENS.finditer(text):
        string, end_quote, colon, number = found.groups()
        if string is None:
            new = change(name, number, False)
        elif not end_quote:
            new = None
        else:
            value = unquoted(string)
            if colon is not None:
                name = value or ""
                new = change("", name, True)
            else:
                new = change(name, value, True) if value is not None else None
        if new is not None:
            start, end = found.span(1 if string is not None else 4)
            parts += (text[done:start], new)
            done = end
    if not parts:
        return text
    parts.append(text[done:])
    return "".join(parts)
