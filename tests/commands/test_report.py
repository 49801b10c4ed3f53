"""`footfall report`, as a person runs it on tables that a run has published."""

import dataclasses
import shutil

import pytest
from support.command_line import command_line
from support.publishing import Shelf
from support.reported import LAST, MONTHLY, NOVEMBER, Reporting, live_through, note, shop_warehouse

from footfall.store import LocalStore

CLIENT = """\
client_id: demo
name: Demo
timezone: Europe/Berlin
sites: [{site_id: shop, key: pk_demo_0000, domains: [demo.example]}]
destination: {url: "file://${FOOTFALL_HOME}/buckets/demo"}
exports:
  - {name: events, dataset: events, cadence: hourly}
  - {name: report, dataset: report, cadence: monthly, format: html}
  - {name: split, dataset: report, cadence: weekly, format: html, split: site, language: de}
"""


@pytest.fixture(scope="module")
def delivered(tmp_path_factory):
    """The command line where two months are published, and November's page as it was delivered."""
    folder = tmp_path_factory.mktemp("published")
    home, clients = folder / "state", folder / "clients"
    clients.mkdir()
    (clients / "demo.yaml").write_text(CLIENT)
    with shop_warehouse() as connection:
        live_through(connection, LAST.date(), 9)
        connection.execute("INSERT INTO ingest.hours VALUES ('2026-12-01T23:00:00Z', true)")
        Shelf(home, LocalStore(home / "lake")).publish(connection, "demo")
        at = Reporting(folder / "delivered", connection)
        note(at, NOVEMBER[4], "Sale of all socks")
        page = at.page(at.report())
    shutil.copy(at.folder / "access.sqlite", home / "access.sqlite")
    return dataclasses.replace(command_line(home), clients=clients), page


@pytest.fixture(scope="module")
def footfall(delivered):
    return delivered[0]


def test_it_shows_the_very_bytes_that_were_delivered_and_delivers_nothing(delivered):
    footfall, page = delivered

    done = footfall("report", "demo", "report", "--period", "2026-11")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == page
    assert "5 November 2026: Sale of all socks" in page
    assert "Days are those of Europe/Berlin." in page
    assert not (footfall.home / "ledger.sqlite").exists()
    assert not (footfall.home / "buckets").exists()


@pytest.mark.parametrize("period", ["2026-W47", "2026-11-16", "2026-11-22"])
def test_any_day_of_a_period_names_it_and_a_file_can_be_written(footfall, tmp_path, period):
    out = tmp_path / "week.html"
    asked = ("report", "demo", "split", "--site", "shop", "--period", period, "--output", str(out))

    done = footfall(*asked)

    assert (done.returncode, done.stdout) == (0, f"{out}\n")
    assert "<h1>Woche 47, 2026</h1>" in out.read_text()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("demo", "events"), "demo has no report 'events'; its reports are report, split"),
        (("demo", "split"), "split has a page for each site: say --site, one of shop"),
        (("demo", "report", "--site", "x"), "demo has no site 'x'; there are shop"),
        (("demo", "report", "--period", "soon"), "--period soon: write a day in it such as 2026-11-20"),
        (("demo", "report", "--period", "2026-W54"), "--period 2026-W54: write a day"),
        (("demo", "report", "--period", "2026-13"), "--period 2026-13: write a day"),
        (("nobody", "report"), "nobody"),
        (("demo", "report", "--output", "/nowhere/at/all.html"), "cannot be written"),
    ],
)
def test_a_mistake_is_one_line(footfall, asked, said):
    done = footfall("report", *asked)

    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_before_anything_is_published_it_says_so(tmp_path, footfall):
    elsewhere = dataclasses.replace(footfall, home=tmp_path / "state")

    done = elsewhere("report", "demo", "report")

    assert done.returncode == 1
    assert "demo" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_monthly_export_is_what_the_tests_deliver():
    assert (MONTHLY.name, MONTHLY.cadence, MONTHLY.language) == ("report", "monthly", "en")
