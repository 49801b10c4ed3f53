"""What Dagster's own record says of runs, checks and its daemon."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import dagster as dg

from orchestration.alerting.conditions import Run
from orchestration.partitions import span_of

#: How far back failed runs are looked for, and how many runs at most: a failure nobody mended for three days
#: is told by its overdue deliveries.
LOOK_BACK = timedelta(days=3)
RUNS = 300
#: Assets that name a run by hand, failed steps that are told of one, and characters of each.
ASSETS_SHOWN, STEPS_SHOWN, CHARACTERS = 3, 5, 1000
#: How the names begin that Dagster gives to jobs of runs by hand, `__ASSET_JOB`: no names to show.
_INTERNAL = "__"


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
    failed_by_hand = any(
        _is_by_hand(record.dagster_run) and record.dagster_run.status is dg.DagsterRunStatus.FAILURE
        for record in records
    )
    for record in records:
        run = record.dagster_run
        succeeded = run.status is dg.DagsterRunStatus.SUCCESS
        if not succeeded and run.tags.get("dagster/will_retry") == "true":
            continue
        said, is_told_elsewhere = ("", False) if succeeded else failure(instance, run.run_id)
        if is_told_elsewhere:
            continue
        is_by_hand = _is_by_hand(run)
        assets = _assets(instance, run) if is_by_hand or (succeeded and failed_by_hand) else frozenset()
        job = _by_hand(assets) if is_by_hand else run.job_name
        first, last = span_of(run.tags)
        # A run that never started has no end.
        ended_at = record.end_time or record.update_timestamp.timestamp()
        runs.append(
            Run(
                job=job,
                first=first,
                last=last,
                succeeded=succeeded,
                ended_at=datetime.fromtimestamp(ended_at, UTC),
                said=said.replace(run.job_name, job) if is_by_hand else said,
                link=f"{ui_url.rstrip('/')}/runs/{run.run_id}",
                assets=assets,
                is_by_hand=is_by_hand,
                has_started=record.start_time is not None,
            )
        )
    return runs


def _is_by_hand(run: dg.DagsterRun) -> bool:
    return run.job_name.startswith(_INTERNAL)


def _assets(instance: dg.DagsterInstance, run: dg.DagsterRun) -> frozenset[str]:
    """The assets that a run was to make, by its record."""
    if run.asset_selection:
        return frozenset(key.to_user_string() for key in run.asset_selection)
    planned = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    keys = (entry.get_dagster_event().asset_key for entry in planned)
    return frozenset(key.to_user_string() for key in keys if key is not None)


def _by_hand(assets: frozenset[str]) -> str:
    """A name for a run by hand, which has none: what it was to make."""
    named = sorted(assets)
    more = f" and {len(named) - ASSETS_SHOWN} more" if len(named) > ASSETS_SHOWN else ""
    return f"{', '.join(named[:ASSETS_SHOWN]) or 'assets'}{more} by hand"


def failure(instance: dg.DagsterInstance, run_id: str) -> tuple[str, bool]:
    """What the failed steps of a run said, or what Dagster says of the run, and whether the ledger tells all.

    A delivery that failed stays in the ledger until it has arrived, which is what its alert lasts for: the
    run that met it first stays red for ever.
    """
    said = []
    failures = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    for entry in failures:
        event = entry.get_dagster_event()
        data = event.step_failure_data
        given = data.user_failure_data
        flag = given.metadata.get("in_ledger") if given else None
        if flag is not None and flag.value is True:
            continue
        text = given.description if given and given.description else _of_error(data.error)
        said.append(f"{event.step_key}: {text}" if text else f"{event.step_key}: {event.message}")
    if failures and not said:
        return "", True
    said = said or _of_run(instance, run_id) or ["the run died without a word"]
    return "\n".join(_shortened(each) for each in said[:STEPS_SHOWN]), False


def _of_run(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """What Dagster says of a run that failed outside of its steps: it died, or never started."""
    said = []
    kinds = {dg.DagsterEventType.ENGINE_EVENT, dg.DagsterEventType.RUN_FAILURE}
    for entry in instance.all_logs(run_id, of_type=kinds):
        event = entry.get_dagster_event()
        data = event.event_specific_data
        error = getattr(data, "error", None)
        if event.event_type is dg.DagsterEventType.RUN_FAILURE or error is not None:
            first = getattr(data, "first_step_failure_event", None)
            said += [each for each in (event.message, _of_error(error)) if each and first is None]
    return list(dict.fromkeys(said))


def _of_error(error: object) -> str:
    """The message of an error and of what lies below it, without its traceback."""
    said: list[str] = []
    while error is not None and len(said) < STEPS_SHOWN:
        message = str(getattr(error, "message", "") or "").strip()
        if message:
            said.append(message)
        error = getattr(error, "cause", None)
    return "; caused by ".join(said)


def _shortened(text: str) -> str:
    """A text with so many characters as an alert should have."""
    lines = [line.rstrip() for line in text.strip().splitlines() if line.strip()]
    whole = "\n".join(lines)
    return whole if len(whole) <= CHARACTERS else f"{whole[:CHARACTERS]} …"


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
        if not isinstance(result, dg.AssetCheckEvaluation) or result.passed:
            continue
        if result.severity is not dg.AssetCheckSeverity.ERROR:
            continue
        facts = ", ".join(f"{name} {value.value}" for name, value in list(result.metadata.items())[:3])
        found.append((key.asset_key.to_user_string(), key.name, facts))
    return found


def daemon_age(instance: dg.DagsterInstance, now: datetime) -> timedelta | None:
    """How long ago the daemon's schedules and sensors both gave a sign of life; None where one never did."""
    heartbeats = instance.get_daemon_heartbeats()
    beats = [heartbeats[name].timestamp for name in ("SCHEDULER", "SENSOR") if name in heartbeats]
    return now - datetime.fromtimestamp(min(beats), UTC) if len(beats) == 2 else None
