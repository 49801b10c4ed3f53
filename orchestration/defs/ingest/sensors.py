"""Objects that landed late: hours whose listing has changed are ingested again, with all that follows."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import islice

import dagster as dg

from footfall.catalogue.periods import HOUR_FORMAT
from footfall.raw_keys import KeyRing
from orchestration.ingest.listing import Cursor, find_late, read_digests, read_waiting
from orchestration.ingest.looking import Looks
from orchestration.resources.lake import Lake
from orchestration.resources.state import State

#: Hours asked for in one tick, so that a large import does not fill the queue; the rest comes with the next
#: tick.
HOURS_A_TICK = 12
#: Seconds between looks. Lower: late objects are noticed sooner, and the store is listed more often
#: (docs/costs.md). 60-3600.
INTERVAL = 300
#: Seconds that a look may take; the next one goes on where it ended. 100,000 objects in an hour take some
#: three in a folder and ten on S3. Dagster ends a look after 60. 10-45.
SECONDS = 30


@dg.sensor(
    job_name="hourly",
    minimum_interval_seconds=INTERVAL,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Compares what lies in the last two days' hours, and by turns in those of the week before, with what "
        "lay there when they were ingested, and runs the stale ones again, and hours whose lines waited for "
        "a key that is here now. Daily files follow."
    ),
)
def late_objects(context: dg.SensorEvaluationContext, lake: Lake, state: State) -> dg.SensorResult:
    give_up = time.monotonic() + SECONDS
    now = datetime.now(UTC)
    late = find_late(
        Looks(lake.store()).digest,
        partial(read_digests, state.listings()),
        now,
        state.first_hour(),
        Cursor.read(context.cursor),
        lambda: time.monotonic() >= give_up,
    )
    # The same hour with the same objects is asked for once, however often it is looked at; one that waited
    # for keys once an hour, until a run has read its lines.
    wanted = {f"late:{_named(hour)}:{digest}": hour for hour, digest in late.stale.items()}
    wanted |= {f"keys:{_named(hour)}:{keys}:{_named(now)}": hour for hour, keys in _found(state)}
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(run_key=name, partition_key=_named(hour))
            for name, hour in islice(wanted.items(), HOURS_A_TICK)
        ],
        cursor=str(late.cursor),
    )


def _found(state: State) -> Iterator[tuple[datetime, str]]:
    """Hours that waited for keys which are here now, or known to be destroyed, and which keys.

    Hours before the first are no partitions any more.
    """
    ring, first = KeyRing(state.folder()), state.first_hour()
    for hour, keys in read_waiting(state.listings()).items():
        found = [each for each in keys if not ring.is_missing(each)]
        if found and hour >= first:
            yield hour, "+".join(found)


def _named(hour: datetime) -> str:
    return hour.astimezone(UTC).strftime(HOUR_FORMAT)
