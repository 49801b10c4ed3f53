"""The end of a client's keys over its raw lines: from then on nobody reads them, wherever copies lie."""

from collections.abc import Collection
from datetime import datetime

from footfall.raw_key_copies import is_left, shred
from footfall.raw_keys import Held, KeyRing
from footfall.settings import Settings
from footfall.signatures import load_signer
from footfall.store import ObjectStore


def keys_left(settings: Settings, lake: ObjectStore, clients: Collection[str]) -> list[Held]:
    """Keys of these identities that are not destroyed wherever they lay. Raises FootfallError, StoreError."""
    return [
        each
        for each in KeyRing(settings.home).held()
        if each.client_id in clients and is_left(settings.home, lake, each)
    ]


def shred_key(
    settings: Settings, lake: ObjectStore, held: Held, *, by: str, why: str, at: datetime
) -> list[str]:
    """Destroy a key here, beside every backup, and say so in the lake. Returns what is left to do.

    Doing it again is harmless, and tries again what was left. Raises FootfallError, StoreError.
    """
    signer = load_signer(settings.home / "keys")
    said = KeyRing(settings.home).shred(held.client_id, held.id, signer, by=by, why=why, at=at)
    return shred(lake, settings.home, settings.s3_endpoint, held, said)
