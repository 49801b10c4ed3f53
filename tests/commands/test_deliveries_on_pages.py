"""What `footfall deliveries` brings to a bucket is on Dagster's pages, as if a run had brought it."""

import shutil

import dagster as dg
from support.lost_ledger import LostLedger


def test_what_a_replay_brings_is_on_the_pages_of_its_export_and_of_the_ledger(tmp_path, capsys, monkeypatch):
    lost = LostLedger(tmp_path, capsys, monkeypatch)
    lost("rebuild")
    shutil.rmtree(lost.buckets["acme"].root)
    lost("replay")
    lost.buckets["acme"].root.mkdir()

    assert lost("replay")[0] == 0

    monkeypatch.setenv("DAGSTER_HOME", str(lost.home / "dagster"))
    with dg.DagsterInstance.get() as instance:
        [page] = instance.fetch_materializations(
            dg.AssetKey(["deliveries", "acme", "events"]), limit=10
        ).records
        [newest] = instance.fetch_materializations(dg.AssetKey(["deliveries", "ledger"]), limit=1).records
    made = page.asset_materialization
    assert page.partition_key == "2026-11-20-14:00"
    assert (made.metadata["revision"].value, made.metadata["status"].value) == (1, "delivered")
    assert newest.timestamp >= page.timestamp
    assert newest.asset_materialization.metadata["dagster/row_count"].value == 0
