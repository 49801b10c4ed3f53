"""What happens when a page is left, when the collector is in trouble, and when the page is hostile."""

import itertools
import json

import pytest
from support.receiver import DIST, SITE_KEY

pytestmark = pytest.mark.browser

HIDE = """(state) => {
  Object.defineProperty(document, 'visibilityState', {value: state, configurable: true});
  document.dispatchEvent(new Event('visibilitychange'));
}"""


def ids(events):
    return [event["id"] for event in events]


def answered(tab, site, count):
    """Waits until the page has the answers to `count` requests."""
    site.collector.wait_for(lambda collector: len(collector.posted) >= count)
    tab.wait_for_function("(count) => window.sent.length >= count", arg=count)


def test_an_event_just_before_the_tab_closes_is_sent(site, types):
    site.add("/", body="<button onclick=\"footfall('bought')\">buy</button>")
    tab = site.visit("/")

    tab.click("button")
    tab.close()
    site.collector.wait_for_events(2)

    assert types() == ["page_view", "bought"]


def test_an_event_on_a_click_that_leaves_the_page_is_sent(site, types):
    site.add("/", body='<a href="/next" onclick="footfall(\'outbound_click\')">go</a>')
    site.server.pages["/next"] = "<title>elsewhere</title>"
    tab = site.visit("/")

    tab.click("a")
    site.collector.wait_for_events(2)

    assert types() == ["page_view", "outbound_click"]


def test_a_page_left_before_its_title_has_settled_is_counted(site):
    tab = site.page()
    tab.goto(site.server.origin + "/", wait_until="domcontentloaded")
    tab.wait_for_function("window.footfall && footfall.loaded")

    tab.close()
    [view] = site.collector.wait_for_events(1)

    assert (view["type"], view["title"]) == ("page_view", "Title")


def test_a_failed_request_is_repeated_with_the_same_ids(site):
    failures = [(503, {}), (500, {}), (429, {}), (408, {}), None]
    site.collector.answers.extend(failures)

    for n in range(len(failures)):
        site.add(f"/{n}")
        site.open(f"/{n}")
    site.collector.wait_for_events(len(failures))

    attempts = {}
    for post in site.collector.posted:
        attempts.setdefault(post.events[0]["id"], []).append(post)
    assert len(attempts) == len(failures)
    for first, second in (pair for posts in attempts.values() for pair in itertools.pairwise(posts)):
        assert first.answer in failures
        assert first.events == second.events
        # On a connection that ends without an answer or with 408, Chromium itself tries again at once.
        assert second.at - first.at >= 0.9 or first.answer in (None, (408, {}))


def test_the_wait_doubles(site):
    """Half to all of two seconds, then of four: told by a clock that the test winds."""
    site.collector.answers.extend([(503, {}), (503, {})])
    tab = site.page()
    tab.clock.install()
    tab.goto(site.server.origin + "/")
    answered(tab, site, 1)

    tab.clock.run_for(2_000)
    answered(tab, site, 2)
    tab.clock.run_for(1_500)
    tab.wait_for_timeout(100)
    assert len(site.collector.posted) == 2
    tab.clock.run_for(2_500)
    answered(tab, site, 3)


def test_the_collector_says_when_to_come_back(site):
    site.collector.answers.append((503, {"retry-after": "60"}))
    tab = site.page()
    tab.clock.install()
    tab.goto(site.server.origin + "/")
    answered(tab, site, 1)

    tab.evaluate("history.pushState({}, '', '/second')")
    tab.clock.run_for(55_000)
    tab.wait_for_timeout(100)
    assert len(site.collector.posted) == 1
    tab.clock.run_for(5_000)
    first, second = site.collector.wait_for_events(2)

    assert first == site.collector.posted[0].events[0]
    assert second["url"].endswith("/second")


def test_what_the_collector_refuses_for_good_is_not_repeated(site, types):
    tab = site.visit("/")

    for status in (400, 403, 404, 413):
        site.collector.answers.append((status, {}))
        seen = len(site.collector.posted)
        tab.evaluate("history.pushState({}, '', '/' + Math.random())")
        site.collector.wait_for(lambda collector, seen=seen: len(collector.posted) > seen)
    tab.wait_for_timeout(100)
    tab.evaluate("footfall('next')")
    tab.close()
    site.collector.wait_for_events(2)

    assert types() == ["page_view", "next"]
    assert len(site.collector.posted) == 6


