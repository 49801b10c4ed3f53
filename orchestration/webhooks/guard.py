"""Which addresses a webhook may be sent to: resolved once, checked, and pinned.

A URL that a person typed, or that somebody changed the DNS of, must not make Footfall talk to its own
network or to a cloud's metadata service. Lists of forbidden names can be evaded; so the name is resolved
here, every address it has must be public, and the connection goes to the very address that was checked.
"""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from footfall.errors import FootfallError

Resolve = Callable[[str, int], Sequence[str]]

#: Networks whose addresses carry another address inside, or lead out of IPv6 in other ways; `is_global` says
#: yes to some of them.
_TRANSLATED = tuple(
    ipaddress.ip_network(text)
    for text in ("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16")
)


class Forbidden(FootfallError):
    """The address must not be connected to."""


@dataclass(frozen=True)
class Target:
    """Where to connect (`address`), and whom to ask there for what."""

    scheme: str
    host: str
    port: int
    address: str
    path: str


def checked(url: str, *, allow_private: bool = False, resolve: Resolve | None = None) -> Target:
    """The one address that may be connected to for `url`.

    `allow_private` admits http and addresses that are not public: for a receiver in one's own network, by
    the operator's configuration only. Raises Forbidden, naming the host and never the path.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise Forbidden("the webhook address is not a URL") from None
    schemes = ("https", "http") if allow_private else ("https",)
    if parts.scheme not in schemes:
        raise Forbidden(f"a webhook address begins with {'://, or '.join(schemes)}://")
    if "@" in parts.netloc or parts.fragment:
        raise Forbidden("a webhook address has no user, password or fragment")
    host = (parts.hostname or "").rstrip(".")
    if not host or any(c <= " " or c in "\\%" or c > "~" for c in host):
        raise Forbidden("the webhook address has no host name in plain letters")
    try:
        found = (resolve or _resolve)(host, port)
    except OSError as error:
        raise Unresolved(f"{host} cannot be resolved: {error}") from None
    if not found:
        raise Unresolved(f"{host} has no address")
    for text in found:
        if not allow_private and not _is_public(text):
            # All of them, not the first alone: the next resolution may order them otherwise.
            raise Forbidden(f"{host} leads to an address that is not public")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, found[0], path)


class Unresolved(FootfallError):
    """The name has no address now; it may have one later."""


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _is_public(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if any(address.version == net.version and address in net for net in _TRANSLATED):
        return False
    return address.is_global and not (
        address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or address.is_loopback
        or getattr(address, "is_site_local", False)
    )
