"""The API beside a collector of the same machine: what was taken a moment ago is told, and neither waits."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from support.api_builders import KEYS
from support.collectors import CollectorProcess, wire_event

from footfall.access.api_keys import key_hash
from footfall.access.register import last_uses


@pytest.fixture
def collector(api):
    found = CollectorProcess(api.settings.home, settings={"FOOTFALL_CLIENTS": str(api.folder / "clients")})
    found.start()
    yield found
    found.end()


def send(collector, *ids):
    body = {"site": "pk_shop_1234", "events": [wire_event(each) for each in ids]}
    reply = collector.ask(
        "POST", "/collect", json.dumps(body).encode(), {"user-agent": "Mozilla/5.0 Firefox"}
    )
    assert reply.status in (200, 204), reply.body


def test_an_event_is_told_as_soon_as_it_is_taken_and_long_before_the_lake_has_it(api, collector):
    send(collector, "just-now-1")
    api.now = datetime.now(UTC)

    said = api.ask("GET", "/v1/realtime?site_id=shop").json

    assert sum(each["page_views"] for each in said["minutes"]) == 1
    assert said["as_of"] == said["now"]
    assert list(api.lake.list("raw/")) == [], "it was the spool that knew"
    assert [e["event_id"] for e in api.ask("GET", "/events/recent").json["events"]] == ["just-now-1"]


def test_what_has_stopped_is_told_as_of_its_last_sign_of_life_and_its_keys_by_their_last_use(api, collector):
    body = {"site": "pk_shop_1234", "events": [wire_event("by-a-key")]}
    headers = {"x-api-key": KEYS["write"], "content-type": "application/json"}
    reply = collector.ask("POST", "/events/", json.dumps(body).encode(), headers)
    assert reply.status == 201, reply.body
    alive = datetime.now(UTC)
    collector.end()
    api.now = datetime.now(UTC) + timedelta(minutes=10)

    said = api.ask("GET", "/v1/realtime?site_id=shop").json

    as_of = datetime.fromisoformat(said["as_of"])
    assert alive - timedelta(minutes=5) < as_of < datetime.now(UTC)
    assert said["now"] > said["as_of"]
    assert alive - timedelta(minutes=5) < last_uses(api.settings.home)[key_hash(KEYS["write"])] < api.now


def test_an_event_counts_once_while_it_goes_into_the_lake(api, collector):
    send(collector, "on-its-way")
    api.now = datetime.now(UTC)
    collector.end()  # an orderly end ships what it has

    said = api.ask("GET", "/v1/realtime?site_id=shop").json

    assert list(api.lake.list("raw/")) != []
    assert sum(each["page_views"] for each in said["minutes"]) == 1


def test_twenty_questions_at_once_are_answered_and_the_collector_goes_on_taking_events(api, collector):
    rows = [
        {
            "session_id": str(n),
            "visitor_id": str(n % 997),
            "date": f"2026-11-{n % 20 + 1:02}",
            "source": f"s{n % 50}",
        }
        for n in range(5000)
    ]
    api.publish("sessions", rows)
    statuses: list[int] = []

    def ask():
        reply = api.query(
            metrics=["visitors", "sessions", "median_session_seconds"],
            dimensions=["visit:source", "time:day", "visit:landing_page"],
            filters=[["matches", "visit:source", ["s.*1"]]],
            date_range="all",
        )
        statuses.append(reply.status)

    askers = [threading.Thread(target=ask) for _ in range(20)]
    for each in askers:
        each.start()
    sent = 0
    while any(each.is_alive() for each in askers) or not sent:
        send(collector, f"under-load-{sent}")
        sent += 1
        time.sleep(0.01)
    for each in askers:
        each.join()

    assert statuses == [200] * 20
    stored = {line.get("event_id") for line in collector.stored()}
    assert {f"under-load-{n}" for n in range(sent)} <= stored
