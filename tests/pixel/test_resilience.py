"""Trouble on the way: nothing lost, nothing twice, a page that never notices. Against the real collector."""

import json
from contextlib import contextmanager
from datetime import datetime

import pytest
from playwright.sync_api import Error
from support.receiver import SITE_KEY
from support.waiting import wait_until

pytestmark = pytest.mark.browser

TRAP = (
    "<script>caught = []; onerror = (m) => caught.push(m);"
    "onunhandledrejection = (e) => caught.push(String(e.reason));</script>"
)


@contextmanager
def outage(process):
    """The collector is killed, and started again on its port."""
    process.end(kill=True)
    try:
        yield
    finally:
        process.start()


def numbers(stored):
    """The n of every event `n`, once for each id."""
    return sorted(event["props"]["n"] for event in stored.events() if event["type"] == "n")


def test_a_collector_down_for_a_minute_costs_nothing(stored):
    """The page stays. A clock that the test winds makes the minute pass."""
    tab = stored.page()
    tab.clock.install()
    tab.goto(stored.server.origin + "/")
    tab.wait_for_function("window.footfall && footfall.loaded")
    tab.clock.run_for(200)
    stored.wait(1)

    with outage(stored.process):
        for n in range(12):
            tab.evaluate("(n) => footfall('n', {props: {n}})", n)
            tab.clock.run_for(5_000)

    def comes_again():
        tab.clock.run_for(10_000)
        return len(numbers(stored)) >= 12

    wait_until(comes_again)
    assert numbers(stored) == list(range(12))
    tab.evaluate("footfall('end')")
    tab.close()
    stored.wait(1, "end")


def test_pages_left_while_the_collector_is_down_are_told_by_the_next(stored):
    """With storage (tier 2) beacons that nobody took come again; the collector knows them by their id."""
    stored.add("/", pixel='data-consent="2"')
    tab = stored.visit("/")
    tab.wait_for_function("ran.some((src) => src && src.includes('pixel.identity'))")

    with outage(stored.process):
        tab.evaluate("for (let n = 0; n < 3; n++) footfall('n', {props: {n}})")
        tab.close()
    # A while later: what the page before sent as it was left is in doubt, and comes again.
    other = stored.page()
    other.add_init_script("{ const now = Date.now; Date.now = () => now() + 61e3 }")
    other.goto(stored.server.origin + "/")
    stored.wait(3, "n")

    assert numbers(stored) == [0, 1, 2]


def test_a_page_killed_in_the_middle_of_sending_loses_nothing_with_storage(stored):
    stored.add("/", pixel='data-consent="2"')
    tab = stored.visit("/")
    tab.wait_for_function("ran.some((src) => src && src.includes('pixel.identity'))")
    tab.evaluate("for (let n = 0; n < 5; n++) footfall('n', {props: {n}})")
    tab.wait_for_function("Object.keys(localStorage).some((key) => key.startsWith('footfall.q.'))")

    with pytest.raises(Error, match="crash"):
        tab.goto("chrome://crash", timeout=60_000)
    # Whoever is silent for five seconds is gone.
    other = stored.page()
    other.add_init_script("{ const now = Date.now; Date.now = () => now() + 6000 }")
    other.goto(stored.server.origin + "/")
    stored.wait(5, "n")

    assert numbers(stored) == list(range(5))


def test_offline_and_online(stored):
    tab = stored.visit("/")

    stored.context.set_offline(True)
    tab.evaluate("history.pushState({}, '', '/second')")
    tab.wait_for_function("sent.some((batch) => batch.status === 0)")
    tab.evaluate("footfall('n', {props: {n: 1}})")
    stored.context.set_offline(False)

    stored.wait(1, "n")
    assert len(stored.wait(2, "page_view")) == 2


def test_fifty_tabs_share_a_session_and_lose_nothing(stored):
    stored.add("/", pixel='data-consent="2"')
    tabs = [stored.page() for _ in range(50)]
    for tab in tabs:
        tab.goto(stored.server.origin + "/", wait_until="commit")
    views = stored.wait(50, "page_view")
    for tab in tabs:
        tab.close()

    assert len({view["id"] for view in views}) == 50
    assert len({view["session"] for view in views}) == 1
    assert len(stored.wait(50, "engagement")) == 50


@pytest.mark.parametrize("hours", [-24, 24])
def test_a_clock_wrong_by_a_day_is_put_right(stored, hours):
    stored.context.add_init_script(f"{{ const now = Date.now; Date.now = () => now() + {hours} * 36e5 }}")
    tab = stored.visit("/")
    tab.evaluate("footfall('late')")
    tab.wait_for_timeout(300)
    tab.close()
    stored.wait(1, "late")

    for line in stored.lines():
        received = datetime.fromisoformat(line["received_at"])
        occurred = datetime.fromisoformat(line["occurred_at"])
        assert 0 <= (received - occurred).total_seconds() < 3600
        assert abs(line["event"]["occurred_at"] / 1000 - occurred.timestamp()) > 23 * 3600


