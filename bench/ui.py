"""`python bench/ui.py`: the Dagster side with 200 clients and 400 days of hours; what an operator waits for.

Clients: 200 with three exports each (600 assets). History: one client's export is materialised in every
hour of the 400 days and every other one in its last hour, written with Dagster's own
`report_runless_asset_event`; all of them in all hours would be 3.8 million events. Nothing is asserted.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

# Before this file's folder, which Python puts first and where `collector` is bench/collector.py.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import dagster as dg
from playwright.sync_api import Page, sync_playwright

from bench.measure import Row, say, seconds, table
from footfall import installation
from footfall.clients import load_registry
from footfall.hours import HOUR, floor
from footfall.processes import Children
from footfall.settings import Settings
from orchestration.alerting.book import alert_book
from orchestration.defs.alerting.deliveries import overdue
from orchestration.delivery.ledger import Ledger
from orchestration.partitions import HOUR_FORMAT

CLIENTS, DAYS = 200, 400
UI_PORT = "18399"
_CLIENT = """
client_id: c{n:03d}
name: Client {n}
timezone: UTC
sites:
  - {{site_id: shop, key: pk_bench_{n:08d}, domains: [shop{n}.example]}}
destination: {{url: "file://${{FOOTFALL_HOME}}/buckets/c{n:03d}"}}
exports:
  - {{name: events, dataset: events, cadence: hourly}}
  - {{name: sessions, dataset: sessions, cadence: hourly}}
  - {{name: daily-metrics, dataset: daily_metrics, cadence: daily}}
"""
_LOAD = """
import time
begun = time.perf_counter()
from orchestration.definitions import defs
made = defs()
repository = made.get_repository_def()
print("definitions load:", time.perf_counter() - begun)
import dagster as dg
from datetime import datetime, timezone
schedule = repository.get_schedule_def("hourly")
with dg.DagsterInstance.get() as instance, dg.build_schedule_context(
    instance, scheduled_execution_time=datetime.now(timezone.utc), repository_def=repository
) as context:
    begun = time.perf_counter()
    [request] = schedule.evaluate_tick(context).run_requests
    print("schedule tick:", time.perf_counter() - begun)
"""


def history(last: datetime, clients: int, days: int) -> int:
    """Write the materialisations. Returns how many."""
    written = 0
    hours = [last - n * HOUR for n in range(days * 24)]
    with dg.DagsterInstance.get() as instance:
        for n in range(clients):
            key = dg.AssetKey(["deliveries", f"c{n:03d}", "events"])
            for hour in hours if n == 0 else hours[:1]:
                event = dg.AssetMaterialization(key, partition=hour.strftime(HOUR_FORMAT))
                instance.report_runless_asset_event(event)
                written += 1
    return written


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """A webserver and a daemon on the state."""
    environment = installation.environment(settings, os.environ)
    with Children(installation.PROJECT, environment, settings.home / "logs") as children:
        yield installation.start_dagster(children, settings)


def opened(page: Page, url: str, text: str) -> float:
    """Seconds until a page shows a text."""
    begun = time.perf_counter()
    page.goto(url, wait_until="domcontentloaded")
    page.get_by_text(text).first.wait_for(timeout=300_000)
    return time.perf_counter() - begun


@dataclass
class Figures:
    """Seconds of one installation, by what an operator waits for; a page is opened more than once."""

    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, what: str, value: float) -> None:
        """Note one."""
        self.took[what].append(value)
        say(f"ui: {what}: {value:.2f} s")


def measured(clients: int, days: int, repeats: int) -> Figures:
    """Set up an installation of so many clients and days of history, and use it."""
    folder = Path(tempfile.mkdtemp(prefix="footfall-bench-"))
    before = dict(os.environ)
    (folder / "clients").mkdir()
    for n in range(clients):
        (folder / "clients" / f"c{n:03d}.yaml").write_text(_CLIENT.format(n=n))
    os.environ.update(
        FOOTFALL_HOME=str(folder / "state"),
        FOOTFALL_CLIENTS=str(folder / "clients"),
        FOOTFALL_UI_PORT=UI_PORT,
    )
    settings = Settings.from_environ(os.environ)
    installation.prepare(settings)
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)
    last = floor(datetime.now(UTC)) - HOUR
    settings.first_hour_file.write_text(f"{last - timedelta(days=days):%Y-%m-%dT%H}\n")
    figures = Figures()
    try:
        say(f"ui: {history(last, clients, days)} materialisations written")
        for _ in range(repeats):
            _load(settings, figures)
        _alerts(settings, last, figures)
        _pages(settings, figures, repeats)
    finally:
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(folder, ignore_errors=True)
    return figures


def _load(settings: Settings, figures: Figures) -> None:
    """A process that loads the definitions and evaluates a tick of the hour, as the daemon's does."""
    done = subprocess.run(
        [sys.executable, "-c", _LOAD],
        cwd=installation.PROJECT,
        env=installation.environment(settings, os.environ),
        capture_output=True,
        text=True,
        check=True,
    )
    for line in done.stdout.splitlines():
        what, _, took = line.partition(": ")
        if what in (LOAD, TICK):
            figures.add(what, float(took))


def _alerts(settings: Settings, last: datetime, figures: Figures) -> None:
    """What the alerts' tick asks the ledger for every export."""
    registered = load_registry(settings.clients).clients
    ledger = Ledger(settings.ledger)
    with alert_book(settings.alert_book) as book:
        figures.add(ALERTS, seconds(lambda: overdue(ledger, registered, book, last + 50 * HOUR)))
    ledger.close()


def _pages(settings: Settings, figures: Figures, repeats: int) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        say("ui: no Chromium, so no pages")
        return
    with served(settings) as ui, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(ui)  # the webserver's own first load of the code location is no page's
        page.get_by_text("Overview").first.wait_for(timeout=300_000)
        for _ in range(repeats):
            figures.add(GRAPH, opened(page, ui + "/asset-groups", "deliveries"))
            partitions = "/assets/deliveries/c000/events?view=partitions"
            figures.add(PARTITIONS, opened(page, ui + partitions, "Materialized ("))
        browser.close()


#: What is waited for → seconds that it may take.
LOAD, TICK, ALERTS = "definitions load", "schedule tick", "alerts look at every export"
GRAPH, PARTITIONS = "asset graph opens", "partitions of an export open"
WANTED = {LOAD: 5, TICK: 2, ALERTS: 2, GRAPH: 3, PARTITIONS: 3}


def run(clients: int = CLIENTS, days: int = DAYS, repeats: int = 3) -> list[Row]:
    """The rows for `make bench`."""
    say(f"ui: {clients} clients, {days} days")
    large = measured(clients, days, repeats)
    say("ui: one client, one day")
    small = measured(1, 1, repeats)
    return [
        Row(
            f"UI, {clients} clients, {days} days: {what}",
            f"{median(large.took[what]):.2f} s (wanted: {wanted} s at most)",
            f"{median(small.took[what]):.2f} s",
            [one / other for one, other in zip(small.took[what], large.took[what], strict=True)],
            "one client and one day of the same",
        )
        for what, wanted in WANTED.items()
        if large.took[what]
    ]


def main() -> None:
    """See the module."""
    sys.stdout.write(table(run()) + "\n")


if __name__ == "__main__":
    main()
