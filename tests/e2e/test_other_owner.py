"""A client's file that becomes another owner's: no row of the one reaches the other, on the frozen state."""

import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from support.frozen_state import NEXT_HOUR, FrozenState, rebuilt
from support.orchestration_builders import event, land

from commands.demo.delivered import files
from footfall.store import LocalStore

HOUR = datetime(2026, 11, 29, 13, tzinfo=UTC)
#: Of the old owner, and of the new one, received while nobody had decided.
LATE, NEW = ["bakery-late-01"], [f"studio-new-{n:02d}" for n in range(7)]
STUDIO = {
    "client_id": "agency",
    "name": "Studio",
    "sites": [{"site_id": "studio", "key": "pk_studio_1234567", "domains": ["studio.example"]}],
    "destination": {"url": "file://${FOOTFALL_HOME}/buckets/studio"},
    "exports": [{"name": name, "dataset": name, "cadence": "hourly"} for name in ("events", "sessions")],
}


def objects(state, bucket):
    store = LocalStore(state.home / "buckets" / bucket)
    return {info.key: store.get(info.key) for info in store.list("")}


def delivered(state, bucket):
    """(site, event id) of all that is in the newest revisions of a bucket's events."""
    found = files(LocalStore(state.home / "buckets" / bucket))
    return sorted((r["site_id"], r["event_id"]) for f in found if f.export == "events" for r in f.rows)


@dataclass
class Story:
    """What each step said, and what lay in the buckets before and after."""

    state: FrozenState
    agency_before: dict
    said: dict = field(default_factory=dict)
    was_studio_there: bool = True
    machine: FrozenState | None = None

    def do(self, name, *words):
        done = self.state.footfall(*words)
        self.said[name] = (done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    state = rebuilt(tmp_path_factory, tmp_path_factory.mktemp("owner"))
    story = Story(state, objects(state, "agency"))
    lake = LocalStore(state.home / "lake")
    lines = [
        event(event_id, HOUR + timedelta(minutes=20), client_id="agency", site_id=site, visitor_id="v1")
        for site, ids in (("bakery", LATE), ("studio", NEW))
        for event_id in ids
    ]
    land(lake, HOUR, *lines, origin="c9-1-1")
    (state.folder / "clients" / "agency.yaml").write_text(yaml.safe_dump(STUDIO))
    hour = ("--from", NEXT_HOUR[0], "--to", NEXT_HOUR[1])
    story.do("run", "run", *hour)
    story.do("replay", "deliveries", "replay")
    story.do("restate", "deliveries", "restate", "--client", "agency")
    story.do("rebuild", "deliveries", "rebuild", "--client", "agency")
    story.do("clients", "clients")
    story.do("doctor", "doctor")
    story.do("test", "clients", "test", "agency")
    story.was_studio_there = (state.home / "buckets" / "studio").exists()
    story.do("end", "clients", "end", "agency")
    story.do("run again", "run", *hour)
    story.do("replay after", "deliveries", "replay")
    bucket = f"file://{state.home}/buckets/studio"
    story.do("verify", "verify", bucket, "--client", "agency", "--at", NEXT_HOUR[1])
    story.do("clients after", "clients")
    story.machine = another_machine(state, tmp_path_factory.mktemp("machine"))
    done = story.machine.footfall("run", *hour)
    story.said["another machine"] = (done.returncode, done.stdout, done.stderr)
    return story


def another_machine(state, folder):
    """One that has the lake without what ingest made, the keys, the client files, and nothing else."""
    machine = FrozenState(folder)
    shutil.copytree(state.folder / "clients", folder / "clients")
    shutil.copytree(state.home / "keys", machine.home / "keys")
    made = shutil.ignore_patterns("events", "quarantine", "marts", "usage")
    shutil.copytree(state.home / "lake", machine.home / "lake", ignore=made)
    shutil.copy(state.home / "first_hour", machine.home)
    return machine


@pytest.mark.parametrize("name", ["run", "replay", "restate", "rebuild", "clients", "doctor", "test"])
def test_until_a_person_decides_each_command_says_once_what_to_say(story, name):
    code, out, err = story.said[name]

    assert code == 1, out + err
    said = out + err
    assert "footfall clients moved agency" in said and "footfall clients end agency" in said
    assert "Traceback" not in said


def test_until_a_person_decides_nothing_is_delivered_and_others_are(story):
    assert not story.was_studio_there
    assert [key for key in objects(story.state, "demo") if "hour=13/" in key]


def test_after_the_end_the_new_owner_has_its_own_rows_and_no_other(story):
    assert story.said["end"][0] == 0, story.said["end"]
    assert story.said["run again"][0] == 0, story.said["run again"]

    assert delivered(story.state, "studio") == [("studio", event_id) for event_id in NEW]
    code, out, err = story.said["verify"]
    assert code == 0, out + err
    assert "of agency.2" in out
    published = LocalStore(story.state.home / "lake").list("marts/")
    assert {info.key.split("/")[1] for info in published} == {"client=agency.2", "client=demo"}


def test_the_old_owners_bucket_is_as_it_was_and_replay_sends_nothing_of_it(story):
    assert objects(story.state, "agency") == story.agency_before
    assert story.said["replay after"][0] == 0
    assert "0 delivered, 0 failed" in story.said["replay after"][1]
    assert "ended      agency: " in story.said["clients after"][1]
    assert story.said["clients after"][0] == 0


def test_the_lake_the_keys_and_the_files_alone_make_the_same_files_on_another_machine(story):
    code, out, err = story.said["another machine"]
    assert code == 0, out + err
    there, here = objects(story.machine, "studio"), objects(story.state, "studio")

    data = {key: content for key, content in here.items() if key.endswith(".csv")}
    assert len(data) == 2
    assert {key: content for key, content in there.items() if key.endswith(".csv")} == data
    assert not objects(story.machine, "agency")
