"""Batches that were refused for what surrounds their events come out of quarantine by the command."""

import json
from datetime import UTC, datetime

import pytest
from support.orchestration_builders import land

from footfall.event import Receipt, Refusal, Refused, refused_line
from footfall.hours import HOUR, floor
from footfall.store import LocalStore

CLIENT = """
client_id: demo
name: Demo
sites:
  - {site_id: shop, key: pk_shop_Hn40rBy6, domains: [shop.example]}
destination: {url: "file://${FOOTFALL_HOME}/buckets/demo"}
exports:
  - {name: events, dataset: events, cadence: hourly}
"""


def wire(event_id: str, **fields) -> str:
    """The JSON of an event."""
    return json.dumps({"id": event_id, "type": "page_view", "url": "https://shop.example/", **fields})


def batch(*events: str, before: str = "") -> str:
    """The JSON of a batch, with other fields before its events."""
    return "{" + before + '"events":[' + ",".join(events) + "]}"


HALF = wire("half-a-pair")[:-1] + ',"title":"\\ud83d"}'
#: Bodies as collectors refused them before, and the ids of the events that are in each.
BODIES = {
    batch(HALF, wire("beside-it"), before='"site":"k",'): ["half-a-pair", "beside-it"],
    "\ufeff" + batch(wire("after-a-mark")): ["after-a-mark"],
    batch(wire("odd-sending"), before='"sent_at":"soon",'): ["odd-sending"],
    batch(wire("odd-site"), before='"site":5,'): ["odd-site"],
    wire("odd-title", title={}): ["odd-title"],
    wire("odd-time", occurred_at="yesterday"): ["odd-time"],
    batch('{"type":"x"}', wire("sound-one")): ["sound-one"],
    '{"event_id":"older-body","event_type":null,"page":"/x","timestamp":1795946400000000000}': ["older-body"],
    batch(wire("cut-off"))[:-2]: [],
}


@pytest.fixture
def quarantined(installation):
    """An installation whose last full hour holds these bodies in quarantine, and that hour."""
    hour = floor(datetime.now(UTC)) - HOUR
    clients = installation.home.parent / "clients"
    clients.mkdir()
    (clients / "demo.yaml").write_text(CLIENT)
    installation.environment["FOOTFALL_CLIENTS"] = str(clients)
    receipt = Receipt("demo", "shop", hour + HOUR / 2, None, "")
    lines = [refused_line(Refused(Refusal.MALFORMED_JSON), receipt, body.encode()) for body in BODIES]
    installation.home.mkdir(exist_ok=True)
    (installation.home / "first_hour").write_text(f"{hour:%Y-%m-%dT%H}\n")
    land(LocalStore(installation.home / "lake"), hour, *lines)
    return installation, hour


def test_what_a_batch_lost_for_its_surroundings_is_delivered_after_a_replay(quarantined):
    installation, hour = quarantined
    window = ("--from", f"{hour:%Y-%m-%dT%H}", "--to", f"{hour + HOUR:%Y-%m-%dT%H}")
    first = installation.run("run", *window)
    assert first.returncode == 0, first.stdout + first.stderr

    for _ in range(2):
        replayed = installation.run("replay", "quarantine", *window)
        assert replayed.returncode == 0, replayed.stderr
        assert "9 quarantined, 9 events made of them, 2 still refused" in replayed.stdout
    again = installation.run("run", *window)

    assert again.returncode == 0, again.stdout + again.stderr
    text = "".join(
        path.read_text() for path in (installation.home / "buckets" / "demo").rglob("events-*.csv")
    )
    for ids in BODIES.values():
        for event_id in ids:
            assert text.count(f"\n{event_id},") + text.count(f",{event_id},") == 1, event_id
