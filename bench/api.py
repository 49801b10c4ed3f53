"""The API over a long history: how soon it begins, and what eight callers wait for a visitor and an overview.

`python -m bench.api FOLDER PAGE_VIEWS` measures another history, whose published files are used again.
"""

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
from pathlib import Path

import duckdb
import yaml

from bench.measure import Aim, Row, say, table
from bench.published import PER_VISITOR, prepare
from footfall.access.api_keys import key_hash

CALLERS = 8
#: Questions of each kind that are measured; of these the first few are not counted.
QUESTIONS, WARM = 240, 16
KEY = "ffk_the-key-of-a-benchmark"
#: What is asked, and what p95 with eight callers ought to be in ms.
OVERVIEW = "/analytics/?site_id=shop"
GOALS = {"one visitor": 100, "an overview of 30 days": 1000, "a day's curve": 1000, "pages of 28 days": 1000}


def run(*, history: int = 1_000_000) -> list[Row]:
    """A row for the start, and one for each kind of question. Raises RuntimeError with what a side said."""
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
    say(f"api: {CALLERS} callers over {history:,} page views")
    begun = time.perf_counter()
    process = _started(place, port)
    try:
        wait_for(process, port, place / "answers.log")
        start, least = time.perf_counter() - begun, _memory(process.pid, "VmRSS")
        ask = _asker(port)
        visitors = _visitors(history)
        kinds: dict[str, Callable[[int], str]] = {
            "one visitor": lambda n: f"/v1/visitors/{visitors[n % len(visitors)]}",
            "an overview of 30 days": lambda _n: OVERVIEW,
            "a day's curve": lambda n: f"/v1/timeseries?site_id=shop&date_range={20 + n % 40}d",
            "pages of 28 days": lambda n: (
                f"/v1/breakdown?site_id=shop&dimension=event:page&date_range={20 + n % 9}d"
                "&metrics=page_views,visitors"
            ),
        }
        rows = [_row(kind, history, _times(ask, path)) for kind, path in kinds.items()]
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


def _row(kind: str, history: int, took: Sequence[float]) -> Row:
    in_order = sorted(took)
    p95 = in_order[int(len(in_order) * 0.95)]
    return Row(
        f"{kind} over {history:,} page views, {CALLERS} callers",
        f"p95 {p95:,.0f} ms",
        f"{GOALS[kind]:,} ms",
        [GOALS[kind] / p95],
        f"the goal, which is stated for 100 million. p50 {statistics.median(took):,.0f} ms, "
        f"{len(took)} questions",
        Aim(p95, GOALS[kind], "ms p95", is_most=True),
    )


def _times(ask: Callable[[str], float], path: Callable[[int], str]) -> list[float]:
    with ThreadPoolExecutor(CALLERS) as callers:
        return list(callers.map(ask, map(path, range(QUESTIONS + WARM))))[WARM:]


def _asker(port: int) -> Callable[[str], float]:
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


def _visitors(history: int) -> list[str]:
    chance = random.Random(1)
    numbers = [chance.randrange(history // PER_VISITOR) for _ in range(QUESTIONS + WARM)]
    with duckdb.connect() as connection:
        query = "SELECT substr(md5(CAST(n AS VARCHAR)), 1, 16) FROM unnest(?) AS t(n)"
        return [row[0] for row in connection.execute(query, [numbers]).fetchall()]


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
