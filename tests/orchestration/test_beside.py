"""What a bucket lost beside its deliveries is named by the daily look, and put back by replay."""

from datetime import date, timedelta

import pytest
from support.logged import Logged
from support.manifests import HOUR

from orchestration.delivery import look_beside as looking
from orchestration.delivery.look_beside import look_beside
from orchestration.delivery.pointer import astray

DAY = date(2026, 11, 21)


@pytest.fixture
def at(tmp_path):
    """A bucket of five runs."""
    made = Logged(tmp_path)
    for n in range(5):
        assert made.run(n) == []
    return made


def wrong(at, day=DAY, place="main"):
    return list(look_beside(at.stores[place], at.book(place), at.desk.own_keys, day))


def key_of(at, beginning, place="main"):
    return min(info.key for info in at.stores[place].list(beginning))


def test_a_bucket_as_it_was_left_has_nothing_wrong(at):
    assert [wrong(at, place=place) for place in at.stores] == [[], []]


@pytest.mark.parametrize(
    "beginning",
    ["_schema/events/", "_keys/", "_log/entries/", "_log/checkpoints/", "_log/exports/", "_log/checkpoint"],
)
def test_what_is_missing_is_named(at, beginning):
    key = "_log/checkpoint" if beginning == "_log/checkpoint" else key_of(at, beginning)
    at.stores["main"].delete(key)

    [line] = wrong(at)

    assert line.startswith("_log/entries/: the leaves 0 to" if "entries" in key else f"{key}: is missing")


@pytest.mark.parametrize("beginning", ["_schema/events/", "_keys/", "_log/entries/", "_log/exports/"])
def test_other_bytes_of_the_same_length_are_seen(at, beginning):
    key = key_of(at, beginning)
    store = at.stores["main"]
    data = store.get(key)
    store.put(key, data[:-3] + b"#" + data[-2:])

    assert wrong(at) == [f"{key}: other bytes than were delivered"]


def test_a_pointer_that_was_rolled_back_is_seen_and_one_that_is_ahead_is_not(at):
    store = at.stores["main"]
    older = store.get(key_of(at, "_log/checkpoints/"))
    newest = store.get("_log/checkpoint")
    store.put("_log/checkpoint", older)
    assert "leaves were put" not in wrong(at)[0] and "it is older, or another" in wrong(at)[0]
    store.put("_log/checkpoint", newest)
    before = at.book()
    at.run(5)

    assert list(look_beside(store, before, at.desk.own_keys, DAY)) == []


def test_leaves_of_old_runs_are_read_in_their_turn(at, monkeypatch):
    monkeypatch.setattr(looking, "RUNS", 1)
    key = key_of(at, "_log/entries/")
    store = at.stores["main"]
    store.put(key, store.get(key).replace(b"a", b"b", 1))

    assert sum(len(wrong(at, DAY + timedelta(days=n))) for n in range(4)) == 1


def test_the_pointer_of_an_export_names_its_newest_delivery(at):
    store = at.stores["main"]
    [row] = at.ledger.revisions("acme", "events", HOUR + timedelta(hours=4))
    assert astray(store, row, at.desk.own_keys) == ""
    [earlier] = at.ledger.revisions("acme", "events", HOUR)
    assert astray(store, earlier, at.desk.own_keys) == "", "a run went on since the ledger was read"
    key = "events/_latest.json"
    store.put(key, store.get(key).replace(b"hour=18", b"hour=17"))

    assert astray(store, row, at.desk.own_keys) == f"{key}: does not name {row.manifest_key}, the newest"
    store.delete(key)
    assert astray(store, row, at.desk.own_keys) == f"{key}: is missing"
