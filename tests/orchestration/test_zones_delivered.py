"""Each event is in exactly one daily file, whatever becomes of the zone that its days are of."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from itertools import pairwise
from pathlib import Path

import pytest
from support.repository import ROOT
from support.zone_story import LAST, SITES, event_id, moments

from footfall.store import LocalStore
from footfall.verify import verify_bucket
from orchestration.delivery.ledger import Ledger

HOUR = timedelta(hours=1)
FILE = """\
# What a person wrote stays.
client_id: {name}
name: {name}
timezone: {zone}
sites:
  - {{site_id: {name}-a, key: pk_{name}_a_000, domains: [a.{name}.example]}}
  - {{site_id: {name}-b, key: pk_{name}_b_000, domains: [b.{name}.example]{own}}}
destination: {{url: "file://${{FOOTFALL_HOME}}/buckets/{name}"}}
exports:
  - {{name: days, dataset: events, cadence: daily}}
  - {{name: split, dataset: events, cadence: daily, split: site}}
"""


class Story:
    """Clients in a folder, and processes that work for them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.packages: list[str] = []
        self.machine: dict[str, str] = {}
        (folder / "clients").mkdir()

    def client(self, name: str, zone: str, own: str = "") -> Path:
        path = self.folder / "clients" / f"{name}.yaml"
        path.write_text(FILE.format(name=name, zone=zone, own=f", timezone: {own}" if own else ""))
        return path

    def _run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        inherited = {n: v for n, v in os.environ.items() if not n.startswith("FOOTFALL_")}
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            env=inherited
            | {
                "FOOTFALL_ENV_FILE": os.devnull,
                "FOOTFALL_HOME": str(self.folder),
                "FOOTFALL_CLIENTS": str(self.folder / "clients"),
                "PYTHONPATH": os.pathsep.join([*self.packages, str(ROOT / "tests"), str(ROOT)]),
                **self.machine,
            },
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )

    def deliver(self, *days: str, now: datetime = LAST) -> str:
        done = self._run("support.zone_story", str(self.folder), now.isoformat(), *days)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def footfall(self, *arguments: str, code: int = 0) -> str:
        done = self._run("commands.entry", *arguments)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    def manifests(self, name: str, export: str) -> dict[str, list[dict]]:
        """Day → its manifests, by revision."""
        found: dict[str, list[dict]] = {}
        for path in sorted((self.folder / name / export).glob("dt=*/rev=*/_manifest.json")):
            found.setdefault(path.parts[-3].removeprefix("dt="), []).append(json.loads(path.read_text()))
        return found

    def rows(self, name: str, export: str) -> dict[str, list[str]]:
        """Event → the days in whose newest revision it is."""
        found: dict[str, list[str]] = {}
        for day, revisions in self.manifests(name, export).items():
            for file in revisions[-1]["files"]:
                text = (self.folder / name / file["key"]).read_text()
                for row in csv.DictReader(io.StringIO(text)):
                    found.setdefault(row["event_id"], []).append(day)
        return found

    def problems(self, name: str) -> list[str]:
        seen = verify_bucket(LocalStore(self.folder / name))
        return seen.problems + seen.gaps


def forged(folder: Path, zones: dict[str, str]) -> dict[str, str]:
    """A time zone database of a machine in which zones are others."""
    package = Path(str(resources.files("tzdata").joinpath("zoneinfo")))
    for name, other in zones.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((package / other).read_bytes())
    return {"PYTHONTZPATH": str(folder), "TZ": "Asia/Kathmandu"}


def days_of(first: str, count: int) -> list[str]:
    return [f"{date.fromisoformat(first) + n * timedelta(days=1)}" for n in range(count)]


def expected(offsets: dict[str, list[tuple[str, float]]], first: str, last: str) -> dict[str, list[str]]:
    """Event → its day. `offsets`: of each site (day, hours that clocks are ahead of UTC where it begins)."""
    found = {}
    for site in SITES:
        starts = [
            (datetime.fromisoformat(day).replace(tzinfo=UTC) - hours * HOUR, day)
            for day, hours in offsets[site]
        ]
        for (begin, day), (end, _) in pairwise(starts):
            if first <= day <= last:
                found |= {event_id(site, m): [day] for m in moments() if begin <= m < end}
    return found


