"""Consent, sessions and ids: what the collector stored of them, and what is on the device. Numbers as in
pixel/README.md."""

import pytest

pytestmark = pytest.mark.browser

DEVICE = "Object.fromEntries(Object.entries(localStorage))"
UUID = r"^[0-9a-f-]{36}$"
GPC = "Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})"
DNT = "Object.defineProperty(navigator, 'doNotTrack', {value: '1'})"
STUB = (
    "<script>window.footfall = window.footfall || function () "
    "{ (footfall.q = footfall.q || []).push(arguments) };"
)


def views(stored, count):
    return stored.wait(count, "page_view")


def on_device(tab):
    """What is kept but for events that wait."""
    return {name: value for name, value in tab.evaluate(DEVICE).items() if not name.startswith("footfall.q.")}


@pytest.mark.parametrize("tier", ["", 'data-consent="0"', 'data-consent="1"'])
def test_25_below_tier_2_nothing_is_kept_and_nothing_tells_people_apart(stored, tier):
    stored.add("/", pixel=tier)
    tab = stored.visit("/?gclid=Cj0KCQ&utm_source=ads")
    tab.evaluate("footfall('signup', {props: {a: 1}}); history.pushState({}, '', '/second')")
    stored.wait(2, "page_view")

    assert stored.context.cookies() == []
    assert tab.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    assert tab.evaluate("indexedDB.databases()") == []
    for event in stored.events():
        assert not {"session", "visitor"} & set(event)
    first, second = views(stored, 2)
    assert first["clicks"] == {"gclid": True}
    assert "clicks" not in second
    assert first["url"].endswith("/?gclid=1&utm_source=ads")
    assert first.get("consent") == (int(tier[-2]) if tier else None)


def test_20_and_22_and_23_a_session_spans_pages_tabs_and_frames_for_thirty_minutes(stored):
    stored.add("/", pixel='data-consent="2"', body='<iframe src="/frame"></iframe>')
    stored.add("/frame", pixel='data-consent="2"')
    stored.open("/")
    views(stored, 2)
    other = stored.open("/")
    views(stored, 4)

    seen = views(stored, 4)
    assert len({view["session"] for view in seen}) == 1
    assert not any("visitor" in view for view in seen)
    assert all(view["consent"] == 2 for view in seen)

    # Half an hour without a sign of life, in one step: what one tab writes, another reads some time later.
    other.evaluate("""() => { const kept = JSON.parse(localStorage.footfall);
      kept.seen -= 30 * 60 * 1000 + 1; localStorage.footfall = JSON.stringify(kept); footfall('later'); }""")
    other.close()
    [later] = stored.wait(1, "later")
    assert later["session"] != seen[0]["session"]


def test_21_events_of_a_page_are_numbered(stored):
    tab = stored.visit("/")
    tab.evaluate("footfall('a'); footfall('b')")
    tab.close()

    events = stored.wait(4)
    assert sorted(event["seq"] for event in events) == list(range(len(events)))


def test_24_what_is_kept_has_the_documented_name_and_life(stored):
    stored.add("/", pixel='data-consent="3"')
    tab = stored.visit("/?gclid=Cj0KCQ")
    [view] = views(stored, 1)

    kept = tab.evaluate("JSON.parse(localStorage.footfall)")
    assert list(on_device(tab)) == ["footfall"]
    assert (kept["session"], kept["visitor"], kept["tier"]) == (view["session"], view["visitor"], 3)
    assert view["clicks"] == {"gclid": "Cj0KCQ"}
    assert view["url"].endswith("/?gclid=Cj0KCQ")

    # Thirteen months later: another one.
    tab.evaluate("kept => { kept.born -= 400 * 864e5; localStorage.footfall = JSON.stringify(kept) }", kept)
    tab.reload()
    again = views(stored, 2)[1]
    assert again["visitor"] != view["visitor"]
    assert again["session"] == view["session"]


