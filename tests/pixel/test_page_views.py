"""Which page views are counted, and what each says, in a real browser against a real server."""

import re

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


def test_the_body_is_text_for_which_no_permission_is_asked(site):
    site.visit()

    assert site.collector.posted[0].content_type.startswith("text/plain")
    assert "OPTIONS /collect" not in site.collector.requests


def test_the_referrer_is_the_page_before(site):
    site.add("/", body='<a href="/next">next</a>')
    site.add("/next")
    tab = site.visit("/")

    tab.click("a")
    _, second = site.collector.wait_for_events(2)

    assert second["url"] == site.server.origin + "/next"
    assert second["referrer"] == site.server.origin + "/"


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
