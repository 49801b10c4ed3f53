"""An erasure where buckets keep versions, on a real S3 server: what may be removed is, the rest is named."""

import json
import time
from datetime import UTC, datetime

import pytest
from support.erased_home import ONE, TEXTS, USER, Home, lines_of
from support.fault_proxy import FaultProxy, Status
from support.gcs_server import gcs_server
from support.orchestration_builders import HOUR, land
from support.s3_server import ADMIN, BUCKET, LOCKED, s3_server
from support.searched import files_with

from commands.privacy_work import house_of
from footfall.object_versions import Kept, remove_replaced
from footfall.probe import kept_of_removed
from footfall.retention import holds
from footfall.store import open_store
from footfall.verify import verify_bucket
from orchestration.privacy.erasure import carry_out
from orchestration.privacy.erasure_book import ErasureBook
from orchestration.privacy.person import unresolved


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("s3")) as made:
        owner = made.client(ADMIN)
        owner.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        owner.create_bucket(Bucket=LOCKED, ObjectLockEnabledForBucket=True)
        rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 40}}
        owner.put_object_lock_configuration(
            Bucket=LOCKED, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
        )
        owner.close()
        yield made


@pytest.fixture
def home_on(server, tmp_path, monkeypatch):
    """Makes a home with the person in two revisions, whose buckets are there: (lake, client's, backup)."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)

    def made(lake, theirs, backup, endpoint=server.endpoint):
        above = tmp_path.name.replace("[", "-").replace("]", "")
        home = Home(
            tmp_path,
            destination=f'url: "s3://{theirs}/{above}-{{client}}", endpoint: "{endpoint}", region: us-east-1',
            settings={
                "FOOTFALL_LAKE": f"s3://{lake}/{above}-lake",
                "FOOTFALL_BACKUP": f"s3://{backup}/{above}-backup",
                "FOOTFALL_S3_ENDPOINT": endpoint,
                "FOOTFALL_CLIENT_HOSTS": "127.0.0.1",
            },
        )
        home.land(HOUR)
        home.run(HOUR)
        home.correct(HOUR)
        return home

    return made


def erase(home):
    """Begin an erasure of the person and take every step. Returns its name and what is outstanding.

    It begins with a whole second: versions have no finer times, and what happened before lies in another one.
    """
    book = ErasureBook(home.home)
    person = unresolved("acme", [("user", USER)], is_linked=True)
    time.sleep(1 - datetime.now(UTC).microsecond / 1e6)
    now = datetime.now(UTC).replace(microsecond=0)
    name = book.begin(person, reason="", asked_by="test", now=now, is_for_good=False).id
    return name, carry_out(book, house_of(home.settings), book.get(name))


def certificate(home, name):
    return json.loads(ErasureBook(home.home).get(name).certificate)


def versions_with_the_person(server, bucket, folder):
    """(key, version) of each version in a bucket, whatever is the newest, that holds an id of the person."""
    s3 = server.client(ADMIN)
    names = {}
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for n, each in enumerate(page.get("Versions", [])):
            path = folder / f"{len(names)}-{n}"
            folder.mkdir(exist_ok=True)
            path.write_bytes(
                s3.get_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])["Body"].read()
            )
            names[path.name] = each["Key"], each["VersionId"]
    s3.close()
    return {names[name] for name in files_with(folder, *TEXTS)}


def unlock_replaced(server, prefix):
    """What the owner of the locked bucket may do before the lock is over: let older versions go."""
    owner = server.client(ADMIN)
    found = owner.list_object_versions(Bucket=LOCKED, Prefix=prefix)
    for each in found["Versions"]:
        if not each["IsLatest"]:
            owner.delete_object(
                Bucket=LOCKED, Key=each["Key"], VersionId=each["VersionId"], BypassGovernanceRetention=True
            )
    owner.close()


def kinds(found, home):
    """`lake/raw`, `acme/events`, `backup/acme` of these versions."""
    return {"/".join(key.removeprefix(f"{home.folder.name}-").split("/")[:2]) for key, _ in found}


def removed_before(home, *lines):
    """Land an object with these lines in the person's hour, and remove it again. Returns its key."""
    key = land(home.lake, HOUR, *lines, origin="c9-9-9")
    home.lake.delete(key)
    return key


def stored_versions(server, home, key):
    s3 = server.client(ADMIN)
    found = s3.list_object_versions(Bucket=BUCKET, Prefix=f"{home.folder.name}-lake/{key}")
    s3.close()
    return len(found.get("Versions", []))


def test_what_others_removed_before_goes_where_the_person_is_in_it_and_nobody_else_is_held(server, home_on):
    home = home_on(BUCKET, BUCKET, BUCKET)
    with_her = removed_before(home, *lines_of("anna", HOUR, 40), *lines_of("bert", HOUR, 40, client="beta"))
    without = removed_before(home, *lines_of("bert", HOUR, 45, client="beta"))
    signer, now = house_of(home.settings).desk.signer, datetime.now(UTC)
    hold = holds.add(home.lake, signer, "beta", reason="a dispute", by="test", now=now)

    name, left = erase(home)

    [line] = left
    assert line.startswith("versions: ") and with_her in line and "held for beta" in line
    assert stored_versions(server, home, with_her) == 1
    holds.release(home.lake, signer, hold, by="test", now=now)
    book = ErasureBook(home.home)
    assert carry_out(book, house_of(home.settings), book.get(name)) == []
    assert stored_versions(server, home, with_her) == 0
    assert stored_versions(server, home, without) == 1, "somebody else's, removed by mistake"


