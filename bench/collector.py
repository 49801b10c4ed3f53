"""The collector over HTTP, against the same server with a callable that checks nothing and syncs nothing."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.measure import Row, in_turns
from footfall.processes import Children, python

_ROOT = Path(__file__).resolve().parents[1]
_KEY = "pk_shop_Hn40rBy6"
_CONNECTIONS = 64

#: The reference: reads the body, appends it to a file, answers 204. No check, no fsync.
_REFERENCE = """
import sys, uvicorn
out = open(sys.argv[2], "ab")
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    out.write(body + b"\\n")
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", access_log=False, lifespan="off")
"""


def body(events: int) -> bytes:
    """A batch of `events` page views of about 600 bytes each. Ids repeat: the collector does not care."""
    one = {
        "id": "0193a5b0-0000-7000-8000-000000000000",
        "type": "page_view",
        "occurred_at": 1_790_000_000_000,
        "url": "https://shop.example/products/mug?utm_source=newsletter",
        "title": "Morning mug",
        "referrer": "https://www.google.com/",
        "props": {"filler": "x" * 330},
    }
    return json.dumps({"site": _KEY, "sent_at": 1_790_000_000_500, "events": [one] * events}).encode()


async def _connection(port: int, request: bytes, until: float, times: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < until:
        begun = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 204"):
            raise RuntimeError(head.decode("latin-1"))
        times.append(time.perf_counter() - begun)
    writer.close()


async def _load(port: int, request: bytes, seconds: float) -> list[float]:
    times: list[float] = []
    until = time.perf_counter() + seconds
    await asyncio.gather(*(_connection(port, request, until, times) for _ in range(_CONNECTIONS)))
    return times


def generate(port: int, events: int, seconds: float) -> None:
    """The load generator, as a process of its own: prints requests a second and the 99th percentile in ms."""
    content = body(events)
    request = (
        b"POST /collect HTTP/1.1\r\nhost: bench\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n"
        % len(content)
    ) + content
    times = sorted(asyncio.run(_load(port, request, seconds)))
    print(len(times) / seconds, times[int(len(times) * 0.99)] * 1000)


def _measure(port: int, events: int, seconds: float) -> tuple[float, float]:
    command = [
        sys.executable,
        "-c",
        f"from bench.collector import generate; generate({port}, {events}, {seconds})",
    ]
    done = subprocess.run(
        command, cwd=_ROOT, capture_output=True, text=True, check=True, preexec_fn=lambda: _pin(0)
    )
    rate, p99 = map(float, done.stdout.split())
    return rate * events, p99


_CORES = sorted(os.sched_getaffinity(0))


def _pin(core: int) -> None:
    """Generator and servers each on a core of their own, where there are two."""
    os.sched_setaffinity(0, {_CORES[core % len(_CORES)]})


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for_port(port: int) -> None:
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("the reference server does not start")


def run(seconds: float = 4, rounds: int = 3) -> list[Row]:
    """Events a second, durable before the answer, by one worker on one core."""
    rows = []
    with TemporaryDirectory(prefix="footfall-bench-") as name:
        folder = Path(name)
        ours_port, reference_port = _free_port(), _free_port()
        environment = {
            **os.environ,
            "FOOTFALL_HOME": str(folder / "home"),
            "FOOTFALL_CLIENTS": str(_ROOT / "clients"),
            "FOOTFALL_COLLECTOR_PORT": str(ours_port),
        }
        _pin(1)  # the servers inherit it; the generator pins itself elsewhere
        with Children(_ROOT, environment, folder / "logs") as children:
            children.start("collector", python("-m", "collector"))
            children.start(
                "reference", python("-c", _REFERENCE, str(reference_port), str(folder / "reference"))
            )
            children.wait_for("collector", f"http://127.0.0.1:{ours_port}/health", 30)
            _wait_for_port(reference_port)
            for events, what in ((1, "single events"), (10, "batches of ten")):
                percentiles: list[float] = []

                def ours(events: int = events, seen: list[float] = percentiles) -> float:
                    rate, p99 = _measure(ours_port, events, seconds)
                    seen.append(p99)
                    return rate

                mine, theirs = in_turns(
                    ours, lambda n=events: _measure(reference_port, n, seconds)[0], rounds
                )
                middle = sorted(percentiles)[len(percentiles) // 2]
                note = f"events/s; p99 {middle:.1f} ms at {_CONNECTIONS} connections"
                rows.append(Row(f"collect {what}", f"{mine:,.0f}/s", f"{theirs:,.0f}/s", mine / theirs, note))
        os.sched_setaffinity(0, _CORES)
    return rows
