"""Runs of Dagster whose one step fails."""

from datetime import UTC, datetime

import dagster as dg

from footfall.catalogue.periods import HOUR_FORMAT
from orchestration.defs.upkeep.sensors import hours_tried


def tried_and_failed(hour, error):
    """What is read of a run of that hour, whose step raised `error`."""

    @dg.op
    def step():
        raise error

    @dg.job(partitions_def=dg.HourlyPartitionsDefinition(hour, fmt=HOUR_FORMAT))
    def hourly():
        step()

    with dg.DagsterInstance.ephemeral() as instance:
        hourly.execute_in_process(
            instance=instance,
            partition_key=f"{hour:{HOUR_FORMAT}}",
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        return hours_tried(instance, datetime.now(UTC))
