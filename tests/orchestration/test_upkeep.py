"""Upkeep: what is past its time goes, and nothing else."""

import os
import time
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from footfall.settings import Settings
from orchestration.alerting.alert import Alert
from orchestration.alerting.book import alert_book, told_to, write
from orchestration.alerting.life import Told
from orchestration.defs.upkeep.jobs import upkeep
from orchestration.defs.upkeep.runs import prune_runs
from orchestration.discovery.database import notices, registry, transaction
from orchestration.resources.lake import Lake
from orchestration.upkeep.prune import (
    OUTBOX_DAYS,
    REGISTRY_DAYS,
    STAGED_DAYS,
    prune_alerts,
    prune_registry,
    prune_scratch,
    prune_staged,
)
from orchestration.webhooks import outbox

NOW = datetime(2026, 11, 20, 14, tzinfo=UTC)
OLD = NOW - timedelta(days=REGISTRY_DAYS + 1)


@pytest.mark.parametrize(
    ("state", "told_at", "left"), [("resolved", OLD, 0), ("resolved", NOW, 1), ("firing", OLD, 1)]
)
def test_alerts_that_were_resolved_long_ago_are_forgotten(tmp_path, state, told_at, left):
    path = tmp_path / "alerts.sqlite"
    alert = Alert("disk_low", "", "/", "full")
    with alert_book(path) as book:
        write(book, "webhook", {alert.key: Told(alert, state, told_at, told_at)})
    assert prune_alerts(path, NOW) == 1 - left
    with alert_book(path) as book:
        assert len(told_to(book, "webhook")) == left


def test_messages_that_wait_are_kept_however_old_they_are(tmp_path):
    path = tmp_path / "registry.sqlite"
    ancient = NOW - timedelta(days=OUTBOX_DAYS + 1)
    with registry(path) as database, transaction(database):
        for name in ("waits", "arrived"):
            outbox.add(database, name, "demo", "domain.activated", {}, ancient)
        database.execute(
            "UPDATE outbox SET state = 'delivered', delivered_at = created_at WHERE id = 'arrived'"
        )
        database.execute(
            "INSERT INTO notices VALUES (1, 'new_domain', 'demo', 'd', '{}', ?)", (ancient.isoformat(),)
        )
    assert prune_registry(path, NOW) == 2
    with registry(path) as database:
        assert [message.id for message in outbox.listing(database)] == ["waits"]
        assert notices(database) == []


def test_nothing_is_made_where_there_is_nothing_to_prune(tmp_path):
    assert (
        prune_alerts(tmp_path / "alerts.sqlite", NOW)
        == prune_registry(tmp_path / "registry.sqlite", NOW)
        == 0
    )
    assert list(tmp_path.iterdir()) == []


def test_scratch_folders_of_killed_processes_go_and_young_ones_stay(tmp_path):
    for name in ("footfall-old", "footfall-young", "somebody-elses"):
        (tmp_path / name).mkdir()
    day_ago = time.time() - 25 * 3600
    for name in ("footfall-old", "somebody-elses"):
        os.utime(tmp_path / name, (day_ago, day_ago))
    assert prune_scratch(tmp_path) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"footfall-young", "somebody-elses"}


def test_staged_files_that_nobody_waits_for_go_and_young_ones_stay(tmp_path):
    for name, days in (("old", STAGED_DAYS + 1), ("young", 1)):
        folder = tmp_path / "acme" / "events" / name
        folder.mkdir(parents=True)
        (folder / "events.csv").touch()
        then = (NOW - timedelta(days=days)).timestamp()
        os.utime(folder, (then, then))
    assert prune_staged(tmp_path, NOW) == 1
    assert [path.name for path in tmp_path.glob("*/*/*")] == ["young"]


@dg.op
def work():
    pass


@dg.job
def some_job():
    work()


def test_the_job_keeps_young_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with dg.DagsterInstance.ephemeral() as instance:
        done = some_job.execute_in_process(instance=instance)
        lake = Lake(url=f"file://{tmp_path}/lake")
        settings = Settings.from_environ({"FOOTFALL_HOME": str(tmp_path)})
        resources = {"lake": lake, "settings": dg.ResourceDefinition.hardcoded_resource(settings)}
        assert upkeep.execute_in_process(instance=instance, resources=resources).success
        assert instance.get_run_by_id(done.run_id) is not None


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["one", "two"]))
def something():
    pass


def materialised(instance):
    return {str(partition) for partition in instance.get_materialized_partitions(something.key)}


def log_files(tmp_path, run_id):
    return [*tmp_path.glob(f"history/runs/{run_id}*"), *tmp_path.glob(f"storage/{run_id}")]


def test_what_old_runs_materialised_stays_seen_after_they_were_pruned(instance, tmp_path):
    first = dg.materialize([something], instance=instance, partition_key="one").run_id
    again = dg.materialize([something], instance=instance, partition_key="one").run_id
    other = dg.materialize([something], instance=instance, partition_key="two").run_id
    without_assets = some_job.execute_in_process(instance=instance).run_id
    later = datetime.now(UTC) + timedelta(days=1)

    assert prune_runs(instance, later, tmp_path / "mark") == (2, 2)

    assert {record.dagster_run.run_id for record in instance.get_run_records()} == {again, other}
    assert materialised(instance) == {"one", "two"}
    assert instance.get_latest_materialization_event(something.key).run_id == other
    for run_id in (first, again, other, without_assets):
        assert log_files(tmp_path, run_id) == [], "nothing of a pruned run takes room"


def test_runs_that_stay_are_looked_at_once_and_stay_also_where_the_mark_was_lost(instance, tmp_path):
    for partition in ("one", "two"):
        dg.materialize([something], instance=instance, partition_key=partition)
    later = datetime.now(UTC) + timedelta(days=1)

    assert prune_runs(instance, later, tmp_path / "mark", limit=1) == (0, 1)
    assert prune_runs(instance, later, tmp_path / "mark", limit=1) == (0, 1)
    assert prune_runs(instance, later, tmp_path / "mark") == (0, 0)
    (tmp_path / "mark").unlink()
    assert prune_runs(instance, later, tmp_path / "mark") == (0, 0)
    assert materialised(instance) == {"one", "two"}
