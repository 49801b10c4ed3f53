"""`footfall run` over hours of which some are empty: as one range, and hour by hour."""

import os
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from support.orchestration_builders import event, land
from support.preloaded import run_command

from footfall.catalogue.periods import HOUR_FORMAT
from footfall.hours import HOUR
from footfall.store import LocalStore
from footfall.verify import verify_bucket
from orchestration.delivery.ledger import Ledger
from orchestration.partitions import hourly

#: Of the second and the third hour one ends a day in UTC, and the other one an hour west of it.
BEGIN = datetime.now(UTC).replace(hour=22, minute=0, second=0, microsecond=0) - timedelta(days=2)
HOURS = [BEGIN + n * HOUR for n in range(5)]
#: Hours after the first one with lines: what is between is empty.
FILLED = (0, 1, 4)
ZONES = {"utc": "UTC", "west": "Atlantic/Cape_Verde"}
CLIENT = """\
client_id: {name}
name: {name}
timezone: {zone}
sites:
  - {{site_id: {name}-shop, key: pk_{name}_Hn40rBy6, domains: [{name}.example]}}
destination:
  url: file://${{FOOTFALL_HOME}}/buckets/{name}
exports:
  - {{name: events, dataset: events, cadence: hourly}}
  - {{name: sessions, dataset: sessions, cadence: hourly, format: parquet}}
  - {{name: views, dataset: page_views, cadence: daily, format: jsonl, compression: gzip, split: site}}
  - {{name: daily-metrics, dataset: daily_metrics, cadence: daily}}
"""


def _run(home, clients, *arguments):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("FOOTFALL_", "DAGSTER_"))}
    environment |= {"FOOTFALL_HOME": str(home), "FOOTFALL_CLIENTS": str(clients)}
    return run_command(["run", *arguments], environment, seconds=900)


def _named(hour):
    return f"{hour:%Y-%m-%dT%H}"


def _installed(home):
    """Visits over midnight, of which one ends in an hour that received nothing, and a copy that came late."""
    (home / "first_hour").write_text(f"{_named(BEGIN)}\n")
    lake = LocalStore(home / "lake")
    visits = {0: (10, 50), 1: (15, 55), 4: (5, 40)}
    for n in FILLED:
        lines = [
            event(
                f"{name}-{n}-{minute:04d}-{visitor}",
                HOURS[n] + timedelta(minutes=minute),
                client_id=name,
                site_id=f"{name}-shop",
                visitor_id=visitor,
            )
            for name in ZONES
            for minute in visits[n]
            for visitor in ("visitor-1", "visitor-2")[: 1 + (minute > 30)]
        ]
        again = [event("utc-0-0010-visitor-1", HOURS[n], client_id="utc", site_id="utc-shop")] if n else []
        land(lake, HOURS[n], *lines, *again, origin="c1")
    return home


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clients")
    for name, zone in ZONES.items():
        (folder / f"{name}.yaml").write_text(CLIENT.format(name=name, zone=zone))
    return folder


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory, clients):
    home = _installed(tmp_path_factory.mktemp("one-by-one"))
    return home, [_run(home, clients, "--from", _named(hour), "--to", _named(hour + HOUR)) for hour in HOURS]


@pytest.fixture(scope="module")
def at_once(tmp_path_factory, clients):
    home = _installed(tmp_path_factory.mktemp("at-once"))
    return home, _run(home, clients, "--from", _named(BEGIN), "--to", _named(HOURS[-1] + HOUR))


def _newest(home):
    """(client, export, period) → the sha256 of each file of its newest revision."""
    ledger = Ledger(home / "ledger.sqlite")
    found = {
        (row.client_id, row.export, row.period_start): [file.sha256 for file in row.files]
        for row in ledger.walk()  # the newest of a period comes last
        if row.is_delivered
    }
    ledger.close()
    return found


def test_the_newest_revision_of_each_period_is_the_same_as_hour_by_hour(one_by_one, at_once):
    home, runs = one_by_one
    assert [run.returncode for run in runs] == [0] * len(HOURS), runs
    other, run = at_once
    assert run.returncode == 0, run.stderr

    found = _newest(other)

    assert found == _newest(home)
    hourly = {key for key in found if key[1] in ("events", "sessions")}
    assert len(hourly) == 2 * len(ZONES) * len(HOURS), "the empty hours are delivered too"
    assert {key[:2] for key in found} - {key[:2] for key in hourly} == {
        (name, export) for name in ZONES for export in ("views", "daily-metrics")
    }


def test_a_session_that_closes_in_an_hour_without_events_is_in_that_hours_file(at_once):
    ledger = Ledger(at_once[0] / "ledger.sqlite")

    rows = [ledger.revisions("utc", "sessions", HOURS[n])[-1].rows for n in (2, 3)]

    assert rows == [2, 0]
    ledger.close()


def test_every_bucket_verifies(one_by_one, at_once):
    for home in (one_by_one[0], at_once[0]):
        for name in ZONES:
            seen = verify_bucket(LocalStore(home / "buckets" / name))
            assert (seen.problems, seen.uncommitted) == ([], [])


def _left_as_they_were(home, asset):
    """Partitions in which dbt was not asked to make a model."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home / "dagster"))
        instance = dg.DagsterInstance.get()
    with instance:
        records = instance.fetch_materializations(dg.AssetKey(asset), 99).records
    made = [record.asset_materialization for record in records]
    said = {each.partition: each.metadata["made"].value for each in made if "made" in each.metadata}
    return {partition for partition, why in said.items() if "nothing of these hours" in str(why)}


def test_an_hour_that_touches_nothing_runs_no_model(one_by_one):
    home, _ = one_by_one

    for asset in ("events", "sessions", "daily_metrics"):
        assert _left_as_they_were(home, asset) == {hour.strftime(HOUR_FORMAT) for hour in HOURS[2:4]}


@pytest.fixture(scope="module")
def cut(at_once, clients):
    """A run of hours again, after an import of an earlier hour that nobody has run yet."""
    home, _ = at_once
    (home / "first_hour").write_text(f"{_named(BEGIN - 5 * HOUR)}\n")
    return home, _run(home, clients, "--from", _named(BEGIN), "--to", _named(HOURS[2]))


def test_a_day_that_began_in_hours_nobody_ran_is_left_out_and_said(cut):
    _, run = cut

    assert run.returncode == 0, run.stderr
    day = f"{BEGIN:%Y-%m-%d}"
    assert (
        f"daily_utc: {day} is left out, as it began before {_named(BEGIN)}; for its files: footfall run "
        f"--from {_named(BEGIN - 5 * HOUR)} --to {_named(BEGIN)}, then this again"
    ) in run.stdout
    assert "FAILED" not in run.stdout


def test_bars_of_many_hours_stay_when_the_first_hour_is_an_earlier_one(cut):
    home, _ = cut
    names = [hour.strftime(HOUR_FORMAT) for hour in HOURS]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home / "dagster"))
        instance = dg.DagsterInstance.get()
    with instance:
        for asset in ("ingest/events", "sessions", "deliveries/utc/events"):
            key = dg.AssetKey(asset.split("/"))
            shown = instance.get_status_by_partition(key, names, hourly(BEGIN - 5 * HOUR))
            assert [name for name in names if shown[name] is not None] == names
