"""Raw lines of a client that asks for it are sealed, and nobody can read them once its key is gone.

One story: acme has a key, beta has none. Both are collected over HTTP, ingested, backed up; a person of acme
is erased; its key is lost for a moment; acme ends, and its key is destroyed.
"""

import json
import re
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from support.collectors import CollectorProcess, batch, wire_event
from support.erased_home import Home
from support.searched import files_with

from commands.backup import backup
from commands.privacy_work import asked_of, plan
from commands.restore import restore
from footfall.failures import NotWhole
from footfall.hours import HOUR, floor
from footfall.keys import hour_of, raw_prefix
from footfall.raw_keys import KeyRing
from footfall.sealed import frames_of, read_raw
from footfall.settings import Settings
from footfall.tombstones import Tombstone, add, load_key
from footfall.waiting_lines import waiting_in
from orchestration.delivery.progress import IngestedHours
from orchestration.ingest.decode import content_of
from orchestration.resources.warehouse import Warehouse

#: Texts that stand in what acme's visitors sent, and one of beta's.
SECRET, ANNA, OPEN = "a-word-of-acme", "anna-user-4711", "a-word-of-beta"


def sent(client, n, word, **more):
    fields = {
        "url": f"https://{'shop' if client == 'acme' else 'store'}.example/{word}",
        "consent": 3,
        **more,
    }
    return wire_event(f"{client}-event-{n:04}", **fields)


def lines_of(lake, hour):
    """All lines of an hour's raw objects, as ingest reads them."""
    found = []
    for info in lake.list(raw_prefix(hour)):
        found += [json.loads(line) for line in content_of(read_raw(lake, info.key)).splitlines()]
    return found


def words_in(lines, client):
    mine = str([line for line in lines if line["client_id"] == client])
    return {word for word in (SECRET, ANNA, OPEN) if word in mine}


def plain_bytes(folder):
    """Whatever of a folder of raw objects can be read without a key."""
    found = b""
    for path in sorted(folder.rglob("*.ndjson.zst")):
        data = path.read_bytes()
        frames = frames_of(data)
        found += data + (content_of(data[: frames[0]] if frames else data) or b"")
    return found


@dataclass
class Story:
    """What was seen on the way."""

    home: Home
    hour: datetime
    seen: dict = field(default_factory=dict)

    def raw(self):
        """What can be read of the lake's raw objects without a key, and what ingest reads of them."""
        return plain_bytes(self.home.home / "lake" / "raw"), lines_of(self.home.lake, self.hour)

    def counts(self):
        """What the hour's last ingest says: lines kept, and erased."""
        return self.home.rows("SELECT kept, erased FROM ingest.hours")[0]

    def waiting(self):
        """Lines that wait for a key, as the hour's last ingest says."""
        [(text,)] = self.home.rows("SELECT waiting FROM ingest.hours")
        return waiting_in(text)

    def failure(self, client):
        """Why a client's hour may not go out; empty where it may."""
        settings = self.home.settings
        with Warehouse(database=str(settings.warehouse)).connect() as connection:
            hours = IngestedHours.read(connection, self.hour)
        try:
            hours.require_lines(client, self.hour, self.hour + HOUR)
        except NotWhole as error:
            return str(error)
        return ""


def collected(home, *events):
    """Let a collector take events of (client, event) and end: all is in the lake then."""
    process = CollectorProcess(home.home, settings={"FOOTFALL_CLIENTS": str(home.folder / "clients")}).start()
    try:
        for client, each in events:
            answer = process.ask("POST", "/collect", batch(each, site=f"pk_{client}_Kd83hDs2"))
            assert answer.status == 204, answer
    finally:
        process.end()


def begun(folder):
    """A home of acme with a key, and beta without one, whose events came in by HTTP."""
    hour = floor(datetime.now(UTC))
    home = Home(folder, people=(), first=hour)
    beta = home.folder / "clients" / "beta.yaml"
    beta.write_text(beta.read_text().replace("shop", "store"))
    code, said = home.says("privacy", "key", "new", "--client", "acme")
    assert code == 0, said
    with (home.folder / "clients" / "acme.yaml").open("a") as file:
        file.write(re.search(r"^raw_key: .*$", said, re.MULTILINE)[0] + "\n")
    collected(
        home,
        *(("acme", sent("acme", n, SECRET)) for n in range(5)),
        ("acme", sent("acme", 5, SECRET, type="identify", user=ANNA)),
        *(("beta", sent("beta", n, OPEN)) for n in range(5)),
    )
    [info] = home.lake.list("raw/")
    return Story(home, hour_of(f"/{info.key}"))


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    told = begun(tmp_path_factory.mktemp("sealed"))
    home, seen = told.home, told.seen
    seen["collected"] = told.raw()
    home.ingest(told.hour)
    seen["counts"] = told.counts()
    key = load_key(home.home, make=True)
    add(home.home, home.lake, [Tombstone("acme", "user", key.digest("acme", "user", ANNA), "e1", key.name)])
    home.ingest(told.hour)
    seen["erased"], seen["counts erased"] = told.raw(), told.counts()
    seen["objects"] = [info.key for info in home.lake.list("raw/")]
    told.backups = home.folder / "backups"
    assert backup(home.settings, told.backups.as_uri(), lake=True) == 0
    [pem] = (home.home / "keys" / "raw" / "acme").glob("*.pem")
    seen["key"] = pem.read_bytes()
    seen["beside"] = [
        path for path in told.backups.rglob("*") if path.is_file() and seen["key"] in path.read_bytes()
    ]
    pem.rename(home.folder / "away")
    home.ingest(told.hour)
    seen["lost"], seen["counts lost"] = told.waiting(), told.counts()
    seen["delivered"] = [told.failure(client) for client in ("acme", "beta")]
    seen["found"] = home.says("privacy", "key", "shred", "acme", "--key", pem.stem, "--yes"), pem.exists()
    home.ingest(told.hour)
    seen["back"] = told.waiting(), told.counts()
    seen["too early"] = home.says("privacy", "key", "shred", "acme", "--yes")
    (home.folder / "clients" / "acme.yaml").unlink()
    seen["end"] = home.says("clients", "end", "acme", "--give-up")
    seen["shred"] = home.says("privacy", "key", "shred", "acme", "--yes", "--reason", "it has ended")
    home.ingest(told.hour)
    seen["shredded"], seen["counts shredded"] = told.raw(), told.counts()
    return told


