"""The salts of a lake: one for each client, time zone and day, made once, shared by all, and destroyed.

    a moment ──► the site's day (footfall/zones.py) ──► salts/client=…/zone=…/day=….json ──► 32 random bytes

A salt is created by whoever comes first, and turns at the midnight of the site. Two sites of a client whose
days begin in one zone have one salt; their ids are kept apart by the site's name (footfall/privacy.py).

Until days were those of sites, salts turned at midnight UTC and had no zone in their keys. A UTC day that
began with such a salt ends with it, so that whoever is here when the program is replaced stays one visitor.
"""

import contextlib
import hashlib
import json
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from footfall import zones
from footfall.keys import (
    SALTS,
    day_of_salt,
    destroyed_salt_object,
    salt_object,
    salt_object_of_utc_day,
)
from footfall.store import AlreadyExists, NotFound, ObjectStore

log = logging.getLogger("footfall.salts")

#: How long a salt outlives its day, or the import that made it for a day that was over. Longer would let an
#: address be matched for longer; shorter would cut sessions that cross midnight, and parts of a log.
SALT_LIFE = timedelta(hours=48)

_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class SaltDay:
    """A day of a site: the zone at whose midnight it begins, and from when until when it lasts, in UTC."""

    zone: str
    date: date
    begins: datetime
    ends: datetime

    def keys(self, client_id: str, moment: datetime) -> tuple[str, str]:
        """Where its salt lies, and where a program before this one may have put one for `moment`."""
        of_utc = salt_object_of_utc_day(client_id, moment.astimezone(UTC).date())
        return salt_object(client_id, self.zone, self.date), of_utc


def salt_day(clock: str, moment: datetime) -> SaltDay:
    """The day of a site that a moment lies in. `clock`: the text of its clock (footfall.zones).

    On the day of a change of zone it is of the zone of before, in which it begins: nobody changes ids in it.
    """
    made = zones.clock(clock)
    day = made.day(moment)
    begins, ends = made.start(day), made.start(day + _DAY)
    zone = getattr(begins.tzinfo, "key", "UTC")
    return SaltDay(zone, day, begins.astimezone(UTC), ends.astimezone(UTC))


@dataclass(frozen=True)
class Salt:
    """32 bytes, where they lie, and the moments, in UTC, between which they are a site's salt."""

    value: bytes
    key: str
    begins: datetime
    ends: datetime

    def holds(self, moment: datetime) -> bool:
        """Whether it is the salt of a moment."""
        return self.begins <= moment < self.ends

    @property
    def before(self) -> datetime:
        """A moment of the salt before it."""
        return self.begins - _INSTANT


def new_salt() -> dict[str, str]:
    """A salt as it is stored, made now."""
    return {"salt": secrets.token_hex(32), "created_at": datetime.now(UTC).isoformat()}


def salt_of(
    client_id: str,
    day: SaltDay,
    moment: datetime,
    key: str,
    stored: Mapping[str, str],
    is_there: Callable[[str], bool],
) -> Salt:
    """A stored salt, and from when until when it holds. `is_there`: whether there is a salt of a key."""
    value = bytes.fromhex(stored["salt"])
    midnight = datetime.combine(moment.astimezone(UTC), time(), UTC)
    if key == salt_object_of_utc_day(client_id, midnight.date()):
        return Salt(value, key, midnight, midnight + _DAY)
    begins = day.begins
    yesterday = salt_object_of_utc_day(client_id, midnight.date() - _DAY)
    if begins < midnight and is_there(yesterday):  # what was before it is that salt
        begins = midnight
    return Salt(value, key, begins, day.ends)


def is_over(key: str, created_at: datetime, now: datetime) -> bool:
    """Whether a salt is past its life."""
    named = day_of_salt(key)
    end = created_at
    if named is not None and "/zone=" in key:
        zone, day = named
        midnight = zones.clock(zone if zone in zones.names() else "UTC").start(day + _DAY)
        end = max(created_at, midnight.astimezone(UTC))
    return now - end > SALT_LIFE


class Salts:
    """The salts of a lake, fetched or made on first use and kept in memory for as long as they live."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._known: dict[tuple[str, str], list[Salt]] = {}

    def of(self, client_id: str, clock: str, moment: datetime) -> bytes:
        """The 32-byte salt of a client for the day of `moment` by a site's clock. Raises StoreError when the
        lake does.
        """
        known = self._known.setdefault((client_id, clock), [])
        found = next((salt for salt in known if salt.holds(moment)), None)
        if found is None:
            found = self.agree(client_id, clock, moment, new_salt())[0]
            known.insert(0, found)
        return found.value

    def agree(
        self, client_id: str, clock: str, moment: datetime, offer: Mapping[str, str]
    ) -> tuple[Salt, dict[str, str]]:
        """The salt of a client and day, also as stored; `offer` where there was none. Raises StoreError."""
        day = salt_day(clock, moment)
        own, of_utc = day.keys(client_id, moment)
        key = own
        stored = self._read(own)
        if stored is None and (stored := self._read(of_utc)) is not None:
            key = of_utc
        if stored is None:
            made = {"salt": offer["salt"], "created_at": offer["created_at"]}
            with contextlib.suppress(AlreadyExists):  # another collector was faster; its salt is the one
                self._store.put(own, json.dumps(made).encode(), create_only=True)
            stored = json.loads(self._store.get(own))
        return salt_of(client_id, day, moment, key, stored, self._is_there), stored

    def existing(self, client_id: str, clock: str, moment: datetime) -> bytes | None:
        """The salt of a client and day, None where there is none: it is never made. Raises StoreError."""
        for key in reversed(salt_day(clock, moment).keys(client_id, moment)):
            stored = self._read(key)
            if stored is not None:
                return bytes.fromhex(stored["salt"])
        return None

    def _is_there(self, key: str) -> bool:
        return self._store.head(key) is not None

    def _read(self, key: str) -> dict[str, str] | None:
        try:
            stored: dict[str, str] = json.loads(self._store.get(key))
            return stored
        except NotFound:
            return None

    def destroy_old(self, now: datetime) -> int:
        """Delete every salt past its life, here and in the lake. Returns how many were destroyed.

        Each leaves a record of its end in the lake, with the salt's SHA-256: whoever claims to hold a salt
        can be told whether it was this one.
        """
        destroyed = 0
        alive: set[str] = set()
        for info in list(self._store.list(SALTS)):
            stored = self._read(info.key)
            if stored is None:
                continue  # another collector destroyed it
            if is_over(info.key, datetime.fromisoformat(stored["created_at"]), now):
                self._store.delete(info.key)
                self._record(info.key, stored, now)
                destroyed += 1
            else:
                alive.add(info.key)
        # By what the lake still holds: most salts are destroyed by another collector, and must go here too.
        self._known = {
            whose: [salt for salt in salts if salt.key in alive] for whose, salts in list(self._known.items())
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
