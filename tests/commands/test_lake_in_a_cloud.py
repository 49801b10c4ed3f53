"""Commands whose work is a copy of their process, on a lake with Google: what comes before is asked apart."""

import json
from datetime import UTC, datetime

import pytest
from support.azure_server import azure_server
from support.erased_home import USER, Home
from support.gcs_server import BUCKET, gcs_server
from support.orchestration_builders import HOUR
from support.preloaded import run_command

from commands.privacy_work import house_of
from footfall import keys
from footfall.verify import verify_bucket
from orchestration.privacy.erasure import carry_out
from orchestration.privacy.erasure_book import ErasureBook
from orchestration.privacy.person import unresolved


def ingested(folder, bucket, **more):
    """Two clients, whose lake and backup lie in a bucket, and one hour that is ingested and no more."""
    places = {name: f"{bucket}/{name.lower()}" for name in ("LAKE", "BACKUP")}
    home = Home(folder, settings={f"FOOTFALL_{name}": url for name, url in places.items()}, **more)
    home.land(HOUR)
    home.ingest(HOUR)
    return home


@pytest.fixture
def home(tmp_path, monkeypatch):
    """With its lake at Google."""
    with gcs_server() as server:
        (tmp_path / "ours.json").write_text(server.key)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "ours.json"))
        monkeypatch.setenv("GOOGLE_BASE_URL", server.endpoint)
        yield ingested(tmp_path, f"gs://{BUCKET}")


def test_every_command_that_works_in_a_copy_works_on_a_lake_with_google(home):
    """But for `privacy confirm`. That a run whose copy began is whole there shows tests/e2e/test_gcs.py."""

    def said(*words, code=0):
        done = run_command(words, home.environ)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    hours = ("--from", "2020-01-01T00", "--to", "2020-01-01T01")
    done = run_command(("run", *hours), home.environ)
    assert "2020-01-01T00 is before the first hour of this installation" in done.stderr, done.stderr

    upgraded = said("upgrade", f"gs://{BUCKET}/snapshots")
    assert "the models: made by others" in upgraded and "done: all of it is of this release" in upgraded

    doctor = run_command(("doctor",), home.environ).stdout
    assert f"ok    lake: gs://{BUCKET}/lake can be written, read and deleted from" in doctor
    assert "ok    salts: gone from" in doctor and "--clear-soft-delete" in doctor

    assert "acme: all is kept" in said("privacy", "retain", "--dry-run")

    erased = said("privacy", "erase", "--client", "acme", "--visitor", "f" * 32, "--yes")
    name = erased.split()[-1]
    assert f"erasure {name}: done" in erased
    assert said("privacy", "resume", name) == f"erasure {name}: is finished\n"

    # Google tells nobody what it keeps, and the certificate says that.
    certificate = json.loads(said("privacy", "certificate", name))
    for kept in (certificate["lake"], certificate["buckets"]["backup"]):
        assert "nobody can tell whether versions of it stay: see the bucket's soft delete" in kept
    assert "is gone: no bucket, but a folder" in certificate["buckets"]["main"]


@pytest.fixture(scope="module")
def azure():
    with azure_server() as server:
        yield server


@pytest.fixture
def home_in_azure(azure, tmp_path, monkeypatch):
    """The same with all of it, the clients' buckets too, with Azure."""
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", azure.key)
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", azure.endpoint)
    bucket = f"az://{azure.account}/{azure.container}/{tmp_path.name}"
    return ingested(tmp_path, bucket, destination=f'url: "{bucket}/to-{{client}}"')


def test_a_lake_with_azure_takes_in_what_a_collector_ships(home_in_azure):
    home = home_in_azure
    assert home.rows("SELECT count(*) FROM ingest.event_index") == [(9,)]

    home.land(HOUR, minute=30, origin="c2-1-1")
    home.ingest(HOUR)

    assert home.rows("SELECT count(*) FROM ingest.event_index") == [(18,)]
    [events] = home.lake.list(keys.events_prefix(HOUR))
    assert events.size > 0 and home.lake.head(keys.LAKE_VERSION) is not None


@pytest.mark.proof
def test_all_of_an_installation_may_lie_with_azure_and_a_client_is_told_what_it_may_keep(home_in_azure):
    home = home_in_azure
    home.run(HOUR)
    book, house = ErasureBook(home.home), house_of(home.settings)
    person = unresolved("acme", [("user", USER)], is_linked=True)
    name = book.begin(person, reason="", asked_by="t", now=datetime.now(UTC), is_for_good=False).id

    assert carry_out(book, house, book.get(name)) == []

    assert "soft delete" in json.loads(book.get(name).certificate)["lake"]
    theirs = house.places(house.client("acme"))["main"].store()
    [told] = [json.loads(theirs.get(info.key)) for info in theirs.list("_erasures/")]
    [line] = told["left_to_you"]
    assert line.startswith("every version of the files above, should your bucket keep any: with Azure")
    assert verify_bucket(theirs, needs_log=True).problems == []
