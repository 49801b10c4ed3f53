"""The dbt models as assets: one dbt invocation for the window of hours that a run covers."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, DbtProject, dbt_assets

from orchestration.modelling.artefacts import prune
from orchestration.modelling.command import BUILD, window_environment
from orchestration.modelling.project import manifest
from orchestration.modelling.publish import PUBLISHED, publish_marts
from orchestration.partitions import hourly
from orchestration.resources.clients import Clients
from orchestration.resources.lake import Lake
from orchestration.resources.state import State
from orchestration.resources.warehouse import Warehouse


class _Translator(DagsterDbtTranslator):
    """A node's layer (staging, intermediate, marts, reports) is its group."""

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        node = self.get_resource_props(manifest, unique_id)
        layer = "seeds" if node["resource_type"] == "seed" else node["fqn"][1]
        return spec.replace_attributes(group_name=layer, owners=["team:data"])


@dbt_assets(
    manifest=manifest(),
    partitions_def=hourly(),
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="warehouse",
    dagster_dbt_translator=_Translator(),
)
def models(
    context: dg.AssetExecutionContext, dbt: DbtCliResource, warehouse: Warehouse, state: State
) -> Iterator[Any]:
    window = context.partition_time_window
    os.environ.update(window_environment(Path(warehouse.path), window.start, window.end))
    target = state.dbt_target(context.run_id)
    prune(target.parent)
    with warehouse.exclusive():
        yield from dbt.cli(list(BUILD), context=context, target_path=target).stream()


@dg.asset(
    key=["marts", "published"],
    deps=[dg.AssetKey([mart]) for mart in PUBLISHED],
    description=(
        "Each client's marts as Parquet in the lake, replaced atomically. Dashboards and programs read "
        "these; nobody but a run opens the warehouse."
    ),
    group_name="marts",
    owners=["team:data"],
    kinds={"parquet"},
    partitions_def=hourly(),
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="warehouse",
)
def published_marts(lake: Lake, warehouse: Warehouse, clients: Clients) -> dg.MaterializeResult:
    with warehouse.connect() as connection:
        rows = {c.client_id: publish_marts(connection, lake.store(), c) for c in clients.registry().clients}
    return dg.MaterializeResult(
        metadata={"rows": rows, "dagster/row_count": sum(sum(marts.values()) for marts in rows.values())}
    )
