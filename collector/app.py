"""Request in → answer: plain calls, no server.

    request ─► who (site, address, receipt time) ─► checked events ─► stored lines ─► spool ─► 204
                                     └─ Refused ─► kept as a refused line where the site is known ─► 4xx

Nothing here answers before the spool has said that the lines are on disk, and nothing here writes an
address anywhere: it lives as a local variable until the visitor hash is made.

A route returns an outcome (collector/message.py) or raises Refused or NotDurable. It waits for nothing:
where an answer is true only later it is Pending, and where something must be asked first, a coroutine.
"""

import asyncio
import hmac
import logging
import traceback
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl

import msgspec

from collector.address import Network, client_address
from collector.message import Answer, Headers, Outcome, Pending, Request
from collector.spool import NotDurable, SpoolState
from footfall.clients import Registry, Site
from footfall.errors import FootfallError
from footfall.event import (
    MAX_PROPERTIES,
    Receipt,
    Refusal,
    Refused,
    check_event,
    event_line,
    parse_batch,
    refused_line,
)
from footfall.privacy import visitor_id

log = logging.getLogger("collector")

#: What a route returns.
Route = Answer | Pending | Coroutine[Any, Any, Answer | Pending]

#: Seconds a request waits for the lake to agree on a new salt, once a client and day.
SALT_SECONDS = 10.0
#: Seconds after which a refused sender may try again, in the Retry-After header.
RETRY_SECONDS = 5
#: Share of its limit at which the spool counts as full in /health, so that a balancer turns away in time.
NEARLY_FULL = 0.95
#: Seconds that a browser may remember the answer to a preflight, and the pixel.
CACHE_SECONDS = 3600

#: A transparent image of one pixel.
GIF = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", str(len(body)).encode()


