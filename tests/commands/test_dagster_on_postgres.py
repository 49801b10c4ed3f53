"""Dagster's runs, events and schedules in a real PostgreSQL server, and a history that moves into it."""

import json
import os
from datetime import UTC, datetime
from functools import partial

import dagster as dg
import pytest
import sqlalchemy as sa
from support.command_line import command_line
from support.postgres_server import postgres_server

from commands import installation
from footfall.settings import Settings
from orchestration.history import engine_of, require_answer
from orchestration.privacy.erasure_postgres import clean_postgres
from orchestration.privacy.erasure_search import Needles
from orchestration.privacy.erasure_texts import OF_DAGSTER

HOURS = dg.HourlyPartitionsDefinition(datetime(2026, 11, 20, tzinfo=UTC))


@dg.asset(partitions_def=HOURS, key=["deliveries", "acme", "events"])
def delivered():
    return dg.MaterializeResult(metadata={"rows": 3}, tags={"rows": "three"})


@dg.asset_check(asset=delivered)
def is_whole():
    return dg.AssetCheckResult(passed=True, metadata={"looked_at": 2})


@dg.asset
def broken():
    raise dg.Failure("no bucket")


@dg.schedule(cron_schedule="5 * * * *", target="*", default_status=dg.DefaultScheduleStatus.RUNNING)
def hourly(_context):
    return dg.SkipReason("nothing to do")


@pytest.fixture(scope="module")
def server():
    with postgres_server() as url:
        yield url


@pytest.fixture
def footfall(tmp_path):
    made = command_line(tmp_path / "home")
    made.clients = tmp_path / "clients"
    made.clients.mkdir()
    return made


@pytest.fixture
def opened(footfall, monkeypatch):
    """Opens Dagster's instance of the installation as its commands do."""
    instances = []

    def open_it() -> dg.DagsterInstance:
        settings = Settings.from_environ(footfall.environment())
        installation.prepare(settings)
        for name, value in installation.environment(settings, footfall.environment()).items():
            monkeypatch.setenv(name, value)
        instances.append(dg.DagsterInstance.get())
        return instances[-1]

    yield open_it
    for each in instances:
        each.dispose()


def told(instance):
    """What Dagster shows of its history, without the numbers of events."""
    runs = sorted(instance.get_run_records(), key=lambda record: record.storage_id)
    return {
        "runs": [
            (r.dagster_run.run_id, r.dagster_run.status, r.create_timestamp, r.start_time, r.end_time)
            for r in runs
        ],
        "logs": {
            r.dagster_run.run_id: [entry.to_json() for entry in instance.all_logs(r.dagster_run.run_id)]
            for r in runs
        },
        "made": {
            key.to_user_string(): sorted(instance.get_materialized_partitions(key))
            for key in instance.all_asset_keys()
        },
        "latest": [
            (event.run_id, event.timestamp, event.asset_materialization.metadata)
            for event in [instance.get_latest_materialization_event(delivered.key)]
        ],
        # in no order that Dagster promises
        "tags": sorted(sorted(each.items()) for each in instance.get_event_tags_for_asset(delivered.key)),
        "checks": [
            (key, record.run_id, record.status, record.event.timestamp)
            for key, record in instance.event_log_storage.get_latest_asset_check_execution_by_key(
                [is_whole.check_key]
            ).items()
        ],
        "bars": json.dumps(
            sorted(
                instance.get_status_by_partition(
                    delivered.key, HOURS.get_partition_keys(datetime(2026, 11, 20, 4, tzinfo=UTC)), HOURS
                ).items()
            ),
            default=str,
        ),
        "partitions": instance.get_dynamic_partitions("domains"),
        "limits": instance.event_log_storage.get_pool_limits(),
        "values": instance.daemon_cursor_storage.get_cursor_values({"footfall/bars/x"}),
    }


def make_history(instance):
    """A little of everything that an installation's history has."""
    for key in ("2026-11-20-00:00", "2026-11-20-01:00", "2026-11-20-00:00"):
        assert dg.materialize([delivered, is_whole], partition_key=key, instance=instance).success
    assert not dg.materialize([broken], instance=instance, raise_on_error=False).success
    instance.report_runless_asset_event(dg.AssetMaterialization("ledger", metadata={"rows": 1}))
    instance.add_dynamic_partitions("domains", ["a.example", "b.example"])
    instance.event_log_storage.set_concurrency_slots("warehouse", 1)
    instance.daemon_cursor_storage.set_cursor_values({"footfall/bars/x": "[[0, 3600]]"})
    instance.get_status_by_partition(delivered.key, [], HOURS)


