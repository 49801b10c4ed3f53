"""The demo shop in a browser: a whole visit, as a person would make it."""

import sys
import threading
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from support.receiver import SITE_KEY
from support.waiting import wait_until

pytestmark = pytest.mark.browser

_path = Path(__file__).resolve().parents[2] / "pixel" / "serve.py"
_spec = spec_from_file_location("pixel_serve", _path)
assert _spec is not None
serve = module_from_spec(_spec)
sys.modules["pixel_serve"] = serve
_spec.loader.exec_module(serve)


@pytest.fixture
def shop(collector) -> Iterator[str]:
    """The address of the demo site, sending to the test's endpoint."""
    with serve.DemoSite(0, collector.origin, SITE_KEY) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.url
        finally:
            server.shutdown()
            thread.join()


def until(tab, condition):
    """As wait_for_function, which the demo site's policy forbids: it evaluates text in the page."""
    wait_until(lambda: tab.evaluate(condition), condition)


def seen(site, type, count=1):
    """Waits for so many events of a type."""
    return site.wait(count, type)


def test_a_visit_from_the_first_page_to_a_purchase(site, shop):
    said = []
    tab = site.page()
    tab.on("console", lambda message: said.append(message.text))
    tab.goto(shop)
    seen(site, "page_view")

    for number, link in enumerate(("See the pieces", "River bowl"), 2):
        tab.click(f"text={link}")
        seen(site, "page_view", number)
    tab.click("text=Add to basket")
    seen(site, "page_view", 4)
    tab.click("text=Buy now")
    tab.close()
    seen(site, "purchase")

    told = [event for event in site.collector.events if event["type"] != "web_vitals"]
    story = [(event["type"], event["url"].removeprefix(shop)) for event in sorted(told, key=by_time)]
    assert story == [
        ("page_view", ""),
        ("page_view", "products/"),
        ("page_view", "products/bowl.html"),
        ("add_to_cart", "products/bowl.html"),
        ("form_submit", "products/bowl.html"),
        ("page_view", "cart.html?item=bowl"),
        ("purchase", "cart.html?item=bowl"),
    ]
    [purchase] = [event["props"] for event in told if event["type"] == "purchase"]
    assert (purchase["revenue"], purchase["currency"], purchase["item"]) == (38, "EUR", "bowl")
    assert said == [], "the console is quiet: no policy is broken, nothing is missing"


def by_time(event):
    return event["id"]


def test_consent_is_asked_for_and_carried_to_the_shop_under_its_other_name(site, shop):
    tab = site.page()
    tab.goto(shop)
    tab.click("text=Remember me")
    [consent] = seen_after_leaving(site, tab, shop + "about.html", "consent")
    assert consent["props"] == {"from": 1, "to": 3}

    tab.click("[data-other-host]")
    until(tab, "location.hostname === 'localhost' && !location.hash")
    tab.click("text=Remember me")
    tab.evaluate("footfall('there')")
    tab.close()

    [there] = seen(site, "there")
    about = next(event for event in site.events() if event["url"].endswith("about.html"))
    assert there["visitor"] == about["visitor"]


def seen_after_leaving(site, tab, address, type):
    until(tab, "localStorage.footfall")
    tab.goto(address)
    return seen(site, type)


def test_a_page_that_is_not_there_says_so(site, shop):
    site.page().goto(shop + "nothing-here")

    seen(site, "not_found")


def test_the_journal_changes_its_address_without_loading(site, shop):
    tab = site.page()
    tab.goto(shop + "journal/")
    site.collector.wait_for_events(1)
    tab.evaluate("window.sameDocument = true")

    tab.click("text=A glaze from the hedge")
    site.collector.wait_for_events(2)
    tab.go_back(wait_until="commit")
    views = site.collector.wait_for_events(3)

    assert tab.evaluate("window.sameDocument")
    assert [(view["url"].removeprefix(shop), view["title"]) for view in views] == [
        ("journal/", "Where the clay comes from · Fernhill"),
        ("journal/glaze", "A glaze from the hedge · Fernhill"),
        ("journal/", "Where the clay comes from · Fernhill"),
    ]


def test_the_page_shows_what_the_pixel_sent(site, shop):
    tab = site.page()
    tab.goto(shop)
    tab.wait_for_selector("text=/sent page_view · 1 event$/")

    tab.fill("input[type=email]", "someone@shop.example")
    tab.click("text=Sign up")
    tab.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
    tab.wait_for_selector("text=/sent .*signup/")

    assert "signup /" in tab.text_content(".sent ol")
    assert "someone" not in str(site.collector.posted)


def test_an_absent_collector_is_said_and_breaks_nothing(site):
    with serve.DemoSite(0, "http://127.0.0.1:9", SITE_KEY) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            tab = site.page()
            tab.goto(server.url + "cart.html?item=mug")
            tab.wait_for_selector("text=the pixel did not load")
            tab.click("text=Buy now")
            assert "is on its way" in tab.text_content("#basket")
        finally:
            server.shutdown()
            thread.join()
