"""Which daily files a run of hours delivers."""

from datetime import UTC, datetime

import pytest

from commands.materialising import ended_days


@pytest.mark.parametrize(
    ("start", "end", "timezone", "days"),
    [
        ("2026-11-20T22", "2026-11-21T00", "UTC", ["2026-11-20"]),
        ("2026-11-20T22", "2026-11-20T23", "UTC", []),
        ("2026-11-20T00", "2026-11-22T05", "UTC", ["2026-11-20", "2026-11-21"]),
        ("2026-11-20T22", "2026-11-20T23", "Europe/Berlin", ["2026-11-20"]),
        ("2026-11-20T23", "2026-11-21T22", "Europe/Berlin", []),
        ("2026-11-20T23", "2026-11-21T23", "Europe/Berlin", ["2026-11-21"]),
        # The days with 23 and with 25 hours.
        ("2026-03-29T21", "2026-03-29T22", "Europe/Berlin", ["2026-03-29"]),
        ("2026-10-25T22", "2026-10-25T23", "Europe/Berlin", ["2026-10-25"]),
        # Midnight falls within an hour of UTC; the hour it lies in is not enough.
        ("2026-11-20T17", "2026-11-20T18", "Asia/Kolkata", []),
        ("2026-11-20T17", "2026-11-20T19", "Asia/Kolkata", ["2026-11-20"]),
        # Clocks go forward at midnight, and back to it.
        ("2026-04-23T20", "2026-04-23T22", "Africa/Cairo", ["2026-04-23"]),
        ("2026-11-01T03", "2026-11-01T05", "America/Havana", ["2026-10-31"]),
    ],
)
def test_a_day_is_run_once_it_ended_in_the_hours_that_were_run(start, end, timezone, days):
    def hour(text):
        return datetime.strptime(text, "%Y-%m-%dT%H").replace(tzinfo=UTC)

    assert ended_days(hour(start), hour(end), timezone) == days
