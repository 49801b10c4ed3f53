"""What Plausible's own reference asks is asked here with the same bodies: names, times, letters."""

from datetime import timedelta

import pytest
from support.api_builders import NOW, served

TODAY = NOW.date()


def results(reply):
    assert reply.status == 200, reply.body
    return [(tuple(row["dimensions"]), tuple(row["metrics"])) for row in reply.json["results"]]


def a_view(n: int, **more):
    return {
        "event_id": f"e{n}",
        "session_id": f"s{n}",
        "visitor_id": f"v{n}",
        "date": TODAY,
        "received_hour": NOW,
        "occurred_at": NOW,
        **more,
    }


@pytest.fixture(scope="module")
def viewed(tmp_path_factory):
    pages = ["/Blog/a", "/blog/B", "/about"]
    began = {"date": TODAY, "started_at": NOW}
    sessions = [
        {"session_id": "a", "visitor_id": "v", "city": "Malmö", "region": "Skåne", **began},
        {"session_id": "b", "visitor_id": "w", "city": "MALMÖ", "region": "skåne", **began},
    ]
    with served(tmp_path_factory.mktemp("moving")) as api:
        views = [a_view(n, page=page, host="shop.example") for n, page in enumerate(pages)]
        api.publish("page_views", views)
        api.publish_sessions(sessions)
        api.publish("pages_daily", [{"date": TODAY, "page": "/", "page_views": 1, "avg_scroll_pct": 55.5}])
        yield api


@pytest.mark.parametrize(
    ("filter_", "found"),
    [
        (["contains", "event:page", ["BLOG"]], 0),
        (["contains", "event:page", ["BLOG"], {"case_sensitive": True}], 0),
        (["contains", "event:page", ["BLOG"], {"case_sensitive": False}], 2),
        (["contains_not", "event:page", ["BLOG"], {"case_sensitive": False}], 1),
        (["is", "event:page", ["/BLOG/A", "/ABOUT"], {"case_sensitive": False}], 2),
        (["is_not", "event:page", ["/BLOG/A"], {"case_sensitive": False}], 2),
        (["matches", "event:page", ["^/BLOG/[AB]$"], {"case_sensitive": False}], 2),
        (["matches", "event:page", ["^/BLOG/[AB]$"]], 0),
        (["matches_not", "event:page", ["^/BLOG"], {"case_sensitive": False}], 1),
    ],
)
def test_letters_are_told_apart_unless_the_filter_says_otherwise(viewed, filter_, found):
    reply = viewed.query(metrics=["visitors"], date_range="day", filters=[filter_])

    assert results(reply) == ([((), (found,))] if found else [])


def test_a_filter_over_any_letters_is_of_more_than_one_value(viewed):
    """So that figures of days, which are of one, do not stand for both."""
    reply = viewed.query(
        metrics=["visitors"],
        date_range="day",
        filters=[["is", "visit:city_name", ["malmö"], {"case_sensitive": False}]],
    )

    assert results(reply) == [((), (2,))]


def test_places_and_hosts_have_the_names_that_they_have_there(viewed):
    places = viewed.query(
        metrics=["visits"], date_range="day", dimensions=["visit:region_name", "visit:city_name"]
    )
    hosts = viewed.query(metrics=["visitors"], date_range="day", dimensions=["event:hostname"])

    assert {dims for dims, _ in results(places)} == {("Skåne", "Malmö"), ("skåne", "MALMÖ")}
    assert results(hosts) == [(("shop.example",), (3,))]


def test_how_far_pages_were_scrolled_has_the_name_that_it_has_there(viewed):
    reply = viewed.query(metrics=["scroll_depth"], date_range="day", dimensions=["event:page"])

    assert results(reply) == [(("/",), (55.5,))]


def test_what_was_imported_may_be_asked_for_by_name(viewed):
    assert viewed.query(include={"imports": True}).status == 200


@pytest.mark.parametrize(
    ("days", "unit"),
    [
        (1, "time:hour"),
        (2, "time:hour"),
        (3, "time:day"),
        (40, "time:day"),
        (41, "time:week"),
        (366, "time:week"),
        (367, "time:month"),
        (3700, "time:month"),
    ],
)
def test_time_is_hours_days_weeks_or_months_by_the_length_of_the_range(viewed, days, unit):
    span = [str(TODAY - timedelta(days=days - 1)), str(TODAY)]

    asked = viewed.query(
        metrics=["visits"], date_range=span, dimensions=["time"], order_by=[["time", "desc"]]
    )

    assert asked.json["query"]["dimensions"] == [unit]
    assert results(asked) == results(viewed.query(metrics=["visits"], date_range=span, dimensions=[unit]))
