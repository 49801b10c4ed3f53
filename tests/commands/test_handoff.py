"""A client handed over, by commands: what the bundle holds, what is refused, and what dies in between."""

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support.client_files import client
from support.manifests import HOUR, signer
from support.orchestration_builders import event, land
from support.two_machines import Machines

from commands.client_rows import OURS, copy_rows
from commands.registry import put_in_force
from footfall import tombstones
from footfall.catalogue import handing_over
from footfall.durable import take_up
from footfall.handoffs import MANIFEST, is_member
from footfall.identity_files import read_histories
from footfall.keys import client_of_raw_object
from footfall.raw_keys import RawKey
from footfall.signatures import load_signer
from footfall.store import LocalStore
from footfall.tombstones import Tombstone
from orchestration.delivery.ledger import Ledger
from orchestration.privacy.request_book import RequestBook


@pytest.fixture
def at(tmp_path, capsys, monkeypatch):
    made = Machines(tmp_path, capsys, monkeypatch)
    (made.home / "keys").mkdir(parents=True)
    key = signer()._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (made.home / "keys" / "signing-key.pem").write_bytes(key)
    take_up(made.home)
    assert made("deliveries", "rebuild")[0] == 0
    put_in_force(made.settings)
    lines = [
        event(f"{name}-event-{n}", HOUR, client_id=name, site_id=name, visitor_id=f"{name}-visitor")
        for n in range(3)
        for name in ("acme", "bolt")
    ]
    land(made.lake, HOUR, *lines)
    land(made.lake, HOUR + timedelta(hours=1), *lines[1::2], origin="c2-1-1")
    stones = tombstones.load_key(made.home, make=True)
    tombstones.add(
        made.home,
        made.lake,
        [
            Tombstone(name, "user", stones.digest(name, "user", "somebody"), "e1", stones.name)
            for name in ("acme", "bolt")
        ],
    )
    capsys.readouterr()
    return made


def test_the_client_alone_is_in_the_bundle_and_goes_on_with_what_it_had(at):
    before = at.rows()
    hashed = load_signer(at.home / "keys").derived("hash:acme")

    code, said = at.handoff()

    assert code == 0, said
    for info in at.bundle.list(""):
        data = at.bundle.get(info.key)
        assert b"bolt" not in data and b"PRIVATE KEY" not in data, info.key
    code, said = at.on("new")("clients", "take", "acme", str(at.folder / "bundle"))
    assert code == 0, said
    assert at.rows() == [row for row in before if row[0] == "acme"]
    new = load_signer(at.home / "keys")
    assert new.key_id != signer().key_id
    assert new.derived("hash:acme") == hashed and new.derived("hash:bolt") != signer().derived("hash:bolt")
    assert [client_of_raw_object(info.key) for info in at.lake.list("raw/")] == ["acme"]
    assert {stone.client for stone in tombstones.in_force(at.home, at.lake).stones.values()} == {"acme"}
    assert at("clients")[0] == 0
    assert (at.home / "first_hour").read_text() == f"{HOUR:%Y-%m-%dT%H}\n"
    assert {path.stat().st_mode & 0o077 for path in at.home.rglob("*")} == {0}
    [line] = [json.loads(line) for line in (at.home / "audit.jsonl").read_text().splitlines()]
    assert (line["act"], line["client"]) == ("clients.take", "acme")


def test_the_old_installation_delivers_nothing_of_it_and_another_owner_may_have_the_id(at):
    for path in at.buckets["acme"].root.rglob("_manifest.json"):
        path.unlink()
    at.handoff()

    code, said = at("deliveries", "replay")
    assert code == 0 and "0 delivered, 0 failed" in said
    assert not list(at.buckets["acme"].root.rglob("_manifest.json"))
    assert "STOPPED    acme.2: acme was handed over" in at("clients")[1]
    assert at.refused("clients", "end", "acme").endswith("acme has ended, and no file of that id came since")

    (at.folder / "third").mkdir()
    site = [{"site_id": "third", "key": "pk_third_12345", "domains": ["third.example"]}]
    at.write(client("acme", (at.folder / "third").as_uri(), sites=site))
    assert at("clients")[0] == 0


