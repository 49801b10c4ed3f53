"""The API over a long history: how soon it begins, and what eight callers wait for a visitor and an overview.

`python -m bench.api FOLDER PAGE_VIEWS` measures another history, whose published files are used again. Beside
it, in turn, Umami's SQL on Postgres and Plausible's on ClickHouse answer of the same rows (bench.api_peers).
"""

import contextlib
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import yaml

from bench.api_peers import Asked, PeerOfApi, days_back, plausible, umami, visitor_id
from bench.measure import Aim, Row, say, table
from bench.peers import Missing
from bench.published import DAYS, PER_VISITOR, prepare
from footfall.access.api_keys import key_hash

CALLERS = 8
#: Questions of each kind that are measured, and before them some that are not counted.
QUESTIONS, WARM = 240, 16
#: The same of what it is compared with, which may take so many seconds for a kind.
PEER_QUESTIONS, PEER_WARM, PEER_SECONDS = 64, 8, 120.0
KEY = "ffk_the-key-of-a-benchmark"
#: An overview, which always ends today. Asked again it is warm.
OVERVIEW = "/analytics/?site_id=shop"
AGAIN = 60
_SUMMARY = "visitors,sessions,page_views,events,conversions,conversion_rate,bounce_rate,revenue"
#: What is asked, of days that nobody asked about before, and what p95 with eight callers ought to be in ms.
GOALS = {
    "one visitor": 100,
    "a summary of 30 days": 1000,
    "a curve of 30 days": 1000,
    "pages of 28 days": 1000,
}
#: Path of a question → an answer, or RuntimeError.
Ask = Callable[[str], float]


def run(*, history: int = 1_000_000) -> list[Row]:
    """A row for the start, one for each kind of question, and one beside each peer.

    Raises RuntimeError with what a side said.
    """
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        return measured(Path(name), history)


def measured(folder: Path, history: int) -> list[Row]:
    """The same in a folder, where what is there is used again."""
    place = folder / str(history)
    prepare(place, history)
    write_client(place)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with contextlib.ExitStack() as peers:
        beside = []
        for each in (umami, plausible):
            try:
                beside.append(peers.enter_context(each(place, history)))
            except Missing as missing:
                say(f"api: without {each.__name__}: {missing}")
        say(f"api: {CALLERS} callers over {history:,} page views")
        begun = time.perf_counter()
        process = _started(place, port)
        try:
            wait_for(process, port, place / "answers.log")
            start, least = time.perf_counter() - begun, _memory(process.pid, "VmRSS")
            ask = _asker(port)
            rows = [_warm(ask, history)]
            for kind in GOALS:
                rows += _rows(kind, history, ask, beside)
            most = _memory(process.pid, "VmHWM")
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)
    return [
        Row(
            "start of `footfall api`",
            f"{start:.2f} s, {least} MB",
            "2 s, 200 MB",
            [2 / start],
            f"the goal; until /health answers. {most} MB at most under the questions below",
            Aim(start, 2, "s", is_most=True),
        ),
        *rows,
    ]


def _warm(ask: Ask, history: int) -> Row:
    first, *again = [ask(OVERVIEW) for _ in range(AGAIN)]
    middle = statistics.median(again)
    return Row(
        f"an overview over {history:,} page views that was asked for before, one caller",
        f"p50 {middle:,.1f} ms",
        "50 ms",
        [50 / middle],
        f"the goal. The first time {first:,.0f} ms; then nothing was published anew",
        Aim(middle, 50, "ms p50", is_most=True),
    )


def _rows(kind: str, history: int, ask: Ask, beside: Sequence[PeerOfApi]) -> list[Row]:
    """Ours against the goal, and against each that knows the question."""
    asked = _questions(kind, history, QUESTIONS + WARM)
    in_order = sorted(_times(lambda each: ask(_path(kind, each)), asked, WARM))
    p95 = _p95(in_order)
    found = [
        Row(
            f"{kind} over {history:,} page views, {CALLERS} callers",
            f"p95 {p95:,.0f} ms",
            f"{GOALS[kind]:,} ms",
            [GOALS[kind] / p95],
            f"the goal, which is stated for 100 million. p50 {statistics.median(in_order):,.0f} ms, "
            f"{len(in_order)} questions, each of its own",
            Aim(p95, GOALS[kind], "ms p95", is_most=True),
        )
    ]
    for peer in beside:
        if kind in peer.kinds:
            questions = _questions(kind, peer.page_views, PEER_QUESTIONS + PEER_WARM)
            theirs = sorted(_times(_clocked(peer.kinds[kind]), questions, PEER_WARM, PEER_SECONDS))
            found.append(
                Row(
                    f"{kind} beside {peer.name}",
                    f"p95 {p95:,.0f} ms",
                    f"p95 {_p95(theirs):,.0f} ms, p50 {statistics.median(theirs):,.0f} ms",
                    [_p95(theirs) / p95],
                    peer.remark,
                )
            )
    return found