def counted(change: str, before: float, after: float) -> list[tuple[str, float]]:
    """(day, hours that clocks are ahead at its start): up to the day of change by the old zone."""
    return [(day, before if day <= change else after) for day in days_of("2026-11-16", 10)]


@pytest.fixture(scope="module")
def rezoned(tmp_path_factory):
    """Two clients whose days went west and east on the twentieth, and one that stays; on a machine with a
    wrong time zone database.
    """
    at = Story(tmp_path_factory.mktemp("rezoned"))
    at.machine = forged(
        at.folder / "forged",
        {"Europe/Berlin": "Asia/Tokyo", "America/New_York": "UTC", "Asia/Tokyo": "Asia/Gaza"},
    )
    west = at.client("west", "Europe/Berlin")
    at.client("east", "America/New_York")
    at.client("other", "UTC")
    said = {"first": at.deliver("2026-11-18", "2026-11-19"), "before": at.footfall("clients")}
    at.client("west", "America/New_York")
    at.client("east", "Asia/Tokyo", own="Europe/Berlin")
    said["refused"] = at.footfall("clients", code=1)
    said["meanwhile"] = at.deliver("2026-11-20")
    said["early"] = at.footfall("clients", "rezone", "west", "--from", "2026-11-19", code=1)
    said["late"] = at.footfall("clients", "rezone", "west", "--from", "2099-01-01", code=1)
    said["nothing"] = at.footfall("clients", "rezone", "other", "--from", "2026-11-20", code=1)
    said["west"] = at.footfall("clients", "rezone", "west", "--from", "2026-11-20")
    said["east"] = at.footfall("clients", "rezone", "east", "--from", "2026-11-20")
    said["after"] = at.footfall("clients")
    said["file"] = west.read_text()
    at.deliver(*days_of("2026-11-20", 3))
    return at, said


def test_another_zone_after_daily_deliveries_is_refused_and_stops_that_client_alone(rezoned):
    at, said = rezoned

    assert "SET ASIDE" not in said["before"]
    assert (
        "west.yaml: timezone: days of days were delivered in Europe/Berlin up to 2026-11-19 and would be of "
        "America/New_York now; put it back, or `footfall clients rezone west --from 2026-11-20`"
    ) in said["refused"]
    assert "SET ASIDE  east.yaml: timezone" in said["refused"]
    assert "other: other" in said["refused"]
    assert "2026-11-20" in at.manifests("other", "days")
    assert said["meanwhile"].count("delivered") == 2


def test_the_first_day_in_the_new_zone_has_begun_and_none_of_it_is_delivered(rezoned):
    _, said = rezoned

    assert "is delivered up to 2026-11-19 in Europe/Berlin" in said["early"]
    assert "say it once it has begun" in said["late"]
    assert "there is nothing to take" in said["nothing"]


def test_the_file_says_what_was_before_and_keeps_what_a_person_wrote(rezoned):
    _, said = rezoned

    assert said["file"].startswith("# What a person wrote stays.\n")
    assert said["file"].endswith("earlier_timezones:\n  - {until: 2026-11-20, timezone: Europe/Berlin}\n")
    assert "that day has 30 hours" in said["west"]
    assert "SET ASIDE" not in said["after"]


@pytest.mark.parametrize(
    ("name", "export", "sites"),
    [
        ("west", "days", dict.fromkeys(SITES, counted("2026-11-20", 1, -5))),
        ("west", "split", dict.fromkeys(SITES, counted("2026-11-20", 1, -5))),
        ("east", "days", dict.fromkeys(SITES, counted("2026-11-20", -5, 9))),
        ("east", "split", {"a": counted("2026-11-20", -5, 9), "b": counted("2026-11-20", -5, 1)}),
        ("other", "days", dict.fromkeys(SITES, counted("2026-11-20", 0, 0))),
    ],
)
def test_each_event_is_in_exactly_one_daily_file_across_a_change_of_zone(rezoned, name, export, sites):
    at, _ = rezoned

    assert at.rows(name, export) == expected(sites, "2026-11-18", "2026-11-22")
    assert at.problems(name) == []


