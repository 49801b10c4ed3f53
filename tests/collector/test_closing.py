"""Hours that are over: one marker for each collector, true when it appears, and never written again."""

import json
from datetime import timedelta

import pytest
from support.spools import HOUR, append_all, frame, shut
from support.waiting import PATIENCE

from collector.closing import CLOSE_AFTER, Closer
from collector.files import Files
from collector.hour_tallies import Tallies, Tally
from collector.shipper import Shipper
from collector.worker_folders import open_spool, take_over
from footfall.errors import FootfallError
from footfall.hours import HOUR as ONE_HOUR
from footfall.keys import closed_marker
from footfall.store import LocalStore, StoreError

OVER = ONE_HOUR + CLOSE_AFTER


class Clock:
    """Tells the time that it is set to."""

    def __init__(self):
        self.now = HOUR

    def __call__(self):
        return self.now


class Worker:
    """One worker of a collector: spool, shipper and closer, driven by hand."""

    def __init__(self, root, lake, clock, *, workers=2, collector_id="c1"):
        self.spool = open_spool(
            root,
            workers=workers,
            collector_id=collector_id,
            segment_seconds=3600,
            segment_bytes=1,
            spool_bytes=1 << 30,
        )
        self.closer = Closer(self.spool, lake, collector_id, now=clock)
        self.shipper = Shipper(self.spool, lake, closer=self.closer)

    def append(self, *payloads, hour=HOUR):
        assert append_all(self.spool, *payloads, hour=hour) == [None] * len(payloads)

    def ship(self):
        for path in self.spool.sealed():
            self.shipper.ship(path)

    def stop(self):
        shut(self.spool)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def lake(tmp_path):
    return LocalStore(tmp_path / "lake")


def marker(lake, hour=HOUR):
    return json.loads(lake.get(closed_marker(hour, "c1")))


def is_closed(lake, hour=HOUR):
    return lake.head(closed_marker(hour, "c1")) is not None


def tallied(worker):
    return Tallies(worker.spool.files, worker.spool.folder).hours()


def sealed(worker):
    """Wait until what was appended is sealed: the committer does so in its own time."""
    while not worker.spool.sealed():
        pass


def test_an_hour_is_closed_when_it_is_over_and_all_of_it_is_in_the_lake(tmp_path, lake, clock):
    worker = Worker(tmp_path / "spool", lake, clock)
    worker.closer.look()
    worker.append(b"one\n", b"two\nthree\n")
    sealed(worker)

    clock.now = HOUR + OVER - timedelta(seconds=1)
    worker.closer.look()
    assert not is_closed(lake)
    clock.now = HOUR + OVER
    worker.closer.look()
    assert not is_closed(lake), "a segment of it is still here"
    worker.ship()
    worker.closer.look()

    said = marker(lake)
    assert (said["collector"], said["hour"]) == ("c1", "2026-11-20T14")
    assert (said["objects"], said["lines"]) == (1, 3)
    assert said["keys"] == [info.key for info in lake.list("raw/")]
    assert said["bytes"] == sum(info.size for info in lake.list("raw/"))
    assert tallied(worker) == [HOUR + ONE_HOUR]
    worker.stop()


def test_an_hour_without_an_event_is_closed_too_and_one_when_nobody_was_alive_is_not(tmp_path, lake, clock):
    worker = Worker(tmp_path / "spool", lake, clock)
    worker.closer.look()
    worker.stop()
    clock.now = HOUR + 3 * ONE_HOUR
    again = Worker(tmp_path / "spool", lake, clock)
    again.closer.look()

    assert marker(lake)["lines"] == 0
    assert not is_closed(lake, HOUR + ONE_HOUR)
    clock.now = HOUR + 3 * ONE_HOUR + OVER
    again.closer.look()
    assert is_closed(lake, HOUR + 3 * ONE_HOUR)
    again.stop()


def test_a_restart_catches_up_and_counts_what_was_shipped_before_it(tmp_path, lake, clock):
    first = Worker(tmp_path / "spool", lake, clock)
    first.append(b"before\n")
    sealed(first)
    first.ship()
    first.append(b"left behind\n")
    first.stop()
    clock.now = HOUR + OVER

    second = Worker(tmp_path / "spool", lake, clock)
    second.closer.look()
    assert not is_closed(lake)
    second.ship()
    second.closer.look()

    assert (marker(lake)["objects"], marker(lake)["lines"]) == (2, 2)
    second.stop()


