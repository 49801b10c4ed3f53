"""One type is a period: where it begins and ends, and everything that it is called."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall import keys, zones
from footfall.catalogue.periods import are_of_one_grain, calendar, days, partition_of

BERLIN, KOLKATA, HAVANA = "Europe/Berlin", "Asia/Kolkata", "America/Havana"
HOUR = timedelta(hours=1)
AT = datetime(2026, 11, 20, 14, 7, tzinfo=UTC)
ZONES = ["UTC", BERLIN, KOLKATA, HAVANA, "America/New_York", "Australia/Lord_Howe", "Pacific/Chatham"]
MOMENTS = st.builds(datetime.fromtimestamp, st.integers(946_684_800, 4_102_444_800), st.just(UTC))
CALENDARS = st.one_of(
    st.builds(calendar, st.sampled_from(["daily", "weekly", "monthly"]), st.sampled_from(ZONES)),
    st.builds(calendar, st.sampled_from(["hourly", "live", "5min", "10min", "15min", "20min", "30min"])),
)


@pytest.mark.parametrize(
    ("cadence", "zone", "label", "name", "partition", "folder"),
    [
        ("hourly", BERLIN, "20261120T14Z", "2026-11-20T14", "2026-11-20-14:00", "dt=2026-11-20/hour=14"),
        ("live", "UTC", "20261120T14Z", "2026-11-20T14", "2026-11-20-14:00", "dt=2026-11-20/hour=14"),
        (
            "5min", "UTC", "20261120T1405Z", "2026-11-20T14:05", "2026-11-20-14:00",
            "dt=2026-11-20/hour=14/minute=05",
        ),
        ("daily", "UTC", "20261120", "2026-11-20", "2026-11-20", "dt=2026-11-20"),
        ("weekly", "UTC", "20261116", "2026-11-16", "2026-11-16", "dt=2026-11-16"),
        ("monthly", BERLIN, "20261101", "2026-11-01", "2026-11-01", "dt=2026-11-01"),
        ("daily", "Pacific/Apia", "20261121", "2026-11-21", "2026-11-21", "dt=2026-11-21"),
    ],
)  # fmt: skip
def test_what_a_period_is_called(cadence, zone, label, name, partition, folder):
    period = calendar(cadence, zone).at(AT)

    assert (period.label, period.name, period.partition) == (label, name, partition)
    assert keys.revision_prefix("e", period, 1) == f"e/{folder}/rev=0001/"


@pytest.mark.parametrize(
    ("cadence", "partition", "start", "end"),
    [
        ("weekly", "2026-10-19", "2026-10-18T22:00", "2026-10-25T23:00"),
        ("weekly", "2026-12-28", "2026-12-27T23:00", "2027-01-03T23:00"),
        ("monthly", "2026-02-01", "2026-01-31T23:00", "2026-02-28T23:00"),
        ("monthly", "2026-10-01", "2026-09-30T22:00", "2026-10-31T23:00"),
        ("monthly", "2026-12-01", "2026-11-30T23:00", "2026-12-31T23:00"),
    ],
)
def test_a_week_or_a_month_is_the_local_days_in_it(cadence, partition, start, end):
    period = calendar(cadence, BERLIN).named(partition)

    assert f"{period.start.astimezone(UTC):%Y-%m-%dT%H:%M}" == start
    assert f"{period.end.astimezone(UTC):%Y-%m-%dT%H:%M}" == end


@pytest.mark.parametrize(("cadence", "day"), [("weekly", "2026-11-17"), ("monthly", "2026-11-02")])
def test_only_its_first_day_names_a_week_or_a_month(cadence, day):
    with pytest.raises(ValueError, match=f"no {cadence} period begins on {day}"):
        calendar(cadence).named(day)


@pytest.mark.parametrize(
    ("zone", "day", "start", "end"),
    [
        (BERLIN, "2026-11-20", "2026-11-19T23:00", "2026-11-20T23:00"),
        (BERLIN, "2026-03-29", "2026-03-28T23:00", "2026-03-29T22:00"),
        (BERLIN, "2026-10-25", "2026-10-24T22:00", "2026-10-25T23:00"),
        (BERLIN, "2026-12-31", "2026-12-30T23:00", "2026-12-31T23:00"),
        (KOLKATA, "2026-11-20", "2026-11-19T18:30", "2026-11-20T18:30"),
        # At midnight the clocks go on to one o'clock; in autumn there are two midnights.
        (HAVANA, "2026-03-07", "2026-03-07T05:00", "2026-03-08T05:00"),
        (HAVANA, "2026-03-08", "2026-03-08T05:00", "2026-03-09T04:00"),
        (HAVANA, "2025-11-02", "2025-11-02T04:00", "2025-11-03T05:00"),
    ],
)
def test_a_local_day_reaches_from_midnight_to_midnight_whatever_the_clocks_do(zone, day, start, end):
    period = days(zone).named(day)

    assert f"{period.start.astimezone(UTC):%Y-%m-%dT%H:%M}" == start
    assert f"{period.end.astimezone(UTC):%Y-%m-%dT%H:%M}" == end
    assert (period.date, period.start.tzinfo, period.end.tzinfo) == (day, zones.zone(zone), zones.zone(zone))


@given(CALENDARS, MOMENTS)
def test_every_moment_lies_in_one_period_and_periods_leave_no_gap(some, moment):
    period = some.at(moment)
    before, after = some.before(moment), some.after(period)

    assert period.start.timestamp() <= moment.timestamp() < period.end.timestamp()
    assert before.end.timestamp() == period.start.timestamp()
    assert after.start.timestamp() == period.end.timestamp()
    assert some.at(period.start) == period
    assert some.at(period.start.astimezone(UTC)) == period
    assert before.label < period.label < after.label


@given(CALENDARS, MOMENTS)
def test_a_partition_names_its_period_again(some, moment):
    period = some.at(moment)

    named = some.named(period.partition)

    assert named == period or (named.kind.is_part and named.start <= period.start < named.start + HOUR)


@given(CALENDARS, MOMENTS, st.integers(0, 300))
def test_a_range_holds_the_periods_that_begin_in_it_or_ended_in_it(some, start, hours):
    end = start + hours * HOUR
    begun, ended = list(some.within(start, end)), list(some.ended(start, end))

    assert all(start.timestamp() <= each.start.timestamp() < end.timestamp() for each in begun)
    assert all(each.end.timestamp() <= end.timestamp() for each in ended)
    assert ended[:1] == [some.at(start)] or not ended
    assert len({each.start.timestamp() for each in begun}) == len(begun)


@pytest.mark.parametrize("minutes", [5, 10, 15, 20, 30])
def test_the_parts_of_an_hour_are_the_whole_of_it(minutes):
    hour = calendar("live").at(AT)

    parts = hour.parts(minutes)

    assert (parts[0].start, parts[-1].end, len(parts)) == (hour.start, hour.end, 60 // minutes)
    assert {part.partition for part in parts} == {hour.partition}


def test_a_folder_of_the_client_s_own_names_the_minute_where_there_is_one():
    own = "{export}/{date}T{hour}/{revision}"

    assert calendar("hourly").at(AT).folder(own) == "{export}/2026-11-20T14/{revision}"
    assert calendar("5min").at(AT).folder(own) == "{export}/2026-11-20T1405/{revision}"


@pytest.mark.parametrize("cadence", ["", "yearly", "7min", "60min", "hourly "])
def test_what_is_no_cadence_is_refused(cadence):
    with pytest.raises(ValueError, match="is no cadence"):
        calendar(cadence)


@pytest.mark.parametrize("cadence", ["hourly", "live", "daily", "5min", "30min"])
def test_from_what_a_person_calls_a_period_follows_its_partition(cadence):
    period = calendar(cadence, "Europe/Berlin").at(AT)

    assert partition_of(period.name) == period.partition


@pytest.mark.parametrize("text", ["", "events", "2026-11-31", "2026-11-20T14Z"])
def test_what_names_no_period_stays_as_it_is(text):
    assert partition_of(text) == text


@pytest.mark.parametrize(
    ("partitions", "are"),
    [
        (["2026-11-20", "2026-11-21"], True),
        (["2026-11-20-14:00", "2026-11-20-15:00"], True),
        (["2026-11-20", "2026-11-20-14:00"], False),
        (["everything"], False),
    ],
)
def test_partitions_compare_where_all_are_of_hours_or_all_of_days(partitions, are):
    assert are_of_one_grain(*partitions) is are