_CORS = (b"access-control-allow-origin", b"*")
_EXPOSE = (b"access-control-expose-headers", b"x-footfall-reason, x-footfall-refused, retry-after")
_TEXT = (b"content-type", b"text/plain; charset=utf-8")
_PREFLIGHT: Headers = [
    _CORS,
    (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
    (b"access-control-allow-headers", b"content-type"),
    (b"access-control-max-age", str(CACHE_SECONDS).encode()),
]

#: Refusals of a request whose site is known that leave no line: the sender was never let in (a wrong
#: import key, a wrong receipt time), or the disk has just said no.
NOT_KEPT = frozenset({Refusal.IMPORT_KEY, Refusal.RECEIPT_TIME, Refusal.NOT_DURABLE})


#: Where every event of a request was taken.
TAKEN = Answer(204, [_CORS])
IMAGE = Answer(
    200, [_CORS, (b"content-type", b"image/gif"), (b"cache-control", b"no-store"), _length(GIF)], GIF
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a site key leads."""

    client_id: str
    site: Site


def targets(registry: Registry) -> dict[str, Target]:
    """Site key → target, for every valid client."""
    return {key: Target(client.client_id, site) for key, (client, site) in registry.sites_by_key().items()}


class Appends(Protocol):
    """What the collector needs of a spool."""

    def append(self, hour: datetime, payload: bytes) -> "asyncio.Future[None]":
        """See Spool.append."""
        ...

    def state(self) -> SpoolState:
        """See Spool.state."""
        ...


class Ships(Protocol):
    """What the collector needs of a shipper."""

    shipped: int
    last_error: str | None


class LiveClock:
    """Receipt times that never go back.

    A server clock that is set back would otherwise reopen an hour that is closed. One that ran ahead
    keeps its last time until the true time has caught up.
    """

    def __init__(self, wall: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._wall = wall
        self._last = wall()

    def __call__(self) -> datetime:
        """The time of now, or the latest that was ever told."""
        now = self._wall()
        if now > self._last:
            self._last = now
        return self._last


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
        self._agree_salt = agree_salt
        self._trusted = trusted_proxies
        self._import_key = import_key.encode() if import_key else None
        self._pixel = pixel
        self._now = now or LiveClock()
        self._salts: dict[tuple[str, date], bytes] = {}
        self._agreeing: dict[tuple[str, date], asyncio.Task[bytes]] = {}
        self._refused: Counter[str] = Counter()
        self._answers: Counter[int] = Counter()
        self._events_taken = 0
        #: Site key → target. Replaced as a whole when a client file changes.
        self.sites: dict[str, Target] = {}
        self.client_mistakes = 0
        self._routes = {
            ("POST", "/collect"): self._collect,
            ("GET", "/pixel.gif"): self._pixel_gif,
            ("GET", "/pixel.js"): self._pixel_js,
            ("HEAD", "/pixel.js"): self._pixel_js,
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
            return self._refusal([error])
        if isinstance(error, NotDurable):
            return self._refusal([Refused(Refusal.NOT_DURABLE, str(error))])
        log.error("unexpected %s; answered 503", _where(error))
        return self._refusal([Refused(Refusal.NOT_DURABLE)])

    def forget_salts(self) -> None:
        """Drop every salt but today's; the lake still has those that may be used."""
        today = self._now().date()
        for key in list(self._salts):
            if key[1] < today:
                self._salts.pop(key, None)

    # Events

    def _collect(self, request: Request) -> Route:
        key = _site_in_query(request.query)
        target = self._target(key) if key else None
        received_at = self._receipt_time(request.headers)
        try:
            if request.trouble is not None:
                raise Refused(request.trouble)
            key, sent_at, raws = parse_batch(request.body)
        except Refused as refused:
            return self._keep_unreadable(refused, target, received_at, request.body)
        return self._take(request, target or self._target(key), received_at, sent_at, raws)

    def _pixel_gif(self, request: Request) -> Route:
        target = self._target(_site_in_query(request.query))
        received_at = self._receipt_time(request.headers)
        try:
            sent_at, raw = gif_event(request.query, request.headers.get(b"referer", b"").decode("latin-1"))
        except Refused as refused:
            return self._keep_unreadable(refused, target, received_at, request.query)
        return self._take(request, target, received_at, sent_at, [raw], taken=IMAGE)

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

    def _take(
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
            lines += [refused_line(r, receipt, raw) for r, raw in zip(refusals, rejected, strict=True)]
            answer = self._refusal(refusals, taken=taken if events else None) if refusals else taken
            return Pending(self._append(received_at, lines), answer, len(events))

        salt = self._salts.get((target.client_id, received_at.date())) if events else b""
        if salt is not None:
            return store(salt)

        async def store_later() -> Pending:
            return store(await self._salt(target.client_id, received_at))

        return store_later()

    def _keep_unreadable(
        self, refused: Refused, target: Target | None, received_at: datetime, body: bytes
    ) -> Answer | Pending:
        """Refuse a whole request; where its site is known, its bytes are kept for quarantine."""
        if target is None or refused.refusal in NOT_KEPT:
            return self._refusal([refused])
        receipt = Receipt(target.client_id, target.site.site_id, received_at, None, "")
        durable = self._append(received_at, [refused_line(refused, receipt, body)])
        return Pending(durable, self._refusal([refused]))

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
            text = str(error) if isinstance(error, FootfallError) else _where(error)
            log.error("no salt for %s of %s: %s", key[0], key[1], text)

    # Everything else

    def _pixel_js(self, _request: Request) -> Answer:
        try:
            script = self._pixel.read_bytes()
        except OSError:
            raise Refused(Refusal.NOT_FOUND, "the pixel has not been built; run `make pixel`") from None
        kind = (b"content-type", b"text/javascript; charset=utf-8")
        cache = (b"cache-control", f"public, max-age={CACHE_SECONDS}".encode())
        return Answer(200, [_CORS, kind, cache, _length(script)], script)

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
        body = msgspec.json.encode(report)
        kind = (b"content-type", b"application/json")
        headers = [_CORS, kind, (b"cache-control", b"no-store"), _length(body)]
        return Answer(200 if taking else 503, headers if taking else [*headers, _retry()], body)

    def _no_route(self, request: Request) -> Answer:
        if request.method == "OPTIONS":
            return Answer(204, _PREFLIGHT)
        allowed = sorted(method for method, path in self._routes if path == request.path)
        if not allowed:
            return self._refusal([Refused(Refusal.NOT_FOUND)])
        allow = (b"allow", ", ".join([*allowed, "OPTIONS"]).encode())
        answer = self._refusal([Refused(Refusal.METHOD)])
        return answer._replace(headers=[*answer.headers, allow])

    def _refusal(self, refusals: Sequence[Refused], *, taken: Answer | None = None) -> Answer:
        """Count refusals and answer with the first; `taken` where something else of the batch was."""
        for refused in refusals:
            self._refused[refused.refusal.code] += 1
        first = refusals[0].refusal
        headers = [
            _CORS,
            _EXPOSE,
            (b"x-footfall-reason", first.code.encode()),
            (b"x-footfall-refused", str(len(refusals)).encode()),
        ]
        if taken is not None:
            return taken._replace(headers=[*taken.headers, *headers[1:]])
        body = f"{refusals[0]}\n".encode()
        headers += [_TEXT, _length(body)]
        if first.status == 503:
            headers.append(_retry())
        if first is Refusal.BODY_UNFINISHED:
            headers.append((b"connection", b"close"))  # the rest of it is not worth waiting for
        return Answer(first.status, headers, body)


_GIF_FIELDS = frozenset({"id", "type", "occurred_at", "url", "title", "referrer"})


def gif_event(query: bytes, referer: str) -> tuple[int | None, bytes]:
    """Send time and JSON of the event that an image request describes.

    Fields are those of a posted event; every other parameter becomes a property. A page without scripts
    cannot name its address, so the Referer header stands in for a missing `url`. Raises
    Refused(TOO_MANY_PROPERTIES).
    """
    try:
        pairs = parse_qsl(query.decode("utf-8", "replace"), max_num_fields=2 * MAX_PROPERTIES)
    except ValueError:
        raise Refused(Refusal.TOO_MANY_PROPERTIES) from None
    event: dict[str, Any] = {"type": "page_view", "url": referer}
    props: dict[str, str] = {}
    sent_at = None
    for name, value in pairs:
        if name == "sent_at":
            sent_at = _milliseconds(value)
        elif name in _GIF_FIELDS:
            event[name] = value
        elif name != "site":
            props[name] = value
    if "occurred_at" in event:
        # Not a number: stays text, and the check of the event names the field.
        event["occurred_at"] = _milliseconds(event["occurred_at"]) or event["occurred_at"]
    if props:
        event["props"] = props
    return sent_at, msgspec.json.encode(event)


def _milliseconds(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None


def _site_in_query(query: bytes) -> str | None:
    if b"site=" not in query:
        return None
    try:
        pairs = parse_qsl(query.decode("utf-8", "replace"), max_num_fields=4 * MAX_PROPERTIES)
    except ValueError:
        return None
    return next((value for name, value in pairs if name == "site"), None)


def _retry() -> tuple[bytes, bytes]:
    return b"retry-after", str(RETRY_SECONDS).encode()


def _where(error: BaseException) -> str:
    """What an unexpected exception is and where it was raised. Not its text: that may quote a visitor."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + place
