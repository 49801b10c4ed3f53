"""`footfall restore` refuses what is not as it should be, in one line, before anything is written."""

import json

import pytest
from support.small_installation import Place, contents, refused

from commands.backup import backup
from commands.restore import restore
from footfall.signatures import load_signer
from footfall.snapshots import note_least
from footfall.store import LocalStore


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def test_a_restore_writes_over_nothing(place):
    backup(place.settings, place.url)
    before = contents(place.settings.home)

    refused("is not empty", restore, place.settings, place.url)

    assert contents(place.settings.home) == before


def broken_file(place, name):
    path = next(place.manifest(name).parent.glob("*registry.sqlite"))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def missing_file(place, name):
    next(place.manifest(name).parent.glob("*first_hour")).unlink()


def changed_manifest(place, name):
    path = place.manifest(name)
    path.write_text(path.read_text().replace('"has_raw": true', '"has_raw": false'))


def no_json(place, name):
    place.manifest(name).write_text("[]")


def resigned(place, name, **changes):
    path = place.manifest(name)
    document = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps(load_signer(place.settings.home / "keys").sign(document)))


def newer_backup(place, name):
    resigned(place, name, snapshot_version=2)


def newer_state(place, name):
    resigned(place, name, versions={"ledger.sqlite": 99})


def unknown_state(place, name):
    resigned(place, name, versions={"novelty.sqlite": 1})


def out_of_the_folder(place, name):
    files = json.loads(place.manifest(name).read_text())["files"]
    resigned(place, name, files=[{**files[0], "path": "home/keys/../../../x"}])


def without_keys(place, name):
    files = json.loads(place.manifest(name).read_text())["files"]
    resigned(place, name, files=[each for each in files if not each["path"].endswith("signing-key.pem")])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (broken_file, "is not the home/registry.sqlite that was backed up"),
        (missing_file, "is not whole"),
        (changed_manifest, "its signature is wrong"),
        (no_json, "is damaged or not ours"),
        (newer_backup, "knows versions up to 1"),
        (newer_state, "is of version 99 of ledger.sqlite"),
        (unknown_state, "knows versions up to 0"),
        (out_of_the_folder, "which no backup has"),
        (without_keys, "lacks the key"),
    ],
)
def test_a_snapshot_that_is_not_as_it_should_be_is_refused_before_anything_is_written(place, damage, said):
    backup(place.settings, place.url)
    damage(place, place.names()[0])
    before = sorted(place.folder.iterdir())

    refused(said, restore, place.on("second"), place.url)

    assert sorted(place.folder.iterdir()) == before


def test_a_key_that_was_asked_for_must_have_signed(place):
    backup(place.settings, place.url)
    other = load_signer(place.folder / "other-keys")
    (place.folder / "other.pem").write_bytes(other.public_pem)

    refused("is not known here", restore, place.on("second"), place.url, key=place.folder / "other.pem")
    restore(place.on("second"), place.url, key=place.settings.home / "keys" / "signing-key.pub.pem")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://somewhere/x", "is not a store"),
        ("s3://UPPER/x", "is not a store"),
        ("/nowhere/at/all", "no snapshot"),
    ],
)
def test_a_mistaken_address_is_told(place, url, said):
    refused(said, restore, place.on("second"), url)


def test_what_went_by_a_rule_once_lowers_nothing_that_a_later_snapshot_asks_for(place):
    backup(place.settings, place.url, lake=True)
    note_least(place.url, None, 1)
    lake = LocalStore(place.settings.home / "lake")
    lake.put("raw/dt=2026-11-20/hour=01/b.ndjson.zst", b"b")
    backup(place.settings, place.url, lake=True)
    (place.backups / "lake/raw/dt=2026-11-20/hour=01/b.ndjson.zst").unlink()
    (place.backups / "lake/raw/dt=2026-11-20/hour=00/a.ndjson.zst").unlink()
    second = place.on("second", FOOTFALL_LAKE=f"file://{place.folder}/second/lake")

    refused("holds 1 objects of the lake, of 3 at least", restore, second, place.url)
    assert restore(second, place.url, place.names()[0]) == 0
