"""Questions: their grammar, and that each number is that of the delivered files to its last digit."""

import csv
import io
from datetime import date, timedelta
from decimal import Decimal

import duckdb
import pytest
from support.api_builders import NOW, results, served

from api.measures import dimensions, metrics, sources
from api.tables import LOOKUP_THREADS, THREADS
from footfall.described import table_columns

TODAY = NOW.date()
DAYS = [TODAY - timedelta(days=n) for n in range(6)]


def a_day(day, **more):
    return {"date": day, "visitors": 3, "sessions": 2, "page_views": 5, "bounces": 1, **more}


def test_counts_add_up_over_days_and_shares_are_of_their_sums(api):
    api.publish("daily_metrics", [a_day(DAYS[0]), a_day(DAYS[1], sessions=5, bounces=1, page_views=7)])

    reply = api.query(metrics=["page_views", "sessions", "bounce_rate"])

    assert results(reply) == [((), (12, 7, 0.2857))]


def test_a_day_is_told_as_it_was_delivered_with_all_digits(api):
    api.publish("daily_metrics", [a_day(DAYS[1], revenue=Decimal("12.3400"), lcp_p75_ms=1834.062)])

    reply = api.query(metrics=["revenue", "lcp_p75_ms", "visitors"], dimensions=["time:day"])

    assert b"12.3400,1834.062,3]" in reply.body


def test_visitors_of_several_days_are_different_people_and_not_a_sum(api):
    api.publish("daily_metrics", [a_day(DAYS[0], visitors=2), a_day(DAYS[1], visitors=1)])
    api.publish(
        "sessions",
        [
            {"session_id": "a", "visitor_id": "v", "date": DAYS[0]},
            {"session_id": "b", "visitor_id": "v", "date": DAYS[1]},
            {"session_id": "c", "visitor_id": "w", "date": DAYS[0]},
            {"session_id": "d", "visitor_id": "bot", "date": DAYS[0], "is_bot": True},
        ],
    )

    assert results(api.query(metrics=["visitors"])) == [((), (2,))]


def test_names_of_plausible_are_understood_and_answered_as_they_were_asked(api):
    api.publish("daily_metrics", [a_day(DAYS[0])])

    reply = api.query(metrics=["pageviews", "visits"], site_id="shop.example")

    assert results(reply) == [((), (5, 2))]
    assert reply.json["query"]["metrics"] == ["pageviews", "visits"]
    assert reply.json["query"]["site_id"] == "shop"


def test_money_of_two_currencies_is_not_added(api):
    rows = [a_day(DAYS[0], revenue=5, currency="EUR"), a_day(DAYS[1], revenue=7, currency="USD")]
    api.publish("daily_metrics", rows)

    assert results(api.query(metrics=["revenue"])) == [((), (None,))]


SESSIONS = [
    {"session_id": "a", "visitor_id": "v", "date": DAYS[0], "country": "DE", "device": "mobile"},
    {"session_id": "b", "visitor_id": "w", "date": DAYS[0], "country": "SE", "device": "mobile"},
    {"session_id": "c", "visitor_id": "x", "date": DAYS[1], "country": "SE", "device": "desktop"},
    {"session_id": "d", "visitor_id": "x", "date": DAYS[1], "device": "desktop"},
]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ([], {"DE": 1, "SE": 2, "(unknown)": 1}),
        ([["is", "visit:device", ["mobile"]]], {"DE": 1, "SE": 1}),
        ([["is_not", "visit:device", ["mobile"]]], {"SE": 1, "(unknown)": 1}),
        ([["is", "visit:country", ["DE", "SE"]]], {"DE": 1, "SE": 2}),
        ([["contains", "visit:country", ["E"]]], {"DE": 1, "SE": 2}),
        ([["matches", "visit:country", ["^S"]]], {"SE": 2}),
        ([["matches_not", "visit:country", ["^S"]]], {"DE": 1, "(unknown)": 1}),
        (
            [["or", [["is", "visit:country", ["DE"]], ["is", "visit:device", ["desktop"]]]]],
            {"DE": 1, "SE": 1, "(unknown)": 1},
        ),
        ([["not", ["is", "visit:country", ["SE"]]]], {"DE": 1, "(unknown)": 1}),
        ([["and", [["is", "visit:country", ["SE"]], ["is", "visit:device", ["mobile"]]]]], {"SE": 1}),
        ([["is", "visit:country", ["'; DROP TABLE sessions; --"]]], {}),
    ],
)
def test_filters_choose_rows_as_they_say(api, filters, found):
    api.publish_sessions(SESSIONS)

    reply = api.query(metrics=["sessions"], dimensions=["visit:country"], filters=filters)

    assert dict(results(reply)) == {(name,): (count,) for name, count in found.items()}


