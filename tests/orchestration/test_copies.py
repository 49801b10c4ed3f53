"""The copy of a lake in a backup: it holds what cannot be made again, and nothing that has gone."""

import shutil
from dataclasses import replace
from datetime import timedelta

import pytest
from support.delivering import signer
from support.orchestration_builders import event, land
from support.retaining import DAY, START, Dies, Keeping, Mortal, hours_of

from footfall.errors import FootfallError
from footfall.hours import HOUR
from footfall.keys import EVENTS, enrichment_object, frozen_object, hour_path
from footfall.retention.records import FrozenFile, decide, drop_unnamed, read_states
from footfall.store import LocalStore
from footfall.tombstones import Tombstone, add, load_key
from orchestration.retention.copies import bring

ANNA = "a" * 32
#: Of `goes`: events gone, raw lines gone, bytes of refused lines gone, all there.
HOURS = hours_of((0, 40, 75, 88))
#: Of the lake: what a backup copies whole.
WHOLE = ("raw", "enrichments", "retention", "frozen")


class Backup:
    """A backup of a lake that `Keeping` runs; how many objects a restore asks for."""

    def __init__(self, keeping, folder):
        self.keeping, self.copies, self.least = keeping, LocalStore(folder), None

    def copy(self):
        for name in WHOLE:
            if (self.keeping.lake.root / name).exists():
                shutil.copytree(self.keeping.lake.root / name, self.copies.root / name, dirs_exist_ok=True)
        self.copies.put("_footfall.json", b"{}")

    @property
    def trusted(self):
        return {signer().key_id: signer().public_pem}

    def bring(self, copies=None, lake=None):
        return bring(
            lake or self.keeping.lake,
            copies or self.copies,
            self.keeping.registry,
            self.trusted,
            self.keeping.stones(),
            lambda objects: setattr(self, "least", objects),
        )

    def objects(self, *folders):
        return {info.key: self.copies.get(info.key) for each in folders for info in self.copies.list(each)}


def _line_of_anna(hour):
    return event(f"anna-{hour:%Y%m%d}", hour, client_id="goes", visitor_id=ANNA, consent=2, session="s" * 9)


def _erase_anna(keeping):
    key = load_key(keeping.folder, make=True)
    stone = Tombstone("goes", "visitor", key.digest("goes", "visitor", ANNA), "e1", key.name, keeping.now)
    add(keeping.folder, keeping.lake, [stone])
    for hour in HOURS:
        keeping.ingest(hour)


@pytest.fixture
def filled(tmp_path):
    """A lake after retention, and a backup that was made before it."""
    keeping = Keeping(tmp_path / "home")
    keeping.lake.put("_footfall.json", b"{}")
    for hour in HOURS:
        land(keeping.lake, hour, _line_of_anna(hour), origin="c2-1-1")
        keeping.receive(hour)
    backup = Backup(keeping, tmp_path / "backup")
    backup.copy()
    keeping.now = START + 89 * DAY + timedelta(hours=2, minutes=50)
    keeping.retain()
    yield keeping, backup
    keeping.database.close()


def _of(store, *folders):
    return {info.key: store.get(info.key) for each in folders for info in store.list(each)}


def test_a_copy_has_what_the_lake_has_left_and_hours_whose_lines_are_gone(filled):
    keeping, backup = filled

    brought = backup.bring()

    for folders in (("raw/",), ("retention/",), ("frozen/",)):
        assert backup.objects(*folders) == _of(keeping.lake, *folders)
    stored = backup.objects("events/", "quarantine/")
    kept = {f"dt={hour:%Y-%m-%d}" for hour in HOURS[1:2]}
    assert {key.split("/")[1] for key in stored} == kept
    assert stored.items() <= _of(keeping.lake, "events/", "quarantine/").items()
    assert (brought.stored, brought.only_here) == (2, ())
    assert backup.least == len(backup.objects(""))
    assert backup.bring().removed == 0

    keeping.now += 30 * DAY
    hour = keeping.now.replace(minute=0) - timedelta(hours=1)
    keeping.receive(hour)
    keeping.retain()
    backup.bring()

    stored = backup.objects("events/")
    assert {key.split("/")[1] for key in stored} == {f"dt={each:%Y-%m-%d}" for each in HOURS[2:4]}
    assert backup.objects("raw/") == _of(keeping.lake, *(f"raw/dt={h:%Y-%m-%d}" for h in HOURS))


def test_an_erased_person_goes_from_the_copy_of_each_hour_though_the_backup_was_away(filled):
    keeping, backup = filled
    backup.bring()
    away = dict(backup.objects("events/", "raw/"))
    _erase_anna(keeping)

    assert backup.bring().only_here == ()

    for folder in ("raw/", "retention/"):
        assert backup.objects(folder) == _of(keeping.lake, folder)
    [(name, data)] = backup.objects("events/").items()
    assert name not in away
    assert data == keeping.lake.get(name)


def test_what_the_lake_lost_without_a_rule_stays_in_the_copy_without_what_had_to_go(filled):
    keeping, backup = filled
    backup.bring()
    [stored] = backup.objects("events/")
    raw = [each for each in backup.objects("raw/") if f"dt={HOURS[3]:%Y-%m-%d}" in each]
    for lost in (stored, *raw):
        keeping.lake.delete(lost)

    brought = backup.bring()

    assert set(brought.only_here) == {stored, *raw}
    assert set(backup.objects(EVENTS, "raw/")) >= {stored, *raw}


