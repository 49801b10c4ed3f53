"""The shipper: a segment reaches the lake once, however often the lake fails, and stays here until then."""

import asyncio
import hashlib
from pathlib import Path

import pytest
import zstandard
from support.spools import HOUR, frame
from support.waiting import PATIENCE, wait_until

from collector.closing import Closer
from collector.shipper import BACKOFF_CAP, Shipper, backoff
from collector.spool import Spool
from footfall.raw_object import compress
from footfall.store import LocalStore, ObjectInfo, StoreError

PREFIX = "raw/dt=2026-11-20/hour=14/"


class Moody(LocalStore):
    """A lake with a script: each put takes the next mood, then all is well."""

    def __init__(self, root: Path, *moods: str) -> None:
        super().__init__(root)
        self.moods = list(moods)
        self.puts = 0

    def put(self, key, data, *, create_only=False):
        self.puts += 1
        mood = self.moods.pop(0) if self.moods else "well"
        if mood == "refuse":
            raise StoreError("the lake is busy", retryable=True)
        if mood == "crash":
            raise RuntimeError("visitor@example.org")  # a vendor's exception with who knows what in it
        super().put(key, data, create_only=create_only)
        if mood == "apply then raise":
            raise StoreError("connection reset", retryable=True)

    def head(self, key):
        return ObjectInfo(key, 1) if "shorten" in self.moods else super().head(key)


def spool_with(folder: Path, *payloads: bytes) -> Spool:
    """A spool that found one segment of these payloads when it started."""
    folder.mkdir()
    path = folder / "20261120T14-c1-1700000000000-000001.open"
    path.write_bytes(b"".join(frame(p) for p in payloads))
    return Spool(folder, collector_id="c1", segment_seconds=3600, segment_bytes=1 << 30, spool_bytes=1 << 30)


def shipper_of(spool: Spool, lake: LocalStore) -> Shipper:
    """A shipper that does not really wait, and does not look at hours by itself."""
    closer = Closer(spool, lake, "c1", now=lambda: HOUR)
    return Shipper(spool, lake, closer=closer, wait=lambda _failures: 0.001)


def ship_all(spool: Spool, lake: LocalStore) -> Shipper:
    """Run a shipper until nothing is left."""
    shipper = shipper_of(spool, lake)
    shipper.start()
    wait_until(lambda: not spool.sealed() and not shipper.last_error, lambda: shipper.last_error, every=0.005)
    return shipper


def end(spool: Spool, shipper: Shipper) -> None:
    spool.close()
    assert shipper.finish(PATIENCE) == 0
    spool.release()


def objects(lake: LocalStore) -> dict[str, bytes]:
    return {info.key: zstandard.decompress(lake.get(info.key)) for info in lake.list("raw/")}


def test_a_segment_becomes_one_object_of_its_hour_and_is_removed(tmp_path):
    spool, lake = spool_with(tmp_path / "spool", b"one\n", b"two\nthree\n"), LocalStore(tmp_path / "lake")

    shipper = ship_all(spool, lake)

    [(key, lines)] = objects(lake).items()
    assert key.startswith(f"{PREFIX}c1-1700000000000-000001-")
    assert lines == b"one\ntwo\nthree\n"
    assert not list((tmp_path / "spool").glob("*.sealed"))
    assert spool.state().held_bytes == 0
    end(spool, shipper)


@pytest.mark.parametrize(
    "moods",
    [
        ["refuse"] * 7,
        ["crash", "refuse"],
        ["apply then raise"],
        ["refuse", "apply then raise", "refuse", "apply then raise"],
    ],
)
def test_a_lake_that_fails_and_recovers_holds_the_segment_exactly_once(tmp_path, moods):
    spool, lake = spool_with(tmp_path / "spool", b"one\n"), Moody(tmp_path / "lake", *moods)

    shipper = ship_all(spool, lake)

    assert list(objects(lake).values()) == [b"one\n"]
    assert lake.moods == []
    assert not list((tmp_path / "spool").glob("*.sealed"))
    end(spool, shipper)


def test_a_fault_is_told_without_the_words_of_foreign_exceptions(tmp_path, caplog):
    spool = spool_with(tmp_path / "spool", b"one\n")
    shipper = shipper_of(spool, Moody(tmp_path / "lake", *["crash"] * 10_000))
    shipper.start()
    wait_until(lambda: shipper.last_error is not None, every=0.005)

    assert "20261120T14-c1-1700000000000-000001.sealed: RuntimeError" in shipper.last_error
    assert "visitor@example.org" not in caplog.text
    spool.close()
    assert shipper.finish(0.2) == 1  # it stays for the next start
    assert len(caplog.records) == 1
    spool.release()


