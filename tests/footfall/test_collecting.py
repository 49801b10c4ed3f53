"""What a client file says about collecting: keys, aliases, old hosts; and `footfall keys`."""

import io
import json
import re

import pytest
import yaml

from commands.cli import main
from footfall.access.api_keys import is_well_formed, key_hash, new_key
from footfall.clients import Client, load_registry


def client(name="one", *, sites=None, **changes):
    return {
        "client_id": name,
        "name": name,
        "sites": sites or [site(name)],
        "destination": {"url": f"s3://bucket-of-{name}/data"},
        "exports": [{"name": "events", "dataset": "events", "cadence": "hourly"}],
        **changes,
    }


def site(name, **changes):
    return {"site_id": name, "key": f"pk_{name}_1234", "domains": [f"{name}.example"], **changes}


def an_api_key(name="k", text="secret", permissions=("write",), **more):
    return {"name": name, "sha256": key_hash(text), "permissions": list(permissions), **more}


@pytest.fixture
def mistakes(tmp_path):
    """What is wrong with these client files, as text."""

    def load(*documents):
        for document in documents:
            (tmp_path / f"{document['client_id']}.yaml").write_text(yaml.safe_dump(document))
        return [str(mistake) for mistake in load_registry(tmp_path).mistakes]

    return load


def test_a_client_may_have_keys_a_path_old_hosts_and_a_limit(mistakes):
    one = client(
        sites=[site("one", path="/t/one", legacy_domains=["one.example"], events_per_second=50)],
        api_keys=[an_api_key(), an_api_key("r", "other", ["read"], requests_per_minute=5)],
    )

    assert mistakes(one) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"sites": [site("one", path="/collect/x")]}, "path of the collector's own"),
        ({"sites": [site("one", path="/events")]}, "path of the collector's own"),
        ({"sites": [site("one", path="t/abc")]}, "expected a path such as /t/abc"),
        ({"sites": [site("one", path="/t/abc.js")]}, "expected a path such as /t/abc"),
        ({"sites": [site("one", path="/t/../x")]}, "expected a path such as /t/abc"),
        ({"sites": [site("one", legacy_domains=["two.example"])]}, "no host that `domains` declares"),
        (
            {"sites": [site("one", domains=["*.one.example"], legacy_domains=["*.one.example"])]},
            "no host that `domains` declares",
        ),
        (
            {
                "sites": [
                    site("one", domains=["*.one.example"], legacy_domains=["a.one.example"]),
                    site("two", domains=["a.one.example"]),
                ]
            },
            "declared by more than one site",
        ),
        ({"sites": [site("one", path="/t/a"), site("two", path="/t/a")]}, "path used twice: /t/a"),
        ({"sites": [site("one", events_per_second=-1)]}, "expected 0 or more"),
        ({"api_keys": [an_api_key(site_id="three")]}, "k: no site three"),
        ({"sites": [site("one"), site("two")], "api_keys": [an_api_key()]}, "say the site_id"),
        ({"api_keys": [an_api_key(permissions=[])]}, "at least 1 of them"),
        ({"api_keys": [{**an_api_key(), "sha256": "secret"}]}, "expected 64 hex digits"),
        ({"api_keys": [an_api_key(), an_api_key(text="b")]}, "API key name used twice: k"),
        ({"api_keys": [an_api_key(), an_api_key("other")]}, "API key used twice"),
    ],
)
def test_each_mistake_is_named(mistakes, change, told):
    [said] = mistakes(client(**change))

    assert told in said
    assert "secret" not in said


