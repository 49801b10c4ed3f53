"""What steps print lies in Dagster's home, or with a lake on S3 in it, where another machine finds it."""

import os
import sys
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
import yaml
from dagster_aws.s3.compute_log_manager import S3ComputeLogManager
from support.s3_server import s3_server

from commands.installation import environment, prepare
from footfall.settings import Settings
from footfall.store import open_store
from orchestration.defs.upkeep.runs import prune_runs


@dg.asset
def talkative():
    sys.stdout.write("what a step says")


def _settings(tmp_path, lake=None, endpoint=None):
    environ = {"FOOTFALL_HOME": str(tmp_path / "state")}
    environ |= {"FOOTFALL_LAKE": lake} if lake else {}
    environ |= {"FOOTFALL_S3_ENDPOINT": endpoint} if endpoint else {}
    return Settings.from_environ(environ)


def test_with_a_lake_on_s3_what_a_step_prints_is_read_from_there_and_pruned_with_its_run(
    tmp_path, monkeypatch
):
    (tmp_path / "s3").mkdir()
    with s3_server(tmp_path / "s3") as server:
        settings = _settings(tmp_path, f"s3://{server.bucket}/lake", server.endpoint)
        prepare(settings)
        for name, value in environment(settings, {**os.environ, **server.environment}).items():
            monkeypatch.setenv(name, value)

        with dg.DagsterInstance.get() as instance:
            logs = instance.compute_log_manager
            assert isinstance(logs, S3ComputeLogManager)
            run_id = dg.materialize([talkative], instance=instance).run_id
            store = open_store(settings.lake, s3_endpoint=settings.s3_endpoint)
            keys = [info.key for info in store.list("compute-logs/")]
            [out] = [key for key in keys if key.endswith(".out")]
            assert b"what a step says" in store.get(out)
            assert [*(settings.dagster_home / "storage").rglob("*.out")] == []
            # As the UI asks for it.
            [file] = [key.rpartition("/")[2].partition(".")[0] for key in keys if key.endswith(".out")]
            shown = logs.get_log_data([run_id, "compute_logs", file])
            assert b"what a step says" in shown.stdout

            dg.materialize([talkative], instance=instance)
            prune_runs(instance, datetime.now(UTC) + timedelta(days=1), tmp_path / "mark", limit=1)
            assert [info.key for info in store.list("compute-logs/") if run_id in info.key] == []


@pytest.mark.parametrize("lake", [None, "file:///somewhere/lake"])
def test_with_a_lake_in_a_folder_the_instance_is_as_dagster_yaml_says(tmp_path, lake):
    settings = _settings(tmp_path, lake)
    prepare(settings)

    assert "compute_logs" not in yaml.safe_load((settings.dagster_home / "dagster.yaml").read_text())
