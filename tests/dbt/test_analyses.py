"""The saved questions of `analyses/`: each gives the answer that a small, known history has."""

import json
import warnings
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from api.saved_questions import Asked, questions
from footfall.catalogue.tables import PUBLISHED
from footfall.clients import Client

with warnings.catch_warnings():
    # It says of its own faster half that there is a newer one.
    warnings.simplefilter("ignore", DeprecationWarning)
    import sqlglot

EXPORT = {"name": "events", "dataset": "events", "cadence": "hourly"}
ANALYSES = Path(__file__).parents[2] / "dbt_project" / "analyses"
MONDAY = datetime(2026, 3, 2, 10, tzinfo=UTC)
NEXT_MONDAY = date(2026, 3, 9)
DAY, NEXT_DAY = MONDAY.date(), date(2026, 3, 3)
SHOP, BLOG = ("demo", "shop"), ("demo", "blog")

EXPECTED = {
    "all_sites": [(*SHOP, 4), (*BLOG, 1)],
    "bounce_rate_by_landing_page": [(*SHOP, "/", 3, 0.6667), (*BLOG, "/post", 1, 1.0)],
    "campaign_terms": [(*SHOP, "may", "shoes", "(not set)", 1, 0, 0.0)],
    "cohort_retention": [(*SHOP, DAY, 0, 1, 1, 1.0), (*SHOP, DAY, 1, 1, 1, 1.0)],
    "countries": [(*SHOP, "DE", 2, 3), (*BLOG, "(unknown)", 1, 1), (*SHOP, "FR", 1, 1)],
    "daily_active_visitors": [(*BLOG, NEXT_DAY, 1, 1), (*SHOP, DAY, 2, 2), (*SHOP, NEXT_MONDAY, 1, 1.5)],
    "daily_views": [(*BLOG, NEXT_DAY, 1), (*SHOP, NEXT_MONDAY, 1), (*SHOP, DAY, 3)],
    "device_and_browser_split": [
        (*BLOG, "tablet", "(unknown)", 1, 1.0),
        (*SHOP, "mobile", "Firefox", 2, 0.6667),
        (*SHOP, "desktop", "Chrome", 1, 0.3333),
    ],
    "device_breakdown": [
        (*SHOP, "mobile", "Firefox", 3),
        (*BLOG, "tablet", "(unknown)", 1),
        (*SHOP, "desktop", "Chrome", 1),
    ],
    "entry_pages": [(*SHOP, "/", 3), (*BLOG, "/post", 1)],
    "exit_pages": [(*SHOP, "/", 2, 0.6667), (*BLOG, "/post", 1, 1.0), (*SHOP, "/shoe", 1, 1.0)],
    "hourly_pattern": [(*BLOG, 2, 10, 1), (*SHOP, 1, 10, 3), (*SHOP, 1, 11, 1)],
    "most_clicked": [(*SHOP, "/shoe", "a", "", "Buy", "", 1)],
    "most_loyal_visitors": [(*SHOP, "anna", 2, 2, 3, (7 * 24 + 1) * 3600)],
    "pages_per_session": [(*BLOG, 1, 1), (*SHOP, 1, 2), (*SHOP, 2, 1)],
    "paths_to_purchase": [(*SHOP, "/", 1), (*SHOP, "/shoe", 1)],
    "property_values": [(*SHOP, "click", "plan", "team", 1, 0)],
    "returning_share": [(*SHOP, DAY, 1, 0, 0.0), (*SHOP, NEXT_MONDAY, 0, 1, 1.0)],
    "scroll_depth": [
        (*SHOP, "/", 3, 0.3333, 0.3333, 0.3333, 0.0),
        (*BLOG, "/post", 1, 0.0, 0.0, 0.0, 0.0),
        (*SHOP, "/shoe", 1, 0.0, 0.0, 0.0, 0.0),
    ],
    "session_lengths": [
        (*BLOG, "1: under 10 s", 1),
        (*SHOP, "1: under 10 s", 2),
        (*SHOP, "4: 10 min and more", 1),
    ],
    "time_to_next_page": [(*SHOP, "/", 1, 300.0)],
    "top_pages": [(*SHOP, "/", 3, 20.0), (*BLOG, "/post", 1, 0.0), (*SHOP, "/shoe", 1, 0.0)],
    "traffic_sources": [
        (*BLOG, "Direct", "(direct)", 1, 0, 0.0),
        (*SHOP, "Direct", "(direct)", 1, 0, 0.0),
        (*SHOP, "Email", "letter", 1, 0, 0.0),
        (*SHOP, "Organic Search", "google", 1, 1, 1.0),
    ],
    "user_journeys": [(*SHOP, "/", "/shoe", 1)],
    "week_over_week": [
        (*BLOG, DAY, 1, 1, None, None),
        (*SHOP, DAY, 3, 2, None, None),
        (*SHOP, NEXT_MONDAY, 1, 1, 3, -0.6667),
    ],
}