def test_consent_given_on_a_page_holds_on_the_next_and_is_an_event(stored):
    tab = stored.visit("/")
    tab.evaluate("footfall('consent', 3)")
    tab.wait_for_function("localStorage.footfall || footfall.state().tier === 3")
    tab.wait_for_function("ran.some((src) => src && src.includes('pixel.identity'))")
    tab.evaluate("footfall('mine')")
    tab.close()
    stored.visit("/").close()

    first, second = views(stored, 2)
    assert not {"visitor", "session"} & set(first)
    [consent] = stored.wait(1, "consent")
    assert consent["props"] == {"from": 1, "to": 3}
    [mine] = stored.wait(1, "mine")
    assert mine["visitor"] == second["visitor"]
    assert mine["session"] == second["session"]
    assert second["consent"] == 3


def test_consent_withdrawn_takes_everything_off_the_device(stored):
    stored.add("/", pixel='data-consent="3"')
    stored.add("/plain")
    tab = stored.visit("/")
    assert on_device(tab)

    tab.evaluate("footfall('consent', 1); footfall('after')")
    tab.wait_for_timeout(50)
    assert on_device(tab) == {}
    tab.close()

    [after] = stored.wait(1, "after")
    assert not {"visitor", "session"} & set(after)
    assert after["consent"] == 1


@pytest.mark.parametrize(("signal", "field"), [(GPC, "gpc"), (DNT, "dnt")])
def test_a_signal_against_tracking_holds_the_tier_and_is_told(stored, signal, field):
    stored.context.add_init_script(signal)
    stored.add("/", pixel='data-consent="3"')

    tab = stored.visit("/")

    [view] = views(stored, 1)
    assert view[field] is True
    assert view["consent"] == 3
    assert not {"visitor", "session"} & set(view)
    assert tab.evaluate(DEVICE) == {}
    assert tab.evaluate("footfall.state().tier") == 1


def test_26_after_opting_out_nothing_and_at_opting_in_one_view(stored):
    stored.add("/", body='<a href="#footfall-optout">out</a>', pixel='data-consent="3"')
    tab = stored.visit("/")
    tab.click("a")
    tab.wait_for_function("localStorage['footfall.off']")
    tab.evaluate("footfall('no'); history.pushState({}, '', '/second')")
    tab.close()
    again = stored.open("/")
    again.wait_for_function("window.footfall && footfall.loaded")
    again.evaluate("footfall('no')")
    again.wait_for_timeout(400)
    assert again.evaluate(DEVICE) == {"footfall.off": "1"}
    before = {event["type"] for event in stored.events()}
    assert before <= {"page_view", "engagement"}
    assert len(views(stored, 1)) == 1

    again.evaluate("footfall('optin')")
    views(stored, 2)
    again.wait_for_timeout(300)

    assert len(views(stored, 2)) == 2
    assert "footfall.off" not in again.evaluate(DEVICE)


def test_who_a_user_is_travels_with_what_follows(stored):
    tab = stored.visit("/")
    tab.evaluate("footfall('identify', 'user-17'); footfall('then'); footfall('alias', 'user-17', 'guest-3')")
    tab.close()
    stored.wait(1, "alias")

    by_type = {event["type"]: event for event in stored.events()}
    assert "user" not in by_type["page_view"]
    assert by_type["identify"]["user"] == by_type["then"]["user"] == by_type["alias"]["user"] == "user-17"
    assert by_type["alias"]["props"] == {"previous": "guest-3"}


def linked(stored, tier=3, **more):
    there = stored.origin("localhost") + "/there"
    pixel = f'data-consent="{tier}" data-domains="127.0.0.1, localhost"'
    stored.add("/", body=f'<a href="{there}">there</a>', pixel=pixel)
    stored.add("/there", pixel=more.get("there", pixel))
    return stored.visit("/")


