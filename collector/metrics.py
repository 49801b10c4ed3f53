"""Counters and states in Prometheus' text format, on a port of its own.

Nothing is registered while requests run: the families are made from plain integers when somebody asks,
in the thread of this little server.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from collector.counters import ACK_BOUNDS, Counters
from collector.operation import Operation
from collector.spool import SpoolState
from footfall.errors import FootfallError

PREFIX = "footfall_collector"


class Ships(Protocol):
    """What is shown of a shipper."""

    shipped: int
    shipped_bytes: int
    last_error: str | None


class Families:
    """The metrics of one collector process; see the table in collector/README.md."""

    def __init__(
        self,
        counters: Counters,
        operation: Operation,
        spool_state: Callable[[], SpoolState],
        shipper: Ships,
    ) -> None:
        self._counters = counters
        self._operation = operation
        self._spool_state = spool_state
        self._shipper = shipper

    def collect(self) -> Iterator[Metric]:
        """Everything, as it is now."""
        yield from self._requests()
        yield from self._sites()
        yield from self._spool()

    def _requests(self) -> Iterator[Metric]:
        counters = self._counters
        answers = _counter("requests", "answers given", ["route", "status"])
        for (route, status), count in list(counters.answers.items()):
            answers.add_metric([route or "none", str(status)], count)
        yield answers
        refused = _counter("refusals", "refused requests and events", ["reason"])
        for reason, count in list(counters.refused.items()):
            refused.add_metric([reason], count)
        yield refused
        yield _counter("events", "events made durable", value=counters.events)
        unclaimed = _counter("unclaimed_bodies", "bodies of nobody's: kept as a sample, or not", ["kept"])
        unclaimed.add_metric(["yes"], counters.unclaimed_kept)
        unclaimed.add_metric(["no"], counters.unclaimed_dropped)
        yield unclaimed
        yield _acknowledged(list(counters.ack_counts), counters.ack_seconds)

    def _sites(self) -> Iterator[Metric]:
        counters = self._counters
        names = ["client", "site"]
        events = _counter("site_events", "events made durable", names)
        requests = _counter("site_requests", "requests that were taken", names)
        refusals = _counter("site_refusals", "refused events and requests", [*names, "reason"])
        for (client_id, site_id), counts in list(counters.sites.items()):
            events.add_metric([client_id, site_id], counts.events)
            requests.add_metric([client_id, site_id], counts.requests)
            for reason, count in list(counts.refused.items()):
                refusals.add_metric([client_id, site_id, reason], count)
        redactions = _counter("redactions", "personal data taken out", ["rule", *names])
        for labels, count in list(counters.redactions.items()):
            redactions.add_metric(list(labels), count)
        unwanted = _counter("unwanted", "events not kept, because of Do Not Track", names)
        for labels_, count in list(counters.unwanted.items()):
            unwanted.add_metric(list(labels_), count)
        yield from (events, requests, refusals, redactions, unwanted)
        yield _gauge("client_mistakes", "mistakes in client files", self._operation.client_mistakes)
        yield _gauge("sites", "sites that are known", len(self._operation.sites))

    def _spool(self) -> Iterator[Metric]:
        state = self._spool_state()
        yield _gauge("spool_bytes", "bytes the spool holds", state.held_bytes)
        yield _gauge("spool_limit_bytes", "bytes the spool may hold", state.limit_bytes)
        yield _gauge("spool_open_segments", "segments being written", state.open_segments)
        yield _gauge("spool_sealed_segments", "segments the lake does not hold yet", state.sealed_segments)
        yield _gauge(
            "spool_oldest_unshipped_seconds", "age of the oldest segment", state.oldest_unshipped_seconds
        )
        yield _gauge("spool_error", "1 while the disk fails", int(state.last_error is not None))
        yield _counter("spool_torn_segments", "torn tails cut off", value=state.torn_segments)
        yield _counter("spool_corrupt_frames", "damaged frames set aside", value=state.corrupt_frames)
        yield _gauge("spool_queued_bytes", "bytes that no sync covers yet", state.queued_bytes)
        yield _counter("spool_commits", "groups written and synced", value=state.commits)
        yield _counter("spool_commit_seconds", "time of all commits", value=state.commit_seconds)
        yield _counter("shipped_segments", "segments the lake has confirmed", value=self._shipper.shipped)
        yield _counter("shipped_bytes", "compressed bytes shipped", value=self._shipper.shipped_bytes)
        yield _gauge("shipper_error", "1 while shipping fails", int(self._shipper.last_error is not None))
        yield _gauge("ready", "1 while /readyz says so", int(not self._operation.not_ready()))
        yield _gauge("resident_bytes", "memory of the process", _resident_bytes())


def _counter(
    name: str, meaning: str, labels: list[str] | None = None, value: float | None = None
) -> CounterMetricFamily:
    return CounterMetricFamily(f"{PREFIX}_{name}", meaning, value=value, labels=labels)


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", meaning, value=value)


def _acknowledged(counts: list[int], seconds: float) -> HistogramMetricFamily:
    buckets, so_far = [], 0
    for bound, count in zip([*map(str, ACK_BOUNDS), "+Inf"], counts, strict=True):
        so_far += count
        buckets.append((bound, so_far))
    name = f"{PREFIX}_ack_duration_seconds"
    return HistogramMetricFamily(name, "from request to durable", buckets=buckets, sum_value=seconds)


def _resident_bytes() -> int:
    """Resident memory; 0 where the system does not say it in this way."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def serve(families: Families, host: str, port: int) -> Callable[[], None]:
    """Answer GET on a port until the returned function is called. Raises FootfallError."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(families)
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise FootfallError(
            f"cannot listen on {host}:{port} for metrics: {error.strerror}; set FOOTFALL_METRICS_PORT"
        ) from error

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop
