"""The collector as a function: API Gateway HTTP APIs and function URLs (payload format 2.0).

    event ─► Request ─► Collector.handle ─► stored lines ─► one raw object ─ confirmed ─► answer

The same collector as behind a socket, with the lake in the place of the spool: there is no disk here that
outlives the call, so durable means that the store has confirmed the object before the answer goes out.
Handler: `collector.lambda_handler.handler`. Settings are the same FOOTFALL_ variables; the client files
lie in the package, or wherever FOOTFALL_CLIENTS says.
"""

import asyncio
import base64
import binascii
import contextlib
import hashlib
import logging
import os
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, Protocol
from urllib.parse import unquote

from collector.app import Collector
from collector.options import Options
from collector.sealing import Sealing
from collector.sender import Senders
from collector.server.message import Answer, Pending, Request, Trouble
from collector.spool import NotDurable, SpoolState
from collector.targets import targets
from footfall import installed
from footfall.address import networks
from footfall.agent_keys import AgentKeys
from footfall.allowed import Allowed
from footfall.asn import NetworkFile
from footfall.clients import load_registry
from footfall.durable import open_lake
from footfall.errors import FootfallError
from footfall.event import MAX_BODY_BYTES, Refusal
from footfall.geo import GeoFile
from footfall.identity_files import names_in
from footfall.keys import raw_object
from footfall.raw_object import compress
from footfall.salts import Salts, new_salt
from footfall.settings import Settings
from footfall.store import ObjectStore, StoreError, put_once

log = logging.getLogger("collector")


#: Seconds before the platform would end the call at which we answer 503 ourselves, so that the sender
#: learns that it is to come back.
SPARE_SECONDS = 1.0
#: Seconds for a call where the platform does not say how long it may take.
CALL_SECONDS = 25.0


class Context(Protocol):
    """What we use of the platform's second argument."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the call is ended."""
        ...


class LakeAppends:
    """A spool that is the lake itself: each append is one raw object, put before its future is done."""

    def __init__(self, store: ObjectStore, collector_id: str, sealing: Sealing) -> None:
        self._store = store
        self._sealing = sealing
        # Content-addressed, so a repeated attempt is the same object, and two functions never collide.
        self._origin = f"{collector_id}-call"

    def append(self, hour: datetime, payload: bytes) -> "asyncio.Future[None]":
        """See Spool.append: done when the store has confirmed, NotDurable where it has not."""
        return asyncio.ensure_future(self._append(hour, payload))

    async def _append(self, hour: datetime, payload: bytes) -> None:
        try:
            await asyncio.to_thread(self._put, hour, payload)
        except Exception as error:
            text = str(error) if isinstance(error, FootfallError) else type(error).__name__
            log.error("cannot make events durable: %s", text)
            raise NotDurable("the lake refused") from None

    def _put(self, hour: datetime, payload: bytes) -> None:
        data = self._sealing.sealed(lambda: payload) or compress(payload)
        put_once(self._store, raw_object(hour, self._origin, hashlib.sha256(data).hexdigest()), data)

    def state(self) -> SpoolState:
        """Nothing is ever held here."""
        return SpoolState(
            held_bytes=0,
            limit_bytes=1,
            open_segments=0,
            sealed_segments=0,
            oldest_unshipped_seconds=0.0,
            last_error=None,
            torn_segments=0,
            corrupt_frames=0,
            queued_bytes=0,
            commits=0,
            commit_seconds=0.0,
        )


class _NothingToShip:
    shipped = 0
    last_error: str | None = None


