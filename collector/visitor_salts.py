"""The salts that requests need: in memory for a day, asked for once, of our own while the lake is away."""

import asyncio
import contextlib
import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from footfall.errors import FootfallError
from footfall.event import Refusal, Refused
from footfall.privacy import VisitorHash
from footfall.salts import Salt

log = logging.getLogger("collector")

#: Seconds a request waits for the lake to agree on a new salt, once a client and day. Higher: fewer days with
#: two salts where the lake is slow, and longer waits where it is away.
SALT_SECONDS = 3.0


#: How long after a site's midnight its events also carry yesterday's id of their visitor, so that a session
#: that was under way goes on. Longer would make more of two days linkable; sessions end after half an hour.
CARRIED_OVER = timedelta(minutes=30)

#: Asks for a salt: of a client, by a site's clock (footfall.zones), for a moment.
Agrees = Callable[[str, str, datetime], Salt]
Finds = Callable[[str, str, datetime], bytes | None]
_Key = tuple[str, str]


@dataclass(slots=True, eq=False)
class _Turn:
    """The visitors of a client, by a clock, from one midnight to the next."""

    visitors: VisitorHash
    begins: datetime
    #: Until when the visitors before are looked at too.
    carries_until: datetime
    ends: datetime
    #: A moment of it, and one of the turn before.
    moment: datetime
    before: datetime
    #: In use without the lake's word.
    is_own: bool
    #: Of the turn before. None: there was none.
    previous: VisitorHash | None = None
    knows_previous: bool = False

    @classmethod
    def of(cls, salt: Salt, moment: datetime, *, is_own: bool) -> "_Turn":
        until = salt.begins + CARRIED_OVER
        return cls(VisitorHash(salt.value), salt.begins, until, salt.ends, moment, salt.before, is_own)

    def holds(self, moment: datetime) -> bool:
        return self.begins <= moment < self.ends


