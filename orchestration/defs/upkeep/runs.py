"""Old runs of Dagster go; what they materialised stays seen.

Dagster deletes a run's materialisations with the run, and its partitions then count as never materialised.
So a run goes as a whole only where nothing it made is the newest of its partition: failed runs, runs of jobs
without assets, hours that were run again. Of any other its log goes, which is nearly all of its size, and the
run itself stays.
"""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

#: Runs looked at in one go; the next day goes on. Each takes some milliseconds.
RUNS_A_DAY = 2000
#: On a run that stays without its log.
TAG = "footfall/log_removed"


def prune_runs(
    instance: dg.DagsterInstance, before: datetime, mark: Path, limit: int = RUNS_A_DAY
) -> tuple[int, int]:
    """Look at the ended runs created before a moment, once each. Returns (runs removed, logs removed).

    `mark` is a file with how far it came, so that the runs that stay are not looked at every day.
    """
    records = instance.get_run_records(
        dg.RunsFilter(
            statuses=[
                dg.DagsterRunStatus.SUCCESS,
                dg.DagsterRunStatus.FAILURE,
                dg.DagsterRunStatus.CANCELED,
            ],
            created_after=_read(mark),
            created_before=before,
        ),
        limit=limit,
        ascending=True,
    )
    removed = trimmed = 0
    for record in records:
        run = record.dagster_run
        if TAG in run.tags:
            continue
        # First, as nobody finds them without the run.
        instance.compute_log_manager.delete_logs(prefix=[run.run_id])
        if made_the_newest(instance, run.run_id):
            instance.add_run_tags(run.run_id, {TAG: "yes"})
            trimmed += 1
        else:
            instance.delete_run(run.run_id)
            removed += 1
        _remove_files(Path(instance.root_directory), run.run_id)
    if records:
        mark.write_text(records[-1].create_timestamp.astimezone(UTC).isoformat())
    return removed, trimmed


def made_the_newest(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether the newest materialisation of some asset or partition is this run's."""
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
        made = entry.asset_materialization
        assert made is not None, "by its type"
        newest = instance.fetch_materializations(
            dg.AssetRecordsFilter(
                made.asset_key, asset_partitions=[made.partition] if made.partition else None
            ),
            limit=1,
        ).records
        if newest and newest[0].run_id == run_id:
            return True
    return False


def _remove_files(root: Path, run_id: str) -> None:
    """The log of one run, where Dagster keeps it as a file (its SQLite storage).

    Asset pages and partition bars read from an index beside them.
    """
    for path in (root / "history" / "runs").glob(f"{run_id}.db*"):
        path.unlink(missing_ok=True)


def _read(mark: Path) -> datetime | None:
    try:
        return datetime.fromisoformat(mark.read_text().strip())
    except (FileNotFoundError, ValueError):
        return None
