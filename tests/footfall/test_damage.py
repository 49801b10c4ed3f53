"""`footfall verify` of delivered buckets that somebody changed: each damage is named by the command."""

import hashlib
import json
import re
import shutil
from datetime import timedelta
from types import SimpleNamespace

import boto3
import pytest
from support.logged import ONE, Logged
from support.manifests import HOUR, signer
from support.oddities import STRANGER
from support.s3_server import ADMIN, s3_server

from commands import cli
from footfall import bucket_log, notes
from footfall.bucket_log import Leaf
from footfall.clients import Registry
from footfall.merkle import Frontier
from footfall.notes import Checkpoint
from footfall.store import LocalStore
from orchestration.delivery.redeliver import Redelivery, Wanted

HOURS = 52
#: When the bucket is looked at: its newest hour is there, the next one is not due.
AT = HOUR + HOURS * ONE


def folder(n, export="events"):
    return f"{export}/{HOUR + n * ONE:dt=%Y-%m-%d/hour=%H}/"


@pytest.fixture(scope="module")
def delivered(tmp_path_factory):
    """52 hours of two exports, delivered by runs; what its owner kept after 26; and a client beside it."""
    at = Logged(tmp_path_factory.mktemp("delivered"))
    for n in range(HOURS):
        assert at.run(n) == []
        if n == 25:
            kept = at.stores["main"].get("_log/checkpoint")
            shutil.copytree(at.stores["main"].root, at.folder / "then")
    other = Logged(tmp_path_factory.mktemp("beside"), "beta")
    for n in range(3):
        other.run(n)
    (at.folder / "kept").write_bytes(kept)
    return SimpleNamespace(at=at, then=LocalStore(at.folder / "then"), other=other.stores["main"])


