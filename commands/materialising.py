"""Hours materialised through Dagster, in this process: what `footfall run` and the demo do.

The same jobs that the schedules run, over ranges of hours, recorded in the same Dagster instance. Says what
it is doing, and what failed steps said.
"""

import logging
import sys
import time
import uuid
from contextlib import redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from commands.installation import prepare_models
from commands.narration import Narration, Progress
from commands.processes import stop_on_signals
from commands.stretches import Pace, stretches
from footfall.catalogue.periods import DAILY, HOUR_FORMAT, Calendar, calendar
from footfall.clients import registry_of
from footfall.durable import open_lake
from footfall.errors import FootfallError
from footfall.failures import NotWhole
from footfall.hours import HOUR, between, floor, read_first_hour
from footfall.settings import Settings
from orchestration.bars import show
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.progress import IngestedHours
from orchestration.loading import build_defs
from orchestration.partitions import OPEN_TAG, span_tags
from orchestration.resources.warehouse import Warehouse

#: What the run's row in the UI says of its hours or days; Dagster's own tags of a range are hidden there.
_PERIODS = "footfall/periods"


def run_hours(settings: Settings, start: datetime, end: datetime, *, is_open: bool = False) -> None:
    """Materialise every hour of [start, end), then each daily file of days that ended in it.

    A long range is several runs, one after the other. `is_open`: the last hour may be the running one; what
    is delivered of it says that it is incomplete.

    A failed run does not keep the next from being tried: one client's bucket holds up nobody's daily
    files. Raises FootfallError with what all the failed steps said.
    """
    _require_known(settings, start, end, is_open=is_open)
    definitions = _definitions(settings)
    registry = registry_of(settings)
    with _Runs(settings, definitions, is_open=is_open) as runs:
        if _has_sources(settings):
            runs.add("access_logs", *_keys(start, end))
        by_hour = sum(not export.kind.is_day for client in registry.clients for export in client.exports)
        parts = stretches(open_lake(settings.lake, settings.s3_endpoint, settings.home), start, end)
        pace = Pace(parts)
        for part in parts:
            runs.add("hourly", *_keys(part.start, part.end), periods=by_hour * part.hours)
            if len(parts) > 1:
                print(pace.after(part), flush=True)
        # A day that ends with the running hour has not ended.
        over = max(start, min(end, floor(datetime.now(UTC))))
        for schedule in definitions.schedules or []:
            assert isinstance(schedule, dg.ScheduleDefinition)
            cadence, zone = schedule.name.partition("_")[0], schedule.execution_timezone or "UTC"
            calendars = [
                own
                for client in registry.clients
                for export in client.exports
                if (own := client.calendar(export)).kind.is_day
                and (own.kind.cadence, own.last_zone) == (cadence, zone)
            ]
            if calendars:
                days = ended_days(start, over, zone, cadence)
                ended = _whole(settings, calendars, days, start, schedule.name)
                if ended:
                    runs.add(schedule.name, ended[0], ended[-1], periods=len(calendars) * len(ended))


def _keys(start: datetime, end: datetime) -> tuple[str, str]:
    """The partitions of the first and of the last hour of [start, end)."""
    hours = list(between(start, end))
    return hours[0].strftime(HOUR_FORMAT), hours[-1].strftime(HOUR_FORMAT)


def _whole(
    settings: Settings, calendars: list[Calendar], ended: list[str], start: datetime, job: str
) -> list[str]:
    """The days that can be delivered: without those that began before `start` in hours nobody ever ran.

    Nothing that this run does could mend them, so they are left out, and said.
    """
    first_hour = read_first_hour(settings.first_hour_file, datetime.now(UTC))
    before = {day: min(calendar.named(day).window[0] for calendar in calendars) for day in ended[:2]}
    cut = [day for day in ended[:2] if max(before[day], first_hour) < start]
    if not cut:
        return ended
    with Warehouse(database=str(settings.warehouse)).connect() as connection:
        ingested = IngestedHours.read(connection, first_hour)
    for day in cut:
        try:
            ingested.require(before[day], start)
        except NotWhole:
            print(
                f"{job}: {day} is left out, as it began before {start:%Y-%m-%dT%H}; for its files: "
                f"footfall run --from {floor(max(before[day], first_hour)):%Y-%m-%dT%H} "
                f"--to {start:%Y-%m-%dT%H}, then this again",
                flush=True,
            )
            ended = [each for each in ended if each != day]
    return ended


def run_live(settings: Settings, start: datetime, end: datetime) -> None:
    """Materialise every hour of [start, end) as far as it goes, and the parts of live exports in it.

    Raises FootfallError as run_hours does, and where no client has a live export.
    """
    _require_known(settings, start, end, is_open=True)
    definitions = _definitions(settings)
    if not any(schedule.name == "live" for schedule in definitions.schedules or []):
        raise FootfallError("no client file has an export with `cadence: live`")
    with _Runs(settings, definitions) as runs:
        runs.add("live", *_keys(start, end))


def _definitions(settings: Settings) -> dg.Definitions:
    prepare_models(settings)
    return build_defs(settings)


