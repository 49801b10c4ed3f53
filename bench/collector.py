"""The collector as a process, on one core, beside other ways to take events over HTTP.

generator (first core) ─ 64 or 256 connections ─► collector (last core): parse, check, hash, fdatasync, 204
                                               └► each reference, in turn with it

Single events and batches of ten, each of EVENT_BYTES.
"""

import os
import statistics
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import generator, peers
from bench.measure import Aim, Row, alternate, cores, megabytes, rate, say
from bench.traffic import CLIENT_FILE, EVENT_BYTES

#: A generator busier than this was perhaps the slower of the two.
SATURATED = 0.95
#: Share of the peak at which the delay of answers is measured.
USUAL_SHARE = 0.7
#: Events in a request → events a second that are wanted of one core.
WANTED = {1: 20_000, 10: 60_000}
WHAT = {1: "single events", 10: "batches of ten events"}

Shape = tuple[int, int]  # events in a request, connections


@dataclass(frozen=True)
class Reference:
    """Something to be measured against: how it starts, and what it leaves out or does otherwise."""

    name: str
    start: Callable[[Path], AbstractContextManager[peers.Peer]]
    remark: str
    shapes: tuple[Shape, ...]
    repeats: int


FEW: tuple[Shape, ...] = ((1, 64), (10, 64))
ALL: tuple[Shape, ...] = (*FEW, (1, 256), (10, 256))
REFERENCES = (
    Reference(
        "nginx",
        peers.nginx,
        "nginx, one worker, echo module: `$request_body` into its log, unbuffered; no fsync, no check",
        ALL,
        3,
    ),
    Reference(
        "our server",
        peers.least,
        "our own server with an application that appends the body; no fsync, no check",
        FEW,
        2,
    ),
    Reference(
        "FastAPI + asyncpg",
        partial(peers.fastapi, module="fastapi_asyncpg"),
        "FastAPI + asyncpg, one INSERT an event, fsync; Postgres may use every core",
        FEW,
        2,
    ),
    Reference(
        "FastAPI + SQLAlchemy",
        partial(peers.fastapi, module="fastapi_sqlalchemy"),
        "FastAPI + SQLAlchemy (asyncpg), one INSERT an event, fsync; Postgres may use every core",
        FEW,
        2,
    ),
    Reference(
        "Flask + Redis",
        peers.flask,
        "Flask, gunicorn 2 × 8 threads (memory: its first process), RPUSH; Redis syncs once a second",
        FEW,
        2,
    ),
)


def run(*, seconds: int = 2) -> list[Row]:
    """Every reference that is installed. Raises RuntimeError when any request is refused."""
    say(f"collector: load from {generator.name()}")
    rows: list[Row] = []
    with TemporaryDirectory(prefix="footfall-bench-") as name:
        folder = Path(name)
        # The users of other programs must be able to enter their folders below it.
        folder.chmod(0o755)
        metrics = peers.free_port()
        with collector(folder / "own", FOOTFALL_METRICS_PORT=str(metrics)) as own:
            taken = _Taken(metrics)
            send = partial(generator.load, folder, seconds=seconds)
            for reference in REFERENCES:
                where = folder / reference.name.replace(" ", "-")
                where.mkdir()
                try:
                    with reference.start(where) as peer:
                        rows += _against(reference, own, peer, send, taken)
                except peers.Missing as missing:
                    say(f"collector: not measured against {reference.name}: not installed: {missing}")
            rows.append(_usual(own, send, taken))
            taken.check()
            rows += _two_workers(folder, own, send)
    return rows


def _against(
    reference: Reference,
    own: peers.Peer,
    peer: peers.Peer,
    send: Callable[..., dict[str, float]],
    taken: "_Taken",
) -> list[Row]:
    rows = []
    send(peer.port, batch=1, connections=64, seconds=1)  # connections to a database, compiled code, caches
    for batch, connections in reference.shapes:
        say(f"collector: {WHAT[batch]}, {connections} connections, against {reference.name}")
        pairs = alternate(
            reference.repeats,
            lambda batch=batch, connections=connections: taken.by(
                send(own.port, batch=batch, connections=connections)
            ),
            lambda batch=batch, connections=connections: send(
                peer.port, batch=batch, connections=connections
            ),
        )
        rows.append(_row(reference, batch, connections, pairs, _memory(own), _memory(peer)))
    return rows


def _row(
    reference: Reference,
    batch: int,
    connections: int,
    pairs: Sequence[tuple[dict[str, float], dict[str, float]]],
    own_memory: str,
    peer_memory: str,
) -> Row:
    ours, theirs = ([pair[side] for pair in pairs] for side in (0, 1))
    remark = reference.remark
    middle = statistics.median(each["events_per_second"] for each in ours)
    busiest = max(each["generator_busy"] for each in (*ours, *theirs))
    if busiest > SATURATED:
        remark += f"; the generator was {busiest:.0%} busy, so the faster may be faster than this"
    if len(cores()) < 2 or not hasattr(os, "sched_setaffinity"):
        remark += "; not pinned to cores"
    return Row(
        f"collector, {WHAT[batch]} of {EVENT_BYTES} bytes, {connections} connections, one core",
        _figures(ours, own_memory),
        _figures(theirs, peer_memory),
        [a["events_per_second"] / b["events_per_second"] for a, b in pairs],
        remark,
        Aim(middle, WANTED[batch], "events/s"),
    )


