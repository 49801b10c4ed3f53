"""The shipper in front of a real S3 server that fails: nothing is lost, and nothing lies there twice."""

import random

import pytest
import zstandard
from support.fault_proxy import CATALOGUE, BlackHole, Reset, Status
from support.spools import HOUR, frame
from support.waiting import PATIENCE, wait_until

from collector.closing import Closer
from collector.shipper import Shipper
from collector.spool import Spool
from footfall.store import open_store

#: Throttled, boto3 waits for seconds between its own attempts: one must do in tests of many faults.
QUICK = [fault for fault in CATALOGUE if not (isinstance(fault, Status) and fault.status in (429, 503))]


@pytest.fixture
def lake(proxy, s3_url):
    return open_store(s3_url, s3_endpoint=proxy.endpoint)


def ship(folder, lake, segments):
    """Run a shipper over so many sealed segments until they are gone. Returns how often it failed."""
    folder.mkdir(parents=True)
    for n in range(segments):
        path = folder / f"20261120T14-c1-1-1700000000000-{n:06d}.sealed"
        path.write_bytes(frame(b"line %06d\n" % n))
    spool = Spool(folder, collector_id="c1", segment_seconds=9, segment_bytes=1 << 30, spool_bytes=1 << 30)
    closer = Closer(spool, lake, "c1", now=lambda: HOUR)
    shipper = Shipper(spool, lake, closer=closer, wait=lambda _failures: 0.01)
    shipper.start()
    while left := spool.sealed():
        shipped = shipper.shipped
        wait_until(
            lambda before=left, shipped=shipped: shipper.shipped > shipped or spool.sealed() != before,
            lambda: f"no progress: {shipper.last_error}",
            every=0.01,
        )
    spool.close()
    assert shipper.finish(PATIENCE) == 0
    spool.release()
    return shipper.failures


def lines(lake):
    objects = [zstandard.decompress(lake.get(info.key)) for info in lake.list("raw/")]
    return sorted(line for data in objects for line in data.splitlines())


def name(fault):
    return " ".join(str(part) for part in [type(fault).__name__, *vars(fault).values()])


@pytest.mark.parametrize("fault", CATALOGUE, ids=name)
def test_each_fault_of_each_request_costs_nothing_but_time(tmp_path, proxy, lake, fault):
    times = 4 if fault in QUICK else 1
    for method in ("PUT", "HEAD"):
        proxy.fail(fault, method=method, path="/raw/", times=times)

    ship(tmp_path / "spool", lake, 2)

    assert fault in {exchange.fault for exchange in proxy.seen}
    assert lines(lake) == [b"line 000000", b"line 000001"]
    assert len(list(lake.list("raw/"))) == 2


def test_a_store_that_fails_at_random_gets_every_segment_once(tmp_path, proxy, lake):
    seed = 20261121
    proxy.by_chance(random.Random(seed), 0.3, QUICK)

    ship(tmp_path / "spool", lake, 25)
    proxy.heal()

    assert lines(lake) == [b"line %06d" % n for n in range(25)], f"seed {seed}"
    assert len(list(lake.list("raw/"))) == 25


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(5))
def test_a_store_that_fails_at_random_for_long_gets_every_segment_once(tmp_path, proxy, lake, seed):
    proxy.by_chance(random.Random(seed), 0.5, [*QUICK, BlackHole(2), BlackHole(2, applied=True)])

    failures = ship(tmp_path / "spool", lake, 60)
    proxy.heal()

    assert failures > 0
    assert lines(lake) == [b"line %06d" % n for n in range(60)], f"seed {seed}"
    assert len(list(lake.list("raw/"))) == 60


def test_an_outage_is_waited_out_however_often_it_is_asked(tmp_path, proxy, lake):
    proxy.fail(Reset(applied=False), method="PUT", path="/raw/", times=40)

    failures = ship(tmp_path / "spool", lake, 1)

    assert failures > 4  # boto3 asks a few times in each attempt of ours
    assert lines(lake) == [b"line 000000"]
