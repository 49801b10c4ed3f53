"""Objects that landed late: hours whose listing has changed are ingested again, with all that follows."""

from datetime import UTC, datetime
from functools import partial
from itertools import islice

import dagster as dg

from footfall.keys import raw_prefix
from orchestration.ingest.hour import listing_digest
from orchestration.ingest.listing import find_late, read_digests
from orchestration.partitions import HOUR_FORMAT, first_hour
from orchestration.resources.lake import Lake
from orchestration.resources.state import State

#: Hours asked for in one tick, so that a large import does not fill the queue; the rest comes with the next
#: tick.
HOURS_A_TICK = 12
#: Seconds between looks. Lower: late objects are noticed sooner, and the store is listed more often (72
#: prefixes a time). 60-3600.
INTERVAL = 300


@dg.sensor(
    job_name="hourly",
    minimum_interval_seconds=INTERVAL,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Compares what lies in the last two days' hours, and by turns in those of the week before, with what "
        "lay there when they were ingested, and runs the stale ones again. Daily files follow."
    ),
)
def late_objects(context: dg.SensorEvaluationContext, lake: Lake, state: State) -> dg.SensorResult:
    store = lake.store()
    cursor = datetime.fromisoformat(context.cursor) if context.cursor else None
    late = find_late(
        lambda hour: listing_digest(list(store.list(raw_prefix(hour)))),
        partial(read_digests, state.listings()),
        datetime.now(UTC),
        first_hour(),
        cursor,
    )
    return dg.SensorResult(
        run_requests=[
            # The same hour with the same objects is asked for once, however often it is looked at.
            dg.RunRequest(run_key=f"late:{key}:{digest}", partition_key=key)
            for hour, digest in islice(late.stale.items(), HOURS_A_TICK)
            for key in [hour.astimezone(UTC).strftime(HOUR_FORMAT)]
        ],
        cursor=late.cursor.isoformat(),
    )
