"""Who sent a request and where from, by the proxies that are trusted, and what is stored of it."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.collectors import batch, wire_event
from support.one_collector import IdleShipper, StatedSpool, a_collector
from support.salted import salt_of_day

from collector.app import Collector
from collector.sender import Senders, receipt
from collector.server.message import Pending, Request
from footfall.address import forwarded_hops, networks, single_hop
from footfall.clients import Site
from footfall.event import MAX_USER_AGENT
from footfall.geo import Place
from footfall.privacy import VisitorHash, visitor_id
from footfall.store import StoreError

PROXIES = networks(["10.0.0.0/8"])
PROXY, VISITOR, LIAR = "10.0.0.1", "198.51.100.7", "203.0.113.66"
SITE = Site(site_id="one", key="pk_12345678", domains=["one.example"])
MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)


def headers(**fields):
    """Headers as a server hands them on."""
    return {name.replace("_", "-").encode(): value.encode() for name, value in fields.items()}


@pytest.mark.parametrize(
    ("name", "value", "address"),
    [
        ("x-forwarded-for", f"{LIAR}, {VISITOR}", VISITOR),
        ("forwarded", f"for={LIAR}, for={VISITOR};proto=https", VISITOR),
        ("forwarded", f'for="{VISITOR}:4711";by=10.0.0.2, for=10.0.0.3', VISITOR),
        ("forwarded", 'For="[2001:DB8::1]:4711"', "2001:db8::1"),
        ("forwarded", 'for="a,b;c\\"d", proto=http;FOR = "[2001:db8::2]"', "2001:db8::2"),
        ("forwarded", f"for={VISITOR}, for=unknown", PROXY),
        ("forwarded", f"for={VISITOR}, for=_hidden", PROXY),
        ("forwarded", f"for={VISITOR}, proto=https", PROXY),
        ("forwarded", "", PROXY),
        ("cf-connecting-ip", VISITOR, VISITOR),
        ("cf-connecting-ip", "2001:DB8::1", "2001:db8::1"),
        ("cf-connecting-ip", f"{LIAR}, {VISITOR}", PROXY),
        ("cf-connecting-ip", "garbage", PROXY),
        ("cloudfront-viewer-address", f"{VISITOR}:46532", VISITOR),
        ("cloudfront-viewer-address", "2001:db8::1:46532", "2001:db8::1"),
        ("cloudfront-viewer-address", "2001:db8:0:0:0:0:0:1:443", "2001:db8::1"),
        ("cloudfront-viewer-address", "[2001:db8::1]:443", "2001:db8::1"),
        ("true-client-ip", "::ffff:198.51.100.7", VISITOR),
    ],
)
def test_the_header_that_is_set_says_the_address_and_no_other_does(name, value, address):
    lies = dict.fromkeys(
        ("x-forwarded-for", "forwarded", "cf-connecting-ip", "cloudfront-viewer-address", "true-client-ip"),
        LIAR,
    )
    sent = {n.encode(): v.encode() for n, v in {**lies, name: value}.items()}

    assert Senders(PROXIES, name).of(PROXY, sent).address == address
    assert Senders(PROXIES, name).of("192.0.2.1", sent).address == "192.0.2.1"
    assert Senders((), name).of(PROXY, sent).address == PROXY


@given(st.text(st.characters(codec="latin-1"), max_size=60))
def test_no_header_makes_a_sender_fail(text):
    forwarded_hops(text)
    for with_port in (True, False):
        single_hop(text, with_port=with_port)
    sent = {b"forwarded": text.encode("latin-1")}
    assert Senders(PROXIES, "forwarded").of(PROXY, sent).address


def test_a_place_comes_from_a_trusted_proxy_or_from_the_file_and_from_nobody_else():
    asked = []

    def locate(address):
        asked.append(address)
        return Place("SE", "E", "Linköping")

    senders = Senders(PROXIES, locate=locate)
    said = headers(cf_ipcountry="DE", x_forwarded_for=VISITOR)

    assert senders.of(PROXY, said).place == Place("DE")
    assert senders.of(LIAR, said).place == Place("SE", "E", "Linköping")
    assert senders.of(PROXY, headers(x_forwarded_for=VISITOR)).place == Place("SE", "E", "Linköping")
    assert asked == [LIAR, VISITOR]


def made(sent=None, **more):
    """The receipt of a request."""
    sender = Senders().of(VISITOR, {})
    return receipt("acme", SITE, MIDNIGHT, sent or {}, sender, VisitorHash(b"s" * 32), **more)


def test_what_is_stored_of_a_request_is_what_the_receipt_names():
    found = made(
        headers(
            user_agent="Browser/1.0",
            sec_gpc="1",
            dnt="1",
            sec_ch_ua='"Chromium";v="131"',
            sec_ch_ua_mobile="?0",
            sec_ch_ua_platform='"Linux"',
            cookie="secret=1",
            accept_language="de",
        )
    )

    assert (found.user_agent, found.gpc, found.dnt, found.source) == ("Browser/1.0", True, True, "web")
    assert json.loads(found.client_hints) == {
        "Sec-CH-UA": '"Chromium";v="131"',
        "Sec-CH-UA-Mobile": "?0",
        "Sec-CH-UA-Platform": '"Linux"',
    }
    assert "secret" not in repr(found)
    assert made().client_hints is None


@pytest.mark.parametrize(
    ("agent", "kept"),
    [
        ("Mozilla/5.0 Chrome/131.0.6778.39", "Mozilla/5.0 Chrome/131.0.6778.39"),
        ("Mozilla/5.0 (compatible; GoodBot/2.1; +https://bot.example/)", None),
        ("Bot (anna@example.org)", "Bot (redacted-email)"),
        ("curl/8.0 via 198.51.100.9", "curl/8.0 via redacted-address"),
        ("proxy [2001:db8::9] x", "proxy [redacted-address] x"),
        ("Tool at 12:30:45", "Tool at 12:30:45"),
        ("u" * 5000, "u" * MAX_USER_AGENT),
    ],
)
def test_a_user_agent_is_kept_without_addresses(agent, kept):
    assert made(headers(user_agent=agent)).user_agent == (kept or agent)


def test_devices_are_told_apart_by_the_whole_user_agent():
    assert (
        made(headers(user_agent="u" * 600 + "1")).visitor_id != made(headers(user_agent="u" * 600)).visitor_id
    )


# Over midnight


class Lake:
    """Salts by day; counts the questions."""

    def __init__(self, *days: int, failure: Exception | None = None) -> None:
        self.days = days
        self.asked: list[int] = []
        self.failure = failure

    def find(self, _client_id, _clock, moment):
        self.asked.append(moment.day)
        if self.failure:
            raise self.failure
        return salt_of(moment.day) if moment.day in self.days else None


def salt_of(day):
    """The salt of a day of the month."""
    return bytes([day]) * 32


def visits(lake, *moments, agent="Browser/1.0"):
    """The stored line of a visit at each of these moments, at one collector."""
    spool = StatedSpool()
    now = [MIDNIGHT]
    collector = Collector(
        spool=spool,
        shipper=IdleShipper(),
        agree_salt=lambda _client, clock, moment: salt_of_day(salt_of(moment.day), clock, moment),
        find_salt=lake.find,
        pixel=Path("nowhere"),
        now=lambda: now[0],
    )
    collector.sites = a_collector().sites

    async def go():
        for moment in moments:
            now[0] = moment
            sent = {b"user-agent": agent.encode()}
            request = Request(
                "POST", "/collect", headers=sent, peer=VISITOR, body=batch(wire_event("a" * 8)), started=1.0
            )
            outcome = collector.handle(request)
            if isinstance(outcome, Pending):
                await asyncio.wait([outcome.durable])
                answer = collector.settle(outcome)
            else:
                answer = await outcome
            assert answer.status == 204

    asyncio.run(go())
    return [json.loads(line) for payload in spool.kept for line in payload.splitlines()]


def test_in_the_first_half_hour_of_a_day_an_event_also_carries_yesterdays_id():
    before, at, last, after = visits(
        Lake(20),
        MIDNIGHT - timedelta(milliseconds=1),
        MIDNIGHT,
        MIDNIGHT + timedelta(minutes=30, milliseconds=-1),
        MIDNIGHT + timedelta(minutes=30),
    )

    yesterdays = visitor_id(salt_of(20), "one", VISITOR, "Browser/1.0")
    todays = visitor_id(salt_of(21), "one", VISITOR, "Browser/1.0")
    assert [line["visitor_id"] for line in (before, at, last, after)] == [yesterdays, todays, todays, todays]
    assert [line["previous_visitor_id"] for line in (before, at, last, after)] == [
        None,
        yesterdays,
        yesterdays,
        None,
    ]


def test_a_collector_that_starts_after_midnight_asks_the_lake_once_and_makes_no_salt_of_yesterday():
    lake = Lake()

    found = visits(lake, *[MIDNIGHT + timedelta(minutes=n) for n in range(3)])

    assert [line["previous_visitor_id"] for line in found] == [None] * 3
    assert lake.asked == [20]


def test_an_event_is_taken_without_yesterdays_id_where_the_lake_does_not_say():
    lake = Lake(20, failure=StoreError("no answer", retryable=True))

    found = visits(lake, MIDNIGHT + timedelta(minutes=1), MIDNIGHT + timedelta(minutes=2))

    assert [line["previous_visitor_id"] for line in found] == [None] * 2
    assert lake.asked == [20]
