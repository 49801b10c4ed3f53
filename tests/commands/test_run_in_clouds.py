"""`footfall run` and `footfall upgrade` with a lake of Google's, which no copy of a process may ask."""

import os
from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from support.clouds import in_cloud
from support.gcs_server import BUCKET, gcs_server
from support.orchestration_builders import event, land
from support.preloaded import run_command

from footfall.hours import HOUR, floor
from footfall.keys import LAKE_VERSION

CLIENT = """\
client_id: acme
name: Acme
sites: [{site_id: shop, key: pk_acme_Hn40rBy6, domains: [shop.example]}]
destination: {url: "file://${FOOTFALL_HOME}/buckets/acme"}
exports: [{name: events, dataset: events, cadence: hourly}]
"""


@pytest.mark.proof
def test_a_run_and_an_upgrade_with_models_made_anew_work_with_a_lake_in_a_cloud(tmp_path):
    home, hour = tmp_path / "home", floor(datetime.now(UTC)) - 2 * HOUR
    (tmp_path / "clients").mkdir()
    (tmp_path / "clients" / "acme.yaml").write_text(CLIENT)
    (home / "buckets" / "acme").mkdir(parents=True)
    (home / "first_hour").write_text(f"{hour:%Y-%m-%dT%H}\n")
    with gcs_server() as server:
        (tmp_path / "ours.json").write_text(server.key)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("FOOTFALL_", "DAGSTER_"))} | {
            "FOOTFALL_HOME": str(home),
            "FOOTFALL_CLIENTS": str(tmp_path / "clients"),
            "FOOTFALL_LAKE": f"gs://{BUCKET}/lake",
            "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "ours.json"),
            "GOOGLE_BASE_URL": server.endpoint,
        }
        lake = in_cloud(server, "/lake")
        at = hour + timedelta(minutes=5)
        land(lake, hour, event("an-event-1", at, client_id="acme", site_id="shop", visitor_id="a-visitor"))

        span = ("--from", f"{hour:%Y-%m-%dT%H}", "--to", f"{hour + HOUR:%Y-%m-%dT%H}")
        ran = run_command(["run", *span], environment, seconds=500)
        lake.delete(LAKE_VERSION)
        with duckdb.connect(str(home / "warehouse.duckdb")) as warehouse:
            warehouse.execute("DELETE FROM intermediate.built")
        done = run_command(["upgrade", f"file://{tmp_path}/backups"], environment, seconds=500)

        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert len(list((home / "buckets" / "acme").rglob("*.csv"))) == 1
        assert done.returncode == 0, done.stdout + done.stderr
        assert "the lake: version 0 to 1" in done.stdout and "the models: made by others" in done.stdout
        assert done.stdout.endswith("done: all of it is of this release\n")
        assert lake.head(LAKE_VERSION) is not None
