"""A person goes from every layer, whatever dies on the way, and everybody else stays as he was."""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from support.erased_home import ANNA, BERT, HASH, ONE, TEXTS, USER, DyingHouse, Home
from support.orchestration_builders import HOUR, Crash
from support.searched import files_with, layers_of

from commands.backup import backup
from commands.cli import main
from commands.privacy_work import asked_of, begin, house_of, plan
from commands.restore import restore
from footfall.settings import Settings
from footfall.store import LocalStore, StoreError
from footfall.verify import verify_bucket
from orchestration.privacy.erasure import carry_out
from orchestration.privacy.erasure_book import ErasureBook
from orchestration.privacy.person import unresolved

HOURS = [HOUR + n * ONE for n in range(3)]
THREE = HOUR + 3 * ONE
LAYERS = {
    *("lake/raw", "lake/events", "lake/quarantine", "lake/marts", "warehouse.duckdb"),
    *("buckets/acme", "buckets/backup", "slices", "outbox", "dbt", "logs", "alerts.sqlite"),
}


class Refusing:
    """A bucket that lets nothing be removed."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    def delete(self, key):
        raise StoreError(f"{key}: AccessDenied", retryable=False, code="AccessDenied")


def settled_home(folder, people=("anna", "bert")):
    """Three hours, the second with late data, so that its periods have two revisions."""
    home = Home(folder, people)
    for n in range(3):
        home.land(HOUR + n * ONE)
    home.land_odd(HOUR + ONE)
    home.run(*HOURS, live=HOURS)
    home.land(HOUR + ONE, minute=40, origin="c1-9-1")
    home.run(HOUR + ONE)
    return home


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home in which the person is everywhere, with a backup."""
    made = settled_home(tmp_path_factory.mktemp("erasure"))
    made.plant()
    with closing(sqlite3.connect(made.home / "alerts.sqlite")) as alerts, alerts:
        alerts.execute("CREATE TABLE IF NOT EXISTS said (words TEXT)")
        alerts.execute("INSERT INTO said VALUES (?)", [f"a client asked about {USER}"])
    backup(made.settings, (made.folder / "backups").as_uri(), lake=True)
    return made


def of_bert(home):
    return {
        table: home.rows(
            f"SELECT * EXCLUDE (object_key) FROM {table} WHERE visitor_id = '{BERT}' ORDER BY ALL"
        )
        for table in ("intermediate.int_events_sessionised",)
    } | {
        table: home.rows(f"SELECT * FROM main.{table} WHERE visitor_id = '{BERT}' ORDER BY ALL")
        for table in ("events", "page_views", "sessions", "visitors", "identity_map", "touches")
    }


def test_a_person_goes_from_every_layer_though_the_process_dies_at_each_edge(home, monkeypatch, capfd):
    before = files_with(home.home, *TEXTS)
    assert layers_of(before) >= LAYERS
    everybody_else = of_bert(home)
    asked = asked_of({"user": [USER]}, None)
    found = plan(home.settings, "acme", asked, is_linked=True)
    assert found.person.ids == {"user": [USER], "visitor": sorted([ANNA, HASH])}
    assert files_with(home.home, *TEXTS) == before  # a plan changes nothing

    name = begin(home.settings, found, reason="asked", by="officer", is_for_good=False)
    book, dying = ErasureBook(home.home), DyingHouse(home)
    while True:
        try:
            left = carry_out(book, dying.house(), book.get(name))
            break
        except Crash:
            continue

    assert left == []
    assert len(dying.died_at) > 30
    assert files_with(home.home, *TEXTS) == {}
    assert of_bert(home) == everybody_else
    for bucket in ("acme", "backup/acme"):
        seen = verify_bucket(LocalStore(home.home / "buckets" / bucket), needs_log=True, at=THREE)
        assert seen.problems == []
        assert seen.outstanding == []
        assert seen.uncommitted == []
        assert [log.removed["erasure"] for log in seen.logs] == [1]
    monkeypatch.setattr(os, "environ", home.environ)
    capfd.readouterr()
    assert main(["privacy", "certificate", name, "--verify", "--looked-for", USER]) == 0
    assert "its signature is right" in capfd.readouterr().out
    assert main(["privacy", "certificate", name, "--looked-for", "bert-user-4711"]) == 1
    assert main(["privacy", "resume", name]) == 0
    assert main(["privacy", "resume", "nobody"]) == 1
    assert "Traceback" not in capfd.readouterr().err


def test_what_is_left_is_what_a_home_without_the_person_has(home, tmp_path):
    if files_with(home.home, USER):
        pytest.skip("needs the erasure of the test before")
    other = Home(tmp_path / "other", ("bert",))
    shutil.copytree(home.home / "keys", other.home / "keys", dirs_exist_ok=True)
    for n in range(3):
        other.land(HOUR + n * ONE)
    other.land(HOUR + ONE, minute=40, origin="c1-9-1")
    other.run(*HOURS)

    assert home.newest() == other.newest()


def test_a_backup_of_before_brings_nobody_back(home, tmp_path):
    if files_with(home.home, USER):
        pytest.skip("needs the erasure of the first test")
    environ = {
        "FOOTFALL_HOME": str(tmp_path / "restored"),
        "FOOTFALL_CLIENTS": str(tmp_path / "clients"),
        "FOOTFALL_BACKUP": (home.home / "buckets" / "backup").as_uri(),
    }
    restore(Settings.from_environ(environ), (home.folder / "backups").as_uri())

    assert files_with(tmp_path / "restored", *TEXTS) == {}
    assert list(LocalStore(tmp_path / "restored" / "lake").list("raw/"))
    assert files_with(home.folder / "backups" / "lake", *TEXTS) == {}


def test_a_bucket_that_refuses_is_outstanding_and_named_and_taken_again(tmp_path):
    home = Home(tmp_path, ("anna", "bert"))
    home.land(HOUR)
    home.run(HOUR)
    book, house = ErasureBook(home.home), house_of(home.settings)
    # As the API begins it: who is meant is looked up by the job.
    asked = unresolved("acme", [("visitor", "anna-first-party-id")], is_linked=True)
    name = book.begin(asked, reason="", asked_by="officer", now=house.now, is_for_good=False).id
    openings = house.places

    def refusing(client):
        places = openings(client)
        theirs = places["main"]
        opened = theirs.store()
        theirs._opening, theirs._store = (lambda: Refusing(opened)), None
        return places

    object.__setattr__(house, "places", refusing)

    left = carry_out(book, house, book.get(name))

    assert [each.partition(":")[0] for each in left] == ["delivered"]
    bucket = LocalStore(home.home / "buckets" / "acme")
    [notice] = bucket.list("_erasures/")
    said = json.loads(bucket.get(notice.key))
    assert said["left_to_you"]
    assert USER not in json.dumps(said)
    assert book.get(name).person is not None
    seen = verify_bucket(bucket, needs_log=True, at=HOUR)
    assert {each.record.kind for each in seen.outstanding} == {"erasure"}

    assert carry_out(book, house_of(home.settings), book.get(name)) == []

    assert files_with(home.home, *TEXTS) == {}
    assert book.get(name).person is None
    assert book.get(name).deadline - book.get(name).asked_at == timedelta(days=30)
