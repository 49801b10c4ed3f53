"""`ingest/events`, `ingest/quarantine` and `ingest/sites`: an hour of receipt, whole, in lake and warehouse.

One row per stored line; the clock is `received_at`. Rebuilding an hour replaces it, so hours may run in
any order, any number of times, alone or as a range in one run.
"""

from collections.abc import Iterator
from datetime import UTC

import dagster as dg

from footfall.clients import Registry
from footfall.hours import between
from orchestration.ingest.hour import HourCounts, ingest_hours
from orchestration.ingest.sites import replace_sites
from orchestration.partitions import HOUR_FORMAT, hourly
from orchestration.resources.clients import Clients
from orchestration.resources.lake import Lake
from orchestration.resources.warehouse import Warehouse

EVENTS = dg.AssetKey(["ingest", "events"])
QUARANTINE = dg.AssetKey(["ingest", "quarantine"])
SITES = dg.AssetKey(["ingest", "sites"])
_OWNER = "team:data"


@dg.multi_asset(
    name="ingest",
    specs=[
        dg.AssetSpec(
            EVENTS,
            description=(
                "One row per event received in the hour, duplicates marked; in the warehouse and as Parquet "
                "in the lake.\n\n**When it is red:** the run's log names the object or the store that "
                "failed. Nothing is half-written: materialise the hour again."
            ),
            group_name="ingest",
            owners=[_OWNER],
            kinds={"duckdb", "parquet"},
        ),
        dg.AssetSpec(
            QUARANTINE,
            description=(
                "One row per line, or per whole object, that could not become an event: its reason, its "
                "bytes, its object and line."
            ),
            group_name="ingest",
            owners=[_OWNER],
            kinds={"duckdb", "parquet"},
        ),
        dg.AssetSpec(
            SITES,
            description="One row per site of a valid client file: its client and its time zone.",
            group_name="ingest",
            owners=[_OWNER],
            kinds={"duckdb", "yaml"},
        ),
    ],
    check_specs=[
        dg.AssetCheckSpec(
            "every_line_is_accounted_for",
            asset=EVENTS,
            description="Lines in the raw objects = kept + duplicate + quarantined, for every hour.",
            blocking=True,
        ),
        dg.AssetCheckSpec(
            "client_files_are_valid",
            asset=SITES,
            description="No client file was set aside. The others stay in force either way.",
        ),
    ],
    partitions_def=hourly(),
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="warehouse",
)
def ingest(
    context: dg.AssetExecutionContext, lake: Lake, warehouse: Warehouse, clients: Clients
) -> Iterator[dg.MaterializeResult]:
    window = context.partition_time_window
    registry = clients.registry()
    with warehouse.connect() as connection:
        counts = ingest_hours(connection, lake.store(), between(window.start, window.end))
        sites = replace_sites(connection, registry)
    for hour in counts:
        _describe(context, hour)
    lost = [hour for hour in counts if not hour.is_conserved]
    yield dg.MaterializeResult(
        asset_key=EVENTS,
        check_results=[
            dg.AssetCheckResult(
                check_name="every_line_is_accounted_for",
                asset_key=EVENTS,
                passed=not lost,
                metadata={
                    "hours": len(counts),
                    "lines": sum(hour.lines for hour in counts),
                    "hours_that_do_not_add_up": [hour.hour.isoformat() for hour in lost],
                },
            )
        ],
    )
    yield dg.MaterializeResult(asset_key=QUARANTINE)
    yield dg.MaterializeResult(
        asset_key=SITES, metadata={"dagster/row_count": sites}, check_results=[_client_files_check(registry)]
    )


def _describe(context: dg.AssetExecutionContext, hour: HourCounts) -> None:
    partition = hour.hour.astimezone(UTC).strftime(HOUR_FORMAT)
    context.add_asset_metadata(
        {
            "dagster/row_count": hour.kept + hour.duplicates,
            "objects": hour.objects,
            "bytes": hour.bytes,
            "lines": hour.lines,
            "kept": hour.kept,
            "duplicates": hour.duplicates,
            "quarantined": hour.quarantined,
        },
        asset_key=EVENTS,
        partition_key=partition,
    )
    context.add_asset_metadata(
        {"dagster/row_count": hour.quarantined}, asset_key=QUARANTINE, partition_key=partition
    )


def _client_files_check(registry: Registry) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="client_files_are_valid",
        asset_key=SITES,
        passed=not registry.mistakes,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            "clients": len(registry.clients),
            "mistakes": dg.MetadataValue.md(
                "\n".join(f"- {mistake}" for mistake in registry.mistakes) or "none"
            ),
        },
    )