def test_a_read_key_needs_no_site_where_there_are_several(mistakes):
    assert (
        mistakes(client(sites=[site("one"), site("two")], api_keys=[an_api_key(permissions=["read"])])) == []
    )


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (
            {"api_keys": [an_api_key()]},
            {"api_keys": [an_api_key()]},
            "two.yaml: api_keys.1.sha256: is a key of one",
        ),
        (
            {"sites": [site("one", path="/t/a")]},
            {"sites": [site("two", path="/t/a")]},
            "two.yaml: sites.1.path: is a path of one",
        ),
        (
            {"sites": [site("one", domains=["*.x.example"])]},
            {"sites": [site("two", domains=["a.x.example"], legacy_domains=["a.x.example"])]},
            "two.yaml: sites.1.domains: a.x.example belongs to one\n"
            "two.yaml: sites.1.legacy_domains: a.x.example belongs to one",
        ),
        (
            {"sites": [site("one", domains=["a.x.example"], legacy_domains=["a.x.example"])]},
            {"sites": [site("two", domains=["*.x.example"])]},
            "two.yaml: sites.1.domains: *.x.example belongs to one\n"
            "two.yaml: sites.1.domains: a.x.example belongs to the old clients of one",
        ),
    ],
)
def test_no_two_clients_can_be_meant_by_one_thing(mistakes, first, second, told):
    assert mistakes(client(**first), client("two", **second)) == told.splitlines()


@pytest.mark.parametrize(
    ("url", "bucket"),
    [
        ("s3://app1-analytics", "app1-analytics"),
        ("s3://app1-analytics/a/b", "app1-analytics"),
        ("file:///srv/buckets/demo/", "demo"),
        ("file://${FOOTFALL_HOME}/buckets/demo", "demo"),
    ],
)
def test_a_destination_has_a_bucket(url, bucket):
    assert Client.model_validate(client(destination={"url": url})).destination.bucket == bucket


def test_an_admin_may_all_and_others_what_they_were_given():
    admin, reader = Client.model_validate(
        client(api_keys=[an_api_key(permissions=["admin"]), an_api_key("r", "r", ["read"])])
    ).api_keys

    assert [admin.may(p) for p in ("read", "write", "admin")] == [True, True, True]
    assert [reader.may(p) for p in ("read", "write", "admin")] == [True, False, False]


def test_keys_are_never_the_same_and_can_be_told_from_other_words():
    keys = {new_key() for _ in range(200)}

    assert len(keys) == 200
    assert all(is_well_formed(key) for key in keys)
    assert not any(is_well_formed(key[:-1] + ("0" if key[-1] != "0" else "1")) for key in keys)
    assert not is_well_formed("dev-key-analytics-2024")


@pytest.fixture
def installed(tmp_path, monkeypatch):
    (tmp_path / "one.yaml").write_text(yaml.safe_dump(client(sites=[site("one"), site("two")])))
    monkeypatch.setenv("FOOTFALL_CLIENTS", str(tmp_path))
    return tmp_path / "one.yaml"


def test_a_new_key_is_shown_once_and_its_line_fits_into_the_client_file(installed, capsys):
    assert main(["keys", "new", "one", "--permission", "write", "--label", "backend", "--site", "two"]) == 0

    said = capsys.readouterr().out
    key = re.search(r"ffk_\S+", said)[0]
    written = json.loads(re.search(r"- (\{.*\})", said)[1])
    assert (written["sha256"], written["site_id"]) == (key_hash(key), "two")
    assert said.count(key) == 1
    with installed.open("a") as file:
        file.write(f"api_keys:\n  - {json.dumps(written)}\n")
    assert load_registry(installed.parent).mistakes == ()


@pytest.mark.usefixtures("installed")
def test_a_key_that_the_file_would_not_take_is_not_made(capsys):
    assert main(["keys", "new", "one", "--permission", "write"]) == 1
    said = capsys.readouterr()
    assert "site_id" in said.err and "ffk_" not in said.out


def test_an_old_key_is_hashed_from_stdin(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("dev-key-analytics-2024\n"))
    assert main(["keys", "hash"]) == 0
    assert capsys.readouterr().out.strip() == key_hash("dev-key-analytics-2024")

    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert main(["keys", "hash"]) == 1
