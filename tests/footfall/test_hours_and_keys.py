"""Hours are UTC and half-open; every key that is built from one is safe and sorts by time."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall import keys
from footfall.errors import FootfallError
from footfall.hours import HOUR, between, floor, lower_first_hour, parse, read_first_hour, run_command

BERLIN = ZoneInfo("Europe/Berlin")
#: Any second of this century, by the clocks of Greenwich and Berlin.
MOMENTS = st.builds(
    datetime.fromtimestamp, st.integers(946_684_800, 4_102_444_800), st.sampled_from([UTC, BERLIN])
)


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20T14", datetime(2026, 11, 20, 14, tzinfo=UTC)),
        ("2026-11-20T14Z", datetime(2026, 11, 20, 14, tzinfo=UTC)),
        ("2026-11-20T14:00", datetime(2026, 11, 20, 14, tzinfo=UTC)),
        ("2026-11-20-14:00", datetime(2026, 11, 20, 14, tzinfo=UTC)),
    ],
)
def test_an_hour_is_read_as_utc(text, hour):
    assert parse(text) == hour


@pytest.mark.parametrize("text", ["", "now", "2026-11-20T14:30", "2026-11-31", "2026-11-20T24", "20.11.2026"])
def test_what_is_no_hour_is_refused_with_what_to_write(text):
    with pytest.raises(FootfallError, match="is not an hour: write 2026-11-20 or 2026-11-20T14"):
        parse(text)


@given(MOMENTS)
def test_a_moment_lies_in_its_hour(moment):
    hour = floor(moment)

    assert hour <= moment < hour + HOUR
    assert hour.tzinfo is UTC
    assert parse(hour.strftime("%Y-%m-%dT%H")) == hour


def test_a_range_of_hours_is_half_open():
    start = datetime(2026, 11, 20, 22, tzinfo=UTC)

    assert list(between(start, start + timedelta(hours=3))) == [start + n * HOUR for n in range(3)]
    assert list(between(start, start)) == []


@pytest.mark.parametrize(("month", "day", "hours"), [(3, 29, 23), (10, 25, 25), (11, 20, 24)])
def test_a_local_day_has_as_many_hours_as_the_change_of_summer_time_leaves(month, day, hours):
    start = datetime(2026, month, day, tzinfo=BERLIN)

    assert len(list(between(start, start + timedelta(days=1)))) == hours


def test_the_first_hour_is_todays_midnight_until_an_earlier_one_is_recorded(tmp_path):
    path = tmp_path / "state" / "first_hour"
    now = datetime(2026, 11, 20, 14, 33, tzinfo=UTC)
    assert read_first_hour(path, now) == datetime(2026, 11, 20, tzinfo=UTC)

    assert lower_first_hour(path, datetime(2026, 11, 19, 5, tzinfo=UTC))
    assert not lower_first_hour(path, datetime(2026, 11, 19, 6, tzinfo=UTC))
    assert lower_first_hour(path, datetime(2026, 11, 18, tzinfo=UTC))

    assert read_first_hour(path, now) == datetime(2026, 11, 18, tzinfo=UTC)
    assert [p.name for p in path.parent.iterdir()] == ["first_hour"]


def test_keys_are_where_the_documents_say():
    hour = datetime(2026, 11, 20, 14, tzinfo=UTC)

    assert keys.raw_object(hour, "c1-17", "ab" * 32) == (
        "raw/dt=2026-11-20/hour=14/c1-17-abababababababab.ndjson.zst"
    )
    owned = keys.raw_object(hour, "import-17", "ab" * 32, "a-shop_1")
    assert owned == "raw/dt=2026-11-20/hour=14/client=a-shop_1.import-17-abababababababab.ndjson.zst"
    assert keys.client_of_raw_object(owned) == "a-shop_1"
    assert keys.client_of_raw_object(keys.raw_object(hour, "c1-17", "ab" * 32)) is None
    assert keys.events_object(hour, "ab" * 32) == (
        "events/dt=2026-11-20/hour=14/events-abababababababab.parquet"
    )
    assert keys.quarantine_object(hour) == "quarantine/dt=2026-11-20/hour=14/quarantine.parquet"
    assert keys.salt_object("demo", "America/Port-au-Prince", date(2026, 11, 20)) == (
        "salts/client=demo/zone=America.Port-au-Prince/day=2026-11-20.json"
    )


@given(MOMENTS, MOMENTS)
def test_keys_are_safe_and_sort_by_time(one, other):
    assert keys.SAFE_KEY.fullmatch(keys.raw_object(one, "c1-1700000000000-000001", "0" * 64))
    assert (keys.raw_prefix(one) <= keys.raw_prefix(other)) == (floor(one) <= floor(other))


@pytest.mark.parametrize(
    ("start", "end", "command"),
    [
        ("2026-11-18", "2026-11-20", "footfall run --from 2026-11-18 --to 2026-11-20"),
        ("2026-11-20T12", "2026-11-20T14", "footfall run --from 2026-11-20T12 --to 2026-11-20T14"),
        (
            "2026-11-20T12",
            "2026-11-20T15",
            "footfall run --from 2026-11-20T12 --to 2026-11-20T14\nthen, once 15:00 UTC is past, or with "
            "--open now: footfall run --from 2026-11-20T14 --to 2026-11-20T15",
        ),
        (
            "2026-11-20T14",
            "2026-11-20T15",
            "footfall run --from 2026-11-20T14 --to 2026-11-20T15\n"
            "once 15:00 UTC is past, or with --open now",
        ),
    ],
)
def test_a_command_that_is_advised_is_a_line_of_its_own_and_asks_for_no_hour_that_has_not_ended(
    start, end, command
):
    now = datetime(2026, 11, 20, 14, 20, tzinfo=UTC)

    assert run_command(parse(start), parse(end), now) == command
