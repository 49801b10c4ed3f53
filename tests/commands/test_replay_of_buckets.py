"""`footfall deliveries replay` puts back what `footfall verify` misses, also what nobody orders any more."""

import shutil

import pytest
from support.damages import drop, folder, keys
from support.delivered_home import DeliveredHome
from support.logged import ONE
from support.manifests import HOUR, signer

from commands import cli


@pytest.fixture
def here(tmp_path, monkeypatch):
    return DeliveredHome(tmp_path).entered(monkeypatch)


@pytest.fixture
def run(capsys):
    def run(*words):
        code = cli.main([*words])
        return code, capsys.readouterr().out.splitlines()

    return run


def is_whole(here, run):
    code, lines = run("verify", here.bucket.root.as_uri(), "--at", f"{HOUR + 3 * ONE:%Y-%m-%dT%H}")
    assert code == 0, lines
    return lines[-1]


def test_an_export_that_is_ordered_no_more_comes_back_with_its_pointer(here, run):
    here.order("events")
    drop(here.bucket, "sessions/")

    code, lines = run("deliveries", "replay")

    assert (code, lines[-1]) == (0, "3 delivered, 0 failed")
    assert is_whole(here, run).startswith("6 manifests, 6 signed, 6 files")
    assert run("deliveries", "replay")[1][-1] == "0 delivered, 0 failed"


def test_a_whole_bucket_comes_back_though_it_has_an_export_that_is_ordered_no_more(here, run):
    here.order("events")
    drop(here.bucket, "")

    code, lines = run("deliveries", "replay")

    assert (code, lines[-1]) == (0, "6 delivered, 0 failed")
    is_whole(here, run)


def test_a_file_that_all_buckets_have_lost_of_what_is_ordered_no_more_is_named(here, run):
    here.order("events")
    [key] = keys(here.bucket, f"{folder(0, 'sessions')}rev=0001/sessions-")
    for store in (here.bucket, here.backup):
        store.delete(key)

    code, lines = run("deliveries", "replay")

    assert (code, lines[-1]) == (1, "0 delivered, 1 failed")
    assert f"{key} is in no bucket" in "".join(lines)


def test_of_a_delivery_that_was_signed_away_in_part_the_manifest_comes_back_alone(here, run):
    [file] = keys(here.bucket, f"{folder(0)}rev=0001/events-")
    data = here.bucket.get(file)
    for place in ("main", "backup"):
        here.at.remove("erasure", "er-1", {file: data}, HOUR + 2 * ONE, place)
        here.at.stores[place].delete(file)
    drop(here.bucket, f"{folder(0)}rev=0001/")

    code, lines = run("deliveries", "replay")

    assert (code, lines[-1]) == (0, "1 delivered, 0 failed")
    assert here.bucket.head(file) is None
    assert is_whole(here, run).endswith("1 removals by erasure: all as promised")
    assert run("deliveries", "list")[1] == ["nothing waits"]


def test_what_went_to_a_bucket_that_no_client_file_names_comes_back_in_the_others(here, run):
    """A destination that the file had once has a copy of its own in the ledger."""
    [row] = here.at.ledger.revisions("acme", "events", HOUR)
    with here.at.ledger.transaction() as connection:
        connection.execute(
            "INSERT INTO copies VALUES (?, ?, ?, ?, 'once', 'committed')",
            (row.client_id, row.export, row.period_start.isoformat(), row.revision),
        )
    shutil.rmtree(here.bucket.root / folder(0))

    code, lines = run("deliveries", "replay")

    assert (code, lines[-1]) == (0, "1 delivered, 0 failed")
    is_whole(here, run)
    assert signer().key_id in "".join(keys(here.bucket, "_keys/"))
