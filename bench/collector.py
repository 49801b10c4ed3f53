"""The collector as a process, on one core, against the least that the same server could do.

generator (core 0) ─ 64 connections ─► collector (core 1): parse, check, hash, fdatasync, 204
                                    └► reference (core 1): append, 204
"""

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.measure import Row, alternate, cores, peak_megabytes, pin, rate, say
from bench.traffic import CLIENT_FILE, EVENT_BYTES

ROOT = Path(__file__).resolve().parents[1]
#: A generator busier than this was perhaps the slower of the two.
SATURATED = 0.95


def run(*, seconds: float = 3.0, warm_up: float = 0.5, repeats: int = 3, connections: int = 64) -> list[Row]:
    """Single events, then batches of ten. Raises RuntimeError when any request is not answered with 204."""
    with (
        TemporaryDirectory(prefix="footfall-bench-") as folder,
        _collector(Path(folder)) as (collector, port),
        _reference(Path(folder)) as (reference, reference_port),
    ):
        options = ("--seconds", str(seconds), "--warm-up", str(warm_up), "--connections", str(connections))
        acknowledged = 0.0
        rows = []
        for batch, what in ((1, "single events"), (10, "batches of ten events")):
            say(f"collector: {what}")
            pairs = alternate(
                repeats,
                lambda batch=batch: _load(port, batch, options),
                lambda batch=batch: _load(reference_port, batch, options),
            )
            acknowledged += sum(ours["acknowledged_events"] for ours, _ in pairs)
            memory = (peak_megabytes(collector.pid), peak_megabytes(reference.pid))
            rows.append(_row(what, pairs, memory, connections))
        taken = _events_taken(port)
        if taken != acknowledged:
            raise RuntimeError(f"{acknowledged:.0f} events were acknowledged, {taken} taken")
    return rows


def _row(
    what: str,
    pairs: list[tuple[dict[str, float], dict[str, float]]],
    memory: tuple[str, str],
    connections: int,
) -> Row:
    ours, reference = ([pair[side] for pair in pairs] for side in (0, 1))
    busiest = max(each["generator_busy"] for each in (*ours, *reference))
    remark = "same uvicorn; appends the body without fsync, parsing or checks"
    if busiest > SATURATED:
        remark += f"; the generator was {busiest:.0%} busy, so both may be faster than this"
    if len(cores()) < 2 or not hasattr(os, "sched_setaffinity"):
        remark += "; not pinned to cores"
    return Row(
        f"collector, {what} of {EVENT_BYTES} bytes, {connections} connections, one core",
        _figures(ours, memory[0]),
        _figures(reference, memory[1]),
        [a["events_per_second"] / b["events_per_second"] for a, b in pairs],
        remark,
    )


def _figures(runs: list[dict[str, float]], memory: str) -> str:
    middle = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    return (
        f"{rate(middle['events_per_second'])} events/s, p50 {middle['p50_ms']:.1f} ms, "
        f"p99 {middle['p99_ms']:.1f} ms, {memory} MB at most"
    )


def _load(port: int, batch: int, options: tuple[str, ...]) -> dict[str, float]:
    where = ("--port", str(port), "--batch", str(batch), "--core", str(cores()[0]))
    done = subprocess.run(
        [sys.executable, "-m", "bench.load", *where, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return json.loads(done.stdout)


def _events_taken(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10) as answer:
        return json.load(answer)["events_taken"]


@contextmanager
def _collector(folder: Path) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """A real collector with its default settings and a state folder of its own."""
    clients = folder / "clients"
    clients.mkdir()
    (clients / "bench.yaml").write_text(CLIENT_FILE)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FOOTFALL_")}
    environment |= {
        "FOOTFALL_HOME": str(folder / "home"),
        "FOOTFALL_CLIENTS": str(clients),
        "FOOTFALL_COLLECTOR_PORT": str(port),
    }
    with _server(("collector",), environment, folder / "collector.log") as (process, said):
        if not said.startswith("collector: listening"):
            raise RuntimeError(f"the collector did not start: {(folder / 'collector.log').read_text()}")
        yield process, port


@contextmanager
def _reference(folder: Path) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    command = ("bench.reference", str(folder / "bodies"))
    with _server(command, dict(os.environ), folder / "reference.log") as (process, said):
        if not said:
            raise RuntimeError(f"the reference did not start: {(folder / 'reference.log').read_text()}")
        yield process, int(said)


@contextmanager
def _server(
    command: tuple[str, ...], environment: dict[str, str], log: Path
) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A Python module as a process, pinned to the last core, and the first line that it says."""
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    pin(process.pid, cores()[-1])  # before it has threads: they inherit it
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline()
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
