"""Visitors without cookies: a keyed daily hash.

The key is a random salt, one for each client, time zone and day, which is destroyed (footfall/salts.py).
After that nobody, we included, can recompute a visitor id from an address. An unkeyed hash would not do: all
IPv4 addresses can be hashed in under an hour.
"""

import hashlib

#: The two paddings of HMAC, for every byte of a key.
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))


def visitor_id(salt: bytes, site_id: str, address: str, user_agent: str) -> str:
    """32 hex digits that stand for one device on one site on one day. The address is not recoverable."""
    return VisitorHash(salt).of(site_id, address, user_agent)


class VisitorHash:
    """Visitor ids under one salt. As secret as the salt, and to be forgotten with it.

    HMAC-SHA-256 with the key's two blocks hashed beforehand: OpenSSL takes three times as long to begin anew.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, salt: bytes) -> None:
        """`salt` has at most 64 bytes, one block."""
        block = salt.ljust(64, b"\0")
        self._inner = hashlib.sha256(block.translate(_INNER))
        self._outer = hashlib.sha256(block.translate(_OUTER))

    def of(self, site_id: str, address: str, user_agent: str) -> str:
        """See visitor_id."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(f"{site_id}\x1f{address}\x1f{user_agent}".encode("utf-8", "surrogatepass"))
        outer.update(inner.digest())
        return outer.hexdigest()[:32]


def first_party_visitor_id(site_id: str, token: str) -> str:
    """32 hex digits for the id that a consenting visitor's browser keeps: the same on every day, on one site.

    The token is random, so nothing but itself can be guessed from its hash, and no key is needed.
    """
    message = "\x1f".join(("first-party", site_id, token)).encode("utf-8", "surrogatepass")
    return hashlib.sha256(message).hexdigest()[:32]
