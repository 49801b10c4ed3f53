"""Which addresses may be connected to on somebody else's word, and that no text at all ends the guard."""

import socket

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from footfall.guard import Forbidden, Unresolved, checked, is_public, require_possible

#: Addresses of metadata services, of translations and of the machine itself.
CLOSED = [
    *("192.0.0.192", "192.88.99.1", "169.254.169.254", "100.100.100.200", "168.63.129.16", "0.0.0.0"),
    *("0.1.2.3", "192.0.0.8", "192.0.0.9", "198.18.0.1", "198.19.255.255", "240.0.0.1", "224.0.0.1"),
    *("255.255.255.255", "::", "::1", "::ffff:93.184.216.34", "::93.184.216.34", "64:ff9b::5db8:d822"),
    *("2002:5db8:d822::1", "2001::1", "2001:20::1", "fd00:ec2::254", "fc00::1", "fe80::1", "ff02::1"),
    *("3fff::1", "5f00::1", "4000::1", "100::1", "2001:db8::1", "nonsense", ""),
]


@pytest.mark.parametrize("address", CLOSED)
def test_an_address_that_is_not_of_the_public_internet_is_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946"])
def test_an_address_of_the_public_internet_is_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "0x7f000001", "0177.0.0.1", "017700000001", "0"),
        *("LOCALHOST", "localhost.", "x.localhost", "[::1]", "[::ffff:7f00:1]", "192.0.0.192", "3221225664"),
    ],
)
def test_a_closed_address_is_refused_in_every_spelling_without_asking_the_dns(host):
    with pytest.raises(Forbidden, match="not public"):
        require_possible(f"https://{host}/")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000", "https://127.0.0.1:9000/", "http://127.1:9000"])
def test_a_host_that_the_operator_lists_may_be_private_and_plain_at_its_port_alone(url):
    hosts = ("127.0.0.1:9000", "127.1:9000")

    require_possible(url, hosts)
    with pytest.raises(Forbidden):
        require_possible(url.replace("9000", "9001"), hosts)
    assert checked(url, hosts=hosts, resolve=lambda *_: ["127.0.0.1"]).address == "127.0.0.1"


def test_a_name_whose_addresses_changed_to_a_private_one_is_refused_when_it_is_used():
    require_possible("https://store.example")

    with pytest.raises(Forbidden, match="not public"):
        checked("https://store.example", resolve=lambda *_: ["10.0.0.1"])


def _real_but_offline(host, port):
    """The parsing of the real resolver, which asks nobody."""
    return [str(e[4][0]) for e in socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)]


@given(st.one_of(st.text(), st.text(max_size=300).map("https://{}/x".format), st.from_regex(r"https?://.*")))
@example("https://" + "a" * 64 + ".example/")
@example("https://[::1")
@example("https://\ud800.example/")
@example("https://a..b/")
@example("https://\u2100.example")
@example("https://x:99999999999999999999/")
def test_no_text_ends_the_guard_in_another_way_than_a_refusal(text):
    for call in (lambda: checked(text, resolve=_real_but_offline), lambda: require_possible(text)):
        try:
            call()
        except (Forbidden, Unresolved):
            pass