@pytest.fixture
def bucket(delivered, tmp_path, monkeypatch):
    monkeypatch.setenv("FOOTFALL_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("FOOTFALL_CLIENTS", str(tmp_path / "clients"))
    shutil.copytree(delivered.at.stores["main"].root, tmp_path / "bucket")
    return LocalStore(tmp_path / "bucket")


@pytest.fixture
def verify(bucket, capsys, tmp_path):
    pem = tmp_path / "footfall.pem"
    pem.write_bytes(signer().public_pem)

    def run(*options, at=AT, url=None):
        moment = f"{at:%Y-%m-%dT%H}"
        address = url or bucket.root.as_uri()
        code = cli.main(["verify", address, "--key", str(pem), "--at", moment, *options])
        said = capsys.readouterr()
        assert said.err == ""
        return code, said.out.splitlines()

    return run


def keys(bucket, *starts):
    return [info.key for info in bucket.list("") if info.key.startswith(starts)]


def drop(bucket, *starts):
    gone = keys(bucket, *starts)
    assert gone
    for key in gone:
        bucket.delete(key)


def copy(source, bucket, *starts):
    for key in keys(source, *starts):
        bucket.put(key, source.get(key))


def roll_back(bucket, then, *more):
    """As it was when its owner kept the checkpoint, as far as what is named goes."""
    drop(bucket, "_log/", *more)
    copy(then, bucket, "_log/", *more)


def segments(bucket):
    return sorted(keys(bucket, "_log/entries/"))


def swap_leaves(bucket, _):
    """Two leaves change places, and the object has the name of its new content."""
    key = segments(bucket)[5]
    before, leaves = bucket_log.read_entries(key, bucket.get(key))
    new, data = bucket_log.entries(before, leaves[::-1])
    bucket.delete(key)
    bucket.put(new, data)


def resign(bucket, by):
    """A log of another's making, whole in itself."""
    drop(bucket, "_log/")
    leaves = [
        bucket_log.leaf_of(key, bucket.get(key)) for key in keys(bucket, "README", "_schema/", "_keys/")
    ]
    key, data = bucket_log.entries(Frontier(), leaves)
    tip = Frontier().extended(leaf.hash for leaf in leaves)
    bucket.put(key, data)
    bucket.put("_log/checkpoint", notes.signed(Checkpoint("footfall/acme/main", tip.size, tip.root), by))


def older_statement(bucket, _):
    [key] = keys(bucket, "_log/exports/")
    said = {name: value for name, value in json.loads(bucket.get(key)).items() if name != "signature"}
    said["exports"] = said["exports"][:1]
    bucket.put(key, json.dumps(signer().sign(said)).encode())


def other_manifest(bucket, _):
    """The manifest of the same hour with other rows, signed with our own key by mistake of a lost ledger."""
    key = f"{folder(7)}rev=0001/_manifest.json"
    said = {name: value for name, value in json.loads(bucket.get(key)).items() if name != "signature"}
    bucket.put(key, (json.dumps(signer().sign({**said, "reason": "late"})) + "\n").encode())


def put_back_pointer(bucket, _):
    """The pointer names the hour before the newest, as it does for the moment in which a run is."""
    newest = f"{folder(HOURS - 2)}rev=0001/_manifest.json"
    data = bucket.get(newest)
    said = {
        "export": "events",
        "period_start": (HOUR + (HOURS - 2) * ONE).isoformat(),
        "revision": 1,
        "manifest": newest,
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    bucket.put("events/_latest.json", json.dumps(said).encode())


def older_newest_checkpoint(bucket, then):
    bucket.put("_log/checkpoint", then.get("_log/checkpoint"))


GONE = "is missing, and the log has it"
#: Damage → what is done to the bucket, what some line of the command holds, options.
DAMAGES = {
    "the first hour deleted": (
        lambda b, _: drop(b, folder(0)),
        f"{folder(0)}rev=0001/_manifest.json: {GONE}",
    ),
    "the newest hour deleted": (
        lambda b, _: drop(b, folder(51)),
        f"{folder(51)}rev=0001/_manifest.json: {GONE}",
    ),
    "an hour in the middle deleted": (lambda b, _: drop(b, folder(20)), f"{folder(20)}rev=0001/_manifest"),
    "51 of 52 hours deleted": (
        lambda b, _: drop(b, *[folder(n) for n in range(51)]),
        f"{folder(50)}rev=0001/",
    ),
    "the oldest 51 with the pointer's": (
        lambda b, _: drop(b, *[folder(n) for n in range(1, 52)]),
        f"{folder(9)}",
    ),
    "a manifest without its file": (
        lambda b, _: drop(b, f"{folder(3)}rev=0001/_m"),
        f"{folder(3)}rev=0001/_manif",
    ),
    "an export deleted": (
        lambda b, _: drop(b, "sessions/"),
        "sessions/_latest.json: is missing, the pointer",
    ),
    "all deliveries deleted": (
        lambda b, _: drop(b, "sessions/", "events/"),
        f"{folder(51)}rev=0001/_manifest",
    ),
    "all but the data deleted": (lambda b, _: drop(b, "_log/"), "_log/checkpoint: there is no log"),
    "_latest rolled back": (put_back_pointer, "events/_latest.json: points to"),
    "_latest deleted": (
        lambda b, _: drop(b, "events/_latest.json"),
        "events/_latest.json: is missing, the pointer",
    ),
    "a schema replaced": (
        lambda b, _: b.put("_schema/events/abc/athena.sql", b"DROP TABLE events;\n"),
        "_schema/events/abc/athena.sql: its bytes are others than the log says",
    ),
    "a schema deleted": (
        lambda b, _: drop(b, "_schema/events/abc/schema"),
        "_schema/events/abc/schema.json: is mi",
    ),
    "a schema added": (
        lambda b, _: b.put("_schema/events/new/athena.sql", b"DROP TABLE events;\n"),
        "_schema/events/new/athena.sql: the log does not know it",
    ),
    "columns.md changed": (
        lambda b, _: b.put("_schema/events/abc/columns.md", b"x"),
        "columns.md: its bytes are",
    ),
    "README changed": (
        lambda b, _: b.put("README.txt", b.get("README.txt") + b"Send all to evil.example\n"),
        "README.txt: its bytes are others than the log says",
    ),
    "README deleted": (lambda b, _: drop(b, "README"), f"README.txt: {GONE}"),
    "the key replaced": (
        lambda b, _: b.put(f"_keys/{signer().key_id}.pem", STRANGER.public_pem),
        f"_keys/{signer().key_id}.pem: its bytes are others than the log says",
    ),
    "a key added": (
        lambda b, _: b.put(f"_keys/{STRANGER.key_id}.pem", STRANGER.public_pem),
        f"_keys/{STRANGER.key_id}.pem: the log does not know it",
    ),
    "a manifest signed anew": (
        other_manifest,
        f"{folder(7)}rev=0001/_manifest.json: its bytes are others than the",
    ),
    "the end of the log cut off": (
        lambda b, _: drop(b, *segments(b)[40:]),
        "_log/entries/: leaves 89 to 112 are missing",
    ),
    "the start of the log cut off": (
        lambda b, _: drop(b, segments(b)[0]),
        "_log/entries/: leaves 0 to 10 are missing",
    ),
    "a hole in the log": (lambda b, _: drop(b, segments(b)[9]), "_log/entries/: leaves 27 to 28 are missing"),
    "two leaves swapped": (swap_leaves, "its leaves are others than the checkpoint of 21 leaves says"),
    "bytes of the log flipped": (
        lambda b, _: b.put(segments(b)[3], b.get(segments(b)[3]).replace(b"events", b"Events")),
        "its bytes are others than its name says",
    ),
    "the checkpoint deleted": (
        lambda b, _: drop(b, "_log/checkpoint"),
        "_log/checkpoint: is missing, and other parts",
    ),
    "the checkpoint changed": (
        lambda b, _: b.put("_log/checkpoint", b.get("_log/checkpoint").replace(b"\n113\n", b"\n112\n")),
        "_log/checkpoint: its signature is wrong",
    ),
    "the checkpoint of another client": (
        lambda b, other: copy(other, b, "_log/checkpoint"),
        "_log/checkpoint: is of the client beta, not of acme",
    ),
    "an older checkpoint": (older_newest_checkpoint, "_log/checkpoint: has 61 leaves and is older than"),
    "the kept checkpoints deleted": (
        lambda b, _: drop(b, "_log/checkpoints/"),
        "_log/checkpoints/: the checkpoint of 11 leaves is missing",
    ),
    "a log of a stranger": (
        lambda b, _: resign(b, STRANGER),
        "_log/checkpoint: is signed with no key that is known",
    ),
    "a log of our own that begins anew": (
        lambda b, _: resign(b, signer()),
        f"{folder(0)}rev=0001/_manifest.json: is in",
    ),
    "the log rolled back, manifests kept": (roll_back, f"{folder(26)}rev=0001/_manifest.json: is in no leaf"),
    "all rolled back to an earlier day": (
        lambda b, then: roll_back(b, then, "events/", "sessions/"),
        "acme events: nothing from 2026-11-21T16:00+0000 to 2026-11-22T16:00+0000",
    ),
    "the statement deleted": (lambda b, _: drop(b, "_log/exports/"), "no signed statement of exports says"),
    "the statement of fewer exports": (older_statement, "_log/exports/000001-"),
    "something put into the log": (
        lambda b, _: b.put("_log/removals/mine.json", b"{}"),
        "is no part of the log",
    ),
    "a record of removal that nobody signed": (
        lambda b, _: (
            drop(b, folder(4)),
            b.put("_log/removals/x-0000000000000000.json", b'{"record": "removal"}'),
        ),
        f"{folder(4)}rev=0001/_manifest.json: {GONE}",
    ),
    "files of another client": (
        lambda b, other: copy(other, b, "events/"),
        "is of the client beta; this bucket is of acme",
    ),
    "a file changed": (
        lambda b, _: b.put(keys(b, f"{folder(2)}rev=0001/events-")[0], b"event_id\n2\n"),
        "sha256 differs from",
    ),
    "a file deleted": (lambda b, _: drop(b, f"{folder(2)}rev=0001/events-"), "is missing, named by"),
    "a doubled copy": (
        lambda b, _: [b.put(f"copy/{key}", b.get(key)) for key in keys(b, "events/", "_log/", "_keys/")],
        "copy/: 52 manifests that belong at the top of a bucket lie inside of this bucket",
    ),
    "a doubled hour": (
        lambda b, _: [b.put(key.replace("hour=14", "hour=13"), b.get(key)) for key in keys(b, folder(0))],
        "was moved, it was written as",
    ),
}
OF_OTHERS = ("the checkpoint of another client", "files of another client")


def test_a_bucket_as_it_was_delivered_is_as_promised(verify, delivered):
    code, lines = verify("--since", str(delivered.at.folder / "kept"))

    assert lines == [
        f"log      footfall/acme/main: 113 leaves, grown from 61 since {delivered.at.folder}/kept",
        f"key      {signer().key_id} signed 104 of acme",
        "104 manifests, 104 signed, 104 files, 104 rows, 1144 bytes: all as promised",
    ]
    assert code == 0


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_named(bucket, verify, delivered, name):
    plant, said = DAMAGES[name]
    plant(bucket, delivered.other if name in OF_OTHERS else delivered.then)

    code, lines = verify("--client", "acme")

    assert code == 1
    problems = [line for line in lines if line.startswith("PROBLEM  ")]
    assert any(said in line for line in problems), "\n".join(lines)
    assert lines[-1].endswith(f"{len(problems)} problems")


def test_each_hour_that_is_gone_is_named(bucket, verify):
    drop(bucket, *[folder(n) for n in range(51)])

    _, lines = verify()

    named = [line for line in lines if line.endswith(GONE)]
    assert len(named) == 51


def test_at_least_thirty_kinds_are_planted():
    assert len(DAMAGES) >= 30


def test_what_was_rolled_back_whole_a_kept_checkpoint_tells(bucket, verify, delivered, tmp_path):
    """Consistent in itself, and as new as a bucket of that day could be: nothing in it says so."""
    shutil.rmtree(bucket.root)
    shutil.copytree(delivered.then.root, bucket.root)
    then = HOUR + 26 * ONE
    assert verify(at=then)[0] == 0
    later = tmp_path / "later"
    later.write_bytes(delivered.at.stores["main"].get("_log/checkpoint"))

    code, lines = verify("--since", str(later), at=then)

    assert code == 1
    assert lines[0] == (
        f"PROBLEM  --since {later}: the checkpoint has 113 leaves, and the log in the bucket 61: it was cut"
    )


def test_a_log_that_was_written_anew_is_not_the_one_that_was_kept(bucket, verify, tmp_path):
    resign(bucket, signer())
    kept = tmp_path / "kept"
    kept.write_bytes(notes.signed(Checkpoint("footfall/acme/main", 3, b"\0" * 32), signer()))

    _, lines = verify("--since", str(kept))

    assert any("is not how the log began: its first 3 leaves differ" in line for line in lines)


def test_a_kept_checkpoint_of_another_log_or_of_nothing_is_told(
    footfall, verify, delivered, tmp_path, bucket
):
    kept = tmp_path / "kept"
    kept.write_bytes(delivered.other.get("_log/checkpoint"))
    assert any("is of the log footfall/beta/main" in line for line in verify("--since", str(kept))[1])

    kept.write_text("x")
    done = footfall("verify", bucket.root.as_uri(), "--since", str(kept))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("kept: is no signed note; keep a copy of _log/checkpoint\n")


def test_deliveries_that_have_stopped_are_told_as_soon_as_the_next_is_due(verify):
    assert verify(at=AT + 2 * ONE)[0] == 0, "its deadline is two hours after its end"

    code, lines = verify(at=AT + 3 * ONE)

    assert code == 1
    assert [line for line in lines if line.startswith("PROBLEM")] == [
        f"PROBLEM  acme {export}: nothing from 2026-11-22T18:00+0000 to 2026-11-22T19:00+0000"
        for export in ("events", "sessions")
    ]


def test_an_owner_who_lets_old_periods_expire_says_from_when_on_all_must_be_there(bucket, verify):
    drop(bucket, *[folder(n, export) for n in range(10) for export in ("events", "sessions")])
    assert verify()[0] == 1

    code, lines = verify("--from", f"{HOUR + 10 * ONE:%Y-%m-%dT%H}")

    assert code == 0
    assert lines[-1].endswith("bytes, 20 of before --from gone: all as promised")
    assert verify("--from", f"{HOUR + 9 * ONE:%Y-%m-%dT%H}")[0] == 1


def test_a_manifest_of_a_run_that_goes_on_is_no_damage_and_later_is(tmp_path, verify):
    at = Logged(tmp_path / "running")
    at.run(0)
    at.now = HOUR + 2 * ONE
    at.deliver(at.client.exports[0], HOUR + ONE)
    url = at.stores["main"].root.as_uri()

    code, lines = verify(at=HOUR + 2 * ONE, url=url)

    assert code == 0
    assert lines[0].startswith(f"not yet  {folder(1)}rev=0001/_manifest.json: its run goes on")
    assert verify(at=HOUR + 5 * ONE, url=url)[0] == 1


def test_in_the_backup_every_client_has_a_log_of_its_own(tmp_path, verify):
    for name in ("acme", "beta"):
        at = Logged(tmp_path / name, name)
        at.run(0)
        shutil.copytree(at.stores["backup"].root, tmp_path / "backup" / name)
    store = LocalStore(tmp_path / "backup")
    assert verify(at=HOUR + ONE, url=store.root.as_uri())[0] == 0

    shutil.rmtree(store.root / "beta" / "_log")
    shutil.copytree(store.root / "acme" / "_log", store.root / "beta" / "_log")

    code, lines = verify(at=HOUR + ONE, url=store.root.as_uri())
    assert code == 1
    assert any(line.startswith("PROBLEM  beta/_log/checkpoint: is of the client acme") for line in lines), (
        lines
    )


def removed(tmp_path, kind="erasure", until=AT):
    """A bucket, the record of removal of one of its files, and that file's key and bytes."""
    at = Logged(tmp_path / "removed")
    for n in range(2):
        at.run(n)
    [key] = keys(at.stores["main"], f"{folder(0)}rev=0001/events-")
    data = at.stores["main"].get(key)
    at.remove(kind, "er-1", {key: data}, until)
    return at, key, data


def test_what_is_to_be_removed_is_outstanding_until_its_day_and_damage_after_it(tmp_path, verify):
    until = HOUR + 4 * ONE
    at, key, _ = removed(tmp_path, until=until)
    url = at.stores["main"].root.as_uri()

    code, lines = verify(at=HOUR + 2 * ONE, url=url)

    assert code == 3
    assert f"to go    {key}: by erasure er-1, until 2026-11-20T18:00Z" in lines
    assert lines[-1].endswith(
        "bytes, 1 removals by erasure: as promised, removal outstanding until 2026-11-20T18:00Z"
    )
    code, lines = verify(at=HOUR + 5 * ONE, url=url)
    assert code == 1
    assert f"PROBLEM  {key}: was to be removed by 2026-11-20T18:00Z (erasure er-1)" in lines


@pytest.mark.parametrize("kind", ["erasure", "expiry", "end"])
def test_what_was_signed_away_is_counted_by_kind_and_nothing_else_hides_behind_it(tmp_path, verify, kind):
    at, key, _ = removed(tmp_path, kind)
    store = at.stores["main"]
    store.delete(key)

    code, lines = verify(at=HOUR + 2 * ONE, url=store.root.as_uri())

    assert code == 0
    assert re.search(rf"bytes, 1 removals by {kind}: all as promised$", lines[-1])
    drop(store, f"{folder(1)}rev=0001/events-")
    code, lines = verify(at=HOUR + 2 * ONE, url=store.root.as_uri())
    assert code == 1, "a loss beside it is a loss"
    assert folder(1) in lines[0]


def test_a_record_lets_go_the_bytes_that_it_names_and_no_others(tmp_path, verify):
    at = Logged(tmp_path / "removed")
    for n in range(2):
        at.run(n)
    [key] = keys(at.stores["main"], f"{folder(0)}rev=0001/events-")
    at.remove("erasure", "er-1", {key: b"others"}, AT)
    at.stores["main"].delete(key)

    assert verify(at=HOUR + 2 * ONE, url=at.stores["main"].root.as_uri())[0] == 1


@pytest.mark.parametrize("how", ["deleted", "another client's", "unsigned"])
def test_a_removal_without_its_record_is_a_loss(tmp_path, verify, how):
    at, key, _ = removed(tmp_path)
    store = at.stores["main"]
    store.delete(key)
    [record] = keys(store, "_log/removals/")
    said = json.loads(store.get(record))
    if how == "deleted":
        store.delete(record)
    elif how == "unsigned":
        store.put(record, json.dumps({n: v for n, v in said.items() if n != "signature"}).encode())
    else:
        store.put(record, json.dumps(signer().sign({**said, "client": "beta"})).encode())

    code, lines = verify(at=HOUR + 2 * ONE, url=store.root.as_uri())

    assert code == 1
    assert any(line.startswith(f"PROBLEM  {key}: is missing, named by") for line in lines)
    assert any(record in line for line in lines)


def test_replay_brings_nothing_back_that_was_signed_away(tmp_path, verify):
    at, key, _ = removed(tmp_path)
    at.stores["main"].delete(key)
    again = Redelivery(Registry((at.client,), ()), lambda _: at.places(), at.ledger, at.desk)

    assert list(again.replay(Wanted())) == []
    assert list(again.mend(Wanted())) == []
    assert at.stores["main"].head(key) is None
    assert verify(at=HOUR + 2 * ONE, url=at.stores["main"].root.as_uri())[0] == 0


def test_a_handful_of_them_on_an_s3_server(footfall, tmp_path):
    (tmp_path / "s3").mkdir()
    pem = tmp_path / "footfall.pem"
    pem.write_bytes(signer().public_pem)
    small = Logged(tmp_path / "small")
    for n in range(3):
        small.run(n)
    some = {
        "good": None,
        "hour": (lambda b: drop(b, folder(2)), f"{folder(2)}rev=0001/_manifest.json: {GONE}"),
        "schema": (DAMAGES["a schema replaced"][0], DAMAGES["a schema replaced"][1]),
        "log": (lambda b: drop(b, "_log/"), "_log/checkpoint: there is no log"),
        "pointer": (lambda b: drop(b, "events/_latest"), "events/_latest.json: is missing"),
        "leaf": (lambda b: drop(b, segments(b)[1]), "_log/entries/: leaves 11 to 12 are missing"),
    }
    with s3_server(tmp_path / "s3") as server:
        s3 = boto3.client(
            "s3",
            endpoint_url=server.endpoint,
            aws_access_key_id=ADMIN[0],
            aws_secret_access_key=ADMIN[1],
            region_name="us-east-1",
        )
        footfall.settings = {**server.environment, "FOOTFALL_S3_ENDPOINT": server.endpoint}
        for name, planted in some.items():
            root = tmp_path / name
            shutil.copytree(small.stores["main"].root, root)
            store = LocalStore(root)
            if planted:
                planted[0](*([store] if name != "schema" else [store, None]))
            for info in store.list(""):
                s3.put_object(Bucket=server.bucket, Key=f"{name}/{info.key}", Body=store.get(info.key))
            moment = f"{HOUR + timedelta(hours=3):%Y-%m-%dT%H}"
            done = footfall("verify", f"s3://{server.bucket}/{name}", "--key", str(pem), "--at", moment)
            assert done.stderr == ""
            assert (done.returncode == 0) == (planted is None), done.stdout
            assert planted is None or planted[1] in done.stdout
        s3.close()


def test_a_leaf_line_is_canonical():
    leaf = Leaf("events/x/_manifest.json", "ab", "events", "2026-11-20T14:00:00.000Z")

    assert leaf.line == (
        b'{"export":"events","key":"events/x/_manifest.json","sha256":"ab",'
        b'"start":"2026-11-20T14:00:00.000Z"}'
    )
