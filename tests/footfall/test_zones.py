"""One source of time zones: the package `tzdata`, whatever the machine has; and what days are."""

import os
import re
import subprocess
import sys
from bisect import bisect_right
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.repository import CODE, name_of, python_files

from footfall import zones
from footfall.sql import sql, text
from footfall.zones import clock, zone_days
from orchestration.zone_days import ensure, local_date

DAY = timedelta(days=1)
YEARS = (date(2024, 1, 1), date(2028, 12, 31))
PACKAGE = Path(str(resources.files("tzdata").joinpath("zoneinfo")))


def _unlike():
    """A name of each zone that is told otherwise than all others."""
    return sorted({(PACKAGE / name).read_bytes(): name for name in sorted(zones.names())}.values())


def test_what_the_table_says_of_each_zone_and_day_is_what_pythons_zoneinfo_says():
    for name in _unlike():
        zone = ZoneInfo(name)
        for row in zone_days(clock(name), *YEARS):
            start = datetime(row.date.year, row.date.month, row.date.day, tzinfo=UTC)
            moments = {start: row.offset_before, start + DAY - timedelta(seconds=1): row.offset_after}
            if row.changes_at:
                moments[row.changes_at - timedelta(seconds=1)] = row.offset_before
                moments[row.changes_at] = row.offset_after
            for moment, offset in moments.items():
                assert zone.utcoffset(moment.astimezone(zone)) == timedelta(seconds=offset), (name, row)
                assert not row.changes_at or clock(name).day(moment) == moment.astimezone(zone).date()
            assert row.starts_at.astimezone(zone).date() == row.date, (name, row)
            assert (row.starts_at - timedelta(seconds=1)).astimezone(zone).date() < row.date, (name, row)


def test_no_zone_changes_twice_in_a_day_of_utc():
    """By the package's own lists of changes, since 1970."""
    for name in _unlike():
        changes = Counter(at // 86400 for at, before, after in _changes(name) if at >= 0 and before != after)
        assert {day for day, n in changes.items() if n > 1} == set(), name


def _changes(name):
    """(seconds since 1970, offset before, after) of a TZif file (RFC 8536), second block."""
    data = (PACKAGE / name).read_bytes()

    def counts(at):
        return [int.from_bytes(data[at + 20 + 4 * n : at + 24 + 4 * n]) for n in range(6)]

    isut, isstd, leap, times, types, letters = counts(0)
    at = 44 + times * 5 + types * 6 + letters + leap * 8 + isstd + isut
    *_, times, types, letters = counts(at)
    at += 44
    moments = [int.from_bytes(data[at + 8 * n : at + 8 * n + 8], signed=True) for n in range(times)]
    kinds = data[at + 8 * times : at + 9 * times]
    at += 9 * times
    offsets = [int.from_bytes(data[at + 6 * n : at + 6 * n + 4], signed=True) for n in range(types)]
    before = offsets[0]
    for moment, kind in zip(moments, kinds, strict=True):
        yield moment, before, offsets[kind]
        before = offsets[kind]


CHAINS = [
    "UTC",
    "Africa/Cairo",
    "America/Havana",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Europe/Berlin 2010-05-20 America/New_York",
    "America/New_York 2010-05-20 Asia/Tokyo 2010-08-20 Pacific/Honolulu",
    "Asia/Tokyo 2010-11-20 Pacific/Pago_Pago",
    "Europe/Berlin 2010-05-20 Europe/Paris",
]
MOMENTS = st.builds(datetime.fromtimestamp, st.integers(1_262_304_000, 1_325_289_600), st.just(UTC))


@pytest.fixture(scope="module")
def table():
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        ensure(connection, CHAINS, date(2010, 1, 1), date(2011, 12, 31))
        yield connection


@pytest.mark.parametrize("chain", CHAINS)
def test_sql_finds_the_day_that_python_finds_on_each_moment_of_two_years(table, chain):
    """2010 was the last year in which clocks went back over midnight; in 2011 Apia lost a day."""
    moments = [datetime(2010, 1, 1, tzinfo=UTC) + n * timedelta(minutes=29) for n in range(36_000)]
    days = clock(chain)
    starts = [days.start(date(2009, 12, 30) + n * DAY) for n in range(740)]
    seconds = [start.timestamp() for start in starts]
    assert seconds == sorted(seconds)

    found = table.execute(
        "SELECT "
        + local_date(sql("m.at"), text(chain))
        + " FROM (SELECT TIMESTAMPTZ '2010-01-01 00:00:00Z' + n * INTERVAL 29 MINUTE AS at "
        "FROM range(36000) AS r(n)) AS m ORDER BY m.at"
    ).fetchall()

    expected = [starts[bisect_right(seconds, moment.timestamp()) - 1].date() for moment in moments]
    assert [day for (day,) in found] == expected
    assert [days.day(moment) for moment in moments[::97]] == expected[::97]


@given(st.sampled_from(CHAINS), MOMENTS)
def test_every_moment_is_in_the_day_that_has_begun_and_not_yet_in_the_next(chain, moment):
    days = clock(chain)

    day = days.day(moment)

    assert days.start(day).timestamp() <= moment.timestamp() < days.start(day + DAY).timestamp()


@pytest.mark.parametrize(
    ("chain", "day", "hours"),
    [
        ("Africa/Cairo", "2026-04-24", 23),
        ("America/St_Johns", "2010-11-07", 25),
        ("Pacific/Apia", "2011-12-30", 0),
        ("Europe/Berlin 2026-11-20 America/New_York", "2026-11-20", 30),
        ("America/New_York 2026-11-20 Europe/Berlin", "2026-11-20", 18),
    ],
)
def test_how_long_a_day_is(chain, day, hours):
    days, first = clock(chain), date.fromisoformat(day)

    length = days.start(first + DAY).timestamp() - days.start(first).timestamp()

    assert length == hours * 3600


@pytest.mark.parametrize(
    ("chain", "said"),
    [
        ("Pacific/Pago_Pago 2026-11-20 Pacific/Kiritimati", "2026-11-20 would have no hour"),
        ("America/New_York 2026-11-02 America/Los_Angeles 2026-11-01 UTC", "before that on 2026-11-02"),
        ("Asia/Tokyo 2026-11-01 America/New_York", "clocks are put forward or back around 2026-11-01"),
    ],
)
def test_a_change_of_zone_that_leaves_no_plain_day_is_refused(chain, said):
    with pytest.raises(ValueError, match=said):
        clock(chain)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("europe/berlin", "write Europe/Berlin: names of time zones have capitals"),
        ("EUROPE/BERLIN", "write Europe/Berlin"),
        ("localtime", "expected a name from the time zone database"),
        ("posixrules", "expected a name"),
        ("Factory", "expected a name"),
        ("right/Europe/Berlin", "expected a name"),
        ("posix/Europe/Berlin", "expected a name"),
        ("../zoneinfo/UTC", "expected a name"),
        ("Europe/Berlin 2026-11-20 UTC", "expected a name"),
        ("", "expected a name"),
    ],
)
def test_what_is_no_zone_of_the_package_is_refused_and_the_right_spelling_told(name, said):
    with pytest.raises(ValueError, match=said):
        zones.require(name)