@pytest.mark.parametrize(
    ("question", "code", "field"),
    [
        ({"metrics": ["visitorz"]}, "unknown_metric", "metrics.0"),
        ({"dimensions": ["visit:countri"]}, "unknown_dimension", "dimensions.0"),
        ({"filters": [["is", "visit:countri", ["DE"]]]}, "unknown_dimension", "filters.0"),
        ({"filters": [["like", "visit:country", ["DE"]]]}, "invalid", "filters.0"),
        ({"filters": [["matches", "visit:country", ["("]]]}, "invalid", "filters"),
        ({"filters": ["is"]}, "invalid", "filters.0"),
        ({"metrics": ["lcp_p75_ms"]}, "not_together", "metrics.0"),
        (
            {"metrics": ["visitors"], "dimensions": ["visit:country", "event:page", "cohort"]},
            "unknown_dimension",
            "dimensions.2",
        ),
        ({"date_range": "fortnight"}, "invalid", "date_range"),
        ({"date_range": ["2026-11-20", "2026-11-19"]}, "invalid", "date_range"),
        ({"date_range": ["2026-11-31", "2026-12-01"]}, "invalid", "date_range"),
        ({"date_range": ["1000-01-01", "2026-12-01"]}, "too_large", "date_range"),
        ({"compare": "yesterday"}, "invalid", "compare"),
        ({"order_by": [["country", "asc"]]}, "invalid", "order_by.0"),
        ({"cursor": "abc"}, "invalid", "cursor"),
        ({"site_id": "other"}, "unknown_site", "site_id"),
        ({"dimensions": ["time:day", "time:week"]}, "invalid", "dimensions"),
    ],
)
def test_what_cannot_be_answered_is_told_by_code_field_and_what_there_is(api, question, code, field):
    api.publish_sessions(SESSIONS)

    reply = api.query(**question)

    assert (reply.json["code"], reply.json["field"]) == (code, field)
    assert reply.status in (404, 413, 422)
    if code.startswith("unknown") or code == "not_together":
        assert reply.json["possible"]


def test_the_near_names_are_told(api):
    assert "visitors" in api.query(metrics=["visitorz"]).json["possible"]
    assert "country" in api.query(dimensions=["visit:countri"]).json["possible"]


def test_days_without_data_have_no_rows_and_no_error_and_the_labels_are_there(api):
    reply = api.query(
        dimensions=["time:day"], date_range=["2020-02-28", "2020-03-01"], include={"time_labels": True}
    )

    assert results(reply) == []
    assert reply.json["meta"]["time_labels"] == ["2020-02-28", "2020-02-29", "2020-03-01"]
    assert reply.json["meta"]["complete_through"] is None
    assert reply.json["meta"]["final"] is False


def test_an_answer_says_what_it_stands_on(api):
    api.publish("daily_metrics", [a_day(DAYS[2]), a_day(DAYS[1], is_final=False)])
    api.lake.put("events/dt=2026-11-20/hour=10/events.parquet", b"x")
    reply = api.query(metrics=["page_views"], dimensions=["time:day"])

    meta = reply.json["meta"]
    assert meta["sampling"] == "none"
    assert meta["model_versions"] == ["2"]
    assert meta["timezone"] == "UTC"
    assert len(meta["sources"]["daily_metrics"]) == 64
    assert [row["final"] for row in reply.json["results"]] == [True, False]


def test_a_repeated_question_is_304_until_something_else_is_published(api):
    api.publish("daily_metrics", [a_day(DAYS[0])])
    body = {"site_id": "shop", "metrics": ["page_views"], "date_range": "7d"}
    first = api.ask("POST", "/v1/query", body=body)

    again = api.ask("POST", "/v1/query", body=body, headers={"if-none-match": first.headers["etag"]})
    whatever = api.ask("POST", "/v1/query", body=body, headers={"if-none-match": "*"})
    api.publish("daily_metrics", [a_day(DAYS[0], page_views=6)])
    after = api.ask("POST", "/v1/query", body=body, headers={"if-none-match": first.headers["etag"]})

    assert (again.status, again.body) == (whatever.status, whatever.body) == (304, b"")
    assert results(after) == [((), (6,))]


