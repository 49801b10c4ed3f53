"""Events → stored lines → spool: what is taken, and what is kept of the refused.

The sender's address lives here as long as the request (collector/sender.py); nothing writes it anywhere.
"""

import asyncio
import logging
import traceback
from collections.abc import Callable, Coroutine, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from collector.answers import TAKEN, older_answer, refusal_answer
from collector.counters import Counters
from collector.limits import Buckets, Limits
from collector.message import Answer, Headers, Pending, Request
from collector.sender import Senders, is_carried_over, receipt
from collector.shapes import Shape, page_origin, translate
from collector.spool import NotDurable, SpoolState
from collector.targets import Target
from footfall.errors import FootfallError
from footfall.event import Event, Receipt, Refusal, Refused, check_event, event_line, refused_line
from footfall.privacy import VisitorHash
from footfall.scrub_addresses import without_own_address

log = logging.getLogger("collector")

#: Routes for programs, which read a refusal as JSON.
JSON_ROUTES = frozenset({"track", "events", "count", "recent", "info"})

#: What a route returns.
Route = Answer | Pending | Coroutine[Any, Any, Answer | Pending]

#: Seconds a request waits for the lake to agree on a new salt, once a client and day.
SALT_SECONDS = 10.0

#: Refusals that leave no line: the sender was never let in (a wrong import key, a wrong receipt time, a
#: key without the permission), or should come again (a limit, a disk that has just said no).
NOT_KEPT = frozenset(
    {
        Refusal.IMPORT_KEY,
        Refusal.RECEIPT_TIME,
        Refusal.PERMISSION,
        Refusal.RATE_LIMITED,
        Refusal.NOT_DURABLE,
    }
)

