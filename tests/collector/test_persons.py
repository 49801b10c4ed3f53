"""Programs that hold a write key speak for others: what their events say is the person's. Over HTTP."""

import json
import uuid

import pytest
from support.collectors import KEYS, SITE, CollectorProcess, batch, wire_event

BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 "
    "Safari/537.36"
)
PROGRAM = {"X-API-Key": KEYS["write"], "User-Agent": "python-requests/2.32"}
ADDRESS = "203.0.113.9"


def send(collector: CollectorProcess, body, path: str = "/events/", **headers: str):
    return collector.ask("POST", path, json.dumps(body).encode(), {**PROGRAM, **headers})


def line_of(collector: CollectorProcess, **fields) -> dict:
    """The stored line of an event that a program sends with these fields."""
    mark = str(uuid.uuid4())
    body = {"event_type": "page_view", "properties": {"page_url": "/dashboard"}, "mark": mark, **fields}
    reply = send(collector, body)
    assert reply.status == 201, reply.body
    return collector.await_stored(json.loads(reply.body)["event_id"])


def test_a_program_that_says_who_its_visitor_is(collector):
    line = line_of(
        collector,
        user_id="user_12345",
        session_id="sess_abc123",
        user_agent=BROWSER,
        ip=ADDRESS,
        locale="de-DE",
        properties={
            "page_url": "https://shop.example/dashboard",
            "referrer": "https://google.com",
            "device_type": "desktop",
            "country": "US",
        },
    )

    assert (line["user_agent"], line["user_id"], line["session_id"]) == (BROWSER, "user_12345", "sess_abc123")
    assert (line["country"], line["consent_tier"]) == ("US", 2)
    event = line["event"]
    assert (event["url"], event["lang"]) == ("https://shop.example/dashboard", "de-DE")
    assert (event["device_type"], event["props"]["device_type"]) == ("desktop", "desktop")
    assert event["sender"] == {"key": "writer", "user_agent": "python-requests/2.32"}
    assert ADDRESS not in json.dumps(line)


def test_each_person_of_one_program_is_a_visitor_of_their_own(collector):
    lines = [line_of(collector, user_id=f"u{n % 3}") for n in range(6)]

    assert len({line["visitor_id"] for line in lines}) == 3
    assert {line["user_agent"] for line in lines} == {""}
    assert {line["country"] for line in lines} == {None}


def test_a_person_is_known_by_the_best_id_that_is_given(collector):
    by_visitor = line_of(collector, anonymous_id="anonymous-0001", user_id="u1")
    again = line_of(collector, anonymousId="anonymous-0001", ip=ADDRESS)
    by_user = line_of(collector, userId="u1", ip=ADDRESS)
    by_session = line_of(collector, sessionId="s1")
    nobody = line_of(collector)

    assert by_visitor["visitor_id"] == again["visitor_id"]
    assert nobody["visitor_id"] is None
    ids = {line["visitor_id"] for line in (by_visitor, by_user, by_session, nobody)}
    assert len(ids) == 4
    for line in (by_visitor, again):
        assert "anonymous-0001" not in json.dumps(line["event"])  # an id for ever needs tier 3


def test_a_person_without_an_id_is_the_visitor_that_their_browser_is(collector):
    page = str(uuid.uuid4())
    headers = {"User-Agent": BROWSER, "X-Forwarded-For": ADDRESS}
    assert collector.ask("POST", "/collect", batch(wire_event(page)), headers).status == 204

    program = line_of(collector, ip=ADDRESS, user_agent=BROWSER)

    assert program["visitor_id"] == collector.await_stored(page)["visitor_id"]


