"""Retention through the front door: what goes, what stays, and that no rebuild, late object or new machine
makes it otherwise.

One story, told once: two clients in one lake, of whom one lets events go after ninety days and raw lines
after forty-five, and the other keeps all. It takes minutes, so `make proof` tells it. Its claims are told in
process each time: of lake and warehouse by tests/orchestration/test_retention.py, of figures, first visits
and deliveries by test_erasure.py beside it, of the command by tests/commands/test_retain.py.
"""

import json
import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import duckdb
import pytest
import zstandard
from support.command_line import ROOT
from support.orchestration_builders import event, land, refused

from footfall import keys
from footfall.hours import HOUR
from footfall.store import LocalStore
from orchestration.modelling.frozen import FIGURES

pytestmark = pytest.mark.proof

CLIENT = """\
client_id: {name}
name: {name}
timezone: UTC
sites:
  - {{site_id: shop-{name}, key: pk_{name}_Hn40rBy6, domains: [{name}.example]}}
destination:
  url: file://${{FOOTFALL_HOME}}/buckets/{name}
exports:
  - {{name: {dataset}, dataset: {dataset}, cadence: daily}}
"""
RULE = "retention: {raw: 45d, quarantine: 20d, events: 90d, backup: 60d, delivered: 100d}\n"
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
#: Days ago on which something was received, at ten o'clock.
DAYS = (112, 105, 92, 89, 70, 46, 44, 25, 3, 2)


_SHOWN = {"intermediate.int_events_sessionised": "* EXCLUDE (object_key, line_number)"}


def _hour(days_ago):
    return TODAY - timedelta(days=days_ago) + 10 * HOUR


