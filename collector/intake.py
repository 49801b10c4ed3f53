"""Events → stored lines → spool: what is taken, and what is kept of the refused.

The sender's address lives here as long as the request (collector/sender.py); nothing writes it anywhere.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any, Protocol, get_args

from collector.answers import TAKEN, older_answer, refusal_answer
from collector.checking import Checked, check
from collector.counters import Counters
from collector.sender import Senders, receipt, receipt_of_person, with_sender
from collector.server.message import Answer, Headers, Pending, Request
from collector.spool import NotDurable, SpoolState
from collector.taken import Taken
from collector.targets import KeyHolder, Target
from collector.turns import Steps, Turns
from collector.visitor_salts import VisitorSalts
from footfall.access.limits import BYTES_OF_ONE, WORK_OF_ONE, Buckets, Limits
from footfall.event import (
    MAX_QUARANTINE_BYTES,
    Event,
    Receipt,
    Refusal,
    Refused,
    event_line,
    is_kept,
    refused_line,
)
from footfall.forms.form import FormName
from footfall.geo import NOWHERE
from footfall.privacy import VisitorHash
from footfall.scrub_addresses import without_own_address
from footfall.scrub_work import affordable, work
from footfall.tombstones import Tombstones

#: Routes for programs, which read a refusal as JSON.
JSON_ROUTES = frozenset({"track", "events", "count", "recent", "info", *get_args(FormName)})

#: What a route returns.
Route = Answer | Pending | Coroutine[Any, Any, Answer | Pending]

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

#: Microseconds of work (footfall/scrub_work.py) from which on a request takes turns with others. Lower: more
#: requests pay for turns; higher: longer holds of the loop.
HEAVY_WORK = 10_000
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
        salts: VisitorSalts,
        senders: Senders,
        limits: Limits,
        counters: Counters,
    ) -> None:
        self._spool = spool
        self._limits = limits
        self._counters = counters
        self._turns = Turns()
        self._unclaimed = Buckets(UNCLAIMED_WINDOW)
        self._salts = salts
        self._senders = senders
        self.stones = Tombstones()  # replaced as a whole when somebody is erased

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
        holder: KeyHolder | None = None,
        is_shared: bool = False,
        reading: Callable[[bytes], bytes] | None = None,
        answering: Callable[[int, int], Answer] | None = None,
        more: Headers | None = None,
    ) -> Route:
        """Check each event, make all of them durable, good and bad, and answer for the request.

        `holder` is whose key a program sent them with: then they are about the persons that they name.
        `is_shared`: what sent them stands between us and many people, so that nobody is recognised by it.
        `reading` makes an event of ours of each; `answering` the answer, of how many were taken and refused.
        `lost` is the loss that the batch reports; its first event carries it.
        `taken` is the answer where all is well, unless the body has an older shape; `more` are headers of
        that answer. Raises Limited.
        """
        sender = self._senders.of(request.peer, request.headers)
        if b"x-footfall-received-at" not in request.headers:  # a trusted import is not limited
            needed = self._charge(sender.address, target, raws, request.started)
        else:
            needed = _work_of(raws)
        checked = Checked("events" if request.route == "events" else None)
        events, refusals = checked.events, checked.refusals
        lines: list[bytes] = []
        refused_lines: list[bytes] = []

        def make_lines(salt: VisitorHash | None, previous: VisitorHash | None = None) -> Steps:
            site = target.site
            if is_shared:
                salt = previous = None
            of_request = receipt(
                target.client_id,
                site,
                received_at,
                request.headers,
                sender._replace(place=NOWHERE) if is_shared else sender,
                salt,
                previous,
                None if is_shared else self._senders.claim(request, received_at),
            )
            for n, event in enumerate(events):
                is_declared = site.declares(event.host)
                of_event = of_request
                if holder is not None:
                    person = checked.persons[n]
                    of_event = receipt_of_person(
                        holder,
                        site,
                        received_at,
                        person,
                        self._senders.place_of(person.address),
                        salt,
                        previous,
                    )
                    event = with_sender(event, holder.key.name, of_request.user_agent)
                if not is_kept(of_event, event):
                    self._counters.unwanted[target.client_id, site.site_id] += 1
                    continue
                line = event_line(
                    event,
                    of_event,
                    sent_at=sent_at,
                    is_declared_host=is_declared,
                    lost=None if lines else lost,
                )
                if holder is not None:
                    line = without_own_address(line, checked.persons[n].address)
                lines.append(line)
                yield
            if not is_kept(of_request):
                return
            for n, (refused, raw) in enumerate(zip(refusals, checked.rejected, strict=True)):
                line = refused_line(refused, of_request, raw)
                if holder is not None:
                    line = without_own_address(line, checked.rejected_persons[n].address)
                refused_lines.append(line)
                yield

        def store() -> Pending:
            answer = answering(len(events), len(refusals)) if answering is not None else taken
            if checked.shape is not None and events:
                ids = [event.event_id for event in events]
                answer = older_answer(
                    checked.shape, request.path, ids, received_at, target.bucket, len(refusals)
                )
                if more:
                    answer = answer._replace(headers=[*answer.headers, *more])
            if refusals:
                answer = refusal_answer(
                    refusals, answer if events else None, as_json=request.route in JSON_ROUTES
                )
            self._count_redactions(target, events)
            kept = [*lines, *refused_lines]
            return self._pending(
                request, target, received_at, kept, answer, len(lines), refusals, sender.address
            )

        steps = check(raws, checked, request, target, reading, is_keyed=holder is not None)
        whose = (target.owner or target.client_id, target.clock)

        async def store_in_turns() -> Pending:
            name = self._limits.name_of(sender.address)
            await self._turns.take(name, steps)
            salts = await self._salts.both(*whose, received_at) if events else (None, None)
            await self._turns.take(name, make_lines(*salts))
            return store()

        if needed > HEAVY_WORK:
            return store_in_turns()
        _do(steps)
        if not events:
            _do(make_lines(None))
            return store()
        ready = self._salts.ready(*whose, received_at)
        if ready is not None:
            _do(make_lines(*ready))
            return store()

        async def store_later() -> Pending:
            _do(make_lines(*await self._salts.both(*whose, received_at)))
            return store()

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
            # By size and work: what cannot be read is as large as its sender likes, and is kept. By the work
            # of half of what is kept: one large batch that is no JSON does not use up a sender's burst.
            worked = affordable(body[: MAX_QUARANTINE_BYTES // 2])
            self._charge(address, target, [worked], request.started, 1 + len(body) // BYTES_OF_ONE)
        of_request = Receipt(target.client_id, target.site.site_id, received_at, None, "")
        is_signalled = request.headers.get(b"dnt") == b"1" and target.site.dnt_policy == "tier0"
        lines = [] if is_signalled else [refused_line(refused, of_request, body)]
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

    def admit(self, request: Request, cost: int = 0) -> None:
        """Charge a sender for what its body cost before it could be read. Raises Limited."""
        if b"x-footfall-received-at" not in request.headers:
            address = self._senders.of(request.peer, request.headers).address
            limited = self._limits.of_address(address, cost, request.started)
            if limited is not None:
                raise limited

    def _charge(self, address: str, target: Target, raws: list[bytes], now: float, events: int = 0) -> int:
        """Charge an address for events or for their work, whichever is more, and a site for events. Returns
        the work. Raises Limited.
        """
        needed = _work_of(raws)
        events = events or len(raws)
        limited = self._limits.of_address(address, max(events, needed // WORK_OF_ONE), now)
        if limited is None:
            limited = self._limits.of_site(target.site.key, target.site.events_per_second, events, now)
        if limited is not None:
            target.counts.refused[limited.refusal.code] += 1
            raise limited
        return needed

    def _count_redactions(self, target: Target, events: Sequence[Event]) -> None:
        for event in events:
            if event.redactions is None:
                continue
            for rule, count in event.redactions.items():
                self._counters.redactions[rule, target.client_id, target.site.site_id] += count

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
        written = without_own_address(b"".join(line + b"\n" for line in lines), address)
        payload, _ = self.stones.without(written, hour)
        durable = self._spool.append(hour, payload) if lines else _nothing_to_keep()
        taken = Taken(events, refusals, target, payload, request.route, request.started, request.origin)
        return Pending(durable, answer, taken)


def _nothing_to_keep() -> "asyncio.Future[None]":
    done = asyncio.get_running_loop().create_future()
    done.set_result(None)
    return done


def _work_of(raws: list[bytes]) -> int:
    return sum(map(work, raws))


def _do(steps: Steps) -> None:
    for _ in steps:
        pass
