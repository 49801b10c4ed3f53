"""What a visit is, through the door: events are imported, hours are run, and the models are read.

The rules are in docs/sessions.md; each has a unit test of its name beside the model.
"""

import pytest
from support.told_visits import AGENT, Rows, read_after, shared_cases, told_event, with_shared_cases

#: A site for each way in which the same log is read, one for what this file tells, one for the shared cases.
SITES = ("visits", "edge", "server", "shop")

TOLD = [
    # Within one second, out of the order of their numbers; one came without a number.
    told_event("01:00:00", "orders", page="/second", seq=2, view_id="a", id="aaaaaaaa-2"),
    told_event("01:00:00", "orders", page="/first", seq=1, view_id="a", id="zzzzzzzz-1"),
    told_event("01:00:00", "orders", page="/server", id="mmmmmmmm-0"),
    # Read for forty minutes; the click after it is of the same visit.
    told_event("02:00:00", "reads", page="/?utm_source=news&utm_medium=email", view_id="long"),
    told_event(
        "02:40:00", "reads", "engagement", view_id="long", props={"engaged_ms": 2_400_000, "scroll": 90}
    ),
    told_event("03:05:00", "reads", page="/next", view_id="after"),
    # What is told about a view comes in another hour, before it, or about none.
    told_event("04:59:59", "stays", page="/stay", view_id="stay"),
    told_event("05:40:00", "stays", "web_vitals", view_id="stay", props={"lcp_ms": 900}),
    told_event("05:50:00", "nobody", "consent", view_id="no-such-view", props={"from": 1, "to": 3}),
    told_event("05:50:00", "nobody", "engagement", props={"engaged_ms": 5_000}),
    # A campaign inside a direct visit, and the way back from a payment.
    told_event("07:00:00", "pays", page="/cart"),
    told_event("07:05:00", "pays", page="/offer?utm_source=letter&utm_medium=email&utm_campaign=may"),
    told_event("07:10:00", "pays", page="/thanks", referrer="https://www.paypal.com/checkout"),
    told_event("08:00:00", "returns", page="/thanks", referrer="https://accounts.google.com/signin"),
    # Purchases by each name.
    told_event("06:00:00", "buys", "purchase_completed"),
    told_event("06:00:01", "buys", "order_completed"),
]
#: Four pages and a picture that two people ask for, one of them twice within the timeout.
REQUESTS = [
    ("10:00:00", "198.51.100.7", "/"),
    ("10:00:01", "198.51.100.7", "/logo.png"),
    ("10:20:00", "198.51.100.7", "/more"),
    ("11:00:00", "198.51.100.7", "/again"),
    ("10:05:00", "198.51.100.8", "/"),
    ("10:45:00", "198.51.100.9", "/style.css"),
]


def _cloudfront() -> str:
    fields = "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer)"
    head = f"#Version: 1.0\n#Fields: {fields} cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type\n"
    agent = AGENT.replace(" ", "%20")
    lines = (
        [
            "2026-11-10",
            at,
            "FRA56",
            "100",
            address,
            "GET",
            "edge.example",
            page,
            "200",
            "-",
            agent,
            "-",
            "-",
            "Hit",
        ]
        for at, address, page in REQUESTS
    )
    return head + "".join("\t".join(line) + "\n" for line in lines)


def _combined() -> str:
    return "".join(
        f'{address} - - [10/Nov/2026:{at} +0000] "GET {page} HTTP/1.1" 200 100 "-" "{AGENT}"\n'
        for at, address, page in REQUESTS
    )


#: The shared cases that these rules are about.
VISITS = (
    "same_second",
    "same_second_without_ids",
    "long_reading",
    "late_engagement",
    "campaign_inside_a_session",
)


@pytest.fixture(scope="module")
def rows(installation_of_module) -> Rows:
    """Rows of the models after one run over what was imported."""
    return read_after(
        installation_of_module,
        dict.fromkeys(SITES, ""),
        {
            "visits": ("ndjson", "\n".join(TOLD) + "\n"),
            "edge": ("cloudfront", _cloudfront()),
            "server": ("combined", _combined()),
            "shop": ("ndjson", shared_cases(*VISITS)),
        },
    )


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

    # Forty of one case, and one of the other.
    assert sessions == [(41,)]
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
