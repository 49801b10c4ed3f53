"""The job `retention`: what is past its time by the client files goes, and what is left is looked for."""

from datetime import UTC, datetime

import dagster as dg

from footfall.access import audit
from footfall.errors import FootfallError
from footfall.settings import Settings
from orchestration.defs.retention.making import house_of
from orchestration.retention.retain import Retained, retain


@dg.op(
    description="Removes what is past its time, and looks whether anything older is left.", pool="warehouse"
)
def retain_op(context: dg.OpExecutionContext, settings: dg.ResourceParam[Settings]) -> None:
    try:
        audit.note(
            settings.audit,
            datetime.now(UTC),
            who="schedule",
            door="job",
            act="privacy.retain",
            client="",
            subject="by the client files",
            outcome="asked",
        )
        done = retain(house_of(settings, "schedule", context.log.info))
    except (FootfallError, OSError) as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    context.add_output_metadata(_shown(done))
    left = [f"{each.client_id}: {line}" for each in done for line in each.left]
    if left:
        raise dg.Failure(
            f"{len(left)} things are older than they may be: " + "; ".join(left[:10]), allow_retries=False
        )


def _shown(done: list[Retained]) -> dict[str, dg.MetadataValue]:
    since = {each.client_id: {kind: f"{at:%Y-%m-%d}" for kind, at in each.horizons.items()} for each in done}
    return {
        "clients": dg.MetadataValue.int(len(done)),
        "left": dg.MetadataValue.int(sum(len(each.left) for each in done)),
        "removed": dg.MetadataValue.json({each.client_id: list(each.removed) for each in done}),
        "kept_since": dg.MetadataValue.json(since),
        "blocked": dg.MetadataValue.json({each.client_id: each.blocked for each in done if each.blocked}),
    }


@dg.job(
    executor_def=dg.in_process_executor,
    description=(
        "Removes what is older than the client files' `retention` says, once a day. When it is red: the "
        "message names what is left, or the store that refused. Nothing is half done: launch it again, it "
        "goes on by the decision in the lake (`footfall privacy ledger CLIENT`)."
    ),
)
def retention() -> None:
    retain_op()


@dg.definitions
def retaining() -> dg.Definitions:
    each_day = dg.ScheduleDefinition(
        name="retention",
        job=retention,
        cron_schedule="50 2 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="At ten to three, UTC: before `upkeep`.",
    )
    return dg.Definitions(jobs=[retention], schedules=[each_day])
