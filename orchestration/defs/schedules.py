"""The clock: an hourly run for everything; a daily run for each time zone that has daily exports, and one for
its weeks and months, which are looked at each day for what came late; a run every few minutes where a client
has live exports.
"""

import math
from datetime import UTC

import dagster as dg

from footfall.catalogue.periods import HOUR_FORMAT, Kind, calendar, days, kind_of
from footfall.clients import Registry
from footfall.hours import HOUR, floor
from orchestration.defs.delivery.showing import asset_key
from orchestration.given import given
from orchestration.partitions import hourly, local, zone_name

#: Minutes past the hour. The collector ships a segment after FOOTFALL_SEGMENT_SECONDS (60) and retries;
#: earlier would find hours that are not whole yet, later delays every file.
HOURLY_CRON = "5 * * * *"
#: After local midnight: the run of the day's last hour must be over. Where midnight is no full hour of UTC
#: (India, Nepal, Adelaide), that hour ends up to 45 minutes later and runs five minutes after that.
#: Earlier fails, because a day is delivered whole or not at all; later delays every daily file.
DAILY_CRON = "10 1 * * *"
#: Weeks and months, behind the days. Every day: what came late for one is delivered the day after.
LONGER_CRON = "25 1 * * *"
#: Before the hourly run, so that what lies in the log buckets already is part of it.
ACCESS_LOGS_CRON = "2 * * * *"

#: The two jobs that take everything of an hour.
HOURLY, BACKFILL = "hourly", "backfill"

#: Assets with jobs of their own; the parts of defs/ meet only through asset keys.
ACCESS_LOGS = dg.AssetSelection.assets(dg.AssetKey(["sources", "access_logs"]))
USAGE = dg.AssetSelection.assets(dg.AssetKey(["deliveries", "usage_daily"]))
PUBLISHED = dg.AssetKey(["marts", "published"])
#: Models that are made whole each time, and that nothing live is made of.
WHOLE = dg.AssetSelection.tag("whole", "")
ONE_DOMAIN = dg.AssetSelection.assets(dg.AssetKey(["discovery", "domain"]))
ERASURES = dg.AssetSelection.assets(dg.AssetKey(["privacy", "erasures"]))
OF_THEIR_OWN = ACCESS_LOGS | ONE_DOMAIN | USAGE | ERASURES
#: Exports, whose checks read buckets and have a job of their own, `check_buckets`.
EXPORTS = dg.AssetSelection.key_prefixes("deliveries")

_UNDER_WAY = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
)


def live_minutes(registry: Registry) -> int:
    """How often parts of live exports are made, in minutes; 0 where no client has any."""
    return math.gcd(*(e.live_minutes for c in registry.clients for e in c.exports if e.is_live))


def live_selection(registry: Registry) -> dg.AssetSelection:
    """The parts of live exports."""
    keys = [
        asset_key(client.client_id, export.parts().name)
        for client in registry.clients
        for export in client.exports
        if export.is_live
    ]
    return dg.AssetSelection.assets(*keys).without_checks()


def daily_selection(
    registry: Registry, timezone: str | None = None, kind: Kind | None = None
) -> dg.AssetSelection:
    """The exports of local days, weeks and months: of all clients or of those in one time zone, of all
    kinds or of one.
    """
    keys = [
        asset_key(client.client_id, export.name)
        for client in registry.clients
        for export in client.exports
        if export.kind.is_day
        and timezone in (None, client.calendar(export).last_zone)
        and kind in (None, export.kind)
    ]
    return dg.AssetSelection.assets(*keys).without_checks()


