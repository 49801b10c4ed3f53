"""Money, touches and the funnel of quality, through the door.

The rules are in docs/sessions.md; each has a unit test of its name beside the model.
"""

from decimal import Decimal

import pytest
from support.told.money import STORY
from support.told.run import rows_of
from support.told.story import Rows, with_shared_cases


@pytest.fixture
def rows(told) -> Rows:
    """What the models say of the clients of this story."""
    return rows_of(told, STORY)


@pytest.fixture
def shared_rows(rows: Rows) -> Rows:
    return with_shared_cases(rows)


def test_an_amount_is_read_where_it_has_one_reading_and_counted_where_it_has_not(rows):
    day = rows("SELECT revenue, currency, revenue_unreadable FROM daily_metrics WHERE client_id = 'till'")

    assert day == [(Decimal("1137.5"), "EUR", 1)]


def test_an_order_that_is_sent_twice_counts_once_and_a_refund_is_less(rows):
    purchases = rows("SELECT purchases, conversions FROM daily_metrics WHERE client_id = 'till'")
    repeated = rows("SELECT event_type, revenue FROM events WHERE is_repeated_order")

    # The sixth one is the copy of the first.
    assert purchases == [(5, 5)]
    assert repeated == [("order_completed", None)]


def test_a_currency_never_empties_the_sum_of_another(rows):
    by_currency = rows(
        "SELECT currency, orders, gross, refunds, reporting_currency, reporting_gross FROM revenue_daily "
        "WHERE client_id = 'till' ORDER BY currency"
    )
    by_source = rows(
        "SELECT source, sum(orders), sum(gross), sum(refunds) FROM revenue_sources_daily "
        "WHERE client_id = 'till' AND currency = 'EUR' GROUP BY source ORDER BY source"
    )
    others = rows("SELECT other_currency_amounts FROM daily_metrics WHERE client_id = 'till'")

    assert by_currency == [
        ("EUR", 3, Decimal("1237.5"), 100, "EUR", Decimal("1237.5")),
        ("USD", 1, 20, 0, "EUR", 18),
    ]
    assert by_source == [("(direct)", 1, Decimal("1234.5"), 100), ("letter", 2, 3, 0)]
    assert others == [(1,)]


def test_each_change_of_source_is_a_touch_and_a_conversion_has_those_up_to_it(rows):
    touches = rows(
        "SELECT touch_number, touches.source, touches.medium FROM touches JOIN sessions USING (session_id) "
        "WHERE touches.client_id = 'till' AND landing_page = '/' ORDER BY touch_number"
    )
    credited = rows(
        "SELECT source, first_source, last_source, last_non_direct_source FROM conversions "
        "WHERE client_id = 'till' AND landing_page = '/' ORDER BY occurred_at"
    )

    assert touches == [(1, "(direct)", "(none)"), (2, "letter", "email"), (3, "google", "cpc")]
    assert credited == [
        ("letter", "(direct)", "(direct)", "(direct)"),
        ("letter", "letter", "letter", "letter"),
    ]


def test_what_became_of_received_lines_adds_up_with_the_receipts_of_ingest(rows):
    """By client: what is in the table is what ingest counted, and its parts are the whole."""
    steps = "SELECT client_id, sum(lines) FROM quality_daily WHERE step IN ({}) GROUP BY 1 ORDER BY 1"
    received = rows(steps.format("'received'"))
    receipts = "SELECT client_id, {} FROM ingest.receipts WHERE client_id IN ('till', 'cart', 'cash') "
    receipts += "GROUP BY 1 ORDER BY 1"

    assert received
    assert received == rows(receipts.format("sum(kept + duplicates + quarantined)"))
    assert received == rows(steps.format("'kept', 'duplicate', 'quarantined'"))
    kept = rows(steps.format("'kept'"))
    assert kept == rows(receipts.format("sum(kept)"))
    assert kept == rows(steps.format("'bots', 'people'")) == rows(steps.format("'clock'"))
    assert rows(steps.format("'people'")) == rows(steps.format("'consent'"))
    assert rows("SELECT lines FROM quality_daily WHERE client_id = 'till' AND step = 'unreadable_money'") == [
        (1,)
    ]


def test_shared_campaign_inside_a_session_has_its_touches(shared_rows):
    found = shared_rows(
        "SELECT medium, first_medium, last_medium, last_non_direct_medium FROM conversions "
        "WHERE client_id = 'cart' AND conversions.occurred_at = '2026-11-10T11:12:00Z' ORDER BY medium"
    )
    paid = shared_rows("SELECT count(*) FROM touches WHERE client_id = 'cart' AND campaign = 'brand'")

    assert found == [("cpc", "cpc", "cpc", "cpc"), ("organic", "organic", "cpc", "cpc")]
    assert paid == [(2,)]


def test_shared_money(shared_rows):
    amounts = shared_rows(
        "SELECT revenue FROM events WHERE client_id = 'cash' AND currency = 'EUR' ORDER BY occurred_at"
    )
    day = shared_rows(
        "SELECT currency, revenue, revenue_unreadable, other_currency_amounts FROM daily_metrics "
        "WHERE client_id = 'cash'"
    )
    by_currency = shared_rows(
        "SELECT currency, orders, gross, refunds FROM revenue_daily WHERE client_id = 'cash' ORDER BY 1"
    )

    read = [Decimal(text) for text in ("1996", "49.9", "49.9", "49.9", "49.9", "-20", "2000.5", "5", "49.9")]
    assert [amount for (amount,) in amounts] == read
    assert day == [("EUR", sum(read), 1, 2)]
    assert by_currency == [("EUR", 8, sum(read) + 20, 20), ("USD", 2, 30, 0)]
