"""Limits by rate: exact for one name, harmless to others, bounded in memory, told in headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.access.limits import WINDOW_SECONDS, Buckets, Limited, Limits, rate_headers


def test_a_bucket_gives_its_burst_at_once_and_then_its_rate():
    buckets = Buckets(window=10)

    at_once = sum(buckets.take("a", 5, 1, now=100.0) == 0 for _ in range(80))
    in_a_second = sum(buckets.take("a", 5, 1, now=100.0 + n / 20) == 0 for n in range(1, 21))

    assert (at_once, in_a_second) == (50, 5)


@given(
    rate=st.integers(1, 1000),
    steps=st.lists(st.tuples(st.floats(0, 3), st.integers(1, 40)), max_size=80),
)
def test_no_more_is_ever_taken_than_a_token_bucket_would_give(rate, steps):
    buckets, tokens, now = Buckets(window=10), rate * 10.0, 50.0
    for pause, cost in steps:
        now += pause
        tokens = min(rate * 10.0, tokens + pause * rate)
        taken = buckets.take("a", rate, cost, now) == 0
        if abs(tokens - 1) > 1e-6:  # at the very edge either is right
            assert taken == (tokens >= 1)
        elif taken:
            tokens = max(tokens, 1.0)
        tokens -= cost if taken else 0


def test_who_is_refused_is_told_when_one_can_be_had_and_gets_it_then():
    buckets = Buckets(window=10)
    buckets.take("a", 2, 26, now=0.0)  # six more than its twenty

    wait = buckets.take("a", 2, 1, now=0.0)

    assert wait == pytest.approx(3.5)
    assert buckets.take("a", 2, 1, now=3.49) > 0
    assert buckets.take("a", 2, 1, now=3.51) == 0
    assert buckets.take("b", 2, 1, now=0.0) == 0


def test_many_names_take_no_more_than_their_room():
    buckets = Buckets(window=10, most=100)

    for n in range(10_000):
        buckets.take(n, 1, 1, now=n / 1e6)

    assert len(buckets) <= 100


def test_forgetting_by_age_gives_nobody_a_token():
    """A bucket is forgotten only when it is full: whoever empties it steadily is never let in again."""
    buckets, now, taken = Buckets(window=10), 0.0, 0
    while now < 200:
        taken += buckets.take("a", 1, 1, now) == 0
        for other in range(3):
            buckets.take((other, now), 1, 1, now)
        now += 0.25

    assert taken == pytest.approx(10 + 200, abs=1)
    assert len(buckets) < 3 * 4 * 10 * 5


def test_an_address_is_known_by_a_hash_of_this_process_only():
    one = Limits(address_rate=1, site_rate=0, key_rate=0)
    other = Limits(address_rate=1, site_rate=0, key_rate=0)
    for limits in (one, other):
        limits.of_address("198.51.100.7", 1, now=1.0)

    held = [set(limits._addresses._young) for limits in (one, other)]

    assert "198.51.100.7" not in str(held)
    assert not held[0] & held[1]


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.3.4", "::1", "fd00::1"])
def test_private_addresses_stand_for_many_and_are_not_limited(address):
    limits = Limits(address_rate=1, site_rate=0, key_rate=0)

    assert not any(limits.of_address(address, 50, now=1.0) for _ in range(100))


@pytest.mark.parametrize("address", ["172.15.0.1", "172.32.0.1", "11.0.0.1", "2001:db8::1"])
def test_public_addresses_are_limited(address):
    limits = Limits(address_rate=1, site_rate=0, key_rate=0)

    told = [limits.of_address(address, 1, now=1.0) for _ in range(int(WINDOW_SECONDS) + 1)]

    assert told[-2] is None
    assert isinstance(told[-1], Limited)


def test_a_site_or_key_with_a_rate_of_its_own_is_held_to_that_and_zero_is_no_limit():
    limits = Limits(address_rate=0, site_rate=1, key_rate=60)

    def refused(take, times=1000):
        return sum(take() is not None for _ in range(times))

    assert refused(lambda: limits.of_address("198.51.100.7", 1, 5.0)) == 0
    assert refused(lambda: limits.of_site("common", None, 1, 5.0)) == 1000 - 20
    assert refused(lambda: limits.of_site("own", 10, 1, 5.0)) == 1000 - 200
    assert refused(lambda: limits.of_site("free", 0, 1, 5.0)) == 0
    assert refused(lambda: limits.of_key("common", None, 5.0)) == 1000 - 60
    assert refused(lambda: limits.of_key("own", 120, 5.0)) == 1000 - 120


def test_the_headers_are_those_of_the_draft():
    limits = Limits(address_rate=0, site_rate=0, key_rate=60)

    assert dict(limits.headers_of_key("k", None, 5.0)) == {
        b"ratelimit-policy": b'"key";q=60;w=60',
        b"ratelimit": b'"key";r=60;t=0',
    }
    for _ in range(45):
        limits.of_key("k", None, 5.0)
    assert dict(limits.headers_of_key("k", None, 5.0))[b"ratelimit"] == b'"key";r=15;t=45'
    for _ in range(15):
        limits.of_key("k", None, 5.0)
    limited = limits.of_key("k", None, 5.0)
    assert limited is not None
    assert limited.headers == [(b"retry-after", b"1"), *rate_headers("key", 60, 60, 0, 1)]
