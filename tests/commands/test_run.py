"""`footfall run` over real hours: Dagster, dbt and buckets, one of them blocked at first."""

import csv
import io
import json
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from support.orchestration_builders import event, land
from support.preloaded import run_command
from support.publishing import Shelf

from footfall.catalogue.periods import HOUR_FORMAT
from footfall.catalogue.tables import DATASETS
from footfall.exports import CADENCES
from footfall.hours import HOUR
from footfall.store import LocalStore
from footfall.verify import verify_bucket
from orchestration.delivery.ledger import Ledger
from orchestration.partitions import hourly

#: Two hours of which the later one ends a day in UTC, and the earlier one a day an hour east of it.
MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
HOURS = [MIDNIGHT - 2 * HOUR, MIDNIGHT - HOUR]
DAY = f"{HOURS[0]:%Y-%m-%d}"
CLIENT = """\
client_id: {name}
name: {name}
timezone: {timezone}
sites: [{{site_id: {name}-shop, key: pk_{name}_0000, domains: [{name}.example]}}]
destination: {{url: "file://${{FOOTFALL_HOME}}/{bucket}"}}
exports:
  - {{name: events, dataset: events, cadence: hourly}}
  - {{name: sessions, dataset: sessions, cadence: hourly}}
  - {{name: daily-metrics, dataset: daily_metrics, cadence: daily}}
"""
#: Deliveries of one client: two hourly exports of two hours, and one day.
WHOLE = 5
FORMATS = ("csv", "jsonl", "parquet")
#: A client who orders every dataset in every format, by the hour where it can be had so.
EVERY = [
    {"name": f"{dataset}-{form}", "dataset": dataset, "format": form, "cadence": cadences[-2:][0]}
    for dataset, cadences in CADENCES.items()
    if not DATASETS[dataset].is_page
    for form in FORMATS
]
#: And a page about the day.
EVERY.append({"name": "report", "dataset": "report", "format": "html", "cadence": "daily"})
WHOLE_OF_EVERY = sum(2 if export["cadence"] == "hourly" else 1 for export in EVERY)


@dataclass
class Ran:
    """A state folder after one run, and what the run said."""

    home: Path
    code: int
    out: str
    error: str
    buckets: dict[str, dict[str, bytes]]

    def bucket(self, name):
        return LocalStore(self.home / name)

    def states(self):
        """(client, state) of every row of the ledger."""
        return [(row.client_id, row.shown) for row in Ledger(self.home / "ledger.sqlite").all()]


def _run(home, clients, *arguments):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("FOOTFALL_", "DAGSTER_"))}
    environment |= {"FOOTFALL_HOME": str(home), "FOOTFALL_CLIENTS": str(clients)}
    window = arguments or ("--from", f"{HOURS[0]:%Y-%m-%dT%H}", "--to", f"{MIDNIGHT:%Y-%m-%dT%H}")
    done = run_command(["run", *window], environment, seconds=900)
    buckets = {
        name: {info.key: store.get(info.key) for info in store.list("")}
        for name in ("buckets/open", "buckets/backup", "buckets/blocked/demo", "buckets/every")
        for store in [LocalStore(home / name)]
    }
    return Ran(home, done.returncode, done.stdout, done.stderr, buckets)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A state folder with two hours in the lake and two clients, of whom one has a bucket that is none."""
    home = tmp_path_factory.mktemp("run") / "state"
    clients = home.parent / "clients"
    clients.mkdir()
    for name, timezone, bucket in (
        ("open", "Africa/Lagos", "buckets/open"),
        ("demo", "UTC", "buckets/blocked/demo"),
        # What it wants is the bucket of `open`, which has it already.
        ("thief", "UTC", "buckets/../buckets/o%70en"),
    ):
        (clients / f"{name}.yaml").write_text(CLIENT.format(name=name, timezone=timezone, bucket=bucket))
    every = CLIENT.format(name="every", timezone="UTC", bucket="buckets/every").partition("exports:")[0]
    (clients / "every.yaml").write_text(f"{every}exports: {json.dumps(EVERY)}\n")
    (home / "buckets").mkdir(parents=True)
    (home / "buckets" / "blocked").write_text("a file where a folder should be\n")
    (home / "first_hour").write_text(f"{HOURS[0]:%Y-%m-%dT%H}\n")
    lake = LocalStore(home / "lake")
    for hour in HOURS:
        lines = [
            event(
                f"{name}-{hour:%H}-{n:04d}",
                hour + timedelta(minutes=n),
                client_id=name,
                site_id=f"{name}-shop",
                visitor_id=f"visitor-{n % 3}",
                title="=1+1",
            )
            for name in ("open", "demo", "every", "thief")
            for n in range(6)
        ]
        land(lake, hour, *lines, b"garbage", lines[0], origin="c1")
    return home, clients


@pytest.fixture(scope="module")
def blocked(installed):
    """After a run in which demo's bucket could not be written."""
    return _run(*installed)


