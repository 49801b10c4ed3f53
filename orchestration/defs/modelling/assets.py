"""The dbt models as assets: those that follow the window of hours that a run covers, and those made whole."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import dagster as dg

from footfall.catalogue.tables import PUBLISHED
from footfall.hour_files import HourFiles
from footfall.owners import running
from footfall.settings import Settings
from footfall.sql import set_memory
from footfall.store import LocalStore
from orchestration.bars import note_run
from orchestration.defs.modelling.specs import TRANSLATOR, check_of, nodes_of, specs_of
from orchestration.given import given
from orchestration.ingest.events_before import take_up_events
from orchestration.modelling.artefacts import prune
from orchestration.modelling.build import build
from orchestration.modelling.command import build_some, build_whole, build_windowed
from orchestration.modelling.invoke import NodeResult, failures
from orchestration.modelling.publishing.client import MEMORY, Terms, publish_client
from orchestration.modelling.publishing.notes import forget_others
from orchestration.modelling.row_counts import row_counts
from orchestration.modelling.untouched import (
    WHOLE_BUILD,
    WINDOWED_BUILD,
    is_built,
    is_untouched,
    let_time_pass,
    note_begun,
    note_built,
)
from orchestration.partitions import each_hour, hourly, window_of
from orchestration.resources.clients import Clients
from orchestration.resources.lake import Lake
from orchestration.resources.state import State
from orchestration.resources.warehouse import Warehouse

#: Of a model in hours that touched nothing.
_LEFT = "as it was: nothing of these hours touches it"
#: Of a view or a seed that the same project has made.
_LASTS = "as it was: no hour changes what it says"


def _models(name: str, everything: list[str], *, whole: bool) -> dg.AssetsDefinition:
    """The models that are made whole, or all others, made by dbt's arguments for all of them."""
    known = given().models
    specs, checks = specs_of(_read_manifest(known), whole=whole)

    @dg.multi_asset(
        name=name,
        specs=specs,
        check_specs=checks,
        can_subset=True,
        partitions_def=hourly(given().first_hour),
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool="warehouse",
    )
    def models(
        context: dg.AssetExecutionContext, lake: Lake, warehouse: Warehouse, state: State
    ) -> Iterator[Any]:
        # Of both builds the one of windows reads the lake's hours.
        files = lake.files() if name == WINDOWED_BUILD else None
        yield from _build(context, files, warehouse, state, name, everything, known)

    return models


def _build(
    context: dg.AssetExecutionContext,
    files: HourFiles | None,
    warehouse: Warehouse,
    state: State,
    name: str,
    everything: list[str],
    known: Path,
) -> Iterator[Any]:
    window = window_of(context)
    keys = context.selected_asset_keys
    nodes = _nodes(known)
    is_whole = keys == context.assets_def.keys
    if is_whole and _is_left(warehouse, window, known):
        note_run(context)
        yield from _as_it_was(context)
        return
    target = state.dbt_target(context.run_id)
    prune(target.parent)
    some = {node["name"] for node in nodes.values() if node["key"] in keys}
    arguments = everything if is_whole else build_some(some)
    path, has_views = Path(warehouse.database), False
    if files is not None:
        with warehouse.connect(files.folder) as connection:
            has_views = is_whole and is_built(connection, known.name, _tables(known))
            take_up_events(connection, files)
            note_begun(connection)
    if has_views:
        arguments = build_windowed(has_views=True)
    with warehouse.exclusive():
        results = build(arguments, path, (window.start, window.end), target, files, known)
        counts = row_counts(path, [nodes[r.unique_id]["table"] for r in results if r.kind != "test"])
    note_run(context, [nodes[r.unique_id]["key"] for r in results if r.kind != "test" and r.is_good])
    yield from _events(context, _with_lasting(results, known) if has_views else results, counts, known)
    bad = failures(results)
    if is_whole and not bad:
        with warehouse.connect() as connection:
            note_built(connection, name, known.name)
    if bad:
        raise dg.Failure(f"{len(bad)} of {len(results)} models and tests failed: " + "; ".join(bad))


def _as_it_was(context: dg.AssetExecutionContext) -> Iterator[Any]:
    """What models and tests are in hours that touch nothing: all of them held when they were last built."""
    deps = {spec.key: [dep.asset_key for dep in spec.deps] for spec in context.assets_def.specs}
    # Dagster wants what a model is made of before it.
    for key in filter(deps.__contains__, TopologicalSorter(deps).static_order()):
        yield dg.MaterializeResult(asset_key=key, metadata={"seconds": 0.0, "made": _LEFT})
    for check in sorted(context.selected_asset_check_keys, key=str):
        yield dg.AssetCheckResult(
            asset_key=check.asset_key, check_name=check.name, passed=True, metadata={"said": _LEFT}
        )


