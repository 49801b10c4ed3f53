"""The ledger remembers what was meant and what was done, whoever asks and whenever."""

import resource
import sqlite3
import subprocess
import sys
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from support.orchestration_builders import HOUR
from support.repository import ROOT

from footfall.errors import FootfallError
from footfall.manifest import DeliveredFile
from orchestration.delivery.ledger import Ledger, text_of

NOW = HOUR + timedelta(hours=1, minutes=5)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "state" / "ledger.sqlite")


def _plan(ledger, start=HOUR, revision=1, export="events", client_id="demo", reason="initial", now=NOW):
    return ledger.plan(
        client_id,
        export,
        start,
        revision,
        cadence="hourly",
        reason=reason,
        supersedes=None,
        places=("backup", "main"),
        now=now,
    )


def test_a_plan_is_a_row_that_says_what_is_meant(ledger):
    row = _plan(ledger)

    assert (row.client_id, row.export, row.period_start, row.revision) == ("demo", "events", HOUR, 1)
    assert (row.state, row.reason, row.attempts, row.planned_at) == ("planned", "initial", 0, NOW)
    assert (row.files, row.error, row.committed_at) == ((), None, None)
    assert ledger.copies(row) == {"backup": "rendered", "main": "rendered"}
    assert row.is_open


def test_a_plan_taken_up_again_keeps_what_was_planned(ledger):
    _plan(ledger)

    row = _plan(ledger, reason="late", now=NOW + timedelta(hours=1))

    assert (row.reason, row.planned_at) == ("initial", NOW)
    assert len(ledger.all()) == 1


def test_what_became_known_is_kept_by_another_reader_of_the_file(ledger, tmp_path):
    row = _plan(ledger)

    files = (DeliveredFile("k", 70, "ab" * 32, 3),)
    row = ledger.record(row, "rendered", files=files, rows=3, bytes=70, manifest="{}", digest="1")
    ledger.record(row, "committed", committed_at=NOW)

    [read] = Ledger(tmp_path / "state" / "ledger.sqlite").all()
    assert (read.state, read.files, read.rows, read.bytes) == ("committed", files, 3, 70)
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


def _deliver(ledger, **of):
    row = ledger.record(_plan(ledger, **of), "rendered")
    return ledger.record(row, "committed")


def test_the_newest_delivered_revision_of_each_period_is_found(ledger):
    for revision in (1, 2):
        row = _deliver(ledger, revision=revision)
        ledger.record(row, "committed", digest=f"of {revision}")
    _plan(ledger, revision=3)
    _plan(ledger, start=HOUR + timedelta(hours=1))

    newest = ledger.newest("demo", "events")

    assert [(row.period_start, row.digest) for row in newest] == [(HOUR, "of 2")]
    assert list(ledger.newest("demo", "events", HOUR + timedelta(hours=1))) == []


def test_rows_are_walked_in_order_though_more_than_are_read_at_a_time_and_changed_meanwhile(ledger):
    with ledger.transaction() as connection:
        connection.executemany(
            "INSERT INTO revisions (client_id, export, period_start, revision, state, reason, cadence, "
            "planned_at) VALUES (?, ?, ?, ?, 'planned', 'initial', 'hourly', '2026-11-20')",
            [
                (client, export, text_of(HOUR + timedelta(hours=n)), revision)
                for client in ("agency", "demo")
                for export in ("events", "sessions")
                for n in range(70)
                for revision in (1, 2)
            ],
        )

    walked = []
    for row in ledger.walk():
        walked.append(row.identity)
        ledger.record(row, "rendered")

    assert walked == sorted(set(walked))
    assert len(walked) == 2 * 2 * 70 * 2
    wanted = ledger.walk("demo", "events", HOUR + timedelta(hours=1), HOUR + timedelta(hours=3))
    assert [row.identity[2:] for row in wanted] == [
        (text_of(HOUR + timedelta(hours=n)), revision) for n in (1, 2) for revision in (1, 2)
    ]


@pytest.mark.parametrize(
    ("before", "after"), [("planned", "committed"), ("planned", "on its way"), ("planned", "notified")]
)
def test_a_step_that_is_none_is_a_mistake_of_the_program(ledger, before, after):
    row = _plan(ledger)
    assert row.state == before

    with pytest.raises(AssertionError):
        ledger.record(row, after)


def test_a_copy_goes_step_by_step(ledger):
    row = _plan(ledger)

    ledger.record_copy(row, "main", "rendered", "put")

    assert ledger.copies(row) == {"backup": "rendered", "main": "put"}
    with pytest.raises(AssertionError):
        ledger.record_copy(row, "main", "put", "committed")


def test_what_is_due_is_found_and_what_waits_is_not(ledger):
    row = ledger.record(_plan(ledger), "rendered")
    ledger.record(row, "rendered", hold="waiting", kind="retry", next_at=NOW + timedelta(minutes=5))

    assert ledger.unfinished(NOW) == []
    assert len(ledger.unfinished(NOW + timedelta(minutes=5))) == len(ledger.unfinished()) == 1


def test_a_full_ledger_is_a_clear_error(ledger):
    _plan(ledger)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))  # no file grows any more, as on a full disk
    try:
        with pytest.raises(FootfallError, match=r"ledger\.sqlite cannot be written"):
            _plan(ledger, revision=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_row_is_unique_by_client_export_period_and_revision(ledger, tmp_path):
    _plan(ledger)

    with (
        sqlite3.connect(tmp_path / "state" / "ledger.sqlite") as connection,
        pytest.raises(sqlite3.IntegrityError),
    ):
        connection.execute(
            "INSERT INTO revisions (client_id, export, period_start, revision, state, reason, cadence, "
            "planned_at) SELECT client_id, export, period_start, revision, state, reason, cadence, "
            "planned_at FROM revisions"
        )
    connection.close()


def test_a_time_from_the_ledger_is_aware(ledger):
    row = _plan(ledger)

    assert isinstance(row.period_start, datetime)
    assert row.period_start.tzinfo is not None
    assert row.planned_at.tzinfo is not None


MAKERS = """
import os, sys, traceback
from pathlib import Path
from orchestration.delivery.ledger import Ledger
children = []
for _ in range(6):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            for n in range(30):
                Ledger(Path(sys.argv[1]) / str(n) / "ledger.sqlite").all()
            code = 0
        except Exception:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    children.append(pid)
sys.exit(max(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children))
"""


def test_processes_that_make_the_ledger_at_the_same_moment_wait_for_one_another(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", MAKERS, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