def test_another_time_stands_beside_with_the_change_in_percent(api):
    api.publish(
        "daily_metrics", [a_day(DAYS[0], page_views=6), a_day(TODAY - timedelta(days=7), page_views=4)]
    )

    reply = api.query(metrics=["page_views"], date_range="day", compare="previous_period", match_weekday=True)

    row = reply.json["results"][0]
    assert (row["metrics"], row["comparison"]["metrics"], row["comparison"]["change"]) == ([6], [4], [50.0])
    assert reply.json["query"]["compare"] == ["2026-11-13", "2026-11-13"]


def test_days_are_compared_with_the_days_that_have_their_place(api):
    days = [a_day(TODAY - timedelta(days=n), page_views=n) for n in range(4)]
    api.publish("daily_metrics", days)

    reply = api.query(
        metrics=["page_views"], date_range="2d", dimensions=["time:day"], compare="previous_period"
    )

    found = {row["dimensions"][0]: row["comparison"] for row in reply.json["results"]}
    assert found["2026-11-20"]["dimensions"] == ["2026-11-18"]
    assert found["2026-11-20"]["metrics"] == [2]


def test_pages_follow_one_another_without_a_row_lost_or_told_twice(api):
    rows = [
        {"session_id": str(n), "visitor_id": str(n), "date": DAYS[0], "country": f"C{n:02}"}
        for n in range(25)
    ]
    api.publish_sessions(rows)

    seen, cursor = [], None
    while True:
        reply = api.query(
            metrics=["sessions"], dimensions=["visit:country"], pagination={"limit": 10}, cursor=cursor
        )
        seen += [dims[0] for dims, _ in results(reply)]
        cursor = reply.json["next"]
        if cursor is None:
            break

    assert seen == [f"C{n:02}" for n in range(25)]


def test_a_cursor_of_a_table_that_was_published_anew_is_refused(api):
    rows = [{"session_id": str(n), "date": DAYS[0], "country": f"C{n}"} for n in range(3)]
    api.publish_sessions(rows)
    question = {"metrics": ["sessions"], "dimensions": ["visit:country"], "pagination": {"limit": 1}}
    cursor = api.query(**question).json["next"]
    api.publish_sessions(rows[:2])

    reply = api.query(**question, cursor=cursor)

    assert (reply.status, reply.json["field"]) == (422, "cursor")


def test_csv_by_accept_has_the_same_numbers_and_no_formulas(api):
    api.publish_sessions([{"session_id": "a", "visitor_id": "v", "date": DAYS[0], "landing_page": "=1+1"}])

    reply = api.ask(
        "GET",
        "/v1/breakdown?dimension=visit:entry_page&metrics=visitors,bounce_rate&site_id=shop&date_range=7d",
        headers={"accept": "text/csv"},
    )

    assert list(csv.reader(io.StringIO(reply.body.decode()))) == [
        ["visit:entry_page", "visitors", "bounce_rate", "final"],
        ["'=1+1", "1", "0.0", "false"],
    ]


def test_the_get_forms_ask_the_same_question(api):
    api.publish("daily_metrics", [a_day(DAYS[0])])

    got = api.ask("GET", "/v1/timeseries?metrics=page_views&site_id=shop&date_range=7d")
    posted = api.query(metrics=["page_views"], dimensions=["time:day"])

    assert got.json["results"] == posted.json["results"]


def test_a_question_that_takes_too_long_or_too_much_is_told_so(tmp_path):
    with served(tmp_path, FOOTFALL_API_QUERY_SECONDS="1", FOOTFALL_API_QUERY_BYTES="33554432") as api:
        rows = "SELECT count(*) FROM range(400000) AS a(n), range(400000) AS b(n) WHERE (a.n * b.n) % 7 = 3"
        with pytest.raises(Exception, match="too_slow"), api.service.tables.database("one") as database:
            database.execute(rows).fetchall()
        with pytest.raises(Exception, match="too_large"), api.service.tables.database("one") as database:
            database.execute("SELECT list(n) FROM range(30000000) AS t(n)").fetchall()


def test_the_database_of_a_client_reads_no_file_of_anybody_else(api, tmp_path):
    api.publish("daily_metrics", [a_day(DAYS[0])])
    other = tmp_path / "other.csv"
    other.write_text("a\n1\n")

    for threads in (THREADS, LOOKUP_THREADS):
        with api.service.tables.database("two", threads) as database:
            for path in (
                other,
                api.settings.home / "lake" / "marts" / "client=one" / "current.json",
                "/etc/passwd",
            ):
                with pytest.raises(duckdb.PermissionException):
                    database.execute(f"SELECT * FROM read_csv('{path}')")
            with pytest.raises(duckdb.InvalidInputException):
                database.execute("SET enable_external_access = true")