def test_one_segment_that_cannot_go_does_not_hold_up_the_others(tmp_path):
    folder = tmp_path / "spool"
    folder.mkdir()
    (folder / "19990101T00-foreign name-1.sealed").write_bytes(frame(b"never\n"))
    (folder / "a-stranger.sealed").write_bytes(b"not ours")
    for n in range(3):
        (folder / f"20261120T1{n}-c1-1-00000{n}.sealed").write_bytes(frame(b"%d\n" % n))
    spool = Spool(folder, collector_id="c1", segment_seconds=9, segment_bytes=1 << 30, spool_bytes=1 << 30)
    lake = LocalStore(tmp_path / "lake")
    shipper = shipper_of(spool, lake)
    shipper.start()

    wait_until(lambda: len(objects(lake)) == 3, every=0.005)

    assert sorted(objects(lake).values()) == [b"0\n", b"1\n", b"2\n"]
    spool.close()
    assert shipper.finish(0.2) == 2
    spool.release()


def test_a_segment_stays_until_the_lake_shows_the_whole_object(tmp_path):
    spool, lake = spool_with(tmp_path / "spool", b"one\n"), Moody(tmp_path / "lake", "well", "shorten")
    [path] = spool.sealed()
    shipper = shipper_of(spool, lake)

    with pytest.raises(StoreError, match="is not what was put there"):
        shipper.ship(path)
    assert path.exists()

    lake.moods.clear()
    shipper.ship(path)
    assert not path.exists()
    spool.close()
    spool.release()


def test_an_object_with_other_bytes_is_never_overwritten(tmp_path):
    spool, lake = spool_with(tmp_path / "spool", b"one\n"), LocalStore(tmp_path / "lake")
    [path] = spool.sealed()
    data = compress(b"one\n")
    key = f"{PREFIX}c1-1700000000000-000001-{hashlib.sha256(data).hexdigest()[:16]}.ndjson.zst"
    lake.put(key, b"somebody else's")

    with pytest.raises(StoreError, match="different bytes"):
        shipper_of(spool, lake).ship(path)

    assert path.exists() and lake.get(key) == b"somebody else's"
    spool.close()
    spool.release()


def test_a_segment_without_a_frame_is_just_removed(tmp_path):
    spool, lake = spool_with(tmp_path / "spool"), LocalStore(tmp_path / "lake")

    shipper = ship_all(spool, lake)

    assert not objects(lake)
    assert not list((tmp_path / "spool").glob("*.sealed"))
    end(spool, shipper)


def test_damage_found_while_shipping_is_set_aside_and_the_rest_goes(tmp_path):
    spool, lake = spool_with(tmp_path / "spool", b"one\n", b"two\n"), LocalStore(tmp_path / "lake")
    [path] = spool.sealed()
    data = bytearray(path.read_bytes())
    data[9] ^= 1
    path.write_bytes(data)

    shipper = ship_all(spool, lake)

    assert list(objects(lake).values()) == [b"two\n"]
    assert spool.state().corrupt_frames == 1
    assert len(list((tmp_path / "spool").glob("*.corrupt"))) == 1
    end(spool, shipper)


def test_what_is_sealed_at_the_end_is_shipped_before_the_end(tmp_path):
    (tmp_path / "spool").mkdir()
    spool = Spool(
        tmp_path / "spool",
        collector_id="c1",
        segment_seconds=3600,
        segment_bytes=1 << 30,
        spool_bytes=1 << 30,
    )
    lake = LocalStore(tmp_path / "lake")
    shipper = shipper_of(spool, lake)
    shipper.start()

    async def append():
        await spool.append(HOUR, b"last\n")

    asyncio.run(append())
    end(spool, shipper)

    assert list(objects(lake).values()) == [b"last\n"]


def test_waits_grow_with_full_jitter_up_to_the_cap():
    longest = [backoff(n, lambda: 1.0) for n in range(1, 12)]

    assert longest[:4] == [0.5, 1.0, 2.0, 4.0]
    assert max(longest) == BACKOFF_CAP
    assert backoff(5, lambda: 0.0) == 0.0
    assert backoff(10_000, lambda: 1.0) == BACKOFF_CAP
