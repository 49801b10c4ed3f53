"""A client's day is told to billing once, when its hours are all there, whatever crashes in between."""

import json
from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from support.orchestration_builders import client

from footfall.plan import Plan
from orchestration.discovery import domains
from orchestration.discovery.database import registry
from orchestration.discovery.domain_rows import listing
from orchestration.discovery.usage_messages import PATIENCE, days_to_tell, tell_usage
from orchestration.ingest.schema import make_schema
from orchestration.webhooks import outbox

DAY = datetime(2026, 11, 19, tzinfo=UTC)
NEXT = DAY + timedelta(days=1)
HOURS = [DAY + n * timedelta(hours=1) for n in range(24)]


class At:
    def __init__(self, folder):
        self.path = folder / "registry.sqlite"
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'")
        make_schema(self.connection)

    def ingest(self, hour, *, host="demo.example", events=1, duplicates=0, quarantined=0):
        self.connection.execute("INSERT INTO ingest.hours (received_hour) VALUES (?)", [hour])
        for n in range(events):
            self.connection.execute(
                "INSERT INTO ingest.event_index (received_hour, client_id, event_id, host, is_duplicate) "
                "VALUES (?, 'demo', ?, ?, false)",
                [hour, f"{hour}-{n}", host],
            )
        rows = [("", events, duplicates, 0), *([("too_old", 0, 0, quarantined)] if quarantined else [])]
        for reason, *counts in rows:
            self.connection.execute(
                "INSERT INTO ingest.receipts VALUES (?, 'demo', 'shop', ?, ?, ?, ?, 0)",
                [hour, reason, *counts],
            )

    def tell(self, now=NEXT + timedelta(hours=1), first_hour=DAY, plans=None):
        with registry(self.path) as database:
            domains.observe(database, client(), DAY, [domains.Sighting("shop", "demo.example", 1)], now=now)
            return tell_usage(
                database, self.connection, listing(database), first_hour, now, plans=plans or {}
            )

    def messages(self):
        with registry(self.path) as database:
            return [(m.id, json.loads(m.body)["data"]) for m in outbox.listing(database)]


@pytest.fixture
def at(tmp_path):
    made = At(tmp_path)
    yield made
    made.connection.close()


def test_a_day_is_told_once_with_its_rows_by_fate_and_by_domain(at):
    for hour in HOURS:
        at.ingest(hour)
    at.ingest(HOURS[3], host="made-up.example", events=2, duplicates=5, quarantined=4)

    assert at.tell() == 1
    assert at.tell() == 0

    assert at.messages() == [
        (
            "usage.daily:demo:2026-11-19",
            {
                "client_id": "demo",
                "date": "2026-11-19",
                "is_complete": True,
                "received": 35,
                "kept": 26,
                "duplicates": 5,
                "quarantined": {"too_old": 4},
                "domains": {"demo.example": 24},
                "other_domains": 2,
            },
        )
    ]


def test_billing_is_told_once_when_a_month_has_come_to_a_share_of_the_plan(at):
    plans = {"demo": Plan(name="Small", included=30)}
    for hour in HOURS:
        at.ingest(hour)
    at.tell(plans=plans)
    for hour in HOURS:
        at.ingest(hour + timedelta(days=1))
    at.tell(NEXT + timedelta(days=1, hours=1), plans=plans)
    at.tell(NEXT + timedelta(days=1, hours=2), plans=plans)

    found = {name: data for name, data in at.messages() if name.startswith("usage.threshold")}
    assert {name: (each["used"], each["through"]) for name, each in found.items()} == {
        "usage.threshold:demo:2026-11:80": (24, "2026-11-19"),
        "usage.threshold:demo:2026-11:100": (48, "2026-11-20"),
    }
    assert found["usage.threshold:demo:2026-11:80"] == {
        "client_id": "demo",
        "month": "2026-11",
        "percent": 80,
        "plan": "Small",
        "counts": "kept",
        "included": 30,
        "used": 24,
        "through": "2026-11-19",
    }


def test_a_plan_of_what_was_received_counts_what_was_refused_too(at):
    for hour in HOURS:
        at.ingest(hour, events=1, quarantined=1)

    at.tell(plans={"demo": Plan(included=60, counts="received")})

    assert [n for n, _ in at.messages() if "threshold" in n] == ["usage.threshold:demo:2026-11:80"]


def test_a_day_waits_for_its_last_hour_and_not_for_ever(at):
    for hour in HOURS[:-1]:
        at.ingest(hour)
    assert at.tell() == 0
    assert at.tell(NEXT + PATIENCE) == 1
    assert at.messages()[0][1]["is_complete"] is False


def test_a_crash_after_the_messages_tells_no_day_twice(at):
    for hour in HOURS:
        at.ingest(hour)
    at.tell()
    with registry(at.path) as database:
        database.execute("DELETE FROM marks WHERE name = 'usage_told_through'")
    assert at.tell() == 0
    assert len(at.messages()) == 1


def test_a_day_with_nothing_received_is_no_message_and_holds_up_no_other(at):
    for hour in HOURS:
        at.ingest(hour, events=0)
    for hour in HOURS:
        at.ingest(hour + timedelta(days=1))
    at.connection.execute("DELETE FROM ingest.receipts WHERE received_hour < ?", [NEXT])
    assert at.tell(NEXT + timedelta(days=1, hours=1)) == 1
    assert [name for name, _ in at.messages()] == ["usage.daily:demo:2026-11-20"]


def test_days_are_told_in_order_from_the_first_hour_of_the_installation():
    now = NEXT + timedelta(days=1, hours=1)
    known = [*HOURS[6:], *[h + timedelta(days=1) for h in HOURS]]
    assert list(days_to_tell(None, known, HOURS[6], now)) == [(DAY, True), (NEXT, True)]
    assert list(days_to_tell(DAY, known, HOURS[6], now)) == [(NEXT, True)]
    assert list(days_to_tell(None, known[:-1], HOURS[6], now)) == [(DAY, True)]
    assert list(days_to_tell(None, known[1:], HOURS[6], now)) == []
