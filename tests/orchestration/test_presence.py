"""What a bucket still holds of an export is seen, at a cost that does not grow with its age."""

from datetime import date, timedelta

import pytest
from support.delivering import MANIFEST
from support.orchestration_builders import HOUR, add_event

from orchestration.delivery.ledger import text_of
from orchestration.delivery.presence import Presence, look

DAY = date(2026, 11, 21)


@pytest.fixture
def delivered(at):
    """Six hours in a bucket, of which a look reads the newest three whole."""
    at.hours = [HOUR - timedelta(hours=n) for n in range(6)]
    for hour in at.hours:
        at.deliver(hour)
    at.journal.clear()
    return at


def _look(at, **limits):
    return look(at.destination, *_held(at), DAY, **{"recent": 3, "turn": 0, **limits})


def _held(at):
    """What the bucket has by the ledger, and how to get a row of it."""
    return at.ledger.held("demo", "events", "main"), lambda each: at.ledger.row(
        ("demo", "events", text_of(each.period_start), each.revision)
    )


def _keys(at, hour):
    """(manifest, file) of an hour."""
    folder = MANIFEST.format(1).replace("hour=14", f"hour={hour:02d}").removesuffix("_manifest.json")
    [file] = [key for key in at.destination.objects if key.startswith(folder) and key.endswith(".csv")]
    return f"{folder}_manifest.json", file


def test_a_bucket_that_has_everything_has_nothing_wrong(delivered):
    assert _look(delivered) == Presence(periods=6, read=3, wrong=())


def test_old_periods_cost_one_listing(delivered):
    _look(delivered)

    calls = [line.split()[0] for line in delivered.journal]
    assert (calls.count("list"), calls.count("get"), calls.count("head")) == (1, 6, 0)


def test_what_is_missing_is_named_in_new_and_in_old_periods(delivered):
    manifest, _ = _keys(delivered, 14)
    _, file = _keys(delivered, 9)
    for key in (manifest, file):
        del delivered.destination.objects[key]

    assert _look(delivered).wrong == (f"{manifest}: is missing", f"{file}: is missing")


def test_one_changed_byte_of_a_new_period_and_another_size_of_an_old_one_are_seen(delivered):
    objects = delivered.destination.objects
    manifest, file = _keys(delivered, 14)
    _, old = _keys(delivered, 9)
    objects[file] = objects[file].replace(b"H", b"J", 1)
    objects[manifest] = objects[manifest] + b" "
    objects[old] = objects[old] + b"more"
    size = len(objects[old])

    assert _look(delivered).wrong == (
        f"{manifest}: has more than the {len(objects[manifest]) - 1} bytes that were delivered",
        f"{file}: other bytes than were delivered",
        f"{old}: has {size} bytes, {size - 4} were delivered",
    )


def test_what_a_stale_listing_leaves_out_is_asked_for_before_it_is_called_missing(delivered):
    class Stale(type(delivered.destination)):
        def list(self, _prefix):
            return iter(())

    delivered.destination.__class__ = Stale

    assert _look(delivered).wrong == ()


def test_a_file_beyond_what_a_look_may_read_is_compared_by_size(delivered):
    _, file = _keys(delivered, 14)
    objects = delivered.destination.objects
    objects[file] = objects[file].replace(b"H", b"J", 1)
    assert _look(delivered, read_bytes=10).wrong == ()

    objects[file] += b"more"

    size = len(objects[file])
    assert _look(delivered, read_bytes=10).wrong == (f"{file}: has {size} bytes, {size - 4} were delivered",)


def test_every_old_period_is_read_whole_in_its_turn(delivered):
    objects = delivered.destination.objects
    _, old = _keys(delivered, 9)
    objects[old] = b"#" + objects[old][1:]
    held = _held(delivered)

    looks = [look(delivered.destination, *held, DAY + timedelta(days=n), recent=3, turn=1) for n in range(3)]

    assert sorted(each.wrong for each in looks) == [(), (), (f"{old}: other bytes than were delivered",)]
    assert {each.read for each in looks} == {4}


@pytest.mark.parametrize("recent", [3, 0])
def test_a_revision_that_another_took_the_place_of_is_missed_like_any_other(delivered, recent):
    add_event(delivered.connection, "event-late", hour=HOUR)
    delivered.deliver(HOUR)
    assert _look(delivered, recent=recent) == Presence(periods=6, read=recent, wrong=())
    manifest = MANIFEST.format(1)
    del delivered.destination.objects[manifest]

    assert _look(delivered, recent=recent).wrong == (f"{manifest}: is missing",)
