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
from footfall.scrub_tokens import SIGNS, without_ibans

#: Strings shorter than this cannot be over the limits of length.
SHORT = 2048
#: Digits in the texts of an event below which there is neither a card nor a social security number.
_FEW_DIGITS = 9
#: Pairs of a name and a value in running text that are looked at here; more is left to the rules.
_FEW_PAIRS = 8

_ASCII = bytes(range(128))
#: Beyond ASCII: what the rules take for an @, for the s of `basic` and for digits.
_STRANGE = re.compile(r"[＠ſ]|\d")
#: Spaces and hyphens beyond ASCII between digits.
_ODD_SEPARATORS = re.compile(r"\d[\u00a0\u202f\u2010-\u2013\u2212]\d")
#: Percent-encodings behind which a rule might find something: all but a space, a slash, a comma and letters
#: beyond ASCII.
_ENCODED = re.compile(r"%(?!20|2[fFcC]|[cC][3-9a-fA-F]|[dD][0-8aAc-fC-F]|[eE][13-9a-dA-D]|[89abAB])")
#: What may stand between the digits of a number. `+` is a space in a form.
_BETWEEN = b" +-."
#: All but digits and line ends → a letter.
_NUMBERS = bytes(0x30 if 0x30 <= b <= 0x39 else b if b == 10 else 0x61 for b in range(256))
#: Digits → 0, letters → a, all else → -.
_SHAPE = bytes(
    0x30 if 0x30 <= b <= 0x39 else 0x61 if chr(b).isalpha() and b < 128 else 0x2D for b in range(256)
)
_NOT_DIGITS = bytes(set(range(256)) - set(b"0123456789"))
#: A card has fourteen digits at least.
_CARD = "0" * 14
_LAST_NAME = re.compile(r"([\w.\[\]-]+)\\{0,7}[\"']?\s{0,3}$")
#: Names that the word before them makes telling: `API key`.
_SECOND_WORDS = frozenset(("key", "number", "no", "code", "security"))


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
    if not wire.isascii() and (
        _STRANGE.search(raw.translate(None, _ASCII).decode()) or _ODD_SEPARATORS.search(wire)
    ):
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
        texts.append(name)
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
    if "%" in text:
        if _ENCODED.search(text):
            return False
        text = text.replace("%20", " ")
    if "J" in text and "eyJ" in text:
        return False
    for sign in SIGNS:
        if sign in text:
            return False
    lower = text.lower()
    if "bearer" in lower or "basic" in lower or "authorization" in lower:
        return False
    data = text.encode()
    if len(data.translate(None, _NOT_DIGITS)) < _FEW_DIGITS:
        return True
    if "ssn" in lower or "soc" in lower:
        return False
    if _CARD in data.translate(_NUMBERS, _BETWEEN).decode("latin-1"):
        return False
    shape = data.translate(_SHAPE).decode("latin-1")
    if "000-00-0000" in shape:
        return False
    # How an account begins: two letters and two digits, at the start of a word. A part of a UUID may as well.
    is_account_like = "-aa00" in shape or shape.startswith("aa00")
    return not (is_account_like and without_ibans(text, "")[1])


def _has_plain_pairs(text: str) -> bool:
    pieces = re.split("[:=]", text, maxsplit=_FEW_PAIRS)
    if len(pieces) > _FEW_PAIRS:
        return False
    for piece in pieces[:-1]:
        name = _LAST_NAME.search(piece[-72:])
        # Where a name with other letters begins, and what is left of it, is for the rules to say.
        if name is not None and (not name[1].isascii() or _is_telling(name[1].lstrip(".[]-"))):
            return False
        if name is not None and name[1].lower() in _SECOND_WORDS:
            return False
    return True
