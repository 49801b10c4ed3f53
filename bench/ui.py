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
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

# Before this file's folder, which Python puts first and where `collector` is bench/collector.py.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import dagster as dg
from playwright.sync_api import Page, sync_playwright

from bench.measure import say, seconds
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
print("loaded", time.perf_counter() - begun)
import dagster as dg
from datetime import datetime, timezone
schedule = repository.get_schedule_def("hourly")
with dg.DagsterInstance.get() as instance, dg.build_schedule_context(
    instance, scheduled_execution_time=datetime.now(timezone.utc), repository_def=repository
) as context:
    begun = time.perf_counter()
    requests = schedule.evaluate_tick(context).run_requests
    print("tick", time.perf_counter() - begun, len(requests))
"""


def history(last: datetime) -> int:
    """Write the materialisations. Returns how many."""
    written = 0
    hours = [last - n * HOUR for n in range(DAYS * 24)]
    with dg.DagsterInstance.get() as instance:
        for n in range(CLIENTS):
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


def main() -> None:
    """See the module."""
    folder = Path(tempfile.mkdtemp(prefix="footfall-bench-"))
    clients = folder / "clients"
    clients.mkdir()
    for n in range(CLIENTS):
        (clients / f"c{n:03d}.yaml").write_text(_CLIENT.format(n=n))
    os.environ.update(
        FOOTFALL_HOME=str(folder / "state"), FOOTFALL_CLIENTS=str(clients), FOOTFALL_UI_PORT=UI_PORT
    )
    settings = Settings.from_environ(os.environ)
    installation.prepare(settings)
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)
    last = floor(datetime.now(UTC)) - HOUR
    settings.first_hour_file.write_text(f"{last - timedelta(days=DAYS):%Y-%m-%dT%H}\n")
    try:
        begun = time.perf_counter()
        written = history(last)
        say(f"{written} materialisations written in {time.perf_counter() - begun:.0f} s")
        for line in subprocess.run(
            [sys.executable, "-c", _LOAD],
            cwd=installation.PROJECT,
            env=installation.environment(settings, os.environ),
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines():
            if line.startswith(("loaded", "tick")):
                say(f"definitions and schedule: {line}")
        registered = load_registry(clients).clients
        ledger = Ledger(settings.ledger)
        with alert_book(settings.alert_book) as book:
            for name in ("first", "next"):
                took = seconds(lambda: overdue(ledger, registered, book, last + 50 * HOUR))
                say(f"alerts, overdue deliveries of {len(registered) * 3} exports, {name} look: {took:.2f} s")
        ledger.close()
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        with served(settings) as ui, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page()
            for name in ("first", "again"):
                for what, path, text in (
                    ("asset graph", "/asset-groups", "deliveries"),
                    (
                        "partitions of one export",
                        "/assets/deliveries/c000/events?view=partitions",
                        "Materialized (",
                    ),
                ):
                    say(f"{what}, {name}: {opened(page, ui + path, text):.1f} s")
            browser.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
