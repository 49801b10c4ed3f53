"""The table of docs/costs.md by events a month is the one that follows from its figures and prices."""

from deploy.costs import PAGE, SIZES, asked_by, prices, requests, stored_bytes, table, with_table


def test_the_page_has_the_table_of_today():
    page = PAGE.read_text()

    assert with_table(page) == page, "python -m deploy.costs"


def test_all_rows_of_the_page_are_counted():
    page = PAGE.read_text()

    assert set(requests(page)) == {"collector", "ingest", "late", "published", "deliveries", "salts"}
    # raw, events, delivered events, a sixth of a session, published tables
    assert stored_bytes(page) == 100 + 200 + 500 + 270 / 6 + 100


def test_what_others_ask_is_by_plan_or_by_tier():
    plans = {"plans": {10: 1, 100: 2}}
    tiers = {"tiers": {10: 0, 20: 1, float("inf"): 0.5}}

    assert [asked_by(plans, events) for events in (10, 11, 101)] == [1, 2, None]
    assert [asked_by(tiers, events) for events in (10, 15, 20, 40)] == [0, 5, 10, 20]


def test_a_dearer_request_is_a_dearer_month():
    page = PAGE.read_text()
    dearer = page.replace("| 43,800 | 43,800 |", "| 43,800,000 | 43,800 |")

    assert dearer != page and table(dearer) != table(page)
    assert {name for size in SIZES for name in (*size.inside, *size.outside)} <= set(
        prices()["machine_month"]
    )
