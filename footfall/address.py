"""Who sent a request: the address behind the proxies that we trust, and behind no others.

An X-Forwarded-For header is a list that every proxy appends to, so its right end is what our own proxy
wrote and its left end is whatever the sender liked to claim. It is read from the right.
"""

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from footfall.errors import FootfallError

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """The networks of FOOTFALL_TRUSTED_PROXIES. Raises FootfallError naming the one that is none."""
    found: list[Network] = []
    for text in texts:
        try:
            found.append(ip_network(text, strict=False))
        except ValueError:
            raise FootfallError(
                f"FOOTFALL_TRUSTED_PROXIES: {text!r} is not a network such as 10.0.0.0/8 or ::1"
            ) from None
    return tuple(found)


def client_address(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """The sender's address in its canonical form.

    `peer` is the other end of the connection, `forwarded` the values of all X-Forwarded-For headers in
    their order. Walks from the peer leftwards to the first address that is not a trusted proxy; where all
    are, the leftmost. A hop that is no address ends the walk at the peer: nothing of such a header is
    believed.
    """
    here = parse(peer)
    if here is None:
        return peer
    sender = here
    if forwarded and _is_in(here, trusted):
        for hop in reversed(",".join(forwarded).split(",")):
            address = parse(hop)
            if address is None:
                return str(here)
            sender = address
            if not _is_in(address, trusted):
                break
    return str(sender)


def is_trusted(peer: str, trusted: Sequence[Network]) -> bool:
    """Whether the other end of the connection is one of the proxies."""
    here = parse(peer)
    return here is not None and _is_in(here, trusted)


_ELEMENT = re.compile(r'(?:"(?:\\.|[^"\\])*+"|[^,"])+')
_FOR = re.compile(r'(?:^|;)\s*for\s*=\s*("(?:\\.|[^"\\])*+"|[^;\s]*)', re.IGNORECASE)


def forwarded_hops(header: str) -> list[str]:
    """The `for` of each element of a Forwarded header (RFC 7239), in their order; "" where it has none."""
    hops = []
    for element in _ELEMENT.findall(header):
        found = _FOR.search(element)
        hops.append(found[1].strip('"') if found is not None else "")
    return hops


def single_hop(header: str, *, with_port: bool) -> str:
    """The address of a header that holds one. CloudFront adds the port, and to IPv6 without brackets."""
    text = header.strip()
    if with_port and text.count(":") > 1 and not text.startswith("["):
        text = text.rpartition(":")[0]
    return "" if "," in text else text


def parse(text: str) -> Address | None:
    """An address as proxies write it: `1.2.3.4`, `1.2.3.4:56`, `::1`, `[::1]`, `[::1]:56`, `fe80::1%eth0`.

    IPv4 inside IPv6 comes back as IPv4, so that one device is one device. None where it is no address.
    """
    text = text.strip()
    if text.startswith("["):
        text, bracket, port = text[1:].partition("]")
        if not bracket or not _is_port(port):
            return None
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
        if not _is_port(":" + port):
            return None
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


_OCTET = r"(?:0|[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5])"
#: An IPv4 address as it is usually written, which needs no second look.
USUAL_FOUR = re.compile(rf"(?:{_OCTET}\.){{3}}{_OCTET}")


def _is_port(text: str) -> bool:
    digits = text[1:]
    return not text or (text[0] == ":" and digits.isascii() and digits.isdigit() and 0 < len(digits) <= 5)


def _is_in(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)
