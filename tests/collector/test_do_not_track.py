"""A site that keeps nothing of who sends Do Not Track (`dnt_policy: tier0`), over HTTP."""

import json
import urllib.parse
import uuid

import pytest
from support.collectors import CLIENT_FILE, KEYS, SITE, CollectorProcess, batch, free_port, wire_event
from support.waiting import wait_until

SIGNAL = {"dnt": "1"}


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    home = tmp_path_factory.mktemp("strict")
    (home / "clients").mkdir()
    site = "    path: /t/shop\n"
    (home / "clients" / "demo.yaml").write_text(CLIENT_FILE.replace(site, f"{site}    dnt_policy: tier0\n"))
    collector = CollectorProcess(home, settings={"FOOTFALL_METRICS_PORT": str(free_port())}).start()
    yield collector
    collector.end()


def ids(collector, *, until):
    """Ids of all that is stored, once this one is."""

    def found():
        return {line.get("event_id") for line in collector.stored()}

    return wait_until(lambda: until in (ids := found()) and ids, found)


def new_event(**fields):
    return wire_event(str(uuid.uuid4()), **fields)


def test_nothing_is_kept_of_an_event_under_the_signal_and_it_is_answered_as_others_are(strict):
    by_header, by_page, without, after = (new_event(), new_event(dnt=True), new_event(dnt=False), new_event())

    answers = [
        strict.ask("POST", "/collect", batch(by_header), SIGNAL).status,
        strict.ask("POST", "/collect", batch(by_page, without)).status,
        strict.ask("POST", "/collect", batch(after)).status,
    ]

    assert answers == [204, 204, 204]
    found = ids(strict, until=after["id"])
    assert without["id"] in found
    assert not {by_header["id"], by_page["id"]} & found
    assert strict.metric("unwanted_total", client="demo", site="shop") >= 2


def test_nor_of_an_image_an_older_address_or_a_body_that_is_refused(strict):
    marks = [str(uuid.uuid4()) for _ in range(4)]
    image = urllib.parse.urlencode({"site": SITE, "id": marks[0], "url": "https://shop.example/"})
    refused = json.dumps({"site": SITE, "type": "", "url": marks[1]}).encode()

    answers = [
        strict.ask("GET", f"/pixel.gif?{image}", headers=SIGNAL).status,
        strict.ask("POST", "/collect", refused, SIGNAL).status,
        strict.ask("POST", f"/collect?site={SITE}", f"{{{marks[2]}".encode(), SIGNAL).status,
    ]
    after = new_event()
    strict.ask("POST", "/collect", batch(after))

    assert answers == [200, 400, 400]
    ids(strict, until=after["id"])
    assert not [mark for mark in marks if mark.encode() in strict.stored_bytes()]


def test_a_program_is_no_person_and_its_own_header_says_nothing_of_the_people_it_speaks_for(strict):
    headers = {"X-API-Key": KEYS["write"], **SIGNAL}
    said = {"event_type": "page_view", "user_id": "u1", "properties": {"page_url": "/a"}}

    taken, left = (
        strict.ask("POST", "/events/", json.dumps({**said, **more}).encode(), headers)
        for more in ({}, {"dnt": True})
    )

    assert (taken.status, left.status) == (201, 201)
    found = ids(strict, until=json.loads(taken.body)["event_id"])
    assert json.loads(left.body)["event_id"] not in found


def test_a_loss_that_a_batch_reports_is_told_by_its_first_event_that_is_kept(strict):
    left, kept = new_event(dnt=True), new_event()

    strict.ask("POST", "/collect", batch(left, kept, lost=7))

    assert strict.await_stored(kept["id"])["lost"] == 7
