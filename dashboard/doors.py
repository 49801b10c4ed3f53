"""By which door a request comes in, before any page runs: a share link, a proxy, OIDC, or this very machine.

Middleware writes what it found into a header of its own, which it takes from whoever sends it; the session of
a page reads it there. Nothing is decided for good: each run of a page asks whether they still may.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from footfall.address import Network

#: Ours: which door, for the pages.
HEADER = "x-footfall-door"
#: The cookie of somebody who came by a share link, and the parameter that the link has.
COOKIE, PARAMETER = "footfall_share", "share"
Kind = Literal["share", "person", "oidc", "open", "closed"]
#: Where an OIDC provider sends people back to, what the cookie of those who signed in is called, and the
#: parameter that tells a page that one did not.
CALLBACK, SIGNED_IN, FAILED = "/oauth2callback", b"_streamlit_user=", "sign_in_failed"
#: Paths that show nothing of a client, for probes.
FREE = frozenset({"/health", "/_stcore/health", "/healthz"})
#: How headers begin that proxies add.
_OF_PROXIES = ("x-forwarded", "forwarded", "via", "x-real-ip", "x-original-", "cf-", "true-client-ip")
#: Streamlit's own bundle needs styles in elements and has the map's script from memory (`blob:`); charts are
#: compiled in the page.
CSP = (
    "default-src 'self'; script-src 'self' blob: 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_SAFE = (
    ("content-security-policy", CSP),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
)


@dataclass(frozen=True)
class Door:
    """`said`: the token of a share link, or the name that a proxy says."""

    kind: Kind
    said: str = ""

    @property
    def text(self) -> str:
        """As it stands in the header."""
        return json.dumps([self.kind, self.said])

    @classmethod
    def of(cls, text: str | None) -> "Door":
        """From the header; closed where there is none."""
        if not text:
            return cls("closed")
        kind, said = json.loads(text)
        return cls(kind, said)


@dataclass(frozen=True)
class Ways:
    """How people may come in. `is_local`: the dashboard listens on this machine alone."""

    is_local: bool
    user_header: str | None = None
    proxies: tuple[Network, ...] = ()
    has_oidc: bool = False

    @property
    def is_open(self) -> bool:
        """Whether nothing is set up, and whoever sits at this machine may see all."""
        return self.is_local and not self.user_header and not self.has_oidc


def door_of(ways: Ways, peer: str, headers: Mapping[str, str]) -> Door:
    """The door of a request. `peer`: the address of the socket; `headers`: by names in small letters."""
    shared = cookie_parser(headers.get("cookie", "")).get(COOKIE)
    if shared:
        return Door("share", shared)
    if ways.user_header and _is_in(peer, ways.proxies):
        name = headers.get(ways.user_header.lower(), "").strip()
        if name:
            return Door("person", name)
    if ways.has_oidc:
        return Door("oidc")
    # A proxy on this machine makes strangers look like it; a name that is not ours may lead to us by a trick.
    is_direct = not any(name.startswith(_OF_PROXIES) for name in headers)
    if ways.is_open and is_direct and _is_loopback(peer) and _is_our_name(headers.get("host", "")):
        return Door("open")
    return Door("closed")


class Doors:
    """ASGI: lets in whoever has a door, and says of every answer what it may load."""

    def __init__(self, app: ASGIApp, ways: Ways) -> None:
        self._app = app
        self._ways = ways

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        said_by = Headers(scope=scope)
        headers = {name.lower(): value for name, value in said_by.items()}
        if len(said_by.getlist(self._ways.user_header or "")) > 1:
            # One of the two is not the proxy's.
            del headers[str(self._ways.user_header).lower()]
        client = scope.get("client")
        door = door_of(self._ways, client[0] if client else "", headers)
        said = _with_policy(_telling(send) if scope["path"] == CALLBACK else send)
        if scope["type"] == "http" and scope["path"] not in FREE:
            answer = self._by_link(scope, headers) or (_closed() if door.kind == "closed" else None)
            if answer is not None:
                await answer(scope, receive, said)
                return
        elif scope["type"] == "websocket" and (door.kind == "closed" or not _is_same_origin(headers)):
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        ours = [(name, value) for name, value in scope["headers"] if name.lower() != HEADER.encode()]
        scope = {**scope, "headers": [*ours, (HEADER.encode(), door.text.encode())]}
        await self._app(scope, receive, said)

    def _by_link(self, scope: Scope, headers: Mapping[str, str]) -> Response | None:
        """Somebody who follows a share link: its token becomes a cookie, and leaves the address."""
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        tokens = [value for name, value in pairs if name == PARAMETER]
        if scope["method"] != "GET" or not tokens:
            return None
        rest = urlencode([(name, value) for name, value in pairs if name != PARAMETER])
        # Not `//elsewhere`, which a browser takes for another host.
        path = "/" + scope["path"].lstrip("/\\")
        answer = RedirectResponse(f"{path}?{rest}" if rest else path, 303)
        is_https = scope["scheme"] == "https" or headers.get("x-forwarded-proto") == "https"
        if tokens[-1]:
            # A token of ours is as it is; what somebody made up need be no text of a header.
            answer.set_cookie(COOKIE, quote(tokens[-1]), httponly=True, samesite="lax", secure=is_https)
        else:
            answer.delete_cookie(COOKIE)
        return answer


def _with_policy(send: Send) -> Send:
    async def said(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [each for each in message["headers"] if each[0].decode().lower() not in dict(_SAFE)]
            more = [(name.encode(), value.encode()) for name, value in _SAFE]
            message = {**message, "headers": [*kept, *more]}
        await send(message)

    return said


def _telling(send: Send) -> Send:
    """Streamlit sends whoever could not be signed in to the first page, as if nothing had been: say it."""

    async def said(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 302:
            headers = message["headers"]
            values = [value for name, value in headers if name.lower() == b"set-cookie"]
            if not any(value.startswith(SIGNED_IN) and b"max-age=0" not in value.lower() for value in values):
                kept = [each for each in headers if each[0].lower() != b"location"]
                message = {**message, "headers": [*kept, (b"location", f"/?{FAILED}=1".encode())]}
        await send(message)

    return said


def _closed() -> Response:
    return HTMLResponse(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Footfall</title>'
        "<h1>Nothing is open here</h1><p>Follow a share link, or ask the operator how to sign in.</p></html>",
        403,
    )


def _is_in(peer: str, networks: Iterable[Network]) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    return any(address in network for network in networks)


def _is_loopback(peer: str) -> bool:
    try:
        return ip_address(peer).is_loopback
    except ValueError:
        return False


def _host(text: str) -> str:
    try:
        return urlsplit(f"//{text}").hostname or ""
    except ValueError:
        return ""


def _is_our_name(host: str) -> bool:
    return _host(host) == "localhost" or _is_loopback(_host(host))


def _is_same_origin(headers: Mapping[str, str]) -> bool:
    """A page of another site may open a websocket to us, with our cookies."""
    origin = headers.get("origin")
    try:
        return origin is None or urlsplit(origin).netloc == headers.get("host")
    except ValueError:
        return False
