"""One browser and one collector for all of the pixel's tests; for each test a site and a fresh profile.

Two kinds of endpoint: `stored` is the real collector, for what reaches the spool; `collector` is a stand-in
that misbehaves as told, for what the pixel does about it.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from support.browser import chromium
from support.collectors import CollectorProcess
from support.receiver import SITE_KEY, Receiver, receiver
from support.waiting import PATIENCE, wait_until

HERE = Path(__file__).resolve().parent
#: What all tests of this folder share, started by the first that asks. Not session fixtures: playwright
#: allows one at a time, and tests of other folders start their own.
_shared: dict[str, Any] = {}
_stack = ExitStack()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    if nextitem is None or HERE not in nextitem.path.parents:
        _stack.close()
        _shared.clear()


@pytest.fixture
def browser() -> Browser:
    if "browser" not in _shared:
        _shared["browser"] = _stack.enter_context(chromium(back_forward_cache=True))
    return _shared["browser"]


@pytest.fixture
def real_collector(tmp_path_factory: pytest.TempPathFactory) -> CollectorProcess:
    if "collector" not in _shared:
        process = CollectorProcess(tmp_path_factory.mktemp("pixel-collector")).start()
        _stack.callback(process.end)
        _shared["collector"] = process
    return _shared["collector"]


@pytest.fixture
def collector() -> Iterator[Receiver]:
    """The stand-in. Whatever a test sends it must obey the contract."""
    with receiver() as running:
        yield running
        running.check_contract()


def runs(tab: Page, part: str) -> None:
    """Waits until a part of the pixel has run on the page."""
    tab.wait_for_function("(part) => ran.some((src) => src && src.includes(`pixel.${part}`))", arg=part)


@dataclass
class Site:
    """A site with the pixel on its pages, and a visitor with an empty profile."""

    server: Receiver
    endpoint: str
    context: BrowserContext
    errors: list[str] = field(default_factory=list)
    #: Only with the stand-in.
    collector: Receiver | None = None
    #: Only with the real one.
    process: CollectorProcess | None = None
    #: Events of earlier tests: a port may come again.
    earlier: set[str] = field(default_factory=set)

    def add(
        self, path: str, *, title: str = "Title", body: str = "", head: str = "", pixel: str = ""
    ) -> None:
        """A page. `pixel` are attributes added to the script tag; the tag comes last in the head."""
        tag = f'<script defer src="{self.endpoint}/pixel.js" data-site="{SITE_KEY}" {pixel}></script>'
        self.server.pages[path] = (
            f"<!doctype html><html><head><title>{title}</title>{head}{tag}</head><body>{body}</body></html>"
        )

    def page(self) -> Page:
        """A new tab. Every uncaught error of its pages is kept in `errors`."""
        tab = self.context.new_page()
        tab.on("pageerror", lambda error: self.errors.append(str(error)))
        # What the pixel tells the page, from the first answer on.
        tab.add_init_script(
            "window.sent = []; document.addEventListener('footfall-sent', (e) => window.sent.push(e.detail));"
            "window.ran = []; document.addEventListener('load', (e) => window.ran.push(e.target.src), true)"
        )
        return tab

    def open(self, path: str = "/", host: str = "127.0.0.1") -> Page:
        tab = self.page()
        tab.goto(self.origin(host) + path)
        return tab

    def origin(self, host: str = "127.0.0.1") -> str:
        """The site under another name of this machine."""
        return self.server.origin.replace("127.0.0.1", host)

    def visit(self, path: str = "/") -> Page:
        """Opens a page and waits for its page view, with all that the pixel loads after itself."""
        seen = sum(event["type"] == "page_view" for event in self.events())
        tab = self.open(path)
        runs(tab, "interactions")
        # Not any event: that a page before this one was left may arrive only now.
        self.wait(seen + 1, "page_view")
        return tab

    def lines(self) -> list[dict[str, Any]]:
        """The collector's stored lines of this site, in the order of receipt."""
        assert self.process is not None
        port = self.server.origin.rpartition(":")[2]
        return [
            line
            for line in self.process.stored()
            if line["kind"] == "event"
            and f":{port}/" in line["event"]["url"]
            and line["event_id"] not in self.earlier
        ]

    def events(self) -> list[dict[str, Any]]:
        """The pixel's own words, one for each event: repetitions with the same id are left out."""
        if self.collector is not None:
            return self.collector.all_events
        return list({line["event_id"]: line["event"] for line in self.lines()}.values())

    def wait(self, count: int, type: str | None = None) -> list[dict[str, Any]]:
        """The events (of one type) once there are `count` of them."""

        def found() -> list[dict[str, Any]]:
            return [event for event in self.events() if type in (None, event["type"])]

        return wait_until(
            lambda: len(events := found()) >= count and events, lambda: f"not {count}: {found()}"
        )


def _running(browser: Browser, endpoint: str, settings: dict[str, Any], **more: Any) -> Iterator[Site]:
    context = browser.new_context(viewport={"width": 1000, "height": 700}, locale="de-DE", **settings)
    context.set_default_timeout(PATIENCE * 1000)
    try:
        with receiver() as server:
            running = Site(server, endpoint, context, **more)
            if running.process is not None:
                running.earlier = {line["event_id"] for line in running.lines()}
            running.add("/")
            yield running
            context.close()
            assert not running.errors, "the page saw an error"
    finally:
        context.close()


@pytest.fixture
def site(browser: Browser, collector: Receiver) -> Iterator[Site]:
    """A site that sends to the stand-in."""
    yield from _running(browser, collector.origin, {}, collector=collector)


@pytest.fixture
def stored(browser: Browser, real_collector: CollectorProcess) -> Iterator[Site]:
    """A site that sends to the real collector."""
    endpoint = f"http://127.0.0.1:{real_collector.port}"
    yield from _running(browser, endpoint, {}, process=real_collector)


@pytest.fixture
def types(collector: Receiver) -> Callable[[], list[str]]:
    """The types of all events that the stand-in took, in order."""
    return lambda: [event["type"] for event in collector.events]