class Installation:
    def __init__(self, folder):
        self.home, self.clients = folder / "home", folder / "clients"
        self.clients.mkdir()
        self.home.mkdir()
        for name, dataset in (("goes", "events"), ("keeps", "daily_metrics")):
            text = CLIENT.format(name=name, dataset=dataset)
            (self.clients / f"{name}.yaml").write_text(text + (RULE if name == "goes" else ""))
        (self.home / "first_hour").write_text(f"{_hour(DAYS[0]):%Y-%m-%dT%H}\n")
        self.lake = LocalStore(self.home / "lake")

    def __call__(self, *arguments, code=0):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("FOOTFALL_", "DAGSTER_"))}
        environment |= {"FOOTFALL_HOME": str(self.home), "FOOTFALL_CLIENTS": str(self.clients)}
        done = subprocess.run(
            [sys.executable, "-m", "commands.entry", *map(str, arguments)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def run(self, start, end=None):
        return self("run", "--from", f"{start:%Y-%m-%dT%H}", "--to", f"{end or start + HOUR:%Y-%m-%dT%H}")

    def rows(self, query, *values):
        with duckdb.connect(str(self.home / "warehouse.duckdb"), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return connection.execute(query, values).fetchall()

    def tables(self, *schemas):
        found = self.rows(
            "SELECT table_schema || '.' || table_name FROM information_schema.tables "
            "WHERE table_type = 'BASE TABLE' AND list_contains(?, table_schema) ORDER BY 1",
            list(schemas),
        )
        return [name for (name,) in found]

    def content(self, names, client=None):
        where = f" WHERE client_id = '{client}'" if client else ""
        # A raw object without some lines has another name, and its lines other numbers.
        return {
            name: self.rows(f"SELECT {_SHOWN.get(name, '*')} FROM {name}{where} ORDER BY ALL")
            for name in names
        }

    def raw_lines(self):
        """(client, hour) of each line in raw objects."""
        found = []
        for info in self.lake.list("raw/"):
            content = zstandard.ZstdDecompressor().decompressobj().decompress(self.lake.get(info.key))
            for line in content.splitlines():
                found.append((json.loads(line)["client_id"], keys.hour_of(info.key)))
        return sorted(found)

    def lake_rows(self, folder, columns="client_id, received_hour"):
        paths = [str(self.lake.root / info.key) for info in self.lake.list(folder)]
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            query = f"SELECT {columns} FROM read_parquet(?, hive_partitioning = false) ORDER BY ALL"
            return connection.execute(query, [paths]).fetchall()

    def bucket(self, name):
        root = self.home / "buckets" / name
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def revisions(self):
        with sqlite3.connect(self.home / "ledger.sqlite") as database:
            return database.execute(
                "SELECT client_id, export, period_start, revision, state FROM revisions ORDER BY 1, 2, 3, 4"
            ).fetchall()


def _tell(place):
    for n, days_ago in enumerate(DAYS):
        hour = _hour(days_ago)
        lines = []
        for name in ("goes", "keeps"):
            for k in range(2):
                lines.append(
                    event(
                        f"event-{name}-{n:04d}-{k}",
                        hour + timedelta(minutes=10 * k + 1),
                        client_id=name,
                        site_id=f"shop-{name}",
                        visitor_id="somebody" if k else f"visitor-{n}",
                        url=f"https://{name}.example/{k}?utm_source=s{n % 3}",
                    )
                )
        body = refused(b'{"secret": 1', hour).replace(b'"demo"', b'"goes"').replace(b'"shop"', b'"shop-goes"')
        land(place.lake, hour, *lines, body)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Installation(tmp_path_factory.mktemp("retention"))
    _tell(place)
    place.run(_hour(DAYS[0]), TODAY)
    return place


def test_what_is_past_its_time_goes_and_nothing_else_changes(place):
    reports = [f"main.{name}" for name in FIGURES]
    figures, kept = place.content(reports), place.content(reports, "keeps")
    delivered, before = place.bucket("goes"), place.revisions()
    first = place.rows("SELECT site_id, first_date FROM visitors WHERE visitor_id = 'somebody' ORDER BY 1")

    # said, and not done
    said = place("privacy", "retain", "--dry-run", "--json")
    assert '"class": "raw"' in said
    assert len(place.raw_lines()) == 5 * len(DAYS)
    assert list(place.lake.list("retention/")) == []

    # held, and not done
    held = (
        place("privacy", "hold", "add", "--client", "goes", "--reason", "a court asks").split()[1].strip(",")
    )
    assert "kept longer: a hold" in place("privacy", "retain")
    assert len(place.raw_lines()) == 5 * len(DAYS)
    assert "a court asks" in place("privacy", "hold", "list")
    place("privacy", "hold", "release", held)

    place("privacy", "retain")

    lines = place.raw_lines()
    assert [each for each in lines if each[0] == "keeps"] == sorted(
        ("keeps", _hour(n)) for n in DAYS for _ in range(2)
    )
    assert {hour for name, hour in lines if name == "goes"} == {_hour(n) for n in DAYS if n <= 45}
    events = place.lake_rows("events/")
    assert {hour for name, hour in events if name == "goes"} == {_hour(n) for n in DAYS if n <= 90}
    assert {hour for name, hour in events if name == "keeps"} == {_hour(n) for n in DAYS}
    bodies = place.lake_rows("quarantine/", "received_hour, body IS NOT NULL")
    assert bodies == sorted((_hour(n), n <= 20) for n in DAYS if n <= 90)
    for table in ("events", "page_views", "conversions", "touches"):
        oldest = place.rows(f"SELECT min(received_hour) FROM {table} WHERE client_id = 'goes'")
        assert oldest[0][0] is None or oldest[0][0] >= TODAY - timedelta(days=90), table
    # figures of days that left are what they were, and who is still seen was first seen when he was
    assert place.content(reports) == figures
    assert place.content(reports, "keeps") == kept
    assert (
        place.rows("SELECT site_id, first_date FROM visitors WHERE visitor_id = 'somebody' ORDER BY 1")
        == first
    )
    # nothing was delivered for it; of the client's bucket what was ordered to go went, signed
    assert place.revisions() == before
    now = place.bucket("goes")
    gone = {key for key in delivered if key not in now}
    assert gone, "days before 100 days ago"
    assert all("dt=" in key and not key.endswith("_manifest.json") for key in gone)
    newest = f"dt={_hour(2):%Y-%m-%d}"
    assert {k: v for k, v in now.items() if newest in k} == {
        k: v for k, v in delivered.items() if newest in k
    }
    for url in ("buckets/goes", "buckets/keeps"):
        place("verify", f"file://{place.home}/{url}")
    assert "removed" in place("privacy", "ledger", "goes")


def test_a_second_run_removes_nothing_more(place):
    before = [info.key for info in place.lake.list("") if not info.key.startswith("audit/")]

    place("privacy", "retain")

    after = [info.key for info in place.lake.list("") if not info.key.startswith("audit/")]
    assert [key for key in before if key not in after] == []
    assert [key for key in after if key not in before] == []


def test_an_object_that_lands_late_for_a_day_that_went_changes_nothing_of_the_client(place):
    reports = [f"main.{name}" for name in FIGURES]
    hour = _hour(105)
    figures, revisions = place.content(reports, "goes"), place.revisions()
    events = [each for each in place.lake_rows("events/") if each[0] == "goes"]
    late = [
        event(
            f"late-{name}-0001",
            hour + timedelta(minutes=40),
            client_id=name,
            site_id=f"shop-{name}",
            visitor_id="late",
        )
        for name in ("goes", "keeps")
    ]
    land(place.lake, hour, *late, origin="c9-1-1")

    place.run(hour)

    assert [each for each in place.lake_rows("events/") if each[0] == "goes"] == events
    assert ("keeps", hour) in place.lake_rows("events/")
    assert place.content(reports, "goes") == figures
    assert [each for each in place.revisions() if each[0] == "goes"] == [
        each for each in revisions if each[0] == "goes"
    ]
    assert place.rows("SELECT key, detail FROM ingest.incidents WHERE kind = 'expired_lines'") == [
        ("goes", "1 lines")
    ]
    # the next run of retention takes the line itself away
    place("privacy", "retain")
    assert ("goes", hour) not in place.raw_lines()
    assert ("keeps", hour) in place.raw_lines()


def test_a_rebuild_and_a_new_machine_make_the_same_tables(place):
    names = place.tables("main", "intermediate")
    names = [each for each in names if each.split(".")[1] not in ("touched", "built", "restored")]
    names = [each for each in names if "unpublished" not in each and "published" not in each]
    before, events = place.content(names), place.lake_rows("events/")
    bucket, revisions = place.bucket("goes"), place.revisions()

    place("rebuild")

    after = place.content(names)
    assert {name for name in names if after[name] != before[name]} == set()

    for name in ("warehouse.duckdb", "warehouse.duckdb.wal", "listings.sqlite"):
        (place.home / name).unlink(missing_ok=True)
    place.run(_hour(DAYS[0]), TODAY)

    anew = place.content(names)
    assert {name for name in names if anew[name] != before[name]} == set()
    assert place.lake_rows("events/") == events
    assert [each for each in place.revisions() if each[0] == "goes"] == [
        each for each in revisions if each[0] == "goes"
    ]
    assert place.bucket("goes").keys() >= bucket.keys()
    place("verify", f"file://{place.home}/buckets/goes")


def test_a_machine_that_is_lost_after_retention_comes_back_whole_from_its_backup(place, tmp_path):
    backups = tmp_path / "backups"
    place("backup", backups.as_uri(), "--lake")
    names = [*(f"main.{name}" for name in FIGURES), "main.events", "main.sessions", "main.visitors"]
    before, events = place.content(names), place.lake_rows("events/")
    bodies, revisions = place.lake_rows("quarantine/", "*"), place.revisions()
    buckets = {name: place.bucket(name) for name in ("goes", "keeps")}
    lost = place.home.rename(tmp_path / "lost")
    place.home.mkdir()
    (lost / "buckets").rename(place.home / "buckets")

    said = place("restore", backups.as_uri())
    assert "DAMAGED" not in said
    place.run(_hour(DAYS[0]), TODAY)

    assert place.lake_rows("events/") == events
    assert place.lake_rows("quarantine/", "*") == bodies
    anew = place.content(names)
    assert {name for name in names if anew[name] != before[name]} == set()
    assert place.revisions() == revisions
    data = {name: {k: v for k, v in each.items() if "/rev=" in k} for name, each in buckets.items()}
    assert {name: {k: v for k, v in place.bucket(name).items() if "/rev=" in k} for name in buckets} == data
    place("verify", f"file://{place.home}/buckets/goes")
    assert "LOST" not in place("backup", backups.as_uri(), "--lake")


def test_the_audit_log_has_every_act_and_proves_itself(place, tmp_path):
    said = place("audit", "list", "--act", "privacy")
    assert [act in said for act in ("privacy.hold", "privacy.release", "privacy.retain")] == [True] * 3
    assert "nothing wrong" in place("audit", "verify")
    assert "written" in place("audit", "export", tmp_path / "audit.jsonl")
    path = place.home / "audit.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)

    path.write_bytes(b"".join(lines[:-1]))

    assert "WRONG" in place("audit", "verify", code=1)
    path.write_bytes(b"".join(lines))
