"""The only place where a partitions definition is made.

Hours are UTC hours of receipt, days are local days of a client's time zone. Hours include the one that is
still running (`end_offset=1`), because parts of live exports lie in it and a person can look at it with
`footfall run --open`. Days end with the last one that is over: nobody can deliver the running one, which
would be shown as missing until midnight.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg

from footfall.catalogue.periods import DAY_FORMAT, HOUR_FORMAT, days


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


#: Tag of a run that may deliver a period before it has ended, as far as it goes and marked incomplete.
OPEN_TAG = "footfall/open"

#: Name of the dynamic partitions of domains; a key is `client/domain`.
DOMAINS = "domains"


def domains() -> dg.DynamicPartitionsDefinition:
    """Every domain that somebody was asked about."""
    return dg.DynamicPartitionsDefinition(name=DOMAINS)


def zone_name(timezone: str) -> str:
    """A time zone as part of a Dagster name: `Europe/Berlin` → `europe_berlin`, `Etc/GMT+5` → `etc_gmtplus5`.

    No two zones have one name: with two jobs of one name nobody's would load.
    """
    return "".join(c if c.isalnum() else "_" for c in timezone.lower().replace("+", "plus"))


def lag_minutes(ended_at: datetime) -> float:
    """Minutes from the end of a period until now, 0 while it runs: the UI plots it by period."""
    return round(max((datetime.now(UTC) - ended_at) / timedelta(minutes=1), 0.0), 1)
