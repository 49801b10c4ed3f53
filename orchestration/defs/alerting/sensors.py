"""A failed run becomes one alert."""

import dagster as dg

from orchestration.alerting.messages import failed_run
from orchestration.resources.notifier import Notifier


@dg.run_failure_sensor(
    name="failed_run_alert",
    description="Posts one alert for each failed run to FOOTFALL_ALERT_WEBHOOK.",
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def failed_run_alert(context: dg.RunFailureSensorContext, notifier: Notifier) -> dg.SkipReason | None:
    run = context.dagster_run
    errors = [
        f"{event.step_key}: {event.event_specific_data.error_display_string.strip().splitlines()[0]}"
        for event in context.get_step_failure_events()
    ]
    sent = notifier.post(
        failed_run(
            job=run.job_name,
            run_id=run.run_id,
            partition=run.tags.get("dagster/partition"),
            message=context.failure_event.message or "",
            step_errors=errors,
        )
    )
    return None if sent else dg.SkipReason("FOOTFALL_ALERT_WEBHOOK is not set: nobody was told")
