"""Whether an event may hold personal data or click ids: asked of every event, so it has to be quick.

The full rules cost tens of microseconds. An ordinary event (known fields, a few flat properties, no @, no
long digits) is told from others in about two, on values that the contract has decoded anyway. What is here
may say yes too often and must never say no wrongly.
"""

import re
from collections.abc import Iterable
from typing import Any

from footfall.consent import CLICK_IDS
from footfall.scrub_names import kind_of

#: Strings shorter than this cannot be over the limits of length.
SHORT = 2048
#: Digits in the texts of an event below which there is neither a card nor a social security number.
_FEW_DIGITS = 9
#: Pairs of a name and a value in running text that are looked at here; more is left to the rules.
_FEW_PAIRS = 8

_DIGITS = b"0123456789"
_ASCII = bytes(range(128))
#: Beyond ASCII: what the rules take for an @, for the s of `basic` and for digits.
_STRANGE = re.compile(r"[＠ſ]|\d")
#: Percent-encodings behind which a rule might find something: @ % = : " [ ].
_ENCODED = ("%40", "%25", "%3D", "%3d", "%3A", "%3a", "%22", "%5")
#: Digits → 0, what may stand between them → -, all else stays.
_SHAPE = bytes(0x30 if chr(b).isdigit() and b < 128 else 0x2D if chr(b) in " +-" else b for b in range(256))
#: How cards and social security numbers look then; `%00` is an encoded space.
_SHAPES = (
    "00000000000000",
    "0000-0000-0000",
    "0000-000000-0000",
    "000000-0000000000000",
    "0000%000000%00",
    "0000%00000000%00",
    "000-00-0000",
)
_LAST_NAME = re.compile(r"([\w.\[\]-]+)[\"']?\s{0,3}$")


#: Name → whether a field or parameter of this name needs a closer look. Looked up several times an event, so
#: a plain dictionary; emptied when full, because senders make up names.
_TELLING: dict[str, bool] = {}
_MOST_NAMES = 8192
_LONGEST_NAME = 64


def _is_telling(name: str) -> bool:
    """The answer for a name that `_TELLING` does not know yet."""
    if len(name) > _LONGEST_NAME:
        return True
    if len(_TELLING) >= _MOST_NAMES:
        _TELLING.clear()
    _TELLING[name] = telling = kind_of(name) is not None or name.lower() in CLICK_IDS
    return telling


def is_plain(
    raw: bytes, names: int, addresses: Iterable[str | None], props: dict[str, Any], texts: list[str]
) -> bool:
    """Whether an event holds nothing that the rules could take out, and no click id.

    `names` counts the names of fields and properties that were decoded: if `raw` has more of them, a field
    was given twice or hides in another. `addresses` are URL and referrer, `texts` all texts that are no
    property, these two included. `raw` is JSON, so UTF-8.
    """
    # Looking for one character is ten times as quick as looking for two, and text is quicker than bytes.
    wire = raw.decode()
    if len(wire) > SHORT or "@" in wire or ("\\" in wire and "\\u" in wire):
        return False
    if not wire.isascii() and _STRANGE.search(raw.translate(None, _ASCII).decode()):
        return False
    schemes = equals = 0
    telling = _TELLING.get
    for address in addresses:
        if not address:
            continue
        if address.startswith(("http://", "https://")):
            schemes += 1
        if "=" in address:
            for pair in address.partition("?")[2].split("&"):
                name, equal, _ = pair.partition("=")
                if equal:
                    equals += 1
                    if telling(name, None) is not False and _is_telling(name):
                        return False
    for name, value in props.items():
        if telling(name, None) is not False and _is_telling(name):
            return False
        if type(value) is str:
            texts.append(value)
        elif type(value) in (dict, list):
            return False
    text = "\n".join(texts)
    colons = text.count(":")
    if wire.count(":") != names + colons:
        return False
    if (colons != schemes or text.count("=") != equals) and not _has_plain_pairs(text):
        return False
    return _is_plain_text(text)


def _is_plain_text(text: str) -> bool:
    if "%" in text and any(sign in text for sign in _ENCODED):
        return False
    if "J" in text and "eyJ" in text:
        return False
    lower = text.lower()
    if "bearer" in lower or "basic" in lower:
        return False
    data = text.encode()
    if len(data) - len(data.translate(None, _DIGITS)) < _FEW_DIGITS:
        return True
    if "ssn" in lower or "soc" in lower:
        return False
    shape = data.translate(_SHAPE).decode("latin-1")
    # Each of the shapes has one of these in it, and most events have none.
    if "00-0000" not in shape and "0" * 14 not in shape and "%" not in shape:
        return True
    return not any(sign in shape for sign in _SHAPES)


def _has_plain_pairs(text: str) -> bool:
    pieces = re.split("[:=]", text, maxsplit=_FEW_PAIRS)
    if len(pieces) > _FEW_PAIRS:
        return False
    for piece in pieces[:-1]:
        name = _LAST_NAME.search(piece[-72:])
        # Where a name with other letters begins, and what is left of it, is for the rules to say.
        if name is not None and (not name[1].isascii() or _is_telling(name[1].lstrip(".[]-"))):
            return False
    return True
