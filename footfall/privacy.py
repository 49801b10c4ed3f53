"""Visitors without cookies: a keyed daily hash, and the salts that make it one.

The key is random, one for each client and UTC day, shared by all collectors through the lake (created
once, whoever comes first) and destroyed 48 hours after it was made. After that nobody, we included, can
recompute a visitor id from an address. An unkeyed hash would not do: all IPv4 addresses can be hashed
in under an hour.
"""

import contextlib
import hashlib
import json
import logging
import secrets
from datetime import UTC, datetime, timedelta

from footfall.keys import SALTS, destroyed_salt_object, salt_object
from footfall.store import AlreadyExists, NotFound, ObjectStore

log = logging.getLogger("footfall.privacy")

#: How long a salt lives after it was made. Longer would let an address be matched for longer; shorter
#: would cut sessions that cross midnight.
SALT_LIFE = timedelta(hours=48)

#: The two paddings of HMAC, for every byte of a key.
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))


def new_salt() -> dict[str, str]:
    """A salt as it is stored, made now."""
    return {"salt": secrets.token_hex(32), "created_at": datetime.now(UTC).isoformat()}


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


class Salts:
    """The salts of a lake, fetched or made on first use and kept in memory for as long as they live."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._known: dict[tuple[str, str], bytes] = {}

    def of(self, client_id: str, moment: datetime) -> bytes:
        """The 32-byte salt of a client for the UTC day of `moment`. Raises StoreError when the lake does."""
        day = moment.astimezone(UTC).strftime("%Y-%m-%d")
        known = self._known.get((client_id, day))
        return known if known is not None else self._agree(client_id, day)

    def _agree(self, client_id: str, day: str) -> bytes:
        salt = bytes.fromhex(self._settle(client_id, day, new_salt())["salt"])
        self._known[client_id, day] = salt
        return salt

    def settle(self, client_id: str, moment: datetime, offer: dict[str, str]) -> dict[str, str]:
        """The stored salt of a client and UTC day; `offer` where there was none. Raises StoreError."""
        return self._settle(client_id, moment.astimezone(UTC).strftime("%Y-%m-%d"), offer)

    def _settle(self, client_id: str, day: str, offer: dict[str, str]) -> dict[str, str]:
        key = salt_object(client_id, day)
        if self._store.head(key) is None:
            made = {"salt": offer["salt"], "created_at": offer["created_at"]}
            try:
                self._store.put(key, json.dumps(made).encode(), create_only=True)
            except AlreadyExists:
                pass  # another collector was faster; its salt is the one
        stored: dict[str, str] = json.loads(self._store.get(key))
        return stored

    def existing(self, client_id: str, moment: datetime) -> bytes | None:
        """The salt of a client for the UTC day of `moment`, None where there is none: it is never made."""
        day = moment.astimezone(UTC).strftime("%Y-%m-%d")
        try:
            return bytes.fromhex(json.loads(self._store.get(salt_object(client_id, day)))["salt"])
        except NotFound:
            return None

    def destroy_old(self, now: datetime) -> int:
        """Delete every salt older than SALT_LIFE, here and in the lake. Returns how many were destroyed.

        Each leaves a record of its end in the lake, with the salt's SHA-256: whoever claims to hold a salt
        can be told whether it was this one.
        """
        destroyed = 0
        alive: set[str] = set()
        for info in list(self._store.list(SALTS)):
            try:
                stored = json.loads(self._store.get(info.key))
                created = datetime.fromisoformat(stored["created_at"])
            except NotFound:
                continue  # another collector destroyed it
            if now - created > SALT_LIFE:
                self._store.delete(info.key)
                self._record(info.key, stored, now)
                destroyed += 1
            else:
                alive.add(info.key)
        # By what the lake still holds: most salts are destroyed by another collector, and must go here too.
        self._known = {
            known: salt for known, salt in list(self._known.items()) if salt_object(*known) in alive
        }
        return destroyed

    def _record(self, key: str, stored: dict[str, str], now: datetime) -> None:
        """Write down that a salt is gone. Where two collectors destroyed it, the first record stands."""
        record = {
            "created_at": stored["created_at"],
            "destroyed_at": now.isoformat(),
            "salt_sha256": hashlib.sha256(bytes.fromhex(stored["salt"])).hexdigest(),
        }
        with contextlib.suppress(AlreadyExists):
            self._store.put(destroyed_salt_object(key), json.dumps(record).encode(), create_only=True)
        log.info("%s was destroyed; it was made at %s", key, stored["created_at"])
