"""A proxy in front of a real S3 server that fails on demand, and is strict where local servers are lax.

    with s3_server(folder) as server, FaultProxy(server.endpoint) as proxy:
        store = open_store("s3://bucket/prefix", s3_endpoint=proxy.endpoint)   # keys as for the server itself
        proxy.fail(Status(503, "SlowDown"), Reset(applied=True), method="PUT", path="/raw/")
        store.put(...)                         # meets the two faults in this order, then the real server
        proxy.seen                             # every exchange: method, path, headers, fault, status
        proxy.fail(Status(403, "AccessDenied"), times=None)     # until proxy.heal()
        proxy.by_chance(random.Random(7), 0.2, [Reset(applied=False), Truncated("answer")])

A fault is met by one *attempt*, and boto3 makes up to four by itself: to be noticed by the code that is
tested, give `times=4` or more. `owners={"bucket": "111122223333"}` makes the proxy check what no local
server checks: a request must carry the right `x-amz-expected-bucket-owner`, or meets 403.

Requests are read whole, then passed on byte for byte (the signature covers the Host header, which stays
the proxy's), each on a connection of its own.
"""

import http.client
import random
import re
import socket
import struct
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import BinaryIO, Literal
from urllib.parse import urlsplit

Where = Literal["request", "answer"]


@dataclass(frozen=True)
class Status:
    """Answered by the proxy alone; the server never sees the request. `code` is S3's name of the error."""

    status: int
    code: str
    retry_after: int | None = None  # seconds


@dataclass(frozen=True)
class Reset:
    """The connection breaks; `applied`: after the server has done what was asked."""

    applied: bool


@dataclass(frozen=True)
class BlackHole:
    """No answer for so many seconds, then a broken connection; `applied` as in Reset."""

    seconds: float = 90
    applied: bool = False


@dataclass(frozen=True)
class Damaged:
    """One byte of the body is another: on its way to the server, or back."""

    where: Where


@dataclass(frozen=True)
class Truncated:
    """The body ends half way and the connection with it: on its way to the server, or back."""

    where: Where


@dataclass(frozen=True)
class FalseChecksum:
    """The server has done it, but its answer names a checksum and an ETag of other bytes."""


@dataclass(frozen=True)
class Slow:
    """The answer comes at so many bytes a second."""

    bytes_per_second: int


Fault = Status | Reset | BlackHole | Damaged | Truncated | FalseChecksum | Slow

#: One of each kind that a store really shows. Black holes are short, so that matrices stay quick.
CATALOGUE: tuple[Fault, ...] = (
    Status(429, "TooManyRequests", retry_after=0),
    Status(500, "InternalError"),
    Status(503, "SlowDown"),
    Status(409, "ConditionalRequestConflict"),
    Reset(applied=False),
    Reset(applied=True),
    BlackHole(0.2),
    BlackHole(0.2, applied=True),
    Damaged("request"),
    Truncated("request"),
    Truncated("answer"),
    FalseChecksum(),
)


@dataclass(frozen=True)
class Exchange:
    """One request that came, what was done to it, and what it was answered (0: nothing)."""

    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    fault: Fault | None
    status: int


@dataclass
class _Request:
    method: str
    target: str  # path and query
    head: bytes  # as it came, without what belongs to the connection
    headers: dict[str, str]
    body: bytes


@dataclass
class _Answer:
    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class _Rule:
    faults: list[Fault]
    method: str | None
    path: str
    times: int | None  # uses that are left; None: for ever
    used: int = 0

    def matches(self, request: _Request) -> bool:
        """Whether it is meant for this request and not used up."""
        return (
            self.times != 0
            and self.method in (None, request.method)
            and re.search(self.path, request.target) is not None
        )


