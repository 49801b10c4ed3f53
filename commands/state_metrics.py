"""Runs, deliveries, lag, queues and storage in Prometheus' text format, on a port of its own, beside the API.

Nothing is kept between two questions but the sizes of folders, which take a walk: everything is read when
somebody asks. What does not answer is said by a metric of its own and fails nothing else.
"""

import json
import os
import sqlite3
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from api.request_counts import RequestCounts
from footfall.catalogue.state import HOME, Kind
from footfall.errors import FootfallError
from footfall.settings import Settings
from orchestration.alerting.book import alert_book, last_look
from orchestration.delivery.states import COMMITTED, NOTIFIED, PLANNED, RENDERED

PREFIX = "footfall"
#: Seconds for which sizes of folders are taken as known.
SIZES_SECONDS = 600
#: Seconds that Dagster's webserver has to answer.
DAGSTER_SECONDS = 5
#: How far back ended runs are counted.
RUNS_BACK = timedelta(hours=24)
#: Status of Dagster's → label.
_GOING = {"QUEUED": "queued", "STARTED": "running", "STARTING": "running", "CANCELING": "running"}
_ENDED = {"SUCCESS": "succeeded", "FAILURE": "failed", "CANCELED": "cancelled"}

#: States of a revision that has not arrived, and of one that has (orchestration/delivery/states.py), for SQL.
_OPEN, _ARRIVED = (PLANNED, RENDERED), (COMMITTED, NOTIFIED)


