"""What each consent tier lets through, and who decides on the tier."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.consent import CLICK_IDS, effective_tier, reduced_user_agent
from footfall.event import Receipt, check_event, event_line

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
AGENT = "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 Chrome/131.0.67 Mobile Safari/537.36"
DAILY, YESTERDAYS = "f" * 32, "e" * 32

tiers = st.integers(0, 3)


def line(receipt=None, **fields):
    """The stored line of an event with these fields."""
    event = {"id": "event-0001", "type": "page_view", "url": "https://shop.example/", **fields}
    of_request = {"gpc": False, "dnt": False, "consent_default": 1, "gpc_policy": "tier1", **(receipt or {})}
    stated = Receipt(
        "acme",
        "shop",
        NOON,
        DAILY,
        AGENT,
        previous_visitor_id=YESTERDAYS,
        country="DE",
        region="BE",
        city="Berlin",
        **of_request,
    )
    return json.loads(
        event_line(check_event(json.dumps(event).encode()), stated, sent_at=None, is_declared_host=True)
    )


@pytest.mark.parametrize(
    ("declared", "default", "gpc", "dnt", "policy", "tier"),
    [
        (None, 1, False, False, "tier1", 1),
        (None, 0, False, False, "tier1", 0),
        (3, 1, False, False, "tier1", 3),
        (2, 0, False, False, "tier1", 2),
        (0, 1, False, False, "tier1", 0),
        (3, 1, True, False, "tier1", 1),
        (3, 1, False, True, "tier1", 1),
        (0, 1, True, True, "tier1", 0),
        (3, 1, True, False, "tier0", 0),
        (3, 1, False, True, "tier0", 1),
        (3, 1, False, False, "tier0", 3),
    ],
)
def test_the_tier_is_what_the_page_declares_or_the_site_says_under_the_cap_of_the_signals(
    declared, default, gpc, dnt, policy, tier
):
    assert effective_tier(declared, default, gpc=gpc, dnt=dnt, gpc_policy=policy) == tier


@given(declared=st.none() | tiers, default=st.integers(0, 1), gpc=st.booleans(), dnt=st.booleans())
def test_a_signal_never_raises_a_tier(declared, default, gpc, dnt):
    for policy in ("tier1", "tier0"):
        tier = effective_tier(declared, default, gpc=gpc, dnt=dnt, gpc_policy=policy)
        assert tier <= effective_tier(declared, default, gpc=False, dnt=False)
        assert tier <= 1 or not (gpc or dnt)


IDS = {
    "visitor": "first-party-7f3a",
    "session": "session-91bc",
    "user": "user-42",
    "clicks": {"gclid": "CLICKVALUE"},
    "referrer": "https://ads.example/?fbclid=CLICKVALUE&a=1",
    "props": {"target": "https://o.example/?x=1&gclid=CLICKVALUE#top", "kept": 1.50},
}


@pytest.mark.parametrize(
    ("tier", "visitor", "session", "user"),
    [(0, None, None, None), (1, DAILY, None, "user-42"), (2, DAILY, "session-91bc", "user-42")],
)
def test_each_tier_stores_the_ids_that_it_allows_and_no_others(tier, visitor, session, user):
    stored = line(consent=tier, **IDS)

    assert (stored["consent_tier"], stored["consent_declared"]) == (tier, tier)
    assert (stored["visitor_id"], stored["session_id"], stored["user_id"]) == (visitor, session, user)
    text = json.dumps(stored)
    assert "first-party-7f3a" not in text
    assert ("session-91bc" in text) == (tier >= 2)
    assert ("user-42" in text) == (tier >= 1)
    assert ("CLICKVALUE" in text) == (tier >= 2)


def test_a_consenting_visitor_is_the_same_on_every_day_and_another_on_every_site():
    stored = line(consent=3, **IDS)
    tomorrow = line({"gpc": False}, consent=3, **IDS | {"session": "another"})

    assert stored["visitor_id"] == tomorrow["visitor_id"] not in (DAILY, IDS["visitor"])
    assert stored["previous_visitor_id"] is None
    assert stored["session_id"] == "session-91bc"
    assert "CLICKVALUE" in json.dumps(stored)
    assert line(consent=3)["visitor_id"] == DAILY


#: Ids of the pixel's kind, made at this moment and ten minutes before it.
AT = 1_795_176_000_000
FRESH, OLD = (f"{at >> 16:08x}-{at & 0xFFFF:04x}-7000-8000-000000000000" for at in (AT, AT - 600_000))
LINKS = {"links_consent": True}


@pytest.mark.parametrize(
    ("event", "previous"),
    [
        ({"type": "consent", "visitor": "any-id"}, DAILY),
        ({"visitor": FRESH, "occurred_at": AT + 5}, DAILY),
        ({"visitor": FRESH, "occurred_at": AT + 60_000}, None),
        ({"visitor": FRESH, "occurred_at": AT - 1000}, None),
        ({"visitor": FRESH}, None),
        ({"visitor": OLD, "occurred_at": AT}, None),
        ({"visitor": "any-id", "occurred_at": AT}, None),
    ],
)
def test_the_event_with_which_a_first_party_id_begins_carries_the_hash_of_the_day_and_no_other_does(
    event, previous
):
    assert line(LINKS, consent=3, **event)["previous_visitor_id"] == previous


@pytest.mark.parametrize("tier", [0, 1, 2])
def test_below_the_third_tier_nothing_is_linked(tier):
    stored = line(LINKS, consent=tier, type="consent", visitor=FRESH, occurred_at=AT)

    assert stored["previous_visitor_id"] == (YESTERDAYS if tier else None)
    assert FRESH not in json.dumps(stored)


def test_a_signal_keeps_a_consent_from_being_linked():
    stored = line(LINKS | {"gpc": True}, consent=3, type="consent", visitor=FRESH)

    assert (stored["consent_tier"], stored["visitor_id"], stored["previous_visitor_id"]) == (
        1,
        DAILY,
        YESTERDAYS,
    )


def test_a_site_that_links_nothing_stores_nothing_that_could_be_linked():
    assert line(consent=3, type="consent", visitor=FRESH)["previous_visitor_id"] is None


def test_that_a_click_id_was_there_is_known_at_every_tier():
    stored = line(consent=1, url="https://shop.example/?gclid=Cj0&utm_source=x", **IDS)["event"]

    assert stored["url"] == "https://shop.example/?gclid=1&utm_source=x"
    assert stored["clicks"] == {"gclid": True}
    assert stored["referrer"] == "https://ads.example/?fbclid=1&a=1"
    assert stored["props"] == {"target": "https://o.example/?x=1&gclid=1#top", "kept": 1.50}


@pytest.mark.parametrize("name", sorted(CLICK_IDS))
@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/?{}=CLICKVALUE",
        "https://shop.example/?a=1&{}=CLICKVALUE&b=2",
        "https://shop.example/#x&{}=CLICKVALUE",
        "https://shop.example/?next=https%3A%2F%2Fo.example%2F%3F{}%3DCLICKVALUE%26a%3D1",
    ],
)
def test_no_value_of_a_click_id_stays_below_tier_2_wherever_it_is(name, url):
    for spelling in (name, name.upper()):
        address = url.format(spelling)
        for fields in (
            {"url": address},
            {"referrer": address},
            {"props": {"to": address}},
            {spelling: "CLICKVALUE"},
        ):
            assert "CLICKVALUE" not in json.dumps(line(**fields))
            assert spelling in json.dumps(line(**fields))


def test_what_a_tier_does_not_touch_stays_byte_for_byte():
    raw = b'{ "type":"x","url":"https://shop.example/", "session" : "s-1","big":1234567890123456789,"f":1.1 }'
    receipt = Receipt("acme", "shop", NOON, DAILY, AGENT)

    stored = event_line(check_event(raw), receipt, sent_at=None, is_declared_host=True)

    assert b'"f":1.1' in stored
    assert b'"big":1234567890123456789' in stored
    assert b"s-1" not in stored


def test_without_consent_nothing_is_stored_that_tells_devices_apart():
    device = {"screen": "1920x1080", "viewport": "800x600", "lang": "de-DE", "tz": "Europe/Berlin"}
    stored = line(consent=0, nav="load", **device)

    assert stored["visitor_id"] is stored["previous_visitor_id"] is stored["region"] is stored["city"] is None
    assert stored["country"] == "DE"
    assert stored["user_agent"] == reduced_user_agent(AGENT)
    assert not device.keys() & stored["event"].keys()
    assert stored["event"]["nav"] == "load"


def test_a_reduced_user_agent_keeps_browser_and_system_and_their_major_versions():
    assert reduced_user_agent(AGENT) == (
        "Mozilla/5 (Linux; Android 14; K) AppleWebKit/537 Chrome/131 Mobile Safari/537"
    )


def test_the_other_half_of_an_alias_needs_a_tier_too():
    alias = {"type": "alias", "user": "u-new", "props": {"previous": "u-old", "n": 1}}

    assert "u-old" in json.dumps(line(consent=1, **alias))
    assert line(consent=0, **alias)["event"]["props"] == {"previous": None, "n": 1}


def test_signals_count_whether_a_header_or_the_page_brings_them():
    assert line(consent=3, gpc=True)["gpc"] is line({"gpc": True}, consent=3)["gpc"] is True
    assert line(consent=3, gpc=True)["consent_tier"] == line({"dnt": True}, consent=3)["consent_tier"] == 1
    assert line({"gpc_policy": "tier0"}, consent=3, gpc=True)["consent_tier"] == 0
    assert line(consent=3, gpc=False, dnt=False)["consent_tier"] == 3


@pytest.mark.parametrize("declared", [None, -1, 4, 1.5, "3", True, [3]])
def test_what_is_no_tier_declares_nothing(declared):
    stored = line({"consent_default": 0}, consent=declared)

    assert (stored["consent_tier"], stored["consent_declared"]) == (0, None)


@pytest.mark.parametrize("value", [{"id": "TRACKME"}, ["TRACKME"], [["TRACKME"]]])
@pytest.mark.parametrize("name", ["visitor", "session"])
def test_an_id_of_a_strange_form_is_taken_out_all_the_same(name, value):
    assert "TRACKME" not in json.dumps(line(consent=1, **{name: value}))