ASKED = """
from footfall.zones import clock, names, version, zone
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo
import dagster as dg
at = datetime(2026, 11, 20, 12, tzinfo=UTC)
berlin = "Europe/Berlin"
daily = dg.DailyPartitionsDefinition(start_date="2026-11-01", timezone=berlin)
begins = daily.time_window_for_partition_key("2026-11-20").start
print([f"{at.astimezone(z):%H}" for z in (zone(berlin), ZoneInfo(berlin), begins.tzinfo)])
print(clock("Europe/Berlin").start(date(2026, 11, 20)).astimezone(UTC), "Mars/Base" in names(), version())
"""


def test_a_wrong_database_of_the_machine_changes_nothing_not_even_for_libraries(tmp_path):
    (tmp_path / "Europe").mkdir()
    (tmp_path / "Mars").mkdir()
    for forged in ("Europe/Berlin", "Mars/Base"):
        (tmp_path / forged).write_bytes((PACKAGE / "Asia/Tokyo").read_bytes())

    said = [
        subprocess.run(
            [sys.executable, "-c", ASKED],
            env={**os.environ, "PYTHONTZPATH": path, "TZ": zone, "PYTHONWARNINGS": "ignore"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for path, zone in ((str(tmp_path), "Mars/Base"), ("", "UTC"))
    ]

    assert said[0] == said[1]
    assert said[0].startswith("['13', '13', '13']")


def test_every_zone_comes_from_one_module():
    """Nobody else makes one by name, or reads what the machine has."""
    makers = {
        name_of(path)
        for path, _ in python_files(*CODE)
        if re.search(r"\bZoneInfo(\.from_file)?\(|available_timezones|gettz\(|pytz", path.read_text())
    }

    assert makers == {"footfall/zones.py"}
