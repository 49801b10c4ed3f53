"""Visitor ids: one person on one site on one day, and nobody can tell who."""

import hashlib
import hmac
import json
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from footfall.keys import SALTS
from footfall.privacy import SALT_LIFE, Salts, VisitorHash, first_party_visitor_id, visitor_id
from footfall.store import LocalStore

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_all_collectors_agree_on_one_salt_whoever_comes_first(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        agreed = set(pool.map(lambda _: Salts(LocalStore(tmp_path)).of("acme", NOON), range(16)))

    assert len(agreed) == 1
    assert len(agreed.pop()) == 32


def test_salts_differ_by_client_and_by_utc_day(tmp_path):
    salts = Salts(LocalStore(tmp_path))

    found = {
        salts.of("acme", NOON),
        salts.of("other", NOON),
        salts.of("acme", NOON + timedelta(hours=12)),
    }

    assert len(found) == 3
    assert salts.of("acme", NOON.replace(hour=0)) == salts.of("acme", NOON.replace(hour=23, minute=59))


def test_a_visitor_is_told_apart_by_site_address_and_user_agent(tmp_path):
    salt = Salts(LocalStore(tmp_path)).of("acme", NOON)

    one = visitor_id(salt, "shop", "192.0.2.1", "UA")

    assert one == visitor_id(salt, "shop", "192.0.2.1", "UA")
    assert (
        len(
            {
                one,
                *(visitor_id(salt, *who) for who in (("x", "192.0.2.1", "UA"), ("shop", "192.0.2.2", "UA"))),
            }
        )
        == 3
    )
    # The parts are kept apart: one part's end cannot pass for the next one's start.
    assert visitor_id(salt, "a", "b", "c") != visitor_id(salt, "ab", "", "c")


@given(st.binary(min_size=32, max_size=64), st.text(), st.text(), st.text())
def test_a_visitor_id_is_the_hmac_of_the_three_under_the_salt(salt, site_id, address, user_agent):
    message = "\x1f".join((site_id, address, user_agent)).encode("utf-8", "surrogatepass")
    expected = hmac.new(salt, message, "sha256").hexdigest()[:32]
    visitors = VisitorHash(salt)

    assert visitor_id(salt, site_id, address, user_agent) == expected
    assert [visitors.of(site_id, address, user_agent) for _ in range(2)] == [expected, expected]


def test_a_salt_is_destroyed_after_48_hours_and_not_before(tmp_path):
    store = LocalStore(tmp_path)
    salts = Salts(store)
    before = salts.of("acme", NOON)
    (info,) = store.list(SALTS)
    made = datetime.fromisoformat(json.loads(store.get(info.key))["created_at"])

    assert salts.destroy_old(made + SALT_LIFE) == 0
    assert salts.of("acme", NOON) == before
    assert salts.destroy_old(made + SALT_LIFE + timedelta(seconds=1)) == 1
    assert list(store.list(SALTS)) == []
    assert salts.of("acme", NOON) != before


def test_yesterdays_salt_is_found_where_there_was_one_and_never_made(tmp_path):
    store = LocalStore(tmp_path)
    made = Salts(store).of("acme", NOON)

    assert Salts(store).existing("acme", NOON) == made
    assert Salts(store).existing("acme", NOON - timedelta(days=1)) is None
    assert Salts(store).existing("other", NOON) is None
    assert len(list(store.list(SALTS))) == 1


def test_the_end_of_a_salt_is_on_record_without_the_salt(tmp_path, caplog):
    store = LocalStore(tmp_path)
    salt = Salts(store).of("acme", NOON)
    later = datetime.now(UTC) + SALT_LIFE + timedelta(seconds=1)

    with caplog.at_level(logging.INFO):
        Salts(store).destroy_old(later)

    record = json.loads(store.get("destroyed-salts/client=acme/day=2026-11-20.json"))
    assert record["salt_sha256"] == hashlib.sha256(salt).hexdigest()
    assert datetime.fromisoformat(record["destroyed_at"]) == later
    assert "salts/client=acme/day=2026-11-20.json was destroyed" in caplog.text
    assert salt.hex() not in caplog.text + json.dumps(record)


def test_a_first_party_id_is_hashed_for_its_site_alone():
    one = first_party_visitor_id("shop", "token-1")

    assert re.fullmatch("[0-9a-f]{32}", one)
    assert one == first_party_visitor_id("shop", "token-1")
    assert (
        len({one, first_party_visitor_id("blog", "token-1"), first_party_visitor_id("shop", "token-2")}) == 3
    )


def test_what_another_collector_destroyed_is_forgotten_here_too(tmp_path):
    """Of two collectors only one finds the old salt in the lake; the other must not keep it in memory."""
    here, there = Salts(LocalStore(tmp_path)), Salts(LocalStore(tmp_path))
    before = here.of("acme", NOON)
    later = datetime.now(UTC) + SALT_LIFE + timedelta(seconds=1)

    assert there.destroy_old(later) == 1
    assert here.destroy_old(later) == 0

    assert here.of("acme", NOON) != before


def test_many_collectors_may_destroy_at_once(tmp_path):
    store = LocalStore(tmp_path)
    for n in range(20):
        Salts(store).of(f"client-{n}", NOON)
    later = datetime.now(UTC) + SALT_LIFE + timedelta(seconds=1)

    with ThreadPoolExecutor(8) as pool:
        destroyed = list(pool.map(lambda _: Salts(LocalStore(tmp_path)).destroy_old(later), range(8)))

    assert sum(destroyed) >= 20
    assert list(store.list(SALTS)) == []


def test_what_is_stored_tells_nothing_of_a_visitor(tmp_path):
    store = LocalStore(tmp_path)
    salt = Salts(store).of("acme", NOON)

    visitor = visitor_id(salt, "shop", "192.0.2.77", "Browser/1.0")

    assert re.fullmatch("[0-9a-f]{32}", visitor)
    (info,) = store.list("")
    assert info.key == "salts/client=acme/day=2026-11-20.json"
    stored = json.loads(store.get(info.key))
    assert set(stored) == {"salt", "created_at"}
    assert bytes.fromhex(stored["salt"]) == salt
    assert "192.0.2.77" not in str(stored) + visitor
