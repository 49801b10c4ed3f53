"""Bytes in → answer: one raw ASGI callable.

    request ─► who (site, address, receipt time) ─► checked events ─► stored lines ─► spool ─► 204
                                     └─ Refused ─► kept as a refused line where the site is known ─► 4xx

Nothing here answers before the spool has said that the lines are on disk, and nothing here writes an
address anywhere: it lives as a local variable until the visitor hash is made.
"""

import asyncio
import hmac
import logging
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qsl

import msgspec

from collector.address import Network, client_address
from collector.spool import NotDurable, SpoolState
from footfall.clients import Registry, Site
from footfall.errors import FootfallError
from footfall.event import (
    MAX_BODY_BYTES,
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

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

#: Seconds in which a body must have arrived whole. A phone on a poor line needs a few.
BODY_SECONDS = 25.0
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


class Answer(NamedTuple):
    """What goes back: status, headers, body."""

    status: int
    headers: Headers
    body: bytes = b""


TAKEN = Answer(204, [_CORS])


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
    """The ASGI application. Belongs to one event loop."""

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
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        """`agree_salt(client_id, moment)` asks the lake and may block; it is called in a thread."""
        self._spool = spool
        self._shipper = shipper
        self._agree_salt = agree_salt
        self._trusted = trusted_proxies
        self._import_key = import_key.encode() if import_key else None
        self._pixel = pixel
        self._now = now or LiveClock()
        self._body_seconds = body_seconds
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request. Never raises, and never answers 500."""
        if scope["type"] != "http":
            return
        try:
            route = self._routes.get((scope["method"], scope["path"]))
            answer = await route(scope, receive) if route else self._no_route(scope)
        except Refused as refused:
            answer = self._refusal([refused])
        except NotDurable as failure:
            answer = self._refusal([Refused(Refusal.NOT_DURABLE, str(failure))])
        except Exception as error:
            log.error("unexpected %s; answered 503", _where(error))
            answer = self._refusal([Refused(Refusal.NOT_DURABLE)])
        self._answers[answer.status] += 1
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})

    def forget_salts(self) -> None:
        """Drop every salt but today's; the lake still has those that may be used."""
        today = self._now().date()
        for key in list(self._salts):
            if key[1] < today:
                self._salts.pop(key, None)

    # Events

    async def _collect(self, scope: Scope, receive: Receive) -> Answer:
        headers = dict(scope["headers"])
        key = _site_in_query(scope["query_string"])
        target = self._target(key) if key else None
        received_at = self._receipt_time(headers)
        body, trouble = await read_body(receive, self._body_seconds)
        try:
            if trouble is not None:
                raise Refused(trouble)
            key, sent_at, raws = parse_batch(body)
        except Refused as refused:
            return await self._keep_unreadable(refused, target, received_at, body)
        return await self._take(scope, headers, target or self._target(key), received_at, sent_at, raws)

    async def _pixel_gif(self, scope: Scope, _receive: Receive) -> Answer:
        headers = dict(scope["headers"])
        query: bytes = scope["query_string"]
        target = self._target(_site_in_query(query))
        received_at = self._receipt_time(headers)
        try:
            sent_at, raw = gif_event(query, headers.get(b"referer", b"").decode("latin-1"))
        except Refused as refused:
            return await self._keep_unreadable(refused, target, received_at, query)
        answer = await self._take(scope, headers, target, received_at, sent_at, [raw])
        if answer.status != TAKEN.status:
            return answer
        image = [(b"content-type", b"image/gif"), (b"cache-control", b"no-store"), _length(GIF)]
        return Answer(200, [*answer.headers, *image], GIF)

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

    async def _take(
        self,
        scope: Scope,
        headers: dict[bytes, bytes],
        target: Target,
        received_at: datetime,
        sent_at: int | None,
        raws: list[bytes],
    ) -> Answer:
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
        user_agent = headers.get(b"user-agent", b"").decode("latin-1")
        site = target.site
        visitor = None
        if events:
            salt = self._salts.get((target.client_id, received_at.date()))
            if salt is None:
                salt = await self._salt(target.client_id, received_at)
            visitor = visitor_id(salt, site.site_id, self._address(scope), user_agent)
        receipt = Receipt(
            client_id=target.client_id,
            site_id=site.site_id,
            received_at=received_at,
            visitor_id=visitor,
            user_agent=user_agent,
            gpc=headers.get(b"sec-gpc") == b"1",
            dnt=headers.get(b"dnt") == b"1",
        )
        lines = [
            event_line(event, receipt, sent_at=sent_at, is_declared_host=site.declares(event.host))
            for event in events
        ]
        if refusals:
            lines += [refused_line(r, receipt, raw) for r, raw in zip(refusals, rejected, strict=True)]
        await self._append(received_at, lines)
        self._events_taken += len(events)
        return self._refusal(refusals, taken=bool(events)) if refusals else TAKEN

    async def _keep_unreadable(
        self, refused: Refused, target: Target | None, received_at: datetime, body: bytes
    ) -> Answer:
        """Refuse a whole request; where its site is known, its bytes are kept for quarantine."""
        if target is not None and refused.refusal not in NOT_KEPT:
            receipt = Receipt(target.client_id, target.site.site_id, received_at, None, "")
            await self._append(received_at, [refused_line(refused, receipt, body)])
        return self._refusal([refused])

    async def _append(self, received_at: datetime, lines: list[bytes]) -> None:
        hour = received_at.replace(minute=0, second=0, microsecond=0)
        lines.append(b"")
        await self._spool.append(hour, b"\n".join(lines))

    def _address(self, scope: Scope) -> str:
        peer: str = scope["client"][0] if scope["client"] else ""
        if self._trusted:
            forwarded = [v.decode("latin-1") for n, v in scope["headers"] if n == b"x-forwarded-for"]
            return client_address(peer, forwarded, self._trusted)
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

    async def _pixel_js(self, _scope: Scope, _receive: Receive) -> Answer:
        try:
            script = self._pixel.read_bytes()
        except OSError:
            raise Refused(Refusal.NOT_FOUND, "the pixel has not been built; run `make pixel`") from None
        kind = (b"content-type", b"text/javascript; charset=utf-8")
        cache = (b"cache-control", f"public, max-age={CACHE_SECONDS}".encode())
        return Answer(200, [_CORS, kind, cache, _length(script)], script)

    async def _health(self, _scope: Scope, _receive: Receive) -> Answer:
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

    def _no_route(self, scope: Scope) -> Answer:
        if scope["method"] == "OPTIONS":
            return Answer(204, _PREFLIGHT)
        allowed = sorted(method for method, path in self._routes if path == scope["path"])
        if not allowed:
            return self._refusal([Refused(Refusal.NOT_FOUND)])
        allow = (b"allow", ", ".join([*allowed, "OPTIONS"]).encode())
        answer = self._refusal([Refused(Refusal.METHOD)])
        return answer._replace(headers=[*answer.headers, allow])

    def _refusal(self, refusals: Sequence[Refused], *, taken: bool = False) -> Answer:
        """Count refusals and answer with the first; 204 where something else of the batch was taken."""
        for refused in refusals:
            self._refused[refused.refusal.code] += 1
        first = refusals[0].refusal
        headers = [
            _CORS,
            _EXPOSE,
            (b"x-footfall-reason", first.code.encode()),
            (b"x-footfall-refused", str(len(refusals)).encode()),
        ]
        if taken:
            return Answer(TAKEN.status, headers)
        body = f"{refusals[0]}\n".encode()
        headers += [_TEXT, _length(body)]
        if first.status == 503:
            headers.append(_retry())
        if first is Refusal.BODY_UNFINISHED:
            headers.append((b"connection", b"close"))  # the rest of it is not worth waiting for
        return Answer(first.status, headers, body)


async def read_body(receive: Receive, seconds: float) -> tuple[bytes, Refusal | None]:
    """A request's body, or as much of it as came and why there is no more.

    No more than MAX_BODY_BYTES and one message of the server are ever held.
    """
    body = b""
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return body, Refusal.BODY_UNFINISHED
                chunk = message.get("body", b"")
                body = body + chunk if body else chunk
                if len(body) > MAX_BODY_BYTES:
                    return body, Refusal.BODY_TOO_LARGE
                if not message.get("more_body", False):
                    return body, None
    except TimeoutError:
        return body, Refusal.BODY_UNFINISHED


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


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", str(len(body)).encode()


def _retry() -> tuple[bytes, bytes]:
    return b"retry-after", str(RETRY_SECONDS).encode()


def _where(error: BaseException) -> str:
    """What an unexpected exception is and where it was raised. Not its text: that may quote a visitor."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + place