def test_a_link_to_another_host_of_the_owner_carries_the_ids(stored):
    tab = linked(stored)
    plain = tab.get_attribute("a", "href")

    tab.click("a")
    here, there = views(stored, 2)

    assert (there["visitor"], there["session"]) == (here["visitor"], here["session"])
    assert there["url"] == plain, "the token is not in what is stored"
    tab.wait_for_function("!location.hash")
    assert tab.url == plain, "nor in the address bar"
    assert [event["type"] for event in stored.events() if "_click" in event["type"]] == []


@pytest.mark.parametrize("change", ["late", "another host", "another browser", "cut"])
def test_a_token_that_is_not_for_here_and_now_is_not_taken(stored, change):
    tab = linked(stored)
    tab.evaluate("document.querySelector('a').target = 'other'")
    with stored.context.expect_page() as opened:
        tab.click("a")
    # The link as it was followed, before the page cleaned it.
    opened.value.close()
    tab.evaluate("""() => { window.followed = []; const a = document.querySelector('a');
      a.addEventListener('click', (event) => { event.preventDefault(); followed.push(a.href) }); }""")
    tab.click("a")
    [link] = tab.evaluate("followed")
    assert "#_ff=" in link
    seen = len(stored.events())
    visitor = stored.events()[0]["visitor"]

    other = stored.context.browser.new_context(
        user_agent="Another/1" if change == "another browser" else None
    )
    page = other.new_page()
    if change == "late":
        page.add_init_script("{ const now = Date.now; Date.now = () => now() + 121e3 }")
    if change == "another host":
        link = link.replace("localhost", "127.0.0.1")
    page.goto(link[:-2] if change == "cut" else link, referer=stored.server.origin + "/")
    stored.wait(seen + 1)
    other.close()

    arrived = stored.events()[seen]
    assert arrived["type"] == "page_view"
    assert arrived["visitor"] != visitor


def test_without_consent_links_are_left_as_they_are(stored):
    tab = linked(stored, tier=1)

    tab.click("a")
    _, there = views(stored, 2)

    assert tab.url == stored.origin("localhost") + "/there"
    assert "session" not in there


TCF = """<script>window.__tcfapi = (command, version, callback) => { window.tcf = callback; callback({
  eventStatus: 'tcloaded', gdprApplies: true, purpose: {consents: {%s}}}, true) }</script>"""


@pytest.mark.parametrize(
    ("consents", "tier"), [("", 1), ("1: true", 2), ("1: true, 8: true", 3), ("8: true", 1)]
)
def test_the_tcf_decides_the_tier(stored, consents, tier):
    stored.add("/", head=TCF % consents, pixel='data-modules="consent"')
    tab = stored.open("/")

    tab.wait_for_function("(tier) => window.footfall?.state && footfall.state().tier === tier", arg=tier)
    tab.wait_for_function("ran.some((src) => src && src.includes('pixel.consent'))")
    assert tab.evaluate("footfall.state().consent") == tier
    tab.evaluate("""tcf({eventStatus: 'useractioncomplete', gdprApplies: true,
      purpose: {consents: {1: true, 8: true}}}, true)""")
    assert tab.evaluate("footfall.state().tier") == 3


def test_google_consent_mode_decides_the_tier(stored):
    head = """<script>window.dataLayer = []; function gtag() { dataLayer.push(arguments) }
      gtag('consent', 'default', {analytics_storage: 'denied', ad_storage: 'denied'})</script>"""
    stored.add("/", head=head, pixel='data-modules="consent"')
    tab = stored.open("/")
    tab.wait_for_function("window.footfall?.state && footfall.state().consent === 1")

    tab.evaluate("gtag('consent', 'update', {functionality_storage: 'granted'})")
    assert tab.evaluate("footfall.state().tier") == 2
    tab.evaluate("gtag('consent', 'update', {analytics_storage: 'granted'})")
    assert tab.evaluate("footfall.state().tier") == 3
    tab.evaluate("gtag('consent', 'update', {analytics_storage: 'denied'}); gtag('event', 'x')")
    assert tab.evaluate("[footfall.state().tier, dataLayer.length]") == [2, 5]