def test_at_most_a_hundred_events_wait_and_the_first_ones_stay(site):
    tab = site.visit()
    site.collector.answers.append((503, {}))

    tab.evaluate("for (let n = 0; n < 150; n++) footfall('n', {props: {n}})")
    events = site.collector.wait_for_events(101)
    tab.evaluate("footfall('last')")
    tab.close()
    site.collector.wait_for(lambda collector: collector.events[-1]["type"] == "last")

    numbers = [event["props"]["n"] for event in events if event["type"] == "n"]
    assert sorted(numbers) == list(range(100))


def test_large_events_travel_in_batches_that_a_leaving_page_may_send(site):
    tab = site.visit()

    tab.evaluate("for (let n = 0; n < 6; n++) footfall('large', {props: {text: 'ä'.repeat(8000)}})")
    tab.evaluate("history.pushState({}, '', '/end')")
    site.collector.wait_for_events(8)

    assert max(len(post.body) for post in site.collector.posted) < 50_000


def test_events_hidden_away_in_times_of_trouble_are_repeated_when_the_page_stays(site):
    """A beacon gets no answer: without the repetition a collector that is down loses what it carried."""
    tab = site.visit()
    site.collector.answers.extend([(503, {}), (503, {})])
    tab.evaluate("history.pushState({}, '', '/second')")
    site.collector.wait_for(lambda collector: len(collector.posted) == 2)
    tab.wait_for_timeout(100)

    tab.evaluate(HIDE, "hidden")
    tab.evaluate(HIDE, "visible")
    site.collector.wait_for_events(2)

    _, failed, beacon, repeated = site.collector.posted
    assert ids(failed.events) == ids(beacon.events)[: len(failed.events)]
    assert ids(beacon.events) == ids(repeated.events)


def test_a_page_whose_fetch_throws_is_counted_by_beacon(site):
    site.add("/", head="<script>window.fetch = () => { throw new Error('not here') }</script>")

    site.visit("/")

    assert site.errors == []


SABOTAGE = [
    "fetch = () => { throw new Error('no') }; navigator.sendBeacon = () => { throw new Error('no') }",
    "fetch = () => Promise.reject(new Error('no')); navigator.sendBeacon = () => false",
    "fetch = undefined; navigator.sendBeacon = undefined",
    "fetch = () => null; navigator.sendBeacon = () => false; console.info = () => { throw 1 }",
    "crypto.getRandomValues = () => { throw new Error('no') }",
    "footfall = {q: [5, null, {}]}",
    "JSON.stringify = () => { throw new Error('no') }",
]


def test_whatever_is_broken_in_the_page_nothing_is_thrown_into_it(site):
    trap = (
        "caught = []; onerror = (m) => caught.push(m); onunhandledrejection = (e) => caught.push(e.reason);"
    )
    tabs = []
    for n, sabotage in enumerate(SABOTAGE):
        site.add(f"/{n}", head=f"<script>{trap}{sabotage}</script>", pixel="data-debug")
        tabs.append(site.open(f"/{n}"))

    for tab in tabs:
        tab.evaluate("footfall('x', {props: {a: 1}}); history.pushState({}, '', '/second')")
    tabs[-1].wait_for_timeout(250)
    for tab in tabs:
        tab.evaluate(HIDE, "hidden")
        tab.evaluate("dispatchEvent(new Event('online'))")

    for tab, sabotage in zip(tabs, SABOTAGE, strict=True):
        assert tab.evaluate("[footfall.loaded, location.pathname]") == [True, "/second"], sabotage
        assert tab.evaluate("caught.map(String)") == [], sabotage


def test_a_policy_that_forbids_the_endpoint_breaks_nothing(site):
    site.server.page_headers["content-security-policy"] = (
        f"default-src 'none'; script-src {site.collector.origin}; connect-src 'none'"
    )

    tab = site.open("/")
    tab.wait_for_timeout(250)

    assert tab.evaluate("footfall.loaded")
    assert site.collector.posted == []


