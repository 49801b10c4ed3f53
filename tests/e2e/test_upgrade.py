"""`footfall upgrade` on the state that an earlier release left: a backup, versions, models, and an hour."""

import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field

import pytest
from support.frozen_state import NEXT_HOUR, FrozenState, unpack

from commands.demo.delivered import files
from commands.upgrade import OPENS, unsaid
from footfall.durable import FILE_STEPS, STEPS
from footfall.snapshots import names, read
from footfall.store import LocalStore


def contents(state):
    """What is in the state folder, but for what only looking at it makes."""
    return {
        path.relative_to(state.home).as_posix(): path.read_bytes()
        for path in sorted(state.home.rglob("*"))
        if path.is_file() and not path.name.endswith((".lock", "-wal", "-shm", ".wal"))
    }


@dataclass
class Story:
    state: FrozenState
    before: dict
    said: dict = field(default_factory=dict)
    is_as_before: dict = field(default_factory=dict)

    @property
    def backups(self):
        return LocalStore(self.state.folder / "backups" / "snapshots")

    def do(self, step, *words):
        done = self.state.footfall(*words)
        assert "Traceback" not in done.stdout + done.stderr
        self.said[step] = (done.returncode, done.stdout + done.stderr)
        self.is_as_before[step] = contents(self.state) == self.before


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    state = unpack(tmp_path_factory.mktemp("upgrade"))
    story = Story(state, contents(state))
    where = str(state.folder / "backups")
    story.do("look", "upgrade", "--look")
    story.do("without a place", "upgrade")
    story.do("upgrade", "upgrade", where)
    story.do("again", "upgrade", where)
    state.ship_the_spool()
    story.do("hour", "run", "--from", NEXT_HOUR[0], "--to", NEXT_HOUR[1])
    with closing(sqlite3.connect(state.home / "ledger.sqlite")) as ledger:
        ledger.execute("PRAGMA user_version = 99")
    story.do("newer", "upgrade", where)
    return story


def test_what_would_be_done_is_said_and_nothing_is_done_before_there_is_a_place_for_a_backup(story):
    assert story.said["look"][0] == 0 and story.is_as_before["look"]
    assert story.said["without a place"][0] == 1 and story.is_as_before["without a place"]
    for said in (story.said["look"][1], story.said["without a place"][1], story.said["upgrade"][1]):
        assert f"ledger.sqlite: version 0 to {len(STEPS['ledger.sqlite'])}; pages of buckets are" in said
        assert "identities: version 0 to 1; an identity for each client" in said
        assert "warehouse.duckdb: version 0 to 2; events go to the lake alone" in said
        assert "the models: made by others" in said


def test_everything_is_of_this_release_and_said_again_nothing_is_left_and_no_backup_is_written(story):
    code, said = story.said["upgrade"]
    assert code == 0, said
    assert "done: all of it is of this release" in said
    assert story.said["again"] == (0, "nothing to do: all of it is of this release\n")
    assert json.loads((story.state.home / "versions.json").read_text()) == {
        name: len(steps) for name, steps in FILE_STEPS.items()
    }
    assert len(names(story.backups)[0]) == 1


def test_the_backup_is_of_the_state_before_and_says_its_versions(story):
    [name] = names(story.backups)[0]
    snapshot = read(story.backups, name, None)

    assert snapshot.versions["ledger.sqlite"] == 0 and snapshot.versions["keys"] == 0
    assert "home/versions.json" not in {each.path for each in snapshot.files}


def test_the_next_hour_runs_on_it_and_every_event_is_delivered_once(story):
    code, said = story.said["hour"]
    assert code == 0, said
    for client in ("agency", "demo"):
        bucket = LocalStore(story.state.home / "buckets" / client)
        found = Counter(r["event_id"] for f in files(bucket) if f.export == "events" for r in f.rows)
        assert set(found.values()) == {1}


def test_a_state_of_a_newer_release_is_refused_in_one_line(story):
    code, said = story.said["newer"]

    assert code == 1
    assert len(said.splitlines()) == 1
    assert "ledger.sqlite is of version 99 of ledger.sqlite, and this program knows versions up to" in said


def test_every_file_with_a_version_is_brought_up_and_every_later_step_says_what_it_does():
    assert OPENS.keys() | {"warehouse.duckdb"} == STEPS.keys()
    assert unsaid() == []
