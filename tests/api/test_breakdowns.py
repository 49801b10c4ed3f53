"""Properties of events, clicks, terms of campaigns: what questions tell apart beside the usual dimensions."""

from datetime import timedelta

from support.api_builders import NOW, results

DAYS = [NOW.date() - timedelta(days=n) for n in range(6)]


def properties(*rows):
    """Rows of properties_daily: (day, type, property, value, events, visitors)."""
    names = ("date", "event_type", "property", "value", "events", "visitors")
    return [dict(zip(names, row, strict=True)) | {"sessions": row[5], "conversions": 0} for row in rows]


PROPERTIES = properties(
    (DAYS[0], "signup", "plan", "team", 3, 2),
    (DAYS[0], "signup", "plan", "free", 1, 1),
    (DAYS[0], "signup", "is member", "true", 4, 3),
    (DAYS[1], "signup", "plan", "team", 2, 2),
    (DAYS[1], "purchase", "plan", "team", 1, 1),
)


def test_events_are_told_apart_by_a_property_that_the_site_counts_and_each_is_counted_once(api):
    api.publish("properties_daily", PROPERTIES)
    api.publish("events_daily", [{"date": DAYS[0], "event_type": "signup", "events": 9}])
    plan = ["event:props:plan"]

    assert results(api.query(metrics=["events"], dimensions=plan)) == [(("team",), (6,)), (("free",), (1,))]
    assert results(
        api.query(
            metrics=["events"], dimensions=["event:name"], filters=[["is", "event:props:is member", ["true"]]]
        )
    ) == [(("signup",), (4,))]
    # Of a question that names no property, the table of properties says nothing.
    assert results(api.query(metrics=["events"], dimensions=["event:name"])) == [(("signup",), (9,))]


def test_people_of_a_property_are_told_of_a_day_and_type_and_are_no_sum(api):
    api.publish("properties_daily", PROPERTIES)
    question = {"metrics": ["visitors"], "dimensions": ["time:day", "event:name", "event:props:plan"]}

    of_days, of_all = api.query(**question), api.query(metrics=["visitors"], dimensions=["event:props:plan"])

    assert {row["dimensions"][2]: row["metrics"] for row in of_days.json["results"]}["free"] == [1]
    assert (of_all.status, of_all.json["code"]) == (422, "not_together")


def test_a_property_that_is_not_counted_is_refused_with_those_that_are(api):
    for asked in (
        {"dimensions": ["event:props:colour"]},
        {"filters": [["is", "event:props:colour", ["red"]]]},
    ):
        reply = api.query(metrics=["events"], **asked)

        assert (reply.status, reply.json["code"]) == (422, "unknown_dimension")
        assert reply.json["possible"] == ["event:props:plan", "event:props:is member"]
    two = api.query(metrics=["events"], dimensions=["event:props:plan", "event:props:is member"])
    assert two.status == 422


def test_clicks_of_a_page_are_added_and_sessions_of_elements_are_not(api):
    element = {"date": DAYS[0], "page": "/", "tag": "a", "element_id": "", "text": "Buy", "link": ""}
    rows = [
        element | {"clicks": 3, "visitors": 2, "sessions": 2},
        element | {"tag": "button", "clicks": 1, "visitors": 1, "sessions": 1},
    ]
    api.publish("clicks_daily", rows)

    assert results(api.query(metrics=["clicks"], dimensions=["event:page"])) == [(("/",), (4,))]
    assert results(api.query(metrics=["clicks"], dimensions=["tag"])) == [(("a",), (3,)), (("button",), (1,))]
    of_elements = api.query(metrics=["sessions"], dimensions=["tag", "text", "link", "element_id"])
    assert (of_elements.status, of_elements.json["code"]) == (422, "not_together")


def test_terms_and_contents_of_campaigns_are_dimensions_of_sessions(api):
    said = {"channel": "Email", "source": "letter", "medium": "email", "campaign": "may"}
    api.publish_sessions(
        [
            {
                "session_id": "a",
                "visitor_id": "v",
                "date": DAYS[0],
                "term": "shoes",
                "content": "top",
                **said,
            },
            {"session_id": "b", "visitor_id": "w", "date": DAYS[0], "term": "shoes", **said},
            {"session_id": "c", "visitor_id": "v", "date": DAYS[1]},
        ]
    )

    by_term = api.query(metrics=["sessions", "visitors"], dimensions=["visit:utm_term"])
    by_content = api.query(metrics=["sessions"], dimensions=["visit:utm_content", "visit:utm_campaign"])

    assert results(by_term) == [(("shoes",), (2, 2)), (("(not set)",), (1, 1))]
    assert dict(results(by_content)) == {
        ("top", "may"): (1,),
        ("(not set)", "may"): (1,),
        ("(not set)", "(not set)"): (1,),
    }
