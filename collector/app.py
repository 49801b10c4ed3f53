"""Request in → answer: plain calls, no server.

    request ─► route ─► who (site, receipt time) ─► intake: checked events ─► stored lines ─► spool ─► 204
                                     └─ Refused ─► kept as a refused line ─► 4xx

Nothing here answers before the spool has said that the lines are on disk.

A route returns an outcome (collector/server/message.py) or raises Refused or NotDurable. It waits for
nothing: where an answer is true only later it is Pending, and where something must be asked first, a
coroutine.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any

from collector.answers import IMAGE, PREFLIGHT, Origins, older_health, refusal_answer
from collector.clock import LiveClock
from collector.counters import Counters
from collector.encoding import encoding_of, inflated
from collector.forms import Forms
from collector.gif import gif_event, is_ahead, mail_proxy, site_in_query
from collector.intake import JSON_ROUTES, Appends, Intake, Route
from collector.key_holders import holder_of
from collector.operation import Operation, Ships
from collector.options import Options
from collector.pixel_files import PixelFiles, tag_of
from collector.receipt_times import receipt_time
from collector.routing import STAGED, Routes, Table
from collector.sender import Senders
from collector.server.message import Answer, Outcome, Pending, Request, Trouble
from collector.spool import NotDurable
from collector.taken import Taken
from collector.targets import KeyHolder, Sites, Target, inherit
from collector.visitor_salts import Agrees, Finds, VisitorSalts, where
from footfall.access.limits import BYTES_OF_ONE, Limited, Limits
from footfall.access.presented import presented_key
from footfall.event import Refusal, Refused, parse_any_batch
from footfall.hosts import host_of
from footfall.shapes import claimed_host, is_health_check, is_older, page_origin

log = logging.getLogger("collector")

#: What the server says is wrong with a request → what a sender is told.
REFUSALS = {trouble: Refusal[trouble.name] for trouble in Trouble}

#: What a sender is told whose events could be anybody's.
NAME_THE_SITE = (
    "name it with ?site=KEY or an API key, or in the client file: sites[].path, sites[].legacy_domains"
)

_ENRICH = re.compile(r"/events/[^/]{1,128}/enrich/?")


class Collector:
    """Answers requests. Belongs to one event loop."""

    def __init__(
        self,
        *,
        spool: Appends,
        shipper: Ships,
        agree_salt: Agrees,
        find_salt: Finds = lambda _client_id, _clock, _moment: None,
        own_salt: Agrees | None = None,
        senders: Senders | None = None,
        import_key: str | None = None,
        pixel: Path,
        now: Callable[[], datetime] | None = None,
        options: Options | None = None,
    ) -> None:
        """`agree_salt(client_id, clock, moment)` asks the lake and may block; it is called in a thread. So is
        `find_salt`, which makes none: without it sessions are cut at midnight; and `own_salt`, which the
        disk has: without it events of a new day are refused while the lake is away.

        `pixel` is the folder of the built pixel.
        """
        options = options or Options()
        clock = self._now = now or LiveClock()
        has_jumped = (lambda: clock.has_jumped) if isinstance(clock, LiveClock) else None
        self.counters = Counters()
        #: SHA-256 of an API key → when it was last used, of those that nobody has noted down yet.
        self.key_uses: dict[str, datetime] = {}
        self._limits = Limits(
            address_rate=options.address_rate, site_rate=options.site_rate, key_rate=options.key_rate
        )
        self._salts = VisitorSalts(agree_salt, find_salt, own_salt)
        self.intake = Intake(spool, self._salts, senders or Senders(), self._limits, self.counters)
        self._import_key = import_key.encode() if import_key else None
        self._origins = Origins(options.cors_origins)
        self._pixel = PixelFiles(pixel)
        self._sites = Sites()
        #: What a probe, an operator or a client's own program asks.
        self.operation = Operation(
            spool, shipper, self.counters, self._limits, self._now(), has_jumped or (lambda: False)
        )
        forms = Forms(self.intake, self._receipt_time, self._whole, self._limit_key, lambda: self._sites)
        self._routes = Routes(self._table() | forms.table(), options.paths, STAGED)

    def _table(self) -> Table:
        operation = self.operation
        return {
            ("POST", "/collect"): ("collect", self._collect),
            ("POST", "/track"): ("track", self._collect),
            ("POST", "/events/"): ("events", self._events),
            ("POST", "/events"): ("events", self._events),
            ("GET", "/pixel.gif"): ("gif", self._pixel_gif),
            ("POST", "/pixel.gif"): ("gif", self._pixel_gif),
            ("GET", "/pixel.js"): ("pixel", self._pixel_file),
            ("GET", "/events/count"): ("count", lambda r: operation.count(self._reader(r), r)),
            ("GET", "/events/recent"): ("recent", lambda r: operation.recent(self._reader(r), r)),
            ("GET", "/auth/info"): ("info", lambda r: operation.key_info(self._reader(r), r)),
            ("GET", "/health"): ("health", operation.health),
            ("GET", "/livez"): ("livez", operation.livez),
            ("GET", "/readyz"): ("readyz", operation.readyz),
        }

    @property
    def sites(self) -> Sites:
        """Every way to a site. Replaced as a whole when a client file changes."""
        return self._sites

    @sites.setter
    def sites(self, sites: Sites) -> None:
        inherit(sites, self.counters, self._sites)
        self._sites = self.operation.sites = sites
        self._routes.alias(sites.paths)

    @property
    def client_mistakes(self) -> int:
        """How much is wrong with the client files."""
        return self.operation.client_mistakes

    @client_mistakes.setter
    def client_mistakes(self, count: int) -> None:
        self.operation.client_mistakes = count

    def handle(self, request: Request) -> Outcome:
        """What becomes of a request: never an exception, and never 500.

        Pending comes back to `settle` when its future is done; a coroutine is to be awaited once.
        """
        request.started = time.monotonic()
        if not self._origins.all:
            request.origin = request.headers.get(b"origin", b"")
        try:
            entry = self._routes.find(request.method, request.path)
            if entry is None:
                outcome: Route = self._no_route(request)
            else:
                request.route, route = entry
                outcome = route(request)
        except Exception as error:
            outcome = self._failed(error, request.route)
        if isinstance(outcome, Pending):
            return outcome
        if isinstance(outcome, Answer):
            return self._counted(outcome, request.route, request.origin)
        return self._finish(outcome, request)

    def settle(self, pending: Pending) -> Answer:
        """The answer of a request whose future is done, now that it is known to be durable or not."""
        taken: Taken = pending.facts
        failure = NotDurable("stopped") if pending.durable.cancelled() else pending.durable.exception()
        if failure is None:
            answer = pending.answer
            counters, target = self.counters, taken.target
            counters.events += taken.events
            counters.acknowledged(time.monotonic() - taken.started)
            if target is not None:
                target.counts.requests += 1
                target.counts.events += taken.events
                if target.recent is not None:
                    target.recent.add(taken.payload)
            for refused in taken.refusals:
                counters.refused[refused.refusal.code] += 1
                if target is not None:
                    target.counts.refused[refused.refusal.code] += 1
        else:
            answer = self._failed(failure, taken.route)
        return self._counted(answer, taken.route, taken.origin)

    def refuse(self, trouble: Trouble) -> Answer:
        """The answer to what never became a request, counted like any other."""
        return self._counted(self._failed(Refused(REFUSALS[trouble]), ""), "", b"")

    def _counted(self, answer: Answer, route: str, origin: bytes) -> Answer:
        self.counters.answers[route, answer.status] += 1
        return answer if self._origins.all else self._origins.apply(answer, origin)

    async def _finish(self, route: Coroutine[Any, Any, Answer | Pending], request: Request) -> Answer:
        """A cold path to its end."""
        try:
            outcome = await route
        except Exception as error:
            outcome = self._failed(error, request.route)
        if isinstance(outcome, Pending):
            await asyncio.wait([outcome.durable])
            return self.settle(outcome)
        return self._counted(outcome, request.route, request.origin)

    def _failed(self, error: BaseException, route: str) -> Answer:
        if isinstance(error, NotDurable):
            error = Refused(Refusal.NOT_DURABLE, str(error))
        elif not isinstance(error, Refused):
            log.error("unexpected %s; answered 503", where(error))
            error = Refused(Refusal.NOT_DURABLE)
        self.counters.refused[error.refusal.code] += 1
        more = error.headers if isinstance(error, Limited) else None
        return refusal_answer([error], as_json=route in JSON_ROUTES, more=more)

    def forget_salts(self) -> None:
        """Drop every salt that is not needed now; the lake still has those that may be used."""
        self._salts.forget(self._now())

    def agree_salts_again(self) -> None:
        """Ask the lake about salts that are in use without its word; may block. Raises StoreError."""
        self._salts.agree_again()

    # Events

    def _collect(self, request: Request, target: Target | None = None) -> Route:
        """One event or a batch, in our shape or an older one, of the site that a key or path stands for."""
        received_at = self._receipt_time(request.headers)
        content = request.body
        try:
            if target is None:
                key = site_in_query(request.query)
                target = self._target(key) if key else None
            content = self._whole(request)
            if len(content) <= 64 and is_health_check(content):
                return older_health(request.path, received_at, self.operation.not_ready())
            key, sent_at, raws, lost = parse_any_batch(content)
            if target is None and key:
                target = self._target(key)
            holder = self._writer(request, target)
            if target is None:
                target = holder.target if holder is not None else None
            if target is None:
                target = self._keyless(request, raws[0])
        except Refused as refused:
            target = target or self._sites.get(refused.site or "")
            return self.intake.keep_unreadable(refused, request, target, received_at, content)
        return self.intake.take(request, target, received_at, sent_at, raws, lost=lost, holder=holder)

    def _pixel_gif(self, request: Request, target: Target | None = None) -> Route:
        if request.method == "HEAD" or is_ahead(request.headers):
            return IMAGE  # nobody has seen it
        received_at = self._receipt_time(request.headers)
        proxy = mail_proxy(request.headers)
        referer = request.headers.get(b"referer", b"").decode("latin-1")
        try:
            if target is None:
                target = self._target(site_in_query(request.query))
            host = target.site.page_host
            sent_at, raw = gif_event(request.query, referer, host, proxy)
        except Refused as refused:
            return self.intake.keep_unreadable(refused, request, target, received_at, request.query)
        return self.intake.take(
            request, target, received_at, sent_at, [raw], taken=IMAGE, is_shared=proxy is not None
        )

    def _events(self, request: Request) -> Route:
        """Events that a program sends with an API key."""
        received_at = self._receipt_time(request.headers)
        holder, target, content = None, None, request.body
        try:
            holder = holder_of(request.headers, self._sites, "write", self._now())
            self._limit_key(holder, request)
            target = holder.target
            content = self._whole(request)
            _, sent_at, raws, lost = parse_any_batch(content)
            if target is None:  # the client file's rules rule this out
                raise Refused(Refusal.MISSING_SITE)
        except Refused as refused:
            return self.intake.keep_unreadable(refused, request, target, received_at, content)
        left = self._limits.headers_of_key(holder.key.sha256, holder.key.requests_per_minute, request.started)
        return self.intake.take(
            request, target, received_at, sent_at, raws, lost=lost, holder=holder, more=left
        )

    def _enrichment(self, request: Request) -> Route:
        """Fields for an event that is stored: not taken here, and kept with the id that its path names."""
        received_at = self._receipt_time(request.headers)
        holder = holder_of(request.headers, self._sites, "write", self._now())
        self._limit_key(holder, request)
        kept = request.path.encode() + b"\n" + request.body
        return self.intake.keep_unreadable(
            Refused(Refusal.ENRICHMENT), request, holder.target, received_at, kept
        )

    def _whole(self, request: Request) -> bytes:
        """A request's body, inflated. Raises Refused where it is not whole or cannot be read."""
        if request.trouble is not None:
            raise Refused(REFUSALS[request.trouble])
        encoding = encoding_of(request.headers, request.body)
        if encoding is None:
            return request.body
        self.intake.admit(request)  # who has used up its share is not even inflated
        whole = inflated(request.body, encoding)
        self.intake.admit(request, len(whole) // BYTES_OF_ONE)
        return whole

    def _target(self, key: str | None) -> Target:
        if not key:
            raise Refused(Refusal.MISSING_SITE)
        target = self._sites.get(key)
        if target is None:
            raise Refused(Refusal.UNKNOWN_SITE if self._sites.are_certain else Refusal.SITES_UNCERTAIN)
        return target

    def _writer(self, request: Request, target: Target | None) -> KeyHolder | None:
        """Whose write key a request carries, where it is of the site's client; None without one.

        Raises Refused where the key alone could say whose the events are, and does not.
        """
        if presented_key(request.headers) is None:
            return None
        if target is None:
            holder = holder_of(request.headers, self._sites, "write", self._now())
        else:
            try:
                holder = holder_of(request.headers, self._sites, "write", self._now())
            except Refused:
                return None  # a site key is enough, whatever else a proxy or a page sends
            if holder.client_id != target.client_id:
                return None
        self._limit_key(holder, request)
        return holder

    def _keyless(self, request: Request, raw: bytes) -> Target:
        """Whose events these are that name no site: by a host that was given to old clients, or in an
        older shape where there is but one site. Raises Refused.
        """
        if self._sites.legacy:
            origin = page_origin(request.headers) or ""
            host = claimed_host(raw) or host_of(origin.partition("://")[2])
            target = self._sites.legacy.get(host)
            if target is not None:
                return target
        if not self._sites.are_certain:
            raise Refused(Refusal.SITES_UNCERTAIN)
        if len(self._sites) == 1 and is_older(raw):
            [only] = self._sites.values()
            # A site that lists hosts for old clients means these and no others.
            if claimed_host(raw) is None or not only.site.legacy_domains:
                return only
        raise Refused(Refusal.MISSING_SITE, NAME_THE_SITE)

    def _limit_key(self, holder: KeyHolder, request: Request) -> None:
        limited = self._limits.of_key(holder.key.sha256, holder.key.requests_per_minute, request.started)
        if limited is not None:
            raise limited
        self.key_uses[holder.key.sha256] = self._now()

    def _reader(self, request: Request) -> KeyHolder:
        holder = holder_of(request.headers, self._sites, "read", self._now())
        self._limit_key(holder, request)
        return holder

    def _receipt_time(self, headers: dict[bytes, bytes]) -> datetime:
        """Now, or what a trusted import states. Raises Refused."""
        return receipt_time(self._now(), self._import_key, headers)

    # Everything else

    def _pixel_file(self, request: Request, target: Target | None = None) -> Answer:
        """The pixel under its own name or a site's; a page's tag gets it with the site that it lacks."""
        before = b""
        if request.headers.get(b"sec-fetch-dest") == b"script":
            named = target or self._sites.get(site_in_query(request.query) or "")
            before = tag_of(named.site.key, is_own_path=target is not None) if named is not None else b""
        return self._file("pixel.js", request, before)

    def _file(self, name: str, request: Request, before: bytes = b"") -> Answer:
        request.route = "pixel"
        headers = request.headers
        accepted = headers.get(b"accept-encoding", b"")
        return self._pixel.answer(name, headers.get(b"if-none-match", b""), accepted, before)

    def _no_route(self, request: Request) -> Route:
        if request.method == "OPTIONS":
            return PREFLIGHT
        if request.method == "PUT" and _ENRICH.fullmatch(request.path):
            request.route = "events"
            return self._enrichment(request)
        allowed = self._routes.methods(request.path)
        if not allowed:
            if request.method in ("GET", "HEAD"):
                return self._file(self._routes.part(request.path), request)
            raise Refused(Refusal.NOT_FOUND)
        allow = (b"allow", ", ".join([*allowed, "OPTIONS"]).encode())
        answer = self._failed(Refused(Refusal.METHOD), "")
        return answer._replace(headers=[*answer.headers, allow])
