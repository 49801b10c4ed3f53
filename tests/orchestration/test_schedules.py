"""Which hour and which day a tick asks for: the last one that is over, whatever the clocks do."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from support.orchestration_builders import EVENTS, client

from footfall.catalogue.periods import calendar, kind_of
from footfall.clients import Registry
from footfall.hours import HOUR, between
from orchestration.defs.delivery.specs import spec
from orchestration.defs.schedules import (
    DAILY_CRON,
    HOURLY_CRON,
    daily_selection,
    day_to_run,
    hour_to_run,
    span_to_run,
)
from orchestration.delivery.progress import IngestedHours
from orchestration.partitions import local


def _tick(text, timezone="UTC"):
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(timezone))
    return dg.build_schedule_context(scheduled_execution_time=moment)


@pytest.mark.parametrize(
    ("tick", "timezone", "partition"),
    [
        ("2026-11-20T15:05", "UTC", "2026-11-20-14:00"),
        ("2026-11-20T15:59:59", "UTC", "2026-11-20-14:00"),
        ("2026-11-20T15:00", "UTC", "2026-11-20-14:00"),
        ("2026-11-21T00:05", "UTC", "2026-11-20-23:00"),
        ("2027-01-01T00:05", "UTC", "2026-12-31-23:00"),
        ("2028-03-01T00:05", "UTC", "2028-02-29-23:00"),
        # A server that thinks in local time asks for the same hours of UTC.
        ("2026-03-29T03:05", "Europe/Berlin", "2026-03-29-00:00"),
        ("2026-10-25T02:05", "Europe/Berlin", "2026-10-24-23:00"),
        ("2026-11-20T20:35", "Asia/Kolkata", "2026-11-20-14:00"),
    ],
)
def test_a_tick_asks_for_the_hour_that_ended_last(tick, timezone, partition):
    request = hour_to_run(_tick(tick, timezone))

    assert (request.partition_key, request.run_key) == (partition, partition)


@pytest.mark.parametrize(
    ("tick", "timezone", "partition"),
    [
        ("2026-11-21T01:10", "UTC", "2026-11-20"),
        ("2027-01-01T01:10", "UTC", "2026-12-31"),
        ("2026-11-21T01:10", "Europe/Berlin", "2026-11-20"),
        # The day with 23 hours, and the one with 25.
        ("2026-03-30T01:10", "Europe/Berlin", "2026-03-29"),
        ("2026-10-26T01:10", "Europe/Berlin", "2026-10-25"),
        # The night in which London's clocks go from one to two: the tick comes at two.
        ("2026-03-29T02:00", "Europe/London", "2026-03-28"),
        ("2026-11-21T01:10", "Asia/Kolkata", "2026-11-20"),
        ("2026-11-21T01:10", "America/Los_Angeles", "2026-11-20"),
        ("2026-11-21T01:10", "Pacific/Kiritimati", "2026-11-20"),
    ],
)
def test_a_tick_asks_for_the_local_day_that_ended_last(tick, timezone, partition):
    request = day_to_run(timezone, _tick(tick, timezone))

    assert (request.partition_key, request.run_key) == (partition, partition)


def test_the_local_day_is_found_from_a_tick_in_utc():
    assert day_to_run("Pacific/Kiritimati", _tick("2026-11-20T11:10")).partition_key == "2026-11-20"


@pytest.mark.parametrize(
    "timezone", ["UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Adelaide"]
)
def test_when_a_day_is_asked_for_all_its_hours_were_asked_for_before(timezone):
    """Where midnight is no full hour of UTC, the hour it lies in ends later than the day."""
    zone = ZoneInfo(timezone)
    midnight = datetime(2026, 11, 21, tzinfo=zone)
    hour, minute = (int(DAILY_CRON.split()[n]) for n in (1, 0))
    tick = midnight.replace(hour=hour, minute=minute).astimezone(UTC)
    asked = [h for h in between(tick - timedelta(days=3), tick) if h + HOUR + _past_the_hour() <= tick]

    day = datetime(2026, 11, 20, tzinfo=zone).astimezone(UTC)

    IngestedHours(asked, asked[0]).require(day, midnight.astimezone(UTC))


def _past_the_hour():
    return timedelta(minutes=int(HOURLY_CRON.split()[0]))


def test_the_daily_files_of_an_ids_second_owner_are_made_by_the_days_run():
    export = EVENTS.model_copy(update={"name": "days", "cadence": "daily"})
    second = client(exports=[export]).model_copy(update={"client_id": "acme.2"})
    asset = dg.AssetsDefinition(specs=[spec(second, export)])

    assert daily_selection(Registry((second,), ())).resolve([asset]) == {asset.key}


@pytest.mark.parametrize(
    ("cadence", "tick", "partition"),
    [
        ("weekly", "2026-11-23T01:25", "2026-11-16"),
        ("weekly", "2026-11-29T01:25", "2026-11-16"),
        ("weekly", "2026-11-30T01:25", "2026-11-23"),
        ("monthly", "2026-12-01T01:25", "2026-11-01"),
        ("monthly", "2026-12-31T01:25", "2026-11-01"),
        ("daily", "2026-12-31T01:25", "2026-12-30"),
    ],
)
def test_each_day_the_week_and_the_month_that_ended_last_are_asked_for(cadence, tick, partition):
    assert span_to_run(cadence, "Europe/Berlin", _tick(tick, "Europe/Berlin")).partition_key == partition


def test_what_came_late_for_a_month_is_a_run_of_its_own_the_day_after():
    """Dagster starts no second run of one key."""
    ticks = ("2026-12-01T01:25", "2026-12-02T01:25")

    assert len({span_to_run("monthly", "UTC", _tick(tick)).run_key for tick in ticks}) == 2


@pytest.mark.parametrize("timezone", ["UTC", "Europe/Berlin", "America/Havana"])
@pytest.mark.parametrize("cadence", ["daily", "weekly", "monthly"])
def test_partitions_are_the_periods_of_the_calendar(cadence, timezone):
    first, now = datetime(2026, 2, 11, 5, tzinfo=UTC), datetime(2026, 12, 9, tzinfo=UTC)
    partitions = local(cadence, timezone, first)

    with dg.partition_loading_context(effective_dt=now):
        keys = partitions.get_partition_keys()
    periods = list(calendar(cadence, timezone).ended(first, now))

    assert keys == [each.partition for each in periods]
    windows = [partitions.time_window_for_partition_key(key) for key in keys]
    days = [(each.start.date(), each.end.date()) for each in periods]
    assert [(each.start.date(), each.end.date()) for each in windows] == days


def test_weeks_and_months_have_runs_of_their_own_and_none_is_part_of_an_hour():
    exports = [
        EVENTS.model_copy(update={"name": cadence, "cadence": cadence, "dataset": "report", "format": "html"})
        for cadence in ("daily", "weekly", "monthly")
    ]
    registry = Registry((client(exports=exports),), ())
    assets = [dg.AssetsDefinition(specs=[spec(registry.clients[0], each)]) for each in exports]

    def chosen(*how):
        return {key.path[-1] for key in daily_selection(registry, *how).resolve(assets)}

    assert chosen() == {"daily", "weekly", "monthly"}
    assert chosen("UTC", kind_of("weekly")) == {"weekly"}
    assert chosen("UTC", kind_of("monthly")) == {"monthly"}