def test_the_strictest_policy_that_names_the_collector_suffices(site):
    site.server.page_headers["content-security-policy"] = (
        f"default-src 'none'; script-src {site.collector.origin}; connect-src {site.collector.origin}; "
        "require-trusted-types-for 'script'"
    )

    src = f"{site.collector.origin}/pixel.interactions.js"
    site.add(
        "/", head="", body=f'<button data-footfall="pressed">p</button><script defer src="{src}"></script>'
    )
    tab = site.visit("/")
    tab.click("button")
    tab.close()

    # Trusted Types also forbid that one script adds another: a tag of its own loads the part.
    assert [event["type"] for event in site.collector.wait_for_events(2)] == ["page_view", "pressed"]
    assert site.errors == []


def test_another_endpoint_may_be_named(site):
    site.add("/", pixel='data-endpoint="/first-party/c"')

    tab = site.open("/")
    site.server.wait_for(lambda server: server.posted)
    tab.close()

    assert "POST /first-party/c" in site.server.requests
    assert site.collector.posted == []
    site.server.check_contract()


def test_without_a_site_key_nothing_is_sent_and_the_console_says_so(site):
    said = []
    site.server.pages["/"] = f'<script defer src="{site.collector.origin}/pixel.js"></script>'
    tab = site.page()
    tab.on("console", lambda message: said.append(message.text))

    tab.goto(site.server.origin + "/")
    tab.evaluate("typeof footfall")

    assert any("no data-site" in text for text in said)
    assert site.collector.requests == ["GET /pixel.js"]


def test_nothing_is_kept_on_the_device_and_nobody_else_is_contacted(site):
    contacted = []
    site.context.on("request", lambda request: contacted.append(request.url))
    tab = site.visit("/")
    tab.evaluate("footfall('signup', {props: {a: 1}}); history.pushState({}, '', '/second')")
    site.collector.wait_for_events(3)

    assert site.context.cookies() == []
    stored = "[document.cookie, localStorage.length, sessionStorage.length]"
    assert tab.evaluate(stored) == ["", 0, 0]
    assert tab.evaluate("indexedDB.databases()") == []
    globals_added = "Object.keys(window).filter((name) => name.toLowerCase().includes('footfall'))"
    assert tab.evaluate(globals_added) == ["footfall"]
    own = {site.server.origin + "/", site.server.origin + "/favicon.ico"}
    assert set(contacted) - own == {
        site.collector.origin + path for path in ("/pixel.js", "/pixel.interactions.js", "/collect")
    }


def test_the_whole_pixel_is_one_request_and_one_hash_covers_it(site):
    version = json.loads((DIST.parent / "package.json").read_text())["version"]
    name = f"pixel.whole-{version}.js"
    integrity = json.loads((DIST / "integrity.json").read_text())[name]
    site.server.pages["/"] = (
        f'<script defer src="{site.collector.origin}/{name}" integrity="{integrity}" crossorigin="anonymous" '
        f'data-site="{SITE_KEY}" data-consent="3"></script><button data-footfall="pressed">p</button>'
    )

    tab = site.open("/")
    site.collector.wait_for_events(1)
    tab.click("button")
    tab.close()

    events = site.collector.wait_for_events(2)
    assert [event["type"] for event in events[:2]] == ["page_view", "pressed"]
    assert len({event["visitor"] for event in events}) == 1
    assert {request for request in site.collector.requests if request.startswith("GET")} == {f"GET /{name}"}


def test_parts_that_a_page_asks_for_stand_beside_the_whole_pixel(site):
    site.server.pages["/"] = (
        f'<script defer src="{site.collector.origin}/pixel.whole.js" data-site="{SITE_KEY}" '
        'data-modules="vitals"></script>'
    )

    site.open("/")

    site.collector.wait_for(lambda collector: "GET /pixel.vitals.js" in collector.requests)


def test_the_page_can_see_what_was_sent(site):
    tab = site.visit("/")

    answered(tab, site, 1)
    [detail] = tab.evaluate("sent")

    assert detail["status"] == 204
    assert detail["events"] == site.collector.events
    assert SITE_KEY not in str(detail)
