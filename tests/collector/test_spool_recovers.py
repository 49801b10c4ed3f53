"""A disk that was ill and is well again, and hours that end: what the spool does by itself."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from support.spools import HOUR, BadDisk, append_all, frame, kept, open_spool, shut
from support.waiting import wait_until

from collector import spool as module
from collector.spool import NotDurable


@pytest.mark.parametrize("step", ["create", "sync"])
def test_a_disk_that_is_well_again_is_found_out_without_an_event(tmp_path, step):
    """A balancer that was told to stay away sends none."""
    disk = BadDisk()
    spool = open_spool(tmp_path, files=disk)
    disk.refuse[step] = 2

    [failed] = append_all(spool, b"refused\n")
    assert isinstance(failed, NotDurable)
    assert spool.state().last_error is not None

    wait_until(lambda: spool.state().last_error is None)
    assert not list(tmp_path.glob(".probe*"))
    assert append_all(spool, b"taken\n") == [None]
    shut(spool)


def test_a_disk_that_stays_ill_is_not_called_well(tmp_path, caplog):
    disk = BadDisk()
    spool = open_spool(tmp_path, files=disk)
    disk.refuse["sync"] = 10_000
    append_all(spool, b"refused\n")

    wait_until(lambda: disk.calls.count("sync") >= 2)

    assert spool.state().last_error is not None
    assert len(caplog.records) == 1, "told once, not every second"
    disk.refuse.clear()
    shut(spool)


def test_a_disk_that_does_not_answer_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "HANG_SECONDS", 0.05)
    disk = BadDisk()
    spool = open_spool(tmp_path, files=disk)

    async def go():
        disk.hold.clear()
        waiter = spool.append(HOUR, b"waits\n")
        await asyncio.to_thread(wait_until, lambda: spool.state().last_error == "the disk does not answer")
        assert spool.state().queued_bytes == len(frame(b"waits\n"))
        disk.hold.set()
        await waiter

    asyncio.run(go())
    wait_until(lambda: spool.state().last_error is None)
    assert spool.state().queued_bytes == 0
    shut(spool)


def test_a_segment_that_could_not_be_put_aside_is_recovered_later(tmp_path):
    disk = BadDisk()
    spool = open_spool(tmp_path, files=disk)
    assert append_all(spool, b"kept\n") == [None]
    disk.refuse["sync"] = 1
    disk.refuse["rename"] = 2
    append_all(spool, b"refused\n")

    wait_until(lambda: len(spool.sealed()) == 1)

    assert b"kept\n" in kept(tmp_path)
    shut(spool)


def test_one_segment_that_cannot_be_read_does_not_keep_the_others_from_a_start(tmp_path):
    for number in (1, 2):
        (tmp_path / f"20261120T14-c1-1-1700000000000-00000{number}.open").write_bytes(frame(b"%d\n" % number))

    class Unreadable(BadDisk):
        def read(self, path):
            if "000001" in path.name:
                self._meet("read")
            return super().read(path)

    disk = Unreadable()
    disk.refuse["read"] = 1
    spool = open_spool(tmp_path, files=disk)

    assert append_all(spool, b"new\n") == [None]
    wait_until(lambda: len(spool.sealed()) == 2)
    assert sorted(kept(tmp_path)) == [b"1\n", b"2\n", b"new\n"]
    shut(spool)


def test_a_segment_is_sealed_soon_after_its_hour_and_an_import_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "HOUR_END_SECONDS", 0.0)
    now = time.time()

    clock = SimpleNamespace(time=lambda: now, monotonic=time.monotonic)
    monkeypatch.setattr(module, "time", clock)
    hour = datetime.fromtimestamp(now, UTC).replace(minute=0, second=0, microsecond=0)
    spool = open_spool(tmp_path)
    append_all(spool, b"live\n", hour=hour)
    append_all(spool, b"import\n", hour=hour - timedelta(days=3))
    assert spool.sealed() == []

    now = hour.timestamp() + 3600

    wait_until(lambda: len(spool.sealed()) == 1)
    assert spool.sealed()[0].name.startswith(f"{hour:%Y%m%dT%H}-")
    shut(spool)


def test_the_age_of_what_is_not_shipped_survives_a_restart(tmp_path):
    born = int((time.time() - 500) * 1000)
    (tmp_path / f"20261120T14-c1-1-{born}-000001.open").write_bytes(frame(b"old\n"))

    spool = open_spool(tmp_path)

    assert 499 < spool.state().oldest_unshipped_seconds < 600
    shut(spool)
