"""Whether the API key of a request may do what it asks for."""

from collections.abc import Mapping
from datetime import datetime

from collector.targets import KeyHolder, Sites
from footfall.access.api_keys import key_hash
from footfall.access.presented import presented_key
from footfall.collecting import Permission
from footfall.event import Refusal, Refused


def holder_for(key: str, sites: Sites, permission: Permission, now: datetime) -> KeyHolder | None:
    """Whose key a text is, where it is one, its time is not over and it may do what is asked."""
    holder = sites.holders.get(key_hash(key))
    if holder is None or not holder.key.is_valid(now):
        return None
    return holder if holder.key.may(permission) else None


def holder_of(
    headers: Mapping[bytes, bytes], sites: Sites, permission: Permission, now: datetime
) -> KeyHolder:
    """Whose key a request carries. Raises Refused(API_KEY_MISSING | API_KEY_UNKNOWN | PERMISSION)."""
    key = presented_key(headers)
    if key is None:
        raise Refused(Refusal.API_KEY_MISSING, "send it as X-API-Key, or as Authorization: Bearer KEY")
    holder = sites.holders.get(key_hash(key))  # by its hash: the time it takes says nothing of the key
    if holder is None:
        raise Refused(Refusal.API_KEY_UNKNOWN if sites.are_certain else Refusal.SITES_UNCERTAIN)
    if not holder.key.is_valid(now):
        raise Refused(Refusal.API_KEY_UNKNOWN, f"the key {holder.key.name} is over")
    if not holder.key.may(permission):
        raise Refused(Refusal.PERMISSION, f"the key has no {permission} permission")
    return holder