def test_39_a_policy_that_forbids_requests_lets_images_through(stored):
    """No request of the pixel is allowed here; after two failures it tells by image, with the same events."""
    stored.server.page_headers["content-security-policy"] = (
        f"default-src 'none'; script-src 'unsafe-inline' {stored.endpoint}; img-src {stored.endpoint}"
    )
    stored.add("/", head=TRAP)
    tab = stored.page()
    tab.clock.install()
    tab.goto(stored.server.origin + "/")
    tab.wait_for_function("window.footfall && footfall.loaded")
    tab.evaluate("""footfall('n', {props: {n: 1, yes: true, text: 'é "x" &'}})""")

    def has_told():
        tab.clock.run_for(2_000)
        return {"n", "page_view"} <= {event["type"] for event in stored.events()}

    wait_until(has_told)
    [event] = stored.wait(1, "n")
    assert event["props"] == {"n": 1, "yes": True, "text": 'é "x" &'}
    assert len(stored.wait(1, "page_view")) == 1
    assert tab.evaluate("caught") == []


def test_39_and_40_a_policy_that_forbids_everything_breaks_nothing(stored):
    stored.server.page_headers["content-security-policy"] = (
        f"default-src 'none'; script-src 'unsafe-inline' {stored.endpoint}"
    )
    stored.add("/", head=TRAP)
    tab = stored.page()
    tab.clock.install()
    tab.goto(stored.server.origin + "/")
    tab.wait_for_function("window.footfall && footfall.loaded")
    for _ in range(5):
        tab.clock.run_for(4_000)
        tab.wait_for_timeout(40)

    assert tab.evaluate("caught") == []
    assert stored.events() == []


def test_storage_that_is_blocked_costs_no_event(stored):
    stored.context.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new Error('blocked') }})"
    )
    stored.add("/", pixel='data-consent="3"', head=TRAP)
    tab = stored.visit("/")
    tab.evaluate("footfall('n', {props: {n: 1}})")
    caught = tab.evaluate("caught")
    tab.close()

    [view] = stored.wait(1, "page_view")
    [event] = stored.wait(1, "n")
    assert caught == []
    # In memory the ids live as long as the page.
    assert (view["session"], view["visitor"]) == (event["session"], event["visitor"])


def test_a_blocked_script_leaves_the_page_as_it_is(stored):
    stored.context.route("**/pixel*.js", lambda route: route.abort())
    stub = (
        "<script>window.footfall = function () { (footfall.q = footfall.q || []).push(arguments) };</script>"
    )
    stored.add("/", head=TRAP + stub, body='<a href="/next">next</a>')
    stored.add("/next", head=TRAP)
    tab = stored.open("/")

    tab.evaluate("footfall('x')")
    tab.click("a")
    tab.wait_for_url("**/next")

    assert tab.evaluate("caught") == []
    assert stored.events() == []


def test_36_post_beacon_and_image_bring_the_same_event(stored):
    """One event, frozen as text, by each way: the collector stores the same bytes."""
    tab = stored.visit("/")
    ways = {
        "post": "fetch(e + '/collect', {method: 'POST', body: b(t), credentials: 'omit'})",
        "beacon": "navigator.sendBeacon(e + '/collect', b(t))",
        "image": "Object.assign(new Image(), {src: e + '/pixel.gif?' + new URLSearchParams("
        "{site: s, sent_at: Date.now(), event: t})})",
    }
    for way, script in ways.items():
        event = {
            "id": f"same-{way}-{stored.server.origin[-5:]}",
            "type": "n",
            "url": stored.server.origin + "/",
        }
        event |= {"occurred_at": 1795245598996, "props": {"n": 1, "x": "é", "yes": True}, "view_id": "v"}
        body = """const b = (t) => JSON.stringify({site: s, sent_at: Date.now()}).slice(0, -1) +
            ',"events":[' + t + ']}';"""
        tab.evaluate(f"([e, s, t]) => {{ {body} {script} }}", [stored.endpoint, SITE_KEY, json.dumps(event)])
    stored.wait(3, "n")

    lines = [line for line in stored.lines() if line["type"] == "n"]
    without_id = [{**line["event"], "id": ""} for line in lines]
    assert without_id[0] == without_id[1] == without_id[2]
    assert len({line["visitor_id"] for line in lines}) == 1


def test_42_a_path_of_any_length_is_kept_up_to_what_an_event_may_hold(stored):
    tab = stored.visit("/")
    tab.evaluate("history.pushState({}, '', '/' + 'x'.repeat(4000))")
    stored.wait(2, "page_view")
    tab.evaluate("history.pushState({}, '', '/' + 'y'.repeat(40000))")
    tab.wait_for_timeout(300)
    tab.evaluate("history.pushState({}, '', '/end')")

    third = stored.wait(3, "page_view")[2]
    assert third["url"].endswith("/end")


def test_what_is_dropped_is_told(site):
    """Of 150 events at once 100 wait; the next batch says that 50 were lost."""
    tab = site.visit("/")
    site.collector.wait_for_events(1)
    site.collector.answers.append((503, {}))

    tab.evaluate("for (let n = 0; n < 150; n++) footfall('n', {props: {n}})")
    site.collector.wait_for_events(101)
    tab.evaluate("footfall('end')")
    tab.close()
    site.collector.wait_for(lambda collector: collector.events[-1]["type"] == "end")

    taken = [json.loads(post.body) for post in site.collector.posted if post.answer[0] < 300]
    assert sum(batch["lost"] for batch in taken) == 50
    assert max(batch["queued"] for batch in taken) > 0


def test_a_batch_that_comes_again_says_how_often_it_failed(site):
    site.collector.answers.append((503, {}))

    site.visit("/")

    assert [json.loads(post.body)["retries"] for post in site.collector.posted] == [0, 1]
