"""What others put into a client's bucket is not believed, copied or counted, and holds up nobody."""

import json
import shutil
from datetime import timedelta

import pytest
from support.delivering import FOLDER, MANIFEST
from support.lost_ledger import LostLedger
from support.manifests import HOUR, a_manifest, signer
from support.oddities import KEY, ODDITIES, raw, unsigned
from support.orchestration_builders import EVENTS, TroubledStore, add_event, client

from footfall import keys
from footfall.catalogue.periods import calendar
from footfall.clients import NamedDestination, Registry
from footfall.exports import Export
from footfall.manifest import MAX_BYTES, DeliveredFile, Receipt
from footfall.signatures import load_signer, own_keys
from footfall.store import StoreError
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.places import Place
from orchestration.delivery.redeliver import Redelivery, Wanted
from orchestration.resources.destinations import Destinations

ONE = timedelta(hours=1)


@pytest.fixture
def lost(tmp_path, capsys, monkeypatch):
    return LostLedger(tmp_path, capsys, monkeypatch)


#: Of those that are no manifests nothing is taken anyway.
MANIFESTS = {name: each for name, each in ODDITIES.items() if "_manifest.json" in each[0]}


@pytest.mark.parametrize("name", MANIFESTS)
def test_rebuild_takes_nothing_of_what_is_odd_and_everybodys_own(lost, name):
    key, data, _ = MANIFESTS[name]
    path = lost.buckets["acme"].root / key
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    lost.buckets["acme"].put("_keys/a.pem", b"x")

    code, said, _ = lost("rebuild")

    assert code == 1
    [left] = [line for line in said.splitlines() if line.startswith("not taken  ")]
    assert "acme/events/" in left
    assert said.splitlines()[-2].startswith("2 deliveries taken ")
    assert lost.rows() == [("acme", HOUR, 1), ("beta", HOUR, 1)]
    beside = ("/_keys/", "/_log/")
    put = [info.key for info in lost.backup.list("") if not any(each in info.key for each in beside)]
    assert {key.split("/rev=")[0] for key in put} == {
        "acme/events/dt=2026-11-20/hour=14",
        "beta/events/dt=2026-11-20/hour=14",
    }
    assert not [info.key for info in lost.backup.list("") if info.key.endswith("a.pem")]


def test_rebuild_goes_on_where_a_bucket_is_not_there_and_makes_none(lost):
    shutil.rmtree(lost.buckets["acme"].root)

    code, said, _ = lost("rebuild")

    assert code == 1
    assert said.startswith("not taken  acme main: the folder ")
    assert "does not exist, and its owner makes a bucket" in said
    assert lost.rows() == [("beta", HOUR, 1)]
    assert not lost.buckets["acme"].root.exists()


def test_replay_makes_no_bucket_that_is_missing(lost):
    lost("rebuild")
    shutil.rmtree(lost.buckets["acme"].root)

    code, said, _ = lost("replay")

    assert code == 1
    assert "FAILED the folder" in said
    assert not lost.buckets["acme"].root.exists()
    lost.buckets["acme"].root.mkdir()
    assert lost("replay")[0] == 0
    assert [info.key for info in lost.buckets["acme"].list("events/dt=")] != []


def test_what_a_retired_key_of_our_own_signed_is_ours_and_what_a_foreign_one_signed_is_not(lost):
    load_signer(lost.home / "keys")
    (lost.home / "keys" / "signing-key.pem").unlink()
    new = load_signer(lost.home / "keys")
    assert set(own_keys(lost.home / "keys")) == {signer().key_id, new.key_id}

    assert lost("rebuild")[0] == 0

    (lost.home / "ledger.sqlite").unlink()
    (lost.home / "keys" / "public" / f"{signer().key_id}.pem").unlink()
    code, said, _ = lost("rebuild")
    assert code == 1
    assert f"is signed with the key {signer().key_id}, which is not known here" in said
    (lost.home / "keys" / "public" / "earlier.pem").write_bytes(signer().public_pem)
    assert lost("rebuild")[0] == 0


def test_usage_counts_nothing_that_our_keys_did_not_sign_for_that_client(lost):
    lost("rebuild")
    before = lost("usage", "2026-11-20")
    rows = json.loads(unsigned())
    rows["files"][0]["rows"] = 10**9
    lost.backup.put(f"acme/{KEY}", json.dumps(rows).encode())
    later = KEY.replace("hour=15", "hour=16")
    lost.backup.put(f"beta/{later}", raw())
    lost.backup.put(f"beta/{KEY}", b"{")

    code, said, errors = lost("usage", "2026-11-20")

    assert before[0] == 0
    assert said == before[1]
    assert (code, len(errors.splitlines())) == (1, 3)
    assert f"acme/{KEY}: is not signed" in errors


