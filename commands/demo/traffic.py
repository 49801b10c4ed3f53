"""The demo's traffic: which HTTP requests arrive in an hour, the same ones whenever it is asked.

    hour ──► what starts in it (visits, bots, phones that were offline, junk), each from its own seed
                └► requests, some of them in the next hours ──► requests_of(hour)

Everything follows from the hour and the registry, nothing from a clock or a counter: sending an hour
twice sends the same event ids. Each request says what a collector must make of it, so that a demo can be
checked against what it sent.
"""

import json
import math
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import urlencode

from commands.demo import scenery
from commands.demo.scenery import Page, Scene
from footfall.clients import Client, Site
from footfall.event import Refusal
from footfall.hours import HOUR, floor

#: All that comes of a visit, repeated requests included, arrives within this time of its start.
LONGEST_VISIT = timedelta(minutes=90)
#: How many hours before an hour something may have started that still arrives in it.
LOOK_BACK = 2
#: Client of requests that belong to none: nobody knows their site key.
NOBODY = ""

_LAST_PAGE = timedelta(minutes=50)  # no page is opened later than this after the visit's start
_PURCHASES = 0.06  # share of visits to a shop that buy
_LONG_PAUSES = 0.03  # share of visits with a pause of over 30 minutes, which makes two sessions of them
_GIF_VISITS = 0.04  # share of visits without scripts, which send GIF requests
_REPEATS = 0.025  # share of requests that are sent again because the answer was lost
_RETURNING = 0.4  # share of visits by one of the site's regulars
_WRONG_CLOCKS = 0.03  # share of visitors whose clock is hours off
_BOTS_PER_HOUR = 0.3  # for each site; as all rates below
_OFFLINE_PER_HOUR = 0.3
_PREVIEWS_PER_HOUR = 0.3
_JUNK_PER_HOUR = 0.15  # of each kind


@dataclass(frozen=True, slots=True)
class Expected:
    """What becomes of a request, or of many: events that are new, events seen before, quarantined lines.

    `refused_unstored` counts requests that leave nothing behind but their answer.
    """

    events: int = 0
    duplicates: int = 0
    quarantined: int = 0
    refused_unstored: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as it reaches the collector at `received_at` (UTC, milliseconds) from `address`.

    `target`: path with query. `headers` are lower-case and without the user agent. `expected` supposes
    that all earlier requests were sent too; `expected_status` is that of the answer; `event_ids` are those
    of the acceptable events. `client_id` is NOBODY where the site key is unknown or missing.
    """

    received_at: datetime
    client_id: str
    site_key: str | None
    address: str
    user_agent: str
    headers: Mapping[str, str]
    method: str
    target: str
    body: bytes
    expected: Expected
    expected_status: int = 204
    event_ids: tuple[str, ...] = ()


def requests_of(hour: datetime, clients: Iterable[Client]) -> list[Request]:
    """All requests that arrive in the UTC hour of `hour`, in order of arrival."""
    hour, clients = floor(hour), list(clients)
    arriving = [
        request
        for back in range(LOOK_BACK + 1)
        for request in started_in(hour - back * HOUR, clients)
        if floor(request.received_at) == hour
    ]
    return sorted(arriving, key=lambda request: (request.received_at, request.target, request.body))


def totals(hours: Iterable[datetime], clients: Iterable[Client]) -> dict[str, Expected]:
    """What all requests of `hours` come to, by client; NOBODY's are under that name."""
    clients = list(clients)
    return sums(request for hour in hours for request in requests_of(hour, clients))


def sums(requests: Iterable[Request]) -> dict[str, Expected]:
    """What `requests` come to, by client.

    Counted from the ids themselves, so that it also holds where the first sending of a repeated request
    lies before the first of them.
    """
    ids: dict[str, set[str]] = {}
    found: dict[str, Expected] = {}
    for request in requests:
        seen = ids.setdefault(request.client_id, set())
        new = set(request.event_ids) - seen
        seen |= new
        so_far = found.get(request.client_id, Expected())
        found[request.client_id] = Expected(
            events=so_far.events + len(new),
            duplicates=so_far.duplicates + len(request.event_ids) - len(new),
            quarantined=so_far.quarantined + request.expected.quarantined,
            refused_unstored=so_far.refused_unstored + request.expected.refused_unstored,
        )
    return found


