"""The spool: acknowledged means on disk, whatever happens to the disk, the process or a neighbour."""

import asyncio
import errno
import resource
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from support.spools import HOUR, BadDisk, append_all, kept, open_spool, shut
from support.waiting import PATIENCE, wait_until

from collector.segments import segment_place
from collector.spool import NotDurable
from footfall.frames import scan

# Appending ------------------------------------------------------------------------------------------


def test_what_was_appended_is_in_the_file_when_the_append_returns(tmp_path):
    spool = open_spool(tmp_path)

    async def go():
        for n in range(5):
            await spool.append(HOUR, b"line %d\n" % n)
            assert kept(tmp_path)[-1] == b"line %d\n" % n

    asyncio.run(go())
    shut(spool)


def test_appends_that_queue_behind_one_sync_share_the_next(tmp_path):
    disk = BadDisk()
    spool = open_spool(tmp_path, files=disk)
    disk.hold.clear()
    threading.Timer(0.2, disk.hold.set).start()

    outcomes = append_all(spool, *[b"line %d\n" % n for n in range(500)])

    assert outcomes == [None] * 500
    assert disk.calls.count("sync") <= 2
    assert len(kept(tmp_path)) == 500
    shut(spool)


def test_the_name_of_a_new_segment_is_synced_before_the_first_answer(tmp_path):
    disk = BadDisk()
    spool = open_spool(tmp_path, files=disk)
    disk.calls.clear()
    disk.refuse["sync_folder"] = 1

    first, second = append_all(spool, b"a\n"), append_all(spool, b"b\n")

    assert isinstance(first[0], NotDurable)
    assert second == [None]
    assert disk.calls.index("sync_folder") < disk.calls.index("sync")
    shut(spool)


def test_a_segment_never_spans_an_hour(tmp_path):
    spool = open_spool(tmp_path)
    hours = [HOUR + timedelta(hours=n % 3) for n in range(30)]

    async def go():
        await asyncio.gather(*(spool.append(h, f"{h:%H}\n".encode()) for h in hours))

    asyncio.run(go())
    shut(spool)
    segments = sorted(tmp_path.glob("*.sealed"))
    assert len(segments) == 3
    for path in segments:
        hour, _ = segment_place(path)
        assert scan(path.read_bytes()).payloads == [f"{hour:%H}\n".encode()] * 10


def test_hundreds_of_hours_do_not_run_out_of_file_descriptors(tmp_path):
    spool = open_spool(tmp_path)
    before = len(list(Path("/proc/self/fd").iterdir()))

    async def go():
        for n in range(200):
            await spool.append(HOUR + timedelta(hours=n), b"x\n")

    asyncio.run(go())
    assert len(list(Path("/proc/self/fd").iterdir())) - before <= 70
    shut(spool)
    assert len(list(tmp_path.glob("*.sealed"))) == 200


@pytest.mark.parametrize("changes", [{"segment_seconds": 0.05}, {"segment_bytes": 8}])
def test_a_segment_is_sealed_by_age_and_by_size(tmp_path, changes):
    told = threading.Event()
    spool = open_spool(tmp_path, on_sealed=told.set, **changes)

    append_all(spool, b"long enough\n")

    assert told.wait(PATIENCE)
    assert [scan(p.read_bytes()).payloads for p in spool.sealed()] == [[b"long enough\n"]]
    shut(spool)


def test_a_waiter_that_went_away_does_not_hold_up_the_others(tmp_path):
    """Once a client that closed its connection during the sync hung every other one."""
    disk = BadDisk()
    spool = open_spool(tmp_path, files=disk)

    async def go():
        disk.hold.clear()

        async def send(n):
            await spool.append(HOUR, b"line %d\n" % n)
            return n

        waiters = [asyncio.create_task(send(n)) for n in range(10)]
        while not disk.begun:
            await asyncio.sleep(0.01)
        for gone in waiters[::2]:
            gone.cancel()
        disk.hold.set()
        assert await asyncio.wait_for(asyncio.gather(*waiters[1::2]), PATIENCE) == [1, 3, 5, 7, 9]
        assert all(gone.cancelled() for gone in waiters[::2])
        await asyncio.wait_for(spool.append(HOUR, b"next\n"), PATIENCE)

    asyncio.run(go())
    shut(spool)
    assert len(kept(tmp_path)) == 11


def test_a_loop_that_was_closed_does_not_hold_up_the_next(tmp_path):
    disk = BadDisk()
    spool = open_spool(tmp_path, files=disk)
    disk.hold.clear()

    async def leave():
        spool.append(HOUR, b"nobody waits\n")

    asyncio.run(leave())
    disk.hold.set()

    assert append_all(spool, b"next\n") == [None]
    shut(spool)


