"""Page views, engagement and scroll: what the collector stored. Numbers are those of pixel/README.md."""

import pytest

pytestmark = pytest.mark.browser

LONG = '<div style="height: 6300px">long</div>'
#: The state of a tab cannot be changed in a browser without windows: the page is told another one.
SHOW = """(state) => {
  Object.defineProperty(document, 'visibilityState', {value: state, configurable: true});
  document.dispatchEvent(new Event('visibilitychange', {bubbles: true}));
}"""


def story(stored):
    """(type, path) in the order in which things happened."""
    events = sorted(stored.events(), key=lambda event: (event["occurred_at"], event["seq"]))
    return [(event["type"], event["url"].partition("127.0.0.1:")[2].partition("/")[2]) for event in events]


def test_1_and_12_one_view_on_load_with_all_its_fields(stored):
    tab = stored.visit("/?utm_source=letter")
    tab.wait_for_timeout(300)

    [line] = stored.lines()
    event = line["event"]
    assert event["type"] == "page_view"
    assert event["nav"] == "load"
    assert event["url"] == stored.server.origin + "/?utm_source=letter"
    assert event["view_id"] == event["id"] == line["event_id"]
    assert (event["viewport"], event["lang"]) == ("1000x700", "de-DE")
    assert "x" in event["screen"]
    assert event["tz"]
    assert event["seq"] == 0
    assert (event["title"], event["referrer"]) == ("Title", "")
    assert line["visitor_id"]


def test_1_the_batch_names_site_and_version(site):
    site.visit()

    body = site.collector.posted[0].body
    assert b'"site":"pk_shop_Hn40rBy6"' in body
    assert b'"pixel":"0.2.0"' in body


def test_2_and_4_and_7_a_changed_address_ends_one_view_and_begins_another(stored):
    tab = stored.visit("/?utm_source=letter")

    tab.evaluate("history.pushState({}, '', '/second?a=1'); document.title = 'Second'")
    stored.wait(3)
    tab.evaluate("history.back()")
    stored.wait(5)

    assert story(stored) == [
        ("page_view", "?utm_source=letter"),
        ("engagement", "?utm_source=letter"),
        ("page_view", "second?a=1"),
        ("engagement", "second?a=1"),
        ("page_view", "?utm_source=letter"),
    ]
    first, second, third = stored.wait(3, "page_view")
    assert [view["nav"] for view in (first, second, third)] == ["load", "push", "pop"]
    assert second["referrer"] == stored.server.origin + "/"
    assert second["title"] == "Second"
    assert len({view["view_id"] for view in (first, second, third)}) == 3
    assert [event["view_id"] for event in stored.wait(2, "engagement")] == [
        first["view_id"],
        second["view_id"],
    ]


@pytest.mark.parametrize(("attribute", "views"), [("", 1), ("data-hash", 3)])
def test_3_fragments_count_in_hash_mode_only(stored, attribute, views):
    stored.add("/", pixel=attribute)
    tab = stored.visit("/")

    tab.evaluate("location.hash = 'one'")
    tab.wait_for_timeout(250)
    tab.evaluate("location.hash = 'two'")
    tab.wait_for_timeout(250)
    tab.evaluate("footfall('end')")
    tab.close()
    stored.wait(1, "end")

    assert len(stored.wait(views, "page_view")) == views
    if views > 1:
        assert stored.wait(3, "page_view")[2]["url"].endswith("/#two")


def test_5_a_replaced_address_with_the_same_path_is_no_view(stored):
    tab = stored.visit("/")

    tab.evaluate("history.replaceState({}, '', '/?sorted=price'); footfall('end')")
    tab.close()
    stored.wait(1, "end")

    assert len(stored.wait(1, "page_view")) == 1


