"""Salts: one for a client and the day of its sites, shared by all, and gone two days after the day."""

import hashlib
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall import zones
from footfall.keys import SAFE_KEY, SALTS, day_of_salt, salt_object, salt_object_of_utc_day
from footfall.privacy import visitor_id
from footfall.salts import SALT_LIFE, Salts, is_over, new_salt, salt_day
from footfall.store import LocalStore

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SYDNEY, BERLIN = "Australia/Sydney", "Europe/Berlin"
REZONED = "Europe/Berlin 2026-11-20 America/New_York"


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text + "Z")


@pytest.fixture
def store(tmp_path) -> LocalStore:
    return LocalStore(tmp_path)


def the_end(store: LocalStore) -> datetime:
    """When the only salt of a lake is at the end of its life."""
    [info] = store.list(SALTS)
    named = day_of_salt(info.key)
    assert named is not None
    midnight = zones.clock(named[0]).start(named[1] + timedelta(days=1)).astimezone(UTC)
    return max(midnight, datetime.fromisoformat(json.loads(store.get(info.key))["created_at"])) + SALT_LIFE


def test_all_collectors_agree_on_one_salt_whoever_comes_first(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        agreed = set(pool.map(lambda _: Salts(LocalStore(tmp_path)).of("acme", SYDNEY, NOON), range(16)))

    assert len(agreed) == 1
    assert len(agreed.pop()) == 32


def test_salts_differ_by_client_by_zone_and_by_day(store):
    salts = Salts(store)
    whose = [("acme", "UTC", NOON), ("other", "UTC", NOON), ("acme", BERLIN, NOON)]

    assert len({salts.of(*each) for each in [*whose, ("acme", "UTC", NOON + timedelta(hours=12))]}) == 4
    assert salts.of("acme", "UTC", NOON.replace(hour=0)) == salts.of("acme", "UTC", NOON.replace(hour=23))


@pytest.mark.parametrize(
    ("clock", "last", "first"),
    [
        ("UTC", "2026-11-19T23:59:59.999", "2026-11-20T00:00"),
        (SYDNEY, "2026-11-19T12:59:59.999", "2026-11-19T13:00"),
        ("America/Vancouver", "2026-11-20T06:59:59.999", "2026-11-20T07:00"),
        ("Asia/Kathmandu", "2026-11-19T18:14:59.999", "2026-11-19T18:15"),
        # Clocks skip this midnight: the day begins at one o'clock.
        ("Africa/Cairo", "2026-04-23T21:59:59.999", "2026-04-23T22:00"),
    ],
)
def test_a_salt_turns_at_the_midnight_of_the_site(store, clock, last, first):
    salts = Salts(store)
    turn = moment(first)

    assert salts.of("acme", clock, moment(last)) != salts.of("acme", clock, turn)
    assert salts.of("acme", clock, turn) == salts.of("acme", clock, turn + timedelta(hours=22))


@pytest.mark.parametrize(("date_", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-20", 24)])
def test_a_day_on_which_clocks_change_has_one_salt(store, date_, hours):
    day = salt_day(BERLIN, moment(f"{date_}T12:00"))

    assert day.ends - day.begins == timedelta(hours=hours)
    found = {
        Salts(store).of("acme", BERLIN, day.begins + n * timedelta(minutes=30)) for n in range(2 * hours)
    }
    assert len(found) == 1


def test_the_day_on_which_a_clients_zone_changes_has_one_salt_that_of_the_zone_in_which_it_begins(store):
    """The day is 30 hours long: from midnight in Berlin to midnight in New York."""
    salts = Salts(store)
    begins, ends = moment("2026-11-19T23:00"), moment("2026-11-21T05:00")
    said_before = salts.of("acme", BERLIN, begins)

    assert salts.of("acme", REZONED, begins) == said_before
    assert salts.of("acme", REZONED, ends - timedelta(seconds=1)) == said_before
    assert salts.of("acme", REZONED, ends) not in (said_before, salts.of("acme", BERLIN, ends))


@given(st.sampled_from(sorted(zones.names())), st.dates(date(1991, 1, 2), date(2090, 1, 1)))
def test_the_key_of_a_salt_says_its_zone_and_day(zone, day):
    key = salt_object("a-client.2", zone, day)

    assert SAFE_KEY.fullmatch(key)
    assert day_of_salt(key) == (zone, day)


@given(st.sampled_from(sorted(zones.names())), st.integers(694224000, 2840140800))
def test_every_moment_lies_in_the_day_whose_salt_it_has(zone, at):
    at = datetime.fromtimestamp(at, UTC)
    day = salt_day(zone, at)

    assert day.begins <= at < day.ends
    assert salt_day(zone, day.begins - timedelta(microseconds=1)).ends == day.begins


@pytest.mark.parametrize("clock", ["UTC", SYDNEY, "America/Los_Angeles"])
def test_a_salt_is_destroyed_48_hours_after_the_end_of_its_day_and_not_before(store, clock):
    salts = Salts(store)
    today = datetime.now(UTC)
    before = salts.of("acme", clock, today)
    end = salt_day(clock, today).ends + SALT_LIFE
    assert the_end(store) == end

    assert salts.destroy_old(end) == 0
    assert salts.of("acme", clock, today) == before
    assert salts.destroy_old(end + timedelta(seconds=1)) == 1
    assert list(store.list(SALTS)) == []
    assert salts.of("acme", clock, today) != before


def test_a_salt_that_an_import_makes_for_a_day_long_ago_is_destroyed_48_hours_after_it_was_made(store):
    salts = Salts(store)
    salts.of("acme", SYDNEY, moment("2024-05-05T12:00"))
    [info] = store.list(SALTS)
    made = datetime.fromisoformat(json.loads(store.get(info.key))["created_at"])

    assert salts.destroy_old(made + SALT_LIFE) == 0
    assert salts.destroy_old(made + SALT_LIFE + timedelta(seconds=1)) == 1


def test_a_salt_of_a_zone_that_there_is_not_any_more_is_destroyed_all_the_same():
    key = "salts/client=acme/zone=Mars.Olympus/day=2026-11-20.json"

    assert not is_over(key, NOON, moment("2026-11-23T00:00"))
    assert is_over(key, NOON, moment("2026-11-23T00:01"))


def test_yesterdays_salt_is_found_where_there_was_one_and_never_made(store):
    made = Salts(store).of("acme", SYDNEY, NOON)

    assert Salts(store).existing("acme", SYDNEY, NOON) == made
    assert Salts(store).existing("acme", SYDNEY, NOON - timedelta(days=1)) is None
    assert Salts(store).existing("acme", BERLIN, NOON) is None
    assert Salts(store).existing("other", SYDNEY, NOON) is None
    assert len(list(store.list(SALTS))) == 1


def test_the_end_of_a_salt_is_on_record_without_the_salt(store, caplog):
    salt = Salts(store).of("acme", SYDNEY, NOON)
    later = the_end(store) + timedelta(seconds=1)

    with caplog.at_level(logging.INFO):
        Salts(store).destroy_old(later)

    name = "salts/client=acme/zone=Australia.Sydney/day=2026-11-20.json"
    record = json.loads(store.get(f"destroyed-{name}"))
    assert record["salt_sha256"] == hashlib.sha256(salt).hexdigest()
    assert datetime.fromisoformat(record["destroyed_at"]) == later
    assert f"{name} was destroyed" in caplog.text
    assert salt.hex() not in caplog.text + json.dumps(record)


def test_what_another_collector_destroyed_is_forgotten_here_too(tmp_path):
    """Of two collectors only one finds the old salt in the lake; the other must not keep it in memory."""
    here, there = Salts(LocalStore(tmp_path)), Salts(LocalStore(tmp_path))
    before = here.of("acme", SYDNEY, NOON)
    later = the_end(LocalStore(tmp_path)) + timedelta(seconds=1)

    assert there.destroy_old(later) == 1
    assert here.destroy_old(later) == 0

    assert here.of("acme", SYDNEY, NOON) != before


def test_many_collectors_may_destroy_at_once(tmp_path):
    store = LocalStore(tmp_path)
    for n in range(20):
        Salts(store).of(f"client-{n}", "UTC", NOON)
    later = datetime.now(UTC) + SALT_LIFE + timedelta(days=2)

    with ThreadPoolExecutor(8) as pool:
        destroyed = list(pool.map(lambda _: Salts(LocalStore(tmp_path)).destroy_old(later), range(8)))

    assert sum(destroyed) >= 20
    assert list(store.list(SALTS)) == []


def test_what_is_stored_tells_nothing_of_a_visitor(store):
    salt = Salts(store).of("acme", "UTC", NOON)

    visitor = visitor_id(salt, "shop", "192.0.2.77", "Browser/1.0")

    [info] = store.list("")
    assert info.key == "salts/client=acme/zone=UTC/day=2026-11-20.json"
    stored = json.loads(store.get(info.key))
    assert set(stored) == {"salt", "created_at"}
    assert bytes.fromhex(stored["salt"]) == salt
    assert "192.0.2.77" not in str(stored) + visitor


# A lake of a program whose salts turned at midnight UTC


def of_before(store: LocalStore, day: str) -> bytes:
    """A salt that such a program made."""
    made = new_salt()
    store.put(salt_object_of_utc_day("acme", date.fromisoformat(day)), json.dumps(made).encode())
    return bytes.fromhex(made["salt"])


@pytest.mark.parametrize("clock", ["UTC", SYDNEY, "America/Los_Angeles"])
def test_a_utc_day_that_began_with_a_salt_of_before_ends_with_it(store, clock):
    before = of_before(store, "2026-11-20")
    midnight = moment("2026-11-21T00:00")

    assert {Salts(store).of("acme", clock, NOON + timedelta(hours=n)) for n in range(-12, 12)} == {before}
    assert Salts(store).of("acme", clock, midnight) != before
    after = {Salts(store).of("acme", clock, midnight + timedelta(hours=n)) for n in range(2)}
    assert len(after) == 1


@pytest.mark.parametrize("clock", ["UTC", SYDNEY, "America/Los_Angeles"])
def test_the_salt_after_one_of_before_begins_where_that_ends(store, clock):
    """So whoever is here at that midnight has both ids, and his session goes on."""
    before = of_before(store, "2026-11-20")

    first, _ = Salts(store).agree("acme", clock, moment("2026-11-21T00:10"), new_salt())

    assert first.begins == moment("2026-11-21T00:00")
    assert Salts(store).existing("acme", clock, first.before) == before


def test_a_salt_of_before_is_destroyed_48_hours_after_it_was_made(store):
    of_before(store, "2026-11-20")
    [info] = store.list(SALTS)
    made = datetime.fromisoformat(json.loads(store.get(info.key))["created_at"])

    assert Salts(store).destroy_old(made + SALT_LIFE) == 0
    assert Salts(store).destroy_old(made + SALT_LIFE + timedelta(seconds=1)) == 1