@pytest.mark.parametrize(("name", "hours"), [("west", 30), ("east", 10), ("other", 24)])
def test_days_follow_one_another_and_that_of_the_change_is_long_or_short(rezoned, name, hours):
    at, _ = rezoned

    periods = {day: revisions[-1]["period"] for day, revisions in at.manifests(name, "days").items()}

    assert list(periods) == days_of("2026-11-18", 5)
    for one, following in pairwise(periods.values()):
        assert one["end"] == following["start"]
    whole = [datetime.fromisoformat(p["end"]) - datetime.fromisoformat(p["start"]) for p in periods.values()]
    assert whole == [24 * HOUR, 24 * HOUR, hours * HOUR, 24 * HOUR, 24 * HOUR]
    assert all(len(revisions) == 1 for revisions in at.manifests(name, "days").values())


#: When the runs with the newer release take place, each of which looks at what changed in nine days; and how
#: much each of them delivers.
NEWER = {"in time": (LAST, [15, 0, 0]), "months later": (LAST + timedelta(days=90), [12, 3, 0])}


@pytest.fixture(scope="module", params=NEWER)
def updated(tmp_path_factory, request):
    """Days delivered by an older release, in which Berlin's clocks are Helsinki's; then by the pinned one."""
    now, most = NEWER[request.param]
    at = Story(tmp_path_factory.mktemp("updated"))
    package = Path(str(resources.files("tzdata")))
    old = at.folder / "packages" / "tzdata"
    shutil.copytree(package, old)
    (old / "zoneinfo/Europe/Berlin").write_bytes((package / "zoneinfo/Europe/Helsinki").read_bytes())
    init = old / "__init__.py"
    init.write_text(init.read_text().replace("2026f", "2026e"))
    at.client("berlin", "Europe/Berlin")
    at.client("paris", "Europe/Paris")
    at.client("mixed", "UTC", own="Europe/Berlin")
    at.packages = [str(at.folder / "packages")]
    at.deliver("2026-11-17", "2026-11-18", "2026-11-19")
    at.before = at.rows("berlin", "days")
    at.packages = []
    return at, [len(at.deliver("2026-11-20", now=now).splitlines()) for _ in most], most


def test_a_newer_database_restates_the_days_that_it_tells_otherwise_with_reason_zone(updated):
    at, *_ = updated

    helsinki, berlin = (dict.fromkeys(SITES, counted("2026-11-20", hours, hours)) for hours in (2, 1))
    assert at.before == expected(helsinki, "2026-11-17", "2026-11-19")
    for export in ("days", "split"):
        found = at.manifests("berlin", export)
        made = [[(m["reason"], m["software"]["tzdata"]) for m in revisions] for revisions in found.values()]
        assert made == [[("initial", "2026e"), ("zone", "2026f")]] * 3 + [[("initial", "2026f")]]
        assert at.rows("berlin", export) == expected(berlin, "2026-11-17", "2026-11-20")
    assert at.problems("berlin") == []


def test_days_of_one_site_whose_zone_is_told_otherwise_are_restated_and_no_others(updated):
    at, *_ = updated

    split = at.manifests("mixed", "split")
    made = [[m["reason"] for m in revisions] for revisions in split.values()]
    assert made == [["initial", "zone"]] * 3 + [["initial"]]
    sites = {"a": counted("2026-11-20", 0, 0), "b": counted("2026-11-20", 1, 1)}
    assert at.rows("mixed", "split") == expected(sites, "2026-11-17", "2026-11-20")
    assert [len(revisions) for revisions in at.manifests("mixed", "days").values()] == [1, 1, 1, 1]
    assert at.problems("mixed") == []


def test_a_run_restates_some_moved_days_of_an_export_and_the_next_one_goes_on_until_none_is_left(updated):
    at, delivered, most = updated

    assert delivered == most
    with Ledger(at.folder / "ledger.sqlite").connection() as ledger:
        noted = ledger.execute(
            "SELECT client_id, export, release FROM compared_days ORDER BY 1, 2"
        ).fetchall()
    exports = [(client, export) for client in ("berlin", "mixed", "paris") for export in ("days", "split")]
    assert [tuple(row) for row in noted] == [(*each, "2026f") for each in exports]


def test_days_of_a_zone_that_it_tells_as_before_stay(updated):
    at, *_ = updated

    assert [len(revisions) for revisions in at.manifests("paris", "days").values()] == [1, 1, 1, 1]
