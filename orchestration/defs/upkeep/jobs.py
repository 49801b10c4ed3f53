"""`upkeep`, once a day: what is past its time goes."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from footfall.salts import Salts
from footfall.settings import Settings
from orchestration.defs.upkeep.runs import prune_runs
from orchestration.resources.lake import Lake
from orchestration.upkeep.prune import prune_alerts, prune_registry, prune_scratch, prune_staged


@dg.op(
    description="Removes old runs, notices, resolved alerts, sent messages, salts, staged and scratch files."
)
def prune(context: dg.OpExecutionContext, lake: Lake, settings: dg.ResourceParam[Settings]) -> None:
    now = datetime.now(UTC)
    early = now - timedelta(days=settings.run_days)
    runs, logs = prune_runs(context.instance, early, settings.home / "runs_pruned_before")
    context.log.info(
        "removed: %d runs and the logs of %d more from before %s, %d resolved alerts, "
        "%d rows of the registry, %d staged and %d scratch folders, %d salts",
        runs,
        logs,
        early.date(),
        prune_alerts(settings.alert_book, now),
        prune_registry(settings.registry, now),
        prune_staged(settings.home / "outbox", now),
        prune_scratch(Path(tempfile.gettempdir())),
        # A collector does so every hour; where none runs, the promise still holds.
        Salts(lake.store()).destroy_old(now),
    )


@dg.job(
    executor_def=dg.in_process_executor,
    description=(
        "Removes what is past its time: runs after FOOTFALL_RUN_DAYS (of those whose work a partition still "
        "shows, the log), resolved alerts, old notices, staged files, salts after their 48 hours. When it "
        "is red: nothing waits for it; mend the cause, it goes on tomorrow."
    ),
)
def upkeep() -> None:
    prune()


upkeep_daily = dg.ScheduleDefinition(
    name="upkeep",
    job=upkeep,
    cron_schedule="20 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="At twenty past three, UTC.",
)
