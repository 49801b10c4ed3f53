"""A check of a bucket that a client file names: the installation's own keys count there, and its own log."""

import json
import shutil

import pytest
from support.api_builders import api_key, served
from support.damages import AT, drop
from support.delivered_home import DeliveredHome
from support.logged import ONE
from support.manifests import HOUR, signer
from support.oddities import STRANGER

from commands import cli
from commands.api_installation import HereInstallation


@pytest.fixture
def here(tmp_path, monkeypatch):
    return DeliveredHome(tmp_path).entered(monkeypatch)


@pytest.fixture
def verify(capsys):
    def run(url, *options, at=HOUR + 3 * ONE):
        code = cli.main(["verify", url, "--at", f"{at:%Y-%m-%dT%H}", *options])
        return code, capsys.readouterr().out.splitlines()

    return run


def test_a_bucket_that_is_whole_and_signed_by_another_is_damage_where_it_is_ours(here, verify, tmp_path):
    url = here.bucket.root.as_uri()
    assert verify(url)[0] == 0
    here.sign_with(STRANGER)
    shutil.copytree(here.bucket.root, tmp_path / "copy")

    code, lines = verify(url)

    assert code == 1
    assert "PROBLEM  _log/checkpoint: is signed with no key that is known here" in lines
    assert sum(line.endswith("which is not known here") for line in lines) == 6
    code, lines = verify((tmp_path / "copy").as_uri())
    assert code == 0, "of another place nothing is known"
    assert any(f"key      {signer().key_id} signed 6 of acme: found in the bucket" in line for line in lines)


def test_our_own_key_needs_no_word_that_it_was_found_in_the_bucket(here, verify):
    _, lines = verify(here.bucket.root.as_uri())

    assert f"key      {signer().key_id} signed 6 of acme" in lines


@pytest.mark.parametrize("options", [(), ("--client", "acme")])
def test_the_log_of_another_place_of_the_same_client_is_not_the_buckets(here, verify, options):
    shutil.rmtree(here.bucket.root)
    shutil.copytree(here.backup.root, here.bucket.root)

    code, lines = verify(here.bucket.root.as_uri(), *options)

    assert code == 1
    said = "is of the log footfall/acme/backup, and this bucket's is footfall/acme/main"
    assert f"PROBLEM  _log/checkpoint: {said}" in lines


def test_a_bucket_that_was_emptied_is_named_where_deliveries_arrived_in_it(here, verify):
    drop(here.bucket, "")

    code, lines = verify(here.bucket.root.as_uri())

    assert code == 1
    assert lines[0] == "PROBLEM  this bucket: nothing of a client lies there, and deliveries arrived in it"


def _unlogged(here):
    drop(here.bucket, "_log/")


def _emptied(here):
    drop(here.bucket, "")


def _of_the_backup(here):
    shutil.rmtree(here.bucket.root)
    shutil.copytree(here.backup.root, here.bucket.root)


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (lambda _: None, "acme events: nothing from 2026-11-20T17:00"),
        (_unlogged, "_log/checkpoint: there is no log"),
        (_emptied, "this bucket: nothing of a client lies there"),
        (_of_the_backup, "_log/checkpoint: is of the log footfall/acme/backup"),
        (lambda here: here.sign_with(STRANGER), "_log/checkpoint: is signed with no key that is known here"),
    ],
)
def test_the_check_that_the_api_makes_names_the_same(here, tmp_path, plant, said):
    """Nothing was delivered since November 2026, which any check of today names."""
    plant(here)
    here.order("events", "sessions", api_keys=[api_key("admin", "admin")])
    with served(tmp_path / "api", HereInstallation, **here.environment) as api:
        started = api.ask("POST", "/v1/exports/events/verify", role="admin").json
        for _ in range(600):
            found = api.ask("GET", started["follow"], role="admin").json
            if found["state"] not in ("waiting", "running"):
                break

    assert found["state"] == "done", found
    assert found["result"]["main"]["is_as_promised"] is False
    assert any(line.startswith(said) for line in found["result"]["main"]["problems"]), found


def planned(here, moment, key):
    """A revision of a delivered hour that no log knows, with its file."""
    folder = "events/dt=2026-11-20/hour=14/rev=000"
    said = json.loads(here.bucket.get(f"{folder}1/_manifest.json"))
    said = {name: value for name, value in said.items() if name != "signature"}
    text = json.dumps({**said, "revision": 2, "supersedes": 1, "planned_at": moment})
    document = json.loads(text.replace("rev=0001", "rev=0002"))
    [file] = document["files"]
    here.bucket.put(file["key"], here.bucket.get(file["key"].replace("rev=0002", "rev=0001")))
    signed = key.sign(document) if key else {**document, "manifest_version": "1.0"}
    here.bucket.put(f"{folder}2/_manifest.json", json.dumps(signed).encode())
    return f"{folder}2/_manifest.json"


@pytest.mark.parametrize("moment", ["2099-01-01T00:00:00.000Z", "2026-11-20T20:00:00.000Z"])
def test_a_manifest_of_times_to_come_is_of_no_run_that_goes_on(here, verify, moment):
    key = planned(here, moment, signer())

    code, lines = verify(here.bucket.root.as_uri())

    assert code == 1
    assert f"PROBLEM  {key}: is in no leaf of the log" in lines


def test_a_manifest_that_nobody_signed_is_of_no_run_that_goes_on(here, verify):
    key = planned(here, "2026-11-20T16:55:00.000Z", None)

    code, lines = verify(here.bucket.root.as_uri(), "--allow-unsigned")

    assert code == 1
    assert f"PROBLEM  {key}: is in no leaf of the log" in lines


def test_a_pointer_to_a_period_that_may_be_gone_may_point_to_nothing(here, verify):
    drop(here.bucket, "sessions/dt=")

    options = ("--from", "2026-11-20T17")
    code, lines = verify(here.bucket.root.as_uri(), *options)

    assert code == 0, lines
    code, lines = verify(here.bucket.root.as_uri(), "--from", "2026-11-20T16", at=AT)
    assert code == 1
    assert any(line.startswith("PROBLEM  sessions/_latest.json: points to") for line in lines)