def test_a_new_column_or_report_is_asked_for_without_a_line_of_code_here():
    """Whatever the catalogue publishes by day is there, with its dimensions and the meaning of its YAML."""
    assert {"devices_daily", "geo_daily", "web_vitals_daily"} <= {each.table for each in sources()}
    assert {"country", "page", "event_type", "device", "time:week"} <= set(dimensions())
    numbers = {c.name for c in table_columns("daily_metrics").values() if c.kind in ("BIGINT", "DOUBLE")}
    assert numbers <= set(metrics())


def test_the_days_of_a_site_are_those_of_its_own_time_zone(api):
    """At 23:30 UTC it is the next day in Berlin."""
    api.now = NOW.replace(hour=23, minute=30)

    reply = api.query(site_id="blog", date_range="day")

    assert reply.json["query"]["date_range"] == [str(date(2026, 11, 21))] * 2


def test_a_month_is_compared_with_that_of_the_year_before_over_a_leap_year_too(api):
    api.publish(
        "daily_metrics",
        [
            a_day(date(year, month, 15), page_views=year * 100 + month)
            for year in (2024, 2025)
            for month in (2, 3, 12)
        ],
    )
    asked = {
        "metrics": ["page_views"],
        "date_range": ["2025-01-01", "2025-12-31"],
        "compare": "year_over_year",
    }

    by_month = api.query(dimensions=["time:month"], **asked).json["results"]
    by_day = api.query(dimensions=["time:day"], **asked).json["results"]

    for rows, day in ((by_month, "01"), (by_day, "15")):
        assert [(row["comparison"]["dimensions"], row["comparison"]["metrics"]) for row in rows] == [
            ([f"2024-{month:02}-{day}"], [202400 + month]) for month in (2, 3, 12)
        ]


def test_the_29th_of_february_is_compared_with_the_28th(api):
    api.publish("daily_metrics", [a_day(date(2024, 2, 29)), a_day(date(2023, 2, 28), page_views=2)])

    [row] = api.query(
        metrics=["page_views"],
        dimensions=["time:day"],
        date_range=["2024-02-29", "2024-02-29"],
        compare="year_over_year",
    ).json["results"]

    assert row["comparison"] == {"dimensions": ["2023-02-28"], "metrics": [2], "change": [150.0]}


def test_months_of_a_range_that_is_no_whole_one_stand_beside_the_months_before(api):
    api.publish("daily_metrics", [a_day(date(2026, month, 10), page_views=month) for month in range(7, 12)])

    rows = api.query(
        metrics=["page_views"],
        dimensions=["time:month"],
        date_range=["2026-10-05", "2026-11-12"],
        compare="previous_period",
    ).json["results"]

    assert [(row["metrics"], row["comparison"]["metrics"]) for row in rows] == [([10], [None]), ([11], [9])]


def test_a_day_that_nothing_stands_beside_says_so(api):
    api.publish("daily_metrics", [a_day(DAYS[n]) for n in (0, 1, 3)])
    other = [str(DAYS[3]), str(DAYS[3])]

    rows = api.query(
        metrics=["page_views"],
        dimensions=["time:day"],
        date_range=[str(DAYS[1]), str(DAYS[0])],
        compare=other,
    ).json["results"]

    assert [row["comparison"]["dimensions"] for row in rows] == [[str(DAYS[3])], [None]]


def test_an_answer_that_reaches_further_has_another_etag(api):
    api.publish("daily_metrics", [a_day(DAYS[0])])
    first = api.query().headers["etag"]
    api.reach("one", NOW)

    assert api.query().headers["etag"] != first


def test_an_answer_that_is_kept_is_that_of_what_is_published_now_and_of_the_same_question(api):
    asked = {"metrics": ["sessions"], "dimensions": ["visit:country"]}
    rows = [{"session_id": str(n), "date": DAYS[0], "country": "DE", "device": "mobile"} for n in range(2)]
    for count in (1, 2):
        api.publish_sessions(rows[:count])
        for _ in range(2):
            assert results(api.query(**asked)) == [(("DE",), (count,))]

    assert results(api.query(**asked, filters=[["is", "visit:device", ["desktop"]]])) == []
    assert results(api.query(**asked, date_range=[str(DAYS[1]), str(DAYS[1])])) == []
    assert results(api.query(**{**asked, "metrics": ["bounces"]})) == [(("DE",), (0,))]
    assert results(api.query(**asked, site_id="blog")) == []
