"""kill -9 under load: every acknowledged event is in the spool or in the lake afterwards.

A kill leaves the page cache alone, so this cannot show that anything was synced: see test_power_cut.py.
"""

import time
from pathlib import Path

import pytest
import zstandard
from support.collectors import CollectorProcess, Load, ids


def kill_again_and_again(collector: CollectorProcess, cycles: int) -> set[str]:
    """Start, load, kill; after each cycle everything acknowledged so far must be there."""
    acknowledged: set[str] = set()
    in_lake: set[str] = set()  # raw objects never change: each is read once
    read: set[Path] = set()
    for cycle in range(cycles):
        collector.start()
        load = Load(collector.port, prefix=f"cycle{cycle}").start()
        time.sleep(0.1 + 0.03 * (cycle % 7))
        collector.end(kill=True)
        acknowledged |= load.stop()
        in_spool = ids(collector.spool_lines())
        fresh = set((collector.home / "lake" / "raw").rglob("*.zst")) - read
        in_lake |= ids(zstandard.decompress(path.read_bytes()) for path in fresh)
        read |= fresh
        missing = acknowledged - in_spool - in_lake
        assert not missing, f"cycle {cycle}: {len(missing)} acknowledged events are lost: {min(missing)}"
    return acknowledged


def check_kills(collector: CollectorProcess, cycles: int) -> None:
    acknowledged = kill_again_and_again(collector, cycles)
    assert len(acknowledged) > 20 * cycles, "the load was too small to show anything"

    # One ordinary run recovers, ships and ends: nothing is left behind, and nothing was lost on the way.
    collector.start()
    collector.end()
    assert collector.exit_code == 0
    assert not list((collector.home / "spool").glob("*/2*.sealed"))
    assert acknowledged <= ids([collector.stored_bytes()])


def small_segments(home) -> CollectorProcess:
    """Sealing and shipping go on all the time, so that kills fall into them."""
    return CollectorProcess(home, settings={"FOOTFALL_SEGMENT_BYTES": "65536"})


def test_ten_kills_under_load_lose_nothing_acknowledged(tmp_path):
    check_kills(small_segments(tmp_path), 10)


@pytest.mark.proof
def test_two_hundred_kills_under_load_lose_nothing_acknowledged(tmp_path):
    check_kills(small_segments(tmp_path), 200)
