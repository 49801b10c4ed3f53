"""Which page views are counted, and what each says, in a real browser against a real server."""

import re
import time

import pytest

pytestmark = pytest.mark.browser

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
#: The state of a tab cannot be changed in a browser without windows: the page is told another one.
HIDE = """(state) => {
  Object.defineProperty(document, 'visibilityState', {value: state, configurable: true});
  document.dispatchEvent(new Event('visibilitychange'));
}"""


def urls(site):
    """Paths of all page views in order."""
    views = [event for event in site.collector.events if event["type"] == "page_view"]
    return [view["url"].removeprefix(site.server.origin) for view in views]


def push(tab, path, title=None):
    tab.evaluate("([path]) => history.pushState(null, '', path)", [path])
    if title:
        tab.evaluate("(title) => { document.title = title }", title)


def test_a_page_view_says_when_and_where_it_was(site):
    before = time.time() * 1000
    site.add("/shop", title="Über uns 🌿")

    site.visit("/shop?utm_source=letter&q=a%20b#reviews")

    [view] = site.collector.events
    assert view["type"] == "page_view"
    assert view["nav_type"] == "load"
    assert UUID7.fullmatch(view["id"])
    assert before <= view["occurred_at"] <= time.time() * 1000
    assert int(view["id"].replace("-", "")[:12], 16) == view["occurred_at"]
    assert view["url"] == site.server.origin + "/shop?utm_source=letter&q=a%20b"
    assert view["title"] == "Über uns 🌿"
    assert view["referrer"] == ""
    assert (view["viewport"], view["language"]) == ("1000x700", "de-DE")
    assert re.fullmatch(r"\d+x\d+", view["screen"])
    assert "gpc" not in view
    assert "dnt" not in view
    assert "props" not in view


def test_the_body_is_text_for_which_no_permission_is_asked(site):
    site.visit()

    assert site.collector.posted[0].content_type.startswith("text/plain")
    assert site.collector.requests == ["GET /pixel.js", "POST /collect"]


def test_the_referrer_is_the_page_before(site):
    site.add("/", body='<a href="/next">next</a>')
    site.add("/next")
    tab = site.visit("/")

    tab.click("a")
    _, second = site.collector.wait_for_events(2)

    assert second["url"] == site.server.origin + "/next"
    assert second["referrer"] == site.server.origin + "/"


def test_a_changed_address_is_one_page_view_with_the_title_that_follows(site):
    tab = site.visit("/?utm_source=letter")

    push(tab, "/second", "Second")
    site.collector.wait_for_events(2)
    push(tab, "/third#part", "Third")
    views = site.collector.wait_for_events(3)

    assert urls(site) == ["/?utm_source=letter", "/second", "/third"]
    assert [view["title"] for view in views] == ["Title", "Second", "Third"]
    assert [view["nav_type"] for view in views] == ["load", "spa", "spa"]
    assert [view["referrer"] for view in views[1:]] == [view["url"] for view in views[:2]]
    assert len({view["id"] for view in views}) == 3


def test_back_and_forward_within_a_page_count(site):
    tab = site.visit("/")
    push(tab, "/second")
    site.collector.wait_for_events(2)

    tab.evaluate("history.back()")
    site.collector.wait_for_events(3)
    tab.evaluate("history.forward()")
    site.collector.wait_for_events(4)

    assert urls(site) == ["/", "/second", "/", "/second"]


def test_the_same_page_is_not_counted_again(site):
    tab = site.visit("/?utm_source=letter")

    tab.evaluate("history.replaceState({}, '', location.href)")
    tab.evaluate("history.replaceState({}, '')")
    tab.evaluate("history.pushState({}, '', location.href)")
    tab.evaluate("history.pushState({}, '', '#part')")
    tab.evaluate("location.hash = '#other'")
    tab.evaluate("history.back()")
    tab.wait_for_function("location.hash === '#part'")
    tab.evaluate("history.replaceState({}, '', '?sorted=price')")
    push(tab, "/end")
    site.collector.wait_for_events(2)

    assert urls(site) == ["/?utm_source=letter", "/end"]


def test_a_replaced_address_with_another_path_counts(site):
    tab = site.visit("/")

    tab.evaluate("history.replaceState({}, '', '/inside')")
    site.collector.wait_for_events(2)

    assert urls(site) == ["/", "/inside"]


def test_two_changes_faster_than_the_title_settles_are_two_page_views(site):
    tab = site.visit("/")

    tab.evaluate("history.pushState({}, '', '/a'); document.title = 'A'; history.pushState({}, '', '/b')")
    views = site.collector.wait_for_events(3)

    assert urls(site) == ["/", "/a", "/b"]
    assert views[1]["title"] == "A"


def test_an_address_that_the_browser_refuses_is_the_pages_own_error(site):
    tab = site.visit("/")

    name = tab.evaluate(
        "() => { try { history.pushState({}, '', 'https://other.example/') } catch (e) { return e.name } }"
    )

    assert name == "SecurityError"


def test_a_page_taken_from_the_back_forward_cache_is_a_new_view(site):
    site.add("/next")
    tab = site.visit("/")
    tab.goto(site.server.origin + "/next")
    site.collector.wait_for_events(2)

    tab.go_back(wait_until="commit")
    views = site.collector.wait_for_events(3)

    assert urls(site) == ["/", "/next", "/"]
    assert views[2]["nav_type"] == "bfcache", "the page was loaded again: the pixel keeps it out of the cache"
    assert views[2]["id"] != views[0]["id"]


def test_a_tab_in_the_background_is_counted_when_it_is_first_seen(site):
    site.context.add_init_script(
        "Object.defineProperty(document, 'visibilityState', {value: 'hidden', configurable: true})"
    )
    tab = site.open("/")
    tab.evaluate("history.replaceState({}, '', '/drawn')")

    seen = tab.evaluate("Date.now()")
    tab.evaluate(HIDE, "visible")
    site.collector.wait_for_events(1)
    tab.evaluate(HIDE, "hidden")
    tab.evaluate(HIDE, "visible")
    push(tab, "/end")
    views = site.collector.wait_for_events(2)

    assert urls(site) == ["/drawn", "/end"]
    assert views[0]["occurred_at"] >= seen


def test_a_page_loaded_ahead_is_counted_when_it_is_opened(site, types):
    site.context.add_init_script(
        "Object.defineProperty(document, 'prerendering', {value: true, writable: true})"
    )
    site.add("/", head="<script>addEventListener('load', () => footfall('early'))</script>")
    tab = site.open("/")
    assert site.collector.posted == []

    opened = tab.evaluate("Date.now()")
    tab.evaluate("document.prerendering = false; document.dispatchEvent(new Event('prerenderingchange'))")
    events = site.collector.wait_for_events(2)

    assert sorted(types()) == ["early", "page_view"]
    assert all(event["occurred_at"] >= opened for event in events)


def test_a_snippet_pasted_twice_counts_once(site):
    site.add("/twice", head=site.server.pages["/"])
    tab = site.visit("/twice")
    assert tab.locator("script[data-site]").count() == 2

    push(tab, "/end")
    site.collector.wait_for_events(2)

    assert urls(site) == ["/twice", "/end"]


def test_signals_against_tracking_are_passed_on(site):
    site.context.add_init_script(
        "Object.defineProperty(navigator, 'globalPrivacyControl', {value: true});"
        "Object.defineProperty(navigator, 'doNotTrack', {value: '1'})"
    )

    site.visit()

    [view] = site.collector.events
    assert (view["gpc"], view["dnt"]) == (True, True)
