"""What passes between a server and the collector: a request, and what becomes of it.

    server ──Request──► Collector.handle ──► Answer              send it
                                         ──► Pending             send Collector.settle(pending) when durable
                                         ──► Coroutine → Answer  await it, then send (cold paths only)

A server is whatever speaks HTTP, or a function that is called with an event.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple

import msgspec

from collector.targets import Target
from footfall.event import Refusal, Refused

Headers = list[tuple[bytes, bytes]]


class Request(msgspec.Struct):
    """One request, its body whole or with the reason why it is not."""

    #: Upper case, as HTTP sends it.
    method: str
    #: Percent-decoded, without the query.
    path: str
    #: As it was sent, without the question mark.
    query: bytes = b""
    #: Lower-case name → value; the values of a repeated name joined by ", " in their order.
    headers: dict[bytes, bytes] = {}
    #: Address of the other end of the connection. It may be a proxy.
    peer: str = ""
    #: As it was sent, or as much of it as came.
    body: bytes = b""
    #: BODY_TOO_LARGE or BODY_UNFINISHED where the body is not whole.
    trouble: Refusal | None = None
    #: Set by the collector: the name of the route, when it came (monotonic seconds), and the Origin
    #: header where the answer depends on it.
    route: str = ""
    started: float = 0.0
    origin: bytes = b""


class Answer(NamedTuple):
    """What goes back: status, headers, body. To HEAD the server sends no body."""

    status: int
    headers: Headers
    body: bytes = b""


class Pending(NamedTuple):
    """An answer that is true once `durable` is done. Where that fails with NotDurable, a refusal is."""

    durable: "asyncio.Future[None]"
    answer: Answer
    #: What counts once it is durable: events taken, refusals, the lines and whose they are.
    events: int = 0
    refusals: Sequence[Refused] = ()
    target: Target | None = None
    payload: bytes = b""
    #: From the request: its route, when it came, and its Origin header.
    route: str = ""
    started: float = 0.0
    origin: bytes = b""


Outcome = Answer | Pending | Coroutine[Any, Any, Answer]
