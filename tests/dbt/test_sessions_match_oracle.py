"""Sessions against cases worked out by hand, and against a second, plain implementation of the rule."""

import json
from datetime import UTC, datetime, timedelta

import pytest

START = datetime(2026, 3, 1, 10, tzinfo=UTC)


def _sizes(connection) -> list[int]:
    rows = connection.execute("select events from sessions order by started_at").fetchall()
    return [row[0] for row in rows]


def _at(*seconds: float) -> list[datetime]:
    return [START + timedelta(seconds=s) for s in seconds]


@pytest.mark.parametrize(
    ("seconds", "sizes"),
    [
        ([0, 1800], [2]),
        ([0, 1800.001], [1, 1]),
        ([0, 1799, 3600], [2, 1]),
        ([0, 0, 0], [3]),
        ([0, 1700, 3400, 5100, 6800], [5]),
        ([n * 1800 for n in range(49)], [48, 1]),
        ([n * 1800 for n in range(98)], [48, 48, 2]),
    ],
    ids=["at the limit", "just over", "one gap", "one moment", "long", "a day", "two days"],
)
def test_gaps_and_lengths(models, database, add_events, seconds, sizes):
    add_events(database, *({"occurred_at": moment} for moment in _at(*seconds)))

    models.rebuild(database)

    assert _sizes(database) == sizes


def test_the_shared_boundary_cases(models, database, add_events, shared):
    """Each case is a visitor of its own. Where the file leaves it open: exactly 30 minutes continue."""
    cases = json.loads((shared / "data/sessions/boundaries.json").read_text())["cases"]
    for case in cases:
        times = _at(*case.get("t", case.get("first_batch_t", ())))
        times += [datetime.fromisoformat(text) for text in case.get("ts", ())]
        add_events(database, *({"occurred_at": t, "visitor_id": case["name"]} for t in times))
    models.rebuild(database)
    before = dict(database.execute("select visitor_id, sessions from visitors").fetchall())
    for case in cases:
        late = START + timedelta(days=1)
        rows = [
            {"occurred_at": t, "visitor_id": case["name"], "received_at": late}
            for t in _at(*case.get("late_t", ()))
        ]
        if rows:
            add_events(database, *rows)
    models.run_window(database, late, late + timedelta(hours=1))
    after = dict(database.execute("select visitor_id, sessions from visitors").fetchall())

    for case in cases:
        name = case["name"]
        final = case.get("sessions_after", case.get("sessions_if_gap_gt", case.get("sessions")))
        assert before[name] == case.get("sessions_before", final), name
        assert after[name] == final, name
        if "duration_s" in case:
            (duration,) = database.execute(
                "select duration_seconds from sessions where visitor_id = ?", [name]
            ).fetchone()
            assert duration == case["duration_s"], name


def test_the_shared_visit_that_another_product_counted(models, database, add_events, shared):
    """One visitor, two visits. The file says where Matomo counts otherwise."""
    case = json.loads((shared / "data/sessions/matomo_one_visitor_two_visits.json").read_text())
    expected = case["expected_30min"]
    for event in case["events"]:
        add_events(
            database,
            {
                "occurred_at": START + timedelta(seconds=event["t"]),
                "event_type": event["type"],
                "url": event.get("url"),
                "host": "example.org",
                "referrer": event.get("referrer"),
                "props": json.dumps({"revenue": event["revenue"]}) if "revenue" in event else None,
            },
        )

    models.rebuild(database)

    rows = database.execute(
        "select page_views, duration_seconds, is_bounce, channel, source from sessions order by started_at"
    ).fetchall()
    assert [row[0] for row in rows] == expected["session_page_views"]
    assert [row[1] for row in rows] == expected["session_durations_s"]
    assert sum(row[2] for row in rows) == expected["bounces"]
    assert [row[3:] for row in rows] == [("Referral", "referrer.com"), ("Organic Search", "yahoo")]
    day = database.execute("select visitors, sessions, page_views, bounce_rate from daily_metrics").fetchall()
    assert day == [(1, 2, 4, expected["bounce_rate"])]


def test_an_unknown_visitor_is_never_two_events(models, database, add_events):
    add_events(database, *({"occurred_at": START, "visitor_id": None} for _ in range(3)))

    models.rebuild(database)

    assert _sizes(database) == [1, 1, 1]
    assert database.execute("select count(*) from visitors").fetchone() == (0,)
    assert database.execute("select visitors, sessions from daily_metrics").fetchall() == [(0, 3)]


@pytest.mark.parametrize(("view_id", "unattributed"), [("7", 1), ("0195e3a0-0000-7000-8000-000000000000", 0)])
def test_a_short_id_of_a_view_names_views_of_its_own_visitor_only(
    models, database, add_events, view_id, unattributed
):
    """A page that counts its views gives every visitor the same ids."""
    view, report = {"view_id": view_id}, {"event_type": "engagement", "view_id": view_id}
    add_events(
        database,
        {"occurred_at": START, **view},
        {"occurred_at": START + timedelta(minutes=1), **report},
        {"occurred_at": START + timedelta(minutes=2), **report, "visitor_id": "tomorrow"},
    )

    models.rebuild(database)

    assert _sizes(database) == [3 - unattributed]
    assert database.execute("select sum(unattributed_reports) from daily_metrics").fetchone() == (
        unattributed,
    )


def test_the_median_of_two_lies_between_them(models, database, add_events):
    """To a ten-thousandth: of decimals DuckDB's own median takes the lower one."""
    add_events(
        database,
        *(
            {"occurred_at": START + timedelta(seconds=seconds), "visitor_id": visitor}
            for visitor, length in (("a", 1.001), ("b", 1.002))
            for seconds in (0, length)
        ),
    )

    models.rebuild(database)

    assert database.execute("select median_session_seconds from daily_metrics").fetchone() == (1.0015,)


def test_hostile_text_in_every_field_breaks_no_model(models, database, add_events):
    """One client's nonsense would otherwise stop the models of all."""
    nasty = [
        "",
        "%",
        "%FF%00",
        "https://",
        "https://[::1",
        "http://a@b@c:d/?utm_source=%C3%28&utm_medium==",
        "\x00'\"\\",
        "é" * 9000,
    ]
    add_events(
        database,
        *(
            {
                "occurred_at": START,
                "url": t,
                "host": t,
                "title": t,
                "referrer": t,
                "user_agent": t,
                "props": t,
                "event_type": t or "x",
            }
            for t in nasty
        ),
        {"occurred_at": START, "props": json.dumps({"revenue": 10**13, "currency": ["EUR"]})},
        {"occurred_at": START, "props": json.dumps({"revenue": "NaN", "currency": {"a": 1}})},
        {"occurred_at": START, "props": json.dumps([1, 2])},
    )

    models.rebuild(database)

    assert _sizes(database) == [len(nasty) + 3]
