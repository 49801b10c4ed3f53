"""A real collector process for tests, and what lies in its spool and lake afterwards."""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard
from prometheus_client.parser import text_string_to_metric_families
from support.waiting import PATIENCE, wait_until

from collector.segments import OPEN, SEALED
from footfall.access.api_keys import key_hash
from footfall.frames import scan

SITE = "pk_shop_Hn40rBy6"
#: API keys of the client, by what they may do.
KEYS = {permission: f"key-of-a-test-that-may-{permission}" for permission in ("read", "write", "admin")}
#: One whose time is over.
OVER = "key-of-a-test-that-is-over"
CLIENT_FILE = f"""\
client_id: demo
name: Demo Shop
sites:
  - site_id: shop
    key: {SITE}
    domains: [shop.example, "*.shop.example"]
    path: /t/shop
    legacy_domains: [old.shop.example]
destination: {{url: "file://${{FOOTFALL_HOME}}/buckets/demo"}}
exports: [{{name: events, dataset: events, cadence: hourly}}]
api_keys:
  - {{name: reader, sha256: {key_hash(KEYS["read"])}, permissions: [read]}}
  - {{name: writer, sha256: {key_hash(KEYS["write"])}, permissions: [write]}}
  - {{name: admin, sha256: {key_hash(KEYS["admin"])}, permissions: [admin], requests_per_minute: 1000}}
  - {{name: over, sha256: {key_hash(OVER)}, permissions: [admin], expires_at: "2020-01-01T00:00:00Z"}}
"""


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wire_event(event_id: str, **fields: Any) -> dict[str, Any]:
    """An ordinary page view; only the interesting fields need to be named."""
    return {"id": event_id, "type": "page_view", "url": "https://shop.example/", **fields}


def batch(*events: dict[str, Any], **fields: Any) -> bytes:
    """A body of events for SITE."""
    return json.dumps({"site": SITE, "events": list(events), **fields}).encode()


@dataclass
class Reply:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def reason(self) -> str | None:
        """The refusal that the answer names."""
        return self.headers.get("x-footfall-reason")


def request(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Reply:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return Reply(answer.status, {n.lower(): v for n, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


@dataclass
class CollectorProcess:
    """`python -m collector` in a folder of its own."""

    home: Path
    port: int = field(default_factory=free_port)
    settings: dict[str, str] = field(default_factory=dict)
    program: tuple[str, ...] = ("-m", "collector")
    _process: "subprocess.Popen[str] | None" = None

    @property
    def environ(self) -> dict[str, str]:
        """The variables that the process gets: none of the machine's own Footfall settings."""
        inherited = {n: v for n, v in os.environ.items() if not n.startswith("FOOTFALL_")}
        return inherited | {
            "FOOTFALL_ENV_FILE": os.devnull,
            "FOOTFALL_HOME": str(self.home),
            "FOOTFALL_CLIENTS": str(self.home / "clients"),
            "FOOTFALL_COLLECTOR_PORT": str(self.port),
            "FOOTFALL_IMPORT_KEY": "import-secret",
            "FOOTFALL_TRUSTED_PROXIES": "127.0.0.0/8",
            **self.settings,
        }

    def command(self) -> list[str]:
        """What is run."""
        return [sys.executable, *self.program]

    def start(self) -> "CollectorProcess":
        """Start it and wait until it says that it listens."""
        clients = self.home / "clients"
        if not clients.exists():
            clients.mkdir(parents=True)
            (clients / "demo.yaml").write_text(CLIENT_FILE)
        self._process = subprocess.Popen(
            self.command(), env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith("collector: listening on"):
            raise AssertionError(f"the collector did not start: {line}{self.end(kill=True)}")
        return self

    @property
    def pid(self) -> int:
        """The process id while it runs."""
        assert self._process is not None
        return self._process.pid

    def end(self, *, kill: bool = False) -> str:
        """Stop it, by SIGTERM or at once, and return what it wrote to stderr."""
        process = self._process
        assert process is not None
        if process.poll() is None:
            if kill:
                process.kill()
            else:
                process.terminate()
        _, errors = process.communicate(timeout=PATIENCE)
        self.exit_code = process.returncode
        return errors

    def fails_to_start(self) -> tuple[int, str]:
        """Exit code and stderr of a start that is meant to fail."""
        done = subprocess.run(
            self.command(), env=self.environ, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        return done.returncode, done.stderr

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Reply:
        """One request to it."""
        return request(self.port, method, path, body, headers)

    def health(self) -> dict[str, Any]:
        """What /health says."""
        return json.loads(self.ask("GET", "/health").body)

    def metric(self, name: str, **labels: str) -> float:
        """A figure of /metrics, 0 where there is none; FOOTFALL_METRICS_PORT has to be set."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.settings['FOOTFALL_METRICS_PORT']}/") as answer:
            text = answer.read().decode()
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == f"footfall_collector_{name}" and sample.labels == labels
        )

    def stored(self) -> list[dict[str, Any]]:
        """Every stored line, in the spool and in the lake."""
        return [json.loads(line) for line in self.stored_bytes().splitlines()]

    def stored_bytes(self) -> bytes:
        """The same, as bytes. Spool first: a segment may move to the lake while this reads."""
        return b"".join([*self.spool_lines(), *lake_lines(self.home / "lake")])

    def spool_lines(self) -> list[bytes]:
        """The payloads of every segment."""
        parts = []
        for path in sorted((self.home / "spool").glob("*/2*")):
            if path.suffix in (OPEN, SEALED):
                try:
                    parts += scan(path.read_bytes()).payloads
                except FileNotFoundError:
                    pass  # it was shipped or sealed under our hands
        return parts

    def await_stored(self, event_id: str) -> dict[str, Any]:
        """The stored line of an event. A segment being renamed may hide it for an instant."""
        never = f"{event_id} is not stored"
        (line, *_) = wait_until(
            lambda: [line for line in self.stored() if line.get("event_id") == event_id], never
        )
        return line


def lake_lines(lake: Path) -> list[bytes]:
    """The contents of all raw objects of a local lake."""
    return [zstandard.decompress(path.read_bytes()) for path in sorted((lake / "raw").rglob("*.ndjson.zst"))]


def ids(parts: Iterable[bytes]) -> set[str]:
    """The event ids of stored lines."""
    return {json.loads(line)["event_id"] for part in parts for line in part.splitlines()}


class Load:
    """Senders that post batches as fast as they are answered, and remember what was acknowledged."""

    def __init__(self, port: int, *, senders: int = 4, prefix: str = "load") -> None:
        self.acknowledged: set[str] = set()
        self._port = port
        self._prefix = prefix
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(n,)) for n in range(senders)]

    def start(self) -> "Load":
        """Begin sending."""
        for thread in self._threads:
            thread.start()
        return self

    def until(self, acknowledged: int) -> "Load":
        """Wait until so many events are acknowledged."""
        wait_until(lambda: len(self.acknowledged) >= acknowledged)
        return self

    def stop(self) -> set[str]:
        """End sending; the ids of every event that was answered with 204."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return self.acknowledged

    def _send(self, sender: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        number = 0
        while not self._stop.is_set():
            ids = [f"{self._prefix}-{sender}-{number}-{n}" for n in range(1 + number % 5)]
            number += 1
            try:
                connection.request("POST", "/collect", batch(*[wire_event(i) for i in ids]))
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                break  # killed: whether these were taken is not known
            if answer.status == 204:
                self.acknowledged.update(ids)
        connection.close()
