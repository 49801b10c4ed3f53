"""The demo's traffic: always the same, what it says of itself is true, and everything is in it."""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import pytest

from commands.demo.traffic import (
    LONGEST_VISIT,
    LOOK_BACK,
    NOBODY,
    Expected,
    Request,
    requests_of,
    started_in,
    sums,
    totals,
)
from footfall.clients import Client, load_registry
from footfall.event import Refused, check_event, parse_batch
from footfall.hours import HOUR, between, floor

REGISTRY = load_registry(Path(__file__).resolve().parents[2] / "clients")
CLIENTS = [c for c in REGISTRY.clients if c.client_id in ("agency", "demo")]
SITES = REGISTRY.sites_by_key()

#: An ordinary window, one over a change to summer time, one that begins at night, one over a new year.
STARTS = [
    datetime(2026, 11, 19, tzinfo=UTC),
    datetime(2026, 3, 28, 9, tzinfo=UTC),
    datetime(2027, 6, 5, 2, tzinfo=UTC),
    datetime(2025, 12, 31, 3, tzinfo=UTC),
]


@cache
def two_days(start: datetime) -> tuple[Request, ...]:
    hours = between(start, start + 48 * HOUR)
    return tuple(request for hour in hours for request in requests_of(hour, CLIENTS))


def events_of(request: Request) -> list[dict[str, Any]]:
    """The acceptable events of a request, as the collector reads them."""
    if request.method == "GET":
        return [dict(parse_qsl(urlsplit(request.target).query))]
    if not request.event_ids:
        return []
    body = json.loads(request.body)
    return [event for event in body.get("events", [body]) if event["id"] in request.event_ids]


def outcome(request: Request) -> tuple[Expected, list[str], int]:
    """What the contract makes of a request by itself: all its good events count as new."""
    query = dict(parse_qsl(urlsplit(request.target).query))
    key, raws = query.get("site"), []
    try:
        if request.method == "GET":
            event = {name: value for name, value in query.items() if name != "site"}
            raws = [json.dumps(event).encode()]
        else:
            in_body, _, raws = parse_batch(request.body)
            key = key or in_body
    except Refused as refused:
        stored = key in SITES
        return Expected(quarantined=stored, refused_unstored=not stored), [], refused.refusal.status
    if key not in SITES:
        return Expected(refused_unstored=1), [], 400 if key is None else 403
    good, bad = [], 0
    for raw in raws:
        try:
            good.append(check_event(raw).event_id)
        except Refused:
            bad += 1
    status = 200 if request.method == "GET" else 204
    return Expected(events=len(good), quarantined=bad), good, status


def test_an_hour_is_always_the_same() -> None:
    hour = datetime(2026, 11, 20, 18, tzinfo=UTC)

    first = requests_of(hour, CLIENTS)

    assert len(first) > 50
    assert requests_of(hour, list(reversed(CLIENTS))) == first
    assert requests_of(hour.astimezone(ZoneInfo("Asia/Kolkata")) + timedelta(minutes=12), CLIENTS) == first


def test_hours_differ() -> None:
    hour = datetime(2026, 11, 20, 18, tzinfo=UTC)
    ids = {event_id for request in requests_of(hour, CLIENTS) for event_id in request.event_ids}
    others = {
        event_id
        for n in (1, 24, 168)
        for r in requests_of(hour + n * HOUR, CLIENTS)
        for event_id in r.event_ids
    }

    assert len(ids & others) <= 10  # what is sent again in the next hour


def test_a_client_more_or_less_changes_nothing_for_the_others() -> None:
    hour = datetime(2026, 11, 20, 18, tzinfo=UTC)

    both = [r for r in requests_of(hour, CLIENTS) if r.client_id == "demo"]
    alone = [r for r in requests_of(hour, CLIENTS[1:]) if r.client_id == "demo"]

    assert both == alone


def test_sites_that_are_not_the_examples_get_no_invented_traffic() -> None:
    site = CLIENTS[0].sites[0].model_copy(update={"site_id": "somebodys-own"})
    client: Client = CLIENTS[0].model_copy(update={"sites": [site]})

    assert requests_of(datetime(2026, 11, 20, 18, tzinfo=UTC), [client]) == []


@pytest.mark.parametrize("start", STARTS)
def test_every_request_becomes_what_it_says(start: datetime) -> None:
    for request in two_days(start):
        found, good, status = outcome(request)
        as_new = Expected(
            events=request.expected.events + request.expected.duplicates,
            quarantined=request.expected.quarantined,
            refused_unstored=request.expected.refused_unstored,
        )
        assert (found, tuple(good), status) == (as_new, request.event_ids, request.expected_status), request


@pytest.mark.parametrize("start", STARTS)
def test_ids_are_new_or_duplicates_as_each_request_says(start: datetime) -> None:
    """Requests before the window are looked at too: what is sent again may have come first in one of them."""
    hours = between(start - (LOOK_BACK + 1) * HOUR, start + 48 * HOUR)
    seen: set[tuple[str, str]] = set()
    for hour in hours:
        for request in requests_of(hour, CLIENTS):
            ids = {(request.client_id, event_id) for event_id in request.event_ids}
            assert len(ids) == len(request.event_ids)
            if hour >= start:
                assert len(ids - seen) == request.expected.events, request
                assert len(ids & seen) == request.expected.duplicates, request
            seen |= ids


