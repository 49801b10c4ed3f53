"""The ledger a page at a time: each row once, whatever the size of a page, and never all at once."""

from datetime import UTC, datetime, timedelta

import pytest

from orchestration.delivery import ledger_pages
from orchestration.delivery.ledger import Ledger

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PLAN = {"cadence": "hourly", "reason": "initial", "supersedes": None, "places": ("main",), "now": NOON}


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(tmp_path / "ledger.sqlite")
    for hour in range(5):
        start = NOON + timedelta(hours=hour)
        for export in ("events", "sessions"):
            row = made.record(made.plan("demo", export, start, 1, **PLAN), "rendered")
            made.record(row, "committed", manifest='{"large": true}', committed_at=start)
        made.plan("demo", "events", start, 2, **PLAN)
        made.plan("other", "events", start, 1, **PLAN)
    yield made
    made.close()


def pages(ledger, size, **wanted):
    found, before = [], None
    while rows := ledger_pages.page(ledger, "demo", before=before, limit=size, **wanted):
        assert len(rows) <= size
        found += rows
        before = (rows[-1].period_start, rows[-1].export, rows[-1].revision)
    return found


@pytest.mark.parametrize("size", [1, 2, 4, 100])
def test_pages_of_any_size_hold_each_row_of_a_client_once_the_newest_period_first(ledger, size):
    found = [(row.period_start, row.export, row.revision) for row in pages(ledger, size)]

    every = [(row.period_start, row.export, row.revision) for row in ledger.walk() if row.client_id == "demo"]
    assert found == sorted(every, reverse=True)


def test_a_page_is_of_an_export_and_of_periods_that_begin_in_a_stretch(ledger):
    found = pages(ledger, 3, export="events", start=NOON + timedelta(hours=1), end=NOON + timedelta(hours=3))

    assert [((row.period_start - NOON) // timedelta(hours=1), row.revision) for row in found] == [
        (2, 2),
        (2, 1),
        (1, 2),
        (1, 1),
    ]


def test_a_page_loads_no_manifest(ledger):
    assert {row.manifest for row in pages(ledger, 100)} == {None}


def test_an_exports_standing_counts_what_arrived_and_what_waits_and_says_why(ledger):
    row = ledger.plan("demo", "events", NOON, 3, **PLAN)
    ledger.record(row, "planned", error="the bucket refuses")

    found = ledger_pages.standing(ledger, "demo", "events")

    assert (found.delivered, found.waiting, found.problems) == (5, 6, ["the bucket refuses"])
    assert found.newest == found.newest_committed_at == NOON + timedelta(hours=4)
    assert ledger_pages.standing(ledger, "demo", "nothing").newest is None