@pytest.mark.parametrize("written", ["203.0.113.9", "203.0.113.9:5123", "::ffff:203.0.113.9"])
def test_the_address_of_a_person_is_written_nowhere_however_it_is_spelled(collector, written):
    mark = str(uuid.uuid4())
    line = line_of(
        collector, ip=written, mark=mark, note=f"came from {ADDRESS} and 203-0-113-9", user_id=f"u-{mark}"
    )
    refused = send(collector, {"ip": written, "note": f"from {ADDRESS}", "mark": f"no-event-{mark}"})

    assert refused.status == 400
    text = json.dumps(line)
    [kept] = [line for line in collector.stored() if f"no-event-{mark}" in line.get("body", "")]
    for stored in (text, json.dumps(kept)):
        assert ADDRESS not in stored
        assert "203-0-113-9" not in stored
    assert "redacted-address" in text


@pytest.mark.parametrize(
    ("consent", "tier", "session", "user"),
    [(0, 0, None, None), (1, 1, None, "u1"), (2, 2, "s1", "u1"), (3, 3, "s1", "u1"), (None, 2, "s1", "u1")],
)
def test_what_a_person_allowed_is_what_the_program_declares(collector, consent, tier, session, user):
    fields = {} if consent is None else {"consent": consent}

    line = line_of(collector, user_id="u1", session_id="s1", city="Bern", country="CH", **fields)

    assert (line["consent_tier"], line["session_id"], line["user_id"]) == (tier, session, user)
    assert (line["visitor_id"] is None) == (tier == 0)
    assert line["city"] == (None if tier == 0 else "Bern")


def test_from_tier_3_on_a_person_is_the_same_on_every_day(collector):
    day = {
        "x-footfall-import-key": "import-secret",
        "x-footfall-received-at": "2026-05-17T10:05:03Z",
    }
    ids = []
    for headers in ({}, day):
        event_id = str(uuid.uuid4())
        event = {**wire_event(event_id), "user_id": "u1", "consent": 3}
        assert send(collector, event, **headers).status == 201
        ids.append(collector.await_stored(event_id)["visitor_id"])

    assert len(set(ids)) == 1


def test_signals_of_the_program_itself_are_not_those_of_its_people(collector):
    event_id = str(uuid.uuid4())
    assert send(collector, wire_event(event_id, user="u1"), **{"Sec-GPC": "1", "DNT": "1"}).status == 201
    line = collector.await_stored(event_id)
    assert (line["gpc"], line["dnt"], line["consent_tier"]) == (False, False, 2)

    assert line_of(collector, user_id="u1", gpc=True)["consent_tier"] == 1


def test_a_place_in_words_of_the_sender_stays_in_the_event(collector):
    line = line_of(collector, country="Switzerland", region="CH-BE", city="Bern")

    assert (line["country"], line["region"], line["city"]) == (None, "BE", "Bern")
    assert line["event"]["country"] == "Switzerland"


@pytest.mark.parametrize("path", ["/collect", f"/collect?site={SITE}", "/track", "/t/shop"])
def test_a_write_key_speaks_for_others_on_every_path(collector, path):
    event_id = str(uuid.uuid4())

    assert send(collector, wire_event(event_id, user_id="u7", user_agent=BROWSER), path).status == 204
    line = collector.await_stored(event_id)
    assert (line["user_agent"], line["user_id"]) == (BROWSER, "u7")


@pytest.mark.parametrize("key", [None, "guess", KEYS["read"]])
def test_without_a_write_key_an_event_speaks_for_whoever_sent_it(collector, key):
    event_id = str(uuid.uuid4())
    headers = {"User-Agent": "curl/8", **({"X-API-Key": key} if key else {})}
    event = wire_event(event_id, user_agent=BROWSER, ip=ADDRESS, country="US", sender={"key": "me"})

    reply = collector.ask("POST", f"/collect?site={SITE}", json.dumps(event).encode(), headers)

    assert reply.status == 204
    line = collector.await_stored(event_id)
    assert (line["user_agent"], line["country"]) == ("curl/8", None)
    assert ADDRESS not in json.dumps(line)


def test_the_sender_is_what_the_collector_says_and_not_the_event(collector):
    line = line_of(collector, sender={"key": "somebody else"})

    assert line["event"]["sender"]["key"] == "writer"
    assert line["event"]["sender_as_sent"] == {"key": "somebody else"}
