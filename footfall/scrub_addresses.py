"""IP addresses in texts: the sender's own in every spelling, and what stands under a name like `ip`.

The sender's address is compared by value: dotted, dashed, reversed, octal, hexadecimal, as one number, inside
IPv6 and in the spellings of IPv6 itself, in other digits, in base64 and behind encodings. Where it stands, in
a name, a host or a path, does not matter. Other addresses stay: nobody can tell 10.0.19045.1 from a version.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from footfall.address import USUAL_FOUR
from footfall.json_text import quoted, rewrite
from footfall.scrub_base64 import decoded_runs, in_base64, needles
from footfall.scrub_encodings import rewrite_decoded

_REDACTED = "redacted-address"
#: Encodings inside one another that are undone: an address is looked for deeper than other things, for it is
#: compared with one value only.
_DECODINGS = 4
#: What may stand between the numbers: `.`, `-`, `_`, `,` and the like, also as `[.]`, `(dot)`, `&#46;` and
#: `。`, with characters beside them that nobody sees; or a blank.
_UNSEEN = "\u00ad\u200b-\u200d\u2060\ufeff"
_BESIDE = rf"[\s+{_UNSEEN}]?"
_SEPARATOR = rf"(?:{_BESIDE}[\[(]?(?:[._,;:/+·-]|dot|&(?:#46|#x2e|period);|\\{{1,4}}x2e)[\])]?{_BESIDE}|\s)"
#: Percent signs and JSON escapes behind which digits and letters hide, and those behind which separators do.
_ESCAPES = (
    rb"\\u(?:0025|005c|003|004[1-9a-f]|006[1-9a-f]|005[0-9a]|007[0-9a]|00ad|00b[2379]|0[69]|200[b-d]"
    rb"|2024|2060|20[78]|24[6-9]|d835|fe|ff|3002)"
)
_HIDDEN = re.compile(
    rb"%(?:25){0,8}(?:3[0-9]|[46][1-9a-f]|[57][0-9a]|5c|ef|e0|d9|db|e3%(?:25){0,8}80"
    rb"|26%(?:25){0,8}23|26period|c2%(?:25){0,8}(?:ad|b[2379])"
    rb"|e2%(?:25){0,8}(?:8[12]|91|80%(?:25){0,8}(?:8[b-d]|a4))|f0%(?:25){0,8}9d)"
    rb"|" + _ESCAPES
)
_HIDDEN_BY_ESCAPES = re.compile(_ESCAPES)
_HIDDEN_SEPARATORS = re.compile(
    rb"%(?:25){0,8}(?:2[0b-f]|3[ab]|5[bdf])|\\{1,16}u00(?:2[0b-f]|3[ab]|5[bdf])|\\{1,16}x2e|&#(?:46|x2e);|&period;"
)
_ENTITY = re.compile(r"&(?:#|p)", re.IGNORECASE)
_ASCII = bytes(range(128))
#: Digits, full stops and letters of other scripts that mean ours.
_STRANGE = re.compile(rf"\d|[。．｡Ａ-Ｆａ-ｆ：－＿Ｘｘ²³¹⁰-⁹₀-₉①-⑳․·{_UNSEEN}]")
#: For the quick look: hexadecimal digits but zero, and the x of 0x; of these, the decimal ones.
_LOWER = bytes(range(256)).lower()
_NOT_HEXADECIMAL = bytes(set(range(256)) - set(b"123456789abcdefxABCDEFX"))
_NOT_DECIMAL = b"abcdefx"
_FOLDED = {ord("。"): ".", ord("．"): ".", ord("｡"): ".", ord("："): ":", ord("－"): "-", ord("＿"): "_"} | {
    code + 0xFEE0: chr(code) for code in b"0123456789ABCDEFXabcdefx"
}


def without_own_address(stored: bytes, address: str) -> bytes:
    """Stored lines (JSON, one or more) in which the sender's own address, as a page may have written it, is
    hidden. What is no address has nothing to hide.
    """
    own = _own(address)
    if own is None or not own.may_be_in(stored):
        return stored
    lines = stored.split(b"\n")
    return b"\n".join(own.out_of(line) if own.may_be_in(line) else line for line in lines)


@lru_cache(maxsize=256)
def _own(address: str) -> "_Own | None":
    value = _to_hide(address)
    return None if value is None else _Own(value)


def _to_hide(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        value = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    # Loopback is a developer's page and nobody's address.
    return None if value.is_loopback or value.is_unspecified else value


def _with_embedded(
    value: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    return [value, *_embedded(value)] if value.version == 6 else [value]


def _all_signs(value: ipaddress.IPv4Address | ipaddress.IPv6Address) -> tuple[list[str], list[str]]:
    """The digits of every spelling, without zeros: nobody can say how many of them were written."""
    decimal: list[str] = []
    hexadecimal: list[str] = []
    for each in _with_embedded(value):
        more_decimal, more_hexadecimal = _signs(each)
        decimal += more_decimal
        hexadecimal += more_hexadecimal
    return decimal, hexadecimal


class Signs(NamedTuple):
    """The digits but zeros of every spelling of an address: decimal ones and hexadecimal ones.

    Both are empty where it has nothing to hide. `fewest_…`: a text with fewer such digits has none of them.
    """

    decimal: tuple[str, ...]
    hexadecimal: tuple[str, ...]
    fewest_decimal: int
    fewest_hexadecimal: int


#: More digits than any text has.
_NEVER = 1 << 30


class Look(NamedTuple):
    """What a text has of which addresses are made, seen once for all addresses it is compared with.

    `may_hide`: whether digits of it may stand behind an encoding, so that nothing else can be told from it.
    `decimal` and `hexadecimal`: its digits but zeros, in their order.
    """

    may_hide: bool
    decimal: str
    hexadecimal: str


#: How base64 of the text of an address looks: signs of digits, dots, colons and letters a to f, in their
#: places; and of its bytes, which end in two bits.
_BASE64_OF_TEXT = re.compile(r"[L-RYZ][A-Za-z0-9+/_-]{3}[L-RYZ]")
_BASE64_OF_BYTES = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z0-9+/_-]{5}[AQgw](?![A-Za-z0-9])|A{10}|[A-Za-z0-9+/_-]{21}[AQgw]"
)


@lru_cache(maxsize=1 << 14)  # as many as a piece of a log has different texts
def look(text: str) -> Look:
    """What a text has that may say an address (sources/log_addresses.py)."""
    may_hide = False
    digits = b""
    for each in _decodings(text):
        stored = quoted(each).encode("utf-8", "surrogateescape")
        may_hide = may_hide or (not each.isascii() and _is_strange(stored))
        if "%" in each or "\\" in each or ("&" in each and _ENTITY.search(each)):
            stored = stored.lower()
            may_hide = may_hide or _HIDDEN_BY_ESCAPES.search(stored) is not None
            stored = _HIDDEN_SEPARATORS.sub(b"", stored)
        digits += stored.translate(_LOWER, _NOT_HEXADECIMAL)
        for held in decoded_runs(each, (_BASE64_OF_TEXT, _BASE64_OF_BYTES)):
            may_hide = may_hide or "\\" in each  # what stands escaped beside base64 may belong to it
            read = _HIDDEN_SEPARATORS.sub(b"", held.lower()) + held.hex().encode()
            digits += read.translate(_LOWER, _NOT_HEXADECIMAL)
    return Look(may_hide, digits.translate(None, _NOT_DECIMAL).decode(), digits.decode())


def _is_strange(stored: bytes) -> bool:
    return _STRANGE.search(stored.translate(None, _ASCII).decode("utf-8", "replace")) is not None


def _decodings(text: str) -> Iterator[str]:
    """A text, and what its percent signs make of it, as often as one stands behind another."""
    yield text
    for _ in range(_DECODINGS):
        if "%" not in text or (decoded := unquote(text)) == text:
            return
        yield (text := decoded)


def address_signs(address: str) -> Signs:
    """What a text has at least that says an address (sources/log_addresses.py)."""
    if USUAL_FOUR.fullmatch(address) and not address.startswith(("0.", "127.")):
        decimal, hexadecimal = _signs_of_four(*map(int, address.split(".")))
    else:
        value = _to_hide(address)
        if value is None:
            return Signs((), (), _NEVER, _NEVER)
        decimal, hexadecimal = _all_signs(value)
    return Signs(tuple(decimal), tuple(hexadecimal), min(map(len, decimal)), min(map(len, hexadecimal)))


#: Two numbers side by side, or eight digits in a row: one of them is in every spelling of `_USUAL_NUMBERS`.
_LIKE_SPELLING = re.compile(rf"[0-9a-f](?:{_SEPARATOR}|’)[0-9a-f]|[0-9a-f]{{8}}", re.IGNORECASE)
#: IPv4 addresses whose spellings as one number all have eight digits, and what they lack to 2**32 too.
_USUAL_NUMBERS = range(2**24, 2**32 - 2**24)


class _Own:
    """How one address may be written."""

    __slots__ = ("_decimal", "_hexadecimal", "_is_usual", "_needles", "_pattern", "_values")

    def __init__(self, value: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
        self._pattern: re.Pattern[str] | None = None
        self._values = _with_embedded(value)
        self._is_usual = value.version == 4 and int(value) in _USUAL_NUMBERS
        self._needles = tuple(sorted({each.encode() for value in self._values for each in needles(value)}))
        self._decimal, self._hexadecimal = _all_signs(value)

    def may_be_in(self, stored: bytes) -> bool:
        """Whether it is worth while to look closely. Every line of every event is asked, so it is quick: all
        but digits is dropped, and then all spellings with the same digits look alike.
        """
        written = stored
        if (
            b"%" in stored
            or b"&#" in stored
            or b"&period" in stored
            or (b"\\" in stored and (b"\\u" in stored or b"\\x" in stored))
        ):
            stored = stored.lower()
            if _HIDDEN.search(stored):
                return True
            stored = _HIDDEN_SEPARATORS.sub(b"", stored)
        if not stored.isascii() and _is_strange(stored):
            return True
        for needle in self._needles:
            if needle in written:
                return True
        digits = stored.translate(_LOWER, _NOT_HEXADECIMAL)
        text = digits.decode("latin-1")
        for sign in self._hexadecimal:
            if sign in text:
                return True
        text = digits.translate(None, _NOT_DECIMAL).decode("latin-1")
        return any(sign in text for sign in self._decimal)

    def out_of(self, line: bytes) -> bytes:
        """A stored line without it."""

        def change(_name: str, value: str, _is_string: bool) -> str | None:
            new = self._hidden(value, 0)
            return quoted(new) if new != value else None

        return rewrite(line.decode("utf-8", "surrogateescape"), change).encode("utf-8", "surrogateescape")

    def _spelt(self) -> re.Pattern[str]:
        """Every spelling. To compile it takes milliseconds, and few texts get so far."""
        if self._pattern is None:
            # Every spelling begins with a zero, a colon or the first digit of one of its numbers.
            first = "".join(sorted({sign[0] for sign in self._decimal + self._hexadecimal if sign}))
            ways = "|".join(map(_spellings, self._values))
            self._pattern = re.compile(rf"(?=[0:_{first}-])(?:{ways})", re.IGNORECASE)
        return self._pattern

    def _hidden(self, text: str, decodings: int) -> str:
        if decodings < _DECODINGS and ("%" in text or "\\u" in text):
            text = rewrite_decoded(text, lambda decoded: self._hidden(decoded, decodings + 1))
        if any(needle.decode() in text for needle in self._needles):
            text = in_base64(text, self._values, self._spelt(), _REDACTED)
        folded = text if text.isascii() else _folded(text)
        if self._is_usual and _LIKE_SPELLING.search(folded) is None:
            return text
        parts: list[str] = []
        done = 0
        for found in self._spelt().finditer(folded):
            parts += (text[done : found.start()], _REDACTED)
            done = found.end()
        return "".join([*parts, text[done:]]) if parts else text


def _folded(text: str) -> str:
    """The text with our digits and letters, as long as it was."""
    text = text.translate(_FOLDED)
    return "".join(c if c.isascii() else _plain(c) for c in text)


@lru_cache(maxsize=1024)
def _plain(character: str) -> str:
    """`²`, `①` and digits of every script as ours. One character always, so that places stay."""
    if character.isdecimal():
        return str(int(character))
    plain = unicodedata.normalize("NFKC", character)
    return plain if len(plain) == 1 else character


def _embedded(value: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 address that an IPv6 address says: mapped, 6to4, Teredo, NAT64."""
    found = [value.ipv4_mapped, value.sixtofour, value.teredo and value.teredo[1]]
    if int(value) >> 32 == 0x64FF9B << 64:
        found.append(ipaddress.IPv4Address(int(value) & 0xFFFFFFFF))
    return [each for each in found if each]