def test_a_key_over_raw_lines_that_is_written_oddly_ends_nothing(at):
    path = at.clients / "acme.yaml"
    text = path.read_text()
    key = RawKey(X25519PrivateKey.generate().public_key().public_bytes_raw())
    for odd in (f'"raw_key": {key.text}', f"raw_key:\n  {key.text}"):
        path.write_text(f"{text.rstrip()}\n{odd}\n")

        code, said = at.handoff()

        assert code == 1, said
        assert "on one line of its own" in said
        assert list(at.bundle.list("")) == []

    path.write_text(f"{text.rstrip()}\nraw_key: {key.text}\n")
    assert at.handoff()[0] == 0
    for info in at.bundle.list(""):
        assert key.text.encode() not in at.bundle.get(info.key), info.key


def test_what_comes_later_goes_by_the_same_command_and_lies_there_once(at):
    at.handoff()
    assert "nothing of acme came since" in at.handoff("nothing")[1]
    land(at.lake, HOUR, event("acme-event-9", HOUR, client_id="acme", site_id="acme"), origin="c3-1-1")

    code, said = at.handoff("later")

    assert code == 0 and "later bundle 2 of acme" in said
    assert "who is not here" in at.take(folder="later")
    assert at("clients", "take", "acme", str(at.folder / "bundle"))[0] == 0
    for count in (1, 0):
        code, said = at("clients", "take", "acme", str(at.folder / "later"))
        assert code == 0 and f"taken: {count} objects of acme" in said
    assert len(list(at.lake.list("raw/"))) == 2


def changed_member(at):
    [key] = [info.key for info in at.bundle.list("lake/raw/")]
    at.bundle.put(key, at.bundle.get(key)[:-1] + b"\0")


def missing_member(at):
    at.bundle.delete("home/ledger.sqlite")


def additional_member(at):
    at.bundle.put("lake/raw/dt=2026-11-20/hour=00/client=acme.x-1.ndjson.zst", b"x")


def changed_manifest(at):
    document = at.document()
    at.bundle.put(MANIFEST, json.dumps({**document, "client_id": "bolt"}).encode())


def another_client(at):
    at.put_document({**at.document(), "client_id": "bolt"})


def planted_key(at):
    member = {"path": "home/keys/signing-key.pem", "bytes": 1, "sha256": "0" * 64}
    document = at.document()
    at.put_document({**document, "members": [*document["members"], member]})


def above_the_folder(at):
    member = {"path": "home/outbox/acme/../../../x", "bytes": 1, "sha256": "0" * 64}
    document = at.document()
    at.put_document({**document, "members": [*document["members"], member]})


def newer(at):
    at.put_document({**at.document(), "bundle_version": 2})


def newer_ledger(at):
    document = at.document()
    at.put_document({**document, "versions": {**document["versions"], "ledger.sqlite": 99}})


def without_member(at, path):
    document = at.document()
    members = [each for each in document["members"] if each["path"] != path]
    at.put_document({**document, "members": members})
    at.bundle.delete(path)


def no_client_file(at):
    without_member(at, "client/acme.yaml")


def no_first_hour(at):
    without_member(at, "home/first_hour")


def no_manifest(at):
    at.bundle.delete(MANIFEST)


DAMAGES = [
    (changed_member, "is not what was written into the bundle"),
    (missing_member, "home/ledger.sqlite is missing"),
    (additional_member, "is no member of the bundle"),
    (changed_manifest, "its signature is wrong, it was changed"),
    (another_client, "is a bundle of bolt, not of acme"),
    (planted_key, "home/keys/signing-key.pem"),
    (above_the_folder, "which no bundle of acme has"),
    (newer, "is of version 2 of a bundle"),
    (newer_ledger, "is of version 99 of ledger.sqlite"),
    (no_client_file, "names no client/acme.yaml"),
    (no_first_hour, "names no home/first_hour"),
    (no_manifest, "there is no bundle in"),
]


