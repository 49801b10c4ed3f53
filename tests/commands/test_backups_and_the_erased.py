"""An erasure and backups: one that is away is told, and a restore that died goes on to take persons out."""

import pytest
from support.delivering import signer
from support.orchestration_builders import event, land
from support.retaining import DAY, START, Keeping
from support.searched import files_with
from support.small_installation import Place, refused

from commands.backup import backup
from commands.forgetting import forget_backups, put_hashes
from commands.restore import restore
from footfall.clients import registry_of
from footfall.keys import LAKE_VERSION, RETENTION
from footfall.sql import open_database
from footfall.store import LocalStore
from footfall.tombstones import Tombstone, add, in_force, load_key
from orchestration.privacy.request_book import RequestBook
from orchestration.privacy.waiting_requests import put_waiting_everywhere

ANNA = "a" * 32


def erase(settings, lake):
    key = load_key(settings.home, make=True)
    stone = Tombstone(
        "goes", "visitor", key.digest("goes", "visitor", ANNA), "e1", key.name, START + 90 * DAY
    )
    add(settings.home, lake, [stone])


def test_a_backup_that_is_not_mounted_is_left_to_do_and_nothing_is_written_into_its_place(tmp_path):
    place = Place(tmp_path)
    backup(place.settings, place.url, lake=True)
    lake = LocalStore(place.settings.home / "lake")
    erase(place.settings, lake)
    place.backups.rename(tmp_path / "unmounted")
    place.backups.mkdir()

    def forget():
        return forget_backups(
            place.settings, registry_of(place.settings), in_force(place.settings.home, lake)
        )

    [line] = forget()

    assert line.startswith(f"the backup {place.url}: it has neither snapshots nor a copy of the lake")
    assert list(place.backups.iterdir()) == []
    place.backups.rmdir()
    (tmp_path / "unmounted").rename(place.backups)
    assert forget() == []
    assert list((place.backups / "tombstones").glob("*.jsonl"))


def test_what_visitors_asked_waits_again_after_a_restore_and_leaves_the_backup_with_its_decision(tmp_path):
    place, lake = Place(tmp_path), LocalStore(tmp_path / "home" / "lake")
    book, now = RequestBook(place.settings.home), START
    waits, decided, hers = (
        book.ask("goes", "shop", "erasure", [(kind, value)], value, now)
        for kind, value in (("user", "user-who-waits"), ("user", "user-of-yesterday"), ("visitor", ANNA))
    )
    backup(place.settings, place.url)
    book.decide(decided.id, "refused", "us", now, because="not his")
    erase(place.settings, lake)
    put_hashes(place.settings, place.url)

    assert put_waiting_everywhere(place.settings, in_force(place.settings.home, lake)) == []
    again = place.on("again", FOOTFALL_CLIENTS=str(tmp_path / "clients of again"))
    assert restore(again, place.url) == 0

    assert [(each.id, each.ids) for each in RequestBook(again.home).all()] == [(waits.id, waits.ids)]
    assert set(files_with(tmp_path / "backups", "user-who-waits", "user-of-yesterday", ANNA)) == {
        f"requests/{waits.id}.json"
    }
    assert book.find(hers.id).decision is None, "it is decided with the certificate"


@pytest.fixture
def kept(tmp_path):
    """An installation whose lake has events without raw lines, a backup of it, and a person erased since."""
    place, keeping = Place(tmp_path), Keeping(tmp_path / "keeping")
    hour = START + 40 * DAY
    keeping.lake.put(LAKE_VERSION, b'{"lake": 1}')
    land(
        keeping.lake, hour, event("anna", hour, client_id="goes", visitor_id=ANNA, consent=2, session="s" * 9)
    )
    keeping.receive(hour, origin="c2-1-1")
    keeping.now = START + 89 * DAY
    keeping.retain()
    keeping.database.close()
    settings = place.on("home", FOOTFALL_LAKE=keeping.lake.root.as_uri())
    public = settings.home / "keys" / "public"
    public.mkdir(exist_ok=True)
    (public / f"{signer().key_id}.pem").write_bytes(signer().public_pem)
    backup(settings, place.url, lake=True)
    erase(settings, keeping.lake)
    put_hashes(settings, place.url)
    return place


def visitors(lake):
    paths = [str(lake.root / info.key) for info in lake.list("events/")]
    with open_database() as database:
        query = "SELECT visitor_id FROM read_parquet(?, hive_partitioning = false)"
        return {visitor for (visitor,) in database.execute(query, [paths]).fetchall()}


def test_a_restore_that_died_before_persons_were_out_is_finished_by_the_next_one(kept):
    copies = LocalStore(kept.backups / "lake")
    lake = LocalStore(kept.folder / "second" / "lake")
    second = kept.on("second", FOOTFALL_LAKE=lake.root.as_uri())
    assert ANNA in visitors(copies)
    stranger = f"{RETENTION}client=goes/999999-decided-{'0' * 16}.json"
    copies.put(stranger, b"{}")

    refused("says what of a client is kept", restore, second, kept.url)
    assert lake.head(LAKE_VERSION) is None
    copies.delete(stranger)
    lake.delete(stranger)
    assert restore(second, kept.url) == 0

    assert ANNA not in visitors(lake) and visitors(lake)
    assert lake.head(LAKE_VERSION) is not None


def test_a_damaged_object_is_named_by_a_restore_that_takes_persons_out_of_all_others(kept, capsys):
    copies = LocalStore(kept.backups / "lake")
    [events] = [info.key for info in copies.list("events/")]
    learnt = "enrichments/dt=2025-02-10/hour=00/{}.ndjson.zst".format("0" * 32)
    for key in (events, learnt):
        copies.put(key, b"nothing")
    lake = LocalStore(kept.folder / "second" / "lake")

    code = restore(kept.on("second", FOOTFALL_LAKE=lake.root.as_uri()), kept.url)

    named = [line for line in capsys.readouterr().out.splitlines() if line.startswith("DAMAGED")]
    assert code == 1 and len(named) == 2
    assert copies.url(learnt) in named[0] and copies.url(events) in named[1]
    assert lake.get(events) == b"nothing" and lake.head(LAKE_VERSION) is not None


def test_a_damaged_object_of_a_copy_is_named_by_the_erasure_and_by_a_backup_that_is_whole_all_the_same(
    kept, capsys
):
    copies, lake = LocalStore(kept.backups / "lake"), LocalStore(kept.folder / "keeping" / "lake")
    settings = kept.on("home", FOOTFALL_LAKE=lake.root.as_uri())
    [events] = [info.key for info in copies.list("events/")]
    copies.put(events, b"nothing")
    lake.delete(events)

    left = forget_backups(settings, registry_of(settings), in_force(settings.home, lake))

    assert [line for line in left if f"DAMAGED {copies.url(events)} is not what was written" in line] == left
    assert len(left) == 1
    capsys.readouterr()
    assert backup(settings, kept.url, lake=True) == 1
    assert len(kept.names()) == 2
    assert f"DAMAGED  {copies.url(events)}" in capsys.readouterr().out
    assert copies.get(events) == b"nothing"