def started_in(hour: datetime, clients: Iterable[Client]) -> list[Request]:
    """All requests of everything that starts in `hour`, whenever within LOOK_BACK hours they arrive."""
    hour = floor(hour)
    found: list[Request] = []
    for client in clients:
        local_share = scenery.BY_LOCAL_HOUR[hour.astimezone(client.zone()).hour]
        for site in client.sites:
            scene = scenery.SCENES.get(site.site_id)
            if scene is None:
                continue
            place = _Place(client.client_id, site, scene)
            for rng in _occasions(f"visit {site.site_id}", hour, scene.visits_per_hour * local_share):
                found += _with_repeats(rng, hour, _visit(rng, place, _moment(rng, hour)))
            for rng in _occasions(f"offline {site.site_id}", hour, _OFFLINE_PER_HOUR):
                found.append(_offline_phone(rng, place, _moment(rng, hour)))
            for rng in _occasions(f"bot {site.site_id}", hour, _BOTS_PER_HOUR):
                found += _bot(rng, place, _moment(rng, hour))
            for rng in _occasions(f"preview {site.site_id}", hour, _PREVIEWS_PER_HOUR):
                found += _preview(rng, place, _moment(rng, hour))
            for kind in _JUNK:
                for rng in _occasions(f"{kind} {site.site_id}", hour, _JUNK_PER_HOUR):
                    found.append(_junk(rng, kind, place, _moment(rng, hour)))
    return found


def visits(client: Client, site: Site, count: int, start: datetime, rng: Random) -> list[Request]:
    """Requests of people on a site of any client, with `count` acceptable events in all."""
    place = _Place(client.client_id, site, scenery.SCENES.get(site.site_id) or scenery.SCENES["shop"])
    found: list[Request] = []
    while count:
        for request in _visit(rng, place, start):
            if request.event_ids and len(request.event_ids) <= count:
                found.append(request)
                count -= len(request.event_ids)
    return found


# --- chance -----------------------------------------------------------------------------------------


def _occasions(stream: str, hour: datetime, mean: float) -> Iterator[Random]:
    """One seeded source of chance for each of a Poisson-distributed number of occasions."""
    count, product, draw = 0, 1.0, Random(f"{stream} {hour:%Y-%m-%dT%H}")
    while (product := product * draw.random()) > math.exp(-mean):
        yield Random(f"{stream} {hour:%Y-%m-%dT%H} {count}")
        count += 1


def _moment(rng: Random, hour: datetime) -> datetime:
    return hour + timedelta(milliseconds=rng.randrange(3_600_000))


def _seconds(rng: Random, low: float, high: float) -> timedelta:
    return timedelta(milliseconds=round(rng.uniform(low, high) * 1000))


# --- who --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Visitor:
    """A browser on a device. `clock` is how far its clock is off."""

    address: str
    user_agent: str
    screen: str
    language: str
    privacy: Mapping[str, str]
    clock: timedelta


@dataclass(frozen=True, slots=True)
class _Place:
    client_id: str
    site: Site
    scene: Scene

    def host(self, rng: Random) -> str:
        """One of the site's hosts, most often the first; a wildcard stands for its club pages."""
        hosts = [
            domain.replace("*", "club")
            for domain in self.site.domains
            if domain != "localhost" and not domain.replace(".", "").isdigit()
        ] or self.site.domains
        return hosts[0] if rng.random() < 0.8 else rng.choice(hosts)


def _address(rng: Random) -> str:
    if rng.random() < 0.3:
        return (
            f"2001:db8:{rng.randrange(1, 1 << 16):x}:{rng.randrange(1, 1 << 16):x}::{rng.randrange(1, 255):x}"
        )
    return f"{rng.choice(('192.0.2', '198.51.100', '203.0.113'))}.{rng.randrange(1, 255)}"


def _new_visitor(rng: Random, *, phone: bool = False) -> _Visitor:
    user_agent = rng.choice([ua for ua, device in scenery.BROWSERS.items() if device.is_phone or not phone])
    privacy = {}
    if rng.random() < 0.06:
        privacy["sec-gpc"] = "1"
    if rng.random() < 0.08:
        privacy["dnt"] = "1"
    return _Visitor(
        address=_address(rng),
        user_agent=user_agent,
        screen=scenery.BROWSERS[user_agent].screen,
        language=rng.choice(scenery.LANGUAGES),
        privacy=privacy,
        clock=_seconds(rng, -4 * 3600, 2 * 3600) if rng.random() < _WRONG_CLOCKS else timedelta(),
    )


