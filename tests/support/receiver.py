"""A small web server for pixel tests: pages, the built pixel, and an endpoint that keeps what it is sent.

It stands in for a collector where the claim is about the pixel alone, and misbehaves as no collector would.
"""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.waiting import PATIENCE

from footfall.event import check_event, parse_batch

DIST = Path(__file__).resolve().parents[2] / "pixel" / "dist"
SITE_KEY = "pk_shop_Hn40rBy6"

#: How the endpoint answers one request: status and headers, or None to hang up without an answer.
Answer = tuple[int, dict[str, str]] | None


@dataclass(frozen=True)
class Posted:
    """One request to the endpoint."""

    at: float
    content_type: str
    body: bytes
    answer: Answer

    @property
    def events(self) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = json.loads(self.body)["events"]
        return events


@dataclass
class Receiver:
    """What came in, and what shall be answered next; afterwards every request is answered 204."""

    origin: str
    pages: dict[str, str] = field(default_factory=dict)
    page_headers: dict[str, str] = field(default_factory=dict)
    answers: deque[Answer] = field(default_factory=deque)
    #: Seconds that the next requests wait for their answers.
    delays: deque[float] = field(default_factory=deque)
    #: Requests of which the body has come.
    arriving: int = 0
    posted: list[Posted] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event that was taken, in order of arrival, but for engagement: each page ends with one."""
        return [event for event in self.all_events if event["type"] != "engagement"]

    @property
    def all_events(self) -> list[dict[str, Any]]:
        """Every event that was taken, in order of arrival."""
        with self.changed:
            taken = [post for post in self.posted if post.answer and post.answer[0] < 300]
        return [event for post in taken for event in post.events]

    def wait_for(self, condition: Callable[["Receiver"], object]) -> None:
        """Until `condition` holds."""
        with self.changed:
            holds = self.changed.wait_for(lambda: condition(self), PATIENCE)
            assert holds, f"received: {[event['type'] for post in self.posted for event in post.events]}"

    def wait_for_events(self, count: int) -> list[dict[str, Any]]:
        """The events, once there are `count`."""
        self.wait_for(lambda receiver: len(receiver.events) >= count)
        return self.events

    def check_contract(self) -> None:
        """Every body is what the collector's own parser takes, whole."""
        for post in self.posted:
            site, sent_at, raw_events = parse_batch(post.body)
            assert site == SITE_KEY
            assert sent_at is not None
            for raw in raw_events:
                check_event(raw)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    receiver: Receiver

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.receiver.requests.append(f"GET {path}")
        script = DIST / path.lstrip("/")
        if path == "/pixel.gif":
            query = parse_qs(urlsplit(self.path).query)
            events = b",".join(event.encode() for event in query["event"])
            head = {"site": query["site"][0], "sent_at": int(query["sent_at"][0])}
            self._take("", json.dumps(head).encode()[:-1] + b', "events": [' + events + b"]}")
        elif script.parent == DIST and script.suffix in (".js", ".mjs") and script.is_file():
            self._answer(200, {"content-type": "text/javascript"}, script.read_bytes())
        elif path in self.receiver.pages:
            headers = {"content-type": "text/html; charset=utf-8", **self.receiver.page_headers}
            self._answer(200, headers, self.receiver.pages[path].encode())
        else:
            self._answer(404, {}, b"")

    def do_OPTIONS(self) -> None:
        self.receiver.requests.append(f"OPTIONS {self.path}")
        self._answer(204, {}, b"")

    def do_POST(self) -> None:
        self._take(self.headers.get("content-type", ""), self.rfile.read(int(self.headers["content-length"])))

    def _take(self, content_type: str, body: bytes) -> None:
        receiver = self.receiver
        with receiver.changed:
            receiver.arriving += 1
            delay = receiver.delays.popleft() if receiver.delays else 0
            receiver.changed.notify_all()
        time.sleep(delay)
        with receiver.changed:
            answer = receiver.answers.popleft() if receiver.answers else (204, {})
            receiver.requests.append(f"{self.command} {urlsplit(self.path).path}")
            receiver.posted.append(Posted(time.monotonic(), content_type, body, answer))
            receiver.changed.notify_all()
        if answer is None:
            self.close_connection = True
            return
        self._answer(answer[0], answer[1], b"")

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        try:
            self.send_response(status)
            self.send_header("access-control-allow-origin", "*")
            self.send_header("access-control-expose-headers", "retry-after")
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("content-length", str(len(body)))
            self.end_headers()
            if status != 204:
                self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the page is gone and waits for no answer

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that hangs up is no error of the test."""


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A running server on a free port of 127.0.0.1."""
    handler = type("Handler", (_Handler,), {})
    with _Server(("127.0.0.1", 0), handler) as server:
        handler.receiver = running = Receiver(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield running
        finally:
            server.shutdown()
            thread.join()