def test_a_history_moves_whole_and_goes_on_in_the_database(footfall, opened, server):
    files = opened()
    assert not files.is_ephemeral
    make_history(files)
    before = told(files)
    assert before["made"]["deliveries/acme/events"] == ["2026-11-20-00:00", "2026-11-20-01:00"]

    footfall.settings["FOOTFALL_POSTGRES"] = server
    done = footfall("dagster", "migrate")

    assert (done.returncode, done.stderr) == (0, "")
    assert "runs         4" in done.stdout
    database = opened()
    assert told(database) == before
    # What is written next stands behind it.
    assert dg.materialize([delivered], partition_key="2026-11-20-02:00", instance=database).success
    assert database.get_materialized_partitions(delivered.key) == {
        "2026-11-20-00:00", "2026-11-20-01:00", "2026-11-20-02:00",
    }  # fmt: skip
    latest = database.get_latest_materialization_event(delivered.key)
    assert latest.dagster_event.partition == "2026-11-20-02:00"
    assert len(files.get_run_records()) == 4, "the files are left as they were"

    again = footfall("dagster", "migrate")
    assert again.returncode == 1
    assert again.stderr.splitlines() == [
        "footfall dagster: FOOTFALL_POSTGRES: the database has runs already; move into an empty one"
    ]
    for text in (
        done.stdout,
        done.stderr,
        again.stderr,
        (footfall.home / "dagster" / "dagster.yaml").read_text(),
    ):
        assert server.split(":")[2].split("@")[0] not in text, "no file and no word has the password"


def test_a_server_that_refuses_us_is_named_without_the_password(server):
    wrong = server.replace("footfall:", "footfall:wrong-")

    with pytest.raises(Exception, match=r"^FOOTFALL_POSTGRES: .*password authentication failed") as caught:
        require_answer(wrong)
    assert "wrong-" not in str(caught.value)

    with pytest.raises(Exception, match=r"^FOOTFALL_POSTGRES: .*onnection refused"):
        require_answer("postgresql://footfall:s3cret@127.0.0.1:1/footfall", seconds=0)
    with pytest.raises(Exception, match=r"^FOOTFALL_POSTGRES: expected postgresql://"):
        require_answer("mysql://footfall:s3cret@127.0.0.1/footfall")


def test_a_database_that_is_not_asked_for_is_said_so(footfall):
    done = footfall("dagster", "migrate")

    assert done.returncode == 1
    assert done.stderr == "footfall dagster: FOOTFALL_POSTGRES is not set: say into which database\n"
    assert os.environ.get("FOOTFALL_POSTGRES") is None


ANNA = "anna-user-4711"


@dg.asset
def shown():
    return dg.MaterializeResult(metadata={"preview": dg.MetadataValue.md(f"| user |\n| {ANNA} |"), "rows": 3})


@dg.asset
def quoted():
    raise dg.Failure(f"cannot read the row of {ANNA}")


def held(url):
    """Table and column → cells in which she stands."""
    engine = engine_of(url)
    with engine.connect() as connection:
        found = {
            place: connection.execute(
                sa.text(f"SELECT count(*) FROM {place[0]} WHERE {place[1]} LIKE '%{ANNA}%'")
            ).scalar_one()
            for place in OF_DAGSTER
        }
    engine.dispose()
    return {place for place, cells in found.items() if cells}


def test_a_person_who_is_erased_goes_from_what_runs_showed_and_said(opened, footfall):
    with postgres_server() as url:
        footfall.settings["FOOTFALL_POSTGRES"] = url
        instance = opened()
        dg.materialize([shown], instance=instance)
        dg.materialize([quoted], instance=instance, raise_on_error=False)
        before = held(url)
        runs = [record.dagster_run.run_id for record in instance.get_run_records()]

        noted = []
        found = clean_postgres(partial(engine_of, url), Needles([ANNA]), ["job_ticks"], noted.append)

        assert before == {("event_logs", "event"), ("asset_keys", "last_materialization")}
        assert found.left == []
        assert found.cells >= 3
        assert held(url) == set()
        assert noted == [["event_logs", "job_ticks"], ["asset_keys", "event_logs", "job_ticks"], []] or (
            noted == [["asset_keys", "job_ticks"], ["asset_keys", "event_logs", "job_ticks"], []]
        ), "whoever dies before the end knows what to write anew"
        assert [record.dagster_run.run_id for record in instance.get_run_records()] == runs
        [event] = instance.fetch_materializations(dg.AssetKey("shown"), limit=1).records
        assert "[erased]" in str(event.asset_materialization.metadata["preview"].value)
        assert event.asset_materialization.metadata["rows"].value == 3
        instance.dispose()

    left = clean_postgres(partial(engine_of, url), Needles([ANNA])).left

    assert len(left) == 1, "a server that is away leaves the erasure outstanding"
    assert ANNA not in left[0]
    assert url.split(":")[2].split("@")[0] not in left[0], "nor its password"