@pytest.fixture(scope="module")
def mended(installed, blocked):
    """After a second run over the same hours, with that bucket mended."""
    (blocked.home / "buckets" / "blocked").unlink()
    return _run(*installed)


def test_a_bucket_that_cannot_be_written_fails_the_run_in_one_clear_line(blocked):
    assert blocked.code == 1
    assert "Traceback" not in blocked.error + blocked.out
    [line] = [line for line in blocked.error.splitlines() if line.startswith("deliveries: ")]
    assert "deliveries failed, all others are done" in line
    assert (
        f"demo/events: {HOURS[0]:%Y-%m-%dT%H:%MZ}: cannot write file://{blocked.home}/buckets/blocked/demo/"
        in line
    )
    assert line.endswith("Not a directory")
    assert "to be retried" not in blocked.out, "nothing that takes a person is tried again and again"


def test_it_holds_up_no_other_client(blocked):
    seen = verify_bucket(blocked.bucket("buckets/open"))

    assert (seen.manifests, seen.problems, seen.uncommitted) == (WHOLE, [], [])
    assert blocked.states().count(("open", "committed")) == WHOLE


def test_no_row_of_another_client_comes_into_a_bucket_that_another_spelling_named(blocked):
    assert not [data for data in blocked.buckets["buckets/open"].values() if b"thief" in data]
    assert [data for data in blocked.buckets["buckets/open"].values() if b"open-shop" in data]


def test_it_does_not_spare_the_backup_its_copy(blocked):
    seen = verify_bucket(blocked.bucket("buckets/backup"))

    assert (seen.manifests, seen.problems, seen.uncommitted) == (2 * WHOLE + WHOLE_OF_EVERY, [], [])
    assert blocked.states().count(("demo", "blocked (bucket)")) == WHOLE
    assert blocked.buckets["buckets/blocked/demo"] == {}


def test_the_error_of_a_failed_delivery_is_in_the_ledger(blocked):
    errors = {row.error for row in Ledger(blocked.home / "ledger.sqlite").all() if row.client_id == "demo"}

    assert all("Not a directory" in error for error in errors)


def test_the_next_run_delivers_what_failed_and_nothing_anew(blocked, mended):
    assert mended.code == 0, mended.error
    assert mended.buckets["buckets/open"] == blocked.buckets["buckets/open"]
    assert mended.buckets["buckets/backup"] == blocked.buckets["buckets/backup"]
    in_backup = {
        key.removeprefix("demo/"): data
        for key, data in mended.buckets["buckets/backup"].items()
        if key.startswith("demo/") and not key.startswith("demo/_log/")
    }
    data = {
        key: value
        for key, value in mended.buckets["buckets/blocked/demo"].items()
        if not key.startswith(("_schema/", "_log/", "README.txt")) and not key.endswith("/_latest.json")
    }
    assert data == in_backup
    ledger = Ledger(mended.home / "ledger.sqlite").all()
    assert {(row.state, row.revision, row.reason) for row in ledger} == {("committed", 1, "initial")}
    assert {row.client_id: row.attempts for row in ledger} == {"open": 1, "demo": 2, "every": 1}


def test_every_bucket_verifies_in_the_end(mended):
    for name, manifests in (
        ("buckets/open", WHOLE),
        ("buckets/blocked/demo", WHOLE),
        ("buckets/every", WHOLE_OF_EVERY),
        ("buckets/backup", 2 * WHOLE + WHOLE_OF_EVERY),
    ):
        seen = verify_bucket(mended.bucket(name))
        assert (seen.manifests, seen.problems, seen.uncommitted) == (manifests, [], [])


def test_every_column_that_arrives_has_a_meaning_beside_it(mended):
    bucket = mended.buckets["buckets/every"]
    for manifest in [json.loads(data) for key, data in bucket.items() if key.endswith("_manifest.json")]:
        page = bucket[f"{manifest['schema']}columns.md"].decode()
        rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", page, re.MULTILINE)
        assert [name for name, _, _ in rows] == [column["name"] for column in manifest["columns"]]