#: Bytes of an unreadable body that count as one event against a limit.
QUARANTINE_UNIT = 4096
#: Client of lines that nobody is known to own; no client file can have this name.
NOBODY = "_unknown"
#: What is kept of them: a sample that no flood can make large. Bytes of one body, bodies a second over a
#: minute (so up to 60 at once), and the share of the spool from which on none are kept.
UNCLAIMED_BYTES = 4096
UNCLAIMED_RATE = 1.0
UNCLAIMED_WINDOW = 60.0
UNCLAIMED_SPOOL_SHARE = 0.5


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
        find_salt: Callable[[str, datetime], bytes | None],
        senders: Senders,
        limits: Limits,
        counters: Counters,
    ) -> None:
        """`agree_salt(client_id, moment)` and `find_salt`, which makes none, ask the lake and may block;
        they are called in a thread.
        """
        self._spool = spool
        self._limits = limits
        self._counters = counters
        self._unclaimed = Buckets(UNCLAIMED_WINDOW)
        self._agree_salt = agree_salt
        self._find_salt = find_salt
        self._senders = senders
        #: Salts by client and day, ready for use. None: that day had none.
        self._salts: dict[tuple[str, date], VisitorHash | None] = {}
        self._agreeing: dict[tuple[str, date], asyncio.Task[VisitorHash | None]] = {}

    def take(
        self,
        request: Request,
        target: Target,
        received_at: datetime,
        sent_at: int | None,
        raws: list[bytes],
        *,
        taken: Answer = TAKEN,
        lost: int | None = None,
        shape: Shape | None = None,
        more: Headers | None = None,
    ) -> Route:
        """Check each event, make all of them durable, good and bad, and answer for the request.

        `lost` is the loss that the batch reports; its first event carries it.
        `taken` is the answer where all is well, unless the body has an older shape, or `shape` says that
        its sender expects the answer of one; `more` are headers of that answer. Raises Limited.
        """
        sender = self._senders.of(request.peer, request.headers)
        if b"x-footfall-received-at" not in request.headers:  # a trusted import is not limited
            self._limit(sender.address, target, len(raws), request.started)
        events = []
        refusals: list[Refused] = []
        rejected: list[bytes] = []
        for raw in raws:
            try:
                events.append(check_event(raw))
            except Refused as refused:
                try:
                    event, of_shape = _older(raw, refused, request, target)
                    shape = shape or of_shape
                    events.append(event)
                except Refused as final:
                    refusals.append(final)
                    rejected.append(raw)

        def store(salt: VisitorHash | None, previous: VisitorHash | None = None) -> Pending:
            site = target.site
            of_request = receipt(target.client_id, site, received_at, request.headers, sender, salt, previous)
            lines = [
                event_line(
                    event,
                    of_request,
                    sent_at=sent_at,
                    is_declared_host=site.declares(event.host),
                    lost=None if n else lost,
                )
                for n, event in enumerate(events)
            ]
            answer = taken
            if shape is not None and events:
                ids = [event.event_id for event in events]
                answer = older_answer(shape, ids, received_at, target.bucket, len(refusals))
                if more:
                    answer = answer._replace(headers=[*answer.headers, *more])
            if refusals:
                lines += [refused_line(r, of_request, raw) for r, raw in zip(refusals, rejected, strict=True)]
                answer = refusal_answer(
                    refusals, answer if events else None, as_json=request.route in JSON_ROUTES
                )
            self._count_redactions(target, events)
            return self._pending(
                request, target, received_at, lines, answer, len(events), refusals, sender.address
            )

        if not events:
            return store(None)
        client_id, today = target.client_id, received_at.date()
        salt = self._salts.get((client_id, today))
        if not is_carried_over(received_at):
            if salt is not None:
                return store(salt)
        elif salt is not None and (before := (client_id, today - timedelta(days=1))) in self._salts:
            return store(salt, self._salts[before])

        async def store_later() -> Pending:
            agreed = salt or await self._salt(client_id, received_at)
            return store(agreed, await self._previous(client_id, received_at))

        return store_later()

    def keep_unreadable(
        self,
        refused: Refused,
        request: Request,
        target: Target | None,
        received_at: datetime,
        body: bytes,
    ) -> Pending:
        """Refuse a whole request; its bytes are kept for quarantine, and of a stranger's a sample.

        Raises the refusal again where nothing of it is to be kept, and Limited.
        """
        if refused.refusal in NOT_KEPT:
            raise refused
        if target is None:
            return self._keep_unclaimed(refused, request, received_at, body)
        address = self._senders.of(request.peer, request.headers).address
        if b"x-footfall-received-at" not in request.headers:
            # By size: what cannot be read is as large as its sender likes, and is kept.
            self._limit(address, target, 1 + len(body) // QUARANTINE_UNIT, request.started)
        of_request = Receipt(target.client_id, target.site.site_id, received_at, None, "")
        lines = [refused_line(refused, of_request, body)]
        answer = refusal_answer([refused], as_json=request.route in JSON_ROUTES)
        return self._pending(request, target, received_at, lines, answer, 0, [refused], address)

    def _keep_unclaimed(
        self, refused: Refused, request: Request, received_at: datetime, body: bytes
    ) -> Pending:
        """What nobody is known to own goes to a quarantine of its own, as far as no flood can use that.

        Raises the refusal where it is not kept: the answer never depends on whether there was room.
        """
        if b"x-footfall-received-at" in request.headers:
            raise refused  # an import reads its answers, and comes again
        if not body or self._unclaimed.take("all", UNCLAIMED_RATE, 1, request.started):
            self._counters.unclaimed_dropped += bool(body)
            raise refused
        state = self._spool.state()
        if state.held_bytes > UNCLAIMED_SPOOL_SHARE * state.limit_bytes:
            self._counters.unclaimed_dropped += 1
            raise refused
        lines = [refused_line(refused, Receipt(NOBODY, "", received_at, None, ""), body[:UNCLAIMED_BYTES])]
        answer = refusal_answer([refused], as_json=request.route in JSON_ROUTES)
        try:
            address = self._senders.of(request.peer, request.headers).address
            pending = self._pending(request, None, received_at, lines, answer, 0, [refused], address)
        except NotDurable:
            raise refused from None
        self._counters.unclaimed_kept += 1
        return pending

    def _limit(self, address: str, target: Target, events: int, now: float) -> None:
        limited = self._limits.of_address(address, events, now)
        if limited is None:
            limited = self._limits.of_site(target.site.key, target.site.events_per_second, events, now)
        if limited is not None:
            target.counts.refused[limited.refusal.code] += 1
            raise limited

    def _count_redactions(self, target: Target, events: Sequence[Event]) -> None:
        for event in events:
            if event.redactions is None:
                continue
            for rule, count in event.redactions.items():
                self._counters.redactions[rule, target.client_id, target.site.site_id] += count

    def forget_salts(self, now: datetime) -> None:
        """Drop every salt that is not needed now; the lake still has those that may be used."""
        oldest = (now - timedelta(days=1)).date() if is_carried_over(now) else now.date()
        for key in list(self._salts):
            if key[1] < oldest:
                self._salts.pop(key, None)

    def _pending(
        self,
        request: Request,
        target: Target | None,
        received_at: datetime,
        lines: list[bytes],
        answer: Answer,
        events: int,
        refusals: Sequence[Refused],
        address: str,
    ) -> Pending:
        hour = received_at.replace(minute=0, second=0, microsecond=0)
        lines.append(b"")
        payload = without_own_address(b"\n".join(lines), address)
        durable = self._spool.append(hour, payload)
        return Pending(
            durable, answer, events, refusals, target, payload, request.route, request.started, request.origin
        )

    async def _salt(self, client_id: str, moment: datetime) -> VisitorHash:
        """The salt of a client and day that is not in memory."""
        salt = await self._ask(self._agree_salt, client_id, moment)
        if salt is None:
            raise Refused(Refusal.NOT_DURABLE, "the lake does not answer")
        return salt

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
        else:
            text = str(error) if isinstance(error, FootfallError) else where(error)
            log.error("no salt for %s of %s: %s", key[0], key[1], text)


def _visitors(
    ask: Callable[[str, datetime], bytes | None], client_id: str, moment: datetime
) -> VisitorHash | None:
    salt = ask(client_id, moment)
    return None if salt is None else VisitorHash(salt)


def _older(raw: bytes, refused: Refused, request: Request, target: Target) -> tuple[Event, Shape]:
    """The event of a body that only an older tracker's rules explain. Raises the refusal, or a new one."""
    if refused.refusal is not Refusal.INVALID_EVENT:
        raise refused
    host = target.site.domains[0].removeprefix("*.")
    translated = translate(raw, page_origin(request.headers), host)
    if translated is None:
        raise refused
    if translated.bucket is not None and translated.bucket != target.bucket:
        raise Refused(Refusal.BUCKET_MISMATCH)
    return check_event(translated.raw), translated.shape


def where(error: BaseException) -> str:
    """What an unexpected exception is and where it was raised. Not its text: that may quote a visitor."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + place
