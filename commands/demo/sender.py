"""Sends requests to a collector over HTTP, a few at a time, each with the receipt time it states."""

import http.client
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from commands.demo.traffic import Request
from footfall.errors import FootfallError
from footfall.event import timestamp

#: Connections at once. More do not help: client and collector share the cores.
CONNECTIONS = 4
_TIMEOUT = 30  # seconds for one answer; an answer needs one fsync


class Sender:
    """A client of one collector that holds its import key. Close it after use."""

    def __init__(self, url: str, import_key: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._import_key = import_key
        self._local = threading.local()
        self._opened: list[http.client.HTTPConnection] = []
        self._pool = ThreadPoolExecutor(CONNECTIONS)

    def close(self) -> None:
        """Close every connection."""
        self._pool.shutdown(cancel_futures=True)
        for connection in self._opened:
            connection.close()

    def send(self, requests: Sequence[Request]) -> Counter[int]:
        """Send all of them; returns status → how many answers had it.

        Raises FootfallError when the collector does not answer, or not with the status a request expects.
        """
        return Counter(self._pool.map(self._send_one, requests))

    def _send_one(self, request: Request) -> int:
        headers = {
            "content-type": "text/plain",
            "user-agent": request.user_agent,
            "x-forwarded-for": request.address,
            "x-footfall-import-key": self._import_key,
            "x-footfall-received-at": timestamp(request.received_at),
            **request.headers,
        }
        connection = self._connection()
        try:
            connection.request(request.method, request.target, request.body or None, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise FootfallError(f"the collector does not answer: {error!r}") from None
        if answer.status != request.expected_status:
            reason = answer.headers.get("x-footfall-reason", "no reason")
            raise FootfallError(
                f"the collector answered {answer.status} ({reason}) where {request.expected_status} was due, "
                f"to {request.method} {request.target} of {timestamp(request.received_at)}"
            )
        return answer.status

    def _connection(self) -> http.client.HTTPConnection:
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT)
            self._opened.append(self._local.connection)
        found: http.client.HTTPConnection = self._local.connection
        return found
