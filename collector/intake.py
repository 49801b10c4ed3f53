"""Events of a known site → stored lines → spool: what is taken, and what is kept of the refused.

An address lives here as a local variable until the visitor hash is made; nothing writes it anywhere.
"""

import asyncio
import logging
import traceback
from collections.abc import Callable, Coroutine, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol

from collector.address import Network, client_address
from collector.answers import TAKEN, refusal_answer
from collector.message import Answer, Pending, Request
from collector.spool import SpoolState
from collector.targets import Target
from footfall.errors import FootfallError
from footfall.event import Receipt, Refusal, Refused, check_event, event_line, refused_line
from footfall.privacy import visitor_id

log = logging.getLogger("collector")

#: What a route returns.
Route = Answer | Pending | Coroutine[Any, Any, Answer | Pending]

#: Seconds a request waits for the lake to agree on a new salt, once a client and day.
SALT_SECONDS = 10.0

#: Refusals of a request whose site is known that leave no line: the sender was never let in (a wrong
#: import key, a wrong receipt time), or the disk has just said no.
NOT_KEPT = frozenset({Refusal.IMPORT_KEY, Refusal.RECEIPT_TIME, Refusal.NOT_DURABLE})


class Appends(Protocol):
    """What the collector needs of a spool."""

    def append(self, hour: datetime, payload: bytes) -> "asyncio.Future[None]":
        """See Spool.append."""
        ...

    def state(self) -> SpoolState:
        """See Spool.state."""
        ...


class Intake:
    """Makes events durable. Belongs to one event loop."""

    def __init__(
        self,
        spool: Appends,
        agree_salt: Callable[[str, datetime], bytes],
        trusted_proxies: Sequence[Network],
    ) -> None:
        """`agree_salt(client_id, moment)` asks the lake and may block; it is called in a thread."""
        self._spool = spool
        self._agree_salt = agree_salt
        self._trusted = trusted_proxies
        self._salts: dict[tuple[str, date], bytes] = {}
        self._agreeing: dict[tuple[str, date], asyncio.Task[bytes]] = {}

    def take(
        self,
        request: Request,
        target: Target,
        received_at: datetime,
        sent_at: int | None,
        raws: list[bytes],
        *,
        taken: Answer = TAKEN,
    ) -> Route:
        """Check each event, make all of them durable, good and bad, and answer for the request."""
        events = []
        refusals: list[Refused] = []
        rejected: list[bytes] = []
        for raw in raws:
            try:
                events.append(check_event(raw))
            except Refused as refused:
                refusals.append(refused)
                rejected.append(raw)

        def store(salt: bytes) -> Pending:
            user_agent = request.headers.get(b"user-agent", b"").decode("latin-1")
            site = target.site
            receipt = Receipt(
                client_id=target.client_id,
                site_id=site.site_id,
                received_at=received_at,
                visitor_id=visitor_id(salt, site.site_id, self._address(request), user_agent)
                if events
                else None,
                user_agent=user_agent,
                gpc=request.headers.get(b"sec-gpc") == b"1",
                dnt=request.headers.get(b"dnt") == b"1",
            )
            lines = [
                event_line(event, receipt, sent_at=sent_at, is_declared_host=site.declares(event.host))
                for event in events
            ]
            answer = taken
            if refusals:
                lines += [refused_line(r, receipt, raw) for r, raw in zip(refusals, rejected, strict=True)]
                answer = refusal_answer(refusals, taken if events else None)
            return Pending(self._append(received_at, lines), answer, len(events), refusals)

        salt = self._salts.get((target.client_id, received_at.date())) if events else b""
        if salt is not None:
            return store(salt)

        async def store_later() -> Pending:
            return store(await self._salt(target.client_id, received_at))

        return store_later()

    def keep_unreadable(
        self, refused: Refused, target: Target | None, received_at: datetime, body: bytes
    ) -> Pending:
        """Refuse a whole request; where its site is known, its bytes are kept for quarantine.

        Raises the refusal again where nothing of it is to be kept.
        """
        if target is None or refused.refusal in NOT_KEPT:
            raise refused
        receipt = Receipt(target.client_id, target.site.site_id, received_at, None, "")
        durable = self._append(received_at, [refused_line(refused, receipt, body)])
        return Pending(durable, refusal_answer([refused]), refusals=[refused])

    def forget_salts(self, today: date) -> None:
        """Drop every salt but today's; the lake still has those that may be used."""
        for key in list(self._salts):
            if key[1] < today:
                self._salts.pop(key, None)

    def _append(self, received_at: datetime, lines: list[bytes]) -> "asyncio.Future[None]":
        hour = received_at.replace(minute=0, second=0, microsecond=0)
        lines.append(b"")
        return self._spool.append(hour, b"\n".join(lines))

    def _address(self, request: Request) -> str:
        peer = request.peer
        if self._trusted:
            forwarded = request.headers.get(b"x-forwarded-for")
            hops = [forwarded.decode("latin-1")] if forwarded is not None else []
            return client_address(peer, hops, self._trusted)
        # IPv4 is canonical as it stands; IPv6 has many spellings.
        return client_address(peer, (), ()) if ":" in peer else peer

    async def _salt(self, client_id: str, moment: datetime) -> bytes:
        """The salt of a client and day that is not in memory; one question to the lake for all who wait."""
        key = (client_id, moment.date())
        task = self._agreeing.get(key)
        if task is None:
            task = asyncio.create_task(asyncio.to_thread(self._agree_salt, client_id, moment))
            self._agreeing[key] = task
            task.add_done_callback(lambda done: self._agreed(key, done))
        try:
            # Shielded: one client that goes away must not take the answer from the others.
            return await asyncio.wait_for(asyncio.shield(task), SALT_SECONDS)
        except Exception:  # whatever it was is logged once, by _agreed
            raise Refused(Refusal.NOT_DURABLE, "the lake does not answer") from None

    def _agreed(self, key: tuple[str, date], task: "asyncio.Task[bytes]") -> None:
        del self._agreeing[key]
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._salts[key] = task.result()
        else:
            text = str(error) if isinstance(error, FootfallError) else where(error)
            log.error("no salt for %s of %s: %s", key[0], key[1], text)


def where(error: BaseException) -> str:
    """What an unexpected exception is and where it was raised. Not its text: that may quote a visitor."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + place