def _require_known(settings: Settings, start: datetime, end: datetime, *, is_open: bool) -> None:
    first_hour = read_first_hour(settings.first_hour_file, datetime.now(UTC))
    if start < first_hour:
        raise FootfallError(
            f"{start:%Y-%m-%dT%H} is before the first hour of this installation, {first_hour:%Y-%m-%dT%H}; "
            "import older data first"
        )
    running = floor(datetime.now(UTC))
    if end > running + HOUR:
        raise FootfallError(f"{end:%Y-%m-%dT%H} is in the future")
    if end > running and not is_open:
        raise FootfallError(
            f"the hour {running:%Y-%m-%dT%H} has not ended: run it after {running + HOUR:%H:%M} UTC, or add "
            "--open to deliver it as far as it goes, marked incomplete"
        )


class _Runs:
    """Runs of jobs, each over a range of partitions; one that fails does not keep the next from being tried.

    Raises FootfallError behind the last with what all the failed ones said.
    """

    def __init__(self, settings: Settings, definitions: dg.Definitions, *, is_open: bool = False) -> None:
        self._settings = settings
        self._definitions = definitions
        self._is_open = is_open
        self._instance = dg.DagsterInstance.get()
        self._failures: list[str] = []

    def __enter__(self) -> "_Runs":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._instance.dispose()
        if kind is None and self._failures:
            raise FootfallError("\n".join(self._failures))

    def add(self, job: str, first: str, last: str, *, periods: int = 0) -> None:
        """Run a job now. `periods`: how many it is to deliver."""
        ledger, begun = Ledger(self._settings.ledger), datetime.now(UTC)
        said = _run(
            self._definitions,
            self._instance,
            job,
            first,
            last,
            self._is_open,
            lambda: (ledger.committed_since(begun), periods),
        )
        if said:
            self._failures.append(said)


def _has_sources(settings: Settings) -> bool:
    return any(client.sources for client in registry_of(settings).clients)


def ended_days(start: datetime, end: datetime, timezone: str, cadence: str = DAILY) -> list[str]:
    """Local days (`2026-11-20`) that have a moment in [start, end) and ended no later than `end`.

    `cadence`: or the first days of weeks, or of months, that do.
    """
    return [each.partition for each in calendar(cadence, timezone).ended(start, end)]


def _run(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    job: str,
    first: str,
    last: str,
    is_open: bool,
    delivered: Progress,
) -> str:
    """Run a job over a range of partitions. Returns what its failed steps said; empty when it succeeded.

    Raises KeyboardInterrupt where a person stopped it.
    """
    span = first if first == last else f"{first} to {last}"
    print(f"{job}: {span}", flush=True)
    run_id = str(uuid.uuid4())
    # dbt talks a lot; its words are kept beside its other artefacts and not mixed with the narration.
    log = Path(instance.root_directory) / "logs" / f"{run_id}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as quiet, Narration(instance, run_id, sys.stdout, delivered), redirect_stdout(quiet):
        result = definitions.resolve_job_def(job).execute_in_process(
            instance=instance,
            run_id=run_id,
            tags={
                **span_tags(first, last),
                _PERIODS: span,
                **({OPEN_TAG: "true"} if is_open else {}),
            },
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
    # Of all assets: where an import made the first hour an earlier one, Dagster has forgotten all spans.
    show(instance, _partitions(definitions))
    if result.success:
        return ""
    failures = [(e.step_key, e.step_failure_data) for e in result.all_events if e.is_step_failure]
    if any("is_stopped" in f.user_failure_data.metadata for _, f in failures if f.user_failure_data):
        raise KeyboardInterrupt
    said = [f"{step}: {_reason(failure)}" for step, failure in failures]
    return f"run {run_id} of {job} failed; the Dagster UI has its log\n" + "\n".join(said)


def _partitions(definitions: dg.Definitions) -> dict[dg.AssetKey, dg.PartitionsDefinition]:
    """The partitions of every asset that has any."""
    graph = definitions.resolve_asset_graph()
    nodes = ((key, graph.get(key).partitions_def) for key in graph.executable_asset_keys)
    return {key: partitions for key, partitions in nodes if partitions is not None}


def _reason(failure: Any) -> str:
    """What a failed step says, without a traceback: a Failure's own words, or the innermost cause."""
    if failure.user_failure_data and failure.user_failure_data.description:
        return str(failure.user_failure_data.description)
    error = failure.error
    while error and error.cause:
        error = error.cause
    return str(error.message).strip() if error else "no message"


def narrated(settings: Settings, start: datetime, end: datetime, *, is_live: bool, is_open: bool) -> int:
    """Run the hours of [start, end), their live parts if `is_live`. Exit codes: those of the command line."""
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    stop_on_signals(dg.DagsterExecutionInterruptedError)
    begun = time.monotonic()
    try:
        if is_live:
            run_live(settings, start, end)
        else:
            run_hours(settings, start, end, is_open=is_open)
    except FootfallError as error:
        print(f"footfall run: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        print("footfall run: stopped; what was materialised stays, run the same hours again", file=sys.stderr)
        return 130
    print(f"all done in {time.monotonic() - begun:.1f} s")
    return 0
