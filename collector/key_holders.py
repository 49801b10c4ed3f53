"""Which API key a request carries, and whether it may do what it asks for."""

from collector.targets import KeyHolder, Sites
from footfall.access.api_keys import key_hash
from footfall.collecting import Permission
from footfall.event import Refusal, Refused

_SCHEMES = frozenset({b"bearer", b"api-key", b"apikey", b"token"})


def presented_key(headers: dict[bytes, bytes]) -> str | None:
    """The key in `X-API-Key: KEY` or `Authorization: Bearer | Api-Key | Token KEY`, None without one.

    Never in the query: addresses end up in logs of proxies.
    """
    key = headers.get(b"x-api-key")
    if key is None:
        scheme, _, key = headers.get(b"authorization", b"").strip().partition(b" ")
        if scheme.lower() not in _SCHEMES:
            return None
    key = key.strip()
    return key.decode("latin-1") if key else None


def holder_for(key: str, sites: Sites, permission: Permission) -> KeyHolder | None:
    """Whose key a text is, where it is one and may do what is asked."""
    holder = sites.holders.get(key_hash(key))
    return holder if holder is not None and holder.key.may(permission) else None


def holder_of(headers: dict[bytes, bytes], sites: Sites, permission: Permission) -> KeyHolder:
    """Whose key a request carries. Raises Refused(API_KEY_MISSING | API_KEY_UNKNOWN | PERMISSION)."""
    key = presented_key(headers)
    if key is None:
        raise Refused(Refusal.API_KEY_MISSING, "send it as X-API-Key, or as Authorization: Bearer KEY")
    holder = sites.holders.get(key_hash(key))  # by its hash: the time it takes says nothing of the key
    if holder is None:
        raise Refused(Refusal.API_KEY_UNKNOWN if sites.are_certain else Refusal.SITES_UNCERTAIN)
    if not holder.key.may(permission):
        raise Refused(Refusal.PERMISSION, f"the key has no {permission} permission")
    return holder
