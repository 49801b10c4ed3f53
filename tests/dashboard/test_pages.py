"""Pages as Streamlit runs them: which there are, and that what they say is what the API answers."""

import re
from datetime import date

import pytest
from support.api_builders import a_delivery
from support.dashboard_builders import drawn, plot_of, texts

from dashboard.doors import Door
from dashboard.page_names import OF_SITE
from dashboard.pages import PAGES, pages_of
from dashboard.shown import coded, plain
from dashboard.visitors import Visitor
from footfall.access.dashboard import Grant, put_person

EVERY = {page.name for page in PAGES}
#: What each may see.
MAY = {
    "operator": (Grant("operator"), EVERY),
    "client": (Grant("client", "one"), EVERY - {"agency"}),
    "viewer": (Grant("viewer", "one"), set(OF_SITE)),
    "viewer of a site": (Grant("viewer", "one", "shop"), set(OF_SITE)),
    "viewer of a page": (Grant("viewer", "one", "shop", ("live",)), {"live"}),
    "viewer who was given too much": (Grant("viewer", "one", "shop", ("ask", "overview")), {"overview"}),
    "client of two pages": (Grant("client", "one", None, ("ask", "deliveries")), {"ask", "deliveries"}),
}


@pytest.fixture(autouse=True)
def _at_this_machine(dashboard):
    dashboard.door = Door("open")


@pytest.mark.parametrize("who", list(MAY))
def test_somebody_sees_the_pages_of_their_role_and_no_others(who):
    grant, expected = MAY[who]

    assert {page.name for page in pages_of(Visitor(who, grant))} == expected


#: Page → words that stand on it over the small state.
SAID = {
    "overview": ("Complete through", "Organic Search", "/pricing", "Germany", "mobile"),
    "live": ("As of", "Nobody in the last 30 minutes"),
    "acquisition": ("Organic Search", "Paid Search", "ChatGPT"),
    "content": ("/blog/a-post", "2300"),
    "journeys": ("/pricing", "12"),
    "commerce": ("EUR", "Email", "120"),
    "quality": ("bad_json", "3 late events since"),
    "people": ("The id as delivered files have it",),
    "ask": ("Run",),
    "agency": ("One", "Two", "delivered 55 min ago"),
    "deliveries": ("events", "Verify the bucket", "committed"),
    "usage": ("new-of-one.example", "Approve"),
    "alerts": ("a title", "a cause", "a fix", "Acknowledge"),
    "debug": ("Nothing came in the last hour", "bad_json"),
}


def test_every_page_has_its_words():
    assert set(SAID) == EVERY


@pytest.mark.parametrize("page", sorted(EVERY))
def test_a_page_opens_for_the_operator_and_shows_what_there_is(dashboard, page):
    test = dashboard.seen(page)

    said = texts(test).replace("\\", "")
    assert [each.value for each in test.exception] == []
    assert [each.value for each in test.error] == []
    assert [word for word in SAID[page] if word not in said] == []


def _shown(test):
    """Figure → what its card says."""
    return {
        each.key.removeprefix("w_card_"): each.label.split("**")[1].replace("\\", "")
        for each in test.button
        if each.key.startswith("w_card_")
    }


def test_the_six_figures_are_those_that_the_api_answers(dashboard):
    asked = {
        "site_id": "shop",
        "metrics": ["visitors", "sessions", "page_views", "views_per_session", "bounce_rate"],
        "date_range": "30d",
    }
    test = dashboard.seen("overview")
    visitor = Visitor("x", Grant("client", "one"))
    from api.asking import Question

    inside = visitor.inside(dashboard.service, dashboard.service.client("one"))
    answer = inside.ask("POST", "/v1/query", question=Question.model_validate(asked))
    visitors, sessions, views, per_visit, bounce = answer["results"][0]["metrics"]

    shown = _shown(test)
    assert shown["visitors"] == f"{visitors:,}"
    assert shown["sessions"] == f"{sessions:,}"
    assert shown["page_views"] == f"{views:,}"
    assert shown["views_per_session"] == f"{per_visit:.2f}"
    assert shown["bounce_rate"] == f"{bounce * 100:.1f} %"


def test_a_click_on_a_row_filters_all_and_a_second_one_takes_it_off(dashboard):
    test = dashboard.look(p_places="country")
    everybody = _shown(test)["visitors"]

    test.button(key="row_places_0").click().run()
    filtered = _shown(test)["visitors"]
    said = test.query_params["f"]

    assert said in ("country:is:DE", ["country:is:DE"])
    assert int(filtered) < int(everybody)
    assert test.button(key="w_filter_0").label.startswith("Country is **Germany**")
    test.button(key="w_filter_0").click().run()
    assert _shown(test)["visitors"] == everybody
    assert "f" not in test.query_params


