"""Salts that outlast a lake that is away: a copy of each beside the segments, for as long as the salt lives.

    copy that was agreed on ──► used, without a question to the lake
    no such copy ──► one of our own, offered to the lake: whoever comes first decides ──► copy, agreed on
                                   └─ the lake is away ─► our own is used, and offered again later

All workers of a collector share the copies, and so one salt. Collectors that share a lake and begin a day
without it have one each for as long as it is away: a visitor whom two meet is two visitors for that time.
The alternative is to refuse their events.
"""

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from collector.clock import machine_clock
from footfall.errors import FootfallError
from footfall.keys import SALTS, salt_object
from footfall.privacy import SALT_LIFE, Salts, new_salt
from footfall.store import AlreadyExists, LocalStore, NotFound, ObjectStore

log = logging.getLogger("collector")


class KeptSalts:
    """The salts of a lake and of a folder. Every method may block; all are for any thread."""

    def __init__(self, lake: ObjectStore, folder: Path, now: Callable[[], datetime] = machine_clock) -> None:
        """`folder` is this collector's own; it is made when there is a salt to keep."""
        self._lake = lake
        self._now = now
        self._folder = folder
        self._here = LocalStore(folder)

    def agree(self, client_id: str, moment: datetime) -> bytes:
        """The salt of a client and UTC day that the lake knows. Raises StoreError where it is away."""
        key = _key(client_id, moment)
        try:
            offer = self._copy_or_new(key)
        except (FootfallError, OSError) as error:  # a full disk must not keep the lake's own salt from us
            log.warning("the salt of %s is not kept here: %s", key, _told(error))
            offer = new_salt()
        if offer.get("is_agreed"):
            return _salt(offer)
        # New each time: its memory would outlive a salt that another collector destroys.
        agreed = Salts(self._lake).settle(client_id, moment, offer)
        self._keep(key, {**agreed, "is_agreed": True})
        return _salt(agreed)

    def own(self, client_id: str, moment: datetime) -> bytes:
        """The salt to use while the lake is away. Raises StoreError, OSError where it cannot be kept here."""
        return _salt(self._copy_or_new(_key(client_id, moment)))

    def existing(self, client_id: str, moment: datetime) -> bytes | None:
        """The salt of a client and UTC day, None where there is none: it is never made. Raises StoreError."""
        copy = self._copy(_key(client_id, moment))
        return _salt(copy) if copy is not None else Salts(self._lake).existing(client_id, moment)

    def destroy_old(self, now: datetime) -> None:
        """Destroy every salt past its life, here and in the lake. Raises StoreError."""
        for info in list(self._here.list(SALTS)):
            if self._copy(info.key, now) is None:
                self._here.delete(info.key)
        Salts(self._lake).destroy_old(now)

    def _copy_or_new(self, key: str) -> dict[str, Any]:
        """The copy of all workers; it is made where there is none that may be used."""
        copy = self._copy(key)
        if copy is not None:
            return copy
        # A salt makes addresses guessable as long as it lives.
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = new_salt()
        try:
            self._here.put(key, json.dumps(made).encode(), create_only=True)
        except AlreadyExists:
            copy = self._copy(key)  # of a worker that was faster
            if copy is not None:
                return copy
            self._here.put(key, json.dumps(made).encode())  # what lay there is past its life or damaged
        return made

    def _keep(self, key: str, stored: dict[str, Any]) -> None:
        try:
            self._here.put(key, json.dumps(stored).encode())
        except FootfallError as error:
            log.warning("the salt of %s is not kept here: %s", key, _told(error))

    def _copy(self, key: str, now: datetime | None = None) -> dict[str, Any] | None:
        """A copy that may still be used; None where there is none, past its life or damaged."""
        try:
            stored: dict[str, Any] = json.loads(self._here.get(key))
            age = (now or self._now()) - datetime.fromisoformat(stored["created_at"])
            return stored if age <= SALT_LIFE and len(_salt(stored)) == 32 else None
        except (NotFound, KeyError, TypeError, ValueError):
            return None


def _key(client_id: str, moment: datetime) -> str:
    return salt_object(client_id, moment.astimezone(UTC).strftime("%Y-%m-%d"))


def _salt(stored: dict[str, Any]) -> bytes:
    return bytes.fromhex(stored["salt"])


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, FootfallError) else type(error).__name__
