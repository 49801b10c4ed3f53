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
from datetime import datetime
from pathlib import Path
from typing import Any

from collector.clock import machine_clock
from footfall.errors import FootfallError
from footfall.keys import SALTS
from footfall.salts import Salt, Salts, is_over, new_salt, salt_day, salt_of
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

    def agree(self, client_id: str, clock: str, moment: datetime) -> Salt:
        """The salt of a client and day of a site that the lake knows. Raises StoreError where it is away."""
        copy = self._agreed(client_id, clock, moment)
        if copy is not None:
            return copy
        key, _ = salt_day(clock, moment).keys(client_id, moment)
        try:
            offer = self._copy_or_new(key)
        except (FootfallError, OSError) as error:  # a full disk must not keep the lake's own salt from us
            log.warning("the salt of %s is not kept here: %s", key, _told(error))
            offer = new_salt()
        # New each time: its memory would outlive a salt that another collector destroys.
        agreed, stored = Salts(self._lake).agree(client_id, clock, moment, offer)
        self._keep(agreed.key, {**stored, "is_agreed": True})
        return agreed

    def own(self, client_id: str, clock: str, moment: datetime) -> Salt:
        """The salt to use while the lake is away. Raises StoreError, OSError where it cannot be kept here."""
        day = salt_day(clock, moment)
        own, of_utc = day.keys(client_id, moment)
        # Of a program before this one there may be one for this UTC day.
        key = of_utc if self._copy(own) is None and self._copy(of_utc) is not None else own
        return salt_of(client_id, day, moment, key, self._copy_or_new(key), self._is_here)

    def existing(self, client_id: str, clock: str, moment: datetime) -> bytes | None:
        """The salt of a client and day, None where there is none: it is never made. Raises StoreError."""
        for key in reversed(salt_day(clock, moment).keys(client_id, moment)):
            copy = self._copy(key)
            if copy is not None:
                return bytes.fromhex(copy["salt"])
        return Salts(self._lake).existing(client_id, clock, moment)

    def _agreed(self, client_id: str, clock: str, moment: datetime) -> Salt | None:
        """A copy that the lake once said."""
        day = salt_day(clock, moment)
        for key in day.keys(client_id, moment):
            copy = self._copy(key)
            if copy is not None and copy.get("is_agreed"):
                return salt_of(client_id, day, moment, key, copy, self._is_here)
        return None

    def _is_here(self, key: str) -> bool:
        return self._copy(key) is not None

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
            over = is_over(key, datetime.fromisoformat(stored["created_at"]), now or self._now())
            return stored if not over and len(bytes.fromhex(stored["salt"])) == 32 else None
        except (NotFound, KeyError, TypeError, ValueError):
            return None


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, FootfallError) else type(error).__name__
