"""Visitor ids: one person on one site on one day, and nobody can tell who."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from footfall.keys import SALTS
from footfall.privacy import SALT_LIFE, Salts, visitor_id
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