@pytest.fixture(scope="module")
def answered(models, add_events):
    """Anna comes from a search, reads two pages, clicks and buys; a week later she is back. Ben follows
    a letter, sees one page and goes. Somebody reads one page of the blog.
    """
    connection = models.database()
    anna = {
        "visitor_id": "anna",
        "consent_tier": 3,
        "country": "DE",
        "device": "mobile",
        "browser": "Firefox",
    }
    ben = {"visitor_id": "ben", "country": "FR", "device": "desktop", "browser": "Chrome"}
    bought = {"event_type": "purchase", "props": json.dumps({"revenue": 5, "currency": "EUR"})}
    measured = json.dumps({"engaged_ms": 60_000, "scroll": 80})
    read = {"event_type": "engagement", "view_id": "v1", "props": measured}
    clicked = {"event_type": "click", "props": json.dumps({"tag": "a", "text": "Buy", "plan": "team"})}
    letter = "https://shop.example/?utm_source=letter&utm_medium=email&utm_campaign=may&utm_term=shoes"
    connection.execute("insert into ingest.properties values ('demo', 'shop', 'plan')")
    minute = timedelta(minutes=1)
    add_events(
        connection,
        anna | {"occurred_at": MONDAY, "page": "/", "view_id": "v1", "referrer": "https://www.google.com/"},
        anna | read | {"occurred_at": MONDAY + minute},
        anna | {"occurred_at": MONDAY + 5 * minute, "page": "/shoe"},
        anna | clicked | {"occurred_at": MONDAY + 6 * minute, "page": "/shoe"},
        anna | bought | {"occurred_at": MONDAY + 10 * minute, "page": "/shoe"},
        ben | {"occurred_at": MONDAY + 30 * minute, "page": "/", "url": letter},
        anna | {"occurred_at": MONDAY + timedelta(days=7, hours=1), "page": "/"},
        {"occurred_at": MONDAY + timedelta(days=1), "page": "/post", "site_id": "blog", "device": "tablet"},
    )
    models.rebuild(connection)
    yield connection
    connection.close()


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_saved_question_has_the_answer_of_a_history_that_is_known(answered, analyses, name):
    assert answered.execute(analyses[name]).fetchall() == EXPECTED[name]


def _asked(zones=("UTC", "UTC"), **more) -> Asked:
    sites = [
        {"site_id": each, "key": f"pk_{each}_1234", "domains": [f"{each}.example"], "timezone": zone}
        for each, zone in zip(("shop", "blog"), zones, strict=True)
    ]
    document = {"client_id": "demo", "name": "Demo", "sites": sites, "destination": {"url": "s3://demo"}}
    return Asked(Client.model_validate(document | {"exports": [EXPORT]}), **more)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_asked_of_a_site_a_question_has_the_answer_of_that_site_and_of_all_that_of_all(answered, name):
    question = questions()[name]
    for asked, expected in (
        (_asked(), EXPECTED[name]),
        (_asked(site_id="blog"), [row for row in EXPECTED[name] if row[1] == "blog"]),
        (_asked(first=date(2025, 1, 1), last=date(2025, 1, 31)), []),
    ):
        found = answered.execute(question.for_duckdb(asked), asked.values).fetchall()
        assert found == expected, asked


def test_hours_are_those_of_each_site_before_and_after_its_clocks_change(answered):
    asked = _asked(("Europe/Berlin", "America/Chicago"))

    found = answered.execute(questions()["hourly_pattern"].for_duckdb(asked), asked.values).fetchall()

    # Central European winter time, and of the blog's Tuesday, 10:00 UTC, Central Standard Time.
    assert found == [(*BLOG, 2, 4, 1), (*SHOP, 1, 11, 3), (*SHOP, 1, 12, 1)]
    text = questions()["hourly_pattern"].for_athena(asked, date(2026, 12, 31))
    assert "WHEN occurred_at < timestamp '2026-03-29 01:00:00' THEN 3600" in text
    assert "WHEN occurred_at < timestamp '2026-03-08 08:00:00' THEN -21600" in text


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_question_for_athena_is_sql_of_its_dialect_that_names_the_client_of_each_table(name):
    question = questions()[name]
    asked = _asked(site_id="shop", first=DAY, last=NEXT_DAY)

    tree = sqlglot.parse_one(question.for_athena(asked), read="athena")

    made = {each.alias for each in tree.find_all(sqlglot.exp.CTE)}
    read = [each.name for each in tree.find_all(sqlglot.exp.Table) if each.name not in made]
    assert sorted(read) == sorted(question.tables)
    assert question.for_athena(asked).count("client = 'demo'") == len(read)
    assert {*read} <= {table.name for table in PUBLISHED}


def test_every_saved_question_begins_with_its_question_and_is_tested():
    files = {path.stem: path.read_text() for path in ANALYSES.glob("*.sql")}

    assert set(files) == set(EXPECTED)
    assert all(text.startswith("-- ") and "?" in text.splitlines()[0] for text in files.values())