def _visitor(rng: Random, place: _Place, *, phone: bool = False) -> _Visitor:
    """A regular of the site, some of them far more often than others, or somebody new."""
    if rng.random() < _RETURNING:
        number = int(place.scene.regulars * rng.random() ** 2)
        regular = _new_visitor(Random(f"regular {place.site.site_id} {number}"))
        if not phone or scenery.BROWSERS[regular.user_agent].is_phone:
            return regular
    return _new_visitor(rng, phone=phone)


# --- what they send ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sender:
    """The pixel in one visitor's browser, on one host of a site."""

    rng: Random
    place: _Place
    visitor: _Visitor
    host: str

    def url(self, page: Page, query: str = "") -> str:
        return f"https://{self.host}{page.path}{query}"

    def event(self, kind: str, at: datetime, page: Page, url: str, **more: Any) -> dict[str, Any]:
        """An event that truly happens at `at`; its times are by the visitor's clock."""
        milliseconds = _milliseconds(at + self.visitor.clock)
        event = {
            "id": _event_id(self.rng, milliseconds),
            "type": kind,
            "occurred_at": milliseconds,
            "url": url,
            "title": page.title,
            **more,
            "screen": self.visitor.screen,
            "language": self.visitor.language,
        }
        return {name: value for name, value in event.items() if value is not None}

    def batch(self, events: Sequence[dict[str, Any]], sent: datetime) -> Request:
        return self._post(
            {"site": self.place.site.key, "sent_at": self._clock(sent), "events": list(events)}, events, sent
        )

    def single(self, event: dict[str, Any], sent: datetime) -> Request:
        """A body that is one event and no batch, as small senders write."""
        return self._post({"site": self.place.site.key, "sent_at": self._clock(sent), **event}, [event], sent)

    def gif(self, event: dict[str, Any], sent: datetime) -> Request:
        """A page without scripts: the event is a query, and nobody knows the sender's clock."""
        query = {"site": self.place.site.key} | {
            name: event[name] for name in ("type", "url", "title", "referrer", "id") if name in event
        }
        request = self._post({}, [event], sent)
        return replace(
            request,
            method="GET",
            target=f"/pixel.gif?{urlencode(query)}",
            headers={"referer": event["url"], **self.visitor.privacy},
            body=b"",
            expected_status=200,
        )

    def _clock(self, at: datetime) -> int:
        return _milliseconds(at + self.visitor.clock)

    def _post(self, body: dict[str, Any], events: Sequence[dict[str, Any]], sent: datetime) -> Request:
        return Request(
            received_at=sent + _seconds(self.rng, 0.03, 0.8),
            client_id=self.place.client_id,
            site_key=self.place.site.key,
            address=self.visitor.address,
            user_agent=self.visitor.user_agent,
            headers={
                "content-type": "text/plain;charset=UTF-8",
                "origin": f"https://{self.host}",
                **self.visitor.privacy,
            },
            method="POST",
            target="/collect",
            body=_json(body),
            expected=Expected(events=len(events)),
            event_ids=tuple(event["id"] for event in events),
        )


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _event_id(rng: Random, milliseconds: int) -> str:
    """A UUIDv7 whose random part comes from `rng`."""
    tail = bytearray(rng.randbytes(10))
    tail[0] = 0x70 | (tail[0] & 0x0F)
    tail[2] = 0x80 | (tail[2] & 0x3F)
    return str(uuid.UUID(bytes=milliseconds.to_bytes(6, "big") + bytes(tail)))


# --- visits -----------------------------------------------------------------------------------------