class Function:
    """One instance of the function: wired once, then called again and again, one call at a time."""

    def __init__(self, settings: Settings) -> None:
        """Raises FootfallError where the settings or the lake's address cannot be used."""
        lake = open_lake(settings.lake, settings.s3_endpoint)
        registry = load_registry(settings.clients, Allowed.of(settings), is_delivering=False)
        owners: dict[str, str] = {}
        with contextlib.suppress(StoreError):  # as long as the lake is away an id is its own owner
            owners = names_in(lake)
        for mistake in registry.mistakes:
            log.error("client file set aside: %s", mistake)
        geo = GeoFile.of(settings.geoip, settings.home)
        trusted = networks(settings.trusted_proxies)
        asn = NetworkFile.of(settings.asn)
        agents = AgentKeys(settings.agents)
        senders = Senders(trusted, settings.address_header, geo.place, agents.of, asn.asn_class)
        sites = targets(registry, owners)
        # No copy of earlier files is here: a key that nobody has may be one of a file that is set aside.
        sites.are_certain = not registry.mistakes
        self._loop = asyncio.new_event_loop()
        self._collector = Collector(
            spool=LakeAppends(lake, settings.collector_id, Sealing(lambda: sites.raw_keys)),
            shipper=_NothingToShip(),
            # A new Salts each time: its memory would outlive a salt that another collector destroys.
            agree_salt=lambda client, clock, at: Salts(lake).agree(client, clock, at, new_salt())[0],
            find_salt=lambda client, clock, at: Salts(lake).existing(client, clock, at),
            senders=senders,
            import_key=settings.import_key,
            pixel=installed.PIXEL,
            options=Options.of(settings),
        )
        self._collector.sites = sites

    def __call__(self, event: Mapping[str, Any], seconds: float = CALL_SECONDS) -> dict[str, Any]:
        """Answer one event within so many seconds. Never raises."""
        try:
            request = request_of(event)
        except (KeyError, TypeError, AttributeError):
            log.error("not an event of payload format 2.0; set it for the integration")
            return _reply("GET", UNREADABLE)
        answer = self._loop.run_until_complete(self._answer(request, seconds))
        return _reply(request.method, answer)

    async def _answer(self, request: Request, seconds: float) -> Answer:
        outcome = self._collector.handle(request)
        if isinstance(outcome, Answer):
            return outcome
        try:
            async with asyncio.timeout(seconds):
                if isinstance(outcome, Pending):
                    await asyncio.wait([outcome.durable])
                    return self._collector.settle(outcome)
                return await outcome
        except TimeoutError:
            return TOO_LATE

    def close(self) -> None:
        """Let go of the event loop. The platform never asks for it; tests do."""
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


def _not_durable(text: str) -> Answer:
    reason = (b"x-footfall-reason", Refusal.NOT_DURABLE.code.encode())
    headers = [(b"access-control-allow-origin", b"*"), reason, (b"retry-after", b"5")]
    return Answer(Refusal.NOT_DURABLE.status, headers, f"{text}\n".encode())


TOO_LATE = _not_durable("the lake does not answer in time")
UNREADABLE = _not_durable("the function was called with an event that it does not know")


def request_of(event: Mapping[str, Any]) -> Request:
    """The request that an event of payload format 2.0 describes. Raises KeyError, TypeError, AttributeError.

    The platform has joined repeated headers by commas, as we would.
    """
    http = event["requestContext"]["http"]
    stage = event["requestContext"].get("stage", "$default")
    path: str = event["rawPath"]
    if stage != "$default":
        path = path.removeprefix(f"/{stage}") or "/"
    body, trouble = _body(event)
    return Request(
        method=http["method"],
        path=unquote(path),
        query=event.get("rawQueryString", "").encode(),
        headers={
            name.lower().encode(): value.encode("utf-8", "replace")
            for name, value in (event.get("headers") or {}).items()
        },
        peer=http.get("sourceIp", ""),
        body=body,
        trouble=trouble,
    )


def _body(event: Mapping[str, Any]) -> tuple[bytes, Trouble | None]:
    text: str = event.get("body") or ""
    if event.get("isBase64Encoded"):
        try:
            body = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            return b"", Trouble.BODY_UNFINISHED
    else:
        body = text.encode("utf-8", "replace")
    if len(body) > MAX_BODY_BYTES:
        return body[: MAX_BODY_BYTES + 1], Trouble.BODY_TOO_LARGE
    return body, None


def _reply(method: str, answer: Answer) -> dict[str, Any]:
    """An answer as the platform wants it: bytes that are no text go as base64."""
    headers: dict[str, str] = {}
    for name, value in answer.headers:
        key, text = name.decode(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    body = b"" if method == "HEAD" else answer.body
    reply: dict[str, Any] = {"statusCode": answer.status, "headers": headers, "isBase64Encoded": False}
    try:
        reply["body"] = body.decode()
    except UnicodeDecodeError:
        reply |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    return reply


@cache
def _function() -> Function:
    """Wired at the first call and kept while the platform keeps the process. A failure is tried again."""
    return Function(Settings.from_environ(os.environ))


def handler(event: Mapping[str, Any], context: Context | None) -> dict[str, Any]:
    """What the platform calls."""
    seconds = CALL_SECONDS if context is None else context.get_remaining_time_in_millis() / 1000
    try:
        function = _function()
    except FootfallError as error:
        log.error("%s", " ".join(str(error).split()))
        return _reply("GET", _not_durable("the function is not set up"))
    return function(event, max(0.1, seconds - SPARE_SECONDS))
