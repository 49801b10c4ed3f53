"""One visitor, funnels, retention, quality, the last minutes: as the tables and the lake have them."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from support.api_builders import NOW

from footfall.frames import frames
from footfall.keys import raw_object
from footfall.raw_object import compress_lines
from footfall.sql import run

ELEVEN = NOW.replace(hour=11)
VIEW = {"visitor_id": "v", "session_id": "s1", "date": "2026-11-19"}


def a_line(minute, **more):
    return {
        "v": 2,
        "kind": "event",
        "client_id": "one",
        "site_id": "shop",
        "event_id": f"e{minute}",
        "type": "page_view",
        "received_at": f"2026-11-20T11:{minute:02}:30.000Z",
        "visitor_id": "v",
        "country": "DE",
        "event": {"url": "https://shop.example/a?q=1", "referrer": "https://search.example/x"},
        **more,
    }


def put_lines(api, *lines, name="c1", hour=ELEVEN):
    data = compress_lines(json.dumps(line).encode() for line in lines)
    api.lake.put(raw_object(hour, name, "0" * 64), data)


def test_a_visitor_is_told_with_sessions_and_the_pages_of_each(api):
    api.publish("visitors", [{"visitor_id": "v", "first_source": "newsletter", "sessions": 2}])
    api.publish(
        "sessions",
        [
            {
                "session_id": "s1",
                "visitor_id": "v",
                "date": "2026-11-19",
                "started_at": "2026-11-19 10:00:00Z",
            },
            {
                "session_id": "s2",
                "visitor_id": "v",
                "date": "2026-11-20",
                "started_at": "2026-11-20 10:00:00Z",
            },
            {
                "session_id": "s3",
                "visitor_id": "w",
                "date": "2026-11-20",
                "started_at": "2026-11-20 11:00:00Z",
            },
        ],
    )
    api.publish(
        "page_views",
        [
            VIEW | {"page": "/b", "occurred_at": "2026-11-19 10:05:00Z"},
            VIEW | {"page": "/a", "occurred_at": "2026-11-19 10:00:00Z"},
        ],
    )

    said = api.ask("GET", "/v1/visitors/v").json

    assert said["visitor"]["first_source"] == "newsletter"
    assert [each["session_id"] for each in said["sessions"]] == ["s2", "s1"]
    assert [each["page"] for each in said["sessions"][1]["pages"]] == ["/a", "/b"]
    assert said["sessions"][1]["started_at"] == "2026-11-19T10:00:00.000Z"
    assert "device" in said["sessions"][0] and "device" not in said["sessions"][1]["pages"][0]
    assert {"event_id", "occurred_at", "engaged_seconds"} <= set(said["sessions"][1]["pages"][0])
    assert said["is_whole"] is True
    assert api.ask("GET", "/v1/visitors/v?limit=1").json["is_whole"] is False
    assert api.ask("GET", "/v1/visitors/nobody").json["code"] == "unknown_visitor"
    assert api.ask("GET", "/v1/visitors/v?site_id=blog").json["code"] == "unknown_visitor"


def test_an_older_address_with_a_user_tells_the_same(api):
    api.publish("sessions", [{"session_id": "s1", "visitor_id": "v", "date": "2026-11-19"}])

    assert api.ask("GET", "/analytics/?user_id=v").json == api.ask("GET", "/v1/visitors/v").json


def test_steps_of_a_funnel_are_those_of_the_table_and_an_unknown_one_names_the_known(api):
    rows = [{"funnel": "buy", "date": "2026-11-19", "step": n, "reached": 5 - n} for n in (1, 2)]
    api.publish("funnels", [*rows, {"funnel": "other", "date": "2026-11-19", "step": 1, "reached": 9}])

    said = api.ask("GET", "/v1/funnels/buy?site_id=shop").json

    assert [(row["step"], row["reached"]) for row in said["rows"]] == [(1, 4), (2, 3)]
    assert api.ask("GET", "/v1/funnels/nothing?site_id=shop").json["possible"] == ["buy"]


def test_cohorts_are_asked_for_by_their_mondays(api):
    weeks = ["2026-11-09", "2026-11-16"]
    rows = [{"cohort_week": week, "weeks_later": 0, "cohort_visitors": 3, "retention": 1} for week in weeks]
    api.publish("retention_weekly", rows)

    said = api.ask("GET", "/v1/retention?site_id=shop&date_range=2026-11-10,2026-11-20").json

    assert [row["cohort_week"] for row in said["rows"]] == ["2026-11-16"]


def test_quality_says_of_each_day_what_came_and_whether_it_is_final(api):
    api.publish("daily_metrics", [{"date": "2026-11-19", "received": 9, "duplicates": 2, "is_final": False}])

    [row] = api.ask("GET", "/v1/quality?site_id=shop").json["rows"]
    as_csv = api.ask("GET", "/v1/quality?site_id=shop", headers={"accept": "text/csv"}).body.decode()

    assert (row["date"], row["received"], row["duplicates"], row["is_final"]) == ("2026-11-19", 9, 2, False)
    assert as_csv.splitlines()[1].startswith("2026-11-19,9,")


def test_the_last_minutes_are_those_of_the_lake_of_all_collectors_and_of_this_client(api):
    put_lines(api, a_line(57), a_line(58, visitor_id="w"), a_line(20), name="c1")
    put_lines(api, a_line(57), a_line(59, type="click"), a_line(59, client_id="two", event_id="x"), name="c2")
    put_lines(api, a_line(55, site_id="blog", event_id="y"), name="c3")

    said = api.ask("GET", "/v1/realtime?site_id=shop").json

    by_minute = {each["minute"]: (each["events"], each["page_views"]) for each in said["minutes"]}
    assert len(by_minute) == 30
    assert by_minute["2026-11-20T11:57Z"] == (1, 1), "an event that came twice counts once"
    assert by_minute["2026-11-20T11:59Z"] == (1, 0)
    assert said["newest_event_at"] == "2026-11-20T11:59:30.000Z"
    assert said["as_of"] == "2026-11-20T11:58:45.000Z", "there are collectors elsewhere"
    assert (said["visitors"], said["current_visitors"], said["is_whole"]) == (2, 2, True)
    assert said["pages"] == [{"name": "/a", "page_views": 2}]
    assert said["referrers"] == [{"name": "search.example", "page_views": 2}]
    assert said["countries"] == [{"name": "DE", "page_views": 2}]


def spool_lines(api, *lines, name="20261120T11-c1-1-1763639940000-000001.open"):
    folder = api.settings.spool / "1"
    folder.mkdir(parents=True, exist_ok=True)
    payload = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    (folder / name).write_bytes(frames([payload]))


def test_the_last_minutes_are_those_of_the_spool_too_and_as_of_now_where_no_collector_is_elsewhere(api):
    put_lines(api, a_line(57), name="c1-1-1763639000000-000001")
    spool_lines(api, a_line(57), a_line(59, event_id="new", visitor_id="w"))
    sealed = "20261120T11-c1-1-1763639940000-000000.sealed"
    spool_lines(api, a_line(58, event_id="sealed"), name=sealed)

    said = api.ask("GET", "/v1/realtime?site_id=shop").json

    assert sum(each["events"] for each in said["minutes"]) == 3, "what both hold counts once"
    assert said["as_of"] == said["now"] == "2026-11-20T12:00:00.000Z"
    assert api.ask("GET", "/events/recent").json["count"] == 3
    assert api.ask("GET", "/v1/realtime", role="other").json["newest_event_at"] is None


def test_programs_are_no_visitors_and_those_of_an_ai_are_named(api):
    bot = {"user_agent": "GPTBot/1.2", "visitor_id": "bot"}
    put_lines(api, a_line(57), a_line(58, event_id="b", **bot), a_line(59, event_id="c", **bot), name="c1")

    said = api.ask("GET", "/v1/realtime?site_id=shop").json

    assert said["agents"] == [{"class": "ai_crawler", "name": "GPTBot", "events": 2}]
    assert (said["bot_events"], said["visitors"], sum(m["events"] for m in said["minutes"])) == (2, 1, 1)


def test_a_page_of_the_site_is_not_where_a_visit_came_from(api):
    event = {"url": "https://shop.example/b", "referrer": "https://shop.example/a"}
    put_lines(api, a_line(57), a_line(58, event_id="b", event=event), name="c1")

    said = api.ask("GET", "/v1/realtime?site_id=shop").json

    assert said["referrers"] == [{"name": "search.example", "page_views": 1}]


def test_recent_events_are_the_newest_of_all_collectors_whatever_else_lies_there(api):
    put_lines(
        api, a_line(57), a_line(58, event_id="newer"), {"kind": "refused", "client_id": "one"}, name="c1"
    )
    put_lines(api, a_line(59, event_id="newest"), name="c2")
    api.lake.put(raw_object(NOW.replace(hour=11), "c3", "1" * 64), b"no zstd at all")

    said = api.ask("GET", "/events/recent?limit=2").json

    assert [each["event_id"] for each in said["events"]] == ["newest", "newer"]
    assert api.ask("GET", "/events/recent", role="other").json["count"] == 0


def test_the_recent_events_of_a_site_are_those_however_busy_another_is(api):
    busy = [a_line(58, event_id=f"busy{n}", site_id="blog") for n in range(5)]
    put_lines(api, a_line(57, event_id="quiet"), *busy, name="c1")

    said = api.ask("GET", "/events/recent?limit=2&site_id=shop.example").json

    assert [each["event_id"] for each in said["events"]] == ["quiet"]
    assert api.ask("GET", "/events/recent?site_id=blog", role="site").json["code"] == "unknown_site"


def test_events_are_counted_of_all_days_and_sites(api):
    rows = [{"date": "2026-11-18", "events": 5}, {"date": "2026-11-19", "events": 6, "site_id": "blog"}]
    api.publish("daily_metrics", rows)

    assert api.ask("GET", "/events/count").json["sites"] == {"shop": 5, "blog": 6}
    assert api.ask("GET", "/events/count", role="site").json["count"] == 5


def test_a_column_that_came_with_an_upgrade_is_null_until_it_is_published(api):
    api.publish("sessions", [{"session_id": "s", "visitor_id": "v", "date": "2026-11-19", "country": "DE"}])
    found = api.service.tables.of("one")
    sessions = found.snapshot.tables["sessions"]
    columns = {name: kind for name, kind in sessions.columns.items() if name != "country"}
    older = {**found.snapshot.tables, "sessions": replace(sessions, columns=columns)}
    reading = replace(found, snapshot=replace(found.snapshot, tables=older))

    with reading.database() as database:
        query = "SELECT session_id, country FROM {rows} AS rows"
        assert run(database, query, rows=reading.relation("sessions")).fetchall() == [("s", None)]


def test_the_first_visitors_may_be_asked_for_at_once(api):
    """Each leaves a line in the audit log, and the key by which it names the person is made then."""
    with ThreadPoolExecutor(8) as askers:
        replies = list(askers.map(lambda n: api.ask("GET", f"/v1/visitors/nobody-{n}"), range(24)))

    assert {(reply.status, reply.json["code"]) for reply in replies} == {(404, "unknown_visitor")}
