"""`deliveries/usage_daily`: what each client received and was delivered on a UTC day, by site and kind."""

from datetime import UTC, timedelta

import dagster as dg

from orchestration.defs.delivery.showing import GROUP, table
from orchestration.delivery.usage import usage_daily, write_usage
from orchestration.partitions import DAY_FORMAT, daily
from orchestration.resources.destinations import Destinations
from orchestration.resources.lake import Lake

USAGE = dg.AssetKey([GROUP, "usage_daily"])


@dg.asset(
    key=USAGE,
    description=(
        "What each client received and was delivered on a UTC day, by site and kind, from the receipts in "
        "the backup bucket; in the lake as `usage/dt=…/usage.csv`, and by `footfall deliveries usage DAY`."
        "\n\n**When it is red:** the backup bucket or the lake refused; the message says which. "
        "Materialise the day again, also where a later revision changed it: it is replaced."
    ),
    group_name=GROUP,
    owners=["team:accounts"],
    kinds={"csv"},
    partitions_def=daily("UTC"),
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def usage(context: dg.AssetExecutionContext, destinations: Destinations, lake: Lake) -> dg.MaterializeResult:
    backup, store = destinations.backup(), lake.store()
    for day in context.partition_keys:
        found = usage_daily(backup, day)
        context.add_asset_metadata(
            {
                "dagster/row_count": len(found),
                "dagster/uri": dg.MetadataValue.text(write_usage(store, day, found)),
                "usage": table(vars(each) for each in found),
            },
            asset_key=USAGE,
            partition_key=day,
        )
    return dg.MaterializeResult(asset_key=USAGE)


def yesterday(tick: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """The UTC day before the tick."""
    key = (tick.scheduled_execution_time.astimezone(UTC) - timedelta(days=1)).strftime(DAY_FORMAT)
    return dg.RunRequest(run_key=key, partition_key=key)


@dg.definitions
def metering() -> dg.Definitions:
    job = dg.define_asset_job(
        "usage_daily",
        selection=dg.AssetSelection.assets(USAGE),
        partitions_def=daily("UTC"),
        executor_def=dg.in_process_executor,
        description=(
            "Meters the day that ended last. **When it is red:** the message says which bucket refused; run "
            "the day again, it is replaced."
        ),
    )
    each_day = dg.ScheduleDefinition(
        name="usage_daily",
        job=job,
        cron_schedule="30 14 * * *",
        execution_timezone="UTC",
        execution_fn=yesterday,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="At half past two, UTC: the day before, whose last local day is delivered by then.",
    )
    return dg.Definitions(assets=[usage], jobs=[job], schedules=[each_day])
