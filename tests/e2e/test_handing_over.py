"""A client that is handed over: a fresh installation goes on with it, and nothing is lost, doubled or seen.

On the frozen state, whose two clients have deliveries, and whose lake has lines of both in one object.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.frozen_state import NEXT_HOUR, FrozenState, unpack
from support.orchestration_builders import event, land

from commands.demo.delivered import files
from footfall.identity_files import read_histories
from footfall.store import LocalStore
from footfall.verify import verify_bucket

HOUR = datetime(2026, 11, 29, 13, tzinfo=UTC)
LATE = [f"demo-late-{n:02d}" for n in range(3)]


@dataclass
class Machine(FrozenState):
    """One whose operator lets clients have buckets in a folder."""

    buckets: Path = Path()

    @property
    def environment(self):
        return super().environment | {"FOOTFALL_BUCKET_FOLDERS": str(self.buckets)}


@dataclass
class Story:
    """What each step said, by its name, and what the ledgers had."""

    old: FrozenState
    new: Machine
    bucket: LocalStore
    bundle: LocalStore
    said: dict = field(default_factory=dict)
    rows: dict = field(default_factory=dict)

    def do(self, name, state, *words):
        done = state.footfall(*words)
        assert "Traceback" not in done.stderr
        self.said[name] = (done.returncode, done.stdout + done.stderr)

    def note_rows(self, name, state):
        done = state.footfall("deliveries", "list", "--all", "--json")
        found = [json.loads(line) for line in done.stdout.splitlines()]
        self.rows[name] = {(r["client_id"], r["export"], r["period_start"], r["revision"]): r for r in found}


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    folder = tmp_path_factory.mktemp("handed")
    old = unpack(folder)
    new = Machine(tmp_path_factory.mktemp("fresh"), old.home / "buckets")
    path = old.folder / "clients" / "demo.yaml"
    path.write_text(path.read_text().replace("${FOOTFALL_HOME}", str(old.home)))
    story = Story(old, new, LocalStore(old.home / "buckets" / "demo"), LocalStore(folder / "bundle"))
    old.ship_the_spool()
    story.note_rows("old", old)
    story.do("handoff", old, "clients", "handoff", "demo", str(folder / "bundle"))
    # Of both clients, as a collector writes them that knows nothing of it.
    late = [
        event(event_id, HOUR + timedelta(minutes=50), client_id=client, site_id=site, visitor_id="v1")
        for client, site, ids in (("demo", "shop", LATE), ("agency", "bakery", ["agency-late-01"]))
        for event_id in ids
    ]
    land(LocalStore(old.home / "lake"), HOUR, *late, origin="c9-1-1")
    story.do("handoff again", old, "clients", "handoff", "demo", str(folder / "later"))
    story.do("handoff of nothing", old, "clients", "handoff", "demo", str(folder / "nothing"))
    story.do("old", old, "clients")
    story.do("replay", old, "deliveries", "replay")
    story.do("take", new, "clients", "take", "demo", str(folder / "bundle"))
    story.do("take again", new, "clients", "take", "demo", str(folder / "bundle"))
    story.note_rows("taken", new)
    story.do("take later", new, "clients", "take", "demo", str(folder / "later"))
    first = (new.home / "first_hour").read_text().strip()
    story.do("run", new, "run", "--from", first, "--to", NEXT_HOUR[1])
    story.do("verify", new, "verify", f"file://{story.bucket.root}", "--client", "demo", "--at", NEXT_HOUR[1])
    story.note_rows("after", new)
    return story


@pytest.mark.parametrize("step", ["handoff", "handoff again", "take", "take later", "run", "verify"])
def test_each_step_does_what_it_says(story, step):
    code, said = story.said[step]

    assert code == 0, said


def test_each_event_is_in_exactly_one_newest_file_with_those_that_came_to_the_old_installation_late(story):
    found = Counter(
        row["event_id"] for file in files(story.bucket) if file.export == "events" for row in file.rows
    )

    assert set(found.values()) == {1}
    assert set(LATE) < found.keys()
    assert "agency-late-01" not in found


def test_the_ledger_goes_on_where_it_was_and_no_period_is_missing_or_begins_anew(story):
    before = {name: row for name, row in story.rows["old"].items() if name[0] == "demo"}
    assert story.rows["taken"] == before, "the client's rows, and no other's"
    after = story.rows["after"]
    assert {name: after[name] for name in before} == before

    new = after.keys() - before.keys()
    assert {(*period, revision - 1) for *period, revision in new if revision > 1} <= after.keys()
    assert {row["state"] for row in after.values()} == {"committed"}
    for export in ("events", "sessions"):
        starts = {start for _, name, start, _ in after if name == export}
        hours = {datetime.fromisoformat(start) for start in starts}
        assert max(hours) == HOUR
        assert len(hours) == (max(hours) - min(hours)) / timedelta(hours=1) + 1, "hour on hour"


def test_both_keys_signed_the_bucket_and_its_log_is_one(story):
    [log] = verify_bucket(story.bucket, needs_log=True).logs
    signed = {json.loads(story.bucket.get(each.key))["signature"]["key_id"]
              for each in story.bucket.list("") if each.key.endswith("_manifest.json")}  # fmt: skip

    assert len(signed) == 2
    manifests = [each.key for each in story.bucket.list("") if each.key.endswith("/_manifest.json")]
    assert set(manifests) <= {leaf.key for leaf in log.leaves.values()}


def test_the_old_installation_delivers_nothing_more_of_it_and_says_why(story):
    code, said = story.said["old"]

    assert code == 1
    assert "STOPPED    demo.2: demo was handed over to another installation" in said
    assert "handed over demo: " in said
    assert "0 delivered, 0 failed" in story.said["replay"][1]
    assert read_histories(story.old.home / "identities")["demo"].identities[0].is_handed_over


def test_a_bundle_of_which_nothing_came_since_is_not_written(story):
    code, said = story.said["handoff of nothing"]

    assert code == 0
    assert "nothing of demo came since" in said
    assert not (story.old.folder / "nothing" / "manifest.json").exists()


def test_an_installation_takes_a_client_once(story):
    code, said = story.said["take again"]

    assert code == 1
    assert "is not empty" in said


def test_nothing_of_the_other_client_and_no_key_that_signs_is_in_the_bundle(story):
    secret = (story.old.home / "keys" / "signing-key.pem").read_bytes().splitlines()[1]
    bakery = b"pk_bakery"
    for folder in ("bundle", "later"):
        store = LocalStore(story.old.folder / folder)
        for info in store.list(""):
            data = store.get(info.key)
            assert secret not in data and b"PRIVATE KEY" not in data, info.key
            assert bakery not in data and b"agency" not in data, info.key
