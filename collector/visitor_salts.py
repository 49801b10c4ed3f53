"""The salts that requests need: in memory for today, asked for once, of our own while the lake is away."""

import asyncio
import logging
import traceback
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from collector.sender import is_carried_over
from footfall.errors import FootfallError
from footfall.event import Refusal, Refused
from footfall.privacy import VisitorHash

log = logging.getLogger("collector")

#: Seconds a request waits for the lake to agree on a new salt, once a client and day. Higher: fewer days with
#: two salts where the lake is slow, and longer waits where it is away.
SALT_SECONDS = 3.0


class VisitorSalts:
    """Salts by client and day. Belongs to one event loop; `forget` and `agree_again` are for any thread."""

    def __init__(
        self,
        agree_salt: Callable[[str, datetime], bytes],
        find_salt: Callable[[str, datetime], bytes | None],
        own_salt: Callable[[str, datetime], bytes] | None,
    ) -> None:
        """`agree_salt(client_id, moment)` and `find_salt`, which makes none, ask the lake and may block, and
        `own_salt` asks the disk for one to use while the lake is away; they are called in a thread.
        """
        self._agree_salt = agree_salt
        self._find_salt = find_salt
        self._own_salt = own_salt
        #: Ready for use. None: that day had none.
        self._salts: dict[tuple[str, date], VisitorHash | None] = {}
        self._agreeing: dict[tuple[str, date], asyncio.Task[VisitorHash | None]] = {}
        #: Those that are in use without the lake's word.
        self._own: set[tuple[str, date]] = set()

    def ready(self, client_id: str, moment: datetime) -> tuple[VisitorHash, VisitorHash | None] | None:
        """The same as `both` where nothing must be asked; None where something must."""
        today = moment.date()
        salt = self._salts.get((client_id, today))
        if salt is None:
            return None
        if not is_carried_over(moment):
            return salt, None
        before = (client_id, today - timedelta(days=1))
        return (salt, self._salts[before]) if before in self._salts else None

    async def both(self, client_id: str, moment: datetime) -> tuple[VisitorHash, VisitorHash | None]:
        """The salt of a client and day, and that of the day before where it is needed. Raises Refused."""
        salt = self._salts.get((client_id, moment.date())) or await self._salt(client_id, moment)
        return salt, await self._previous(client_id, moment)

    async def _salt(self, client_id: str, moment: datetime) -> VisitorHash:
        """The salt of a client and day that is not in memory."""
        try:
            salt = await self._ask(self._agree_salt, client_id, moment)
        except Refused:
            salt = await self._without_the_lake(client_id, moment)
        if salt is None:
            raise Refused(Refusal.NOT_DURABLE, "the lake does not answer")
        return salt

    async def _without_the_lake(self, client_id: str, moment: datetime) -> VisitorHash | None:
        """A salt of this collector's own; None where there can be none."""
        key = (client_id, moment.date())
        if key not in self._salts and self._own_salt is not None:
            try:
                salt = await asyncio.to_thread(_visitors, self._own_salt, client_id, moment)
            except Exception as error:
                log.error("no salt for %s of %s: %s", *key, _told(error))
                return None
            if key not in self._salts:  # the lake may have answered meanwhile
                self._salts[key] = salt
                self._own.add(key)
                log.warning("%s has a salt of our own for %s until the lake answers", *key)
        return self._salts.get(key)

    async def _previous(self, client_id: str, moment: datetime) -> VisitorHash | None:
        """The salt of the day before, in the first half hour and where that day had one.

        An event is not refused for want of it.
        """
        if not is_carried_over(moment):
            return None
        before = moment - timedelta(days=1)
        key = (client_id, before.date())
        if key not in self._salts:
            try:
                return await self._ask(self._find_salt, client_id, before)
            except Refused:
                self._salts[key] = None  # until the hour's upkeep: the next request must not wait as well
        return self._salts[key]

    async def _ask(
        self, ask: Callable[[str, datetime], bytes | None], client_id: str, moment: datetime
    ) -> VisitorHash | None:
        """One question to the lake for all who wait. Raises Refused where it does not answer."""
        key = (client_id, moment.date())
        task = self._agreeing.get(key)
        if task is None:
            task = asyncio.create_task(asyncio.to_thread(_visitors, ask, client_id, moment))
            self._agreeing[key] = task
            task.add_done_callback(lambda done: self._agreed(key, done))
        try:
            # Shielded: one client that goes away must not take the answer from the others.
            return await asyncio.wait_for(asyncio.shield(task), SALT_SECONDS)
        except Exception:  # whatever it was is logged once, by _agreed
            raise Refused(Refusal.NOT_DURABLE, "the lake does not answer") from None

    def _agreed(self, key: tuple[str, date], task: "asyncio.Task[VisitorHash | None]") -> None:
        del self._agreeing[key]
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._salts[key] = task.result()
            self._own.discard(key)
        else:
            log.error("the lake gives no salt for %s of %s: %s", *key, _told(error))

    def forget(self, now: datetime) -> None:
        """Drop every salt that is not needed now; the lake still has those that may be used."""
        oldest = (now - timedelta(days=1)).date() if is_carried_over(now) else now.date()
        for key in list(self._salts):
            if key[1] < oldest:
                self._salts.pop(key, None)
        self._own.intersection_update(list(self._salts))

    def agree_again(self) -> None:
        """Ask the lake once more about salts that are our own; may block. Raises StoreError."""
        for client_id, day in list(self._own):
            moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
            self._salts[client_id, day] = VisitorHash(self._agree_salt(client_id, moment))
            self._own.discard((client_id, day))
            log.info("the lake knows the salt of %s of %s again", client_id, day)


def _told(error: BaseException) -> str:
    return str(error) if isinstance(error, FootfallError) else where(error)


def _visitors(
    ask: Callable[[str, datetime], bytes | None], client_id: str, moment: datetime
) -> VisitorHash | None:
    salt = ask(client_id, moment)
    return None if salt is None else VisitorHash(salt)


def where(error: BaseException) -> str:
    """What an unexpected exception is and where it was raised. Not its text: that may quote a visitor."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + place
