"""The contract: what is taken as an event, what is refused and why, and what is stored of both."""

import json
import re
import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from footfall.event import (
    MAX_BODY_BYTES,
    MAX_DEPTH,
    MAX_EVENT_BYTES,
    MAX_PROPERTIES,
    MAX_QUARANTINE_BYTES,
    Receipt,
    Refusal,
    Refused,
    check_event,
    event_line,
    parse_batch,
    refused_line,
)
from footfall.json_text import without_unreadable
from footfall.scrub import scrub_body, scrub_event

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
RECEIPT = Receipt("acme", "shop", NOON, "f" * 32, "Browser/1.0", gpc=True)
SECRET = "hunter2-hunter2"


def wire(**fields):
    """The JSON of an ordinary page view; a field of None is left out."""
    event = {"id": "event-0001", "type": "page_view", "url": "https://shop.example/", **fields}
    return json.dumps({name: value for name, value in event.items() if value is not None}).encode()


def with_raw(text):
    """An ordinary event with this text as the value of a field that Footfall does not know."""
    return b'{"type":"page_view","url":"https://shop.example/","z":' + text + b"}"


def nested(levels, opening=b'{"a":', closing=b"}"):
    """An event that is `levels` deep, itself included."""
    return with_raw(opening * (levels - 1) + b"1" + closing * (levels - 1))


def refusal(raw):
    """Why `raw` is refused as an event: the refusal and its detail."""
    with pytest.raises(Refused) as refused:
        check_event(raw)
    return refused.value.refusal, refused.value.detail


def stored(raw, receipt=RECEIPT, sent_at=None):
    """The stored line of an event, read back as JSON. Numbers stay text: they may be of any length."""
    line = event_line(check_event(raw), receipt, sent_at=sent_at, is_declared_host=True)
    assert b"\n" not in line
    assert b"\r" not in line
    return json.loads(line, parse_int=str, parse_float=str)


# Events


def test_an_event_is_read():
    event = check_event(
        wire(type="purchase", url="HTTPS://Shop.Example.:8443/a?b#c", occurred_at=1763640000123)
    )

    assert (event.event_id, event.type, event.host) == ("event-0001", "purchase", "shop.example")
    assert event.client_occurred_at == datetime(2025, 11, 20, 12, 0, 0, 123000, tzinfo=UTC)


def test_an_event_without_an_id_gets_one():
    assert uuid.UUID(check_event(wire(id=None)).event_id).version == 7


@pytest.mark.parametrize(
    ("raw", "reason", "detail"),
    [
        (b"", Refusal.INVALID_EVENT, "Input data was truncated"),
        (b"null", Refusal.INVALID_EVENT, "Expected `object`, got `null`"),
        (b'"page_view"', Refusal.INVALID_EVENT, "Expected `object`, got `str`"),
        (b"[]", Refusal.INVALID_EVENT, "Expected `object`, got `array`"),
        (wire(type=None), Refusal.INVALID_EVENT, "missing required field `type`"),
        (wire(url=None), Refusal.INVALID_EVENT, "missing required field `url`"),
        (wire(type=5), Refusal.INVALID_EVENT, "Expected `str`, got `int` - at `$.type`"),
        (wire(type=""), Refusal.INVALID_EVENT, "type: expected 1 to 64 characters without controls"),
        (wire(type="a\nb"), Refusal.INVALID_EVENT, "type: expected"),
        (wire(type="a\x01"), Refusal.INVALID_EVENT, "type: expected"),
        (wire(type="t" * 65), Refusal.INVALID_EVENT, "type: expected"),
        (wire(url=""), Refusal.INVALID_EVENT, "url: expected an absolute http or https address"),
        (wire(url="/about"), Refusal.INVALID_EVENT, "url: expected"),
        (wire(url="//shop.example/"), Refusal.INVALID_EVENT, "url: expected"),
        (wire(url="ftp://shop.example/"), Refusal.INVALID_EVENT, "url: expected"),
        (wire(url="javascript:alert(1)"), Refusal.INVALID_EVENT, "url: expected"),
        (wire(url="https://"), Refusal.INVALID_EVENT, "url: expected"),
        (wire(url="https://./"), Refusal.INVALID_EVENT, "url: expected"),
        (wire(url="https://[::1/"), Refusal.INVALID_EVENT, "url: expected"),
        (wire() + b"x", Refusal.INVALID_EVENT, "trailing characters"),
        (with_raw(b"NaN"), Refusal.INVALID_EVENT, "JSON is malformed"),
        (with_raw(b"-Infinity"), Refusal.INVALID_EVENT, "JSON is malformed"),
        (with_raw(b'"a\x00b"'), Refusal.INVALID_EVENT, "JSON is malformed"),
        (with_raw(b'"a\nb"'), Refusal.INVALID_EVENT, "JSON is malformed"),
        (wire(more="x" * MAX_EVENT_BYTES), Refusal.EVENT_TOO_LARGE, "more than 32768 bytes"),
        (nested(MAX_DEPTH + 1), Refusal.TOO_DEEP, "nested more than 32 levels"),
        (nested(MAX_DEPTH + 1, b"[", b"]"), Refusal.TOO_DEEP, "nested more than 32 levels"),
        (nested(1024), Refusal.TOO_DEEP, "nested more than 32 levels"),
        (nested(3000, b"[", b"]"), Refusal.TOO_DEEP, "nested more than 32 levels"),
        (
            wire(props={str(n): n for n in range(MAX_PROPERTIES + 1)}),
            Refusal.TOO_MANY_PROPERTIES,
            "more than 64 properties",
        ),
    ],
)
def test_what_is_no_event_is_refused_with_its_reason(raw, reason, detail):
    found, said = refusal(raw)

    assert found is reason
    assert detail in said


