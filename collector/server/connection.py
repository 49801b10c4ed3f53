"""One HTTP/1.1 connection: an asyncio protocol on httptools' parser, which is Node's own.

    idle ─first byte─► head ─► body ─► handed over ─► … answered, in order ─► idle
                        └──────┴─► refused ─► the rest is thrown away ─► closed

Where the framing of a request is in doubt (two lengths, an unknown transfer coding, a version that is
none), it is refused and the connection closed: what a proxy and we read differently could hide a second
request. The parser refuses most of that by itself.
"""

import asyncio
import logging
from collections import deque
from math import inf
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote_to_bytes

import httptools

from collector.server.message import Answer, Pending, Request, Trouble

if TYPE_CHECKING:
    from collector.server.http import Server

log = logging.getLogger("collector")

#: Bytes parsed at once. Limits.pipelined can be passed by no more requests than fit into them.
SLICE = 8 * 1024

_CLOSE = b"connection: close\r\n"
_STAY = b"connection: keep-alive\r\n"  # an HTTP/1.0 client wants to be told
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_IDLE, _HEAD, _BODY = range(3)

Waiting = Answer | Pending | asyncio.Task[Answer]


class _Stop(Exception):
    """Ends the parser from within a callback."""


class Connection(asyncio.Protocol):
    """Reads requests, hands them over, writes their answers in order."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._limits = server.limits
        self._parser = httptools.HttpRequestParser(self)
        self._phase = self._timed = _IDLE
        #: Monotonic seconds at which the patience with this connection ends.
        self.deadline = inf

        # The request under way.
        self._url = b""
        self._fields: dict[bytes, bytes] = {}  # headers, and after the body trailers, which nobody reads
        self._headers: dict[bytes, bytes] = {}
        self._note = b""  # the Connection header of its answer
        self._body: bytes | bytearray = b""
        self._counted = 0  # bytes of the body that Server.unfinished counts
        self._raw = 0  # bytes of it, framing included, as far as it came in earlier pieces
        self._trouble: Trouble | None = None
        self._owes_continue = False
        self._rest = b""  # was read and is not parsed yet
        #: Outcome, Connection header and "to HEAD" of the requests whose answers are not written.
        self._queue: deque[tuple[Waiting, bytes, bool]] = deque()
        self._is_last = self._is_lingering = False  # what still comes is thrown away
        self._is_paused = False  # we do not read
        self._is_blocked = False  # the client does not read
        self._has_eof = self._is_lost = False

    # What the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass
        server = self._server
        name = transport.get_extra_info("peername")
        self._peer = name[0] if isinstance(name, tuple) else ""
        if len(server.connections) >= self._limits.connections or server.draining:
            self._is_last = True
            answer = server.application.refuse(Trouble.OVERLOADED)
            self._transport.write(server.bytes_of(answer, _CLOSE, is_head=False))
            self._transport.close()
            return
        server.connections.add(self)
        self.deadline = server.now + self._limits.head_seconds

    def data_received(self, data: bytes) -> None:
        if self._is_last:
            return  # thrown away
        if len(data) <= SLICE and not self._rest:
            self._feed(data)
        else:
            self._rest += data
            self._feed_rest()
        if self._phase != self._timed:
            self._set_deadline()

    def eof_received(self) -> bool:
        """The client sends no more; it may still read. True keeps the connection for its answers."""
        self._has_eof = True
        self._cut_short(Trouble.BAD_REQUEST)
        self._is_last = True
        return bool(self._queue)

    def connection_lost(self, _error: Exception | None) -> None:
        self._is_lost = True
        self._server.connections.discard(self)
        if self._phase == _BODY:
            self._take(Trouble.BODY_UNFINISHED)  # kept for its site as far as it came
        self._forget_request()
        self._is_last = True
        self._rest = b""

    def pause_writing(self) -> None:
        self._is_blocked = True
        self.deadline = self._server.now + self._limits.write_seconds
        self._pause()

    def resume_writing(self) -> None:
        self._is_blocked = False
        self._timed = _IDLE
        self.deadline = inf if self._queue else self._server.now + self._limits.idle_seconds
        self._read_on()

    # What the server calls

    def expire(self) -> None:
        """The deadline has passed."""
        if self._is_blocked or self._is_lingering:
            self.abort()
        elif self._phase == _IDLE:
            self._transport.close()
        else:
            self._cut_short(Trouble.HEAD_UNFINISHED)

    def end_if_idle(self) -> None:
        """Close unless a request is under way."""
        if self._is_lingering or (not self._queue and self._phase == _IDLE and not self._rest):
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def go_on(self) -> None:
        """What the first answer waited for is done."""
        self._write()
        if self._is_last or self._queue:
            return
        if self._is_paused or self._rest or self._owes_continue or self._server.draining:
            self._read_on()

    # The parser's callbacks

    def on_message_begin(self) -> None:
        self._phase = _HEAD
        self._url = b""
        self._fields = {}
        self._raw = 0

    def on_url(self, url: bytes) -> None:
        self._url = self._url + url if self._url else url

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        fields = self._fields
        if name not in fields:
            fields[name] = value
            return
        # The limit of headers does not see repeated ones, and joining costs more the more there are.
        if len(fields[name]) > self._limits.head_bytes // 4:
            self._stop(Trouble.HEAD_TOO_LARGE)
        fields[name] += b", " + value

    def on_headers_complete(self) -> None:
        self._phase = _BODY
        self._headers = headers = self._fields
        self._fields = {}
        self._note = b""
        parser = self._parser
        stays = parser.should_keep_alive() and not parser.should_upgrade()
        if not stays or b"connection" in headers:
            version = parser.get_http_version()
            if version not in ("1.0", "1.1"):
                self._stop(Trouble.BAD_REQUEST)
            # Asked to speak another protocol we keep ours, but what follows may be of the other.
            self._note = (_STAY if version == "1.0" else b"") if stays else _CLOSE
        if len(headers) > self._limits.headers:
            self._stop(Trouble.HEAD_TOO_LARGE)
        host = headers.get(b"host")
        if b"," in host if host is not None else parser.get_http_version() == "1.1":
            self._stop(Trouble.BAD_REQUEST)  # two hosts, or none where one is due
        coding = headers.get(b"transfer-encoding")
        if coding is not None and (coding.lower() != b"chunked" or parser.get_http_version() != "1.1"):
            self._stop(Trouble.BAD_REQUEST)
        if b"expect" in headers and headers[b"expect"].lower() == b"100-continue":
            if int(headers.get(b"content-length", b"0")) > self._limits.body_bytes:
                self._take(Trouble.BODY_TOO_LARGE)  # before it is sent at all
                raise _Stop
            self._owes_continue = True

    def on_body(self, body: bytes) -> None:
        if not self._body:
            self._body = body
        elif type(self._body) is bytes:
            self._body = bytearray(self._body) + body
        else:
            self._body += body
        if len(self._body) > self._limits.body_bytes:
            self._take(Trouble.BODY_TOO_LARGE)
            raise _Stop

    def on_message_complete(self) -> None:
        self._take(None)

    def _stop(self, trouble: Trouble) -> None:
        self._trouble = trouble
        raise _Stop

    # Reading

    def _feed(self, data: "bytes | memoryview") -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            return  # its answer is the last one
        except httptools.HttpParserError as error:
            if self._is_last:
                return  # bytes behind the last request, or a body that is refused already
            cause = error.__context__
            if cause is not None and not isinstance(cause, _Stop):
                log.error("unexpected %s while reading a request", type(cause).__name__)
            self._refuse(self._trouble or Trouble.BAD_REQUEST)
            return
        if self._phase != _IDLE:
            self._raw += len(data)
            self._bound()
        if self._owes_continue:
            self._say_continue()
        if len(self._queue) >= self._limits.pipelined:
            self._pause()

    def _feed_rest(self) -> None:
        rest, at = memoryview(self._rest), 0
        while at < len(rest) and not self._is_last and not self._is_blocked:
            if len(self._queue) >= self._limits.pipelined:
                break
            self._feed(rest[at : at + SLICE])
            at += SLICE
        self._rest = b"" if self._is_last else bytes(rest[at:])

    def _bound(self) -> None:
        """Bound what an unfinished request holds; the parser itself keeps a header until it is whole."""
        server, limits = self._server, self._limits
        if self._phase == _HEAD:
            if self._raw > limits.head_bytes:
                self._refuse(Trouble.HEAD_TOO_LARGE)
            return
        server.unfinished += len(self._body) - self._counted
        self._counted = len(self._body)
        if server.unfinished > limits.unfinished_bytes:
            self._refuse(Trouble.OVERLOADED)
        elif self._raw > 2 * limits.body_bytes + limits.head_bytes:  # tiny chunks, endless trailers
            self._take(Trouble.BODY_TOO_LARGE)

    def _set_deadline(self) -> None:
        """One for each phase, from its begin: bytes that come do not move it."""
        if self._is_last or self._is_blocked:
            return
        self._timed = self._phase
        if self._phase != _IDLE:
            limits = self._limits
            seconds = limits.head_seconds if self._phase == _HEAD else limits.body_seconds
            self.deadline = self._server.now + seconds

    def _say_continue(self) -> None:
        if self._queue:
            return  # the answers before it come first
        self._owes_continue = False
        if self._phase == _BODY and not self._body:
            self._transport.write(_CONTINUE)

    def _pause(self) -> None:
        if not self._is_paused and not self._is_lost:
            self._is_paused = True
            self._transport.pause_reading()

    def _read_on(self) -> None:
        """There is room again: parse what was read already, then read more."""
        if self._is_blocked or self._is_lost:
            return
        if self._rest:
            self._feed_rest()
        if self._owes_continue:
            self._say_continue()
        if self._is_paused and not self._rest and len(self._queue) < self._limits.pipelined:
            self._is_paused = False
            self._transport.resume_reading()
        if self._server.draining:
            self.end_if_idle()
        if self._phase != self._timed:
            self._set_deadline()

    # Handing over and answering

    def _take(self, trouble: Trouble | None) -> None:
        """Hand over the request, whose body has come, or as much of it as will."""
        url = self._url
        if not url.startswith(b"/") and b"://" in url:  # as a proxy is asked
            url = b"/" + url.partition(b"://")[2].partition(b"/")[2]
        place, _, query = url.partition(b"?")
        path = (unquote_to_bytes(place) if b"%" in place else place).decode("utf-8", "replace")
        method = self._parser.get_method().decode("ascii")
        body = self._body if type(self._body) is bytes else bytes(self._body)
        request = Request(method, path, query, self._headers, self._peer, body, trouble)
        note = _CLOSE if trouble is not None or self._server.draining else self._note
        self._forget_request()
        made = self._server.application.handle(request)
        outcome = made if isinstance(made, (Pending, Answer)) else asyncio.ensure_future(made)
        self._enqueue(outcome, note, is_head=method == "HEAD")

    def _refuse(self, trouble: Trouble) -> None:
        """Answer what is no request, after those before it, and close."""
        self._forget_request()
        self._enqueue(self._server.application.refuse(trouble), _CLOSE, is_head=False)

    def _cut_short(self, trouble: Trouble) -> None:
        """No more comes of the request under way."""
        if self._phase == _BODY:
            self._take(Trouble.BODY_UNFINISHED)
        elif self._phase == _HEAD:
            self._refuse(trouble)

    def _forget_request(self) -> None:
        self._phase = self._timed = _IDLE
        self._body = b""
        self._owes_continue = False
        if self._counted:
            self._server.unfinished -= self._counted
            self._counted = 0

    def _enqueue(self, outcome: Waiting, note: bytes, *, is_head: bool) -> None:
        self.deadline = inf
        self._is_last = note is _CLOSE
        self._queue.append((outcome, note, is_head))
        if len(self._queue) == 1:
            if type(outcome) is Answer:
                self._write()
            else:
                self._wait()

    def _wait(self) -> None:
        outcome = self._queue[0][0]
        future = outcome.durable if type(outcome) is Pending else cast("asyncio.Task[Answer]", outcome)
        self._server.wait(future, self)

    def _write(self) -> None:
        """Write every answer whose turn has come; after the last one, end."""
        server, queue = self._server, self._queue
        out = b""
        while queue:
            outcome, note, is_head = queue[0]
            if type(outcome) is Answer:
                answer = outcome
            elif type(outcome) is Pending:
                if not outcome.durable.done():
                    break
                answer = server.application.settle(outcome)
            else:
                task = cast("asyncio.Task[Answer]", outcome)
                if not task.done():
                    break
                answer = task.result()
            queue.popleft()
            made = server.bytes_of(answer, note, is_head=is_head)
            out = out + made if out else made
        if queue:
            self._wait()
        if self._is_lost or self._transport.is_closing():
            return
        if not queue:
            self.deadline = self._server.now + self._limits.idle_seconds
        if out:
            self._transport.write(out)
        if self._is_last and not queue:
            self._end()

    def _end(self) -> None:
        """The last answer is written. Closing with bytes unread would destroy it on its way."""
        if self._has_eof or self._server.draining:
            self._transport.close()
            return
        self._is_lingering = True
        self.deadline = self._server.now + self._limits.linger_seconds
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()
        self._transport.write_eof()
