"""`footfall keys` as an operator uses it: made, listed, rotated, revoked; the client file is what counts."""

import json
import re
import shutil

import pytest
from support.command_line import ROOT, command_line

from footfall.access.api_keys import key_hash
from footfall.clients import read_client


@pytest.fixture
def footfall(tmp_path):
    made = command_line(tmp_path / "home")
    made.clients = tmp_path / "clients"
    shutil.copytree(ROOT / "clients", made.clients)
    return made


def shown(done):
    """The key that a command has shown."""
    assert done.returncode == 0, done.stderr
    return re.search(r"ffk_\S+", done.stdout)[0]


def keys_of(footfall, client="demo"):
    found, mistakes = read_client(footfall.clients / f"{client}.yaml")
    assert mistakes == []
    return {key.name: key for key in found.api_keys}


def audited(footfall):
    lines = (footfall.home / "audit.jsonl").read_text().splitlines()
    return [(line["act"], line["client"], line["subject"]) for line in map(json.loads, lines)]


def test_a_key_that_is_only_printed_changes_no_file(footfall):
    before = (footfall.clients / "demo.yaml").read_text()

    shown(footfall("keys", "new", "demo", "--permission", "read"))

    assert (footfall.clients / "demo.yaml").read_text() == before


def test_a_written_key_is_in_the_client_file_as_its_hash_and_all_else_stays(footfall):
    before = (footfall.clients / "demo.yaml").read_text()

    key = shown(footfall("keys", "new", "demo", "--permission", "read", "--label", "dash", "--write"))

    after = (footfall.clients / "demo.yaml").read_text()
    assert after.startswith(before)
    assert key not in after
    assert keys_of(footfall)["dash"].sha256 == key_hash(key)
    assert audited(footfall) == [("keys.new", "demo", "dash")]


def test_a_rotated_key_has_a_follower_and_is_valid_for_a_while(footfall):
    old = shown(footfall("keys", "new", "demo", "--permission", "write", "--label", "shop", "--write"))

    new = shown(footfall("keys", "rotate", "demo", "shop"))

    keys = keys_of(footfall)
    assert keys["shop"].sha256 == key_hash(new)
    assert keys["shop"].expires_at is None
    assert keys["shop-old"].sha256 == key_hash(old)
    assert keys["shop-old"].expires_at is not None
    assert keys["shop-old"].permissions == keys["shop"].permissions == ["write"]


def test_a_revoked_key_is_gone_and_its_name_may_be_used_again(footfall):
    shown(footfall("keys", "new", "demo", "--permission", "read", "--label", "a", "--write"))

    assert footfall("keys", "revoke", "demo", "a").returncode == 0
    assert keys_of(footfall) == {}
    again = footfall("keys", "revoke", "demo", "a")
    assert again.returncode == 1
    assert "has no key 'a'" in again.stderr
    shown(footfall("keys", "new", "demo", "--permission", "read", "--label", "a", "--write"))


def test_keys_of_the_operator_are_made_rotated_listed_and_revoked(footfall):
    shown(footfall("keys", "new", "--operator", "--permission", "admin", "--label", "ops"))
    shown(footfall("keys", "rotate", "--operator", "ops"))

    listed = footfall("keys", "list").stdout.splitlines()
    assert [line.split()[1] for line in listed] == ["ops", "ops-old"]
    assert all("never used" in line for line in listed)
    assert footfall("keys", "revoke", "--operator", "ops-old").returncode == 0
    assert len(footfall("keys", "list").stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("new", "--permission", "read"), "say whose key it is"),
        (("new", "demo", "--operator", "--permission", "read"), "say whose key it is"),
        (("new", "--operator", "--permission", "read", "--site", "shop"), "leave --site out"),
        (("new", "agency", "--permission", "write", "--write"), "say the site_id"),
        (("rotate", "demo", "nothing"), "has no key 'nothing'"),
        (("new", "demo", "--permission", "read", "--label", "No Name"), "name: "),
    ],
)
def test_a_slip_is_one_line_and_changes_nothing(footfall, arguments, said):
    before = [path.read_text() for path in sorted(footfall.clients.iterdir())]

    done = footfall("keys", *arguments)

    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert [path.read_text() for path in sorted(footfall.clients.iterdir())] == before
