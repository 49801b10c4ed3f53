"""The end of a client's keys over its raw lines: from then on nobody reads them, wherever copies lie."""

from collections.abc import Collection
from datetime import datetime

from footfall.raw_key_copies import shred
from footfall.raw_keys import Held, KeyRing
from footfall.settings import Settings
from footfall.store import ObjectStore


def keys_left(settings: Settings, clients: Collection[str]) -> list[Held]:
    """Keys of these identities that are not destroyed. Raises FootfallError."""
    return [each for each in KeyRing(settings.home).held() if each.client_id in clients and each.gone is None]


def shred_key(
    settings: Settings, lake: ObjectStore, held: Held, *, by: str, why: str, at: datetime
) -> list[str]:
    """Destroy a key here, beside every backup, and say so in the lake. Returns what is left to do.

    Doing it again is harmless, and tries again what was left. Raises FootfallError, StoreError.
    """
    said = KeyRing(settings.home).shred(held.client_id, held.id, by=by, why=why, at=at)
    return shred(lake, settings.home, settings.s3_endpoint, held, said)