def _halves(value: int) -> tuple[int, int]:
    return value >> 16, value & 0xFFFF


def _signs(value: ipaddress.IPv4Address | ipaddress.IPv6Address) -> tuple[list[str], list[str]]:
    """The digits of every spelling in their order, decimal ones and hexadecimal ones; zeros do not count."""
    number = int(value)
    if value.version == 6:
        head = f"{number >> 32:x}"
        nibbles = f"{number:032x}"
        # With its end as four decimal numbers it has decimal digits after the hexadecimal ones.
        tail = "".join(map(str, value.packed[-4:]))
        return _without_zeros(str(number)), _without_zeros(nibbles, nibbles[::-1], head + tail)
    return _signs_of_four(*value.packed)


def _without_zeros(*digits: str) -> list[str]:
    return " ".join(digits).replace("0", "").split(" ")


def _signs_of_four(a: int, b: int, c: int, d: int) -> tuple[list[str], list[str]]:
    number = a << 24 | b << 16 | c << 8 | d
    low = number & 0xFFFF
    decimal = _without_zeros(
        f"{a}{b}{c}{d}",
        f"{d}{c}{b}{a}",
        str(number),
        f"{number:o}",
        f"{a:o}{b:o}{c:o}{d:o}",
        str(2**32 - number),
        f"{a}{b}{low}",
        f"{a}{number & 0xFFFFFF}",
    )
    inverted = number ^ 0xFFFFFFFF  # as Teredo writes it
    return decimal, _without_zeros(f"{number:x}", f"{inverted:x}", f"x{a:x}x{b:x}x{c:x}x{d:x}")