@dataclass
class FaultProxy:
    """See the top of this file."""

    upstream: str
    #: Bucket → account id that `x-amz-expected-bucket-owner` must name. None: not checked.
    owners: dict[str, str] | None = None
    #: A bucket of the server, for whoever is only handed the proxy.
    bucket: str = ""
    seen: list[Exchange] = field(default_factory=list)
    _rules: list[_Rule] = field(default_factory=list)
    _chance: tuple[random.Random, float, Sequence[Fault]] | None = None
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _open: set[socket.socket] = field(default_factory=set)
    _closing: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "FaultProxy":
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._thread = threading.Thread(target=self._accept, name="fault proxy", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._closing.set()
        # Closing alone leaves the accept() of the other thread waiting.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        with self._guard:
            left = list(self._open)
        for connection in left:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @property
    def endpoint(self) -> str:
        """What clients take for the S3 server."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def fail(self, *faults: Fault, method: str | None = None, path: str = "", times: int | None = 1) -> None:
        """Let the next matching requests meet these faults in turn, the whole row `times` times.

        `path` is a regular expression found anywhere in path and query. Earlier rules are used first.
        """
        uses = None if times is None else times * len(faults)
        with self._guard:
            self._rules.append(_Rule(list(faults), method, path, uses))

    def by_chance(self, chance: random.Random, share: float, faults: Sequence[Fault] = CATALOGUE) -> None:
        """Let this share of all requests, to which no rule applies, meet a fault drawn from `faults`."""
        with self._guard:
            self._chance = (chance, share, faults)

    def heal(self) -> None:
        """Forget all rules: from now on everything reaches the server."""
        with self._guard:
            self._rules.clear()
            self._chance = None

    @property
    def left(self) -> int:
        """Faults that are still to be met; those without an end do not count."""
        with self._guard:
            return sum(rule.times or 0 for rule in self._rules)

    # One connection

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._guard:
                self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # Whatever the two ends do, it ends this connection only.
        with suppress(OSError, ValueError), connection:
            reader = connection.makefile("rb")
            while (request := _read_request(reader, connection)) is not None:
                fault = self._strict(request) or self._next_fault(request)
                answer = self._exchange(request, fault)
                self._note(request, fault, answer)
                if not self._deliver(connection, request, fault, answer):
                    break
        with self._guard:
            self._open.discard(connection)

    def _strict(self, request: _Request) -> Fault | None:
        if self.owners is None:
            return None
        owner = self.owners.get(urlsplit(request.target).path.split("/")[1])
        named = request.headers.get("x-amz-expected-bucket-owner")
        return None if owner is None or named == owner else Status(403, "AccessDenied")

    def _next_fault(self, request: _Request) -> Fault | None:
        with self._guard:
            for rule in self._rules:
                if rule.matches(request):
                    fault = rule.faults[rule.used % len(rule.faults)]
                    rule.used += 1
                    rule.times = None if rule.times is None else rule.times - 1
                    return fault
            if self._chance is not None and self._chance[0].random() < self._chance[1]:
                return self._chance[0].choice(self._chance[2])
        return None

    def _exchange(self, request: _Request, fault: Fault | None) -> _Answer | None:
        """What the client is to be answered, before the way back is spoilt; None: nothing."""
        match fault:
            case Status():
                return _refusal(request, fault)
            case Reset(applied=False):
                return None
            case BlackHole(applied=False):
                self._closing.wait(fault.seconds)
                return None
            case Damaged("request") if request.body:
                return self._ask(request, _damaged(request.body))
            case Truncated("request") if request.body:
                return self._ask(request, request.body[: len(request.body) // 2], whole=False)
        answer = self._ask(request, request.body)
        if isinstance(fault, BlackHole):
            self._closing.wait(fault.seconds)
        return None if isinstance(fault, (Reset, BlackHole)) else answer

    def _ask(self, request: _Request, body: bytes, *, whole: bool = True) -> _Answer | None:
        """Pass a request on. A body that is not whole gets no answer: its sender is cut off."""
        parts = urlsplit(self.upstream)
        with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=120) as server:
            server.sendall(request.head + b"connection: close\r\n\r\n" + body)
            if not whole:
                return None
            answer = http.client.HTTPResponse(server, method=request.method)
            answer.begin()
            return _Answer(answer.status, answer.reason, answer.getheaders(), answer.read())

    def _deliver(
        self, connection: socket.socket, request: _Request, fault: Fault | None, answer: _Answer | None
    ) -> bool:
        """Send an answer back. False where the connection is not to be used again."""
        if answer is None:
            # Linger of zero: closing sends a reset, not an orderly end.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        body = answer.body
        headers = answer.headers
        if isinstance(fault, Damaged) and fault.where == "answer" and body:
            body = _damaged(body)
        if isinstance(fault, FalseChecksum):
            headers = [(name, _FALSE.get(name.lower(), value)) for name, value in headers]
        head = _head(request, answer, headers)
        if isinstance(fault, Truncated):
            connection.sendall((head + body)[: len(head) + len(body) // 2 if body else len(head) // 2])
            return False
        if isinstance(fault, Slow):
            connection.sendall(head)
            for byte in range(0, len(body), step := max(1, fault.bytes_per_second // 10)):
                connection.sendall(body[byte : byte + step])
                time.sleep(0.1)
            return True
        connection.sendall(head + body)
        return True

    def _note(self, request: _Request, fault: Fault | None, answer: _Answer | None) -> None:
        status = answer.status if answer else 0
        exchange = Exchange(request.method, request.target, request.headers, fault, status)
        with self._guard:
            self.seen.append(exchange)


_FALSE = {
    "etag": '"00000000000000000000000000000000"',
    "x-amz-checksum-sha256": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
}


def _read_request(reader: BinaryIO, connection: socket.socket) -> _Request | None:
    """The next whole request of a connection, None at its end."""
    line = reader.readline()
    if not line.strip():
        return None
    method, target, _ = line.decode("latin-1").split(" ", 2)
    kept, headers = [line], {}
    while (row := reader.readline()) not in (b"\r\n", b""):
        name, _, value = row.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
        if name.strip().lower() not in ("expect", "connection"):
            kept.append(row)
    if headers.get("expect", "").lower() == "100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if "chunked" in headers.get("transfer-encoding", ""):
        raise ValueError("chunked requests are not passed on")
    size = int(headers.get("content-length", 0))
    body = reader.read(size)
    return _Request(method, target, b"".join(kept), headers, body) if len(body) == size else None


def _head(request: _Request, answer: _Answer, headers: list[tuple[str, str]]) -> bytes:
    own = ("connection", "transfer-encoding", "content-length")
    # A HEAD answers with the length of what it does not send.
    length = {name.lower(): value for name, value in headers}.get("content-length")
    if request.method != "HEAD" or length is None:
        length = str(len(answer.body))
    rows = [f"{name}: {value}" for name, value in headers if name.lower() not in own]
    status_line = f"HTTP/1.1 {answer.status} {answer.reason}"
    return "\r\n".join([status_line, *rows, f"content-length: {length}", "", ""]).encode("latin-1")


def _refusal(request: _Request, fault: Status) -> _Answer:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{fault.code}</Code><Message>by the fault proxy</Message></Error>"
    )
    headers = [("content-type", "application/xml")]
    if fault.retry_after is not None:
        headers.append(("retry-after", str(fault.retry_after)))
    body = b"" if request.method == "HEAD" else text.encode()
    return _Answer(fault.status, http.client.responses.get(fault.status, "Fault"), headers, body)


def _damaged(body: bytes) -> bytes:
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