class StateFamilies(Collector):
    """The metrics of an installation; docs/deployment.md has the table."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._sizes: dict[str, int] = {}
        self._sized_at = -float(SIZES_SECONDS)

    def collect(self) -> Iterator[Metric]:
        """Everything, as it is now."""
        now = datetime.now(UTC)
        yield from self._runs(now)
        yield from self._deliveries(now)
        yield from self._ingest(now)
        yield from self._alerts()
        yield from self._storage()

    def _runs(self, now: datetime) -> Iterator[Metric]:
        since = (now - RUNS_BACK).timestamp()
        asked = [
            f"{status}: runsOrError(filter: {{statuses: [{status}]"
            + (f", updatedAfter: {since}" if status in _ENDED else "")
            + "}) { ... on Runs { count } }"
            for status in (*_GOING, *_ENDED)
        ]
        counts: dict[str, int] = dict.fromkeys((*_GOING.values(), *_ENDED.values()), 0)
        try:
            request = urllib.request.Request(
                f"{self._settings.dagster_url}/graphql",
                json.dumps({"query": f"{{ {' '.join(asked)} }}"}).encode(),
                {"content-type": "application/json"},
            )
            with self._direct.open(request, timeout=DAGSTER_SECONDS) as answer:
                found = json.load(answer)["data"]
            for status, label in {**_GOING, **_ENDED}.items():
                counts[label] += int(found[status]["count"])
            is_up = True
        except (OSError, HTTPException, ValueError, KeyError, TypeError):
            is_up = False
        yield _gauge("dagster_up", "1 while Dagster's webserver answers", int(is_up))
        if is_up:
            family = GaugeMetricFamily(
                f"{PREFIX}_runs", "runs that wait or go on, and that ended in 24 hours", labels=["state"]
            )
            for label, count in counts.items():
                family.add_metric([label], count)
            yield family

    def _deliveries(self, now: datetime) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            f"{PREFIX}_deliveries", "revisions in the ledger", labels=["client", "export", "state"]
        )
        oldest = GaugeMetricFamily(
            f"{PREFIX}_oldest_open_delivery_seconds",
            "age of the oldest that has not arrived",
            labels=["client"],
        )
        delivered = GaugeMetricFamily(
            f"{PREFIX}_newest_delivered_period_timestamp_seconds",
            "begin of the newest period that was delivered",
            labels=["client", "export"],
        )
        for client, export, state, count in self._ask(
            self._settings.ledger, "SELECT client_id, export, state, count(*) FROM revisions GROUP BY 1, 2, 3"
        ):
            family.add_metric([client, export, state], count)
        for client, planned in self._ask(
            self._settings.ledger,
            f"SELECT client_id, min(planned_at) FROM revisions WHERE state IN {_OPEN} GROUP BY 1",
        ):
            oldest.add_metric([client], max(0.0, (now - _moment(planned)).total_seconds()))
        for client, export, start in self._ask(
            self._settings.ledger,
            f"SELECT client_id, export, max(period_start) FROM revisions WHERE state IN {_ARRIVED} "
            "GROUP BY 1, 2",
        ):
            delivered.add_metric([client, export], _moment(start).timestamp())
        yield from (family, oldest, delivered)

    def _ingest(self, now: datetime) -> Iterator[Metric]:
        path = self._settings.home / "listings.sqlite"
        for (hour,) in self._ask(path, "SELECT max(hour) FROM digests"):
            if hour:
                end = _moment(hour) + timedelta(hours=1)
                yield _gauge(
                    "ingest_lag_seconds", "since the end of the newest hour that was ingested",
                    max(0.0, (now - end).total_seconds()),
                )  # fmt: skip

    def _alerts(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            f"{PREFIX}_alerts", "what is wrong by the last look", labels=["client", "kind", "severity"]
        )
        counts: Counter[tuple[str, str, str]] = Counter()
        if self._settings.alert_book.exists():
            with alert_book(self._settings.alert_book) as book:
                counts.update((each.client_id, each.kind, each.severity) for each in last_look(book)[1])
        for labels, count in counts.items():
            family.add_metric(list(labels), count)
        yield family

    def _storage(self) -> Iterator[Metric]:
        if time.monotonic() - self._sized_at >= SIZES_SECONDS:
            self._sizes = {
                place.name: _size(self._settings.home / place.name)
                for place in HOME
                if "*" not in place.name and place.kind is not Kind.FILE
            }
            self._sized_at = time.monotonic()
        family = GaugeMetricFamily(
            f"{PREFIX}_state_bytes", "bytes of what lies in the state folder, looked at every ten minutes",
            labels=["place"],
        )  # fmt: skip
        for name, size in self._sizes.items():
            family.add_metric([name], size)
        yield family
        try:
            told = os.statvfs(self._settings.home)
        except OSError:
            return
        yield _gauge("state_free_bytes", "bytes free on its disk", told.f_bavail * told.f_frsize)

    def _ask(self, path: Path, statement: str) -> Iterator[tuple]:  # type: ignore[type-arg]
        """Rows of a SQLite file, which is only read; none where it is not there, or not of this form yet."""
        if not path.exists():
            return
        try:
            with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5)) as database:
                yield from database.execute(statement).fetchall()
        except sqlite3.Error:
            return


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _size(path: Path) -> int:
    """Bytes of a file with its companions, or of all files of a folder; what vanishes counts nothing."""
    total = 0
    if path.is_dir():
        for folder, _, names in os.walk(path):
            for name in names:
                total += _bytes(Path(folder, name))
        return total
    return sum(_bytes(path.with_name(path.name + end)) for end in ("", "-wal", ".wal"))


def _bytes(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", meaning, value=value)


@contextmanager
def metrics_of_state(settings: Settings, counts: RequestCounts) -> Iterator[None]:
    """Answer GET on FOOTFALL_STATE_METRICS_PORT meanwhile; nothing where it is 0. Raises FootfallError.

    `counts`: of the API, beside which the port is.
    """
    port = settings.state_metrics_port
    with _answering(settings, port, "FOOTFALL_STATE_METRICS_PORT", lambda: (StateFamilies(settings), counts)):
        yield


@contextmanager
def metrics_of_dashboard(settings: Settings, counts: RequestCounts) -> Iterator[None]:
    """The same on FOOTFALL_DASHBOARD_METRICS_PORT, of the dashboard."""
    port = settings.dashboard_metrics_port
    with _answering(settings, port, "FOOTFALL_DASHBOARD_METRICS_PORT", lambda: (counts,)):
        yield


@contextmanager
def _answering(
    settings: Settings, port: int, name: str, families: Callable[[], Iterable[Collector]]
) -> Iterator[None]:
    if not port:
        yield
        return
    registry = CollectorRegistry(auto_describe=False)
    for each in families():
        registry.register(each)
    host = settings.metrics_host
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise FootfallError(
            f"cannot listen on port {port} of {host} for metrics: {error.strerror}; set "
            f"{name} to another port, or to 0"
        ) from None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
