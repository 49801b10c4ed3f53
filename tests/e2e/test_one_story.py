"""One story for all rules of how long things live. However things came in, and whatever was decided
meanwhile: the newest revision of each period has the bytes that a new machine makes, in one run, of lake,
client file and keys.
"""

import json
import random
import shutil
from datetime import datetime, timedelta

import duckdb
import pytest
from support.delivery_story import (
    CLIENT_MOVES,
    DAY,
    END,
    HOUR,
    SITES,
    START,
    ZONE_CHANGES,
    ZONES,
    client_file,
    objects,
    spans,
)
from support.frozen_state import FrozenState
from support.orchestration_builders import land

from commands.demo.delivered import files
from footfall.store import LocalStore


class Telling:
    """An installation through which the story goes."""

    def __init__(self, folder, landing=()):
        self.state = FrozenState(folder)
        self.state.home.mkdir(parents=True)
        (folder / "clients").mkdir()
        self.file = folder / "clients" / "story.yaml"
        (self.state.home / "first_hour").write_text(f"{START:%Y-%m-%dT%H}\n")
        self.lake = LocalStore(self.state.home / "lake")
        self.waiting = list(landing)
        said = (json.loads(line).get("visitor_id") for each in landing for line in each.lines)
        self.persons = sorted({each for each in said if each})

    def does(self, *words):
        done = self.state.footfall(*words, seconds=3600)
        assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"

    def refuses(self, *words):
        done = self.state.footfall(*words, seconds=3600)
        assert done.returncode == 1, f"{words}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def land(self, until: datetime) -> list[datetime]:
        """What has come in by then. Returns its hours."""
        come = [each for each in self.waiting if each.hour + (each.late + 1) * HOUR <= until]
        self.waiting = [each for each in self.waiting if each not in come]
        for each in come:
            land(self.lake, each.hour, *each.lines, origin=each.origin)
        return sorted({each.hour for each in come})

    def run(self, first: datetime, last: datetime):
        self.does("run", "--from", f"{first:%Y-%m-%dT%H}", "--to", f"{last:%Y-%m-%dT%H}")

    def decide(self, moment: datetime):
        """What happens at a moment besides events."""
        if moment == START:
            self.file.write_text(client_file(ZONES[0], SITES[0], "first"))
        elif moment == ZONE_CHANGES:
            self.file.write_text(client_file(ZONES[1], SITES[0], "first"))
            assert "timezone" in self.refuses("clients")
            self.does("clients", "rezone", "story", "--from", DAY)
        elif moment == CLIENT_MOVES:
            text = self.file.read_text()
            for before, after in ((SITES[0], SITES[1]), ("buckets/first", "buckets/second")):
                text = text.replace(before, after)
            self.file.write_text(text)
            assert "clients moved story" in self.refuses("clients")
            self.does("clients", "moved", "story")

    def tell(self, chance: random.Random, most: int):
        """From the first hour to the last, as things come in; hours with something late are run again."""
        for first, last in spans(chance, most):
            self.decide(first)
            self.run(min([first, *self.land(last)]), last)
        for first in self.land(END + timedelta(days=1))[:1]:  # in some stories nothing is left by then
            self.run(first, END)
        self.does("deliveries", "replay")  # what the bucket that it moved to never had
        assert self.refused_bodies() > 0
        removals = [self.erase, self.retain]
        for remove in chance.sample(removals, len(removals)):
            remove(chance)
        assert self.refused_bodies() == 0

    def erase(self, chance: random.Random):
        person = chance.choice(self.persons)
        self.does("privacy", "erase", "--client", "story", "--visitor", person, "--yes", "--by", "a story")

    def retain(self, _chance: random.Random):
        self.does("privacy", "retain")

    def refused_bodies(self) -> int:
        """Refused lines of the quarantine whose bytes are kept."""
        files = self.lake.root / "quarantine" / "*" / "*" / "*.parquet"
        return duckdb.execute("SELECT count(body) FROM read_parquet(?)", [str(files)]).fetchone()[0]

    def tell_at_once(self, other: "Telling"):
        """What is left of another installation that was lost, in one run."""
        shutil.copy(other.file, self.file)
        shutil.copytree(other.state.home / "keys", self.state.home / "keys")
        for folder in ("raw", "identities", "tombstones", "retention"):
            shutil.copytree(other.lake.root / folder, self.lake.root / folder)
        self.run(START, END)
        assert self.refused_bodies() == 0

    def newest(self) -> dict[tuple[str, str], list[str]]:
        """(export, start of its period) → sha256 of the files of its newest revision."""
        found = {}
        for file in files(LocalStore(self.state.home / "buckets" / "second")):
            found.setdefault((file.export, file.period), {}).setdefault(file.revision, []).append(file)
        return {
            where: sorted(each.sha256 for each in revisions[max(revisions)])
            for where, revisions in found.items()
        }


def _tell(folder, seed, most):
    chance = random.Random(seed)
    landing = objects(chance)
    assert any(each.late for each in landing)
    told, anew = Telling(folder / "told", landing), Telling(folder / "anew")
    told.tell(chance, most)
    anew.tell_at_once(told)
    newest = told.newest()

    assert len(newest) == 54, "a story without deliveries proves nothing"
    assert newest == anew.newest()
    for telling in (told, anew):
        at = telling.state.home / "buckets" / "second"
        telling.does("verify", at.as_uri(), "--at", f"{END:%Y-%m-%dT%H}")


# Some 160 s each on two quiet cores.
@pytest.mark.proof
@pytest.mark.parametrize(("seed", "most"), [(0, 1), *((seed, 4) for seed in range(1, 7))])
def test_however_things_come_in_the_newest_revisions_are_those_of_a_new_machine(tmp_path, seed, most):
    _tell(tmp_path, seed, most)
