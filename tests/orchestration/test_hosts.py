"""Host names: one spelling each, and hostile ones are refused by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.discovery.hosts import MAX_LENGTH, Host, Unusable, normal


@pytest.mark.parametrize(
    ("text", "host", "domain"),
    [
        ("shop.example", "shop.example", "shop.example"),
        ("WWW.Shop.EXAMPLE", "www.shop.example", "shop.example"),
        ("shop.example.", "shop.example", "shop.example"),
        ("a.b.shop.co.uk", "a.b.shop.co.uk", "shop.co.uk"),
        ("bücher.example", "xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("my_host.shop.example", "my_host.shop.example", "shop.example"),
        ("mine.github.io", "mine.github.io", "mine.github.io"),
    ],
)
def test_a_host_has_one_spelling_and_the_domain_that_somebody_registered(text, host, domain):
    assert normal(text) == Host(host, domain)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", Unusable.EMPTY),
        (".", Unusable.EMPTY),
        ("x" * 300 + ".example", Unusable.TOO_LONG),
        ("y" * 5000, Unusable.TOO_LONG),
        ("a..example", Unusable.CHARACTERS),
        ("../etc", Unusable.CHARACTERS),
        ("a|b.example", Unusable.CHARACTERS),
        ("a,b.example", Unusable.CHARACTERS),
        ("a/b.example", Unusable.CHARACTERS),
        ("a b.example", Unusable.CHARACTERS),
        ("a\x00.example", Unusable.CHARACTERS),
        ("a\n.example", Unusable.CHARACTERS),
        ("-a.example", Unusable.CHARACTERS),
        ("a.example:8080", Unusable.CHARACTERS),
        ("\u202eevil.example", Unusable.CHARACTERS),
        ("198.51.100.7", Unusable.ADDRESS),
        ("[2001:db8::1]", Unusable.ADDRESS),
        ("2001:db8::1", Unusable.ADDRESS),
        ("2130706433", Unusable.ADDRESS),
        ("0x7f.1", Unusable.ADDRESS),
        ("017700000001", Unusable.ADDRESS),
        ("localhost", Unusable.LOCAL),
        ("printer.local", Unusable.LOCAL),
        ("intranet", Unusable.LOCAL),
        ("vault.internal", Unusable.LOCAL),
        ("co.uk", Unusable.SUFFIX),
    ],
)
def test_a_name_that_can_be_nobodys_domain_is_refused_with_its_reason(text, why):
    assert normal(text) is why


@given(st.text(max_size=400))
def test_whatever_is_sent_gives_a_safe_name_or_a_reason(text):
    found = normal(text)
    if isinstance(found, Host):
        assert found.host.isascii()
        assert len(found.host) <= MAX_LENGTH
        assert not set(found.host) & set("|,/\\ \x00'\"")
        assert found.host == found.domain or found.host.endswith("." + found.domain)
        assert normal(found.host) == found
