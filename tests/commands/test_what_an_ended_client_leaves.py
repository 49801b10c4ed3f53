"""`footfall clients end`: what is kept of the client, until when, and what is left of it then."""

import json
import os
from datetime import UTC, datetime, timedelta

import pytest
import zstandard
from support.erased_home import BERT, TEXTS, USER, Home
from support.orchestration_builders import HOUR
from support.searched import files_with, layers_of

from commands.backup import backup
from commands.cli import main
from footfall.store import LocalStore
from footfall.verify import verify_bucket
from orchestration.defs.retention import making
from orchestration.modelling.publishing.notes import note
from orchestration.privacy.erasure_book import ErasureBook
from orchestration.privacy.request_book import RequestBook
from orchestration.resources.warehouse import Warehouse
from orchestration.retention.plan import ENDED_DAYS
from orchestration.retention.retain import retain

DAY = timedelta(days=1)


@pytest.fixture
def home(tmp_path, monkeypatch):
    made = Home(tmp_path, ("bert",))
    monkeypatch.setattr(os, "environ", made.environ)
    return made


def retained(home, now):
    return {each.client_id: each for each in retain(making.house_of(home.settings, "job", now=lambda: now))}


def held_of(home, client):
    """Where something of a client lies: raw lines of lake and backup, rows of models, files of the backup."""
    found = {}
    for name, folder in (("lake", home.home / "lake"), ("copy", home.folder / "backups" / "lake")):
        store = LocalStore(folder)
        lines = [
            line
            for info in store.list("raw/")
            for line in zstandard.ZstdDecompressor()
            .decompressobj()
            .decompress(store.get(info.key))
            .splitlines()
        ]
        found[name] = sum(f'"{client}"'.encode() in line for line in lines)
    for table in ("ingest.event_index", "main.events", "main.sessions", "main.visitors"):
        found[table] = home.rows(f"SELECT count(*) FROM {table} WHERE client_id = '{client}'")[0][0]
    files = (home.home / "buckets" / "backup" / client).rglob("rev=*/*")
    found["backup"] = sum(path.is_file() and path.name != "_manifest.json" for path in files)
    found["figures"] = home.rows(f"SELECT count(*) FROM daily_metrics WHERE client_id = '{client}'")[0][0]
    return found


def test_what_an_ended_client_left_goes_after_its_days_and_nothing_of_anybody_else(home, capfd):
    home.land(HOUR)
    home.run(HOUR)
    backup(home.settings, (home.folder / "backups").as_uri(), lake=True)
    before, other = held_of(home, "acme"), held_of(home, "beta")
    assert all(before.values())
    bucket = {path: path.read_bytes() for path in (home.home / "buckets/acme").rglob("*") if path.is_file()}

    (home.folder / "clients" / "acme.yaml").unlink()
    assert main(["clients", "end", "acme"]) == 0
    assert f"for {ENDED_DAYS} days" in capfd.readouterr().out
    now = datetime.now(UTC)
    early = retained(home, now + (ENDED_DAYS - 1) * DAY)
    assert "acme" not in early
    assert held_of(home, "acme") == before
    assert main(["privacy", "hold", "add", "--client", "acme", "--reason", "a court asks"]) == 0
    hold = capfd.readouterr().out.split()[1].strip(",")
    late = now + (ENDED_DAYS + 2) * DAY
    book = RequestBook(home.home)
    for client in ("acme", "beta"):
        book.ask(client, "shop", "erasure", [("user", "4711")], f"a form of {client}", late - DAY)
    assert set(retained(home, late)["acme"].blocked) == {"raw", "quarantine", "events", "backup"}
    assert held_of(home, "acme") == before
    assert {each.client_id for each in book.all()} == {"acme", "beta"}
    assert main(["privacy", "hold", "release", hold]) == 0

    done = retained(home, late)["acme"]

    assert (done.left, done.blocked) == ((), {})
    assert [each.client_id for each in book.all()] == ["beta"]
    after = held_of(home, "acme")
    assert after.pop("figures") == before["figures"], "which are about nobody"
    assert not any(after.values()), after
    assert held_of(home, "beta") == other
    assert {path: path.read_bytes() for path in bucket} == bucket, "which is its own"
    for name in ("acme", "backup/acme"):
        seen = verify_bucket(LocalStore(home.home / "buckets" / name), needs_log=True, at=late)
        assert (seen.problems, seen.outstanding) == ([], []), name
    assert main(["privacy", "ledger", "acme"]) == 0
    said = capfd.readouterr().out
    assert "removed: raw" in said
    assert main(["backup", (home.folder / "backups").as_uri(), "--lake"]) == 0
    again = retained(home, late + DAY)["acme"]
    assert (again.removed, again.left) == ((), ())


def test_a_person_of_a_client_that_has_ended_is_erased_from_all_that_is_left_of_it(tmp_path):
    home = Home(tmp_path)
    home.land(HOUR)
    home.run(HOUR)
    backup(home.settings, (home.folder / "backups").as_uri(), lake=True)

    def of_bert():
        rows = f"WHERE visitor_id = '{BERT}' AND client_id = 'acme' ORDER BY ALL"
        return [
            home.rows(f"SELECT * FROM main.{table} {rows}") for table in ("events", "sessions", "visitors")
        ]

    (home.folder / "clients" / "acme.yaml").unlink()
    assert home.says("clients", "end", "acme")[0] == 0
    bert, theirs = of_bert(), files_with(home.home / "buckets" / "acme", *TEXTS)
    assert layers_of(files_with(home.home, *TEXTS)) >= {"lake/raw", "lake/events", "buckets/backup"}
    noted = "SELECT DISTINCT client_id FROM intermediate.published_snapshots ORDER BY ALL"
    with Warehouse(database=str(home.settings.warehouse)).connect() as connection:
        note(connection, "beta", "a-snapshot")  # of before its file said what is acme's
    assert home.rows(noted) == [("acme",), ("beta",)]

    code, said = home.says("privacy", "erase", "--client", "acme", "--user", USER, "--yes")

    assert (code, "OUTSTANDING" in said) == (0, False), said
    left = files_with(home.folder, *TEXTS)
    assert {name.removeprefix("home/buckets/acme/") for name in left} == set(theirs)
    assert of_bert() == bert
    assert home.rows(noted) == [("beta",)], "whose file is only wrong just now"
    assert not list(LocalStore(home.home / "lake").list("marts/client=acme/"))
    [erasure] = ErasureBook(home.home).all()
    named = {each["key"] for each in json.loads(erasure.certificate)["left_to_client"]["files"]}
    assert set(theirs) <= named
    seen = verify_bucket(LocalStore(home.home / "buckets" / "backup" / "acme"), at=datetime.now(UTC))
    assert (seen.problems, seen.outstanding) == ([], [])
    late = retained(home, datetime.now(UTC) + (ENDED_DAYS + 2) * DAY)["acme"]
    assert (late.left, late.blocked) == ((), {})