def test_the_address_is_the_whole_view(dashboard):
    test = dashboard.look(
        client="one",
        site="blog",
        period="7d",
        compare="none",
        measure="page_views",
        f=["device:is:mobile", "country:is_not:FR"],
        p_devices="browser",
    )

    assert test.button(key="w_period_7d").proto.type == "primary"
    assert test.button(key="w_card_page_views").proto.type == "primary"
    assert [test.button(key=f"w_filter_{n}").label.split("**")[1] for n in (0, 1)] == ["mobile", "France"]
    assert "Safari" in texts(test) and "desktop" not in [each.label.split(" ")[0] for each in test.button]


def test_days_of_ones_own_are_compared_in_figures_chart_and_address(dashboard):
    test = dashboard.look(period="2026-11-14,2026-11-20", compare="2026-11-01,2026-11-07")
    before = dashboard.look(period="2026-11-01,2026-11-07", compare="none")

    now, then = (int(_shown(each)["page_views"].replace(",", "")) for each in (test, before))
    card = test.button(key="w_card_page_views").label.replace("\\", "")
    assert f"{abs(round((now - then) / then * 100))} %" in card
    assert plot_of(test).hints[0][2].endswith("(1 Nov 2026)")
    assert test.query_params["compare"] in ("2026-11-01,2026-11-07", ["2026-11-01,2026-11-07"])
    # Chosen in the list, they begin as the period before.
    other = dashboard.look(period="2026-11-14,2026-11-20")
    other.selectbox(key="w_compare_previous_period").select("own").run()
    assert not other.exception
    assert other.query_params["compare"] in ("2026-11-07,2026-11-13", ["2026-11-07,2026-11-13"])


def test_an_address_that_somebody_made_up_shows_what_there_is(dashboard):
    test = dashboard.look(
        client="nobody",
        site="x",
        period="'; DROP",
        measure="secrets",
        f=["nothing:is:1", "::", "time:day:is:x"],
    )

    assert not test.exception and not test.error
    assert _shown(test)["visitors"] != "–"


@pytest.mark.parametrize(
    ("query", "last"),
    [
        ({"period": "2026-10-31,2026-11-29"}, date(2026, 11, 20)),
        ({"period": "2099-01-01,2099-01-31", "compare": "2099-02-01,2099-02-28"}, date(2026, 11, 20)),
        ({"period": "0003-01-01,0005-01-01"}, date(5, 1, 1)),
    ],
)
def test_days_that_are_not_yet_or_long_ago_leave_every_picker_there(dashboard, query, last):
    test = dashboard.look(**query)

    assert not test.exception and not test.error
    assert [each.value[1] for each in test.date_input if each.key.startswith("w_days_")] == [last]


def test_the_days_after_those_that_are_shown_end_today(dashboard):
    test = dashboard.look(period="2026-10-10,2026-11-08")

    test.button(key="w_later").click().run()

    assert not test.exception and not test.error
    assert test.button(key="w_later").disabled


def test_a_figure_is_chosen_by_its_card_and_the_chart_dots_what_may_change(dashboard):
    test = dashboard.look()
    test.button(key="w_card_bounce_rate").click().run()

    plot = plot_of(test)
    states = {hint[0]: hint[-1] for hint in plot.hints}
    assert test.query_params["measure"] in ("bounce_rate", ["bounce_rate"])
    assert [day for day, state in states.items() if state == "provisional"] == ["19 Nov 2026", "20 Nov 2026"]
    # The whole line and the dotted one meet in the last day that is final.
    assert len(plot.lines["dotted"]) == 3 and plot.lines["dotted"][0] == plot.lines["final"][-1]
    assert len(plot.lines["final"]) == 28 and len(plot.lines["points"]) == len(plot.hints) == 30
    assert plot.hints[0][1].startswith("Bounce rate: ") and plot.heights[0] == "0 %"


def test_freshness_and_late_events_are_always_said(dashboard):
    said = [each.value.replace("\\", "") for each in dashboard.seen("overview").caption]

    assert any("Complete through 20 Nov 2026 12:00 (UTC) · 3 late events since" in each for each in said)


def test_a_day_is_shown_by_its_hours_as_far_as_they_are_known(dashboard):
    hints = plot_of(dashboard.look(period="day")).hints

    assert [hint[0] for hint in hints] == [f"20 Nov 2026 {hour:02}:00" for hour in range(12)]
    visitors = {hint[0][-5:-3]: hint[1] for hint in hints}
    assert visitors["00"] == "Visitors: 0" and visitors["01"] not in ("Visitors: 0", "Visitors: –")


