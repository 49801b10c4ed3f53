"""Which addresses may be connected to on somebody else's word: resolved, and checked by what they lead to.

A URL that a person typed, that a client file names, or that somebody changed the DNS of, must not make
Footfall talk to its own network or to a cloud's metadata service. Lists of forbidden names can be evaded; so
the name is resolved here, and every address it has must be public. `checked` returns the one address that
was checked, so that the connection can go to that very address.
"""

import ipaddress
import socket
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

from footfall.errors import FootfallError

Resolve = Callable[[str, int], Sequence[str]]

#: What `is_global` does not know: networks whose addresses carry another address inside or lead out of IPv6
#: in other ways, relays, documentation, and where clouds answer their own machines: 192.0.0.192 (Oracle) is
#: in the first, 168.63.129.16 is Azure's.
_SPECIAL = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "0.0.0.0/8", "100.64.0.0/10"),
        *("198.18.0.0/15", "240.0.0.0/4", "::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48"),
        *("2001::/23", "2002::/16", "3fff::/20", "5f00::/16"),
    )
)
#: All of IPv6 that was given out to be public.
_UNICAST = ipaddress.IPv6Network("2000::/3")


class Forbidden(FootfallError):
    """The address must not be connected to."""


class Unresolved(FootfallError):
    """The name has no address now; it may have one later."""


@dataclass(frozen=True)
class Target:
    """Where to connect (`address`), and whom to ask there for what."""

    scheme: str
    host: str
    port: int
    address: str
    path: str


def checked(
    url: str, *, allow_private: bool = False, hosts: Collection[str] = (), resolve: Resolve | None = None
) -> Target:
    """The one address that may be connected to for `url`.

    `allow_private` admits http and addresses that are not public, `hosts` does so for `host` and `host:port`:
    for a receiver in one's own network, by the operator's configuration only. Raises Forbidden or Unresolved,
    naming the host and never the path, and nothing else for any text.
    """
    parts, host, port = _parts(url)
    free = allow_private or _is_listed(host, port, hosts)
    _require_scheme(parts, free)
    try:
        found = (resolve or _resolve)(host, port)
    except (OSError, ValueError) as error:
        # ValueError: a label that the codec of names cannot write.
        raise Unresolved(f"{host} cannot be resolved: {error}") from None
    if not found:
        raise Unresolved(f"{host} has no address")
    for text in found:
        if not free and not is_public(text):
            # All of them, not the first alone: the next resolution may order them otherwise.
            raise Forbidden(f"{host} leads to an address that is not public")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    # What HTTP cannot carry is encoded: it would end the client in the middle of a request.
    path = quote(path, safe="/%:@!$&'()*+,;=~?", errors="replace")
    return Target(parts.scheme, host, port, found[0], path)


def require_possible(url: str, hosts: Collection[str] = (), *, allow_private: bool = False) -> None:
    """What `checked` refuses and can be seen without asking the DNS. Raises Forbidden."""
    parts, host, port = _parts(url)
    free = allow_private or _is_listed(host, port, hosts)
    _require_scheme(parts, free)
    if not free and (host == "localhost" or host.endswith(".localhost")):
        raise Forbidden(f"{host} leads to an address that is not public")
    literal = written_address(host)
    if not free and literal is not None and not is_public(literal):
        raise Forbidden(f"{host} leads to an address that is not public")


def is_listed(url: str, hosts: Collection[str]) -> bool:
    """Whether the host of an address is one of these, alone or with its port. Raises Forbidden."""
    _, host, port = _parts(url)
    return _is_listed(host, port, hosts)


def written_address(host: str) -> str | None:
    """The address that a host is written as, also as `0x7f.1` or `2130706433`; None where it is a name."""
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        pass
    if not host[-1:].isalnum() or any(not (c.isalnum() or c == ".") for c in host):
        return None
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def is_public(text: str) -> bool:
    """Whether an address, as text, is one of the public internet."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if any(address.version == net.version and address in net for net in _SPECIAL):
        return False
    if isinstance(address, ipaddress.IPv6Address) and address not in _UNICAST:
        return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback
    )


def _parts(url: str) -> tuple[SplitResult, str, int]:
    """The URL taken apart, its host in one spelling and its port. Raises Forbidden."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        host = (parts.hostname or "").rstrip(".").lower()
    except ValueError:
        raise Forbidden("the address is not a URL") from None
    if "@" in parts.netloc or parts.fragment:
        raise Forbidden("an address has no user, password or fragment")
    if not host or any(c <= " " or c in "\\%" or c > "~" for c in host):
        raise Forbidden("the address has no host name in plain letters")
    return parts, host, port


def _require_scheme(parts: SplitResult, is_free: bool) -> None:
    schemes = ("https", "http") if is_free else ("https",)
    if parts.scheme not in schemes:
        raise Forbidden(f"an address begins with {'://, or '.join(schemes)}://")


def _is_listed(host: str, port: int, hosts: Collection[str]) -> bool:
    bracketed = f"[{host}]" if ":" in host else host
    return any(entry in (host, bracketed, f"{bracketed}:{port}") for entry in hosts)


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
