"""Pages over what few sites have: nothing at all, years in one chart, days that are still to come."""

import json

import pytest
from support.client_files import client
from support.dashboard_builders import Dashboard, texts

from dashboard.doors import Door
from dashboard.page_names import PAGE_NAMES
from footfall.access.dashboard import Grant, put_person


@pytest.fixture(autouse=True)
def _at_this_machine(dashboard):
    dashboard.door = Door("open")


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    """Clients of which nothing was published, and who may look."""
    made = Dashboard(tmp_path_factory.mktemp("new"))
    put_person(made.api.settings.home, "carl@one.example", Grant("client", "one"))
    put_person(made.api.settings.home, "vera@one.example", Grant("viewer", "one"))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("who", "page"),
    [
        *(("carl@one.example", page) for page in PAGE_NAMES if page != "agency"),
        *(("vera@one.example", page) for page in ("overview", "journeys")),
    ],
)
def test_a_page_of_a_client_without_data_says_what_to_do_and_nothing_of_days(new, who, page):
    new.door = Door("person", who)

    test = new.look(page)

    said = texts(test).replace("\\", "")
    assert not test.exception and not test.error
    assert "provisional" not in said and "all days are final" not in said
    assert ("No hour is complete yet" in said) == (page in ("overview", "quality"))


def test_all_clients_are_there_before_any_has_data(new):
    new.door = Door("open")

    test = new.look("agency")

    assert not test.exception and not test.error
    assert "One" in texts(test) and "nothing yet" in texts(test)


def test_of_many_sites_a_page_has_fifty_and_one_is_found_by_its_name(tmp_path):
    made = Dashboard(tmp_path)
    sites = [
        {"site_id": f"s{n:02}", "key": f"pk_many_{n:04}", "domains": [f"s{n}.example"]} for n in range(60)
    ]
    made.api.write(client("agency", name="Many", sites=sites))

    test = made.look("agency")
    first, find = test.dataframe[0].value, test.text_input(key="w_agency_find")
    test.selectbox(key="w_agency_page_").select(50).run()
    second = test.dataframe[0].value
    find.set_value("MANY s07").run()
    made.close()

    assert not test.exception and not test.error
    assert list(first["Site"]) == [f"s{n:02}" for n in range(50)]
    assert list(second["Site"])[:10] == [f"s{n:02}" for n in range(50, 60)]
    assert list(test.dataframe[0].value["Site"]) == ["s07"]


def _drawn(test):
    """The layers of the chart over time."""
    spec = json.loads(test.get("vega_lite_chart")[0].proto.spec)
    return spec["layer"][0]["layer"]


def test_a_chart_of_a_year_by_day_shows_its_line_and_the_months(dashboard):
    year, month = (_drawn(dashboard.look(period=each, interval="day")) for each in ("12mo", "30d"))

    points = [
        [each["mark"]["opacity"] for each in layers if each["mark"]["type"] == "point"]
        for layers in (year, month)
    ]
    axes = [layers[0]["encoding"]["x"]["axis"] for layers in (year, month)]
    assert points == [[0], [1]]
    assert axes[0]["tickCount"] == {"interval": "month", "step": 1} and "%Y" in axes[0]["labelExpr"]
    assert axes[1]["tickCount"] == "day" and "labelExpr" not in axes[1]


@pytest.mark.parametrize(("measure", "step"), [("visitors", 1), ("views_per_session", None)])
def test_people_are_counted_in_whole_numbers(dashboard, measure, step):
    axis = _drawn(dashboard.look(measure=measure))[0]["encoding"]["y"]["axis"]

    assert axis.get("tickMinStep") == step


def test_days_that_are_still_to_come_are_said_to_be(dashboard):
    asked, usual = (texts(dashboard.look(period=each)) for each in ("2027-01-01,2027-01-31", "7d"))

    assert "Days after 20 Nov 2026 have not come yet" in asked.replace("\\", "")
    assert "have not come yet" not in usual


def test_a_change_against_days_before_the_first_figures_says_so(dashboard):
    early, late, without = (
        texts(dashboard.look(**each)).replace("\\", "")
        for each in ({}, {"period": "7d"}, {"compare": "none"})
    )

    assert "compared days have figures from 12 Oct 2026 on only" in early
    assert "compared days" not in late and "compared days" not in without


@pytest.mark.parametrize(("language", "written"), [("en", "YYYY-MM-DD"), ("de", "DD.MM.YYYY")])
def test_days_in_tables_are_written_as_the_language_does(dashboard, language, written):
    test = dashboard.look("quality", lang=language)

    [days] = [each for each in test.dataframe if len(each.value) == 30]
    assert written in days.proto.columns
    assert str(days.value.iloc[0, 0]) == "2026-10-22"
