"""The demo shop in a browser: a whole visit, as a person would make it."""

import sys
import threading
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from support.receiver import SITE_KEY

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


def test_a_visit_from_the_first_page_to_a_purchase(site, shop):
    said = []
    tab = site.page()
    tab.on("console", lambda message: said.append(message.text))
    tab.goto(shop)
    site.collector.wait_for_events(1)

    tab.click("text=See the pieces")
    site.collector.wait_for_events(2)
    tab.click("text=River bowl")
    site.collector.wait_for_events(3)
    tab.click("text=Add to basket")
    site.collector.wait_for_events(5)
    tab.click("text=Buy now")
    tab.close()
    events = site.collector.wait_for_events(6)

    story = [(event["type"], event["url"].removeprefix(shop)) for event in events]
    assert story == [
        ("page_view", ""),
        ("page_view", "products/"),
        ("page_view", "products/bowl.html"),
        ("add_to_cart", "products/bowl.html"),
        ("page_view", "cart.html?item=bowl"),
        ("purchase", "cart.html?item=bowl"),
    ]
    purchase = events[-1]["props"]
    assert (purchase["revenue"], purchase["currency"], purchase["item"]) == (38, "EUR", "bowl")
    assert said == [], "the console is quiet: no policy is broken, nothing is missing"


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
    tab.wait_for_selector("text=/sent signup · 2 events/")

    assert tab.text_content(".sent li:first-child").startswith("signup /")
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
