"""What a client's own programs may ask: how many, which were the last, what may my key do."""

import json
import uuid

import pytest
from support.collectors import KEYS, OVER, SITE, batch, wire_event

READ = {"x-api-key": KEYS["read"]}


def ask(collector, path, headers=READ):
    reply = collector.ask("GET", path, headers=headers)
    return reply.status, json.loads(reply.body)


def test_counts_follow_what_is_taken_and_refused(collector):
    _, before = ask(collector, "/events/count")

    collector.ask("POST", "/collect", batch(wire_event(str(uuid.uuid4())), wire_event(str(uuid.uuid4()))))
    collector.ask("POST", f"/collect?site={SITE}", b"{")

    status, after = ask(collector, "/events/count")
    assert (status, after["client_id"]) == (200, "demo")
    assert after["count"] == before["count"] + 2
    refused = [
        s["sites"].get("shop", {"refused": {}})["refused"].get("malformed_json", 0) for s in (before, after)
    ]
    assert refused[1] == refused[0] + 1


def test_recent_events_are_the_newest_first_as_they_were_stored(collector):
    ids = [str(uuid.uuid4()) for _ in range(3)]
    for event_id in ids:
        collector.ask("POST", "/collect", batch(wire_event(event_id)))

    status, answer = ask(collector, "/events/recent?limit=3")

    assert status == 200
    assert [line["event_id"] for line in answer["events"]] == ids[::-1]
    assert answer["events"][0] == collector.await_stored(ids[2])
    assert len(ask(collector, "/events/recent?limit=2")[1]["events"]) == 2
    assert ask(collector, "/events/recent?" + "&".join(f"a{n}=1" for n in range(500)))[0] == 200


def test_a_key_is_told_what_it_is(collector):
    status, answer = ask(collector, "/auth/info", {"x-api-key": KEYS["admin"]})

    assert (status, answer["client_id"], answer["name"]) == (200, "demo", "admin")
    assert (answer["permissions"], answer["site_id"]) == (["admin"], "shop")
    assert answer["rate_limit"]["requests"] == 1000
    assert 0 < answer["rate_limit"]["remaining"] < 1000


@pytest.mark.parametrize("path", ["/events/count", "/events/recent", "/auth/info"])
@pytest.mark.parametrize(
    ("headers", "status", "reason"),
    [
        ({}, 401, "api_key_missing"),
        ({"x-api-key": ""}, 401, "api_key_missing"),
        ({"authorization": "Basic a2V5"}, 401, "api_key_missing"),
        ({"x-api-key": "guess"}, 401, "api_key_unknown"),
        ({"x-api-key": SITE}, 401, "api_key_unknown"),
        ({"x-api-key": OVER}, 401, "api_key_unknown"),
        ({"x-api-key": KEYS["write"]}, 403, "permission_denied"),
    ],
)
def test_nobody_else_is_told(collector, path, headers, status, reason):
    reply = collector.ask("GET", path, headers=headers)

    assert (reply.status, reply.reason) == (status, reason)
    assert json.loads(reply.body)["error"] == reason
    assert ("www-authenticate" in reply.headers) == (status == 401)


def test_a_key_in_the_address_is_not_read(collector):
    assert collector.ask("GET", f"/events/count?api_key={KEYS['read']}").status == 401