def test_6_by_hand_nothing_is_automatic_and_later_events_carry_the_stated_address(stored):
    link = '<a href="https://out.example/" onclick="event.preventDefault()">out</a>'
    stored.add("/", pixel="data-manual", body=link)
    tab = stored.open("/")
    tab.wait_for_function("window.footfall && footfall.loaded")

    tab.click("a")
    tab.evaluate("history.pushState({}, '', '/b')")
    tab.evaluate("footfall('page_view', {url: '/stated?x=1', title: 'Mine', props: {a: 1}})")
    tab.wait_for_timeout(250)
    tab.evaluate("footfall('later')")
    tab.close()
    stored.wait(3)

    assert story(stored) == [
        ("page_view", "stated?x=1"),
        ("later", "stated?x=1"),
        ("engagement", "stated?x=1"),
    ]
    [view] = stored.wait(1, "page_view")
    assert (view["title"], view["props"], view["nav"]) == ("Mine", {"a": 1}, "call")


def test_8_and_25_nothing_of_the_pixel_tells_the_first_visit_from_the_second(stored):
    """By default there is no id on the device; the collector's daily hash makes both one visitor."""
    stored.visit("/").close()
    stored.visit("/").close()

    first, second = [line for line in stored.lines() if line["type"] == "page_view"]
    assert first["visitor_id"] == second["visitor_id"]
    for line in (first, second):
        assert not {"visitor", "session", "user"} & set(line["event"])


