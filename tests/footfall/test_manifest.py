"""Manifests: the same bytes for the same delivery, and a bucket that checks itself."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from footfall import keys
from footfall.manifest import DeliveredFile, Period, build, period_end
from footfall.store import LocalStore
from footfall.verify import verify_bucket

HOUR = datetime(2026, 11, 20, 14, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def a_manifest(file, revision=1, **changes):
    arguments = {
        "client_id": "acme",
        "export": "events",
        "dataset": "events",
        "cadence": "hourly",
        "period": Period(HOUR, HOUR + timedelta(hours=1), "UTC"),
        "revision": revision,
        "supersedes": revision - 1 or None,
        "reason": "initial" if revision == 1 else "late",
        "files": [file],
        "columns": [("event_id", "VARCHAR")],
        "complete_through": HOUR + timedelta(hours=1),
        "is_final": False,
        "planned_at": HOUR,
    }
    return build(**{**arguments, **changes})


def deliver(store, revision=1, data=b"event_id\n1\n", above="", **changes):
    """One delivery of one file. Returns the keys of file and manifest."""
    key = keys.delivered_file("events", HOUR, "hourly", revision, "csv")
    file = DeliveredFile(key, len(data), hashlib.sha256(data).hexdigest(), 1)
    manifest = above + keys.manifest("events", HOUR, "hourly", revision)
    store.put(above + key, data)
    store.put(manifest, a_manifest(file, revision, **changes))
    return above + key, manifest


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
    assert document["manifest_version"] == "1.0"


@pytest.mark.parametrize(
    ("start", "cadence", "end"),
    [
        ("2026-11-20", "daily", "2026-11-20T23:00:00+00:00"),
        ("2026-03-29", "daily", "2026-03-29T22:00:00+00:00"),
        ("2026-10-25", "daily", "2026-10-25T23:00:00+00:00"),
        ("2026-12-31", "daily", "2026-12-31T23:00:00+00:00"),
    ],
)
def test_a_local_day_ends_at_the_next_local_midnight_also_when_summer_time_changes(start, cadence, end):
    midnight = datetime.fromisoformat(start).replace(tzinfo=BERLIN)

    ended = period_end(midnight, cadence)

    assert ended.astimezone(UTC).isoformat() == end
    assert (ended.hour, ended.minute, ended.tzinfo) == (0, 0, BERLIN)


def test_an_hour_ends_an_hour_later():
    assert period_end(HOUR, "hourly") == HOUR + timedelta(hours=1)


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
    good, _ = deliver(bucket, above="backups/other/")
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
    assert "is not an object key" in problem


def test_fields_that_a_later_version_adds_are_ignored(bucket):
    _, manifest = deliver(bucket)
    document = json.loads(bucket.get(manifest))
    document["signed_by"] = "footfall 2"
    document["files"][0]["compression"] = "none"
    document["period"]["label"] = "an hour"

    bucket.put(manifest, json.dumps(document).encode())

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
    file, manifest = deliver(bucket)
    bucket.put("elsewhere/_manifest.json", bucket.get(manifest))

    (problem,) = verify_bucket(bucket).problems

    assert problem.endswith("is missing, named by elsewhere/_manifest.json")
    assert file in problem


def test_nothing_is_nothing(bucket):
    seen = verify_bucket(bucket)

    assert (seen.manifests, seen.problems, seen.uncommitted) == (0, [], [])
