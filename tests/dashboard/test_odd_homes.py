"""Pages over what few sites have: nothing at all, years in one chart, days that are still to come."""

import json
import re
from datetime import date, timedelta
from itertools import accumulate, pairwise

import pytest
from support.client_files import client
from support.dashboard_builders import Dashboard, plot_of, texts

from dashboard import plot
from dashboard.atlas import outlines
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


def test_a_chart_of_a_year_by_day_shows_its_line_and_the_months(dashboard):
    year, month = (plot_of(dashboard.look(period=each, interval="day")) for each in ("12mo", "30d"))

    # So many points would cover the line; each day has its hint all the same.
    assert year.lines["points"] == [] and len(year.hints) > 300
    assert len(month.lines["points"]) == len(month.hints) == 30
    assert all(each.startswith("1 ") for each in year.below) and len(year.below) <= 8
    assert [each for each in year.below if "202" in each] == ["1 Dec 2025", "1 Feb 2026"]
    assert month.below[0] == "22 Oct" and len(set(month.below)) == len(month.below)


@pytest.mark.parametrize(("measure", "is_whole"), [("visitors", True), ("views_per_session", False)])
def test_people_are_counted_in_whole_numbers(measure, is_whole):
    assert all(each == int(each) for each in plot.heights(1.5, measure)) is is_whole


@pytest.mark.parametrize(
    ("most", "measure", "said"),
    [
        (0, "visitors", ["0", "1"]),
        (7, "visitors", ["0", "2", "4", "6", "8"]),
        (1_208_085, "page_views", ["0", "500 k", "1 M", "1.5 M"]),
        (0.98, "bounce_rate", ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]),
        (200, "avg_session_seconds", ["0:00", "1:00", "2:00", "3:00", "4:00"]),
    ],
)
def test_the_height_of_a_chart_is_parted_as_people_count(most, measure, said):
    assert [plot.height(each, measure) for each in plot.heights(most, measure)] == said


def test_what_a_stranger_wrote_is_text_in_the_chart_over_time():
    note = {"date": "2026-11-20T00:00:00", "label": "x", "note": '"><script>alert(1)</script>\u202e'}
    row = {
        "date": "2026-11-20T00:00:00",
        "label": "20 Nov 2026",
        "value": 1,
        "before": None,
        "is_final": True,
        "shown": "1",
        "shown_before": "",
        "state": "final",
    }

    drawn = plot.over_time([row], "visitors", [note], text='a "quoted" <b>')

    assert "<script" not in drawn and "&lt;script&gt;alert(1)&lt;/script&gt;\ufffd" in drawn
    assert 'aria-label="a &quot;quoted&quot; &lt;b&gt;"' in drawn


def test_ten_years_of_days_are_a_chart_that_a_browser_bears():
    rows = [
        {
            "date": f"{date(2016, 1, 1) + timedelta(days=n)}T00:00:00",
            "label": "d",
            "value": n % 97,
            "before": n % 89,
            "is_final": True,
            "shown": "1",
            "shown_before": "2",
            "state": "final",
        }
        for n in range(3653)
    ]

    drawn = plot.over_time(rows, "visitors", [], text="")

    assert drawn.count("plot-at") <= 400 and len(drawn) < 400_000


def _points(path):
    """Of a path of steps: all its points, ring by ring."""
    rings = []
    for ring in filter(None, path.split("z")):
        start, steps = (list(map(int, re.findall(r"-?\d+", part))) for part in ring.split("l"))
        pairs = zip(steps[::2], steps[1::2], strict=True)
        rings.append(
            list(accumulate(pairs, lambda at, by: (at[0] + by[0], at[1] + by[1]), initial=(*start,)))
        )
    return rings


def test_the_map_has_each_country_in_one_piece_inside_its_frame():
    found = json.loads(outlines())

    rings = {code: _points(path) for code, path in found["countries"]}
    wide, high = found["size"]
    every = [point for each in rings.values() for ring in each for point in ring]
    assert all(0 <= x <= wide and 0 <= y <= high for x, y in every)
    # Whatever crosses the date line is not drawn across the whole earth.
    longest = max(abs(a - b) for each in rings.values() for ring in each for (a, _), (b, _) in pairwise(ring))
    assert longest < wide / 10
    (canada, brazil, germany, china) = (rings[code][0][0] for code in ("CA", "BR", "DE", "CN"))
    assert canada[0] < brazil[0] < germany[0] < china[0] and germany[1] < brazil[1]


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
