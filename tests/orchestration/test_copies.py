"""The copy of a lake in a backup: it holds what cannot be made again, and nothing that has gone."""

import shutil
from datetime import timedelta

import pytest
from support.delivering import signer
from support.orchestration_builders import event, land
from support.retaining import DAY, START, Dies, Keeping, Mortal, hours_of

from footfall.keys import EVENTS
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

    def bring(self, copies=None):
        key = signer()
        return bring(
            self.keeping.lake,
            copies or self.copies,
            self.keeping.registry,
            {key.key_id: key.public_pem},
            self.keeping.stones(),
            lambda objects: setattr(self, "least", objects),
        )

    def objects(self, *folders):
        return {info.key: self.copies.get(info.key) for each in folders for info in self.copies.list(each)}


def _line_of_anna(hour):
    return event(f"anna-{hour:%Y%m%d}", hour, client_id="goes", visitor_id=ANNA, consent=2, session="s" * 9)


@pytest.fixture
def filled(tmp_path):
    """A lake after retention, and a backup that was made before it."""
    keeping = Keeping(tmp_path / "home")
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
    key = load_key(keeping.folder, make=True)
    stone = Tombstone("goes", "visitor", key.digest("goes", "visitor", ANNA), "e1", key.name, keeping.now)
    add(keeping.folder, keeping.lake, [stone])
    for hour in HOURS:
        keeping.ingest(hour)

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

    brought = backup.bring()

    assert backup.objects("") == before
    assert any(key.startswith("raw/") for key in brought.only_here)


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