def test_a_bundle_that_is_not_as_it_was_written_or_anothers_is_refused_and_nothing_is_put(at):
    at.handoff()
    whole = at.bundle.root
    for damage, said in DAMAGES:
        at.bundle = LocalStore(at.folder / damage.__name__)
        shutil.copytree(whole, at.bundle.root)
        damage(at)

        assert said in at.take(folder=damage.__name__)
        assert not at.home.exists()
        assert not list(at.lake.list(""))
        assert not list(at.clients.iterdir())


def test_a_bundle_that_another_key_signed_is_refused_where_the_key_is_named(at):
    at.handoff()
    ours = at.folder / "old.pem"
    ours.write_bytes(signer().public_pem)
    at.put_document(at.document())

    assert "which is not known here" in at.take("--key", str(ours))


def test_a_client_is_taken_where_nothing_else_is(at):
    at.handoff()
    at.on("new").write(client("bolt"))
    assert "other clients' files" in at.take()
    (at.clients / "bolt.yaml").unlink()
    land(at.lake, HOUR, event("bolt-event-1", client_id="bolt"))
    assert "is not empty" in at.take()
    shutil.rmtree(at.lake.root)
    at.home.mkdir()
    (at.home / "ledger.sqlite").write_bytes(b"")
    assert "is not empty" in at.take()


def test_who_cannot_be_handed_over_is_told_why_and_nothing_ends(at):
    document = client("acme", "file://${FOOTFALL_HOME}/buckets/acme")
    at.write(document)
    there = str(at.folder / "b")
    assert "names a place by ${FOOTFALL_HOME}" in at.refused("clients", "handoff", "acme", there)
    at.write(client("acme", at.buckets["acme"].root.as_uri()))
    assert "no client 'nobody'" in at.refused("clients", "handoff", "nobody", there)
    assert "lies in the lake" in at.refused("clients", "handoff", "acme", str(at.lake.root / "b"))
    full = LocalStore(at.folder / "full")
    full.root.mkdir(mode=0o700)
    full.put("theirs.txt", b"x")
    assert "is not empty" in at.refused("clients", "handoff", "acme", str(full.root))
    at.folder.joinpath("open").mkdir(mode=0o755)
    at.folder.joinpath("open").chmod(0o755)
    assert "can be read by others" in at.refused("clients", "handoff", "acme", str(at.folder / "open"))
    ids = [("user", "4711")]
    waits = RequestBook(at.home).ask("acme", "acme", "erasure", ids, "a form", datetime.now(UTC))
    assert f"the request {waits.id} of a visitor of acme waits" in at.refused(
        "clients", "handoff", "acme", there
    )

    assert read_histories(at.home / "identities")["acme"].current is not None


def test_a_handoff_that_died_is_said_again_and_one_that_is_there_is_not_written_over(at):
    at.handoff()
    whole = {info.key for info in at.bundle.list("")}
    # As who dies before the manifest leaves it: the end was first, the record is last.
    at.bundle.delete(MANIFEST)
    shutil.rmtree(at.home / "handoffs")

    assert at.handoff()[0] == 0
    assert {info.key for info in at.bundle.list("")} == whole
    assert "holds a bundle already" in at.refused("clients", "handoff", "acme", str(at.folder / "bundle"))


def test_a_handoff_that_died_behind_its_bundle_leaves_nothing_behind_when_it_is_said_again(at):
    at.lake.put("marts/client=acme/current.json", b"{}")
    waiting = at.home / "outbox" / "acme" / "events" / "202611201600-r0001" / "events.csv"
    at.handoff()
    # As who dies before the last step leaves it.
    at.lake.put("marts/client=acme/current.json", b"{}")
    waiting.parent.mkdir(parents=True)
    waiting.write_text("event_id\n")

    assert "nothing of acme came since" in at.handoff("again")[1]
    assert not list(at.lake.list("marts/client=acme/"))
    assert not waiting.exists()


def test_a_take_that_died_before_it_put_the_client_file_is_said_again(at):
    at.handoff()
    take = ("clients", "take", "acme", str(at.folder / "bundle"))
    assert at.on("new")(*take)[0] == 0
    text = (at.clients / "acme.yaml").read_bytes()
    (at.clients / "acme.yaml").unlink()

    assert at(*take)[0] == 0
    assert (at.clients / "acme.yaml").read_bytes() == text
    # Whoever is there and is not of this bundle is not written over.
    (at.clients / "acme.yaml").unlink()
    (at.home / "keys" / "taken-over.json").write_text("{}")
    assert "is not empty" in at.refused(*take)


