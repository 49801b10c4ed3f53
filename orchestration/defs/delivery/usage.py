"""`deliveries/usage_daily`: what each client received and was delivered on a UTC day, by site and kind."""

from datetime import UTC, timedelta

import dagster as dg

from footfall.catalogue.periods import DAY_FORMAT
from orchestration.defs.delivery.showing import GROUP, table
from orchestration.delivery.desk import Desk
from orchestration.delivery.usage import usage_daily, write_usage
from orchestration.given import given
from orchestration.partitions import daily, each
from orchestration.resources.destinations import Destinations
from orchestration.resources.lake import Lake
from orchestration.resources.state import State

USAGE = dg.AssetKey([GROUP, "usage_daily"])


@dg.asset(
    key=USAGE,
    description=(
        "What each client received and was delivered on a UTC day, by site and kind, from the receipts in "
        "the backup bucket; in the lake as `usage/dt=…/usage.csv`, and by `footfall deliveries usage DAY`."
        "\n\nWhen it is red: the backup bucket or the lake refused, or a manifest in the backup is "
        "not ours and was not counted; the message says which. "
        "Materialise the day again, also where a later revision changed it: it is replaced."
    ),
    group_name=GROUP,
    owners=["team:accounts"],
    kinds={"csv"},
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def usage(
    context: dg.AssetExecutionContext, destinations: Destinations, lake: Lake, state: State
) -> dg.MaterializeResult[None]:
    backup, store = destinations.backup(), lake.store()
    own_keys = Desk(state.folder(), state.signer()).own_keys
    not_counted: list[str] = []
    for day in context.partition_keys:
        found = usage_daily(backup, day, own_keys, not_counted.append)
        context.add_asset_metadata(
            {
                "dagster/row_count": len(found),
                "dagster/uri": dg.MetadataValue.text(write_usage(store, day, found)),
                "usage": table(vars(each) for each in found),
            },
            asset_key=USAGE,
            partition_key=day,
        )
    if not_counted:
        raise dg.Failure(
            f"what is counted was written; {len(not_counted)} manifests in the backup were not counted: "
            + "; ".join(not_counted[:5]),
            allow_retries=False,
        )
    return dg.MaterializeResult(asset_key=USAGE)


def yesterday(tick: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """The UTC day before the tick."""
    key = (tick.scheduled_execution_time.astimezone(UTC) - timedelta(days=1)).strftime(DAY_FORMAT)
    return dg.RunRequest(run_key=key, partition_key=key)


@dg.definitions
def metering() -> dg.Definitions:
    days = daily("UTC", given().first_hour)
    job = dg.define_asset_job(
        "usage_daily",
        selection=dg.AssetSelection.assets(USAGE),
        partitions_def=days,
        executor_def=dg.in_process_executor,
        description=(
            "Meters the day that ended last. When it is red: the message says which bucket refused; run "
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
        description="At 14:30 UTC: the day before, whose last local day is delivered by then.",
    )
    return dg.Definitions(assets=[each(usage, days)], jobs=[job], schedules=[each_day])
