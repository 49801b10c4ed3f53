"""Filters by what was done, segments of the client file, and hours: what is asked and what is refused."""

from datetime import date

import pytest
from support.api_builders import results, two_clients
from support.waiting import wait_until

DAY = date(2026, 11, 19)
WHOLE = {"metrics": ["sessions"], "date_range": [DAY.isoformat(), DAY.isoformat()]}


@pytest.fixture
def visits(api):
    """Three sessions: `a` on a telephone that bought, `b` on a telephone, `c` on a desk that bought."""
    rows = [("a", "mobile", 8), ("b", "mobile", 9), ("c", "desktop", 9)]
    sessions = [
        {
            "session_id": each,
            "visitor_id": each,
            "device": device,
            "currency": "EUR",
            "date": DAY,
            "started_at": f"{DAY}T{hour:02}:30:00Z",
        }
        for each, device, hour in rows
    ]
    api.publish_sessions(sessions)
    api.publish(
        "conversions",
        [
            {"event_id": each, "session_id": each, "conversion": "purchase", "page": "/thanks", "date": DAY,
             "is_bot": False, "received_hour": f"{DAY}T08:00:00Z"}
            for each in "ac"
        ],
    )  # fmt: skip
    return api


def test_segments_stand_for_their_filters_alone_together_and_turned_round(visits):
    def count(*filters):
        return results(visits.query(**WHOLE, filters=list(filters)))

    assert count(["is", "segment", ["mobile"]]) == [((), (2,))]
    assert count(["is", "segment", ["buyers"]]) == [((), (2,))]
    assert count(["is", "segment", ["buyers"]], ["is", "segment", ["mobile"]]) == [((), (1,))]
    assert count(["is", "segment", ["buyers", "mobile"]]) == [((), (3,))]
    assert count(["is_not", "segment", ["mobile"]]) == [((), (1,))]
    assert count(["has_not_done", ["is", "event:page", ["/thanks"]]]) == [((), (1,))]


def test_hours_are_those_of_the_day_and_stand_beside_the_same_hour_before(visits):
    reply = visits.query(
        **WHOLE, dimensions=["time:hour"], compare="previous_period", include={"time_labels": True}
    )

    assert results(reply) == [((f"{DAY} 08:00:00",), (1,)), ((f"{DAY} 09:00:00",), (2,))]
    assert reply.json["results"][0]["comparison"]["dimensions"] == ["2026-11-18 08:00:00"]
    assert len(reply.json["meta"]["time_labels"]) == 24
    told = visits.ask(
        "GET", "/v1/timeseries?site_id=shop&interval=hour&metrics=sessions&date_range=2026-11-19,2026-11-19"
    )
    assert results(told) == results(reply)


@pytest.mark.parametrize(
    ("filters", "field", "said"),
    [
        ([["is", "segment", ["moble"]]], "filters.0.2", "mobile"),
        ([["is", "segment", ["wrong"]]], "segments.wrong.filters.0", "visit:colour"),
        ([["contains", "segment", ["mob"]]], "filters.0", "`is` or `is_not`"),
        ([["has_done", ["is", "segment", ["mobile"]]]], "filters.0.1", "has_done"),
        ([["has_done", ["has_done", ["is", "event:page", ["/"]]]]], "filters.0.1", "another"),
        ([["has_done", ["is", "visit:country", ["DE"]]]], "filters.0.1", "event:page"),
        ([["has_done", ["is", "event:goal", ["signup"]]]], "filters", "conversions"),
        ([["has_done"]], "filters.0", "write a filter"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_place_and_what_there_is(api, filters, field, said):
    reply = api.query(**WHOLE, filters=filters)

    assert reply.status == 422, reply.body
    assert reply.json["field"] == field
    assert said in reply.body.decode()


def test_what_a_report_alone_has_is_not_to_be_had_by_what_was_done(api):
    reply = api.query(metrics=["lines"], date_range="7d", filters=[["has_done", ["is", "event:page", ["/"]]]])

    assert (reply.status, reply.json["code"]) == (422, "not_together")
    assert "sessions" in reply.json["possible"]


def test_a_segment_that_means_something_else_by_now_is_another_answer(api):
    of_segment = {"filters": [["is", "segment", ["mobile"]]]}
    before = api.query(**of_segment).headers["etag"]

    other = {"name": "mobile", "filters": [["is", "visit:device", ["desktop"]]]}
    api.write({**two_clients()[0], "segments": [other]})

    wait_until(lambda: api.query(**of_segment).headers["etag"] != before, "the old answer stays")