def _questions(kind: str, history: int, count: int) -> list[Asked]:
    """Questions of a kind, none twice: other visitors, or days that end on other days."""
    chance = random.Random(kind)
    if kind == "one visitor":
        return [
            Asked(*_ends(days_back(DAYS + 1)), visitor_id(chance.randrange(history // PER_VISITOR)))
            for _ in range(count)
        ]
    length = 28 if "28" in kind else 30
    return [days_back(length, ago) for ago in chance.sample(range(DAYS - length), count)]


def _ends(days: Asked) -> tuple[datetime, datetime]:
    return days.first, days.last


def _path(kind: str, asked: Asked) -> str:
    days = f"site_id=shop&date_range={asked.first:%Y-%m-%d},{asked.last:%Y-%m-%d}"
    return {
        "one visitor": f"/v1/visitors/{asked.visitor}",
        "a summary of 30 days": f"/v1/timeseries?{days}&interval=month&metrics={_SUMMARY}",
        "a curve of 30 days": f"/v1/timeseries?{days}",
        "pages of 28 days": f"/v1/breakdown?{days}&dimension=event:page&metrics=page_views,visitors",
    }[kind]


def _p95(in_order: Sequence[float]) -> float:
    return in_order[int(len(in_order) * 0.95)]


def _times(
    ask: Callable[[Asked], float], questions: Sequence[Asked], warm: int, most_seconds: float = 600.0
) -> list[float]:
    """Milliseconds of each question after the first few, by several callers; those in time, ten at least."""
    until = time.monotonic() + most_seconds

    def one(number: int) -> float | None:
        return ask(questions[number]) if number < warm + 10 or time.monotonic() < until else None

    with ThreadPoolExecutor(CALLERS) as callers:
        took = list(callers.map(one, range(len(questions))))
    return [each for each in took[warm:] if each is not None]


def _clocked(ask: Callable[[Asked], object]) -> Callable[[Asked], float]:
    def clocked(asked: Asked) -> float:
        begun = time.perf_counter()
        ask(asked)
        return (time.perf_counter() - begun) * 1000

    return clocked


def _asker(port: int) -> Ask:
    def ask(path: str) -> float:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"x-api-key": KEY})
        begun = time.perf_counter()
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                answer.read()
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{path}: {error.code} {error.read().decode()[:500]}") from None
        return (time.perf_counter() - begun) * 1000

    return ask


def write_client(place: Path) -> None:
    """The file of the one client of a history."""
    document = {
        "client_id": "bench",
        "name": "Bench",
        "sites": [{"site_id": "shop", "key": "pk_shop_1234", "domains": ["shop.example"]}],
        "destination": {"url": "file://${FOOTFALL_HOME}/buckets/bench"},
        "exports": [{"name": "events", "dataset": "events", "cadence": "hourly"}],
        "api_keys": [{"name": "bench", "sha256": key_hash(KEY), "permissions": ["read"]}],
    }
    (place / "clients").mkdir(exist_ok=True)
    (place / "clients" / "bench.yaml").write_text(yaml.safe_dump(document))


def _started(place: Path, port: int) -> "subprocess.Popen[str]":
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FOOTFALL_")} | {
        "FOOTFALL_ENV_FILE": os.devnull,
        "FOOTFALL_HOME": str(place),
        "FOOTFALL_CLIENTS": str(place / "clients"),
        "FOOTFALL_API_PORT": str(port),
        "FOOTFALL_API_REQUESTS_PER_MINUTE": "0",
        "FOOTFALL_API_REQUESTS_PER_HOUR": "0",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "commands.entry", "api"],
        env=environ, stdout=subprocess.DEVNULL, stderr=(place / "answers.log").open("w"), text=True,
        cwd=Path(__file__).resolve().parents[1],
    )  # fmt: skip


def wait_for(process: "subprocess.Popen[str]", port: int, log: Path, health: str = "/health") -> None:
    """Return once a process answers. Raises RuntimeError where it ends."""
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{health}", timeout=60) as answer:
                answer.read()
            return
        except OSError:
            if process.poll() is not None:
                raise RuntimeError(f"it ended: {log.read_text()[-500:]}") from None
            time.sleep(0.005)


def _memory(pid: int, name: str) -> int:
    """MB of a process, as the kernel has them."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(name)).split()[1]) // 1024


if __name__ == "__main__":
    print(table(measured(Path(sys.argv[1]), int(sys.argv[2]))))