def test_hours_hold_every_request_of_every_visit_once() -> None:
    start = datetime(2026, 11, 20, 12, tzinfo=UTC)
    asked = list(between(start, start + 24 * HOUR))
    begun = between(start - 6 * HOUR, start + 24 * HOUR)

    arrived = [request for hour in asked for request in requests_of(hour, CLIENTS)]
    of_visits = [
        r for hour in begun for r in started_in(hour, CLIENTS) if asked[0] <= r.received_at < asked[-1] + HOUR
    ]

    assert Counter(map(repr, arrived)) == Counter(map(repr, of_visits))


@pytest.mark.parametrize("start", STARTS)
def test_visits_cross_the_hour_but_never_by_more_than_is_looked_back(start: datetime) -> None:
    crossing = 0
    for hour in between(start, start + 48 * HOUR):
        for request in started_in(hour, CLIENTS):
            assert hour <= request.received_at < hour + HOUR + LONGEST_VISIT
            crossing += floor(request.received_at) != hour
    assert crossing > 100


@pytest.mark.parametrize("start", STARTS)
def test_requests_come_in_order_and_in_their_hour(start: datetime) -> None:
    for hour in between(start, start + 48 * HOUR):
        times = [request.received_at for request in requests_of(hour, CLIENTS)]
        assert times == sorted(times)
        assert all(hour <= time < hour + HOUR for time in times)
        assert all(time.microsecond % 1000 == 0 for time in times)


@pytest.mark.parametrize("start", STARTS)
def test_two_days_are_of_the_size_a_demo_needs(start: datetime) -> None:
    requests = two_days(start)

    assert 100 <= len(requests) / 48 <= 160
    assert 7_500 <= sum(total.events for total in sums(requests).values()) <= 10_500
    assert max(len(request.body) for request in requests) < 8_000


@pytest.mark.parametrize("start", STARTS)
def test_nights_are_quiet_where_the_client_is(start: datetime) -> None:
    by_hour = Counter(
        r.received_at.astimezone(ZoneInfo("Europe/Berlin")).hour
        for r in two_days(start)
        if r.client_id == "agency"
    )

    assert 4 * (by_hour[2] + by_hour[3]) < by_hour[19] + by_hour[20]


def test_totals_are_what_the_hours_hold() -> None:
    start = STARTS[0]

    found = totals(between(start, start + 48 * HOUR), CLIENTS)

    assert found == sums(two_days(start))
    assert set(found) == {"agency", "demo", NOBODY}
    for client_id in ("agency", "demo"):
        ids = [i for r in two_days(start) if r.client_id == client_id for i in r.event_ids]
        assert found[client_id].events == len(set(ids))
        assert found[client_id].duplicates == len(ids) - len(set(ids)) > 0
        assert found[client_id].quarantined > 0 == found[client_id].refused_unstored
    assert (found[NOBODY].events, found[NOBODY].quarantined) == (0, 0)
    assert found[NOBODY].refused_unstored > 0


def test_what_is_sent_again_without_its_first_sending_counts_as_new() -> None:
    hours = list(between(STARTS[0], STARTS[0] + 48 * HOUR))
    each = [totals([hour], CLIENTS)["agency"] for hour in hours]
    whole = totals(hours, CLIENTS)["agency"]

    # Hour by hour, a repetition in the next hour has no first sending; the sum knows better.
    assert sum(t.events + t.duplicates for t in each) == whole.events + whole.duplicates
    assert sum(t.events for t in each) > whole.events


def declared(request: Request, event: dict[str, Any]) -> bool:
    return SITES[str(request.site_key)][1].declares(str(urlsplit(event["url"]).hostname))


def referred_by(*hosts: str) -> Callable[[Request, dict[str, Any]], bool]:
    return lambda _, event: urlsplit(event.get("referrer", "")).hostname in hosts


def named(kind: str) -> Callable[[Request, dict[str, Any]], bool]:
    return lambda _, event: event["type"] == kind


def age(request: Request, event: dict[str, Any]) -> timedelta:
    """How long before it was sent an event happened, by the sender's clock."""
    if request.method == "GET":
        return timedelta()
    return timedelta(milliseconds=json.loads(request.body)["sent_at"] - event["occurred_at"])


def clock_error(request: Request) -> timedelta:
    sent = datetime.fromtimestamp(json.loads(request.body)["sent_at"] / 1000, UTC)
    return abs(request.received_at - sent)


