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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from bench.api import wait_for, write_client
from bench.measure import Row, alternate, megabytes, say, table
from bench.published import prepare

REPEATS = 4
#: Seconds that the first screen may take, cold and warm, on two cores.
COLD, WARM = 2.5, 1.0
#: Seconds that a click on a row may take until the figures are others; sessions that are open meanwhile.
CLICK, SESSIONS = 0.5, 5
#: What a page of ours is measured beside.
_BESIDE = "a page of Streamlit with one figure: no data, no chart, no menu"
_BARE = "import streamlit as st\nst.metric('Visitors', 1)\n"
#: What is there once a page is: of ours the six figures and the chart.
OURS = "document.querySelectorAll('.st-key-cards button').length === 6 && document.querySelector('.plot img')"
#: A row of the pages, and what is filtered.
_ROW, _CHIP = ".st-key-row_pages_1 button", ".st-key-w_filter_0 button"
#: Clicks, and gives the milliseconds until the page views on their card are others.
_UNTIL_OTHER = """button => new Promise(done => {
  const figure = () => document.querySelector(".st-key-w_card_page_views strong")?.textContent;
  const [before, begun] = [figure(), performance.now()];
  document.querySelector(button).click();
  const look = setInterval(() => {
    if (figure() && figure() !== before) { clearInterval(look); done(performance.now() - begun); }
  }, 5);
})"""
BARE = "document.querySelector('[data-testid=stMetric]')"
_FETCHED = "performance.getEntriesByType('resource').reduce((sum, each) => sum + each.transferSize, 0)"


@dataclass(frozen=True)
class Served:
    """A page of a process. `there`: what is true in the browser once it is drawn."""

    url: str
    pid: int
    there: str


@dataclass(frozen=True)
class Look:
    """Seconds until a page was there; CPU seconds of its server, and of the browser's thread that drew it.

    `fetched`: bytes that came over the net, as they were sent.
    """

    seconds: float
    server: float
    page: float
    fetched: int


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
    with _ours(place) as ours, _bare(place) as bare, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        say(f"dashboard: the first screen over {history:,} page views")
        # The first look of each process loads what Python has not loaded yet; it is no page's.
        first = _cold(browser, ours)
        _cold(browser, bare)
        cold = alternate(REPEATS, lambda: _cold(browser, ours), lambda: _cold(browser, bare))
        mine, other = browser.new_context(), browser.new_context()
        _opened(mine, ours)
        _opened(other, bare)
        warm = alternate(REPEATS, lambda: _opened(mine, ours), lambda: _opened(other, bare))
        clicks, memory = _five(browser, ours)
        browser.close()
    return [
        *_rows(
            "in a new browser", history, cold, COLD, f"{memory:.0f} MB with {SESSIONS} sessions; {_net(cold)}"
        ),
        *_rows(
            "opened again", history, warm, WARM, f"the very first of the process: {first.server:.2f} CPU s"
        ),
        *_rows("after a click on a row", history, clicks, CLICK, "", "the filter taken off again"),
    ]


def _net(pairs: list[tuple[Look, Look]]) -> str:
    mine, other = (statistics.median(each.fetched for each in side) for side in zip(*pairs, strict=True))
    return f"{mine / 1e6:.1f} MB over the net, that page {other / 1e6:.1f}"


def _rows(
    what: str, history: int, pairs: list[tuple[Look, Look]], goal: float, more: str, beside: str = _BESIDE
) -> list[Row]:
    """Seconds until it is there, and CPU seconds of the server and of the page's own thread."""

    def row(name: str, wanted: str, of: Callable[[Look], float], remark: str) -> Row:
        mine, other = (statistics.median(map(of, side)) for side in zip(*pairs, strict=True))
        return Row(
            f"dashboard's first screen {what}, over {history:,} page views{name}",
            f"{mine:.2f} s{wanted}",
            f"{other:.2f} s",
            [of(theirs) / max(of(ours), 0.01) for ours, theirs in pairs],
            remark,
        )

    about = f"{beside}. {more}"
    return [
        row("", f" (wanted: {goal} s at most)", lambda each: each.seconds, about),
        row(": CPU of the server", "", lambda each: each.server, "as above"),
        row(": CPU of the browser", "", lambda each: each.page, "as above; the thread that draws the page"),
    ]


def _cold(browser: Browser, served: Served) -> Look:
    context = browser.new_context()
    try:
        return _opened(context, served)
    finally:
        context.close()


def _opened(context: BrowserContext, served: Served) -> Look:
    """What it takes until a page shows what it should."""
    page = context.new_page()
    try:
        tools = context.new_cdp_session(page)
        tools.send("Performance.enable", {"timeDomain": "threadTicks"})
        begun, used = time.perf_counter(), _cpu(served.pid)
        page.goto(served.url, wait_until="commit")
        page.wait_for_function(served.there, polling=20, timeout=300_000)
        taken = time.perf_counter() - begun
        metrics = {each["name"]: each["value"] for each in tools.send("Performance.getMetrics")["metrics"]}
        return Look(taken, _cpu(served.pid) - used, metrics["TaskDuration"], page.evaluate(_FETCHED))
    finally:
        page.close()


def _five(browser: Browser, served: Served) -> tuple[list[tuple[Look, Look]], float]:
    """In each of some sessions a filter by a click, and off again; MB that the server held at most."""
    pages = [browser.new_context().new_page() for _ in range(SESSIONS)]
    for page in pages:
        page.goto(served.url, wait_until="commit")
        page.wait_for_function(f"{served.there} && document.querySelector('{_ROW}')", timeout=300_000)
    found = [(_pressed(page, served.pid, _ROW), _pressed(page, served.pid, _CHIP)) for page in pages]
    memory = megabytes(served.pid)[1]
    for page in pages:
        page.context.close()
    return found, memory


def _pressed(page: Page, pid: int, button: str) -> Look:
    """What it takes from a click until the figure of page views is another."""
    tools = page.context.new_cdp_session(page)
    tools.send("Performance.enable", {"timeDomain": "threadTicks"})

    def worked() -> float:
        metrics = tools.send("Performance.getMetrics")["metrics"]
        return next(float(each["value"]) for each in metrics if each["name"] == "TaskDuration")

    begun, used = worked(), _cpu(pid)
    seconds = page.evaluate(_UNTIL_OTHER, button) / 1000
    return Look(seconds, _cpu(pid) - used, worked() - begun, 0)


def _cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _ours(place: Path) -> Iterator[Served]:
    port = _free()
    environ = {
        "FOOTFALL_ENV_FILE": os.devnull,
        "FOOTFALL_HOME": str(place),
        "FOOTFALL_CLIENTS": str(place / "clients"),
        "FOOTFALL_DASHBOARD_PORT": str(port),
    }
    with _process(place, environ, port, "/health", "commands.entry", "dashboard") as pid:
        yield Served(f"http://127.0.0.1:{port}", pid, OURS)


@contextmanager
def _bare(place: Path) -> Iterator[Served]:
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
    with _process(place, {}, port, "/_stcore/health", *arguments) as pid:
        yield Served(f"http://127.0.0.1:{port}", pid, BARE)


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
