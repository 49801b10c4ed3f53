"""An address inside base64, in whichever place of a longer text it stands: `{"ip":"198.51.100.7"}` too.

Three bytes make four characters, so a text has three looks in base64, by how many bytes stand before it. What
each look is sure of is searched as it is, and only where that is found, the characters around it are decoded.
"""

import base64
import binascii
import ipaddress
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: A run of characters of either alphabet.
_RUN = re.compile(r"[A-Za-z0-9+/_-]++={0,2}")
#: Bytes before the text in its group of three → characters of that group which are not all its own.
_SHARED = (0, 2, 3)
#: How `/` and `+` are written where they would mean something else.
_ENCODED = (("%2F", "%2B"), ("%2f", "%2b"))
_URL_SAFE = str.maketrans("+/", "-_")
_STANDARD = str.maketrans("-_", "+/")
#: Before the four bytes of an IPv4 address inside IPv6: ten zeros and two bytes of ones.
_MAPPED = bytes(10) + b"\xff\xff"


def needles(address: Address) -> set[str]:
    """What base64 that holds the address has somewhere in it, in one of its looks."""
    found = {_of_bytes(address)[1], *(sure for sure, _ in _looks(address))}
    # Most have neither sign; each address of a log is asked for.
    signed = [each for each in found if "/" in each or "+" in each]
    in_addresses = {each.replace("/", way).replace("+", plus) for each in signed for way, plus in _ENCODED}
    return found | in_addresses | {each.translate(_URL_SAFE) for each in signed}


def in_base64(text: str, addresses: Sequence[Address], pattern: re.Pattern[str], instead: str) -> str:
    """`text` without the runs of base64 that hold one of the addresses. `pattern`: how they are written."""
    known = [(_of_bytes(address), _looks(address)) for address in addresses]

    def change(run: re.Match[str]) -> str:
        held = run[0].translate(_STANDARD).rstrip("=")
        for (whole, raw), looks in known:
            if whole in held or _stands_alone(raw, held):
                return instead
            for sure, shared in looks:
                if sure in held and any(map(pattern.search, _decoded_around(held, sure, shared))):
                    return instead
        return run[0]

    return _RUN.sub(change, text)


def decoded_runs(text: str, looks: Sequence[re.Pattern[str]]) -> Iterator[bytes]:
    """Whatever `in_base64` could find something in: each run, from each of its first four characters on.

    `looks`: one of them is in every run that holds something.
    """
    if not any(each.search(text) for each in looks):
        return
    for run in _RUN.findall(text):
        if not any(each.search(run) for each in looks):
            continue
        held = run.translate(_STANDARD).rstrip("=")
        for begin in range(min(4, len(held))):
            part = held[begin:]
            part = part[: len(part) - (len(part) % 4 == 1)]
            yield base64.b64decode(part + "=" * (-len(part) % 4))


@lru_cache(maxsize=512)
def _looks(address: Address) -> tuple[tuple[str, int], ...]:
    """Each look of its texts: what is sure of it, and how many characters of the group stand before that."""
    return tuple((_sure(text, before), _SHARED[before]) for text in _texts(address) for before in range(3))


def _texts(address: Address) -> tuple[str, ...]:
    """How an address is written where it is encoded: the short way, and the whole one or its number."""
    if address.version == 6:
        return str(address), address.exploded
    return str(address), str(int(address))


@lru_cache(maxsize=512)
def _of_bytes(address: Address) -> tuple[str, str]:
    """Base64 of its bytes: inside IPv6, and alone, which is sure as a word of its own only."""
    raw = _encoded(address.packed)
    return (raw if address.version == 6 else _encoded(_MAPPED) + raw), raw


def _stands_alone(word: str, run: str) -> bool:
    at = run.find(word)
    return (
        at >= 0 and not run[at - 1 : at].isalnum() and not run[at + len(word) : at + len(word) + 1].isalnum()
    )


def _sure(text: str, before: int) -> str:
    """The characters that follow from the text alone, with that many bytes before it in its group."""
    encoded = _encoded(b"\0" * before + text.encode())
    whole = (before + len(text)) * 8 // 6
    return encoded[_SHARED[before] : whole]


def _decoded_around(run: str, sure: str, shared: int) -> Iterator[str]:
    """What stands in a run of base64 where it has a look, with what is beside it."""
    at = run.find(sure)
    while at >= 0:
        begin = at - shared
        if begin >= 0:
            # One group before, for what stands there; one behind.
            begin -= 4 if begin >= 4 else 0
            part = run[begin : at + len(sure) + 6]
            part = part[: len(part) - (len(part) % 4 == 1)]
            try:
                yield base64.b64decode(part + "=" * (-len(part) % 4)).decode("latin-1")
            except binascii.Error:
                pass
        at = run.find(sure, at + 1)


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")