# Disks that fail ------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["create", "write", "sync", "sync_folder"])
@pytest.mark.parametrize("earlier", [0, 3])
def test_a_failed_step_is_never_acknowledged_and_the_next_append_works(tmp_path, step, earlier):
    disk = BadDisk()
    spool = open_spool(tmp_path, files=disk)
    acknowledged = [b"early %d\n" % n for n in range(earlier)]
    if earlier:
        assert append_all(spool, *acknowledged) == [None] * earlier
    # With a segment open nothing is created and no folder synced: take another hour for those steps.
    hour = HOUR if step in ("write", "sync") else HOUR + timedelta(hours=1)
    disk.refuse[step] = 1

    failed = append_all(spool, b"refused\n", b"refused too\n", hour=hour)
    assert spool.state().last_error is not None
    later = append_all(spool, b"later\n", hour=hour)

    assert all(isinstance(outcome, NotDurable) for outcome in failed)
    assert later == [None]
    assert spool.state().last_error is None
    shut(spool)
    assert {*acknowledged, b"later\n"} <= set(kept(tmp_path))


def test_a_segment_whose_sync_failed_is_never_synced_again(tmp_path):
    """The kernel holds pages of a failed sync for clean: the next sync would succeed and lie."""
    disk = BadDisk()
    synced: list[str] = []
    plain_sync = disk.sync

    def sync(descriptor):
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().stem)
        plain_sync(descriptor)

    disk.sync = sync
    spool = open_spool(tmp_path, files=disk)
    append_all(spool, b"kept\n")
    disk.refuse["sync"] = 1
    append_all(spool, b"refused\n")
    append_all(spool, b"kept too\n")
    shut(spool)

    assert len(synced) == 3
    assert synced[0] == synced[1] != synced[2]
    assert len(list(tmp_path.glob("*.sealed"))) == 2


def test_one_bad_hour_does_not_fail_another(tmp_path):
    disk = BadDisk()
    spool = open_spool(tmp_path, files=disk)

    async def go():
        disk.hold.clear()
        head = spool.append(HOUR, b"head\n")
        await asyncio.to_thread(wait_until, lambda: disk.begun)
        # Both queue behind the sync that is held: one group, two segments, the first sync fails.
        bad = spool.append(HOUR, b"bad\n")
        good = spool.append(HOUR + timedelta(hours=1), b"good\n")
        plain = disk.sync
        seen = []

        def sync(descriptor):
            seen.append(descriptor)
            if len(seen) == 1:
                raise OSError(errno.EIO, "Input/output error")
            plain(descriptor)

        disk.sync, _ = sync, disk.hold.set()
        return await asyncio.gather(head, bad, good, return_exceptions=True)

    head, bad, good = asyncio.run(go())
    shut(spool)
    assert head is None and good is None
    assert isinstance(bad, NotDurable)


def test_sealing_that_fails_is_tried_again(tmp_path):
    disk = BadDisk()
    disk.refuse["rename"] = 2
    spool = open_spool(tmp_path, files=disk, segment_seconds=0.05)
    append_all(spool, b"x\n")

    wait_until(lambda: spool.sealed() and not spool.state().last_error)

    assert "rename" in disk.calls and disk.refuse["rename"] == 0
    shut(spool)


def test_a_full_disk_refuses_and_loses_nothing_acknowledged(tmp_path):
    """RLIMIT_FSIZE stands in for a disk that ends inside a frame: the write comes back short, then fails."""
    program = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from collector.spool import NotDurable, Spool
async def main():
    spool = Spool(Path(sys.argv[1]), collector_id="c1", segment_seconds=3600, segment_bytes=1 << 30,
                  spool_bytes=1 << 30)
    for n in range(300):
        line = b"%06d" % n + b"." * 993 + b"\\n"
        try:
            await spool.append(datetime(2026, 11, 20, 14, tzinfo=UTC), line)
        except NotDurable:
            print("refused", n)
        else:
            print("kept", n)
    spool.close()
asyncio.run(main())
"""
    limit = 50_000
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    said = [line.split() for line in done.stdout.splitlines()]
    acknowledged = {int(n) for word, n in said if word == "kept"}
    assert any(word == "refused" for word, _ in said)
    assert len(acknowledged) > 280  # each refusal opens a new segment, and that has room again
    assert acknowledged <= {int(p[:6]) for p in kept(tmp_path)}


def test_a_spool_at_its_limit_refuses_until_the_lake_has_taken_something(tmp_path):
    spool = open_spool(tmp_path, spool_bytes=1000, segment_bytes=1)
    assert append_all(spool, b"x" * 900 + b"\n") == [None]

    with pytest.raises(NotDurable, match="full"):
        append_all(spool, b"y" * 200 + b"\n")
    wait_until(spool.sealed)
    spool.remove(spool.sealed()[0])

    assert append_all(spool, b"y" * 200 + b"\n") == [None]
    assert spool.state().held_bytes == 209
    shut(spool)