def test_the_files_hold_what_was_sent(mended):
    rows = {
        key: int(json.loads(data)["files"][0]["rows"])
        for key, data in mended.buckets["buckets/blocked/demo"].items()
        if key.endswith("_manifest.json")
    }
    for hour in HOURS:
        assert rows[f"events/dt={hour:%Y-%m-%d}/hour={hour:%H}/rev=0001/_manifest.json"] == 6
    assert rows[f"daily-metrics/dt={DAY}/rev=0001/_manifest.json"] == 1
    [file] = [
        data
        for key, data in mended.buckets["buckets/blocked/demo"].items()
        if f"T{HOURS[0]:%H}Z-" in key and key.startswith("events/")
    ]
    assert b"demo-22-0003" in file
    assert b",'=1+1," in file
    assert b"open-" not in file


def test_every_dataset_arrives_in_every_format_with_the_same_columns_and_rows(mended):
    documents = [
        json.loads(data)
        for key, data in mended.buckets["buckets/every"].items()
        if key.endswith("/_manifest.json")
    ]
    found = {dataset: {} for dataset in CADENCES if not DATASETS[dataset].is_page}
    for document in documents:
        if document["dataset"] not in found:
            continue
        columns = [(column["name"], column["type"]) for column in document["columns"]]
        rows = sum(file["rows"] for file in document["files"])
        of_dataset = found[document["dataset"]].setdefault(document["period"]["start"], {})
        of_dataset[document["format"]] = columns, rows
    for dataset, periods in found.items():
        for start, formats in periods.items():
            assert set(formats) == set(FORMATS), (dataset, start)
            assert len({str(each) for each in formats.values()}) == 1, (dataset, start)
    empty = {name for name, days in found.items() if not any(d["csv"][1] for d in days.values())}
    # Six page views by three visitors within minutes: no purchase, no timing of a page, no access log; and
    # the week's Monday is no day of this installation where it began later.
    assert empty <= {
        "conversions",
        "revenue_daily",
        "revenue_sources_daily",
        "funnels",
        "properties_daily",
        "clicks_daily",
        "web_vitals_daily",
        "edge_daily",
        "ai_traffic_daily",
        "late_events",
        "retention_weekly",
    }


def test_a_report_arrives_verified_and_is_what_the_command_shows_with_the_figures_of_the_daily_files(mended):
    bucket = mended.buckets["buckets/every"]
    [manifest] = [json.loads(d) for k, d in bucket.items() if k == f"report/dt={DAY}/rev=0001/_manifest.json"]
    [file] = manifest["files"]
    page = bucket[file["key"]]
    [metrics] = [d for k, d in bucket.items() if k.startswith(f"daily_metrics-csv/dt={DAY}/rev=0001/d")]
    [row] = csv.DictReader(io.StringIO(metrics.decode()))

    shown = _footfall(
        mended.home, mended.home.parent / "clients", "report", "every", "report", "--period", DAY
    )

    assert file["key"].endswith(".html")
    assert (manifest["format"], manifest["columns"], file["rows"]) == ("html", [], 1)
    for figure in ("visitors", "sessions", "page_views"):
        name = figure.replace("_", " ").capitalize()
        assert f'<dt>{name}</dt><dd class="is">{row[figure]}</dd>' in page.decode()
    assert shown == page
    assert verify_bucket(mended.bucket("buckets/every")).problems == []


def _footfall(home, clients, *arguments):
    """What a command prints."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("FOOTFALL_", "DAGSTER_"))}
    environment |= {"FOOTFALL_HOME": str(home), "FOOTFALL_CLIENTS": str(clients)}
    done = run_command(arguments, environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.encode()


def _materialisations(home):
    """Asset → partition → metadata of its newest materialisation."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home / "dagster"))
        instance = dg.DagsterInstance.get()
    with instance:
        found = {}
        for key in instance.all_asset_keys():
            for record in reversed(instance.fetch_materializations(key, limit=100).records):
                event_ = record.asset_materialization
                found.setdefault(key.to_user_string(), {})[event_.partition] = {
                    name: value.value for name, value in event_.metadata.items()
                }
        return found


