"""Hours materialised through Dagster, in this process: what `footfall run` and the demo do.

The same jobs that the schedules run, over a range of hours as one run, recorded in the same Dagster
instance. Says what it is doing, and what failed steps said.
"""

import logging
import sys
import threading
import time
import uuid
from contextlib import redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import dagster as dg

from commands.installation import prepare_models
from commands.processes import stop_on_signals
from footfall.catalogue.periods import HOUR_FORMAT, days
from footfall.clients import registry_of
from footfall.errors import FootfallError
from footfall.hours import HOUR, between, floor, read_first_hour
from footfall.settings import Settings
from orchestration.loading import build_defs
from orchestration.partitions import OPEN_TAG

_RANGE_START = "dagster/asset_partition_range_start"
_RANGE_END = "dagster/asset_partition_range_end"
#: What the run's row in the UI says of its hours or days; Dagster's own tags of a range are hidden there.
_PERIODS = "footfall/periods"


def run_hours(settings: Settings, start: datetime, end: datetime, *, is_open: bool = False) -> None:
    """Materialise every hour of [start, end), then each daily file of days that ended in it.

    `is_open`: the last one may be the running hour; what is delivered of it says that it is incomplete.

    A failed run does not keep the next from being tried: one client's bucket holds up nobody's daily
    files. Raises FootfallError with what all the failed steps said.
    """
    _require_known(settings, start, end, is_open=is_open)
    definitions = _definitions(settings)
    hours = list(between(start, end))
    wanted = [
        (job, hours[0].strftime(HOUR_FORMAT), hours[-1].strftime(HOUR_FORMAT))
        for job in (("access_logs", "hourly") if _has_sources(settings) else ("hourly",))
    ]
    for schedule in definitions.schedules or []:
        assert isinstance(schedule, dg.ScheduleDefinition)
        if schedule.name.startswith("daily_"):
            ended = ended_days(start, end, schedule.execution_timezone or "UTC")
            if ended:
                wanted.append((schedule.name, ended[0], ended[-1]))
    _run_all(definitions, wanted, is_open=is_open)


def run_live(settings: Settings, start: datetime, end: datetime) -> None:
    """Materialise every hour of [start, end) as far as it goes, and the parts of live exports in it.

    Raises FootfallError as run_hours does, and where no client has a live export.
    """
    _require_known(settings, start, end, is_open=True)
    definitions = _definitions(settings)
    if not any(schedule.name == "live" for schedule in definitions.schedules or []):
        raise FootfallError("no client file has an export with `cadence: live`")
    hours = [hour.strftime(HOUR_FORMAT) for hour in between(start, end)]
    _run_all(definitions, [("live", hours[0], hours[-1])])


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


def _run_all(
    definitions: dg.Definitions, wanted: list[tuple[str, str, str]], *, is_open: bool = False
) -> None:
    """Run jobs, each over a range of partitions; one that fails does not keep the next from being tried."""
    with dg.DagsterInstance.get() as instance:
        failures = [
            said
            for job, first, last in wanted
            if (said := _run(definitions, instance, job, first, last, is_open))
        ]
    if failures:
        raise FootfallError("\n".join(failures))


def _has_sources(settings: Settings) -> bool:
    return any(client.sources for client in registry_of(settings).clients)


def ended_days(start: datetime, end: datetime, timezone: str) -> list[str]:
    """Local days (`2026-11-20`) that have a moment in [start, end) and ended no later than `end`."""
    return [day.partition for day in days(timezone).ended(start, end)]


def _run(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    job: str,
    first: str,
    last: str,
    is_open: bool,
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
    with log.open("w") as quiet, _Narration(instance, run_id, sys.stdout), redirect_stdout(quiet):
        result = definitions.resolve_job_def(job).execute_in_process(
            instance=instance,
            run_id=run_id,
            tags={
                _RANGE_START: first,
                _RANGE_END: last,
                _PERIODS: span,
                **({OPEN_TAG: "true"} if is_open else {}),
            },
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
    if result.success:
        return ""
    failures = [(e.step_key, e.step_failure_data) for e in result.all_events if e.is_step_failure]
    if any("is_stopped" in f.user_failure_data.metadata for _, f in failures if f.user_failure_data):
        raise KeyboardInterrupt
    said = [f"{step}: {_reason(failure)}" for step, failure in failures]
    return f"run {run_id} of {job} failed; the Dagster UI has its log\n" + "\n".join(said)


def _reason(failure: Any) -> str:
    """What a failed step says, without a traceback: a Failure's own words, or the innermost cause."""
    if failure.user_failure_data and failure.user_failure_data.description:
        return str(failure.user_failure_data.description)
    error = failure.error
    while error and error.cause:
        error = error.cause
    return str(error.message).strip() if error else "no message"


class _Narration:
    """Says which step has started, and how long each took, while a run goes on."""

    _EVERY = 0.5  # seconds between looks at the event log

    def __init__(self, instance: dg.DagsterInstance, run_id: str, out: TextIO) -> None:
        self._out = out
        self._instance = instance
        self._run_id = run_id
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._narrate, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _narrate(self) -> None:
        begun: dict[str, float] = {}
        ended: set[str] = set()
        over = False
        while not over:
            over = self._over.wait(self._EVERY)
            for entry in self._instance.all_logs(
                self._run_id,
                of_type={
                    dg.DagsterEventType.STEP_START,
                    dg.DagsterEventType.STEP_SUCCESS,
                    dg.DagsterEventType.STEP_FAILURE,
                    dg.DagsterEventType.STEP_UP_FOR_RETRY,
                },
            ):
                self._say(entry, begun, ended)

    def _say(self, entry: dg.EventLogEntry, begun: dict[str, float], ended: set[str]) -> None:
        event, step = entry.dagster_event, entry.step_key
        if event is None or step is None:
            return
        if event.event_type == dg.DagsterEventType.STEP_START and step not in begun:
            begun[step] = entry.timestamp
            print(f"  {step} …", file=self._out, flush=True)
        elif event.event_type != dg.DagsterEventType.STEP_START and step not in ended:
            ended.add(step)
            word = {"STEP_SUCCESS": "done", "STEP_FAILURE": "FAILED"}.get(
                event.event_type_value, "to be retried"
            )
            took = entry.timestamp - begun.get(step, entry.timestamp)
            print(f"  {step} {word} in {took:.1f} s", file=self._out, flush=True)


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
