"""The dbt models as assets: those that follow the window of hours that a run covers, and those made whole."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject, dbt_assets
from dagster_dbt.asset_utils import get_asset_check_key_for_test

from footfall.catalogue.tables import PUBLISHED
from footfall.owners import running
from orchestration.modelling.artefacts import prune
from orchestration.modelling.command import (
    WHOLE,
    build_some,
    build_whole,
    build_windowed,
    window_environment,
)
from orchestration.modelling.invoke import NodeResult, failures, invoke
from orchestration.modelling.project import manifest
from orchestration.modelling.publish import publish_marts
from orchestration.modelling.row_counts import row_counts
from orchestration.partitions import hourly
from orchestration.resources.clients import Clients
from orchestration.resources.lake import Lake
from orchestration.resources.state import State
from orchestration.resources.warehouse import Warehouse

_WHEN_RED = (
    "**When it is red:** the step names the model or the test and what dbt said; a test that fails shows the "
    "rows it found. Mend the model, then re-execute from failure: an hour is replaced, never added to."
)


class _Translator(DagsterDbtTranslator):
    """A node's layer (staging, intermediate, marts, reports) is its group, its dbt group's owner its team."""

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        node = self.get_resource_props(manifest, unique_id)
        layer = "seeds" if node["resource_type"] == "seed" else node["fqn"][1]
        group = node.get("config", {}).get("group")
        return spec.replace_attributes(
            group_name=layer,
            owners=[f"team:{group}" if group else "team:data"],
            kinds={"dbt", "duckdb", node.get("config", {}).get("materialized", "source")},
            description=(f"{str(node.get('description') or spec.description or '').strip()}\n\n{_WHEN_RED}"),
        )


#: Two tables that one step of ingest writes are one asset.
_TRANSLATOR = _Translator(settings=DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))


@dbt_assets(
    manifest=manifest(),
    exclude=WHOLE,
    name="models",
    partitions_def=hourly(),
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="warehouse",
    dagster_dbt_translator=_TRANSLATOR,
)
def models(context: dg.AssetExecutionContext, warehouse: Warehouse, state: State) -> Iterator[Any]:
    yield from _build(context, warehouse, state, build_windowed())


@dbt_assets(
    manifest=manifest(),
    select=WHOLE,
    name="whole_models",
    partitions_def=hourly(),
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="warehouse",
    dagster_dbt_translator=_TRANSLATOR,
)
def whole_models(context: dg.AssetExecutionContext, warehouse: Warehouse, state: State) -> Iterator[Any]:
    yield from _build(context, warehouse, state, build_whole())


def _build(
    context: dg.AssetExecutionContext, warehouse: Warehouse, state: State, everything: list[str]
) -> Iterator[Any]:
    window = context.partition_time_window
    target = state.dbt_target(context.run_id)
    prune(target.parent)
    keys = context.selected_asset_keys
    some = {node["name"] for node in _nodes().values() if node["key"] in keys}
    arguments = everything if keys == context.assets_def.keys else build_some(some)
    path = Path(warehouse.path)
    with warehouse.exclusive():
        results = invoke(arguments, window_environment(path, window.start, window.end), target)
        counts = row_counts(path, [_nodes()[r.unique_id]["table"] for r in results if r.kind != "test"])
    yield from _events(context, results, counts)
    bad = failures(results)
    if bad:
        raise dg.Failure(f"{len(bad)} of {len(results)} models and tests failed: " + "; ".join(bad))


def _events(
    context: dg.AssetExecutionContext, results: list[NodeResult], counts: Mapping[str, int]
) -> Iterator[Any]:
    for result in results:
        if result.kind == "test":
            check = _check(result.unique_id)
            if check in context.selected_asset_check_keys and result.status != "skipped":
                yield dg.AssetCheckResult(
                    asset_key=check.asset_key,
                    check_name=check.name,
                    passed=result.is_good,
                    metadata={
                        "rows": result.failures,
                        "seconds": round(result.seconds, 3),
                        "said": result.message,
                    },
                )
        elif result.is_good:
            node = _nodes()[result.unique_id]
            metadata: dict[str, Any] = {"seconds": round(result.seconds, 3), "unique_id": result.unique_id}
            if node["table"] in counts:
                metadata["dagster/row_count"] = counts[node["table"]]
            yield dg.MaterializeResult(asset_key=node["key"], metadata=metadata)


@cache
def _read_manifest() -> Mapping[str, Any]:
    import json

    return json.loads(manifest().read_text())


@cache
def _nodes() -> Mapping[str, dict[str, Any]]:
    """dbt's id of a model or seed → its name, asset key and table."""
    read = _read_manifest()
    return {
        unique_id: {
            "name": node["name"],
            "key": _TRANSLATOR.get_asset_spec(read, unique_id, None).key,
            "table": f"{node['schema']}.{node['name']}",
        }
        for unique_id, node in read["nodes"].items()
        if node["resource_type"] in ("model", "seed")
    }


def _check(unique_id: str) -> dg.AssetCheckKey | None:
    return get_asset_check_key_for_test(_read_manifest(), _TRANSLATOR, unique_id, None)


@dg.asset(
    key=["marts", "published"],
    deps=[dg.AssetKey([table.name]) for table in PUBLISHED],
    description=(
        "Each client's marts as Parquet in the lake, replaced atomically. Dashboards and programs read "
        "these; nobody but a run opens the warehouse.\n\n**When it is red:** the lake refused a file; the "
        "message names it. Readers keep the copy before. Materialise the hour again."
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
        known = running(clients.registry())
        rows = {c.client_id: publish_marts(connection, lake.store(), c) for c in known}
    return dg.MaterializeResult(
        metadata={"rows": rows, "dagster/row_count": sum(sum(marts.values()) for marts in rows.values())}
    )