@pytest.mark.parametrize(
    "raw",
    [
        wire(type="t" * 64),
        wire(type="Größe 📏"),
        wire(id="a" * 64),
        wire(id="a" * 8),
        wire(occurred_at=10**30),
        wire(occurred_at=-1),
        wire(more=["x" * 1000] * 32),
        nested(MAX_DEPTH),
        nested(MAX_DEPTH, b"[", b"]"),
        wire(props={str(n): n for n in range(MAX_PROPERTIES)}),
        wire(more="{[" * 1000),
        wire(more='"{\\' * 600),
        with_raw(b"9" * 5000),
        with_raw(b"1e999"),
        with_raw(b'"\\ud83d\\ude00"'),
        with_raw(b'"\\u0001\\u2028"'),
    ],
)
def test_what_is_odd_or_just_within_the_limits_is_an_event(raw):
    assert check_event(raw).raw == raw
    assert stored(raw)["event"] == json.loads(raw, parse_int=str, parse_float=str)


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("title", {}, {"title_as_sent": {}}),
        ("title", 5, {"title_as_sent": 5}),
        ("referrer", ["a"], {"referrer_as_sent": ["a"]}),
        ("props", [1], {"props_as_sent": [1]}),
        ("id", 5, {"id_as_sent": 5}),
        ("id", "short", {"id_as_sent": "short"}),
        ("id", "", {"id_as_sent": ""}),
        ("id", "jane@mail.example", {"id_as_sent": "redacted-email"}),
        ("occurred_at", "yesterday", {"occurred_at": None, "occurred_at_as_sent": "yesterday"}),
        ("occurred_at", True, {"occurred_at": None, "occurred_at_as_sent": True}),
        ("occurred_at", 1795950003764.25, {"occurred_at": 1795950003764}),
        ("occurred_at", "2026-11-29T10:00:00Z", {"occurred_at": 1795946400000}),
        ("occurred_at", "Sun, 29 Nov 2026 10:00:00 GMT", {"occurred_at": 1795946400000}),
        ("occurred_at", 1795950003764123456789, {}),
    ],
)
def test_an_optional_field_of_a_wrong_type_costs_itself_and_not_the_event(field, value, kept):
    event = json.loads(check_event(wire(**{field: value})).raw)

    assert event["type"] == "page_view"
    assert event.items() >= kept.items() or all(event.get(n) == v for n, v in kept.items())


def test_a_name_that_is_given_twice_means_the_last_for_host_and_address_alike():
    raw = b'{"type":"a","url":"https://one.example/","url":"https://two.example/","props":{"x":1,"x":2.50}}'

    event = check_event(raw)

    assert event.host == "two.example"
    assert event.raw == b'{"type":"a","url":"https://two.example/","props":{"x":2.50}}'


def test_a_refusal_repeats_nothing_of_what_was_sent():
    """Its detail goes into headers, logs and quarantine reasons; a password typed into a URL must not."""
    broken = [
        wire(url=SECRET),
        wire(type=SECRET * 9),
        wire(props={SECRET: SECRET})[:-9],
    ]

    said = [str(refusal(raw)) for raw in broken]

    assert SECRET[:7] not in " ".join(said)


def test_every_reason_has_a_name_of_its_own_for_headers_and_counters():
    codes = [reason.code for reason in Refusal]

    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch("[a-z_]+", code) for code in codes)
    assert all(400 <= reason.status < 600 and reason.meaning for reason in Refusal)
    assert [reason for reason in Refusal if reason.status >= 500] == [
        Refusal.SITES_UNCERTAIN,
        Refusal.OVERLOADED,
        Refusal.NOT_DURABLE,
    ]


# What is stored


