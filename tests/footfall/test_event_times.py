"""When an event happened, by the server's clock, and ids that sort by time."""

import json
import re
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from footfall.event import (
    MAX_AGE,
    MAX_DELAY,
    Receipt,
    check_event,
    event_line,
    new_event_id,
    timestamp,
    true_time,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def occurred_at(milliseconds):
    """What is read from an event that states this time."""
    fields = {"type": "page_view", "url": "https://shop.example/", "occurred_at": milliseconds}
    return check_event(json.dumps(fields).encode()).client_occurred_at


def at(**ago):
    """Milliseconds of a moment before noon."""
    return int((NOON - timedelta(**ago)).timestamp() * 1000)


@pytest.mark.parametrize(
    ("occurred", "sent", "expected"),
    [
        # The network took a second, or a minute: the clock is right.
        (at(seconds=5), at(seconds=1), NOON - timedelta(seconds=5)),
        (at(seconds=65), at(seconds=60), NOON - timedelta(seconds=65)),
        # What took longer did not: the clock is behind by it. One that is ahead cannot be the network.
        (at(seconds=65), at(seconds=61), NOON - timedelta(seconds=4)),
        (at(seconds=5), at(seconds=-3), NOON - timedelta(seconds=8)),
        (at(seconds=5), None, NOON - timedelta(seconds=5)),
        (None, at(seconds=1), NOON),
        (None, None, NOON),
        # A clock that is a day slow, or two years fast, still tells how long ago it was.
        (at(days=1, seconds=9), at(days=1), NOON - timedelta(seconds=9)),
        (at(days=-700, seconds=9), at(days=-700), NOON - timedelta(seconds=9)),
        # A phone that was offline for three days.
        (at(days=3), at(seconds=0), NOON - timedelta(days=3)),
        (at(days=7), at(seconds=0), NOON - timedelta(days=7)),
        (at(days=7, seconds=1), at(seconds=0), NOON),
        # In the future: a little is the clock, much is nonsense; never after the receipt.
        (at(minutes=-5), None, NOON),
        (at(minutes=-6), None, NOON),
        (at(seconds=0), at(seconds=20), NOON),
        # A time that no clock shows is no time.
        (0, at(seconds=1), NOON),
        (-1, None, NOON),
        (10**15, None, NOON),
        (at(seconds=5), 10**30, NOON - timedelta(seconds=5)),
    ],
)
def test_the_true_time_is_told_by_the_age_of_the_event_when_it_was_sent(occurred, sent, expected):
    moment = occurred_at(occurred)

    assert true_time(NOON, sent, moment) == expected


@pytest.mark.parametrize(
    ("sent_at", "kept"),
    [(None, None), (at(seconds=1), at(seconds=1)), (0, None), (-1, None), (10**30, None)],
)
def test_the_time_of_sending_is_kept_where_a_clock_can_show_it(sent_at, kept):
    event = check_event(b'{"type":"page_view","url":"https://shop.example/"}')
    receipt = Receipt("acme", "shop", NOON, None, "")

    line = event_line(event, receipt, sent_at=sent_at, is_declared_host=True)

    assert json.loads(line)["sent_at"] == kept


MILLISECONDS = st.integers(0, 5 * 10**12) | st.integers(at(days=8), at(days=-1))


@given(MILLISECONDS | st.none(), MILLISECONDS | st.none())
def test_the_true_time_is_never_after_the_receipt_nor_too_long_before_it(occurred, sent):
    moment = occurred_at(occurred)

    assert NOON - MAX_AGE <= true_time(NOON, sent, moment) <= NOON


@given(st.integers(0, int(MAX_AGE.total_seconds() * 1000)), st.integers(-(10**11), 10**11))
def test_a_wrong_clock_changes_nothing_where_the_send_time_is_known(age, skew):
    sent = at() + skew
    assume(not timedelta() <= -timedelta(milliseconds=skew) <= MAX_DELAY)

    moment = occurred_at(sent - age)

    assert true_time(NOON, sent, moment) == NOON - timedelta(milliseconds=age)


def test_a_slow_request_puts_no_event_behind_a_later_one():
    """The first of two took eleven seconds on its way, the second, ten seconds later, none."""
    first = true_time(NOON, at(seconds=11), occurred_at(at(seconds=11)))
    second = true_time(NOON - timedelta(seconds=1), at(seconds=1), occurred_at(at(seconds=1)))

    assert second - first == timedelta(seconds=10)


@given(st.integers(946_684_800_000, 4_102_444_800_000))
def test_a_millisecond_is_stored_as_it_came(milliseconds):
    moment = occurred_at(milliseconds)

    text = timestamp(moment)

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)
    assert round(datetime.fromisoformat(text).timestamp() * 1000) == milliseconds


def test_event_ids_are_uuids_of_version_7_in_the_order_of_time():
    before = time.time_ns() // 1_000_000
    made = []
    for _ in range(5):
        made.append(new_event_id())
        until = time.time_ns() // 1_000_000 + 1
        while time.time_ns() // 1_000_000 < until:
            pass
    after = time.time_ns() // 1_000_000

    ids = [uuid.UUID(text) for text in made]

    assert made == sorted(made) == [str(each) for each in ids]
    assert {(each.version, each.variant) for each in ids} == {(7, uuid.RFC_4122)}
    assert all(before <= each.int >> 80 <= after for each in ids)
    assert len({new_event_id() for _ in range(10_000)}) == 10_000
