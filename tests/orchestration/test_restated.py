"""A delivered period whose data has changed since is found, and it alone."""

import json
from datetime import timedelta

import pytest
from support.orchestration_builders import DAILY_METRICS, HOUR, add_event, client

from footfall import zones
from footfall.catalogue.ingested import COLUMN_TYPES
from footfall.sql import table_statement

ONE = timedelta(hours=1)


def test_restated_finds_the_periods_that_changed_and_only_those(at):
    at.hours = [HOUR + n * ONE for n in range(4)]
    for n in range(4):
        add_event(at.connection, f"event-1{n:03d}", hour=HOUR + n * ONE)
        at.deliver(HOUR + n * ONE)
    assert at.restated() == []

    add_event(at.connection, "event-2001", hour=HOUR + ONE)
    at.connection.execute("UPDATE main.events SET title = 'Other' WHERE received_hour = ?", [HOUR + 2 * ONE])
    at.connection.execute("DELETE FROM main.events WHERE received_hour = ?", [HOUR + 3 * ONE])
    add_event(at.connection, "event-3001", hour=HOUR + 9 * ONE)
    add_event(at.connection, "event-3002", hour=HOUR, client_id="agency")

    assert at.restated() == [HOUR + ONE, HOUR + 2 * ONE, HOUR + 3 * ONE]
    for start in at.restated():
        assert at.deliver(start).reason == "late"
    assert at.restated() == []


def test_a_period_whose_late_revision_failed_stays_restated(at):
    at.deliver()
    add_event(at.connection, "event-0002")
    at.destination.down()
    at.deliver()

    assert at.restated() == [HOUR]


@pytest.mark.parametrize(
    ("timezone", "day", "start", "end"),
    [
        ("UTC", "2026-11-20", "2026-11-20T00:00", "2026-11-21T00:00"),
        ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("Europe/Berlin", "2026-10-25", "2026-10-24T22:00", "2026-10-25T23:00"),
        ("Asia/Kolkata", "2026-11-20", "2026-11-19T18:30", "2026-11-20T18:30"),
        # Summer time begins at midnight: the day begins at one o'clock.
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00", "2026-04-24T21:00"),
    ],
)
def test_a_day_is_a_local_day_when_it_is_delivered_and_when_it_is_restated(at, timezone, day, start, end):
    owner = client(timezone=timezone)
    at.connection.execute("INSERT INTO main.daily_metrics VALUES ('demo', 'shop', ?, 7)", [day])
    first = at.deliver(owner.local_midnight(day), DAILY_METRICS, owner=owner)
    assert at.restated(DAILY_METRICS, owner=owner) == []
    at.connection.execute("UPDATE main.daily_metrics SET visitors = 8")

    [period] = at.restated(DAILY_METRICS, owner=owner)
    late = at.deliver(period, DAILY_METRICS, owner=owner)

    assert (first.rows, late.rows, late.revision) == (1, 1, 2)
    assert late.files[0].key.startswith(
        f"daily-metrics/dt={day}/rev=0002/daily-metrics-{day.replace('-', '')}-"
    )
    assert at.restated(DAILY_METRICS, owner=owner) == []
    for revision in (1, 2):
        manifest = json.loads(
            at.destination.objects[f"daily-metrics/dt={day}/rev={revision:04d}/_manifest.json"]
        )
        assert manifest["period"] == {
            "start": f"{start}:00.000Z",
            "end": f"{end}:00.000Z",
            "timezone": timezone,
        }
    assert at.problems() == []


@pytest.mark.parametrize("is_sweep", [False, True])
def test_a_newer_zone_database_restates_no_day_that_is_frozen(at, is_sweep):
    owner = client(timezone="Europe/Berlin")
    days = [f"2026-01-{n}" for n in range(10, 16)]
    for day in days:
        at.connection.execute("INSERT INTO main.daily_metrics VALUES ('demo', 'shop', ?, 7)", [day])
        at.deliver(owner.local_midnight(day), DAILY_METRICS, owner=owner)
    for table in ("zone_changes", "horizons"):
        at.connection.execute(table_statement("ingest", table, COLUMN_TYPES[table]))
    for day in days:
        at.connection.execute(
            "INSERT INTO ingest.zone_changes VALUES ('Europe/Berlin', ?, ?)", [day, zones.version()]
        )
    at.connection.execute("UPDATE main.daily_metrics SET visitors = 8")
    asked = {"owner": owner, "since": None if is_sweep else at.now}
    of_all = [owner.local_midnight(day) for day in days]
    if not is_sweep:
        assert at.restated(DAILY_METRICS, **asked) == of_all

    at.connection.execute(
        "INSERT INTO ingest.horizons VALUES ('demo', 1, NULL, NULL, TIMESTAMPTZ '2025-12-08 00:00:00Z', "
        "DATE '2026-01-12')"
    )

    assert at.restated(DAILY_METRICS, **asked) == of_all[3:]  # a local day may begin before that of UTC
