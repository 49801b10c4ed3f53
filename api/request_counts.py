"""What a process has answered since it started, for Prometheus: by route and status, and how long it took.

    app = counts.around(app, lambda scope: …)      # footfall_api_requests_total{route, status}, …

A route is one of few names, never a path that somebody made up.
"""

import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Seconds: upper bounds of the histogram of how long answers took.
BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class RequestCounts(Collector):
    """The counts of one process. `part`: `api` or `dashboard`; it is in the metrics' names."""

    def __init__(self, part: str) -> None:
        self._prefix = f"footfall_{part}"
        self._guard = threading.Lock()
        self._answers: Counter[tuple[str, int]] = Counter()
        self._took = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0
        self._open = 0

    def around(self, app: ASGIApp, route_of: Callable[[Scope], str], known: Iterable[str] = ()) -> ASGIApp:
        """The application, counted. `route_of` is asked once it has answered; a socket counts while open.

        `known`: routes whose failures are counted from 0, so that the first ones are seen to be more.
        """
        with self._guard:
            self._answers.update({(route, 500): 0 for route in known})

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] not in ("http", "websocket"):
                await app(scope, receive, send)
                return
            is_socket = scope["type"] == "websocket"
            scope.setdefault("state", {})
            status = 500
            started = time.monotonic()

            async def told(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                elif message["type"] == "websocket.accept":
                    status = 101
                    self._opened(1)
                elif message["type"] == "websocket.close" and status == 500:
                    status = 403
                await send(message)

            try:
                await app(scope, receive, told)
            finally:
                seconds = None if is_socket else time.monotonic() - started
                self._note(route_of(scope) or "none", status, seconds)
                if is_socket and status == 101:
                    self._opened(-1)

        return counted

    def _opened(self, by: int) -> None:
        with self._guard:
            self._open += by

    def _note(self, route: str, status: int, seconds: float | None) -> None:
        with self._guard:
            self._answers[route, status] += 1
            if seconds is not None:
                self._took[bisect_left(BOUNDS, seconds)] += 1
                self._seconds += seconds

    def collect(self) -> Iterator[Metric]:
        """Everything, as it is now."""
        with self._guard:
            answers, took, seconds, opened = dict(self._answers), list(self._took), self._seconds, self._open
        requests = CounterMetricFamily(
            f"{self._prefix}_requests", "answers given", labels=["route", "status"]
        )
        for (route, status), count in answers.items():
            requests.add_metric([route, str(status)], count)
        yield requests
        buckets = [(str(bound), sum(took[: n + 1])) for n, bound in enumerate((*BOUNDS, float("inf")))]
        buckets[-1] = ("+Inf", buckets[-1][1])
        yield HistogramMetricFamily(
            f"{self._prefix}_request_duration_seconds", "from request to answer", buckets, seconds
        )
        yield GaugeMetricFamily(f"{self._prefix}_open_sockets", "pages that are open", value=opened)
