"""The only place where a partitions definition is made.

Hours are UTC hours of receipt; days, weeks from Monday on and months are those of a client's time zone. Hours
include the one that is still running (`end_offset=1`), because parts of live exports lie in it and a person
can look at it with `footfall run --open`. Days, weeks and months end with the last one that is over: nobody
can deliver the running one, which would be shown as missing until midnight.

A run over many of them is, to Dagster, a run of the last one with a tag of ours that names the first: for a
range of its own it would write an event for each asset and each partition, in hours without data too. What
the others hold is noted in `orchestration.bars`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from footfall.catalogue.periods import DAY_FORMAT, HOUR_FORMAT, calendar, days, kind_of


def hourly(first_hour: datetime) -> dg.HourlyPartitionsDefinition:
    """Every hour of receipt since the first one, the running one included."""
    return dg.HourlyPartitionsDefinition(start_date=first_hour, fmt=HOUR_FORMAT, timezone="UTC", end_offset=1)


def each_hour(assets: dg.AssetsDefinition, first_hour: datetime) -> dg.AssetsDefinition:
    """The assets with a partition for every hour."""
    return each(assets, hourly(first_hour))


def each(assets: dg.AssetsDefinition, partitions: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The assets with these partitions, which are known only when definitions are made."""
    return assets.map_asset_specs(lambda spec: spec.replace_attributes(partitions_def=partitions))


def daily(timezone: str, first_hour: datetime) -> dg.DailyPartitionsDefinition:
    """Every local day of a time zone that has an hour since the first one and is over."""
    first = days(timezone).at(first_hour)
    return dg.DailyPartitionsDefinition(start_date=first.partition, fmt=DAY_FORMAT, timezone=timezone)


def local(cadence: str, timezone: str, first_hour: datetime) -> dg.TimeWindowPartitionsDefinition:
    """Every local day, week or month of a time zone that has an hour since the first one and is over."""
    kind = kind_of(cadence)
    if kind.span.days == 1:
        return daily(timezone, first_hour)
    first = calendar(cadence, timezone).at(first_hour)
    return dg.TimeWindowPartitionsDefinition(
        start=first.partition, fmt=DAY_FORMAT, timezone=timezone, cron_schedule=f"0 0 {kind.span.cron}"
    )


#: Tag of a run that may deliver a period before it has ended, as far as it goes and marked incomplete.
OPEN_TAG = "footfall/open"

#: Tag of a run over many partitions: the first of them.
FIRST_TAG = "footfall/first_period"
_ONE_TAG = "dagster/partition"
#: Dagster's own, of a range that somebody chose in the UI.
_RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")

#: Name of the dynamic partitions of domains; a key is `client/domain`.
DOMAINS = "domains"


def domains() -> dg.DynamicPartitionsDefinition:
    """Every domain that somebody was asked about."""
    return dg.DynamicPartitionsDefinition(name=DOMAINS)


def span_tags(first: str, last: str) -> dict[str, str]:
    """Tags of a run over the partitions from `first` to `last`."""
    return {_ONE_TAG: last, **({FIRST_TAG: first} if first != last else {})}


def span_of(tags: Mapping[str, str]) -> tuple[str, str]:
    """The first and the last partition of a run, by its tags; empty texts where it has none."""
    one = tags.get(_ONE_TAG, "")
    first, last = (tags.get(tag, one) for tag in _RANGE_TAGS)
    return tags.get(FIRST_TAG, first), last


def is_span(context: dg.AssetExecutionContext) -> bool:
    """Whether a run is over more partitions than Dagster writes events for."""
    return FIRST_TAG in context.run.tags


def keys_of(context: dg.AssetExecutionContext) -> Sequence[str]:
    """The keys of the partitions that a run is over, in order."""
    if not is_span(context):
        return list(context.partition_keys)
    return _times_of(context).get_partition_keys_in_range(dg.PartitionKeyRange(*span_of(context.run.tags)))


def window_of(context: dg.AssetExecutionContext) -> dg.TimeWindow:
    """From the start of the first partition of a run to the end of the last."""
    if not is_span(context):
        window: dg.TimeWindow = context.partition_time_window
        return window
    first, last = span_of(context.run.tags)
    times = _times_of(context)
    return dg.TimeWindow(times.start_time_for_partition_key(first), times.end_time_for_partition_key(last))


def window_named(context: dg.AssetExecutionContext, partition: str) -> dg.TimeWindow:
    """From the start to the end of a partition of the run's assets."""
    times = _times_of(context)
    return dg.TimeWindow(
        times.start_time_for_partition_key(partition), times.end_time_for_partition_key(partition)
    )


def _times_of(context: dg.AssetExecutionContext) -> dg.TimeWindowPartitionsDefinition:
    partitions = context.assets_def.partitions_def
    assert isinstance(partitions, dg.TimeWindowPartitionsDefinition), "hours or days"
    return partitions


def zone_name(timezone: str) -> str:
    """A time zone as part of a Dagster name: `Europe/Berlin` → `europe_berlin`, `Etc/GMT+5` → `etc_gmtplus5`.

    No two zones have one name: with two jobs of one name nobody's would load.
    """
    return "".join(c if c.isalnum() else "_" for c in timezone.lower().replace("+", "plus"))


def lag_minutes(ended_at: datetime) -> float:
    """Minutes from the end of a period until now, 0 while it runs: the UI plots it by period."""
    return round(max((datetime.now(UTC) - ended_at) / timedelta(minutes=1), 0.0), 1)
