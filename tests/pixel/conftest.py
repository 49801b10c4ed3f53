"""One browser for the pixel's tests; for each a site, an endpoint on another origin and a fresh profile."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from support.browser import chromium
from support.receiver import SITE_KEY, Receiver, receiver


# Not for the whole session: playwright allows one at a time, and tests of other folders start their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium(back_forward_cache=True) as running:
        yield running


@pytest.fixture
def collector() -> Iterator[Receiver]:
    """The endpoint. Whatever a test sends it must obey the contract."""
    with receiver() as running:
        yield running
        running.check_contract()


@dataclass
class Site:
    """A site with the pixel on its pages, and a visitor with an empty profile."""

    server: Receiver
    collector: Receiver
    context: BrowserContext
    errors: list[str] = field(default_factory=list)

    def add(
        self, path: str, *, title: str = "Title", body: str = "", head: str = "", pixel: str = ""
    ) -> None:
        """A page. `pixel` are attributes added to the script tag; the tag comes last in the head."""
        tag = f'<script defer src="{self.collector.origin}/pixel.js" data-site="{SITE_KEY}" {pixel}></script>'
        self.server.pages[path] = (
            f"<!doctype html><html><head><title>{title}</title>{head}{tag}</head><body>{body}</body></html>"
        )

    def page(self) -> Page:
        """A new tab. Every uncaught error of its pages is kept in `errors`."""
        tab = self.context.new_page()
        tab.on("pageerror", lambda error: self.errors.append(str(error)))
        # What the pixel tells the page, from the first answer on.
        tab.add_init_script(
            "window.sent = []; document.addEventListener('footfall-sent', (e) => window.sent.push(e.detail))"
        )
        return tab

    def open(self, path: str = "/") -> Page:
        tab = self.page()
        tab.goto(self.server.origin + path)
        return tab

    def visit(self, path: str = "/") -> Page:
        """Opens a page and waits for its page view."""
        seen = len(self.collector.events)
        tab = self.open(path)
        self.collector.wait_for_events(seen + 1)
        return tab


@pytest.fixture
def site(browser: Browser, collector: Receiver) -> Iterator[Site]:
    context = browser.new_context(viewport={"width": 1000, "height": 700}, locale="de-DE")
    try:
        with receiver() as server:
            running = Site(server, collector, context)
            running.add("/")
            yield running
            context.close()
            assert not running.errors, "the page saw an error"
    finally:
        context.close()


@pytest.fixture
def types(collector: Receiver) -> Callable[[], list[str]]:
    """The types of all events that were taken."""
    return lambda: [event["type"] for event in collector.events]