class VisitorSalts:
    """Salts by client and clock. Belongs to one event loop; `forget` and `agree_again` are for any thread."""

    def __init__(self, agree_salt: Agrees, find_salt: Finds, own_salt: Agrees | None) -> None:
        """`agree_salt(client_id, clock, moment)` and `find_salt`, which makes none, ask the lake and may
        block, and `own_salt` asks the disk for one while the lake is away; they are called in a thread.
        """
        self._agree_salt = agree_salt
        self._find_salt = find_salt
        self._own_salt = own_salt
        #: (client, clock) → what is ready for use, the newest first.
        self._turns: dict[_Key, list[_Turn]] = {}
        self._asking: dict[tuple[_Key, datetime], asyncio.Task[None]] = {}

    def ready(
        self, client_id: str, clock: str, moment: datetime
    ) -> tuple[VisitorHash, VisitorHash | None] | None:
        """The same as `both` where nothing must be asked; None where something must."""
        turn = self._turn((client_id, clock), moment)
        if turn is None:
            return None
        if moment >= turn.carries_until:
            return turn.visitors, None
        return (turn.visitors, turn.previous) if turn.knows_previous else None

    async def both(
        self, client_id: str, clock: str, moment: datetime
    ) -> tuple[VisitorHash, VisitorHash | None]:
        """The salt of a client and day, and that of the day before where it is needed. Raises Refused."""
        key = (client_id, clock)
        turn = self._turn(key, moment) or await self._new_turn(key, moment)
        return turn.visitors, await self._previous(key, turn, moment)

    def _turn(self, key: _Key, moment: datetime) -> _Turn | None:
        for turn in self._turns.get(key, ()):
            if turn.holds(moment):
                return turn
        return None

    async def _new_turn(self, key: _Key, moment: datetime) -> _Turn:
        """The turn of a moment that is not in memory. Raises Refused."""

        def agree() -> None:
            self._keep(key, _Turn.of(self._agree_salt(*key, moment), moment, is_own=False))

        # All of a quarter of an hour ask once: in no zone does a day begin within one.
        quarter = moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)
        with contextlib.suppress(Refused):
            await self._ask((key, quarter), agree)
        turn = self._turn(key, moment) or await self._without_the_lake(key, moment)
        if turn is None:
            raise Refused(Refusal.NOT_DURABLE, "the lake does not answer")
        return turn

    async def _without_the_lake(self, key: _Key, moment: datetime) -> _Turn | None:
        """A turn with a salt of this collector's own; None where there can be none."""
        if self._own_salt is None:
            return None
        try:
            salt = await asyncio.to_thread(self._own_salt, *key, moment)
        except Exception as error:
            log.error("no salt for %s at %s: %s", key[0], moment, _told(error))
            return None
        if self._turn(key, moment) is None:  # the lake may have answered meanwhile
            self._keep(key, _Turn.of(salt, moment, is_own=True))
            log.warning("%s is our own until the lake answers", salt.key)
        return self._turn(key, moment)

    async def _previous(self, key: _Key, turn: _Turn, moment: datetime) -> VisitorHash | None:
        """The salt of the day before, in the first half hour and where that day had one.

        An event is not refused for want of it.
        """
        if moment >= turn.carries_until:
            return None

        def find() -> None:
            salt = self._find_salt(*key, turn.before)
            turn.previous = None if salt is None else VisitorHash(salt)

        if not turn.knows_previous:
            with contextlib.suppress(Refused):
                await self._ask((key, turn.before), find)
            turn.knows_previous = True  # until the hour's upkeep: the next request must not wait as well
        return turn.previous

    async def _ask(self, about: tuple[_Key, datetime], ask: Callable[[], None]) -> None:
        """One question to the lake for all who wait. Raises Refused where it does not answer."""
        task = self._asking.get(about)
        if task is None:
            task = asyncio.create_task(asyncio.to_thread(ask))
            self._asking[about] = task
            task.add_done_callback(lambda done: self._answered(about, done))
        try:
            # Shielded: one client that goes away must not take the answer from the others.
            await asyncio.wait_for(asyncio.shield(task), SALT_SECONDS)
        except Exception:  # whatever it was is logged once, by _answered
            raise Refused(Refusal.NOT_DURABLE, "the lake does not answer") from None

    def _answered(self, about: tuple[_Key, datetime], task: "asyncio.Task[None]") -> None:
        del self._asking[about]
        error = None if task.cancelled() else task.exception()
        if error is not None:
            (client_id, clock), moment = about
            log.error("the lake gives no salt for %s at %s (%s): %s", client_id, moment, clock, _told(error))

    def _keep(self, key: _Key, turn: _Turn) -> None:
        """Have a turn, in place of those of our own that it is the lake's word about."""
        others = [
            other
            for other in self._turns.get(key, ())
            if not (other.is_own and other.begins < turn.ends and turn.begins < other.ends)
        ]
        self._turns[key] = [turn, *others]

    def forget(self, now: datetime) -> None:
        """Drop every salt that is not needed now; the lake still has those that may be used."""
        for key, turns in list(self._turns.items()):
            kept = [turn for turn in turns if turn.ends > now]
            for turn in kept:
                if turn.carries_until <= now:
                    turn.previous, turn.knows_previous = None, False
            if kept:
                self._turns[key] = kept
            else:
                self._turns.pop(key, None)

    def agree_again(self) -> None:
        """Ask the lake once more about salts that are our own; may block. Raises StoreError."""
        for key, turns in list(self._turns.items()):
            for turn in turns:
                if turn.is_own:
                    salt = self._agree_salt(*key, turn.moment)
                    self._keep(key, _Turn.of(salt, turn.moment, is_own=False))
                    log.info("the lake knows %s again", salt.key)


def _told(error: BaseException) -> str:
    return str(error) if isinstance(error, FootfallError) else where(error)


def where(error: BaseException) -> str:
    """What an unexpected exception is and where it was raised. Not its text: that may quote a visitor."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + place
