"""What is there once it is opened, keys, notes that come by themselves, and names as they are shown."""

import pytest
from support.dashboard_builders import plot_of, values_of

from dashboard.charts import bars
from dashboard.doors import Door
from dashboard.shown import plain, value_of


@pytest.fixture(autouse=True)
def _at_this_machine(dashboard):
    dashboard.door = Door("open")


def test_what_can_be_filtered_by_is_asked_once_somebody_opens_the_form(dashboard):
    closed = dashboard.look()
    assert not [each for each in closed.selectbox if str(each.key).startswith("w_f_")]

    test = dashboard.look(opened=("w_add_filter",))
    test.selectbox(key="w_f_dimension").select("country").run()
    values = test.multiselect(key="w_f_values_country_is")
    assert "Germany" in values.options
    values.select("Germany").run()
    test.button(key="w_f_apply").click().run()

    assert not test.exception
    assert test.query_params["f"] in ("country:is:DE", ["country:is:DE"])


def test_the_table_of_a_chart_is_there_once_somebody_opens_it(dashboard):
    closed, opened = dashboard.look(), dashboard.look(opened=("x_chart",))

    assert [each.value for each in closed.table if "State" in each.value] == []
    [table] = [each.value for each in opened.table if "State" in each.value]
    assert len(table) == 30


def test_digits_open_the_first_nine_sites_and_all_clients(dashboard):
    test = dashboard.look()
    assert [each.label for each in test.button if str(each.key).startswith("w_key_")] == [
        "One / shop",
        "One / blog",
        "Two / two",
        "All clients",
    ]

    test.button(key="w_key_2").click().run()
    assert test.query_params["site"] in ("blog", ["blog"])

    dashboard.door = Door("share", dashboard.share())
    assert not [each for each in dashboard.look().button if str(each.key).startswith("w_key_")]


def test_vitals_are_drawn_day_by_day(dashboard):
    points = [row for row in values_of(dashboard.seen("content")) if "name" in row and "shown" in row]

    assert [(row["date"][:10], row["name"], row["value"]) for row in points] == [
        ("2026-11-18", "/ · mobile", 2300)
    ]


def test_a_day_on_which_pages_lost_events_has_a_note(dashboard):
    notes = plot_of(dashboard.look(client="one", site="blog")).notes
    of_shop = plot_of(dashboard.seen("overview")).notes

    assert "15 Nov 2026: Pages lost 30 events: an outage" in notes
    assert not [each for each in of_shop if "outage" in each]


def test_a_name_that_turns_its_letters_round_shows_that_it_does():
    name = "shop\u202eelpmaxe"
    in_chart = bars([{"source": name, "visitors": 1}], "source", "visitors")["data"]["values"][0]["source"]

    assert {value_of("source", name), plain(name), in_chart} == {"shop\ufffdelpmaxe"}