def test_usage_takes_an_hours_receipt_from_its_newest_delivery_whatever_the_export_is_called(lost):
    start = HOUR + timedelta(hours=5)
    period = calendar("hourly").at(start)
    for name, revision, kept in (("events", 1, 10), ("sessions", 1, 10), ("events", 2, 50)):
        folder = keys.revision_prefix(name, period, revision)
        manifest = a_manifest(
            DeliveredFile(f"{folder}x.csv", 1, "0" * 64, kept),
            revision,
            start,
            export=Export(name=name, dataset=name, cadence="hourly"),
            receipt=Receipt(kept, kept, 0, {}, kept, kept, 0),
            planned_at=start + timedelta(hours=revision),
        )
        lost.backup.put(f"acme/{folder}{keys.MANIFEST_NAME}", manifest)

    def received():
        _, said, _ = lost("usage", "2026-11-20")
        return sum(int(row.split(",")[4]) for row in said.splitlines() if ",received," in row)

    with_it = received()
    lost.backup.delete(f"acme/{keys.revision_prefix('sessions', period, 1)}{keys.MANIFEST_NAME}")
    assert with_it == received() >= 50


def test_a_folder_below_the_state_folder_is_made_once_and_not_again(tmp_path):
    """What lay in it is gone, and a person has to know."""
    destinations = Destinations(home=str(tmp_path), backup_url=(tmp_path / "backup").as_uri())
    ledger = Ledger(tmp_path / "ledger.sqlite")
    root = tmp_path / "buckets" / "demo"

    def opened():
        is_new = {"is_new": lambda url: not ledger.has_written(url)}
        return destinations.openings(client(), lambda _: "", **is_new)["main"]()

    opened().put("_keys/a.pem", b"x")
    ledger.note_written(opened().url("_keys/a.pem"))
    shutil.rmtree(root)

    with pytest.raises(StoreError, match="does not exist, and its owner makes a bucket"):
        opened()
    assert not root.exists()
    ledger.close()


# Deliveries


def redelivery(at, owner=None):
    return Redelivery(Registry((owner or client(),), ()), lambda _: at.places(), at.ledger, at.desk())


def forged(revision):
    key = MANIFEST.format(revision)
    file = DeliveredFile(f"{FOLDER.format(revision)}x.csv", 1, "0" * 64, 10**9)
    return key, a_manifest(file, revision, client_id="demo")


@pytest.mark.parametrize("content", ["forged", "unsigned", "older one of ours", "huge", "no JSON"])
def test_what_lies_where_the_next_revision_belongs_is_one_clear_failure_and_then_mended(at, content):
    at.deliver()
    add_event(at.connection, "event-0002")
    key, data = forged(2)
    at.destination.objects[key] = {
        "forged": data,
        "unsigned": json.dumps({n: v for n, v in json.loads(data).items() if n != "signature"}).encode(),
        "older one of ours": at.destination.objects[MANIFEST.format(1)],
        "huge": b" " * (MAX_BYTES + 1),
        "no JSON": b"{",
    }[content]
    planted = at.destination.objects[key]

    outcome = at.deliver()

    assert (outcome.status, outcome.trouble.kind) == ("failed", "bucket")
    assert key in outcome.error
    assert "look at it and move it away, then `footfall deliveries replay`" in outcome.error
    assert at.destination.objects[key] == planted
    assert at.manifest(2, at.backup)["receipt"]["rows"] == 2, "the backup has its copy all the same"
    assert at.deliver(HOUR - ONE).status == "delivered", "other periods go on"
    assert b"1000000000" not in b"".join(at.backup.objects.values())
    del at.destination.objects[key]
    [(_, mended)] = redelivery(at).replay(Wanted())
    assert (mended.status, mended.revision) == ("delivered", 2)
    assert at.problems() == []


def test_a_lost_ledger_takes_over_nothing_that_is_not_ours(at):
    at.destination.objects.update(dict([forged(1)]))

    outcome = at.deliver()

    assert outcome.status == "failed"
    assert "is signed with the key" in outcome.error
    assert [(row.revision, row.state, row.rows) for row in at.ledger.all()] == [(1, "rendered", 1)]


def test_revisions_of_the_future_hold_up_nothing(at):
    at.deliver()
    for number in (3, 9999):
        at.destination.objects.update(dict([forged(number)]))
    add_event(at.connection, "event-0002")

    assert (at.deliver().status, at.ledger.all()[-1].revision) == ("delivered", 2)


