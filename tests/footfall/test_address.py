"""Who sent it: nobody may choose the address that their visits are counted under."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.address import client_address, networks, parse
from footfall.errors import FootfallError

PROXIES = networks(["10.0.0.0/8", "127.0.0.1", "fd00::/8"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "sender"),
    [
        # Nobody in front.
        ("203.0.113.9", [], "203.0.113.9"),
        # A peer that is no proxy of ours is not believed, whatever it claims.
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        # One proxy, two proxies, several headers.
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1", "10.0.0.2"], "198.51.100.1"),
        # The left end is the attacker's; the first address that is not a proxy ends the walk.
        ("10.0.0.1", ["1.2.3.4, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.2.3.4", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["10.9.9.9, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["<script>, 198.51.100.1"], "198.51.100.1"),
        # All are proxies: the leftmost is the sender, somebody inside.
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        # Garbage before the walk has ended: nothing of the header is believed.
        ("10.0.0.1", ["198.51.100.1, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1,"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1, 10.0.0.2:99999999"], "10.0.0.1"),
        # Spellings.
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:DB8::1]:4711"], "2001:db8::1"),
        ("10.0.0.1", ["[2001:db8::1]"], "2001:db8::1"),
        ("10.0.0.1", ["2001:db8:0:0:0:0:0:1"], "2001:db8::1"),
        ("10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("fd00::1", ["198.51.100.1"], "198.51.100.1"),
        ("fe80::1%eth0", [], "fe80::1"),
        # No network address at all (a Unix socket).
        ("", ["198.51.100.1"], ""),
    ],
)
def test_the_sender_is_the_first_address_from_the_right_that_is_no_proxy_of_ours(peer, forwarded, sender):
    assert client_address(peer, forwarded, PROXIES) == sender


@given(claimed=st.lists(st.text(st.characters(codec="latin-1"), max_size=40), max_size=5))
def test_whatever_a_visitor_claims_the_address_our_proxy_saw_is_taken(claimed):
    header = ", ".join([*claimed, "198.51.100.1"])

    assert client_address("10.0.0.1", [header], PROXIES) == "198.51.100.1"
    assert client_address("203.0.113.9", [header], PROXIES) == "203.0.113.9"


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "localhost", "1.2.3", "1.2.3.4.5", "0x7f000001", "2130706433", "01.2.3.4"),
        *("1.2.3.4:", "1.2.3.4:x", "1.2.3.4:¹", "1.2.3.4:123456"),
        *("[::1", "::1]", "[::1]x", "[::1]:", "[]:1", "[::1]:x"),
    ],
)
def test_what_is_no_address_is_told_apart(text):
    assert parse(text) is None


def test_a_proxy_setting_that_is_no_network_names_itself():
    with pytest.raises(FootfallError, match=r"FOOTFALL_TRUSTED_PROXIES.*'10\.0\.0'"):
        networks(["10.0.0.0/8", "10.0.0"])