def _bars(home, assets, partitions):
    """Asset → its partitions that the UI shows as there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home / "dagster"))
        instance = dg.DagsterInstance.get()
    with instance:
        found = {}
        for asset in assets:
            key = dg.AssetKey(asset.split("/"))
            shown = instance.get_status_by_partition(key, sorted(partitions), hourly(HOURS[0]))
            found[asset] = {name for name, status in shown.items() if status is not None}
        return found


def test_dagster_shows_each_hour_and_each_file_with_its_numbers(mended):
    seen = _materialisations(mended.home)

    partitions = {hour.strftime(HOUR_FORMAT) for hour in HOURS}
    assets = ("ingest/events", "events", "sessions", "marts/published", "deliveries/open/events")
    assert _bars(mended.home, assets, partitions) == dict.fromkeys(assets, partitions)
    for partition in partitions:
        ingested = seen["ingest/events"][partition]
        assert (ingested["lines"], ingested["kept"], ingested["duplicates"]) == (26, 24, 1)
        assert ingested["quarantined"] == 1
        delivered = seen["deliveries/demo/events"][partition]
        assert (delivered["status"], delivered["dagster/row_count"]) == ("delivered", 6)
        for file in delivered["files"].records:
            assert re.fullmatch(r"[0-9a-f]{64}", file.data["sha256"])
    assert seen["deliveries/open/events"][max(partitions)]["status"] == "unchanged"
    assert set(seen["deliveries/demo/daily-metrics"]) == {DAY}
    assert set(seen["deliveries/open/daily-metrics"]) == {DAY}


def test_each_clients_tables_are_published_as_the_warehouse_has_them(mended, tmp_path):
    shelf = Shelf(tmp_path, LocalStore(mended.home / "lake"))
    with duckdb.connect(str(mended.home / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for client_id in ("open", "demo", "every"):
            assert shelf.differences(connection, client_id) == {}
        noted = connection.execute("SELECT count(*) FROM intermediate.unpublished_days").fetchone()

    assert noted == (0,)
    assert shelf.keys("thief") == set()


def test_models_of_many_hours_are_one_event_each_and_the_bar_shows_all_hours(mended):
    seen = _materialisations(mended.home)

    assert set(seen["events"]) == {HOURS[-1].strftime(HOUR_FORMAT)}


def test_the_list_of_runs_says_which_hours_or_days_a_run_by_hand_took(mended, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(mended.home / "dagster"))
    with dg.DagsterInstance.get() as instance:
        took = {(run.job_name, run.tags["footfall/periods"]) for run in instance.get_runs()}

    first, last = (hour.strftime(HOUR_FORMAT) for hour in HOURS)
    assert {("hourly", f"{first} to {last}"), ("daily_utc", DAY)} <= took


def test_a_run_says_which_steps_it_took(mended):
    for step in ("ingest", "models", "deliveries"):
        assert re.search(rf"^  {step} done in \d+\.\d s$", mended.out, re.MULTILINE), mended.out
    assert re.search(r"^all done in ", mended.out, re.MULTILINE)


#: An hour of the past that nobody has delivered is as live as the running one, and tests can wait for it.
OPEN_HOUR = MIDNIGHT - 4 * HOUR


@pytest.fixture(scope="module")
def live(installed, mended):
    """`open` makes its events live: after the parts of an undelivered hour, and after that hour itself."""
    assert mended.code == 0, "what follows is about a sound installation"
    home, clients = installed
    file = clients / "open.yaml"
    file.write_text(file.read_text().replace("cadence: hourly", "cadence: live", 1))
    (home / "first_hour").write_text(f"{OPEN_HOUR:%Y-%m-%dT%H}\n")
    lake = LocalStore(home / "lake")
    lines = [
        event(f"open-live-{n}", OPEN_HOUR + timedelta(minutes=n), client_id="open", site_id="open-shop")
        for n in range(0, 60, 4)
    ]
    land(lake, OPEN_HOUR, *lines[:9], b"garbage", origin="c1")
    hour = ("--from", f"{OPEN_HOUR:%Y-%m-%dT%H}", "--to", f"{OPEN_HOUR + HOUR:%Y-%m-%dT%H}")
    parts = _run(home, clients, "--live", *hour)
    land(lake, OPEN_HOUR, *lines[9:], origin="c2")
    return parts, _run(home, clients, *hour)


def test_a_live_run_delivers_parts_and_the_hours_run_closes_them(live):
    parts, hour = live

    assert (parts.code, hour.code) == (0, 0), parts.error + hour.error
    rows = {
        key: json.loads(data)["files"][0]["rows"]
        for key, data in parts.buckets["buckets/open"].items()
        if key.startswith("events.live/") and key.endswith("_manifest.json")
    }
    assert (len(rows), sum(rows.values())) == (12, 9)
    folder = f"events/dt={OPEN_HOUR:%Y-%m-%d}/hour={OPEN_HOUR:%H}/rev=0001/_manifest.json"
    assert folder not in parts.buckets["buckets/open"]
    manifest = json.loads(hour.buckets["buckets/open"][folder])
    assert manifest["files"][0]["rows"] == manifest["receipt"]["kept"] == 15
    assert set(manifest["closes"]) == set(rows)
    for name in ("buckets/open", "buckets/backup"):
        seen = verify_bucket(hour.bucket(name))
        assert (seen.problems, seen.uncommitted) == ([], [])
    shown = _materialisations(hour.home)["deliveries/open/events/live"]
    assert shown[OPEN_HOUR.strftime(HOUR_FORMAT)]["dagster/row_count"] == 9
