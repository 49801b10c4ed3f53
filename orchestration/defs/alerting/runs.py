"""What Dagster's own record says of runs, checks and its daemon."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import dagster as dg

from orchestration.alerting.conditions import Run

#: How far back failed runs are looked for, and how many runs at most: a failure nobody mended for three days
#: is told by its overdue deliveries.
LOOK_BACK = timedelta(days=3)
RUNS = 300


def ended_runs(instance: dg.DagsterInstance, ui_url: str, now: datetime) -> list[Run]:
    """Runs that ended lately, without those that Dagster is about to try again or a person stopped."""
    records = instance.get_run_records(
        dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE],
            updated_after=now - LOOK_BACK,
        ),
        limit=RUNS,
    )
    runs = []
    for record in records:
        run = record.dagster_run
        succeeded = run.status is dg.DagsterRunStatus.SUCCESS
        if not succeeded and run.tags.get("dagster/will_retry") == "true":
            continue
        said, is_told_elsewhere = ("", False) if succeeded else failure(instance, run.run_id)
        if is_told_elsewhere:
            continue
        one = run.tags.get("dagster/partition", "")
        runs.append(
            Run(
                job=run.job_name,
                first=run.tags.get("dagster/asset_partition_range_start", one),
                last=run.tags.get("dagster/asset_partition_range_end", one),
                succeeded=succeeded,
                ended_at=datetime.fromtimestamp(record.end_time or 0, UTC),
                said=said,
                link=f"{ui_url}/runs/{run.run_id}",
            )
        )
    return runs


def failure(instance: dg.DagsterInstance, run_id: str) -> tuple[str, bool]:
    """The first lines of what the failed steps of a run said, and whether the ledger tells all of it.

    A delivery that failed stays in the ledger until it has arrived, which is what its alert lasts for: the
    run that met it first stays red for ever.
    """
    said = []
    in_ledger = []
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        event = entry.get_dagster_event()
        data = event.step_failure_data
        given = data.user_failure_data
        flag = given.metadata.get("in_ledger") if given else None
        in_ledger.append(flag is not None and flag.value is True)
        text = given.description if given and given.description else data.error_display_string
        first = (text or "").strip().splitlines()
        said.append(f"{event.step_key}: {first[0] if first else 'no message'}")
    if not said:
        return "the run died without a failed step", False
    return "\n".join(said[:5]), all(in_ledger)


def failing_checks(
    instance: dg.DagsterInstance, keys: Iterable[dg.AssetCheckKey]
) -> list[tuple[str, str, str]]:
    """(asset, check, what it found) of checks whose last evaluation failed as an error."""
    found = []
    for key in keys:
        evaluation = instance.get_latest_asset_check_evaluation_record(key)
        if evaluation is None or evaluation.event is None or evaluation.event.dagster_event is None:
            continue
        result = evaluation.event.dagster_event.event_specific_data
        if getattr(result, "passed", True) or result.severity is not dg.AssetCheckSeverity.ERROR:
            continue
        facts = ", ".join(f"{name} {value.value}" for name, value in list(result.metadata.items())[:3])
        found.append((key.asset_key.to_user_string(), key.name, facts))
    return found


def daemon_age(instance: dg.DagsterInstance, now: datetime) -> timedelta | None:
    """How long ago the daemon's schedules and sensors both gave a sign of life; None where one never did."""
    heartbeats = instance.get_daemon_heartbeats()
    beats = [heartbeats[name].timestamp for name in ("SCHEDULER", "SENSOR") if name in heartbeats]
    return now - datetime.fromtimestamp(min(beats), UTC) if len(beats) == 2 else None