def test_a_lake_that_lies_elsewhere_takes_nothing_from_the_copy(filled):
    """A disk that was not mounted looks like an empty folder."""
    keeping, backup = filled
    backup.bring()
    before = backup.objects("")
    keeping.lake.root.rename(keeping.lake.root.with_name("unmounted"))
    keeping.lake.root.mkdir()

    with pytest.raises(FootfallError, match="is empty or no lake"):
        backup.bring()
    keeping.lake.put("_footfall.json", b"{}")
    brought = backup.bring()

    assert backup.objects("") == before
    assert any(key.startswith("raw/") for key in brought.only_here)
    assert backup.least == len(before)


def test_a_damaged_object_that_only_the_copy_has_stays_and_is_named_and_all_else_is_brought(filled):
    keeping, backup = filled
    backup.bring()
    [stored] = backup.objects("events/")
    learnt = enrichment_object(HOURS[2], "0" * 64)
    broken = {stored: backup.copies.get(stored)[:-9] + b"nothing!!", learnt: b"no zstandard"}
    for key, data in broken.items():
        backup.copies.put(key, data)
    _erase_anna(keeping)
    for info in list(keeping.lake.list("events/")):
        if f"/{hour_path(HOURS[1])}/" in f"/{info.key}":
            keeping.lake.delete(info.key)

    brought = backup.bring()

    assert brought.damaged == tuple(sorted(backup.copies.url(key) for key in broken))
    assert brought.only_here == ()
    assert broken.items() <= backup.objects("").items()
    assert backup.objects("raw/") == _of(keeping.lake, "raw/")


def test_in_the_place_of_a_damaged_object_comes_what_the_lake_has(filled):
    keeping, backup = filled
    backup.bring()
    [stored] = backup.objects("events/")
    backup.copies.put(stored, b"nothing")
    _erase_anna(keeping)

    assert backup.bring().damaged == ()

    assert backup.objects("events/").items() <= _of(keeping.lake, "events/").items()


def test_what_is_damaged_in_the_lake_takes_nothing_from_the_copy(filled):
    keeping, backup = filled
    backup.bring()
    before = backup.objects("events/")
    _erase_anna(keeping)
    [new] = [each for each in _of(keeping.lake, "events/") if hour_path(HOURS[1]) in each]
    keeping.lake.put(new, keeping.lake.get(new)[:-9] + b"nothing!!")

    brought = backup.bring()

    assert brought.damaged == (keeping.lake.url(new),)
    assert brought.stored == 1, "of quarantine"
    assert len(backup.objects("events/")) == len(before) == 1
    assert new not in backup.objects("events/")


def test_figures_that_a_newer_decision_put_others_in_place_of_go_from_the_copy_too(filled):
    keeping, backup = filled
    backup.bring()

    def decided(content):
        state = read_states(keeping.lake, backup.trusted)["goes"]
        key = frozen_object("goes", "sessions", content * 64, "parquet")
        keeping.lake.put(key, content.encode())
        files = (FrozenFile("sessions", "2025-01", key, content * 64, 1),)
        return decide(keeping.lake, signer(), replace(state, frozen=files), {}, keeping.now, "a test")

    decided("a")
    backup.bring()
    first = backup.objects("frozen/")
    newest = decided("b")
    drop_unnamed(keeping.lake, backup.trusted, newest)
    missing = newest.frozen[0].key
    keeping.lake.delete(missing)
    backup.bring()
    assert first.items() <= backup.objects("frozen/").items(), "what is named is not there yet"

    keeping.lake.put(missing, b"b")
    backup.bring()

    assert backup.objects("frozen/") == _of(keeping.lake, "frozen/")
    assert backup.least == len(backup.objects(""))


class Reading(LocalStore):
    """A lake that counts what of quarantine is fetched."""

    fetched = 0

    def get(self, key, **how):
        self.fetched += key.startswith("quarantine/")
        return super().get(key, **how)


def test_of_quarantine_that_is_there_the_sizes_are_compared_and_the_bytes_of_some_hours(filled):
    keeping, backup = filled
    names = [f"quarantine/{hour_path(HOURS[1] + n * HOUR)}/a.parquet" for n in range(2, 102)]
    for name in names:
        keeping.lake.put(name, b"refused")
    backup.bring()
    keeping.lake.put(names[7], b"silent")
    lake = Reading(keeping.lake.root)

    brought = backup.bring(lake=lake)

    assert 40 < lake.fetched < 60
    assert backup.copies.get(names[7]) == b"silent"
    assert brought.stored == 102


def test_what_takes_the_place_of_something_is_in_the_copy_before_that_goes(filled):
    """Raw objects are copied by `footfall backup --lake`, which may be a day away."""
    keeping, backup = filled
    backup.bring()
    [old] = [key for key in backup.objects("raw/") if f"{HOURS[3]:%Y-%m-%d}" in key and "c2-1-1" in key]
    new = old.replace("c2-1-1", "c3-1-1")
    keeping.lake.put(new, keeping.lake.get(old))
    keeping.lake.delete(old)

    assert backup.bring().only_here == ()

    assert backup.objects("raw/") == _of(keeping.lake, "raw/")


def test_a_death_at_any_step_is_finished_by_the_next_look(filled, tmp_path):
    keeping, backup = filled
    shutil.copytree(backup.copies.root, tmp_path / "before")
    counted = Mortal(backup.copies, 10**6, after=True)
    backup.bring(counted)
    wanted, steps = backup.objects(""), 10**6 - counted._left
    assert steps > 8

    for step in range(1, steps + 1):
        shutil.copytree(tmp_path / "before", tmp_path / str(step))
        backup = Backup(keeping, tmp_path / str(step))
        with pytest.raises(Dies):
            backup.bring(Mortal(backup.copies, step, after=True))
        assert backup.least is None or len(backup.objects("")) >= backup.least
        backup.bring()
        assert backup.objects("") == wanted, step