def test_9_a_page_from_a_file_is_not_counted_and_a_local_one_is_marked(stored, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(f'<script src="{stored.endpoint}/pixel.js" data-site="pk_shop_Hn40rBy6"></script>')
    tab = stored.page()
    tab.goto(page.as_uri())
    assert tab.evaluate("typeof footfall") == "undefined"

    stored.visit("/")
    [line] = stored.lines()
    assert line["is_declared_host"] is False


def test_10_a_view_that_the_page_drops_has_no_engagement(stored):
    hook = (
        "<script>window.footfall = function () { (footfall.q = footfall.q || []).push(arguments) };"
        "footfall('beforeSend', (event) => event.type === 'page_view' && event.url.includes('secret')"
        " ? null : event)</script>"
    )
    stored.add("/secret", head=hook)
    tab = stored.open("/secret")
    tab.wait_for_timeout(250)

    tab.evaluate("history.pushState({}, '', '/open')")
    tab.wait_for_timeout(250)
    tab.close()
    stored.wait(2)

    assert story(stored) == [("page_view", "open"), ("engagement", "open")]


def test_11_a_page_in_the_background_counts_when_it_is_seen(stored):
    stored.context.add_init_script(
        "Object.defineProperty(document, 'visibilityState', {value: 'hidden', configurable: true})"
    )
    tab = stored.open("/")
    tab.wait_for_timeout(300)
    assert stored.events() == []

    seen = tab.evaluate("Date.now()")
    tab.evaluate(SHOW, "visible")

    [view] = stored.wait(1)
    assert view["occurred_at"] >= seen


def test_11_a_page_loaded_ahead_counts_when_it_is_opened(stored):
    stored.context.add_init_script(
        "Object.defineProperty(document, 'prerendering', {value: true, writable: true})"
    )
    tab = stored.open("/")
    tab.evaluate("footfall('early')")
    tab.wait_for_timeout(300)
    assert stored.events() == []

    opened = tab.evaluate("Date.now()")
    tab.evaluate("document.prerendering = false; document.dispatchEvent(new Event('prerenderingchange'))")
    events = stored.wait(2)

    assert sorted(event["type"] for event in events) == ["early", "page_view"]
    assert all(event["occurred_at"] >= opened for event in events)


def test_bfcache_a_page_shown_again_is_a_new_view(stored):
    stored.add("/next")
    tab = stored.visit("/")
    tab.goto(stored.server.origin + "/next")
    stored.wait(2, "page_view")

    tab.go_back(wait_until="commit")
    views = stored.wait(3, "page_view")

    assert views[2]["nav"] == "bfcache", "the page was loaded again: the pixel keeps it out of the cache"
    assert views[2]["view_id"] != views[0]["view_id"]
    assert [event["view_id"] for event in stored.wait(2, "engagement")] == [
        view["view_id"] for view in views[:2]
    ]


def test_13_and_17_leaving_tells_the_time_and_the_depth_once(stored):
    stored.add("/", body=LONG)
    tab = stored.visit("/")
    tab.evaluate("scrollTo(0, 1505)")  # of about 6300 px, 700 of them visible
    tab.wait_for_timeout(900)
    tab.close()

    [event] = stored.wait(1, "engagement")
    assert 900 <= event["engaged_ms"] < 6000
    assert 34 <= event["scroll"] <= 36
    assert event["view_id"] == stored.wait(1, "page_view")[0]["view_id"]


def wind(tab, ms):
    tab.clock.run_for(ms)


def visit_with_clock(stored):
    tab = stored.page()
    tab.clock.install()
    tab.goto(stored.server.origin + "/")
    tab.wait_for_function("window.footfall && footfall.loaded")
    tab.clock.run_for(200)
    stored.wait(1)
    return tab


def test_14_time_in_the_background_does_not_count(stored):
    tab = visit_with_clock(stored)
    tab.evaluate("dispatchEvent(new Event('keydown'))")
    wind(tab, 1_000)
    tab.evaluate(SHOW, "hidden")
    [first] = stored.wait(1, "engagement")

    wind(tab, 20_000)
    tab.evaluate(SHOW, "visible")
    wind(tab, 3_200)
    tab.evaluate(SHOW, "hidden")
    _, second = stored.wait(2, "engagement")

    assert 1_000 <= first["engaged_ms"] < 2_500
    assert 3_200 <= second["engaged_ms"] < 4_700


def test_15_short_looks_add_up_until_they_are_worth_an_event(stored):
    tab = visit_with_clock(stored)
    tab.evaluate(SHOW, "hidden")
    stored.wait(1, "engagement")

    for _ in range(4):
        tab.evaluate(SHOW, "visible")
        wind(tab, 1_000)
        tab.evaluate(SHOW, "hidden")
    wind(tab, 3_000)
    _, second = stored.wait(2, "engagement")

    assert 3_000 <= second["engaged_ms"] < 4_500
    assert len(stored.wait(2, "engagement")) == 2


def test_15_without_the_focus_no_time_counts(stored):
    tab = visit_with_clock(stored)
    tab.evaluate("document.hasFocus = () => false; dispatchEvent(new Event('blur'))")
    before = tab.evaluate("performance.now()")
    wind(tab, 10_000)
    tab.evaluate("document.hasFocus = () => true; dispatchEvent(new Event('focus'))")
    wind(tab, 1_000)
    tab.close()

    [event] = stored.wait(1, "engagement")
    assert 1_000 <= event["engaged_ms"] < before + 2_500


def test_idle_time_counts_for_thirty_seconds(stored):
    tab = visit_with_clock(stored)
    wind(tab, 300_000)
    tab.close()

    [event] = stored.wait(1, "engagement")
    assert 30_000 <= event["engaged_ms"] <= 32_000


def test_16_nothing_is_lost_where_pages_change_before_the_answer(site):
    """The first answer takes a second; by then the page is another one."""
    site.add("/next")
    site.collector.delays.append(1.0)
    tab = site.open("/")
    site.collector.wait_for(lambda collector: collector.arriving)

    tab.goto(site.server.origin + "/next")
    site.wait(2, "page_view")
    tab.close()
    site.wait(2, "engagement")

    events = sorted(site.events(), key=lambda event: event["occurred_at"])
    assert [event["type"] for event in events] == ["page_view", "engagement"] * 2
    assert len({event["id"] for event in events}) == 4


@pytest.mark.parametrize(
    ("body", "script", "percent"),
    [
        ('<body style="margin:0"><div style="height: 5000px"></div>', "scrollTo(0, 300)", 20),
        ("short", "", 100),
        # Grows to ten times the window after it was read to the end.
        (
            '<body style="margin:0"><div id="d" style="height: 700px"></div>',
            "d.style.height = '7000px'",
            10,
        ),
    ],
)
def test_19_depth_is_measured_against_the_page_as_it_is_now(stored, body, script, percent):
    stored.add("/", body=body)
    tab = stored.visit("/")
    tab.evaluate(script)
    tab.wait_for_timeout(150)
    tab.close()

    [event] = stored.wait(1, "engagement")
    assert event["scroll"] == percent
