"""Bodies: the events of a batch, and what stands around them."""

import pytest

from footfall.event import (
    MAX_BATCH_EVENTS,
    MAX_BODY_BYTES,
    Refusal,
    Refused,
    check_event,
    parse_batch,
    reported_loss,
)


def test_a_batch_gives_its_site_its_send_time_and_each_event_as_it_came():
    events = [b'{ "type":"a",  "x":[1, 2]}', b'{"type":"b"}']

    body = b'{"site":"pk_12345678","sent_at":1763640000000,"more":1,"events":[' + b" , ".join(events) + b"]}"

    assert parse_batch(body) == ("pk_12345678", 1763640000000, events)


def test_a_body_without_events_is_one_event_that_may_name_its_site():
    body = b'{"site":"pk_12345678","type":"page_view","url":"https://shop.example/"}'

    assert parse_batch(body) == ("pk_12345678", None, [body])
    assert check_event(body).type == "page_view"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Refusal.MALFORMED_JSON),
        (b"site=pk_12345678", Refusal.MALFORMED_JSON),
        (b"null", Refusal.MALFORMED_JSON),
        (b"[]", Refusal.MALFORMED_JSON),
        (b'[{"type":"page_view"}]', Refusal.MALFORMED_JSON),
        (b'{"events":[{}]', Refusal.MALFORMED_JSON),
        (b'{"events":[{}]}{}', Refusal.MALFORMED_JSON),
        (b'{"events":{}}', Refusal.MALFORMED_JSON),
        (b'{"events":oops}', Refusal.MALFORMED_JSON),
        (b'{"events":[nothing,here]}', Refusal.MALFORMED_JSON),
        (b'{"events":[{"a":"}]}', Refusal.MALFORMED_JSON),
        (b'{"events":[{]}', Refusal.MALFORMED_JSON),
        (b"\xef\xbb\xbf", Refusal.MALFORMED_JSON),
        (b"[" * MAX_BODY_BYTES, Refusal.MALFORMED_JSON),
        (b'{"a":' * 50_000, Refusal.MALFORMED_JSON),
        (b'{"events":[]}', Refusal.EMPTY_BATCH),
        (b'{"events":[' + b"0," * MAX_BATCH_EVENTS + b"0]}", Refusal.TOO_MANY_EVENTS),
        (b" " * (MAX_BODY_BYTES + 1), Refusal.BODY_TOO_LARGE),
    ],
)
def test_a_body_that_is_no_batch_is_refused_with_its_reason(body, reason):
    with pytest.raises(Refused) as refused:
        parse_batch(body)

    assert refused.value.refusal is reason


SOUND = b'{"type":"b"}'


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        (b'{"site":5,"events":[%b]}' % SOUND, (None, None, [SOUND])),
        (b'{"sent_at":"soon","events":[%b],"site":"x"}' % SOUND, ("x", None, [SOUND])),
        (b'{"sent_at":1795950003764.5,"events":[%b]}' % SOUND, (None, 1795950003764, [SOUND])),
        (b'{"sent_at":"2026-11-29T10:00:00Z","events":[%b]}' % SOUND, (None, 1795946400000, [SOUND])),
        (b'{"site":"\xff","events":[%b]}' % SOUND, (None, None, [SOUND])),
        (b'{"site":"\\ud800","events":[%b]}' % SOUND, ("\ufffd", None, [SOUND])),
        (b'\xef\xbb\xbf {"site":"x","events":[%b]}' % SOUND, ("x", None, [SOUND])),
        (b"\xef\xbb\xbf%b" % SOUND, (None, None, [SOUND])),
        (b'{"site":"x","events":[{"a":"\\ud83d"}, %b]}' % SOUND, ("x", None, [b'{"a":"\\ud83d"}', SOUND])),
        (b'{"site":"x","events":[{"a":NaN},%b,oops]}' % SOUND, ("x", None, [b'{"a":null}', SOUND, b"oops"])),
        (b'{"site":"x","events":[%b,]}' % SOUND, ("x", None, [SOUND])),
    ],
)
def test_what_is_odd_around_the_events_of_a_batch_costs_itself_alone(body, parts):
    assert parse_batch(body) == parts


def test_a_body_at_its_limits_is_taken():
    full = b'{"events":[' + b"0," * (MAX_BATCH_EVENTS - 1) + b"0]}"

    assert len(parse_batch(full)[2]) == MAX_BATCH_EVENTS
    assert len(parse_batch(full.ljust(MAX_BODY_BYTES))[2]) == MAX_BATCH_EVENTS


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"events":[],"site":"pk_12345678"}', Refusal.EMPTY_BATCH),
        (b'{"events":[' + b"0," * MAX_BATCH_EVENTS + b'0],"site":"pk_12345678"}', Refusal.TOO_MANY_EVENTS),
    ],
)
def test_a_batch_that_is_refused_as_a_whole_still_names_its_site(body, reason):
    with pytest.raises(Refused) as refused:
        parse_batch(body)

    assert (refused.value.refusal, refused.value.site) == (reason, "pk_12345678")


@pytest.mark.parametrize(
    ("lost", "found"),
    [("3", 3), ("0", None), ("-1", None), ("true", None), ('"3"', None), ("[3]", None), ("1e3", None)],
)
def test_a_batch_says_how_many_events_were_lost_before_it(lost, found):
    assert reported_loss(b'{"site":"x","lost":%b,"events":[{}]}' % lost.encode()) == found
    assert reported_loss(b'{"events":[{"type":"lost"}]}') is None
