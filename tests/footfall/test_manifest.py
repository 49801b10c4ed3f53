"""Manifests: the same bytes for the same delivery, and a bucket that checks itself."""

import json
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from support.manifests import HOUR, a_manifest, deliver, signer

from footfall.manifest import DeliveredFile, Receipt
from footfall.signatures import Signer, canonical
from footfall.store import LocalStore
from footfall.verify import verify_bucket


@pytest.fixture
def bucket(tmp_path):
    return LocalStore(tmp_path)


def test_the_same_delivery_has_the_same_manifest_byte_for_byte():
    """Otherwise a repeated attempt would meet other bytes under its own key, and fail for ever."""
    file = DeliveredFile("a/b.csv", 3, "0" * 64, 1)

    assert a_manifest(file, 2) == a_manifest(file, 2)
    assert a_manifest(file, 2) != a_manifest(file, 3)


def test_a_manifest_says_what_was_delivered_and_how_to_read_it():
    document = json.loads(a_manifest(DeliveredFile("a/b.csv", 3, "0" * 64, 1), 2))

    assert (document["revision"], document["supersedes"], document["reason"]) == (2, 1, "late")
    assert document["period"] == {
        "start": "2026-11-20T14:00:00.000Z",
        "end": "2026-11-20T15:00:00.000Z",
        "timezone": "UTC",
    }
    assert document["columns"] == [{"name": "event_id", "type": "VARCHAR"}]
    assert document["files"] == [{"key": "a/b.csv", "bytes": 3, "sha256": "0" * 64, "rows": 1}]
    assert (document["format"], document["dialect"]["encoding"]) == ("csv", "utf-8")
    assert document["manifest_version"] == "2.0"
    assert document["signature"]["key_id"] == signer().key_id


def test_a_bucket_that_is_as_promised_has_no_problems(bucket):
    deliver(bucket)
    deliver(bucket, 2, b"event_id\n1\n2\n")

    seen = verify_bucket(bucket)

    assert (seen.manifests, seen.files, seen.rows, seen.bytes) == (2, 2, 2, 24)
    assert (seen.problems, seen.uncommitted) == ([], [])


def test_a_delivery_of_no_rows_is_one(bucket):
    deliver(bucket, data=b"")

    seen = verify_bucket(bucket)

    assert (seen.files, seen.bytes, seen.problems, seen.uncommitted) == (1, 0, [], [])


def test_the_backup_bucket_with_all_clients_in_it_is_checked_from_above(bucket):
    deliver(bucket, above="acme/")
    good, _ = deliver(bucket, above="backups/other/", client_id="other")
    assert verify_bucket(bucket).problems == []

    bucket.put(good, b"event_id\n2\n")

    assert verify_bucket(bucket).problems == [
        f"{good}: sha256 differs from backups/other/events/dt=2026-11-20/hour=14/rev=0001/_manifest.json"
    ]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda store, file, _: store.delete(file), "{file}: is missing, named by {manifest}"),
        (
            lambda store, file, _: store.put(file, b"event_id\n1"),
            "{file}: 10 bytes, 11 in {manifest}",
        ),
        (
            lambda store, file, _: store.put(file, b"event_id\n0\n"),
            "{file}: sha256 differs from {manifest}",
        ),
    ],
    ids=["missing file", "wrong size", "flipped byte"],
)
def test_damage_to_a_file_is_found_and_named(bucket, damage, said):
    file, manifest = deliver(bucket)

    damage(bucket, file, manifest)

    assert verify_bucket(bucket).problems == [said.format(file=file, manifest=manifest)]


def with_fields(**changes):
    """The least of a manifest, changed; a field of None is left out."""
    least = {"client_id": "a", "export": "e", "period": {"start": "x"}, "revision": 1, "files": []}
    return json.dumps(
        {"supersedes": None, **{n: v for n, v in {**least, **changes}.items() if v is not None}}
    ).encode()