def _figures(runs: Sequence[dict[str, float]], memory: str) -> str:
    middle = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    return (
        f"{rate(middle['events_per_second'])} events/s, p50 {middle['p50_ms']:.1f} ms, "
        f"p99 {middle['p99_ms']:.1f} ms, {memory}"
    )


def _usual(own: peers.Peer, send: Callable[..., dict[str, float]], taken: "_Taken") -> Row:
    """The delay of answers at a share of the peak, by pauses between requests that bring it about."""
    say(f"collector: delays at {USUAL_SHARE:.0%} of the peak")
    peak, usual = usual_load(lambda **pace: taken.by(send(own.port, batch=1, connections=64, **pace)))
    return Row(
        f"collector, single events, 64 connections, p99 at {USUAL_SHARE:.0%} of its peak",
        f"{rate(usual['events_per_second'])} events/s, p50 {usual['p50_ms']:.1f} ms, "
        f"p99 {usual['p99_ms']:.1f} ms",
        f"{rate(peak['events_per_second'])} events/s, p50 {peak['p50_ms']:.1f} ms, "
        f"p99 {peak['p99_ms']:.1f} ms",
        [usual["events_per_second"] / peak["events_per_second"]],
        "the collector itself at its peak; the ratio is the share of it that was reached",
        Aim(usual["p99_ms"], 10, "ms p99", is_most=True),
    )


def usual_load(
    send: Callable[..., dict[str, float]], connections: int = 64
) -> tuple[dict[str, float], dict[str, float]]:
    """A run at the peak, and the one of a few tries whose rate came nearest to USUAL_SHARE of it."""
    peak = send()
    wanted = USUAL_SHARE * peak["events_per_second"]
    pause = 1000 * connections / wanted - peak["p50_ms"] / 2
    runs = []
    for _ in range(4):
        pause = max(0.05, pause)
        runs.append(send(pause_ms=pause) | {"pause_ms": pause})
        # The cycle of a connection is its pause and its delay; the delay stays about as it is.
        pause += 1000 * connections * (1 / wanted - 1 / runs[-1]["events_per_second"])
    return peak, min(runs, key=lambda each: abs(each["events_per_second"] - wanted))


def _memory(peer: peers.Peer) -> str:
    now, most = megabytes(peer.pid)
    return f"{now:.0f} MB, {most:.0f} at most"


def _two_workers(folder: Path, own: peers.Peer, send: Callable[..., dict[str, float]]) -> list[Row]:
    """Two workers on two cores against one on one; the generator needs a third."""
    if len(cores()) < 3:
        say(
            "collector: two workers against one: not measured: "
            f"that takes three cores, here are {len(cores())}"
        )
        return []
    say("collector: two workers against one")
    with collector(folder / "two", on=cores()[-2:], FOOTFALL_COLLECTOR_WORKERS="2") as two:
        pairs = alternate(
            3,
            lambda: send(two.port, batch=1, connections=256),
            lambda: send(own.port, batch=1, connections=256),
        )
    remark = "the collector with one worker on one core; two workers have two"
    what = Reference("one worker", peers.least, remark, (), 3)
    return [_row(what, 1, 256, pairs, _memory(two), _memory(own))]


class _Taken:
    """Compares what was acknowledged with what the collector says it took."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._acknowledged = 0.0
        self._under_way = 0  # events that a run may have left unanswered at its end

    def by(self, run: dict[str, float]) -> dict[str, float]:
        """Count a run."""
        self._acknowledged += run["acknowledged_events"]
        self._under_way += 256 * 10
        return run

    def check(self) -> None:
        """Raises RuntimeError where something acknowledged was not taken, or much more was."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        [taken] = [
            float(line.split()[1]) for line in lines if line.startswith("footfall_collector_events_total ")
        ]
        if not 0 <= taken - self._acknowledged <= self._under_way:
            raise RuntimeError(f"{self._acknowledged:.0f} events were acknowledged, {taken} taken")


@contextmanager
def collector(folder: Path, *, on: Sequence[int] = (), **settings: str) -> Iterator[peers.Peer]:
    """A real collector with its default settings and a state folder of its own, on the last core."""
    clients = folder / "clients"
    clients.mkdir(parents=True)
    (clients / "bench.yaml").write_text(CLIENT_FILE)
    port, log = peers.free_port(), folder / "collector.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FOOTFALL_")}
    environment |= {
        "FOOTFALL_HOME": str(folder / "home"),
        "FOOTFALL_CLIENTS": str(clients),
        "FOOTFALL_COLLECTOR_PORT": str(port),
        # One address sends everything here: its limit is counted, but never reached.
        "FOOTFALL_ADDRESS_EVENTS_PER_SECOND": "1000000",
        **settings,
    }
    command = (sys.executable, "-m", "collector")
    with peers.process(command, log, on=on or cores()[-1:], environment=environment) as started:
        peers.await_port(port, log, started)
        # The port is open a moment before requests are answered.
        until = time.monotonic() + peers.START_SECONDS
        while "listening" not in log.read_text() and time.monotonic() < until:
            time.sleep(0.05)
        yield peers.Peer(port, started.pid)
