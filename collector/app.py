"""Request in → answer: plain calls, no server.

    request ─► who (site, receipt time) ─► intake: checked events ─► stored lines ─► spool ─► 204
                                     └─ Refused ─► kept as a refused line where the site is known ─► 4xx

Nothing here answers before the spool has said that the lines are on disk.

A route returns an outcome (collector/message.py) or raises Refused or NotDurable. It waits for nothing:
where an answer is true only later it is Pending, and where something must be asked first, a coroutine.
"""

import asyncio
import hmac
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from collector.address import Network
from collector.answers import IMAGE, PREFLIGHT, json_answer, refusal_answer
from collector.clock import LiveClock
from collector.gif import gif_event, site_in_query
from collector.intake import Appends, Intake, Route, where
from collector.message import Answer, Outcome, Pending, Request
from collector.scripts import Scripts
from collector.spool import NotDurable
from collector.targets import Target
from footfall.event import Refusal, Refused, parse_batch

log = logging.getLogger("collector")

#: Share of its limit at which the spool counts as full in /health, so that a balancer turns away in time.
NEARLY_FULL = 0.95


class Ships(Protocol):
    """What the collector needs of a shipper."""

    shipped: int
    last_error: str | None


class Collector:
    """Answers requests. Belongs to one event loop."""

    def __init__(
        self,
        *,
        spool: Appends,
        shipper: Ships,
        agree_salt: Callable[[str, datetime], bytes],
        trusted_proxies: Sequence[Network] = (),
        import_key: str | None = None,
        pixel: Path,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        """`agree_salt(client_id, moment)` asks the lake and may block; it is called in a thread."""
        self._spool = spool
        self._shipper = shipper
        self._intake = Intake(spool, agree_salt, trusted_proxies)
        self._import_key = import_key.encode() if import_key else None
        self._scripts = Scripts(pixel)
        self._now = now or LiveClock()
        self._refused: Counter[str] = Counter()
        self._answers: Counter[int] = Counter()
        self._events_taken = 0
        #: Site key → target. Replaced as a whole when a client file changes.
        self.sites: dict[str, Target] = {}
        self.client_mistakes = 0
        self._routes = {
            ("POST", "/collect"): self._collect,
            ("GET", "/pixel.gif"): self._pixel_gif,
            ("GET", "/health"): self._health,
            ("HEAD", "/health"): self._health,
        }

    def handle(self, request: Request) -> Outcome:
        """What becomes of a request: never an exception, and never 500.

        Pending comes back to `settle` when its future is done; a coroutine is to be awaited once.
        """
        try:
            route = self._routes.get((request.method, request.path))
            outcome = route(request) if route else self._no_route(request)
        except Exception as error:
            outcome = self._failed(error)
        if isinstance(outcome, Pending):
            return outcome
        if isinstance(outcome, Answer):
            self._answers[outcome.status] += 1
            return outcome
        return self._finish(outcome)

    def settle(self, pending: Pending) -> Answer:
        """The answer of a request whose future is done, now that it is known to be durable or not."""
        failure = NotDurable("stopped") if pending.durable.cancelled() else pending.durable.exception()
        if failure is None:
            self._events_taken += pending.events
            answer = pending.answer
            for refused in pending.refusals:
                self._refused[refused.refusal.code] += 1
        else:
            answer = self._failed(failure)
        self._answers[answer.status] += 1
        return answer

    async def _finish(self, route: Coroutine[Any, Any, Answer | Pending]) -> Answer:
        """A cold path to its end."""
        try:
            outcome = await route
        except Exception as error:
            outcome = self._failed(error)
        if isinstance(outcome, Pending):
            await asyncio.wait([outcome.durable])
            return self.settle(outcome)
        self._answers[outcome.status] += 1
        return outcome

    def _failed(self, error: BaseException) -> Answer:
        if isinstance(error, Refused):
            return self._refusal(error)
        if isinstance(error, NotDurable):
            return self._refusal(Refused(Refusal.NOT_DURABLE, str(error)))
        log.error("unexpected %s; answered 503", where(error))
        return self._refusal(Refused(Refusal.NOT_DURABLE))

    def _refusal(self, refused: Refused) -> Answer:
        self._refused[refused.refusal.code] += 1
        return refusal_answer([refused])

    def forget_salts(self) -> None:
        """Drop every salt but today's; the lake still has those that may be used."""
        self._intake.forget_salts(self._now().date())

    # Events

    def _collect(self, request: Request) -> Route:
        key = site_in_query(request.query)
        target = self._target(key) if key else None
        received_at = self._receipt_time(request.headers)
        try:
            if request.trouble is not None:
                raise Refused(request.trouble)
            key, sent_at, raws = parse_batch(request.body)
        except Refused as refused:
            return self._intake.keep_unreadable(refused, target, received_at, request.body)
        return self._intake.take(request, target or self._target(key), received_at, sent_at, raws)

    def _pixel_gif(self, request: Request) -> Route:
        target = self._target(site_in_query(request.query))
        received_at = self._receipt_time(request.headers)
        try:
            sent_at, raw = gif_event(request.query, request.headers.get(b"referer", b"").decode("latin-1"))
        except Refused as refused:
            return self._intake.keep_unreadable(refused, target, received_at, request.query)
        return self._intake.take(request, target, received_at, sent_at, [raw], taken=IMAGE)

    def _target(self, key: str | None) -> Target:
        if not key:
            raise Refused(Refusal.MISSING_SITE)
        target = self.sites.get(key)
        if target is None:
            raise Refused(Refusal.UNKNOWN_SITE)
        return target

    def _receipt_time(self, headers: dict[bytes, bytes]) -> datetime:
        """Now, or what a trusted import states. Raises Refused(IMPORT_KEY | RECEIPT_TIME)."""
        now = self._now()
        stated = headers.get(b"x-footfall-received-at")
        if stated is None:
            return now
        secret = headers.get(b"x-footfall-import-key", b"")
        if self._import_key is None or not hmac.compare_digest(secret, self._import_key):
            raise Refused(Refusal.IMPORT_KEY)
        try:
            moment = datetime.fromisoformat(stated.decode("ascii"))
            moment = moment.astimezone(UTC) if moment.tzinfo else datetime.max.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            raise Refused(Refusal.RECEIPT_TIME, "expected ISO 8601 such as 2026-11-20T14:03:07Z") from None
        if not datetime(2000, 1, 1, tzinfo=UTC) <= moment <= now:
            raise Refused(Refusal.RECEIPT_TIME, "expected a time with its zone, from 2000 to now")
        return moment

    # Everything else

    def _health(self, _request: Request) -> Answer:
        """503 only where events would be refused: a collector whose lake is down still keeps them."""
        spool = self._spool.state()
        full = spool.held_bytes >= NEARLY_FULL * spool.limit_bytes
        taking = not full and spool.last_error is None
        report = {
            "status": "ok" if taking and self._shipper.last_error is None else "degraded",
            "spool": {
                "bytes": spool.held_bytes,
                "limit_bytes": spool.limit_bytes,
                "open_segments": spool.open_segments,
                "sealed_segments": spool.sealed_segments,
                "oldest_unshipped_seconds": round(spool.oldest_unshipped_seconds, 3),
                "last_error": spool.last_error,
                "torn_segments": spool.torn_segments,
                "corrupt_frames": spool.corrupt_frames,
            },
            "shipper": {"shipped_segments": self._shipper.shipped, "last_error": self._shipper.last_error},
            "sites": len(self.sites),
            "client_mistakes": self.client_mistakes,
            "events_taken": self._events_taken,
            "refused": dict(self._refused),
            "answers": {str(status): count for status, count in self._answers.items()},
        }
        return json_answer(200 if taking else 503, report)

    def _no_route(self, request: Request) -> Answer:
        if request.method == "OPTIONS":
            return PREFLIGHT
        script = self._scripts.answer(request.path, request.headers.get(b"accept-encoding", b""))
        if script is not None and request.method in ("GET", "HEAD"):
            return script
        allowed = sorted(method for method, path in self._routes if path == request.path)
        if script is not None:
            allowed = ["GET", "HEAD"]
        if not allowed:
            raise Refused(Refusal.NOT_FOUND)
        allow = (b"allow", ", ".join([*allowed, "OPTIONS"]).encode())
        answer = self._refusal(Refused(Refusal.METHOD))
        return answer._replace(headers=[*answer.headers, allow])