def _spellings(value: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """The pattern of all spellings of an address. Every repetition in it is bounded."""
    number = int(value)
    if value.version == 6:
        return _spellings_of_six(number, value.packed)
    octets = value.packed
    high, low = _halves(number)
    ways = [
        rf"(?<!\d){_SEPARATOR.join(map(_number, octets))}(?!\d)",
        rf"(?<!\d){_SEPARATOR.join(map(_number, reversed(octets)))}(?!\d)",
        rf"(?<![\d.]){_number(octets[0])}\.{_number(octets[1])}\.{_number(low)}(?!\d|\.\d)",
        rf"(?<![\d.]){_number(octets[0])}\.{_number(number & 0xFFFFFF)}(?!\d|\.\d)",
        rf"(?<![\d.])(?:{number}|0{{1,9}}{number:o})(?!\d|\.\d*[1-9])",
        rf"(?<![\d.])-{2**32 - number}(?!\d|\.\d*[1-9])",
        *_as_float(number),
        rf"(?<!\d){''.join(f'{octet:03d}' for octet in octets)}(?!\d)",
        rf"(?<![0-9a-f])(?:0x)?{number:08x}(?![0-9a-f])",
        rf"(?<![0-9a-f])0{{0,3}}{high:x}:0{{0,3}}{low:x}(?![0-9a-f])",
        rf"(?<![0-9a-f]){'[:-]'.join(f'{octet:02x}' for octet in octets)}(?![0-9a-f])",
        rf"(?<![0-9a-f])0{{1,24}}{number:08x}(?![0-9a-f])",
    ]
    if high >= 0x1000:
        ways.append(rf"(?<![0-9a-f]){high:x}-0{{0,3}}{low:x}(?![0-9a-f])")
    not_high, not_low = _halves(number ^ 0xFFFFFFFF)
    ways.append(rf"(?<=:)0{{0,3}}{not_high:x}:0{{0,3}}{not_low:x}(?![0-9a-f])")
    return "|".join(ways)


def _as_float(number: int) -> list[str]:
    """A number with an exponent, and with a mark before each three digits."""
    digits = str(number)
    rest = digits[1:].rstrip("0")
    return [
        rf"(?<![\d.]){digits[0]}\.{rest}0{{0,9}}e\+?0{{0,2}}{len(digits) - 1}(?!\d)",
        rf"(?<![\d.]){re.sub(r'(?=(...)+$)', '[,._’ ]', digits)}(?!\d|[.,]\d*[1-9])",
    ]


def _spellings_of_six(number: int, packed: bytes) -> str:
    parts = [number >> shift & 0xFFFF for shift in range(112, -1, -16)]
    dotted = rf"{_SEPARATOR.join(map(_number, packed[-4:]))}(?!\d)"
    nibbles = f"{number:032x}"
    return "|".join(
        [
            rf"(?<![0-9a-f]){_hextets(parts)}(?![0-9a-f])",
            rf"(?<![0-9a-f]){_hextets(parts[:6])}[:_-](?:0{{0,4}}[:_-]){{0,7}}{dotted}",
            r"(?<![0-9a-f])" + r"[._-]".join(nibbles[::-1]) + r"(?![0-9a-f])",
            rf"(?<![0-9a-f])(?:0x)?{nibbles}(?![0-9a-f])",
            rf"(?<!\d){number}(?!\d)",
        ]
    )


def _hextets(parts: list[int]) -> str:
    """IPv6 with any of its zeros written or left out."""
    told = [at for at, part in enumerate(parts) if part]
    if not told:
        return "::"
    between = r"[:_-](?:0{0,4}[:_-]){0,7}"
    text = between.join(rf"0{{0,3}}{parts[at]:x}" for at in told)
    before = r"(?:0{0,4}[:_-]){1,7}" if told[0] else ""
    after = r"(?:[:_-]0{0,4}){1,7}" if told[-1] < len(parts) - 1 else ""
    return before + text + after


def _number(value: int) -> str:
    """A number in decimal, octal (after a zero) or hexadecimal (after 0x)."""
    return rf"(?:0{{0,9}}{value}|0{{1,9}}{value:o}|0x0{{0,9}}{value:x}(?![0-9a-f]))"


# Under a telling name --------------------------------------------------------------------------------

_DOTTED = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])")
_COLONS = re.compile(r"[0-9a-fA-F:]*:[0-9a-fA-F:.]*")
_AS_NUMBER = re.compile(
    r"\s*(?:\d{8,10}|0[xX][0-9a-fA-F]{8}|(?:0[xX][0-9a-fA-F]{1,2}\.){3}0[xX][0-9a-fA-F]{1,2})\s*"
)


def is_address(text: str) -> bool:
    """Whether a text that is called an address holds one: in a list, with a port or a zone, as a number."""
    text = unquote(text).translate(_FOLDED)[:512]
    if _DOTTED.search(text) or _AS_NUMBER.fullmatch(text):
        return True
    return any(_is_six(part) or _is_six(part.rpartition(":")[0]) for part in _COLONS.findall(text))


def _is_six(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
