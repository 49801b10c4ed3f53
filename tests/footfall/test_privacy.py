"""Visitor ids: one person on one site on one day, and nobody can tell who."""

import hmac
import re

from hypothesis import given
from hypothesis import strategies as st

from footfall.privacy import VisitorHash, first_party_visitor_id, visitor_id

SALT = bytes(range(32))


def test_a_visitor_is_told_apart_by_site_address_and_user_agent():
    one = visitor_id(SALT, "shop", "192.0.2.1", "UA")

    assert one == visitor_id(SALT, "shop", "192.0.2.1", "UA")
    assert (
        len(
            {
                one,
                *(visitor_id(SALT, *who) for who in (("x", "192.0.2.1", "UA"), ("shop", "192.0.2.2", "UA"))),
            }
        )
        == 3
    )
    # The parts are kept apart: one part's end cannot pass for the next one's start.
    assert visitor_id(SALT, "a", "b", "c") != visitor_id(SALT, "ab", "", "c")


@given(st.binary(min_size=32, max_size=64), st.text(), st.text(), st.text())
def test_a_visitor_id_is_the_hmac_of_the_three_under_the_salt(salt, site_id, address, user_agent):
    message = "\x1f".join((site_id, address, user_agent)).encode("utf-8", "surrogatepass")
    expected = hmac.new(salt, message, "sha256").hexdigest()[:32]
    visitors = VisitorHash(salt)

    assert visitor_id(salt, site_id, address, user_agent) == expected
    assert [visitors.of(site_id, address, user_agent) for _ in range(2)] == [expected, expected]


def test_a_first_party_id_is_hashed_for_its_site_alone():
    one = first_party_visitor_id("shop", "token-1")

    assert re.fullmatch("[0-9a-f]{32}", one)
    assert one == first_party_visitor_id("shop", "token-1")
    assert (
        len({one, first_party_visitor_id("blog", "token-1"), first_party_visitor_id("shop", "token-2")}) == 3
    )