def hour_to_run(tick: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """The hour that ended last before the tick."""
    hour = floor(tick.scheduled_execution_time) - HOUR
    key = hour.astimezone(UTC).strftime(HOUR_FORMAT)
    return dg.RunRequest(run_key=key, partition_key=key)


def running_hour(tick: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """The hour that the tick lies in, unless an earlier run for it is not over."""
    under_way = dg.RunsFilter(job_name="live", statuses=list(_UNDER_WAY))
    if tick.instance.get_runs_count(under_way):
        return dg.SkipReason("the run before is not over; the next one takes what this one would have")
    moment = tick.scheduled_execution_time.astimezone(UTC)
    return dg.RunRequest(
        run_key=moment.isoformat(timespec="minutes"), partition_key=floor(moment).strftime(HOUR_FORMAT)
    )


def day_to_run(timezone: str, tick: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """The local day that ended last before the tick."""
    key = days(timezone).before(tick.scheduled_execution_time).partition
    return dg.RunRequest(run_key=key, partition_key=key)


def span_to_run(cadence: str, timezone: str, tick: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """The local day, week or month that ended last before the tick; of the latter two each day again."""
    if kind_of(cadence).span.days == 1:
        return day_to_run(timezone, tick)
    at = tick.scheduled_execution_time
    key = calendar(cadence, timezone).before(at).partition
    return dg.RunRequest(run_key=f"{key} on {at:%Y-%m-%d}", partition_key=key)


@dg.definitions
def schedules() -> dg.Definitions:
    registry, first_hour = given().registry, given().first_hour
    # Log buckets have a run of their own: one that cannot be read must not hold up an hour of the others.
    everything = dg.AssetSelection.all() - daily_selection(registry) - live_selection(registry) - OF_THEIR_OWN
    an_hour = (everything - EXPORTS) | (everything & EXPORTS).without_checks()
    job = dg.define_asset_job(
        HOURLY,
        selection=an_hour,
        partitions_def=hourly(first_hour),
        # A process for each step would cost seconds each, and the steps queue for the warehouse anyway.
        executor_def=dg.in_process_executor,
        description=(
            "One hour of receipt, from raw objects to delivered files. When it is red: open the failed "
            "step; its message says what to do. Re-execute from failure, or run the hour again: nothing is "
            "sent twice. Many hours at once: the job `backfill`."
        ),
    )
    backfill = dg.define_asset_job(
        BACKFILL,
        selection=an_hour,
        partitions_def=hourly(first_hour),
        executor_def=dg.in_process_executor,
        tags={"dagster/priority": "-1"},  # a scheduled hour that waits goes first
        description=(
            "A range of past hours again, from raw objects to delivered files: “Materialize all”, choose the "
            "hours, “Launch”. They are one run, and a scheduled hour waits for it: a few days at a time, "
            "then the days in it, with `daily_…`. For one client alone open its export instead. What did not "
            "change is not sent again. When it is red: as for `hourly`; start the same range again, "
            "what is done is done."
        ),
    )
    access_logs = dg.define_asset_job(
        "access_logs",
        selection=ACCESS_LOGS,
        partitions_def=hourly(first_hour),
        executor_def=dg.in_process_executor,
        description=(
            "New log objects of the clients' log buckets, into the lake. When it is red: the message "
            "names the source; check that Footfall may list and read that bucket, then run the hour again."
        ),
    )
    jobs = [job, backfill, access_logs]
    made = [
        dg.ScheduleDefinition(
            name="access_logs",
            job=access_logs,
            cron_schedule=ACCESS_LOGS_CRON,
            execution_timezone="UTC",
            execution_fn=hour_to_run,
            default_status=dg.DefaultScheduleStatus.RUNNING
            if any(client.sources for client in registry.clients)
            else dg.DefaultScheduleStatus.STOPPED,
            description="At two past every hour: log objects named for the hour that just ended, or late.",
        ),
        dg.ScheduleDefinition(
            name="hourly",
            job=job,
            cron_schedule=HOURLY_CRON,
            execution_timezone="UTC",
            execution_fn=hour_to_run,
            default_status=dg.DefaultScheduleStatus.RUNNING,
            description="At five past every hour: the hour that just ended.",
        ),
    ]
    each = live_minutes(registry)
    if each:
        # All the models that follow the hours, and not only those that parts are made of: what a model
        # touched is known to those behind it in the same run alone.
        models = dg.AssetSelection.groups("seeds", "staging", "intermediate", "marts", "reports")
        live = dg.define_asset_job(
            "live",
            selection=dg.AssetSelection.key_prefixes("ingest")
            | (models - WHOLE - dg.AssetSelection.assets(PUBLISHED))
            | live_selection(registry),
            partitions_def=hourly(first_hour),
            executor_def=dg.in_process_executor,
            description=(
                "The running hour as far as it goes, and the parts of live exports that have ended. When "
                "it is red: the failed step's message says what to do. The next run takes up what this "
                "one left, and the hour's own run holds everything."
            ),
        )
        jobs.append(live)
        made.append(
            dg.ScheduleDefinition(
                name="live",
                job=live,
                # Two minutes after each part ended. The last one of an hour comes with the hour itself.
                cron_schedule=f"{each + 2}-59/{each} * * * *",
                execution_timezone="UTC",
                execution_fn=running_hour,
                default_status=dg.DefaultScheduleStatus.RUNNING,
                description=f"Every {each} minutes: the parts of live exports, two minutes behind.",
            )
        )
    spans = {
        (e.kind.cadence, c.calendar(e).last_zone)
        for c in registry.clients
        for e in c.exports
        if e.kind.is_day
    }
    for cadence, timezone in sorted(spans):
        name = f"{cadence}_{zone_name(timezone)}"
        of_zone = dg.define_asset_job(
            name,
            selection=daily_selection(registry, timezone, kind_of(cadence)),
            partitions_def=local(cadence, timezone, first_hour),
            executor_def=dg.in_process_executor,
            description=(
                f"{cadence.capitalize()} files of the clients in {timezone}, once their period is over. When "
                "it is red: where hours are missing, run them first (`hourly`); else the failure names the "
                "bucket. Then run the period again: nothing is sent twice."
            ),
        )
        jobs.append(of_zone)
        is_daily = kind_of(cadence).span.days == 1
        when, what = (
            ("ten", "the day that just ended")
            if is_daily
            else ("25", "the period that ended last, and what came late for earlier ones")
        )
        made.append(
            dg.ScheduleDefinition(
                name=name,
                job=of_zone,
                cron_schedule=DAILY_CRON if is_daily else LONGER_CRON,
                execution_timezone=timezone,
                execution_fn=lambda tick, cadence=cadence, zone=timezone: span_to_run(cadence, zone, tick),
                default_status=dg.DefaultScheduleStatus.RUNNING,
                description=f"At {when} past one in {timezone}: {what}.",
            )
        )
    return dg.Definitions(jobs=jobs, schedules=made)
