"""Who holds a key, how much it may ask, and what is remembered of acts: for every door alike."""

from datetime import UTC, datetime, timedelta

import pytest
from support.client_files import client

from footfall.access import audit
from footfall.access.api_keys import key_hash
from footfall.access.holders import Holders
from footfall.access.register import (
    key_of,
    last_uses,
    note_uses,
    operator_keys,
    put_operator_key,
    remove_operator_key,
)
from footfall.access.request_limits import Quota, RequestLimits, headers
from footfall.clients import Client
from footfall.errors import FootfallError

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def a_key(name="k", text="secret", permissions=("read",), **more):
    return {"name": name, "sha256": key_hash(text), "permissions": list(permissions), **more}


def test_a_key_of_a_client_is_of_that_client_and_one_of_the_operator_of_nobody_else():
    one = Client.model_validate(client("one", api_keys=[a_key()]))
    holders = Holders([one], [key_of(a_key("ops", "other", ["admin"]))])

    assert holders.find(key_hash("secret"), NOW).client_id == "one"
    assert holders.find(key_hash("other"), NOW).is_operator
    assert holders.find(key_hash("third"), NOW) is None


def test_a_key_is_none_from_the_moment_on_at_which_it_expires():
    holders = Holders([], [key_of(a_key(expires_at="2026-11-20T12:00:00Z"))])

    assert holders.find(key_hash("secret"), NOW - timedelta(microseconds=1)) is not None
    assert holders.find(key_hash("secret"), NOW) is None


def test_what_is_kept_of_an_operators_key_is_its_hash_and_when_it_was_used(tmp_path):
    put_operator_key(tmp_path, key_of(a_key("ops", "a-very-secret-text")))
    note_uses(tmp_path, {key_hash("a-very-secret-text"): NOW})
    note_uses(tmp_path, {key_hash("a-very-secret-text"): NOW - timedelta(days=1)})

    assert [key.name for key in operator_keys(tmp_path)] == ["ops"]
    assert last_uses(tmp_path) == {key_hash("a-very-secret-text"): NOW}
    assert all(b"a-very-secret-text" not in path.read_bytes() for path in tmp_path.iterdir())


def test_one_key_has_one_name_and_a_name_that_is_not_there_cannot_be_removed(tmp_path):
    put_operator_key(tmp_path, key_of(a_key("ops")))

    with pytest.raises(FootfallError, match="under another name"):
        put_operator_key(tmp_path, key_of(a_key("other")))
    with pytest.raises(FootfallError, match="no key 'third'"):
        remove_operator_key(tmp_path, "third")


def test_a_key_has_its_burst_then_its_minute_and_never_more_than_its_hour():
    limits, quota = RequestLimits(0), Quota(minute=3, hour=5)
    at = 1000.0

    assert [limits.of_key("k", quota, at) for _ in range(3)] == [None] * 3
    refused = limits.of_key("k", quota, at)
    assert ("retry-after", "20") in {(n.decode(), v.decode()) for n, v in refused.headers}
    assert limits.of_key("k", quota, at + 20) is None
    assert limits.of_key("k", quota, at + 40) is None
    # Six in all: the hour is used up, and a minute of waiting does not help.
    refused = limits.of_key("k", quota, at + 60)
    assert b'"hour";q=5;w=3600' in dict(refused.headers)[b"ratelimit-policy"]


def test_what_is_left_is_said_of_each_window_and_one_key_takes_nothing_from_another():
    limits, quota = RequestLimits(0), Quota(minute=60, hour=600)
    limits.of_key("k", quota, 0.0)

    said = headers(limits.left("k", quota, 0.0))
    assert said["ratelimit"] == '"minute";r=59;t=1, "hour";r=599;t=6'
    assert said["ratelimit-policy"] == '"minute";q=60;w=60, "hour";q=600;w=3600'
    assert limits.left("other", quota, 0.0)[0].remaining == 60


def test_a_refused_request_is_charged_in_no_window():
    limits, quota = RequestLimits(0), Quota(minute=1, hour=10)
    limits.of_key("k", quota, 0.0)
    for _ in range(5):
        assert limits.of_key("k", quota, 0.0) is not None

    assert limits.left("k", quota, 0.0)[1].remaining == 9


def test_a_public_address_has_a_limit_and_those_of_one_ipv6_network_share_it():
    limits = RequestLimits(2)

    assert limits.of_address("2001:db8::1", 0.0) is None
    assert limits.of_address("2001:db8::2", 0.0) is None
    assert limits.of_address("2001:db8::3", 0.0) is not None
    assert all(limits.of_address("127.0.0.1", 0.0) is None for _ in range(10))


def test_acts_are_lines_that_are_only_added_to_and_asked_for_by_client(tmp_path):
    path = tmp_path / "audit.jsonl"
    for name in ("one", "two"):
        audit.note(
            path,
            NOW,
            who="ops",
            door="api",
            act="domains.approve",
            client=name,
            subject="a\nb",
            outcome="asked",
        )
    with path.open("a") as file:
        file.write('{"at": "cut o')

    assert [line["client"] for line in audit.lines(path)] == ["one", "two"]
    assert [line["subject"] for line in audit.lines(path, "two")] == ["a\nb"]
    assert path.stat().st_mode & 0o777 == 0o600
