"""`footfall privacy retain` by the command: it says what would go, is held up by a hold, and lets go."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from support.command_line import ROOT
from support.erased_home import Home

from commands.cli import main
from footfall.hours import floor
from footfall.store import LocalStore
from orchestration.privacy.request_book import RequestBook

OLD = datetime(2025, 3, 1, 10, tzinfo=UTC)


def asked(home, days, *, client="acme", decide=False):
    """A visitor's request of so many days ago, decided then or not."""
    book, at = RequestBook(home.home), datetime.now(UTC) - timedelta(days=days)
    name = book.ask(client, "shop", "erasure", [("user", f"{client}-{days}-4711")], f"{days} {decide}", at).id
    if decide:
        book.decide(name, "refused", "dpo", at, because="nobody of that name")
    return name


@pytest.fixture
def home(tmp_path):
    """Raw lines of two clients, of whom one keeps them for thirty days."""
    made = Home(tmp_path, ("bert",), first=OLD, rule="retention: {raw: 30d}\n")
    for hour in (OLD, floor(datetime.now(UTC))):
        made.land(hour)
    return made


def footfall(home, *arguments, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "commands.entry", "privacy", *arguments],
        cwd=ROOT,
        env=home.environ,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_what_is_past_its_time_is_said_then_held_then_goes(home, monkeypatch, capfd):
    lake = LocalStore(home.home / "lake")
    before = [info.key for info in lake.list("raw/")]
    fresh, old = asked(home, 89), asked(home, 91)
    answered, forgotten = asked(home, 364, decide=True), asked(home, 366, decide=True)
    requests = RequestBook(home.home)

    said = json.loads(footfall(home, "retain", "--dry-run", "--json").splitlines()[0])
    assert [(each["class"], each["objects"], each["rows"]) for each in said["removed"]] == [("raw", 1, 3)]
    monkeypatch.setattr(os, "environ", home.environ)
    assert main(["privacy", "hold", "add", "--client", "acme", "--reason", "a court asks"]) == 0
    hold = capfd.readouterr().out.split()[1].strip(",")
    assert "raw is kept longer: a hold" in footfall(home, "retain")
    assert [info.key for info in lake.list("raw/")] == before
    assert {each.id for each in requests.all()} == {fresh, old, answered, forgotten}
    assert requests.get(old).ids
    assert main(["privacy", "hold", "release", hold]) == 0

    backups = home.home.parent / "backups"
    assert main(["backup", backups.as_uri(), "--lake"]) == 0
    assert "1 objects, 3 rows" in footfall(home, "retain")
    assert {each.id: each.decision for each in requests.all()} == {
        fresh: None,
        old: "lapsed",
        answered: "refused",
    }
    assert b"acme-91-4711" not in (home.home / "erasures.sqlite").read_bytes()
    copies = LocalStore(backups / "lake")
    assert [info.key for info in copies.list("raw/")] == [info.key for info in lake.list("raw/")]
    assert main(["backup", backups.as_uri(), "--lake"]) == 0
    assert "LOST" not in capfd.readouterr().out

    now = [info.key for info in lake.list("raw/")]
    assert len(set(before) - set(now)) == 1  # the other client's lines are in a new one
    assert len(now) == len(before)
    capfd.readouterr()
    assert main(["privacy", "ledger", "acme"]) == 0
    assert "removed: raw 1 objects 3 rows" in capfd.readouterr().out
