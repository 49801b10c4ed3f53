"""The warehouse is Dagster's own resource of a DuckDB file, and no way around its lock and its walls."""

import fcntl
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from dagster_duckdb import DuckDBResource

from footfall.errors import FootfallError
from footfall.sql import run
from orchestration.resources.warehouse import Warehouse


def test_an_asset_that_asks_for_a_duckdb_resource_is_given_the_confined_warehouse(tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text("word\nhush\n")
    refused = []

    @dg.asset
    def reader(warehouse: DuckDBResource) -> dg.MaterializeResult:
        with warehouse.get_connection() as connection:
            try:
                run(connection, "SELECT * FROM read_csv(?)", [str(secret)])
            except duckdb.PermissionException as error:
                refused.append(str(error))
            [(zone,)] = run(connection, "SELECT current_setting('TimeZone')").fetchall()
        return dg.MaterializeResult(metadata={"zone": zone})

    result = dg.materialize(
        [reader],
        resources={"warehouse": Warehouse(database=str(tmp_path / "warehouse.duckdb"))},
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )

    assert result.success
    assert len(refused) == 1
    [made] = result.asset_materializations_for_node("reader")
    assert made.metadata["zone"].value == "UTC"


def test_a_connection_by_either_name_waits_for_who_holds_the_file(tmp_path: Path):
    warehouse = Warehouse(database=str(tmp_path / "warehouse.duckdb"), wait_seconds=0)
    with (tmp_path / "warehouse.duckdb.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for way in (warehouse.get_connection, warehouse.connect):
            with pytest.raises(FootfallError, match="has been in use"), way():
                pass
