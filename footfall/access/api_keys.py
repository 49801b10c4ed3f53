"""API keys: made here, shown once, kept as a hash.

A key is `ffk_`, 43 random characters (256 bits) and a checksum of six hex digits, so that scanners for
leaked secrets can tell a real one from a random word. A plain SHA-256 is enough for such a key: nobody
can try 2^256. A key that a person once made up is guessable from its hash; replace it after a migration.
"""

import hashlib
import secrets
import zlib

_PREFIX = "ffk_"


def new_key() -> str:
    """A key that nobody has."""
    body = _PREFIX + secrets.token_urlsafe(32)
    return body + _checksum(body)


def key_hash(key: str) -> str:
    """What a client file keeps of a key: 64 hex digits."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def is_well_formed(key: str) -> bool:
    """Whether a text is a key that `new_key` could have made."""
    return len(key) == 53 and key.startswith(_PREFIX) and key[-6:] == _checksum(key[:-6])


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()) & 0xFFFFFF:06x}"
