"""The first date of a client that took another zone: Dagster has a day of it, and it may have no hour."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from footfall.settings import Settings
from orchestration.delivery.ledger import Ledger
from orchestration.ingest.schema import make_schema
from orchestration.loading import build_defs
from orchestration.modelling.project import prepare
from orchestration.partitions import span_tags
from orchestration.resources.warehouse import Warehouse

#: The nineteenth is over in Berlin, and has six hours to go in New York.
FIRST_HOUR = datetime(2026, 11, 19, 23, tzinfo=UTC)
DAY = "2026-11-19"
CLIENT = """\
client_id: moved
name: Moved
timezone: America/New_York
sites: [{site_id: moved, key: pk_moved_Kd83hDs2, domains: [moved.example]}]
destination: {url: "file://${FOOTFALL_HOME}/buckets/moved"}
exports: [{name: views, dataset: page_views, cadence: daily}]
earlier_timezones: [{until: 2026-11-25, timezone: Europe/Berlin}]
"""
KEY = dg.AssetKey(["deliveries", "moved", "views"])


@pytest.fixture
def installation(tmp_path):
    (tmp_path / "clients").mkdir()
    (tmp_path / "clients" / "moved.yaml").write_text(CLIENT)
    home = tmp_path / "home"
    home.mkdir()
    (home / "first_hour").write_text(f"{FIRST_HOUR:%Y-%m-%dT%H}\n")
    prepare(home)
    settings = Settings.from_environ(
        {"FOOTFALL_HOME": str(home), "FOOTFALL_CLIENTS": str(tmp_path / "clients")}
    )
    with Warehouse(database=str(settings.warehouse)).connect() as connection:
        make_schema(connection)
    return settings


@pytest.mark.parametrize(
    "chosen",
    [
        {"partition_key": DAY},
        {"tags": span_tags(DAY, DAY)},
        {
            "tags": {
                "dagster/asset_partition_range_start": DAY,
                "dagster/asset_partition_range_end": DAY,
            }
        },
    ],
    ids=["a day", "our own span", "a range in the UI"],
)
def test_a_run_of_a_day_that_was_over_before_the_first_hour_marks_the_asset_and_delivers_nothing(
    installation, chosen
):
    job = build_defs(installation).resolve_job_def("daily_america_new_york")
    assert job.partitions_def.get_first_partition_key() == DAY

    with dg.DagsterInstance.ephemeral() as instance:
        done = job.execute_in_process(instance=instance, **chosen)

        assert done.success
        assert instance.get_materialized_partitions(KEY) == {DAY}
    ledger = Ledger(installation.ledger)
    assert list(ledger.walk()) == []
    ledger.close()
