"""What a visit is, through the door: events are imported, hours are run, and the models are read.

The rules are in docs/sessions.md; each has a unit test of its name beside the model.
"""

import pytest
from support.told.run import rows_of
from support.told.story import Rows, with_shared_cases
from support.told.visits import STORY


@pytest.fixture
def rows(told) -> Rows:
    """What the models say of the clients of this story."""
    return rows_of(told, STORY)


@pytest.fixture
def shared_rows(rows: Rows) -> Rows:
    """The same, where there are shared cases."""
    return with_shared_cases(rows)


def test_events_of_one_moment_are_in_the_order_in_which_they_happened(rows):
    found = rows(
        "SELECT page FROM page_views JOIN sessions USING (session_id) WHERE landing_page = '/server' "
        "AND page_views.client_id = 'visits' ORDER BY page_view_number"
    )

    assert found == [("/server",), ("/first",), ("/second",)]


def test_a_long_read_is_one_visit_with_what_follows_it(rows):
    found = rows(
        "SELECT landing_page, exit_page, page_views, is_bounce, source, engaged_seconds, duration_seconds "
        "FROM sessions WHERE client_id = 'visits' AND source = 'news'"
    )

    assert found == [("/", "/next", 2, False, "news", 2400, 3900)]


def test_a_report_makes_no_session_and_no_visitor_and_one_about_no_view_is_counted(rows):
    sessions = rows("SELECT page_views, events FROM sessions WHERE landing_page = '/stay'")
    unattributed = rows("SELECT count(*) FROM events WHERE client_id = 'visits' AND session_id IS NULL")
    day = rows(
        "SELECT visitors, sessions, unattributed_reports FROM daily_metrics WHERE client_id = 'visits'"
    )

    assert sessions == [(1, 2)]
    assert unattributed == [(2,)]
    assert day == [(6, 6, 2)]


def test_a_visit_came_from_the_first_known_place_and_nobody_from_a_gateway(rows):
    found = rows(
        "SELECT landing_page, source, campaign, channel FROM sessions "
        "WHERE client_id = 'visits' AND landing_page IN ('/cart', '/thanks') ORDER BY started_at"
    )

    assert found == [("/cart", "letter", "may", "Email"), ("/thanks", "(direct)", None, "Direct")]


def test_a_purchase_converts_by_each_of_its_names(rows):
    assert rows("SELECT conversion FROM conversions WHERE client_id = 'visits' ORDER BY occurred_at") == [
        ("purchase_completed",),
        ("order_completed",),
    ]
    assert rows("SELECT purchases, conversions FROM daily_metrics WHERE client_id = 'visits'") == [(2, 2)]


def test_a_log_counts_the_same_read_as_cloudfront_or_as_an_access_log(rows):
    def figures(client: str) -> list[tuple[object, ...]]:
        return rows(
            "SELECT date, visitors, sessions, bounces, page_views, events, median_session_seconds "
            f"FROM daily_metrics WHERE client_id = '{client}'"
        )

    assert [row[1:6] for row in figures("edge")] == [(2, 3, 2, 4, 4)]
    assert figures("server") == figures("edge")
    requests = "SELECT sum(requests) FROM edge_daily WHERE client_id = '{}'"
    # Of a server's log only page views are kept.
    assert (rows(requests.format("edge")), rows(requests.format("server"))) == ([(6,)], [(4,)])


def test_shared_same_second(shared_rows):
    sessions = shared_rows(
        "SELECT count(*) FROM sessions WHERE client_id = 'shop' AND landing_page = '/cart' "
        "AND exit_page = '/checkout'"
    )
    funnel = shared_rows(
        "SELECT step, sum(reached) FROM funnels WHERE client_id = 'shop' GROUP BY step ORDER BY step"
    )

    # Forty of one case; one of the other, which is left from the page of its purchase.
    assert sessions == [(40,)]
    assert funnel == [(1, 41), (2, 41)]


def test_shared_same_second_without_ids(shared_rows):
    steps = shared_rows(
        "SELECT event_type FROM events WHERE client_id = 'shop' AND occurred_at = '2026-11-10T02:00:00Z'"
    )
    landed = shared_rows(
        "SELECT landing_page, exit_page, conversions FROM sessions "
        "WHERE client_id = 'shop' AND started_at = '2026-11-10T02:00:00Z'"
    )

    assert len(steps) == 3
    assert landed == [("/cart", "/thanks", 1)]


def test_shared_long_reading(shared_rows):
    found = shared_rows(
        "SELECT page_views, is_bounce, engaged_seconds, source FROM sessions "
        "WHERE client_id = 'shop' AND source = 'newsletter' ORDER BY started_at"
    )
    credited = shared_rows(
        "SELECT sessions, bounces FROM sources_daily WHERE client_id = 'shop' AND source = 'newsletter'"
    )

    assert found == [(1, False, minutes * 60, "newsletter") for minutes in (29, 31, 45)]
    assert credited == [(3, 0)]


def test_shared_campaign_inside_a_session(shared_rows):
    found = shared_rows(
        "SELECT source, medium, conversions FROM sessions WHERE client_id = 'shop' "
        "AND started_at = '2026-11-10T11:00:00Z' ORDER BY medium"
    )

    assert found == [("google", "cpc", 1), ("google", "organic", 1)]


def test_shared_late_engagement(shared_rows):
    views = shared_rows(
        "SELECT engaged_seconds, max_scroll_percent FROM page_views "
        "WHERE client_id = 'shop' AND page = '/read'"
    )
    sessions = shared_rows(
        "SELECT page_views, engaged_seconds FROM sessions WHERE client_id = 'shop' AND landing_page = '/read'"
    )
    days = shared_rows("SELECT CAST(date AS VARCHAR) FROM daily_metrics WHERE client_id = 'shop'")
    empty = shared_rows("SELECT count(*) FROM sessions WHERE client_id = 'shop' AND page_views = 0")

    assert (views, sessions) == ([(105, 100)], [(1, 105)])
    assert days == [("2026-11-10",)]
    assert empty == [(0,)]
