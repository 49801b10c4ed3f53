"""The dashboard's first screen in a browser, beside a page of Streamlit that shows one figure.

`python -m bench.dashboard FOLDER PAGE_VIEWS` measures another history, whose published files are used again.
"""

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from bench.api import wait_for, write_client
from bench.measure import Row, alternate, megabytes, say, table
from bench.published import prepare

REPEATS = 4
#: Seconds that the first screen may take, cold and warm, on two cores.
COLD, WARM = 2.5, 1.0
_BARE = "import streamlit as st\nst.metric('Visitors', 1)\n"
#: What is there once a page is: of ours the six figures and the chart.
OURS = (
    "document.querySelectorAll('.st-key-cards button').length === 6 && "
    "document.querySelector('[data-testid=stVegaLiteChart] :is(canvas, svg)')"
)
BARE = "document.querySelector('[data-testid=stMetric]')"


def run(*, history: int = 1_000_000) -> list[Row]:
    """A row for a new browser, and one for a page that is opened again. None where there is no Chromium."""
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        return measured(Path(name), history)


def measured(folder: Path, history: int) -> list[Row]:
    """The same in a folder, where what is there is used again."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        say("dashboard: no Chromium, so no pages")
        return []
    place = folder / str(history)
    prepare(place, history)
    write_client(place)
    (place / "bare.py").write_text(_BARE)
    with _ours(place) as (ours, pid), _bare(place) as bare, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        say(f"dashboard: the first screen over {history:,} page views")
        # The first look of each process loads what Python has not loaded yet; it is no page's.
        _cold(browser, ours, OURS)
        _cold(browser, bare, BARE)
        cold = alternate(REPEATS, lambda: _cold(browser, ours, OURS), lambda: _cold(browser, bare, BARE))
        mine, other = browser.new_context(), browser.new_context()
        _opened(mine, ours, OURS)
        _opened(other, bare, BARE)
        warm = alternate(REPEATS, lambda: _opened(mine, ours, OURS), lambda: _opened(other, bare, BARE))
        memory = megabytes(pid)[1]
        browser.close()
    return [
        _row("in a new browser", history, cold, COLD, f"{memory:.0f} MB at most"),
        _row("opened again", history, warm, WARM, "as above"),
    ]


def _row(what: str, history: int, pairs: list[tuple[float, float]], goal: float, more: str) -> Row:
    mine, other = (statistics.median(side) for side in zip(*pairs, strict=True))
    return Row(
        f"dashboard's first screen {what}, over {history:,} page views",
        f"{mine:.2f} s (wanted: {goal} s at most)",
        f"{other:.2f} s",
        [theirs / ours for ours, theirs in pairs],
        f"a page of Streamlit with one figure: no data, no chart, no menu. {more}",
    )


def _cold(browser: Browser, url: str, there: str) -> float:
    context = browser.new_context()
    try:
        return _opened(context, url, there)
    finally:
        context.close()


def _opened(context: BrowserContext, url: str, there: str) -> float:
    """Seconds until a page shows what it should."""
    page = context.new_page()
    try:
        begun = time.perf_counter()
        page.goto(url, wait_until="commit")
        page.wait_for_function(there, polling=20, timeout=300_000)
        return time.perf_counter() - begun
    finally:
        page.close()


@contextmanager
def _ours(place: Path) -> Iterator[tuple[str, int]]:
    port = _free()
    environ = {
        "FOOTFALL_ENV_FILE": os.devnull,
        "FOOTFALL_HOME": str(place),
        "FOOTFALL_CLIENTS": str(place / "clients"),
        "FOOTFALL_DASHBOARD_PORT": str(port),
    }
    with _process(place, environ, port, "/health", "commands.entry", "dashboard") as pid:
        yield f"http://127.0.0.1:{port}", pid


@contextmanager
def _bare(place: Path) -> Iterator[str]:
    port = _free()
    options = {
        "server.port": port,
        "server.address": "127.0.0.1",
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "browser.serverAddress": "127.0.0.1",
    }
    said = [f"--{name}={value}" for name, value in options.items()]
    arguments = ("streamlit", "run", str(place / "bare.py"), *said)
    with _process(place, {}, port, "/_stcore/health", *arguments):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _process(place: Path, environ: dict[str, str], port: int, health: str, *module: str) -> Iterator[int]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FOOTFALL_")}
    log = place / "pages.log"
    process = subprocess.Popen(
        [sys.executable, "-m", *module],
        env=inherited | environ, stdout=subprocess.DEVNULL, stderr=log.open("w"), text=True,
        cwd=Path(__file__).resolve().parents[1],
    )  # fmt: skip
    try:
        wait_for(process, port, log, health)
        yield process.pid
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    print(table(measured(Path(sys.argv[1]), int(sys.argv[2]))))
