"""Salts beside the segments: one for all workers, the lake's as soon as it says one, gone after two days."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from collector.salts import KeptSalts
from footfall.keys import salt_object_of_utc_day
from footfall.salts import SALT_LIFE, Salts, new_salt, salt_day
from footfall.store import LocalStore, StoreError

ZONE = "Australia/Sydney"


def now() -> datetime:
    """At the time of the test: salts are made at the machine's, and a suite may run over a midnight."""
    return datetime.now(UTC)


class AwayStore(LocalStore):
    """A lake that does not answer."""

    def head(self, key):
        raise StoreError(f"{key}: no answer", retryable=True)

    get = put = head


def kept(tmp_path, name="c1", lake=None):
    return KeptSalts(lake or LocalStore(tmp_path / "lake"), tmp_path / name)


def test_workers_of_one_collector_have_one_salt_while_the_lake_is_away_and_offer_it_later(tmp_path):
    away = AwayStore(tmp_path / "lake")
    one, two = kept(tmp_path, lake=away), kept(tmp_path, lake=away)
    with pytest.raises(StoreError):
        one.agree("acme", ZONE, now())

    own = one.own("acme", ZONE, now()).value

    assert two.own("acme", ZONE, now()).value == own
    assert kept(tmp_path).agree("acme", ZONE, now()).value == own
    assert Salts(LocalStore(tmp_path / "lake")).of("acme", ZONE, now()) == own


def test_of_two_collectors_that_began_without_the_lake_both_take_what_it_says(tmp_path):
    one, two = kept(tmp_path), kept(tmp_path, "c2")
    own = {one.own("acme", ZONE, now()).value, two.own("acme", ZONE, now()).value}
    assert len(own) == 2

    agreed = {one.agree("acme", ZONE, now()).value, two.agree("acme", ZONE, now()).value}

    assert len(agreed) == 1 and agreed < own
    assert {one.own("acme", ZONE, now()).value, two.own("acme", ZONE, now()).value} == agreed


def test_a_salt_that_was_agreed_on_needs_no_lake(tmp_path):
    agreed = kept(tmp_path).agree("acme", ZONE, now()).value

    again = kept(tmp_path, lake=AwayStore(tmp_path / "lake"))

    assert again.agree("acme", ZONE, now()).value == again.existing("acme", ZONE, now()) == agreed
    assert kept(tmp_path, "c2").existing("acme", ZONE, now() - timedelta(days=1)) is None


@pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b'{"salt": "zz", "created_at": "now"}'])
def test_a_damaged_copy_is_replaced(tmp_path, damage):
    salts = kept(tmp_path)
    salts.own("acme", ZONE, now())
    [copy] = (tmp_path / "c1").rglob("*.json")
    copy.write_bytes(damage)

    agreed = salts.agree("acme", ZONE, now()).value

    assert kept(tmp_path).own("acme", ZONE, now()).value == agreed


def test_copies_are_destroyed_with_the_lakes_own_salts(tmp_path):
    salts = kept(tmp_path)
    salts.agree("acme", ZONE, now())
    salts.own("beta", ZONE, now())

    end = salt_day(ZONE, now()).ends + SALT_LIFE
    salts.destroy_old(end - timedelta(minutes=1))
    assert len(list((tmp_path / "c1").rglob("*.json"))) == 2
    salts.destroy_old(end + timedelta(seconds=1))

    assert not list((tmp_path / "c1").rglob("*.json"))
    assert not list((tmp_path / "lake" / "salts").rglob("*.json"))


def test_a_disk_that_keeps_no_copy_does_not_keep_the_lakes_salt_from_us(tmp_path):
    (tmp_path / "c1").write_text("no folder")

    assert kept(tmp_path).agree("acme", ZONE, now()).value == Salts(LocalStore(tmp_path / "lake")).of(
        "acme", ZONE, now()
    )


def test_a_copy_of_a_program_before_ends_its_utc_day_also_without_the_lake(tmp_path):
    made = new_salt()
    of_today = salt_object_of_utc_day("acme", now().date())
    LocalStore(tmp_path / "c1").put(of_today, json.dumps({**made, "is_agreed": True}).encode())
    without = kept(tmp_path, lake=AwayStore(tmp_path / "lake"))

    assert without.agree("acme", ZONE, now()).value == without.own("acme", ZONE, now()).value
    assert without.agree("acme", ZONE, now()).value.hex() == made["salt"]


def test_two_zones_of_a_client_have_two_salts_and_a_collector_keeps_both(tmp_path):
    salts = kept(tmp_path)

    assert salts.agree("acme", "UTC", now()).value != salts.agree("acme", ZONE, now()).value
    assert len(list((tmp_path / "c1").rglob("*.json"))) == 2