def test_fields_that_nobody_knows_are_kept_byte_for_byte():
    raw = with_raw('{"precise": 1.10, "big": 123456789012345678901, "text": "ä\\u00e4"}'.encode())

    line = event_line(check_event(raw), RECEIPT, sent_at=None, is_declared_host=True)

    assert line.endswith(b',"event":' + raw + b"}")


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_pretty_printed_json_becomes_one_line_of_the_same_values(end):
    """A line end inside a stored line would make two broken lines of it."""
    raw = end.join(
        [b"{", b'  "type": "page_view",', b'  "url": "https://shop.example/",', b' "z": 1.10', b"}"]
    )

    event = check_event(raw)

    assert event.raw == raw.replace(b"\r", b" ").replace(b"\n", b" ")
    assert stored(raw)["event"] == json.loads(raw, parse_float=str)


def test_numbers_that_no_parser_can_hold_survive_in_pretty_printed_json_too():
    assert stored(with_raw(b"\n1e999\n"))["event"]["z"] == "1e999"


def test_the_envelope_is_ours_whatever_the_event_claims():
    """An event that says it belongs to another client must not get there."""
    raw = wire(client_id="rival", site_id="x", visitor_id="x", received_at="1999", v=9, kind="refused")

    line = stored(raw)

    assert (line["client_id"], line["site_id"], line["visitor_id"]) == ("acme", "shop", "f" * 32)
    assert (line["v"], line["kind"], line["received_at"]) == ("2", "event", "2026-11-20T12:00:00.000Z")
    assert (line["event_id"], line["type"], line["host"]) == ("event-0001", "page_view", "shop.example")
    assert (line["gpc"], line["dnt"], line["is_declared_host"]) == (True, False, True)
    assert line["event"]["client_id"] == "rival"


def test_an_overlong_user_agent_is_cut():
    receipt = Receipt("acme", "shop", NOON, None, "u" * 5000)

    assert stored(wire(), receipt)["user_agent"] == "u" * 512


def test_what_is_refused_keeps_its_bytes_and_its_reason():
    body = bytes(range(256)) + b"\n"
    refused = Refused(Refusal.INVALID_EVENT, "not UTF-8")

    line = refused_line(refused, RECEIPT, body)

    assert b"\n" not in line
    document = json.loads(line)
    assert document["body"].encode("latin-1") == body
    assert (document["kind"], document["reason"], document["detail"]) == (
        "refused",
        "invalid_event",
        "not UTF-8",
    )
    assert (document["client_id"], document["received_at"]) == ("acme", "2026-11-20T12:00:00.000Z")


def test_of_a_huge_refused_body_the_beginning_is_kept():
    line = refused_line(Refused(Refusal.BODY_TOO_LARGE), RECEIPT, b"x" * MAX_BODY_BYTES)

    assert json.loads(line)["body"] == "x" * MAX_QUARANTINE_BYTES


# Anything at all

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
_OPTIONAL = ("id", "site", "sent_at", "events", "occurred_at", "title", "referrer", "props", "more")
#: Almost events: some fields right, some odd, with Python's NaN and lone surrogates, on one line or several.
ALMOST = st.builds(
    lambda fields, indent: json.dumps(fields, indent=indent).encode(),
    st.fixed_dictionaries(
        {"type": st.just("page_view") | JSON, "url": st.just("https://shop.example/") | JSON},
        optional=dict.fromkeys(_OPTIONAL, JSON),
    ),
    st.sampled_from([None, 1]),
)


@st.composite
def damaged(draw):
    """An almost-event with a few bytes replaced, put in or cut out."""
    data = bytearray(draw(ALMOST))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=3) | st.sampled_from([b"\n", b'"']))
    return bytes(data)


@settings(max_examples=300, deadline=None)
@example(b"")
@example(with_raw(b"\n1e999"))
@example(with_raw(b'"\\ud800"\n'))
@given(st.binary(max_size=200) | ALMOST | damaged())
def test_any_bytes_end_as_one_stored_line_or_a_refusal(body):
    try:
        _, _, raw_events = parse_batch(body)
    except Refused as refused:
        raw_events = []
        json.loads(refused_line(refused, RECEIPT, body))
    for raw in [body, *raw_events]:
        try:
            line = stored(raw)
        except Refused as refused:
            document = json.loads(refused_line(refused, RECEIPT, raw))
            assert document["body"].encode("latin-1") == scrub_body(raw)[0]
        else:
            assert line["client_id"] == "acme"
            mended = json.loads(scrub_event(without_unreadable(raw))[0], parse_int=str, parse_float=str)
            odd = {name for name in line["event"] if name.endswith("_as_sent")}
            changed = odd | {name.removesuffix("_as_sent") for name in odd}
            assert {name: line["event"].get(name) for name in mended.keys() - changed} == {
                name: value for name, value in mended.items() if name not in changed
            }
