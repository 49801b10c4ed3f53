"""What comes late and changes money, touches and quality elsewhere: a run makes anew what it has to."""

import json
from datetime import timedelta

import duckdb
import pytest
from support.lake_story import HOUR, START

DAY = timedelta(days=1)


def _bought(at, visitor, **more):
    props = {"revenue": 10, "currency": "EUR", **more}
    return {
        "event_type": "purchase",
        "occurred_at": at,
        "received_at": more.pop("received_at", at),
        "visitor_id": visitor,
        "props": json.dumps({name: value for name, value in props.items() if name != "received_at"}),
    }


def _an_earlier_copy_of_an_order_comes_later(models, add_events) -> None:
    """The one that counted, days after it and of another visitor, ceases to; and counts again without it."""
    connection = models.database()
    add_events(connection, _bought(START + 3 * DAY, "later", order_id="A1"))
    models.rebuild(connection)

    def sold() -> list[tuple[object, ...]]:
        return connection.execute(
            "select cast(date as varchar), orders, gross from revenue_daily order by date"
        ).fetchall()

    def converted() -> list[tuple[object, ...]]:
        return connection.execute("select visitor_id, conversions, revenue from sessions").fetchall()

    assert sold() == [("2026-03-31", 1, 10)]
    late = START + 4 * DAY
    add_events(connection, _bought(START, "earlier", order_id="A1", received_at=late))
    models.run_window(connection, late, late + HOUR)
    now = sold(), sorted(converted())
    connection.execute("delete from ingest.events where visitor_id = 'earlier'")
    models.run_window(connection, late, late + HOUR)
    then = sold(), converted()
    connection.close()
    assert now == ([("2026-03-28", 1, 10)], [("earlier", 1, 10), ("later", 0, 0)])
    assert then == ([("2026-03-31", 1, 10)], [("later", 1, 10)])


def test_an_order_that_is_sent_twice_counts_once_whatever_comes_first(models, add_events):
    _an_earlier_copy_of_an_order_comes_later(models, add_events)


def test_an_order_whose_other_copies_are_not_touched_is_found(models, add_events):
    changed = models.with_mutant(
        "int_orders", "made.is_repeated <> coalesce(before.is_repeated, false)", "false"
    )

    with pytest.raises((AssertionError, duckdb.Error)):
        _an_earlier_copy_of_an_order_comes_later(changed, add_events)


def test_other_rates_make_a_clients_rows_anew_though_nothing_was_received(models, database, add_events):
    rate = "insert into ingest.exchange_rates values ('demo', 'EUR', 'USD', '2026-01-01', ?, ?)"
    add_events(database, _bought(START, "v", currency="USD"))
    models.rebuild(database)
    reported = "select reporting_currency, reporting_gross from revenue_daily"
    assert database.execute(reported).fetchall() == [(None, None)]

    found = []
    for number, value in enumerate((0.9, 0.8, None)):
        database.execute("delete from ingest.exchange_rates")
        if value:
            database.execute(rate, [value, str(number)])
        models.run_window(database, START + (5 + number) * HOUR, START + (6 + number) * HOUR)
        found += database.execute(reported).fetchall()

    assert found == [("EUR", 9), ("EUR", 8), (None, None)]


def test_a_site_that_says_its_currency_has_every_sum_in_it(models, database, add_events):
    add_events(database, _bought(START, "v", currency="USD"), _bought(START, "w", currency="EUR"))
    database.execute("insert into ingest.sites (client_id, site_id, timezone) values ('demo', 'shop', 'UTC')")
    models.rebuild(database)
    sums = "select currency, revenue, other_currency_amounts from sessions order by visitor_id"
    assert database.execute(sums).fetchall() == [("USD", 10, 0), ("EUR", 10, 0)]

    database.execute("insert into ingest.site_currencies values ('demo', 'shop', 'EUR')")
    models.run_window(database, START + 5 * HOUR, START + 6 * HOUR)

    assert database.execute(sums).fetchall() == [("EUR", 0, 1), ("EUR", 10, 0)]


def test_a_campaign_that_comes_late_is_credited_with_what_was_bought_days_later(models, database, add_events):
    url = "https://shop.example/?utm_source=letter&utm_medium=email"
    add_events(database, _bought(START + 5 * DAY, "v"))
    models.rebuild(database)
    credited = "select source, first_source, last_source, last_non_direct_source from conversions"
    assert database.execute(credited).fetchall() == [("(direct)", "(direct)", "(direct)", "(direct)")]

    late = START + 6 * DAY
    add_events(database, {"occurred_at": START, "url": url, "visitor_id": "v", "received_at": late})
    models.run_window(database, late, late + HOUR)

    assert database.execute(credited).fetchall() == [("(direct)", "letter", "(direct)", "letter")]


def test_an_hour_with_nothing_but_refused_lines_is_in_the_funnel_of_its_day_and_goes_with_them(
    models, database
):
    models.rebuild(database)
    database.execute(
        "insert into ingest.quarantine (received_hour, client_id, received_at, reason)"
        " values (?, 'demo', ?, 'bad')",
        [START, START],
    )
    database.execute("insert into ingest.hours (received_hour) values (?)", [START])
    steps = "select site_id, step, detail, lines from quality_daily order by step"

    models.run_window(database, START, START + HOUR)
    found = database.execute(steps).fetchall()
    database.execute("delete from ingest.quarantine")
    models.run_window(database, START, START + HOUR)

    assert found == [("(unknown)", "quarantined", "bad", 1), ("(unknown)", "received", "", 1)]
    assert database.execute(steps).fetchall() == []
