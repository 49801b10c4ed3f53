"""The table of docs/costs.md by events a month is the one that follows from its figures and prices."""

import re

import pytest
from support.repository import ROOT

from deploy.costs import (
    PAGE,
    SIZES,
    SPARK_RATIO,
    asked_by,
    asleep,
    core_seconds,
    engine,
    prices,
    requests,
    stored_bytes,
    table,
    tasks,
    with_table,
)


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


def test_the_price_of_an_engine_is_its_hourly_runs_and_what_grows_with_the_events():
    page = PAGE.read_text()
    hour = prices()["spark_vcpu_hour"] + 4 * prices()["spark_gb_hour"]

    assert core_seconds(page) == 22.5 + 69 + 11
    assert engine(page, 0) == pytest.approx(730 * 172 * 2 / 3600 * hour)
    assert engine(page, 10**9) - engine(page, 0) == pytest.approx(1000 * 102.5 * SPARK_RATIO / 3600 * hour)


def test_the_seconds_of_the_page_are_those_that_performance_says():
    said = (ROOT / "docs" / "performance.md").read_text()
    costs = PAGE.read_text()

    for row, measured, millions in (
        ("ingest", r"an hour of 200,000 events \(([\d.]+) s", 0.2),
        ("models", r"a million anew ([\d.]+) s", 1),
        ("published tables", r"All 20 million anew: ([\d.]+) CPU s", 20),
    ):
        seconds = float(re.search(measured, said)[1])
        assert f"| {row} | {seconds / millions:g} |" in costs


def test_what_a_row_costs_on_spark_is_no_less_than_was_measured():
    said = (ROOT / "docs" / "scaling.md").read_text()
    executors, duckdb = (
        float(re.search(rf"^\| {name} \| [^|]+ \| ([\d,.]+) \|", said, re.MULTILINE)[1].replace(",", ""))
        for name in ("Spark's executors", "DuckDB")
    )

    assert SPARK_RATIO >= executors / duckdb > SPARK_RATIO - 1
    assert f"× {SPARK_RATIO})" in PAGE.read_text()


def test_a_machine_that_sleeps_is_within_ten_dollars():
    page = PAGE.read_text()

    for size in SIZES[:2]:
        assert asleep(page, size) < 10
        assert f"{asleep(page, size):.2f} for {size.shown}" in page


def test_collection_by_tasks_is_two_of_them_a_balancer_and_four_addresses():
    price = prices()
    each = price["task_vcpu_hour"] + 2 * price["task_gb_hour"]

    assert tasks() == pytest.approx(2 * each * 730 + price["balancer_month"] + 4 * price["address_month"])
    assert f"{tasks():.2f}" in PAGE.read_text()


def test_a_dearer_request_is_a_dearer_month():
    page = PAGE.read_text()
    dearer = page.replace("| 43,800 | 43,800 |", "| 43,800,000 | 43,800 |")

    assert dearer != page and table(dearer) != table(page)
    assert {name for size in SIZES for name in (*size.inside, *size.outside, *size.beside)} <= set(
        prices()["machine_month"]
    )