def _is_left(warehouse: Warehouse, window: dg.TimeWindow, known: Path) -> bool:
    """Whether nothing was touched, so that dbt has nothing to do; time passes all the same."""
    with warehouse.connect() as connection:
        left = is_untouched(
            connection, window.start, window.end, known.name, (WINDOWED_BUILD, WHOLE_BUILD), _tables(known)
        )
        if left:
            let_time_pass(connection)
    return left


def _events(
    context: dg.AssetExecutionContext, results: list[NodeResult], counts: Mapping[str, int], known: Path
) -> Iterator[Any]:
    for result in results:
        if result.kind == "test":
            check = check_of(_read_manifest(known), result.unique_id)
            if (
                check is not None
                and check in context.selected_asset_check_keys
                and result.status != "skipped"
            ):
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
            node = _nodes(known)[result.unique_id]
            metadata: dict[str, Any] = {"seconds": round(result.seconds, 3), "unique_id": result.unique_id}
            if result.message == _LASTS:
                metadata["made"] = _LASTS
            if node["table"] in counts:
                metadata["dagster/row_count"] = counts[node["table"]]
            yield dg.MaterializeResult(asset_key=node["key"], metadata=metadata)


def _with_lasting(results: list[NodeResult], known: Path) -> list[NodeResult]:
    """The results, and one of each view and seed that was left as it is: each after what it is made of."""
    made = {result.unique_id for result in results}
    left = [
        NodeResult(unique_id, "model", "success", 0.0, 0, _LASTS)
        for unique_id, node in _nodes(known).items()
        if node["is_lasting"] and unique_id not in made
    ]
    made_of = {
        unique_id: node["depends_on"].get("nodes", [])
        for unique_id, node in _read_manifest(known)["nodes"].items()
    }
    place = {unique_id: n for n, unique_id in enumerate(TopologicalSorter(made_of).static_order())}
    return sorted([*results, *left], key=lambda result: place[result.unique_id])


@cache
def _read_manifest(known: Path) -> Mapping[str, Any]:
    read: dict[str, Any] = json.loads((known / "manifest.json").read_text())
    return read


@cache
def _nodes(known: Path) -> Mapping[str, dict[str, Any]]:
    """dbt's id of a model or seed → its name, asset key and table."""
    read = _read_manifest(known)
    return {
        unique_id: {
            "name": node["name"],
            "key": TRANSLATOR.get_asset_spec(read, unique_id, None).key,
            "table": f"{node['schema']}.{node['name']}",
            # what an hour does not change
            "is_lasting": node["config"]["materialized"] in ("view", "seed"),
        }
        for unique_id, node in nodes_of(read).items()
    }


def _tables(known: Path) -> list[str]:
    return [node["table"] for node in _nodes(known).values()]


@dg.asset(
    key=["marts", "published"],
    deps=[dg.AssetKey([table.name]) for table in PUBLISHED],
    description=(
        "Each client's marts and reports as Parquet in the lake: days that changed are written, and one "
        "snapshot names the files of all tables. Dashboards and programs read these; nobody but a run opens "
        "the warehouse.\n\nWhen it is red: the lake refused a file; the message names it. Readers keep the "
        "snapshot before. Materialise any hour again: what is not published waits for it."
    ),
    group_name="marts",
    owners=["team:data"],
    kinds={"parquet"},
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="warehouse",
)
def published_marts(
    context: dg.AssetExecutionContext,
    lake: Lake,
    warehouse: Warehouse,
    clients: Clients,
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult[None]:
    store = lake.store()
    terms = Terms(settings.published_days, timedelta(minutes=settings.published_grace_minutes))
    caches = {c.client_id: settings.cache_of(c.client_id) for c in running(clients.registry())}
    readable = [store.root / "marts"] if isinstance(store, LocalStore) else [settings.home / "cache"]
    with warehouse.connect(*readable) as connection:
        set_memory(connection, MEMORY)
        forget_others(connection, caches)
        made = {
            client_id: publish_client(connection, store, client_id, cache, terms, datetime.now(UTC))
            for client_id, cache in caches.items()
        }
    note_run(context)
    rows = {
        client_id: {name: table.rows for name, table in snapshot.tables.items()}
        for client_id, snapshot in made.items()
    }
    return dg.MaterializeResult(
        metadata={
            "rows": rows,
            "snapshots": {client_id: snapshot.name for client_id, snapshot in made.items()},
            "dagster/row_count": sum(sum(tables.values()) for tables in rows.values()),
        }
    )


@dg.definitions
def modelling() -> dg.Definitions:
    return dg.Definitions(
        assets=[
            _models(WINDOWED_BUILD, build_windowed(), whole=False),
            _models(WHOLE_BUILD, build_whole(), whole=True),
            each_hour(published_marts, given().first_hour),
        ]
    )