BROKEN = {
    "empty": b"",
    "cut short": b'{"client_id": "acme", "exp',
    "no object": b"[]",
    "no JSON": b"\xff\xfe",
    "too deep": b"[" * 100_000,
    "without files": with_fields(files=None),
    "number for text": with_fields(client_id=1),
    "text for number": with_fields(revision="1"),
    "file without key": with_fields(files=[{"bytes": 1, "sha256": "", "rows": 1}]),
    "text for bytes": with_fields(files=[{"key": "a", "bytes": "1", "sha256": "", "rows": 1}]),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_manifest_is_found_and_the_rest_is_checked_all_the_same(bucket, content):
    file, manifest = deliver(bucket)
    deliver(bucket, above="other/")

    bucket.put(manifest, content)

    seen = verify_bucket(bucket)
    assert len(seen.problems) == 1
    assert seen.problems[0].startswith(f"{manifest}: is no manifest (")
    assert (seen.manifests, seen.files, seen.uncommitted) == (1, 1, [file])


def test_a_manifest_that_names_a_file_outside_the_bucket_is_found(bucket):
    _, manifest = deliver(bucket)
    outside = DeliveredFile("../../secret.csv", 1, "0" * 64, 1)

    bucket.put(manifest, a_manifest(outside))

    (problem,) = verify_bucket(bucket).problems
    assert problem.startswith(manifest)
    assert problem.endswith(": names a file outside of its own folder: '../../secret.csv'")


def test_fields_that_a_later_version_adds_are_ignored(bucket):
    _, manifest = deliver(bucket)
    document = json.loads(bucket.get(manifest))
    document["signed_by"] = "footfall 2"
    document["files"][0]["compression"] = "none"
    document["period"]["label"] = "an hour"

    bucket.put(manifest, json.dumps(signer().sign(document)).encode())

    assert verify_bucket(bucket).problems == []


def test_a_missing_revision_is_found(bucket):
    file, manifest = deliver(bucket)
    deliver(bucket, 2)

    bucket.delete(file)
    bucket.delete(manifest)

    assert verify_bucket(bucket).problems == [
        "acme events 2026-11-20T14:00:00.000Z: revision 1 is missing, superseded by revision 2"
    ]


def test_a_revision_that_was_never_delivered_is_not_missed(bucket):
    """Revision 2 failed before anybody could see it; 3 supersedes 1 and says so."""
    deliver(bucket)
    deliver(bucket, 3, supersedes=1)

    assert verify_bucket(bucket).problems == []


def test_a_file_without_a_manifest_is_listed_and_is_no_problem(bucket):
    deliver(bucket)
    bucket.put("events/dt=2026-11-20/hour=15/rev=0001/events-20261120T15Z.csv", b"x")

    seen = verify_bucket(bucket)

    assert seen.problems == []
    assert seen.uncommitted == ["events/dt=2026-11-20/hour=15/rev=0001/events-20261120T15Z.csv"]


def test_a_manifest_that_was_moved_does_not_pass(bucket):
    _, manifest = deliver(bucket)
    bucket.put("elsewhere/_manifest.json", bucket.get(manifest))

    (problem,) = verify_bucket(bucket).problems

    assert problem == f"elsewhere/_manifest.json: was moved, it was written as {manifest}"


def test_a_manifest_that_was_changed_does_not_pass(bucket):
    _, manifest = deliver(bucket)
    bucket.put(manifest, bucket.get(manifest).replace(b'"duplicate": 1', b'"duplicate": 0'))

    problems = verify_bucket(bucket).problems

    assert f"{manifest}: its signature is wrong, it was changed" in problems
    assert f"{manifest}: its receipt does not add up" in problems


def test_a_signature_by_a_key_that_is_not_trusted_does_not_pass(bucket):
    _, manifest = deliver(bucket)

    seen = verify_bucket(bucket, public_keys={})

    assert seen.problems == [f"{manifest}: is signed with the key {signer().key_id}, which is not known here"]
    assert verify_bucket(bucket, public_keys={signer().key_id: signer().public_pem}).signed == 1


def test_a_period_that_is_missing_between_others_is_a_gap(bucket):
    for hours in (0, 1, 3):
        deliver(bucket, start=HOUR + timedelta(hours=hours))

    seen = verify_bucket(bucket)

    assert seen.problems == []
    assert seen.gaps == ["acme events: nothing from 2026-11-20T16:00+0000 to 2026-11-20T17:00+0000"]


def test_a_pointer_to_other_bytes_is_found(bucket):
    _, manifest = deliver(bucket)
    pointer = {"export": "events", "manifest": manifest, "sha256": "0" * 64}
    bucket.put("events/_latest.json", json.dumps(pointer).encode())

    assert verify_bucket(bucket).problems == [f"events/_latest.json: the sha256 of {manifest} is another"]


@pytest.mark.parametrize(
    ("receipt", "is_balanced"),
    [
        (Receipt(), True),
        (Receipt(6, 3, 1, {"a": 1, "b": 1}, 3, 2, 1), True),
        (Receipt(6, 3, 1, {"a": 1}, 3, 2, 1), False),
        (Receipt(0, 0, 0, {}, 3, 2, 0), False),
    ],
)
def test_a_receipt_adds_up_or_it_does_not(receipt, is_balanced):
    assert receipt.is_balanced == is_balanced


def test_a_manifest_is_as_its_published_schema_says():
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((Path(__file__).resolve().parents[2] / "docs" / "manifest.schema.json").read_text())
    part = "events.live/dt=2026-11-20/hour=14/minute=05/rev=0001/_manifest.json"
    document = json.loads(a_manifest(DeliveredFile("a/b.csv", 3, "0" * 64, 1, "shop"), 2, closes=(part,)))

    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(document, schema)
    assert set(document) == set(schema["properties"])


def test_the_page_in_the_docs_checks_a_signature_with_openssl_and_jq_alone(tmp_path):
    if not (shutil.which("openssl") and shutil.which("jq")):
        pytest.skip("openssl and jq are not installed here")
    document = json.loads(a_manifest(DeliveredFile("a/Smörgås\x7f\n.csv", 3, "0" * 64, 1)))
    (tmp_path / "m.json").write_text(json.dumps(document))
    (tmp_path / "key.pem").write_bytes(signer().public_pem)
    done = subprocess.run(
        "jq -cjS 'del(.signature)' m.json > signed && jq -rj .signature.value m.json | base64 -d > value && "
        "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in signed -sigfile value",
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (tmp_path / "signed").read_bytes() == canonical(document)
    assert done.returncode == 0, done.stderr
    assert isinstance(signer(), Signer)


def test_nothing_is_nothing(bucket):
    seen = verify_bucket(bucket)

    assert (seen.manifests, seen.problems, seen.uncommitted) == (0, [], [])
