"""Programs that were written for other collectors: from their HTTP request to the stored line."""

import gzip
import json
import uuid
import zlib

import pytest
from support.collectors import KEYS, SITE, CollectorProcess, wire_event

KEYED = {"authorization": f"Bearer {KEYS['write']}"}


def post(collector: CollectorProcess, path: str, body, headers=None):
    return collector.ask("POST", path, json.dumps(body).encode(), headers)


def stored_with(collector: CollectorProcess, mark: str) -> dict:
    """The one stored line that holds a mark."""
    [line] = [line for line in collector.stored() if mark in json.dumps(line)]
    return line


@pytest.fixture
def mark():
    return f"mark-{uuid.uuid4()}"


def test_collect_of_old_names_its_domain_and_nothing_else(collector, mark):
    body = {
        "timestamp": 1234567890,
        "page": "/product/123",
        "event_type": "page_view",
        "user_agent": "Mozilla/5.0...",
        "domain": "old.shop.example",
        "session_id": "abc123",
        "custom_data": {"mark": mark},
    }

    reply = post(collector, "/collect", body, {"content-type": "application/json"})

    assert reply.status == 200
    assert set(json.loads(reply.body)) == {"message", "environment", "timestamp"}
    line = stored_with(collector, mark)
    assert (line["client_id"], line["site_id"], line["type"]) == ("demo", "shop", "page_view")
    assert line["event"]["url"] == "https://old.shop.example/product/123"
    assert line["event"]["timestamp"] == 1234567890
    assert line["is_declared_host"] is True
    # A session id of a visitor who gave no consent is not stored, whatever it was once called.
    assert "abc123" not in json.dumps(line)


def test_a_page_without_any_key_belongs_to_the_host_that_its_browser_names(collector, mark):
    body = {"page": "/p", "mark": mark}

    assert post(collector, "/collect", body, {"origin": "https://old.shop.example"}).status == 200
    assert stored_with(collector, mark)["event"]["url"] == "https://old.shop.example/p"


@pytest.mark.parametrize("domain", ["shop.example", "www.shop.example", "theirs.example"])
def test_a_host_that_was_not_given_to_old_clients_opens_nothing(collector, mark, domain):
    reply = post(collector, "/collect", {"page": "/p", "domain": domain, "mark": mark})

    assert (reply.status, reply.reason) == (400, "missing_site")
    assert {line["client_id"] for line in collector.stored() if mark in json.dumps(line)} <= {"_unknown"}


def test_the_first_test_request_needs_only_a_path_that_stands_for_the_site(collector, mark):
    body = {"test": "data", "timestamp": 1234567890, "page": "/test", "mark": mark}

    reply = post(collector, "/t/shop", body)

    assert reply.status == 200
    assert stored_with(collector, mark)["event"]["test"] == "data"


def test_a_health_check_by_post_is_answered_and_not_stored(collector):
    before = len(collector.stored())

    assert post(collector, "/collect", {"health": "check"}).status == 200
    assert len(collector.stored()) == before


def a_track(mark, bucket="demo"):
    return {
        "bucket": bucket,
        "eventType": "scroll_complete",
        "timestamp": "2025-12-17T12:00:00.000Z",
        "page": "/articles/my-post",
        "viewport": {"width": 1920, "height": 1080},
        "sessionId": "abc123",
        "referrer": "https://google.com",
        "metadata": {"mark": mark},
    }


def test_track_names_a_bucket_that_is_compared_and_never_used(collector, mark):
    reply = post(collector, f"/track?site={SITE}", a_track(mark))

    answer = json.loads(reply.body)
    line = stored_with(collector, mark)
    assert (reply.status, answer["status"], answer["bucket"]) == (200, "ok", "demo")
    assert answer["eventId"] == line["event_id"]
    assert (line["type"], line["event"]["viewport"]) == ("scroll_complete", "1920x1080")
    assert line["event"]["url"] == "https://shop.example/articles/my-post"