def _visit(rng: Random, place: _Place, start: datetime) -> list[Request]:
    """Somebody arrives from somewhere, reads some pages, does a thing or two, perhaps buys."""
    scene = place.scene
    sender = _Sender(rng, place, _visitor(rng, place), place.host(rng))
    referrer, query = _source(rng, scene)
    if rng.random() < _GIF_VISITS:
        return list(_gif_visit(rng, sender, start, referrer, query))
    requests: list[Request] = []
    now = start
    pause = 1 if rng.random() < _LONG_PAUSES else None  # after which page
    basket: Page | None = None
    for number, page in enumerate(_route(rng, scene)):
        if now - start > _LAST_PAGE:
            break
        url = sender.url(page, query)
        events = [sender.event("page_view", now, page, url, referrer=referrer)]
        sent = now + _seconds(rng, 0.05, 0.3)
        if page is scenery.THANKS and basket is not None:
            quantity = rng.choice((1, 1, 1, 2, 3))
            order = {
                "order": f"S-{rng.randrange(10**6, 10**7)}",
                "revenue": round(quantity * (basket.price or 0), 2),
                "currency": "EUR",
                "items": quantity,
            }
            events.append(sender.event("purchase", now, page, url, props=order))
        elif rng.random() < 0.4:  # the pixel waits for a moment and sends what happens with the page view
            read = now + _seconds(rng, 2, 8)
            depth = {"percent": rng.choice((25, 50, 75, 100))}
            events.append(sender.event("scroll_depth", read, page, url, props=depth))
            sent = now + _seconds(rng, 8.5, 10)
        requests.append(sender.batch(events, sent))
        dwell = _seconds(rng, 12, 30) + timedelta(seconds=round(min(rng.lognormvariate(3.3, 1.0), 600), 3))
        if rng.random() < 0.11 and page not in (scenery.CART, scenery.CHECKOUT, scenery.THANKS):
            kind, props = rng.choice(list(scene.actions.items()))
            acted = now + dwell - timedelta(seconds=1)
            action = sender.event(kind, acted, page, url, props=dict(props))
            sent = acted + _seconds(rng, 0.01, 0.1)
            alone = rng.random() < 0.3
            requests.append(sender.single(action, sent) if alone else sender.batch([action], sent))
        if page.price is not None:
            basket = page
        now += dwell + (_seconds(rng, 31 * 60, 39 * 60) if number == pause else timedelta())
        referrer, query = url, ""
    return requests


def _gif_visit(
    rng: Random, sender: _Sender, start: datetime, referrer: str | None, query: str
) -> Iterator[Request]:
    for page in _route(rng, sender.place.scene)[:4]:
        url = sender.url(page, query)
        yield sender.gif(sender.event("page_view", start, page, url, referrer=referrer), start)
        start += _seconds(rng, 15, 120)
        referrer, query = url, ""


def _source(rng: Random, scene: Scene) -> tuple[str | None, str]:
    """Referrer and query of the page that a visit begins with."""
    draw = rng.random()
    for kind, (share, referrers) in scenery.SOURCES.items():
        draw -= share
        if draw >= 0:
            continue
        if kind == "campaign":
            source, medium, campaign, referrer = rng.choice(scene.campaigns)
            tags = {"utm_source": source, "utm_medium": medium, "utm_campaign": campaign}
            return referrer, f"?{urlencode(tags)}"
        referrer = rng.choice(referrers)
        # ChatGPT is the one assistant that tags its links, and its apps send the tag alone.
        if referrer == "https://chatgpt.com/":
            return rng.choice((referrer, None)), "?utm_source=chatgpt.com"
        return referrer, ""
    return None, ""


def _route(rng: Random, scene: Scene) -> list[Page]:
    """The pages of a visit in order: three on average, no page twice in a row."""
    for_sale = [page for page in scene.pages if page.price is not None]
    if for_sale and rng.random() < _PURCHASES:
        bought = rng.choice(for_sale)
        others = [page for page in (scene.home, *scene.pages) if page is not bought]
        return [
            *rng.sample(others, k=rng.randrange(1, 4)),
            bought,
            scenery.CART,
            scenery.CHECKOUT,
            scenery.THANKS,
        ]
    route = [scene.home if rng.random() < 0.5 else rng.choice(scene.pages)]
    while rng.random() < 0.66 and len(route) < 12:
        route.append(rng.choice([page for page in (scene.home, *scene.pages) if page is not route[-1]]))
    return route