def test_no_version_from_before_somebody_was_there_is_read(server, monkeypatch):
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    store, read = open_store(f"s3://{BUCKET}/of-logs", s3_endpoint=server.endpoint), []
    store.put("compute-logs/run", b"printed")
    store.delete("compute-logs/run")
    later = datetime.now(UTC) + ONE

    def is_meant(data):
        read.append(data)
        return True

    assert remove_replaced(store, ["compute-logs/"], later, is_meant, first=later) == Kept()
    assert read == []
    assert remove_replaced(store, ["compute-logs/"], later, is_meant, first=later - 2 * ONE) == Kept()
    assert read == [b"printed"]
    assert not [each for each in store.versions("compute-logs/") if not each.is_marker]


def test_where_versions_may_be_removed_the_person_is_in_none_of_them(server, home_on, tmp_path):
    home = home_on(BUCKET, BUCKET, BUCKET)
    before = versions_with_the_person(server, BUCKET, tmp_path / "before")
    assert kinds(before, home) >= {"lake/raw", "lake/events", "lake/marts", "acme/events", "backup/acme"}

    name, left = erase(home)

    assert left == []
    assert versions_with_the_person(server, BUCKET, tmp_path / "after") == set()
    said = certificate(home, name)
    assert said["versions_left"] == {"backup": [], "main": []}
    assert "older versions (versioning is enabled)" in said["buckets"]["main"]
    store = house_of(home.settings).places(house_of(home.settings).client("acme"))["main"].store()
    seen = verify_bucket(store, needs_log=True, at=datetime.now(UTC))
    assert (seen.problems, seen.outstanding) == ([], [])


def test_versions_in_a_bucket_of_ours_that_nobody_lets_us_see_are_outstanding(server, home_on):
    with FaultProxy(server.endpoint) as proxy:
        home = home_on(BUCKET, BUCKET, BUCKET, proxy.endpoint)
        question = r"[?&]version(ing|s)\b"
        proxy.fail(Status(403, "AccessDenied"), times=None, method="GET", path=question)

        name, left = erase(home)

        assert [line.partition(":")[0] for line in left] == ["delivered", "versions"]
        for line in left:
            assert "nobody lets us see them" in line
            assert "allow s3:GetBucketVersioning, s3:ListBucketVersions and s3:DeleteObjectVersion" in line
        proxy.heal()
        book = ErasureBook(home.home)
        assert carry_out(book, house_of(home.settings), book.get(name)) == []
        assert "older versions" in certificate(home, name)["lake"]


def test_with_google_the_client_and_the_certificate_are_told_that_only_the_owner_sees_versions(
    tmp_path, monkeypatch
):
    with gcs_server() as google:
        (tmp_path / "ours.json").write_text(google.key)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "ours.json"))
        monkeypatch.setenv("GOOGLE_BASE_URL", google.endpoint)
        home = Home(
            tmp_path / "at",
            destination=f'url: "gs://{google.bucket}/{{client}}"',
            settings={"FOOTFALL_BACKUP": f"gs://{google.bucket}/backup"},
        )
        home.land(HOUR)
        home.run(HOUR)
        home.correct(HOUR)

        name, left = erase(home)

        assert left == []
        theirs = house_of(home.settings).places(house_of(home.settings).client("acme"))["main"].store()
        [notice] = theirs.list("_erasures/")
        told = json.dumps(json.loads(theirs.get(notice.key)))
        assert "with Google its owner alone sees soft delete, versions and retention" in told
        assert "soft delete" in certificate(home, name)["buckets"]["main"]
        assert certificate(home, name)["lake"] == "is gone: no bucket, but a folder"


def test_locked_versions_of_a_client_are_named_to_him_and_those_of_ours_are_outstanding(
    server, home_on, tmp_path
):
    home = home_on(BUCKET, LOCKED, LOCKED)
    places = house_of(home.settings).places(house_of(home.settings).client("acme"))
    theirs = places["main"].store()
    assert "NOT gone for good" in kept_of_removed(theirs)

    name, left = erase(home)

    (line,) = left
    assert line.startswith("delivered: ")
    assert (
        f"versions of what was removed stay, the first s3://{LOCKED}/{home.folder.name}-backup/acme" in line
    )
    unlock_replaced(server, f"{home.folder.name}-backup/")
    book = ErasureBook(home.home)
    assert carry_out(book, house_of(home.settings), book.get(name)) == []

    his = versions_with_the_person(server, LOCKED, tmp_path / "his")
    assert his and kinds(his, home) <= {"acme/events", "acme/hashed", "acme/sessions", "acme/metrics"}
    [notice] = theirs.list("_erasures/")
    told = json.loads(theirs.get(notice.key))["versions_left_to_you"]
    above = f"{home.folder.name}-acme/"
    assert {(above + each["key"], each["version"]) for each in told} >= his
    assert {each["key"] for each in told} <= {
        each["key"] for each in json.loads(theirs.get(notice.key))["files"]
    }
    said = certificate(home, name)
    assert (said["versions_left"]["main"], said["versions_left"]["backup"]) == (told, [])
    seen = verify_bucket(theirs, needs_log=True, at=datetime.now(UTC))
    assert (seen.problems, seen.outstanding) == ([], [])
