"""Bodies of older trackers: each becomes an event of ours, and nothing that they said is lost."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from footfall.event import MAX_BATCH_EVENTS, Refusal, Refused, check_event, parse_any_batch
from footfall.shapes import (
    claimed_host,
    is_health_check,
    page_origin,
    translate,
)

COLLECT = {
    "timestamp": 1234567890,
    "page": "/product/123",
    "event_type": "page_view",
    "user_agent": "Mozilla/5.0...",
    "domain": "example.com",
    "session_id": "abc123",
    "custom_data": {"plan": "pro"},
}
TRACK = {
    "bucket": "app1-analytics-prod",
    "eventType": "page_view",
    "timestamp": "2025-12-17T12:00:00.000Z",
    "page": "/articles/my-post",
    "userAgent": "Mozilla/5.0...",
    "viewport": {"width": 1920, "height": 1080},
    "sessionId": "abc123",
    "referrer": "https://google.com",
    "metadata": {"theme": "dark"},
}
EVENTS = {
    "event_type": "purchase_completed",
    "user_id": "user_67890",
    "session_id": "sess_abc123",
    "properties": {"revenue": 49.99, "page_url": "/dashboard", "referrer": "https://google.com"},
}


def event_of(body, origin=None, host="shop.example"):
    translated = translate(json.dumps(body).encode(), origin, host)
    assert translated is not None
    check_event(translated.raw)
    return json.loads(translated.raw), translated


def test_the_body_of_the_first_collector():
    event, translated = event_of(COLLECT)

    assert translated.shape == "collect"
    assert event == {
        "type": "page_view",
        "url": "https://example.com/product/123",
        "occurred_at": 1_234_567_890_000,
        "timestamp": 1234567890,
        "page": "/product/123",
        "domain": "example.com",
        "user_agent": "Mozilla/5.0...",
        "session": "abc123",
        "props": {"plan": "pro"},
        "shape": "collect",
    }


def test_the_body_of_a_first_test_request():
    event, _ = event_of({"test": "data", "timestamp": 1234567890, "page": "/test"})

    assert (event["type"], event["url"], event["test"]) == (
        "page_view",
        "https://shop.example/test",
        "data",
    )


def test_the_body_of_the_tracker_with_buckets():
    event, translated = event_of(TRACK, origin="https://www.shop.example")

    assert (translated.shape, translated.bucket) == ("track", "app1-analytics-prod")
    assert event["url"] == "https://www.shop.example/articles/my-post"
    assert event["occurred_at"] == 1_765_972_800_000
    assert (event["viewport"], event["session"]) == ("1920x1080", "abc123")
    assert (event["referrer"], event["props"]) == ("https://google.com", {"theme": "dark"})


def test_the_body_of_the_platform_with_keys():
    event, translated = event_of(EVENTS)

    assert translated.shape == "events"
    assert event["url"] == "https://shop.example/dashboard"
    assert (event["user"], event["session"]) == ("user_67890", "sess_abc123")
    assert event["props"] == EVENTS["properties"]
    assert event["referrer"] == "https://google.com"


@pytest.mark.parametrize(
    ("stated", "milliseconds"),
    [
        (1234567890, 1_234_567_890_000),
        (1234567890.25, 1_234_567_890_250),
        (1234567890123, 1_234_567_890_123),
        ("1234567890", 1_234_567_890_000),
        ("2025-12-17T12:00:00Z", 1_765_972_800_000),
        ("2025-12-17T13:00:00+01:00", 1_765_972_800_000),
        ("2025-12-17T12:00:00", 1_765_972_800_000),
        ("Wed, 17 Dec 2025 12:00:00 GMT", 1_765_972_800_000),
        (1765972800000000000, 1_765_972_800_000),
        ("noon", None),
        (True, None),
        (-5, None),
        (1e300, None),
        (None, None),
        ({}, None),
    ],
)
def test_times_in_seconds_milliseconds_and_words(stated, milliseconds):
    event, _ = event_of({"event_type": "x", "timestamp": stated})

    assert event.get("occurred_at") == milliseconds
    assert event["timestamp"] == stated


@pytest.mark.parametrize(
    ("body", "url"),
    [
        ({"page": "https://shop.example/a?b=c"}, "https://shop.example/a?b=c"),
        ({"page": "a"}, "https://from.example/a"),
        ({"event_type": "x"}, "https://from.example/"),
        ({"page": "/a", "domain": "Shop.Example"}, "https://shop.example/a"),
        ({"page": "/a", "domain": "https://blog.shop.example:8443/"}, "https://blog.shop.example:8443/a"),
        ({"page": "/a", "domain": "my_site.example"}, "https://my_site.example/a"),
        ({"page": "/a", "domain": "bücher.example"}, "https://xn--bcher-kva.example/a"),
        ({"page": "/a", "domain": "[::1]"}, "https://[::1]/a"),
        ({"page": "/a", "domain": ""}, "https://from.example/a"),
        ({"page": "HTTPS://Shop.Example/x"}, "https://shop.example/x"),
        ({"page": "//cdn.example/x"}, "https://cdn.example/x"),
        ({"event_type": "x", "properties": {"page": "/in/props"}}, "https://from.example/in/props"),
    ],
)
def test_an_address_is_made_of_what_is_known_of_it(body, url):
    assert event_of(body, origin="https://from.example")[0]["url"] == url


@pytest.mark.parametrize("domain", ["no host/at all", "u:p@shop.example", "a..b", "shop.example:http"])
def test_a_host_that_nobody_can_read_is_refused_and_no_other_takes_its_place(domain):
    with pytest.raises(Refused) as refused:
        translate(json.dumps({"page": "/a", "domain": domain}).encode(), None, "shop.example")

    assert "domain" in refused.value.detail


@pytest.mark.parametrize(
    "body", [b"[]", b"1", b'"x"', b"{}", b'{"foo":1}', b'{"page":5}', b"{", b'{"health":"check"}']
)
def test_what_has_no_shape_that_is_known_is_left_alone(body):
    assert translate(body, None, "shop.example") is None


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
_NAMES = [*COLLECT, *TRACK, *EVENTS, "id", "type", "url", "props", "session", "user", "title", "x"]


@given(st.dictionaries(st.sampled_from(_NAMES), _values, max_size=9))
@example({"page": "/", "props": None, "referrer": 5, "title": ["a"]})
@example({"eventType": [False]})
@example({"page": "\0"})
@example({"page": "/", "url": "\x08"})
@example({"eventType": [False], "type": None})
@example({"eventType": "one", "event_type": "two", "sessionId": "three", "session_id": "four"})
def test_nothing_that_an_older_body_says_is_lost(body):
    try:
        translated = translate(json.dumps(body).encode(), None, "shop.example")
    except Refused as refused:
        assert refused.detail.startswith(("page:", "domain:"))
        return

    if translated is not None:
        text = translated.raw.decode()
        event = json.loads(text)

        def leaves(value):
            if isinstance(value, dict):
                return [leaf for v in value.values() for leaf in leaves(v)]
            return [leaf for v in value for leaf in leaves(v)] if isinstance(value, list) else [value]

        kept = {str(leaf) for leaf in leaves(event)}
        for name, value in body.items():
            if name == "url" and not isinstance(value, str):
                continue  # an address that is none gives way to one
            if name == "viewport" and isinstance(value, dict):
                continue
            if name == "type" and value is None:
                continue  # it says nothing, so it is what most are
            for leaf in leaves(value):
                # One within a text is written as JSON there; NUL, which no reader takes, as U+FFFD.
                ways = (str(leaf).replace("\0", "\ufffd"), json.dumps(leaf))
                is_within = any(ways[0] in each for each in kept)  # an address, with its host before it
                assert is_within or any(way in text for way in ways), (name, leaf)


@given(st.binary(max_size=200))
def test_any_bytes_are_translated_or_left_alone(body):
    try:
        translate(body, None, "shop.example")
    except Refused:
        pass
    claimed_host(body)
    is_health_check(body)
    try:
        parse_any_batch(body)
    except Refused:
        pass


def test_a_bare_array_is_a_batch_within_the_same_limits():
    one = b'{"type":"x"}'

    assert parse_any_batch(b" [" + one + b"," + one + b"]")[2] == [one, one]
    for body, refusal in (
        (b"[]", Refusal.EMPTY_BATCH),
        (b"[" + b"1," * MAX_BATCH_EVENTS + b"1]", Refusal.TOO_MANY_EVENTS),
        (b"[1,", Refusal.MALFORMED_JSON),
        (b"[" * 100_000, Refusal.MALFORMED_JSON),
    ):
        with pytest.raises(Refused) as refused:
            parse_any_batch(body)
        assert refused.value.refusal is refusal


@pytest.mark.parametrize(
    ("headers", "origin"),
    [
        ({b"origin": b"https://Shop.example:8443"}, "https://shop.example:8443"),
        ({b"origin": b"null", b"referer": b"https://shop.example/a?b"}, "https://shop.example"),
        ({b"referer": b"https://u:p@shop.example/"}, None),
        ({b"referer": b"https://["}, None),
        ({b"origin": b"file://x"}, None),
        ({}, None),
    ],
)
def test_the_page_that_sent_a_request(headers, origin):
    assert page_origin(headers) == origin


def test_a_health_check_is_that_and_nothing_else():
    assert is_health_check(b'{"health": "check"}')
    assert not is_health_check(b'{"health": "check", "page": "/"}')
    assert not is_health_check(b'{"page": "health"}')