EVENT_INGREDIENTS: dict[str, Callable[[Request, dict[str, Any]], bool]] = {
    **{
        f"type {kind}": named(kind)
        for kind in ("page_view", "purchase", "signup", "download", "outbound_click")
    },
    "type newsletter": named("newsletter"),
    "Google": referred_by("www.google.com"),
    "Bing": referred_by("www.bing.com"),
    "DuckDuckGo": referred_by("duckduckgo.com"),
    "social": referred_by(
        "www.facebook.com", "t.co", "www.linkedin.com", "old.reddit.com", "mastodon.social"
    ),
    "ChatGPT": referred_by("chatgpt.com"),
    "Perplexity": referred_by("www.perplexity.ai"),
    "Claude": referred_by("claude.ai"),
    "Gemini": referred_by("gemini.google.com"),
    "campaign": lambda _, event: "utm_campaign=" in event["url"],
    "no referrer": lambda _, event: "referrer" not in event,
    "undeclared domain": lambda request, event: not declared(request, event),
    "a wildcard's subdomain": lambda _, event: urlsplit(event["url"]).hostname == "club.cycling.example",
    "late by hours": lambda request, event: age(request, event) > timedelta(hours=2),
    "text beyond ASCII": lambda _, event: not event["title"].isascii(),
    "title with quotes": lambda _, event: '"' in event["title"],
}

REQUEST_INGREDIENTS: dict[str, Callable[[Request], bool]] = {
    "GIF": lambda r: r.target.startswith("/pixel.gif?"),
    "GPC": lambda r: r.headers.get("sec-gpc") == "1",
    "DNT": lambda r: r.headers.get("dnt") == "1",
    "Googlebot": lambda r: "Googlebot" in r.user_agent,
    "GPTBot": lambda r: "GPTBot" in r.user_agent,
    "phone": lambda r: "iPhone" in r.user_agent,
    "duplicate": lambda r: r.expected.duplicates > 0,
    "batch of several": lambda r: len(r.event_ids) > 3,
    "one event without a batch": lambda r: (
        bool(r.event_ids) and r.method == "POST" and b'"events"' not in r.body
    ),
    "broken JSON": lambda r: r.expected == Expected(quarantined=1),
    "good and bad in one batch": lambda r: r.expected == Expected(events=1, quarantined=1),
    "unknown site": lambda r: r.expected_status == 403,
    "no site": lambda r: r.site_key is None,
    "wrong clock": lambda r: (
        bool(r.event_ids) and r.method == "POST" and clock_error(r) > timedelta(minutes=10)
    ),
    "IPv6": lambda r: ":" in r.address,
}


def site_ids(requests: Iterable[Request]) -> set[str]:
    return {SITES[r.site_key][1].site_id for r in requests if r.site_key in SITES}


@pytest.mark.parametrize("start", STARTS)
def test_every_ingredient_occurs_within_two_days(start: datetime) -> None:
    requests = two_days(start)
    events = [(request, event) for request in requests for event in events_of(request)]

    missing = [name for name, holds in REQUEST_INGREDIENTS.items() if not any(map(holds, requests))]
    missing += [name for name, holds in EVENT_INGREDIENTS.items() if not any(holds(r, e) for r, e in events)]

    assert missing == []
    assert site_ids(requests) == {"bakery", "cycling", "gallery", "shop"}


@pytest.mark.parametrize("start", STARTS)
def test_exact_duplicates_come_seconds_later_and_in_the_next_hour(start: datetime) -> None:
    first: dict[tuple[str, bytes], datetime] = {}
    delays = []
    for request in two_days(start):
        if request.expected.duplicates and (request.target, request.body) in first:
            delays.append((first[request.target, request.body], request.received_at))
        first.setdefault((request.target, request.body), request.received_at)

    assert sum(again - once < timedelta(minutes=1) for once, again in delays) > 20
    assert any(
        floor(again) == floor(once) + HOUR and again - once > timedelta(minutes=1) for once, again in delays
    )


@pytest.mark.parametrize("start", STARTS)
def test_purchases_are_the_shops_and_have_their_revenue(start: datetime) -> None:
    bought = [(r, e) for r in two_days(start) for e in events_of(r) if e["type"] == "purchase"]

    assert len(bought) > 15
    for request, event in bought:
        assert request.client_id == "demo"
        assert event["props"]["revenue"] > 0
        assert event["props"]["currency"] == "EUR"
        assert event["props"]["order"].startswith("S-")


@pytest.mark.parametrize("start", STARTS)
def test_visitors_come_back_and_new_ones_come(start: datetime) -> None:
    """Two visits are told apart by half an hour between them."""
    last: dict[tuple[str | None, str, str], datetime] = {}
    visits: Counter[tuple[str | None, str, str]] = Counter()
    for request in two_days(start):
        who = (request.site_key, request.address, request.user_agent)
        if who not in last or request.received_at - last[who] > timedelta(minutes=30):
            visits[who] += 1
        last[who] = request.received_at

    assert sum(count > 2 for count in visits.values()) > 50
    assert sum(count == 1 for count in visits.values()) > 500


@pytest.mark.parametrize("start", STARTS)
def test_addresses_are_those_set_aside_for_documentation(start: datetime) -> None:
    ranges = [ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")]

    assert all(any(ip_address(r.address) in network for network in ranges) for r in two_days(start))