def test_track_with_another_bucket_is_refused_and_kept(collector, mark):
    reply = post(collector, f"/track?site={SITE}", a_track(mark, bucket="somebody-elses"))

    assert (reply.status, reply.reason) == (403, "bucket_mismatch")
    assert json.loads(reply.body)["error"] == "bucket_mismatch"
    line = stored_with(collector, mark)
    assert (line["kind"], line["client_id"], line["reason"]) == ("refused", "demo", "bucket_mismatch")


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": KEYS["write"]},
        {"Authorization": f"Bearer {KEYS['write']}"},
        {"Authorization": f"bearer  {KEYS['write']}"},
        {"Authorization": f"Api-Key {KEYS['write']}"},
        {"Authorization": f"Token {KEYS['admin']}"},
    ],
)
@pytest.mark.parametrize("path", ["/events/", "/events"])
def test_events_come_with_a_key_in_one_of_its_header_forms(collector, mark, headers, path):
    body = {
        "event_type": "purchase_completed",
        "user_id": "user_67890",
        "properties": {"revenue": 49.99, "product_name": "Pro Plan", "mark": mark},
    }

    reply = post(collector, path, body, headers)

    line = stored_with(collector, mark)
    assert (reply.status, json.loads(reply.body)["event_id"]) == (201, line["event_id"])
    assert reply.headers["ratelimit"].startswith('"key";r=')
    assert (line["site_id"], line["type"]) == ("shop", "purchase_completed")
    assert line["event"]["props"]["revenue"] == 49.99


@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: {"events": e}], ids=["array", "object"])
def test_a_batch_of_events_with_a_key_says_what_was_taken_of_it(collector, mark, wrap):
    events = [{"event_type": "a", "mark": mark}, wire_event(str(uuid.uuid4())), {"mark": mark}]

    reply = post(collector, "/events/", wrap(events), KEYED)

    answer = json.loads(reply.body)
    assert (reply.status, reply.reason) == (201, "invalid_event")
    assert (answer["taken"], answer["refused"], len(answer["event_ids"])) == (2, 1, 2)
    kinds = sorted(line["kind"] for line in collector.stored() if mark in json.dumps(line))
    assert kinds == ["event", "refused"]


def test_a_key_decides_whose_events_they_are_and_never_the_body(collector, mark):
    body = {"event_type": "a", "site": "pk_somebody_else", "client_id": "agency", "mark": mark}

    assert post(collector, "/events/", body, KEYED).status == 201
    assert stored_with(collector, mark)["client_id"] == "demo"


def test_a_key_serves_the_other_paths_too_where_no_site_is_named(collector, mark):
    assert post(collector, "/track", a_track(mark), KEYED).status == 200
    assert stored_with(collector, mark)["site_id"] == "shop"


@pytest.mark.parametrize("path", [f"/collect?site={SITE}", f"/track?site={SITE}", "/events/", "/t/shop"])
def test_what_is_no_event_of_a_known_site_goes_to_its_quarantine(collector, mark, path):
    reply = post(collector, path, {"something": "else", "mark": mark}, KEYED)

    assert (reply.status, reply.reason) == (400, "invalid_event")
    line = stored_with(collector, mark)
    assert (line["kind"], line["client_id"]) == ("refused", "demo")


def test_a_body_may_come_compressed_in_several_members(collector):
    ids = [str(uuid.uuid4()) for _ in range(2)]
    text = json.dumps({"site": SITE, "events": [wire_event(i) for i in ids]}).encode()
    body = gzip.compress(text[:20]) + gzip.compress(text[20:])

    reply = collector.ask("POST", "/collect", body, {"content-encoding": "gzip"})

    assert reply.status == 204
    for event_id in ids:
        collector.await_stored(event_id)


@pytest.mark.parametrize("window", [zlib.MAX_WBITS, -zlib.MAX_WBITS], ids=["zlib", "raw"])
def test_a_body_may_come_deflated_as_the_standard_has_it_and_as_some_send_it(collector, window):
    event_id = str(uuid.uuid4())
    deflate = zlib.compressobj(wbits=window)
    body = deflate.compress(json.dumps({"site": SITE, "events": [wire_event(event_id)]}).encode())

    reply = collector.ask("POST", "/collect", body + deflate.flush(), {"content-encoding": "deflate"})

    assert reply.status == 204
    collector.await_stored(event_id)


def test_a_gzip_of_very_many_members_is_refused(collector):
    body = gzip.compress(b"") * 10_000

    reply = collector.ask("POST", f"/collect?site={SITE}", body, {"content-encoding": "gzip"})

    assert (reply.status, reply.reason) == (400, "unreadable_encoding")


def test_an_alias_of_a_site_serves_events_the_pixel_and_the_image(collector):
    event = wire_event(str(uuid.uuid4()))

    assert post(collector, "/t/shop", event).status == 204
    assert collector.await_stored(event["id"])["site_id"] == "shop"
    assert collector.ask("GET", "/t/shop.js").body == collector.ask("GET", "/pixel.js").body
    image = collector.ask("GET", "/t/shop.gif?id=an-event-of-an-alias&p=/alias")
    assert image.headers["content-type"] == "image/gif"
    assert collector.await_stored("an-event-of-an-alias")["event"]["url"] == "https://shop.example/alias"
    assert collector.ask("GET", "/t/shop").status == 405
    assert collector.ask("POST", "/t/other", b"{}").status == 404
