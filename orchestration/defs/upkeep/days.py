"""Days whose run failed because their hours were not here yet are asked for again, once these are."""

from datetime import UTC, datetime

import dagster as dg

from footfall.catalogue.periods import DAY_FORMAT, Period, days
from orchestration.defs.upkeep.sensors import hours_tried, tried
from orchestration.given import given
from orchestration.partitions import zone_name
from orchestration.resources.state import State
from orchestration.upkeep.missed import LOOK_BACK, LOOK_BACK_OF_DAYS, UNMADE, missed_days

#: Seconds between two looks. Shorter: a day that a sleeping machine missed comes sooner, and an idle
#: installation does more.
INTERVAL = 300


def _sensor(timezone: str) -> dg.SensorDefinition:
    job = f"daily_{zone_name(timezone)}"

    @dg.sensor(
        job_name=job,
        name=f"missed_days_{zone_name(timezone)}",
        minimum_interval_seconds=INTERVAL,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            f"Runs the last two days in {timezone} again whose run failed, or died, once all of their hours "
            "are ingested, and again when one of them was run since: after a night in which the machine was "
            "off the day's run comes before its hours."
        ),
    )
    def again(context: dg.SensorEvaluationContext, state: State) -> dg.SensorResult | dg.SkipReason:
        now = datetime.now(UTC)
        of_days = tried(context.instance, (job,), DAY_FORMAT, now)
        if not any(each.end in UNMADE for each in of_days):
            return dg.SkipReason("no run of a day failed")
        hours = hours_tried(context.instance, now, LOOK_BACK_OF_DAYS)
        needs = missed_days(_last(timezone, now), of_days, hours, state.first_hour(), now)
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(run_key=f"missed:{key}:{need}", partition_key=key)
                for key, need in needs.items()
            ]
        )

    return again


def _last(timezone: str, now: datetime) -> list[Period]:
    """The days that ended in the time that is looked back, oldest first."""
    found, day = [], days(timezone).before(now)
    while day.end > now - LOOK_BACK:
        found.append(day)
        day = days(timezone).before(day.start)
    return found[::-1]


@dg.definitions
def missed_daily() -> dg.Definitions:
    """A sensor for each time zone that has daily exports."""
    zones = {
        client.calendar(export).last_zone
        for client in given().registry.clients
        for export in client.exports
        if export.kind.is_day and export.kind.span.days == 1
    }
    return dg.Definitions(sensors=[_sensor(zone) for zone in sorted(zones)])
