"""A clock that jumps ahead is noticed, told, and closes nothing early."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support import settable_clock
from support.collectors import CollectorProcess, batch, wire_event
from support.waiting import wait_until

from collector.clock import JUMP, LiveClock
from collector.shipper import LOOK_SECONDS

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = 86_400.0


class Machine:
    """A clock that can be set, and the time that passes all the same."""

    def __init__(self):
        self.wall, self.passed = NOON, 1000.0

    def passes(self, seconds):
        self.wall += timedelta(seconds=seconds)
        self.passed += seconds

    def clock(self):
        return LiveClock(lambda: self.wall, lambda: self.passed)


def test_after_a_jump_time_goes_on_as_it_passes():
    machine = Machine()
    clock = machine.clock()
    machine.wall += timedelta(hours=3)
    machine.passes(10)

    assert (clock(), clock.has_jumped) == (NOON + timedelta(seconds=10), True)


def test_a_clock_that_is_back_is_believed_again():
    machine = Machine()
    clock = machine.clock()
    machine.wall += timedelta(hours=3)
    clock()
    machine.wall -= timedelta(hours=3)
    machine.passes(10)

    assert (clock(), clock.has_jumped) == (NOON + timedelta(seconds=10), False)


def test_a_clock_that_runs_a_little_fast_is_followed_for_ever():
    machine = Machine()
    clock = machine.clock()
    for _ in range(1000):
        machine.passes(5)
        machine.wall += timedelta(milliseconds=100)
        clock()

    assert (clock(), clock.has_jumped) == (machine.wall, False)


@pytest.mark.parametrize(("off", "jumped"), [(JUMP, False), (JUMP + timedelta(seconds=1), True)])
def test_what_counts_as_a_jump(off, jumped):
    machine = Machine()
    clock = machine.clock()
    machine.wall += off
    clock()

    assert clock.has_jumped is jumped


def test_a_machine_that_slept_has_not_jumped():
    machine = Machine()
    clock = machine.clock()
    machine.passes(DAY)

    assert (clock(), clock.has_jumped) == (NOON + timedelta(days=1), False)


def test_a_clock_that_jumps_a_day_ahead_is_told_and_closes_no_hour_and_destroys_no_salt(tmp_path):
    offset = tmp_path / "offset"
    offset.write_text("0")
    program = (str(Path(settable_clock.__file__)), str(offset))
    process = CollectorProcess(tmp_path, program=program, settings={"FOOTFALL_SEGMENT_SECONDS": "1"}).start()
    try:
        began = datetime.now(UTC)
        assert process.ask("POST", "/collect", batch(wire_event("before-the-jump"))).status == 204
        wait_until(lambda: list((tmp_path / "spool").glob("*/*.tally")))
        offset.write_text(str(3 * DAY))
        wait_until(lambda: process.ask("GET", "/readyz").status == 503)
        ready = json.loads(process.ask("GET", "/readyz").body)
        assert process.ask("POST", "/collect", batch(wire_event("after-the-jump"))).status == 204
        after = process.await_stored("after-the-jump")
        time.sleep(1.5 * LOOK_SECONDS)  # it looks meanwhile, and does nothing
        salts = list((tmp_path / "lake" / "salts").rglob("*.json"))
        tallies = list((tmp_path / "spool").glob("*/*.tally"))
        offset.write_text("0")
        wait_until(lambda: process.ask("GET", "/readyz").status == 200)
    finally:
        log = process.end()

    assert ready["reasons"] == ["clock_jumped"]
    assert began <= datetime.fromisoformat(after["received_at"]) <= datetime.now(UTC)
    assert not (tmp_path / "lake" / "closed").exists()
    assert len(tallies) <= 2 and salts
    assert "the clock jumped ahead by 259200 s" in log
    assert log.count("jumped ahead") == 1
