"""The catalogue of what an installation keeps: every file of it has a place, and every place its answers."""

import tarfile

import pytest
from support.frozen_state import PACKED

from footfall import keys
from footfall.catalogue.state import BESIDE, HOME, LAKE, Keep, is_passing, place_of, unknown
from footfall.hours import parse
from orchestration.privacy.erasure_steps import STEPS

HOUR = parse("2026-11-29T13")


def test_every_file_of_an_earlier_version_has_a_place():
    with tarfile.open(PACKED) as packed:
        paths = [
            member.name.removeprefix("home/")
            for member in packed
            if member.isfile() and member.name.startswith("home/")
        ]

    assert len(paths) > 200
    assert unknown(paths) == []


@pytest.mark.parametrize(
    "path",
    ["novelty", "novelty.sqlite", "lake/novelty/a.json", "ledger.sqlite-novelty", "keysnovelty", "raw/a.zst"],
)
def test_a_file_without_a_place_is_seen(path):
    assert unknown([path]) == [path]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("ledger.sqlite-wal", "ledger.sqlite"),
        ("alerts.sqlite-shm", "alerts.sqlite"),
        ("warehouse.duckdb.wal", "warehouse.duckdb"),
        ("warehouse.duckdb.lock", "warehouse.duckdb.lock"),
        ("warehouse.rebuilt.duckdb.wal", "warehouse.rebuilt.duckdb*"),
        ("keys/public/0b881b4e0231aaaa.pem", "keys"),
        ("spool/salts/salts/client=demo/zone=UTC/day=2026-11-29.json", "spool"),
    ],
)
def test_what_lies_beside_or_below_a_place_is_its(path, name):
    assert place_of(path).name == name


@pytest.mark.parametrize(
    "path", ["first_hour.part", "versions.json.4711.part", "keys/signing-key.part-4711",
             "last-good-clients/.acme.4711.part", "lake/raw/.part-4711-abc"],
)  # fmt: skip
def test_half_a_file_is_known_as_one(path):
    assert is_passing(path)


@pytest.mark.parametrize("path", ["ledger.sqlite", "outbox/a/events/part-0001.csv", "keys/part.pem"])
def test_a_whole_file_is_not_taken_for_half_a_one(path):
    assert not is_passing(path)


def test_every_key_of_the_lake_has_a_place():
    made = [
        keys.LAKE_VERSION,
        keys.raw_object(HOUR, "c1", "a" * 64),
        keys.closed_marker(HOUR, "c1"),
        keys.events_object(HOUR, "a" * 64),
        keys.quarantine_object(HOUR),
        keys.source_record("demo", "cdn", HOUR),
        keys.enrichment_object(HOUR, "a" * 64),
        keys.identity_object("demo", 1, "demo"),
        keys.salt_object("demo", "UTC", HOUR.date()),
        keys.destroyed_salt_object(keys.salt_object("demo", "UTC", HOUR.date())),
        keys.published_file("demo", "sessions", "2026-11-29", "a" * 64),
        keys.published_snapshot("demo", "a" * 64),
        keys.published_pointer("demo"),
        keys.published_links("demo", "sessions"),
        keys.usage_object("2026-11-29"),
    ]

    assert [key for key in made if place_of(key, LAKE) is None] == []


def test_every_place_that_no_backup_has_can_be_made_again_or_need_not_be():
    for place in (*HOME, *LAKE, *BESIDE):
        assert place.again or place.keep is not Keep.AGAIN, place.name


def test_no_salt_is_in_any_backup():
    for places, path in ((HOME, "spool/salts/a"), (LAKE, "salts/a"), (HOME, "lake/salts/a")):
        place = place_of(path, places)
        assert place.keep in (Keep.NEVER, Keep.LAKE)
    assert place_of("salts/a", LAKE).keep is Keep.NEVER


PERSONAL = [place for place in (*HOME, *LAKE) if place.is_personal]


@pytest.mark.parametrize("place", PERSONAL, ids=[place.name for place in PERSONAL])
def test_a_place_about_people_says_how_a_person_goes_from_it(place):
    others = ("certificate", "salts")

    assert place.erase is not None
    assert place.erase.step in (*STEPS, *others)