def test_no_byte_of_its_lines_lies_in_the_lake_in_plain_and_others_do(story):
    plain, _ = story.seen["collected"]

    assert SECRET.encode() not in plain
    assert OPEN.encode() in plain


def test_ingest_reads_all_of_it(story):
    _, lines = story.seen["collected"]

    assert words_in(lines, "acme") == {SECRET, ANNA}
    assert words_in(lines, "beta") == {OPEN}
    assert story.seen["counts"] == (11, 0)


def test_what_an_erasure_writes_anew_is_without_the_person_and_sealed_as_before(story):
    plain, lines = story.seen["erased"]

    assert SECRET.encode() not in plain
    assert words_in(lines, "acme") == {SECRET}
    assert story.seen["counts erased"] == (10, 1)
    assert len(story.seen["objects"]) == 1


def test_its_key_lies_beside_the_backup_once_and_in_no_snapshot(story):
    assert [path.relative_to(story.backups).parts[:2] for path in story.seen["beside"]] == [
        ("raw-keys", "acme")
    ]


def test_without_its_key_its_lines_wait_alone_and_one_line_says_what_to_do(story):
    [lost] = story.seen["lost"]

    assert (lost.client_id, lost.lines) == ("acme", 6)
    assert "from `raw-keys/` beside your backup" in lost.text
    assert "\n" not in lost.text
    assert story.seen["counts lost"] == (5, 0)
    assert lost.text in story.seen["delivered"][0], "not delivered as if it were whole"
    assert story.seen["delivered"][1] == ""


def test_a_key_that_lies_beside_a_backup_is_put_back_and_not_destroyed(story):
    (code, said), is_there = story.seen["found"]

    assert (code, is_there) == (0, True), said
    assert "put back from" in said
    assert story.seen["back"] == ((), (10, 1))


def test_a_client_that_goes_on_keeps_its_key(story):
    code, said = story.seen["too early"]

    assert code == 1
    assert "has not ended" in said


def test_after_its_end_no_line_of_it_can_be_read_by_any_key_and_all_others_can(story):
    assert story.seen["shred"][0] == 0, story.seen["shred"][1]
    plain, lines = story.seen["shredded"]

    assert SECRET.encode() not in plain
    assert words_in(lines, "acme") == set()
    assert words_in(lines, "beta") == {OPEN}
    assert story.seen["counts shredded"] == (5, 6), "lines still add up"
    whole = [
        path.read_bytes()
        for top in (story.home.home, story.backups)
        for path in top.rglob("*")
        if path.is_file()
    ]
    assert not [each for each in whole if story.seen["key"] in each]


def test_a_restore_brings_no_key_back_that_was_destroyed(story, tmp_path):
    # Somebody had a copy of the backup from before its end.
    shutil.copytree(story.backups, tmp_path / "backups")
    [gone] = (tmp_path / "backups" / "raw-keys" / "acme").glob("*.shredded.json")
    gone.with_name(gone.name.replace(".shredded.json", ".pem")).write_bytes(story.seen["key"])
    gone.unlink()
    again = Settings.from_environ(
        {
            "FOOTFALL_HOME": str(tmp_path / "home"),
            "FOOTFALL_CLIENTS": str(tmp_path / "clients"),
            "FOOTFALL_LAKE": f"file://{story.home.home}/lake",
        }
    )

    assert restore(again, (tmp_path / "backups").as_uri()) == 0

    assert not list((tmp_path / "home" / "keys" / "raw" / "acme").glob("*.pem"))
    [held] = KeyRing(tmp_path / "home").held()
    assert held.gone["why"] == "it has ended"


def of_bucket(home, client):
    """All files with rows that a client's bucket has."""
    return b"".join(path.read_bytes() for path in (home.home / "buckets" / client).rglob("*.csv"))


@pytest.mark.proof
def test_what_came_in_by_http_goes_out_by_its_bucket_and_a_person_out_of_all_of_it(tmp_path):
    told = begun(tmp_path)
    home = told.home
    [pem] = (home.home / "keys" / "raw" / "acme").glob("*.pem")
    pem.rename(tmp_path / "away")
    with pytest.raises(AssertionError, match="wait for the key"):  # of acme alone
        home.run(told.hour)
    assert OPEN.encode() in of_bucket(home, "beta")
    assert of_bucket(home, "acme") == b"", "not delivered as if it were whole"
    (tmp_path / "away").rename(pem)
    home.run(told.hour)
    delivered = of_bucket(home, "acme")
    assert SECRET.encode() in delivered
    assert ANNA.encode() in delivered
    made = plan(home.settings, "acme", asked_of({"user": (ANNA,)}, None), is_linked=True)

    assert home.says("privacy", "erase", "--client", "acme", "--user", ANNA, "--yes")[0] == 0

    assert made.lines
    plain, lines = told.raw()
    assert SECRET.encode() not in plain
    assert ANNA not in str(lines)
    assert files_with(home.home, ANNA) == {}
