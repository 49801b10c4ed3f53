"""Questions that need more memory, or time, than a client has: one clear answer, no byte on disk."""

import time
import uuid
from datetime import date, timedelta

import pytest
from support.api_builders import served

from api.tables import LOOKUP_THREADS

DAYS = [date(2026, 11, 14) + timedelta(days=n) for n in range(6)]
EACH = 20_000


def publish(api):
    """Sessions whose pages are all different, so that groups and sorts are as large as the table."""
    rows = [
        {
            "session_id": f"{day}-{n}",
            "visitor_id": uuid.UUID(int=n).hex * 4,
            "landing_page": f"/{day}/{n}/" + "x" * 200,
            "date": day,
        }
        for day in DAYS
        for n in range(EACH)
    ]
    api.publish("sessions", rows)


def test_a_question_that_would_spill_is_refused_with_what_to_do_and_the_next_is_answered(tmp_path):
    with served(tmp_path, FOOTFALL_API_QUERY_BYTES=str(32 << 20)) as api:
        publish(api)
        before = {path for path in tmp_path.rglob("*") if path.is_file()}

        large = api.query(
            metrics=["visitors", "sessions"],
            dimensions=["visit:entry_page", "time:day"],
            date_range=[f"{DAYS[0]}", f"{DAYS[-1]}"],
        )
        small = api.query(metrics=["sessions"], date_range=[f"{DAYS[0]}", f"{DAYS[0]}"])

    assert (large.status, large.json["code"]) == (413, "too_large")
    assert large.json["detail"] == "it takes more than 32 MB of memory"
    assert "fewer days" in large.json["todo"]
    assert small.status == 200
    assert {path for path in tmp_path.rglob("*") if path.is_file()} - before == set()


def test_lookups_of_visitors_have_a_part_of_the_memory_and_one_of_very_many_pages_is_shown_too(tmp_path):
    views = (
        {
            "event_id": f"e{n}",
            "session_id": "s",
            "visitor_id": "v",
            "site_id": "shop",
            "page": f"/{uuid.UUID(int=n * 7777).hex * 16}",
            "date": DAYS[0],
        }
        for n in range(2 * EACH)
    )
    with served(tmp_path, FOOTFALL_API_QUERY_BYTES=str(128 << 20)) as api:
        api.publish("page_views", views)
        with api.service.tables.database("one", LOOKUP_THREADS) as database:
            limit = database.execute("SELECT current_setting('memory_limit')").fetchall()
        reply = api.ask("GET", "/v1/visitors/v")

    assert limit == [("32.0 MiB",)]
    assert reply.status == 200


def test_a_question_whose_time_is_over_between_two_of_its_queries_is_stopped_in_the_next(tmp_path):
    with served(tmp_path, FOOTFALL_API_QUERY_SECONDS="1") as api:
        rows = "SELECT count(*) FROM range(100000) AS a(n), range(100000) AS b(n) WHERE (a.n * b.n) % 7 = 3"
        with pytest.raises(Exception, match="too_slow"), api.service.tables.database("one") as database:
            database.execute("SELECT 1").fetchall()
            time.sleep(1.3)  # as a lake takes that is slow
            database.execute(rows).fetchall()
