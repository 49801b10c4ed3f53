"""`python bench/ui.py`: the Dagster side with 200 clients and 400 days of hours; what an operator waits for.

    python bench/ui.py [CLIENTS [DAYS]]

Clients: 200 with three exports each (600 assets). History: every period of every export, 3.9 million
materialisations in 4 GB, which are gone afterwards. Nothing is asserted.
"""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

# Before this file's folder, which Python puts first and where `collector` is bench/collector.py.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import dagster as dg
from playwright.sync_api import Page, sync_playwright

from bench.measure import Aim, Row, say, seconds, table
from commands import installation
from commands.processes import Children
from footfall.catalogue.periods import DAY_FORMAT, HOUR_FORMAT
from footfall.clients import load_registry
from footfall.hours import HOUR, floor
from footfall.settings import Settings
from orchestration.alerting.book import alert_book
from orchestration.defs.alerting.deliveries import owed
from orchestration.delivery.ledger import Ledger

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


def history(clients: int, days: int, last: datetime) -> int:
    """Write that every period of every export was materialised. Returns how many there are.

    The last period of each export is written by Dagster, and the one before it of the first export; that
    row is what all others are made from, in one transaction: a call of Dagster's takes 20 ms, and there are
    millions.
    """
    exports = [
        (["deliveries", f"c{n:03d}", name], keys)
        for n in range(clients)
        for name, keys in (
            ("events", _hours(last, days)),
            ("sessions", _hours(last, days)),
            ("daily-metrics", _days(last, days)),
        )
    ]
    with dg.DagsterInstance.get() as instance:

        def write(path: list[str], partition: str) -> None:
            instance.report_runless_asset_event(
                dg.AssetMaterialization(dg.AssetKey(path), partition=partition)
            )

        path, keys = exports[0]
        write(path, keys[-2])
        _copy(instance, path, keys[-2], exports)
        for path, keys in exports:
            write(path, keys[-1])
    return sum(len(keys) for _, keys in exports)


def _hours(last: datetime, days: int) -> list[str]:
    return [f"{last - n * HOUR:{HOUR_FORMAT}}" for n in reversed(range(days * 24))]


def _days(last: datetime, days: int) -> list[str]:
    return [f"{last - n * timedelta(days=1):{DAY_FORMAT}}" for n in reversed(range(1, days + 2))]


def _copy(
    instance: dg.DagsterInstance, path: list[str], partition: str, exports: list[tuple[list[str], list[str]]]
) -> None:
    """Make the rows of all periods but the last of each export, in order of time, from the one there is.

    Only into the index of all runs, as it is once `upkeep` has removed the logs of the runs themselves.
    """
    file = next(Path(instance.root_directory).glob("history/runs/index.db"))
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA journal_mode = OFF")  # it would be as large as the file
        event, when = database.execute("SELECT event, timestamp FROM event_logs").fetchone()
        assert event.count(partition) == 1 and event.count(json.dumps(path)) == 1
        before, between, after = re.split(f"{re.escape(json.dumps(path))}|{partition}", event)
        indexes = database.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'event_logs'"
        ).fetchall()
        longest = max(len(keys) for _, keys in exports)
        named = [(json.dumps(path), [""] * (longest - len(keys)) + keys) for path, keys in exports]
        database.execute("BEGIN")
        for name, _ in indexes:
            database.execute(f"DROP INDEX {name}")
        database.execute("DELETE FROM event_logs")
        database.executemany(
            "INSERT INTO event_logs (run_id, event, dagster_event_type, timestamp, asset_key, partition) "
            "VALUES ('', ?, 'ASSET_MATERIALIZATION', ?, ?, ?)",
            (
                (before + asset + between + keys[n] + after, when, asset, keys[n])
                for n in range(longest - 1)
                for asset, keys in named
                if keys[n]
            ),
        )
        for _, made in indexes:
            database.execute(made)
        database.execute("COMMIT")
        database.execute("PRAGMA journal_mode = WAL")


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """A webserver and a daemon on the state."""
    environment = installation.environment(settings, os.environ)
    with Children(Path.cwd(), environment, settings.home / "logs") as children:
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
    installation.prepare_models(settings)
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)
    last = floor(datetime.now(UTC)) - HOUR
    settings.first_hour_file.write_text(f"{last - timedelta(days=days):%Y-%m-%dT%H}\n")
    figures = Figures()
    try:
        begun = time.perf_counter()
        written = history(clients, days, last)
        say(f"ui: {written} materialisations written in {time.perf_counter() - begun:.0f} s")
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
        figures.add(ALERTS, seconds(lambda: owed(ledger, registered, book, last + 50 * HOUR)))
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
            f"{median(large.took[what]):.2f} s",
            f"{median(small.took[what]):.2f} s",
            [one / other for one, other in zip(small.took[what], large.took[what], strict=True)],
            "one client and one day of the same",
            Aim(median(large.took[what]), wanted, "s", is_most=True),
        )
        for what, wanted in WANTED.items()
        if large.took[what]
    ]


def main() -> None:
    """See the module."""
    sys.stdout.write(table(run(*(int(each) for each in sys.argv[1:3]))) + "\n")


if __name__ == "__main__":
    main()