def test_what_waited_here_is_sent_from_there_and_never_from_both(at):
    ledger = Ledger(at.home / "ledger.sqlite")
    start = HOUR + timedelta(hours=2)
    row = ledger.plan(
        "acme", "events", start, 1,
        cadence="hourly", reason="initial", supersedes=None, places=("main", "backup"), now=datetime.now(UTC),
    )  # fmt: skip
    ledger.close()
    waiting = at.home / "outbox" / "acme" / "events" / "202611201600-r0001"
    waiting.mkdir(parents=True)
    (waiting / "events.csv").write_text("event_id\n")

    code, said = at.handoff()

    assert code == 0 and "goes on there: " in said
    assert not (at.home / "outbox" / "acme").exists()
    assert [
        each[3] for each in at.rows() if each[1] == row.period_start.isoformat(timespec="microseconds")
    ] == ["superseded"]
    assert at.on("new")("clients", "take", "acme", str(at.folder / "bundle"))[0] == 0
    assert (at.home / "outbox" / "acme" / "events" / "202611201600-r0001" / "events.csv").exists()
    assert "planned" in {each[3] for each in at.rows()}


def test_a_database_with_a_table_that_no_rule_knows_lets_nothing_go(at):
    with closing(sqlite3.connect(at.home / "ledger.sqlite")) as ledger:
        ledger.execute("CREATE TABLE novelty (n)")

    assert "has a table that this program does not know (novelty)" in at.refused(
        "clients", "handoff", "acme", str(at.folder / "bundle")
    )


@pytest.mark.parametrize("root", ["s3://ours/acme", "s3://ours/acme/"])
def test_what_was_written_to_a_place_whose_name_begins_alike_stays(tmp_path, root):
    with closing(Ledger(tmp_path / "ledger.sqlite")) as ledger:
        for url in ("s3://ours/acme/_keys/a.pem", "s3://ours/acme-two/_keys/a.pem", "s3://ours/acme2/#log"):
            ledger.note_written(url)

    copy_rows(tmp_path / "ledger.sqlite", tmp_path / "copy.sqlite", "acme", [root])

    with closing(sqlite3.connect(tmp_path / "copy.sqlite")) as copy:
        assert copy.execute("SELECT url FROM written").fetchall() == [("s3://ours/acme/_keys/a.pem",)]


def test_every_database_of_which_rows_go_says_whose_each_row_is():
    assert OURS.keys() == set(handing_over.databases())


@pytest.mark.parametrize(
    "path",
    [
        "home/keys/signing-key.pem",
        "home/keys/signing-key.pub.pem",
        "home/audit.jsonl",
        "home/alerts.sqlite",
        "home/outbox/bolt/events/a.csv",
        "home/last-good-clients/bolt.yaml",
        "home/identities/bolt.json",
        "home/novelty",
        "lake/raw/dt=2026-11-20/hour=14/c1-1-1-0123456789abcdef.ndjson.zst",
        "lake/raw/dt=2026-11-20/hour=14/client=bolt.c1-1-1-0123456789abcdef.ndjson.zst",
        "lake/marts/client=bolt/current.json",
        "lake/marts/client=acme2/current.json",
        "lake/salts/client=acme/zone=UTC/day=2026-11-20.json",
        "lake/novelty/a",
        "client/bolt.yaml",
        "elsewhere/a",
    ],
)
def test_what_no_rule_lets_go_is_no_member(path):
    assert not is_member(path, "acme")


def test_a_store_that_fails_midway_leaves_no_bundle_and_the_next_try_is_whole(at):
    at.bundle.root.mkdir(mode=0o700)
    at.bundle.root.joinpath("lake").write_text("a file where a folder belongs")
    code, said = at("clients", "handoff", "acme", str(at.folder / "bundle"))
    assert code == 1 and "Traceback" not in said
    (at.bundle.root / "lake").unlink()

    assert at.handoff()[0] == 0
    assert at.on("new")("clients", "take", "acme", str(at.folder / "bundle"))[0] == 0
