"""The first screen in a real browser: drawn, filtered by a click, shared by a link, narrow, and alone."""

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect
from support.browser import chromium
from support.dashboard_builders import served_dashboard

#: Milliseconds that a page may take on a busy machine.
PATIENCE = 120_000
#: How long one press of a key is waited for.
TRY = 10_000
pytestmark = pytest.mark.browser
#: Whether the second figure stands beside the first.
IN_TWOS = (
    "(([a, b]) => a.getBoundingClientRect().top === b.getBoundingClientRect().top)"
    "([...document.querySelectorAll('[data-testid=stMetric]')])"
)
#: How many things reach beyond the right edge, but those that scroll by themselves.
TOO_WIDE = (
    "[...document.querySelectorAll('[data-testid=stMain] button, canvas, svg')]"
    ".filter(e => e.getClientRects().length && e.getBoundingClientRect().right > innerWidth + 1)"
    ".filter(e => !e.closest('.st-key-periods, [data-testid=stButtonGroup]')).length"
)


@pytest.fixture(scope="module")
def place(dashboard):
    with served_dashboard(dashboard) as url, chromium() as browser:
        yield dashboard, url, browser


@pytest.fixture
def page(place):
    """A page whose requests to other hosts, and errors of its policy, fail the test."""
    _, url, browser = place
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, locale="en-GB")
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE)
    foreign, refused = [], []
    opened.on(
        "request", lambda request: foreign.append(request.url) if _is_foreign(request.url, url) else None
    )
    opened.on(
        "console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None
    )
    yield opened
    context.close()
    assert foreign == [] and refused == []


def _is_foreign(asked, url):
    parts = urlsplit(asked)
    return parts.scheme not in ("data", "blob") and parts.netloc != urlsplit(url).netloc


def _card(page, name="visitors"):
    return page.locator(f".st-key-w_card_{name} button strong")


def _fetched(page, name):
    """Scripts of such a name that the page asked for."""
    return page.evaluate(
        "name => performance.getEntriesByType('resource').map(e => e.name).filter(e => e.includes(name))",
        name,
    )


def _press(page, key, shown, many=1):
    """Press a key until the page shows what it does: a page that is drawn anew loses it."""
    for _ in range(PATIENCE // TRY):
        page.keyboard.press(key)
        try:
            return expect(page.locator(shown)).to_have_count(many, timeout=TRY)
        except AssertionError:
            continue
    raise AssertionError(f"{key} never led to {shown}")


def test_the_first_screen_by_clicks_and_keys_and_on_a_phone(place, page):
    page.goto(place[1], wait_until="commit")
    before = _card(page).inner_text(timeout=PATIENCE)
    assert urlsplit(page.url).path == "/overview"

    page.locator(".st-key-row_devices_0 button").click()
    expect(page.locator(".st-key-w_filter_0 button")).to_be_visible(timeout=PATIENCE)

    assert parse_qs(urlsplit(page.url).query)["f"] == ["device:is:mobile"]
    expect(_card(page)).not_to_have_text(before, timeout=PATIENCE)
    # A click on the map filters too; nothing of it, nor of the chart, needs the library of the other pages.
    page.locator("path.has").first.click(timeout=PATIENCE)
    expect(page.locator(".st-key-w_filter_1 button")).to_be_visible(timeout=PATIENCE)
    page.locator(".st-key-w_filter_1 button").click()
    expect(page.locator(".st-key-w_filter_1 button")).to_have_count(0, timeout=PATIENCE)
    assert _fetched(page, "embed") == [] and _fetched(page, "VegaLite") == []
    # Chart and map are drawn, the keyboard picks another figure, and the address opens the same again.
    expect(page.locator(".plot img")).to_have_count(1, timeout=PATIENCE)
    page.locator(".plot-at").last.hover()
    said = "getComputedStyle(document.querySelector('.plot-at:hover') ?? document.body, '::after').content"
    page.wait_for_function(f"{said}.includes('20 Nov 2026')", timeout=PATIENCE)
    page.locator(".st-key-w_card_sessions button").focus()
    _press(page, "Enter", ".st-key-w_card_sessions button[kind=primary]")
    filtered = _card(page).inner_text()
    page.goto(page.url, wait_until="commit")
    expect(_card(page)).to_have_text(filtered, timeout=PATIENCE)
    expect(page.locator("[role=dialog]")).to_have_count(0)

    _press(page, "Escape", ".st-key-w_filter_0 button", 0)
    assert "f=" not in page.url

    _press(page, "w", ".st-key-w_period_7d button[kind=primary]")
    assert "period=7d" in page.url

    # A digit is a site; the table of the chart comes once it is opened.
    _press(page, "2", ".st-key-w_site_one_blog")
    assert "site=blog" in page.url
    page.locator(".st-key-x_chart summary").click()
    expect(page.locator(".st-key-x_chart table")).to_be_visible(timeout=PATIENCE)

    page.set_viewport_size({"width": 390, "height": 850})
    page.locator(".st-key-row_devices_0 button").wait_for()
    page.wait_for_function("document.documentElement.scrollWidth <= 390")
    page.wait_for_function(f"{TOO_WIDE} === 0")
    # Figures of other pages stand in twos there.
    page.goto(f"{place[1]}/quality?client=one&site=shop", wait_until="commit")
    page.wait_for_function(f"document.querySelectorAll('[data-testid=stMetric]').length === 7 && {IN_TWOS}")


def test_a_shared_link_shows_its_page_and_keeps_its_token_out_of_the_address(place, page):
    made, url, _ = place
    token = made.share("overview")

    page.goto(f"{url}/?share={token}&period=7d", wait_until="commit")
    _card(page).wait_for()

    assert token not in page.url and "period=7d" in page.url
    assert token not in page.content()
    # One page and no menu; another page's address leads back to it.
    assert page.locator("[data-testid=stSidebarNavLink]").count() <= 1
    page.goto(f"{url}/deliveries", wait_until="commit")
    _card(page).wait_for()
    assert page.get_by_text("Verify the bucket").count() == 0
    expect(page.locator("[role=dialog]")).to_have_count(0)
