"""What passes between a server and the application it serves: a request, and what becomes of it.

    server ──Request──► Application.handle ──► Answer              send it
                                         ──► Pending             send Application.settle(pending) when durable
                                         ──► Coroutine → Answer  await it, then send (cold paths only)

A server is whatever speaks HTTP, or a function that is called with an event.
"""

import asyncio
from collections.abc import Coroutine
from enum import Enum, auto
from typing import Any, NamedTuple

import msgspec

Headers = list[tuple[bytes, bytes]]


class Trouble(Enum):
    """What is wrong with a request before anybody looks at what it asks for."""

    #: Not HTTP/1.1, or its end is in doubt.
    BAD_REQUEST = auto()
    HEAD_TOO_LARGE = auto()
    #: The head came too slowly.
    HEAD_UNFINISHED = auto()
    BODY_TOO_LARGE = auto()
    #: The body ended early or came too slowly.
    BODY_UNFINISHED = auto()
    #: Too many connections or unfinished bodies.
    OVERLOADED = auto()


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
    trouble: Trouble | None = None
    #: Set by the application: the name of the route, when it came (monotonic seconds), and the Origin
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
    #: The application's own, for when it is done.
    facts: Any = None


Outcome = Answer | Pending | Coroutine[Any, Any, Answer]