def test_a_marker_is_never_written_again_whatever_comes_later(tmp_path, lake, clock):
    worker = Worker(tmp_path / "spool", lake, clock)
    worker.closer.look()
    clock.now = HOUR + OVER
    worker.closer.look()
    first = lake.get(closed_marker(HOUR, "c1"))

    worker.append(b"an import\n")
    sealed(worker)
    worker.ship()
    worker.closer.look()

    assert lake.get(closed_marker(HOUR, "c1")) == first
    assert HOUR not in tallied(worker)
    worker.stop()


def test_hours_of_an_import_are_never_said_to_be_whole(tmp_path, lake, clock):
    worker = Worker(tmp_path / "spool", lake, clock)
    worker.closer.look()
    worker.append(b"long ago\n", hour=HOUR - 100 * ONE_HOUR)
    sealed(worker)
    worker.ship()
    clock.now = HOUR + OVER
    worker.closer.look()

    assert len(list(lake.list("raw/"))) == 1
    assert [info.key for info in lake.list("closed/")] == [closed_marker(HOUR, "c1")]
    worker.stop()


def test_one_worker_with_something_left_keeps_the_hour_open_for_all(tmp_path, lake, clock):
    one, two = (Worker(tmp_path / "spool", lake, clock) for _ in range(2))
    for worker in (one, two):
        worker.closer.look()
        worker.append(b"x\n")
        sealed(worker)
    one.ship()
    clock.now = HOUR + OVER

    one.closer.look()
    two.closer.look()
    assert not is_closed(lake)
    two.ship()
    one.closer.look()
    assert not is_closed(lake), "the other has not said that it is done"
    two.closer.look()

    assert marker(lake)["objects"] == 2
    one.stop()
    two.stop()


def test_a_lake_that_refuses_the_marker_is_asked_again(tmp_path, clock):
    class Refusing(LocalStore):
        refusals = 1

        def put(self, key, data, *, create_only=False):
            if self.refusals:
                self.refusals -= 1
                raise StoreError("busy", retryable=True)
            super().put(key, data, create_only=create_only)

    lake = Refusing(tmp_path / "lake")
    worker = Worker(tmp_path / "spool", lake, clock)
    worker.closer.look()
    clock.now = HOUR + OVER

    with pytest.raises(StoreError):
        worker.closer.look()
    worker.closer.look()

    assert is_closed(lake)
    worker.stop()


def test_a_tally_that_is_damaged_costs_its_counts_and_nothing_else(tmp_path, lake, clock, caplog):
    worker = Worker(tmp_path / "spool", lake, clock)
    worker.closer.look()
    [path] = (tmp_path / "spool" / "1").glob("*.tally")
    path.write_text('{"done": fal')
    clock.now = HOUR + OVER

    worker.closer.look()

    assert marker(lake)["objects"] == 0
    assert "damaged" in caplog.text
    worker.stop()


# Workers --------------------------------------------------------------------------------------------


def test_each_worker_has_a_folder_of_its_own_and_there_are_no_more_than_agreed(tmp_path, lake, clock):
    one, two = (Worker(tmp_path / "spool", lake, clock) for _ in range(2))
    assert [w.spool.folder.name for w in (one, two)] == ["1", "2"]

    with pytest.raises(FootfallError, match="belongs to a collector that is running"):
        Worker(tmp_path / "spool", lake, clock)
    one.stop()
    three = Worker(tmp_path / "spool", lake, clock)

    assert three.spool.folder.name == "1"
    two.stop()
    three.stop()


def test_what_a_dead_worker_left_is_taken_over_with_its_tally(tmp_path, lake, clock):
    one, two = (Worker(tmp_path / "spool", lake, clock) for _ in range(2))
    two.append(b"shipped\n")
    sealed(two)
    two.ship()
    two.append(b"left\n")
    one.closer.look()
    two.stop()

    assert take_over(one.spool) == 1
    one.ship()
    clock.now = HOUR + OVER
    one.closer.look()

    assert (marker(lake)["objects"], marker(lake)["lines"]) == (2, 2)
    assert [p.name for p in (tmp_path / "spool" / "2").iterdir()] == [".lock"]
    one.stop()