def test_a_note_that_somebody_writes_on_a_day_is_in_the_chart_until_it_is_removed(dashboard):
    put_person(dashboard.api.settings.home, "carl@one.example", Grant("client", "one"))
    dashboard.door = Door("person", "carl@one.example")
    test = dashboard.look(opened=("x_notes",))

    test.text_input(key="w_note_text").set_value("Sale of *all* socks")
    next(each for each in test.button if each.label == "Add a note").click().run()

    assert [note for note in plot_of(test).notes if "socks" in note] == ["20 Nov 2026: Sale of *all* socks"]
    # Whoever only looks reads it, and cannot take it away.
    dashboard.door = Door("share", dashboard.share())
    shared = dashboard.look(opened=("x_notes",))
    assert "Sale of" in texts(shared)
    assert not [each for each in shared.button if "note" in str(each.key).lower()]
    dashboard.door = Door("person", "carl@one.example")
    again = dashboard.look(opened=("x_notes",))
    next(each for each in again.button if str(each.key).startswith("w_note_")).click().run()
    assert "socks" not in texts(again)


def test_a_page_that_no_filter_applies_to_says_so_where_one_is_set(dashboard):
    test = dashboard.look("quality", f=["device:is:mobile"])

    assert "do not apply to this page" in texts(test)
    assert not [each for each in test.selectbox if each.label == "Compare"]


def test_what_was_refused_is_only_that_and_steps_are_in_their_order(dashboard):
    refused = next(each.value for each in dashboard.seen("debug").dataframe if "Detail" in each.value)
    steps = next(each.value for each in dashboard.seen("quality").dataframe if "Step" in each.value)

    assert list(refused["Detail"]) == ["bad_json"]
    assert list(steps["Step"]) == ["received", "kept", "quarantined", "consent"]


@pytest.mark.parametrize(
    ("said", "markdown"),
    [
        ("`footfall x *y*`, or wait.", "`footfall x *y*`, or wait\\."),
        ("*a* and\n`b", "\\*a\\* and \\`b"),
        ("``x``", "x"),
    ],
)
def test_a_command_in_a_sentence_is_code_and_the_rest_is_text(said, markdown):
    assert coded(said) == markdown


def test_filters_that_no_table_has_together_are_said_and_do_not_fail(dashboard):
    test = dashboard.look(f=["page:is:/pricing", "channel:is:Direct"])

    assert not test.exception and not test.error
    assert "no table has both" in texts(test)


@pytest.mark.parametrize("page", ["commerce", "content", "acquisition"])
def test_no_figure_stands_below_a_filter_that_it_does_not_go_by(dashboard, page):
    unfiltered = {"commerce": "120.00", "content": "2300", "acquisition": "ChatGPT"}[page]
    by_country, by_channel = ({"f": [each]} for each in ("country:is:DE", "channel:is:Email"))

    test = dashboard.look(page, **by_country)

    assert not test.exception and not test.error
    assert "no table has both" in texts(test) and unfiltered in texts(dashboard.seen(page))
    assert unfiltered not in texts(test)
    if page == "commerce":
        assert unfiltered in texts(dashboard.look(page, **by_channel))


def _a_list_with_a_long_name():
    import types

    import streamlit as st

    from dashboard import parts

    st.session_state["language"] = "en"
    name = f"[win](https://evil.example/{'x' * 50})"
    parts.bars(types.SimpleNamespace(filters=()), "x", [(name, 1)], "campaign", total=None)


@pytest.mark.parametrize(
    "written", ["https://evil.example/x", "HTTP://evil.example", "www.evil.example", "a@evil.example"]
)
def test_no_text_of_a_stranger_becomes_a_link(written):
    # Streamlit's Markdown looks for these in each stretch of text, after all that was escaped is text.
    read = plain(written).replace("\\", "").split(":gray[]")
    linked = r"(?i)(https?://|www(?=\.))([-.\w]+)|([-.\w+]+)@([-\w]+(?:\.[-\w]+)+)"

    assert re.search(linked, written) and not any(re.search(linked, each) for each in read)
    assert "".join(read) == written, "whoever copies it has what was written"


def test_what_strangers_wrote_is_text_in_the_help_of_a_row_too():
    row = drawn(_a_list_with_a_long_name).button[0]

    assert row.help.startswith("\\[win\\]\\(https:gray[]\\://evil")


def test_all_clients_are_shown_as_their_deliveries_are_now(dashboard):
    rows, before = dashboard.api.installation.rows, dashboard.api.installation.rows["two"]
    test = dashboard.look("agency")
    old = a_delivery(start="2026-01-01T00:00:00.000Z", state="planned", error="no bucket", committed_at=None)

    rows["two"] = [*before, *[a_delivery(start=f"2026-11-{n % 28 + 1:02}") for n in range(1000)], old]
    test.run()
    rows["two"] = before

    assert "exports with an error: 1" in texts(test).replace("\\", "")


def test_one_language_speaks_throughout(dashboard):
    said = texts(dashboard.look(lang="de"))

    assert "Besucher" in said and "Seitenaufrufe" in said and "Vollständig bis" in said
    assert "Visitors" not in said
