"""Events → stored lines → spool: what is taken, and what is kept of the refused.

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
from collector.answers import TAKEN, older_answer, refusal_answer
from collector.counters import Counters
from collector.limits import Buckets, Limits
from collector.message import Answer, Headers, Pending, Request
from collector.shapes import Shape, page_origin, translate
from collector.spool import NotDurable, SpoolState
from collector.targets import Target
from footfall.errors import FootfallError
from footfall.event import Event, Receipt, Refusal, Refused, check_event, event_line, refused_line
from footfall.privacy import visitor_id

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
        trusted_proxies: Sequence[Network],
        limits: Limits,
        counters: Counters,
    ) -> None:
        """`agree_salt(client_id, moment)` asks the lake and may block; it is called in a thread."""
        self._spool = spool
        self._limits = limits
        self._counters = counters
        self._unclaimed = Buckets(UNCLAIMED_WINDOW)
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
        lost: int | None = None,
        shape: Shape | None = None,
        more: Headers | None = None,
    ) -> Route:
        """Check each event, make all of them durable, good and bad, and answer for the request.

        `lost` is the loss that the batch reports; its first event carries it.
        `taken` is the answer where all is well, unless the body has an older shape, or `shape` says that
        its sender expects the answer of one; `more` are headers of that answer. Raises Limited.
        """
        address = self._address(request)
        if b"x-footfall-received-at" not in request.headers:  # a trusted import is not limited
            self._limit(address, target, len(raws), request.started)
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

        def store(salt: bytes) -> Pending:
            user_agent = request.headers.get(b"user-agent", b"").decode("latin-1")
            site = target.site
            receipt = Receipt(
                client_id=target.client_id,
                site_id=site.site_id,
                received_at=received_at,
                visitor_id=visitor_id(salt, site.site_id, address, user_agent) if events else None,
                user_agent=user_agent,
                gpc=request.headers.get(b"sec-gpc") == b"1",
                dnt=request.headers.get(b"dnt") == b"1",
                consent_default=site.consent_default,
                gpc_policy=site.gpc_policy,
            )
            lines = [
                event_line(
                    event,
                    receipt,
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
                lines += [refused_line(r, receipt, raw) for r, raw in zip(refusals, rejected, strict=True)]
                answer = refusal_answer(
                    refusals, answer if events else None, as_json=request.route in JSON_ROUTES
                )
            return self._pending(request, target, received_at, lines, answer, len(events), refusals)

        salt = self._salts.get((target.client_id, received_at.date())) if events else b""
        if salt is not None:
            return store(salt)

        async def store_later() -> Pending:
            return store(await self._salt(target.client_id, received_at))

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

        Raises the refusal again where nothing of it is to be kept.
        """
        if refused.refusal in NOT_KEPT:
            raise refused
        if target is None:
            return self._keep_unclaimed(refused, request, received_at, body)
        receipt = Receipt(target.client_id, target.site.site_id, received_at, None, "")
        lines = [refused_line(refused, receipt, body)]
        answer = refusal_answer([refused], as_json=request.route in JSON_ROUTES)
        return self._pending(request, target, received_at, lines, answer, 0, [refused])

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
            pending = self._pending(request, None, received_at, lines, answer, 0, [refused])
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

    def forget_salts(self, today: date) -> None:
        """Drop every salt but today's; the lake still has those that may be used."""
        for key in list(self._salts):
            if key[1] < today:
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
    ) -> Pending:
        hour = received_at.replace(minute=0, second=0, microsecond=0)
        lines.append(b"")
        payload = b"\n".join(lines)
        durable = self._spool.append(hour, payload)
        return Pending(
            durable, answer, events, refusals, target, payload, request.route, request.started, request.origin
        )

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
