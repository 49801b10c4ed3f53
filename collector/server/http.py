"""An HTTP/1.1 server: its limits, its connections, and how an answer is written.

    bytes ─► Connection ─Request─► application ─Answer─► bytes, in the order of the requests
                                        └─ Pending: written when its commit is done, many at a time

No task for a connection and no timer for it: one tick a second looks at all deadlines. Whoever is slow,
greedy or broken is held by `Limits`: every phase of a connection has a deadline, and everything that is
held for it has a bound. Nothing here knows of events.
"""

import asyncio
import logging
import socket
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Protocol

from collector.server.connection import Connection
from collector.server.message import Answer, Outcome, Pending, Request, Trouble

log = logging.getLogger("collector")

#: Seconds between two looks at whether the last connections have ended.
DRAIN_STEP_SECONDS = 0.02

#: Connections that a server bears at once, if nothing else is said.
CONNECTIONS = 8192

_FIRST_LINES = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n".encode() for s in HTTPStatus}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server bears. Lower: safer against hostile senders, harder on slow ones."""

    body_bytes: int
    #: Connections at once; beyond that a new one is answered 503. Each holds some 3 KB, and a descriptor.
    connections: int = CONNECTIONS
    #: Bytes of a request's head: its first line and its headers.
    head_bytes: int = 32 * 1024
    #: Header lines of different names.
    headers: int = 100
    #: Bytes of unfinished bodies of all connections together; beyond that 503.
    unfinished_bytes: int = 64 << 20
    #: Requests of one connection that may wait for their answers before no more is read from it.
    pipelined: int = 16
    #: Seconds from the first byte of a head to its last, and from the connection to the first head.
    head_seconds: float = 10.0
    #: Seconds from the head to the end of the body. A phone on a poor line needs a few.
    body_seconds: float = 25.0
    #: Seconds between two requests. Longer than a balancer keeps its connections (often 60 s): it would
    #: otherwise send into one that is just being closed.
    idle_seconds: float = 75.0
    #: Seconds that a client may take to read its answers.
    write_seconds: float = 30.0
    #: Seconds for which what a refused client still sends is thrown away, so that it can read why.
    linger_seconds: float = 5.0


class Application(Protocol):
    """What is served."""

    def handle(self, request: Request) -> Outcome:
        """What becomes of a request. Never raises."""
        ...

    def settle(self, pending: Pending) -> Answer:
        """The answer of a request whose future is done."""
        ...

    def refuse(self, trouble: Trouble) -> Answer:
        """The answer to what never became a request."""
        ...


class Server:
    """All connections of one event loop, and what they share."""

    def __init__(self, application: Application, limits: Limits) -> None:
        self.application = application
        self.limits = limits
        self.connections: set[Connection] = set()
        #: No new connections, and every answer is the last one of its connection.
        self.draining = False
        #: Bytes of bodies that have begun to come and are not whole.
        self.unfinished = 0
        #: Monotonic seconds, as of the last tick: near enough for deadlines.
        self.now = 0.0
        self._date = b""
        self._last: Answer | None = None
        self._last_bytes = b""
        self._waiting: dict[asyncio.Future[Any], list[Connection]] = {}
        times = (self.limits.head_seconds, self.limits.body_seconds, self.limits.linger_seconds)
        self._tick_seconds = min(1.0, min(times) / 4)

    async def start(self, listener: socket.socket, *, backlog: int) -> None:
        """Accept connections from a bound socket."""
        self._loop = asyncio.get_running_loop()
        self._tick()
        self._accepting = await self._loop.create_server(
            lambda: Connection(self), sock=listener, backlog=backlog
        )

    async def drain(self, seconds: float) -> None:
        """Stop accepting, finish the requests under way for so long at most, close every connection."""
        self.draining = True
        self._accepting.close()
        for connection in list(self.connections):
            connection.end_if_idle()
        until = self._loop.time() + seconds
        while self.connections and self._loop.time() < until:
            await asyncio.sleep(DRAIN_STEP_SECONDS)
        for connection in list(self.connections):
            connection.abort()
        self._timer.cancel()

    def _tick(self) -> None:
        """Renew clock and date, and end what is over its time."""
        self.now = self._loop.time()
        self._date = f"date: {formatdate(usegmt=True)}\r\n".encode()
        self._last = None
        for connection in [c for c in self.connections if c.deadline <= self.now]:
            connection.expire()
        self._timer = self._loop.call_later(self._tick_seconds, self._tick)

    def wait(self, future: "asyncio.Future[Any]", connection: Connection) -> None:
        """Let a connection go on when a future is done: one callback for all that wait for one commit."""
        waiting = self._waiting.get(future)
        if waiting is None:
            self._waiting[future] = [connection]
            future.add_done_callback(self._release)
        else:
            waiting.append(connection)

    def _release(self, future: "asyncio.Future[Any]") -> None:
        for connection in self._waiting.pop(future):
            try:
                connection.go_on()
            except Exception as error:  # one that fails must not hold up the others
                log.error("unexpected %s in a connection; it was closed", type(error).__name__)
                connection.abort()

    def bytes_of(self, answer: Answer, note: bytes, *, is_head: bool) -> bytes:
        """An answer as it goes over the wire, `note` being its Connection header, if any.

        One that is given again and again is put together once a second.
        """
        is_plain = not note and not is_head
        if is_plain and answer is self._last:
            return self._last_bytes
        status, headers, body = answer
        parts = [_FIRST_LINES[status], self._date, note]
        has_length = status in (204, 304)
        for name, value in headers:
            parts += (name, b": ", value, b"\r\n")
            has_length = has_length or name == b"content-length"
        if not has_length:
            parts.append(b"content-length: %d\r\n" % len(body))
        parts.append(b"\r\n")
        if not is_head:
            parts.append(body)
        made = b"".join(parts)
        if is_plain:
            self._last, self._last_bytes = answer, made
        return made