def test_segments_from_before_workers_had_folders_are_taken_over(tmp_path, lake, clock):
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "20261120T14-c1-1700000000000-000001.open").write_bytes(frame(b"old\n"))
    worker = Worker(tmp_path / "spool", lake, clock)

    worker.closer.look()
    worker.ship()

    assert len(list(lake.list("raw/"))) == 1
    worker.stop()


def test_a_worker_that_lives_is_left_alone(tmp_path, lake, clock):
    one, two = (Worker(tmp_path / "spool", lake, clock) for _ in range(2))
    two.append(b"mine\n")
    sealed(two)

    assert take_over(one.spool) == 0

    assert len(two.spool.sealed()) == 1
    one.stop()
    two.stop()


def test_tallies_of_two_workers_become_one(tmp_path):
    tallies = Tallies(Files(), tmp_path)
    tallies.add(HOUR, {"a": {"lines": 1, "bytes": 10}})
    tallies.add(HOUR, {"a": {"lines": 1, "bytes": 10}})
    tallies.merge(HOUR, Tally(done=True, objects={"b": {"lines": 2, "bytes": 20}}))

    assert tallies.read(HOUR) == Tally(
        done=False, objects={"a": {"lines": 1, "bytes": 10}, "b": {"lines": 2, "bytes": 20}}
    )


def test_a_collector_that_is_gone_for_good_closes_the_hour_with_its_last_worker_and_says_so(
    tmp_path, lake, clock
):
    one, two = (Worker(tmp_path / "spool", lake, clock) for _ in range(2))
    for worker in (one, two):
        worker.closer.look()
        worker.append(b"a line\n")
        sealed(worker)
        worker.ship()

    one.closer.leave()
    assert not is_closed(lake), "the other one goes on"
    one.stop()
    clock.now = HOUR + ONE_HOUR
    two.closer.look()
    two.closer.leave()

    assert marker(lake)["objects"] == 2 and "is_last" not in marker(lake)
    said = marker(lake, HOUR + ONE_HOUR)
    assert (said["objects"], said["is_last"]) == (0, True)
    two.stop()


@pytest.mark.parametrize("has_segment", [False, True])
def test_a_worker_that_ends_at_the_turn_of_an_hour_leaves_the_new_one_to_its_neighbour(
    has_segment, tmp_path, lake, clock
):
    one, two = (Worker(tmp_path / "spool", lake, clock) for _ in range(2))
    for worker in (one, two):
        worker.closer.look()
    clock.now = HOUR + ONE_HOUR
    one.closer.look()  # the other has not seen yet that an hour has begun
    if has_segment:
        two.append(b"before the turn\n")
        sealed(two)

    assert one.closer.leave()
    one.stop()
    assert not list(lake.list("closed/"))
    two.append(b"a line\n", hour=HOUR + ONE_HOUR)
    two.spool.close()
    two.ship()
    assert two.closer.leave()

    assert "is_last" not in marker(lake)
    said = marker(lake, HOUR + ONE_HOUR)
    assert (said["objects"], said["is_last"]) == (1, True)
    two.stop()


def test_a_collector_that_leaves_something_behind_does_not_say_that_it_closed_the_hour(tmp_path, lake, clock):
    one, two = (Worker(tmp_path / "spool", lake, clock) for _ in range(2))
    for worker in (one, two):
        worker.closer.look()
    one.append(b"not shipped\n")
    sealed(one)
    one.spool.close()

    two.closer.leave()

    assert not is_closed(lake)
    one.spool.release()
    two.stop()


def test_the_last_worker_ships_what_one_that_is_gone_has_left_before_it_leaves(tmp_path, lake, clock):
    one, two = (Worker(tmp_path / "spool", lake, clock) for _ in range(2))
    for worker in (one, two):
        worker.closer.look()
    one.shipper.start()
    two.append(b"acknowledged\n")
    two.stop()  # after the last look of the other
    one.spool.close()

    assert one.shipper.finish(PATIENCE, is_last=lambda: True) == 0

    said = marker(lake)
    assert (said["objects"], said["lines"], said["is_last"]) == (1, 1, True)
    one.spool.release()
