"""`footfall verify` of delivered buckets that somebody changed: each damage is named by the command."""

import json
import re
import shutil
from datetime import timedelta
from types import SimpleNamespace

import pytest
from support.damages import AT, DAMAGES, GONE, HOURS, OF_OTHERS, drop, folder, keys, resign, segments
from support.logged import ONE, Logged
from support.manifests import HOUR, signer
from support.oddities import STRANGER
from support.s3_server import ADMIN, s3_server

from commands import cli
from footfall import notes
from footfall.bucket_log import Leaf
from footfall.clients import Registry
from footfall.notes import Checkpoint
from footfall.store import LocalStore
from orchestration.delivery.redeliver import Redelivery, Wanted


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


def test_what_lies_in_folders_of_ours_at_another_place_is_no_data(bucket, verify):
    bucket.put("events/_keys/x.pem", STRANGER.public_pem)
    bucket.put("sessions/_schema/events/athena.sql", b"DROP TABLE events;\n")

    _, lines = verify()

    for key in ("events/_keys/x.pem", "sessions/_schema/events/athena.sql"):
        assert f"no data  {key}: no manifest names it" in lines


def test_a_log_that_is_odd_is_named_once(bucket, verify):
    bucket.put(segments(bucket)[3], b"")

    _, lines = verify()

    assert len(lines) == len(set(lines))


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


class Meeting(LocalStore):
    """A bucket in which an erasure signs a file away, and removes it, while somebody puts it back."""

    at = during = key = None

    def head(self, key):
        found = super().head(key)
        self._meet("head", key)
        return found

    def put(self, key, data, **how):
        self._meet("put", key)
        super().put(key, data, **how)

    def _meet(self, what, key):
        if (what, key) == (self.during, self.key):
            self.during = None
            self.at.remove("erasure", "er-1", {key: self.at.stores["backup"].get(key)}, AT)
            super().delete(key)


@pytest.mark.parametrize("during", ["head", "put"])
def test_replay_brings_nothing_back_that_is_signed_away_meanwhile(tmp_path, during):
    at = Logged(tmp_path / "meeting")
    at.run(0)
    [key] = keys(at.stores["main"], f"{folder(0)}rev=0001/events-")
    at.stores["main"].delete(key)
    bucket = at.stores["main"] = Meeting(at.stores["main"].root)
    bucket.at, bucket.during, bucket.key = at, during, key
    nothing_ordered = at.client.model_copy(update={"exports": ()})
    again = Redelivery(Registry((nothing_ordered,), ()), lambda _: at.places(), at.ledger, at.desk)

    [(_, outcome)] = again.replay(Wanted())

    assert outcome.status == "delivered"
    assert bucket.during is None and bucket.head(key) is None


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
        s3 = server.client(ADMIN)
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
