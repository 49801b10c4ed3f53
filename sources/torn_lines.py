"""Lines of a log that do not follow its format: what is kept of them, without anybody's address."""

import ipaddress
import re
from collections.abc import Iterator

from footfall.event import Receipt, Refused, refused_line
from footfall.scrub_addresses import without_own_address


def malformed_line(problem: Refused, receipt: Receipt, line: bytes) -> bytes:
    """The stored line of a malformed one, without addresses: the first that it holds in every spelling."""
    stored = refused_line(problem, receipt, without_address(line))
    first = _IPV4_LIKE.search(line)
    if first is not None:
        stored = without_own_address(stored, first[0].decode())
    return next((without_own_address(stored, six) for six in _sixes(line)), stored)


def _sixes(line: bytes) -> Iterator[str]:
    for match in _IPV6_LIKE.finditer(line):
        text = match[0].strip(b".").decode()
        try:
            ipaddress.IPv6Address(text)
        except ValueError:
            continue
        yield text


def without_address(line: bytes) -> bytes:
    """A malformed line without what is, or looks like, somebody's address.

    The first field is the address where the line is whole; a torn line may hold it anywhere, so every
    text that reads as an IP address becomes `-` as well.
    """

    def masked(match: re.Match[bytes]) -> bytes:
        try:
            ipaddress.IPv6Address(match[0].strip(b".").decode())
        except ValueError:
            return match[0]  # a time of day, a port
        return b"-"

    return _IPV6_LIKE.sub(masked, _IPV4_LIKE.sub(b"-", b"".join(line.split(None, 1)[1:])))


# Any four short numbers with dots, whatever stands around them: a lost version number harms nobody.
_IPV4_LIKE = re.compile(rb"(?<!\d)\d{1,3}(?:\.\d{1,3}){3}(?!\d)")
# From the beginning of a run of digits: a long one without a colon is read once, not again from each digit.
_IPV6_LIKE = re.compile(rb"(?<![0-9A-Fa-f])[0-9A-Fa-f]*+:[0-9A-Fa-f:.]+")
#: What the reason of such a line says of that.
CUT = "; its first field and all IP addresses were cut"