def test_a_file_that_somebody_put_under_our_key_is_named_with_what_to_do(at):
    at.deliver()
    [key] = [key for key in at.destination.objects if key.endswith(".csv")]
    at.ledger = Ledger(at.folder / "new.sqlite")
    at.destination.objects.clear()
    at.backup.objects.clear()
    at.destination.objects[key] = b"x" * 10_000

    outcome = at.deliver()

    assert (outcome.status, outcome.trouble.kind) == ("failed", "bucket")
    assert f"{key} holds different bytes; not overwritten: look at it" in outcome.error
    del at.destination.objects[key]
    assert [outcome.status for _, outcome in redelivery(at).replay(Wanted())] == ["delivered"]


@pytest.mark.parametrize(
    "pointer",
    [
        b'{"period_start": "9999-01-01T00:00:00+00:00", "revision": 9999, "manifest": "e/_manifest.json"}',
        b'{"period_start": "9999-01-01T00:00:00+00:00", "revision": 1, "manifest": "../x"}',
        b'{"period_start": 5, "revision": []}',
        b"[" * 100_000,
        b" " * 1_000_000,
    ],
    ids=["future", "outside", "types", "deep", "huge"],
)
def test_a_pointer_that_somebody_wrote_is_replaced(at, pointer):
    at.destination.objects["events/_latest.json"] = pointer

    assert at.deliver().status == "delivered"

    assert json.loads(at.destination.objects["events/_latest.json"])["manifest"] == MANIFEST.format(1)
    assert at.problems() == []


def test_what_lies_in_one_bucket_of_a_client_does_not_keep_another_from_its_copy(at):
    further = TroubledStore("further")
    places = {**at.places(), "further": Place("further", lambda: further)}
    at.places = lambda: places
    export = EVENTS.model_copy(update={"destinations": ["main", "further"]})
    owner = client(exports=[EVENTS])
    owner = owner.model_copy(
        update={
            "exports": [export],
            "further_destinations": [NamedDestination(name="further", url="file:///further")],
        }
    )
    at.destination.objects[MANIFEST.format(1)] = b"theirs"

    assert at.deliver(export=export, owner=owner).status == "failed"

    assert MANIFEST.format(1) in further.objects


def test_replay_tells_what_was_replaced_and_overwrites_nothing(at):
    at.deliver()
    add_event(at.connection, "event-0002")
    at.deliver()
    first = at.destination.objects[MANIFEST.format(1)]
    at.destination.objects[MANIFEST.format(2)] = first

    [(row, outcome)] = redelivery(at).replay(Wanted())

    assert (row.revision, outcome.status) == (2, "failed")
    assert f"{MANIFEST.format(2)} holds different bytes; not overwritten" in outcome.error
    assert at.destination.objects[MANIFEST.format(2)] == first


def test_a_ledger_and_files_that_are_gone_are_a_new_revision(at):
    """Of revision 1 only the manifests are left: it can never be made whole."""
    at.deliver()
    for bucket in (at.destination, at.backup):
        for key in [key for key in bucket.objects if key.endswith(".csv")]:
            del bucket.objects[key]
    at.ledger = Ledger(at.folder / "new.sqlite")

    taken = list(redelivery(at).believe(Wanted()))
    outcome = at.deliver()

    assert [
        str(each).endswith("is in no bucket and not in the outbox: it does not exist") for each in taken
    ] == [True]
    assert (outcome.status, outcome.revision) == ("delivered", 2)


def test_a_bucket_that_is_down_loses_no_revision_at_a_rebuild(at):
    at.deliver()
    at.ledger = Ledger(at.folder / "new.sqlite")
    at.backup.down()
    [key] = [key for key in at.destination.objects if key.endswith(".csv")]
    data = at.destination.objects.pop(key)

    [left] = list(redelivery(at).believe(Wanted()))

    assert "backup is down" in left.why
    at.backup.heal()
    at.destination.objects[key] = data
    assert [each.state for each in at.ledger.all()] == ["rendered"]
    assert at.deliver().status in ("delivered", "unchanged")
    assert at.problems() == []


def test_a_bucket_that_cannot_be_read_holds_up_no_other_client(at):
    at.deliver()
    at.ledger = Ledger(at.folder / "new.sqlite")
    broken = TroubledStore("broken")
    broken.fail(StoreError("no rights", retryable=False, code="AccessDenied"))
    other = client("aaa", url="file:///aaa")
    registry = Registry((other, client()), ())
    places = {"aaa": {"main": Place("main", lambda: broken)}, "demo": at.places()}

    found = list(
        Redelivery(registry, lambda who: places[who.client_id], at.ledger, at.desk()).believe(Wanted())
    )

    assert [str(each) for each in found[:1]] == ["aaa main: no rights"]
    assert [(row.client_id, row.state) for row in found[1:]] == [("demo", "committed")]