def _with_repeats(rng: Random, hour: datetime, requests: Iterable[Request]) -> Iterator[Request]:
    """`requests` of what started in `hour`, some of them sent again: seconds later or in the next hour."""
    for request in requests:
        yield request
        if rng.random() >= _REPEATS:
            continue
        again = request.received_at + _seconds(rng, 1.5, 40)
        next_hour = floor(request.received_at) + HOUR + _seconds(rng, 5, 240)
        if rng.random() < 0.3 and next_hour < hour + LONGEST_VISIT:
            again = next_hour  # kept by the browser, sent with the next page
        yield replace(request, received_at=again, expected=Expected(duplicates=request.expected.events))


def _offline_phone(rng: Random, place: _Place, sent: datetime) -> Request:
    """A phone without a network kept its events and sends them hours later, all at once."""
    sender = _Sender(rng, place, _visitor(rng, place, phone=True), place.host(rng))
    at = sent - _seconds(rng, 2 * 3600, 20 * 3600)
    events = []
    referrer: str | None = None
    for _ in range(rng.randrange(3, 8)):
        page = rng.choice((place.scene.home, *place.scene.pages))
        url = sender.url(page)
        events.append(sender.event("page_view", at, page, url, referrer=referrer))
        at += _seconds(rng, 15, 180)
        referrer = url
    return sender.batch(events, sent)


def _bot(rng: Random, place: _Place, start: datetime) -> Iterator[Request]:
    """A program that reads one page after the other and runs their scripts."""
    visitor = replace(
        _new_visitor(rng),
        user_agent=rng.choice(scenery.BOTS),
        privacy={},
        screen="1024x768",
        language="en-US",
    )
    sender = _Sender(rng, place, replace(visitor, clock=timedelta()), place.host(rng))
    for page in rng.sample([place.scene.home, *place.scene.pages], k=rng.randrange(2, 7)):
        yield sender.batch([sender.event("page_view", start, page, sender.url(page))], start)
        start += _seconds(rng, 1, 30)


def _preview(rng: Random, place: _Place, start: datetime) -> Iterator[Request]:
    """Somebody looks at the site under a host that its client has not declared."""
    host = place.scene.preview_host
    if host is None or place.site.declares(host):
        return
    sender = _Sender(rng, place, _visitor(rng, place), host)
    for page in rng.sample(place.scene.pages, k=rng.randrange(1, 4)):
        yield sender.batch([sender.event("page_view", start, page, sender.url(page))], start)
        start += _seconds(rng, 10, 90)


# --- what goes wrong --------------------------------------------------------------------------------

#: Kinds of requests that cannot be taken, or not whole.
_JUNK = ("broken json", "wrong envelope", "event without url", "wrong types", "unknown site", "no site")


def _junk(rng: Random, kind: str, place: _Place, at: datetime) -> Request:
    """One request of that kind, otherwise as any visitor's."""
    sender = _Sender(rng, place, replace(_visitor(rng, place), clock=timedelta()), place.host(rng))
    page = rng.choice(place.scene.pages)
    good = sender.event("page_view", at, page, sender.url(page))
    bad = sender.event("page_view", at, page, sender.url(page))
    key = place.site.key
    request = sender.batch([good], at)
    unreadable = replace(
        request,
        target=f"/collect?site={key}",
        expected=Expected(quarantined=1),
        expected_status=Refusal.MALFORMED_JSON.status,
        event_ids=(),
    )
    if kind == "broken json":  # the connection broke, and a proxy sent on what it had
        cut = rng.randrange(len(request.body) // 3, len(request.body) - 1)
        return replace(unreadable, body=request.body[:cut])
    if kind == "wrong envelope":
        return replace(unreadable, body=_json({"site": key, "events": {"first": good}}))
    if kind in ("event without url", "wrong types"):
        if kind == "event without url":
            del bad["url"]
        else:
            bad |= rng.choice(({"type": 7}, {"type": ["page_view"]}, {"url": 7}, {"url": "/bread"}))
        body = _json({"site": key, "sent_at": _milliseconds(at), "events": [bad, good]})
        return replace(request, body=body, expected=Expected(events=1, quarantined=1))
    unknown, refusal = (
        ("pk_nobody_0000", Refusal.UNKNOWN_SITE) if kind == "unknown site" else (None, Refusal.MISSING_SITE)
    )
    return replace(
        request,
        client_id=NOBODY,
        site_key=unknown,
        body=_json({"site": unknown, "sent_at": _milliseconds(at), "events": [good]}),
        expected=Expected(refused_unstored=1),
        expected_status=refusal.status,
        event_ids=(),
    )
