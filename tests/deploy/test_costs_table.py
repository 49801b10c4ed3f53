"""The table of docs/costs.md by events a month is the one that follows from its figures and prices."""

from deploy.costs import PAGE, SIZES, prices, requests, stored_bytes, table, with_table


def test_the_page_has_the_table_of_today():
    page = PAGE.read_text()

    assert with_table(page) == page, "python -m deploy.costs"


def test_all_rows_of_the_page_are_counted():
    page = PAGE.read_text()

    assert set(requests(page)) == {"collector", "ingest", "late", "published", "deliveries", "salts"}
    # raw, events, delivered events, a sixth of a session, published tables
    assert stored_bytes(page) == 100 + 200 + 500 + 270 / 6 + 100


def test_a_dearer_request_is_a_dearer_month():
    page = PAGE.read_text()
    dearer = page.replace("| 43,800 | 43,800 |", "| 43,800,000 | 43,800 |")

    assert dearer != page and table(dearer) != table(page)
    assert {name for size in SIZES for name in (*size.inside, *size.outside)} <= set(
        prices()["machine_month"]
    )
