"""Hours that nobody ran, or whose run died, are asked for again: what makes a restart enough of a repair."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

import dagster as dg

from footfall.catalogue.periods import HOUR_FORMAT
from orchestration.partitions import span_of
from orchestration.resources.state import State
from orchestration.upkeep.missed import LOOK_BACK, End, FailedStep, Tried, end_of, missed

#: The jobs that run an hour whole.
JOBS = ("hourly", "backfill")
#: Runs that are read of each job: an hour's own ones, and those of sensors, in two days. Where there are
#: more, an old hour is run once more than needed.
RUNS = 1000
#: Hours asked for in one tick, so that a long absence does not fill the queue.
HOURS_A_TICK = 6
_ENDS: dict[dg.DagsterRunStatus, End] = {
    dg.DagsterRunStatus.SUCCESS: "succeeded",
    dg.DagsterRunStatus.CANCELED: "stopped",
    dg.DagsterRunStatus.CANCELING: "stopped",
}


@dg.sensor(
    job_name="hourly",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Runs the hours of the last two days that were never run, because the daemon was away, or whose run "
        "died. Hours in which a step failed are tried again after an hour. What is done is not done twice."
    ),
)
def missed_hours(context: dg.SensorEvaluationContext, state: State) -> dg.SensorResult | dg.SkipReason:
    now = datetime.now(UTC)
    needs = missed(state.first_hour(), hours_tried(context.instance, now), now)
    if not needs:
        return dg.SkipReason("every hour was run")
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(run_key=f"missed:{key}:{need}", partition_key=key)
            for hour, need in islice(needs.items(), HOURS_A_TICK)
            for key in [hour.astimezone(UTC).strftime(HOUR_FORMAT)]
        ]
    )


def hours_tried(instance: dg.DagsterInstance, now: datetime, back: timedelta = LOOK_BACK) -> list[Tried]:
    """Runs of hours in the last days, in the order in which they were made."""
    return tried(instance, JOBS, HOUR_FORMAT, now, back)


def tried(
    instance: dg.DagsterInstance,
    jobs: Sequence[str],
    form: str,
    now: datetime,
    back: timedelta = LOOK_BACK,
) -> list[Tried]:
    """Runs of these jobs in the last days, in the order in which they were made. `form`: of their partitions'
    names, which are read as UTC.
    """
    since = now - back - timedelta(hours=4)
    found = []
    for job in jobs:
        for record in instance.get_run_records(dg.RunsFilter(job_name=job, updated_after=since), limit=RUNS):
            first, last = span_of(record.dagster_run.tags)
            if first and last:
                begin, end = (datetime.strptime(key, form).replace(tzinfo=UTC) for key in (first, last))
                began_at, ended_at = (
                    datetime.fromtimestamp(moment or now.timestamp(), UTC)
                    for moment in (record.start_time or record.end_time, record.end_time)
                )
                run = record.dagster_run
                each = Tried(run.run_id, begin, end, _end(instance, run), began_at, ended_at)
                found.append((record.storage_id, each))
    return [each for _, each in sorted(found, key=lambda each: each[0])]


def _end(instance: dg.DagsterInstance, run: dg.DagsterRun) -> End:
    if run.status is not dg.DagsterRunStatus.FAILURE:
        return _ENDS.get(run.status, "going")
    if run.tags.get("dagster/will_retry") == "true":
        return "going"
    return end_of(
        _failed_step(entry.get_dagster_event())
        for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    )


def _failed_step(event: dg.DagsterEvent) -> FailedStep:
    given = event.step_failure_data.user_failure_data
    said = given.metadata if given else {}
    known, waits = (
        (flag := said.get(name)) is not None and flag.value is True for name in ("in_ledger", "waits_for_key")
    )
    # Who lists deliveries that failed says this of them, and nobody else does.
    return FailedStep("in_ledger" in said, known, waits)
