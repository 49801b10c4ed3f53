"""The ledger remembers what was meant and what was done, whoever asks and whenever."""

import sqlite3
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from support.orchestration_builders import HOUR

from orchestration.delivery.ledger import Ledger

NOW = HOUR + timedelta(hours=1, minutes=5)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "state" / "ledger.sqlite")


def _plan(ledger, start=HOUR, revision=1, export="events", client_id="demo", reason="initial", now=NOW):
    return ledger.plan(client_id, export, start, revision, reason, now)


def test_a_plan_is_a_row_that_says_what_is_meant(ledger):
    row = _plan(ledger)

    assert (row.client_id, row.export, row.period_start, row.revision) == ("demo", "events", HOUR, 1)
    assert (row.state, row.reason, row.attempts, row.planned_at) == ("planned", "initial", 1, NOW)
    assert (row.sha256, row.error, row.committed_at) == (None, None, None)
    assert row.is_open


def test_a_plan_taken_up_again_counts_the_attempt_and_keeps_the_rest(ledger):
    _plan(ledger)

    row = _plan(ledger, reason="late", now=NOW + timedelta(hours=1))

    assert (row.attempts, row.reason, row.planned_at) == (2, "initial", NOW)
    assert len(ledger.all()) == 1


def test_what_became_known_is_kept_by_another_reader_of_the_file(ledger, tmp_path):
    row = _plan(ledger)

    ledger.record(row, "rendered", sha256="ab" * 32, rows=3, bytes=70, key="k", manifest="{}", digest="1")
    ledger.record(row, "committed", committed_at=NOW.isoformat())

    [read] = Ledger(tmp_path / "state" / "ledger.sqlite").all()
    assert (read.state, read.sha256, read.rows, read.bytes, read.key) == ("committed", "ab" * 32, 3, 70, "k")
    assert (read.manifest, read.digest, read.committed_at) == ("{}", "1", NOW)
    assert not read.is_open


def test_a_period_is_the_same_in_every_time_zone(ledger):
    _plan(ledger, start=HOUR.astimezone(ZoneInfo("Asia/Kolkata")))

    [row] = ledger.revisions("demo", "events", HOUR.astimezone(ZoneInfo("America/New_York")))

    assert row.period_start == HOUR


def test_revisions_come_oldest_first_and_of_one_period_only(ledger):
    for revision in (1, 2, 3):
        _plan(ledger, revision=revision)
    _plan(ledger, start=HOUR + timedelta(hours=1))
    _plan(ledger, export="sessions")
    _plan(ledger, client_id="agency")

    assert [row.revision for row in ledger.revisions("demo", "events", HOUR)] == [1, 2, 3]


def test_the_latest_committed_revision_of_each_period_is_found(ledger):
    for revision, state in ((1, "committed"), (2, "committed"), (3, "failed")):
        ledger.record(_plan(ledger, revision=revision), state)
    ledger.record(_plan(ledger, start=HOUR + timedelta(hours=1)), "failed")

    latest = ledger.latest_committed("demo", "events")

    assert {start: row.revision for start, row in latest.items()} == {HOUR: 2}


def test_a_state_that_nobody_knows_is_a_mistake_of_the_program(ledger):
    with pytest.raises(AssertionError):
        ledger.record(_plan(ledger), "on its way")


def test_a_row_is_unique_by_client_export_period_and_revision(ledger, tmp_path):
    _plan(ledger)

    with (
        sqlite3.connect(tmp_path / "state" / "ledger.sqlite") as connection,
        pytest.raises(sqlite3.IntegrityError),
    ):
        connection.execute(
            "INSERT INTO deliveries (client_id, export, period_start, revision, state, reason, planned_at) "
            "SELECT client_id, export, period_start, revision, state, reason, planned_at FROM deliveries"
        )
    connection.close()


def test_a_time_from_the_ledger_is_aware(ledger):
    row = _plan(ledger)

    assert isinstance(row.period_start, datetime)
    assert row.period_start.tzinfo is not None
    assert row.planned_at.tzinfo is not None
