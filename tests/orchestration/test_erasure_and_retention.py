"""Who is erased goes from what retention left, too, and what is held or gone is no failure of it."""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from support.command_line import ROOT
from support.erased_home import BERT, TEXTS, USER, Home
from support.searched import files_with, layers_of

from commands.backup import backup
from commands.cli import main
from commands.ledger_work import Installation
from commands.restore import restore
from footfall.settings import Settings
from footfall.store import LocalStore
from footfall.verify import verify_bucket
from orchestration.defs.retention.making import house_of
from orchestration.retention.retain import retain

DAY = timedelta(days=1)
FIRST = datetime(2025, 3, 1, 10, tzinfo=UTC)
#: Hours whose events are gone, whose raw lines are gone, and of which all is there.
GONE, STORED, WHOLE = FIRST, FIRST + 50 * DAY, FIRST + 94 * DAY
NOW = FIRST + 95 * DAY
RULE = "retention: {raw: 30d, quarantine: 50d, events: 60d}\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home after retention, with a backup."""
    made = Home(tmp_path_factory.mktemp("joined"), first=FIRST, rule=RULE)
    for hour in (GONE, STORED, WHOLE):
        made.land(hour)
    made.land_odd(STORED)
    made.run(GONE, STORED, WHOLE)
    [done] = [each for each in retain(house_of(made.settings, "job", now=lambda: NOW)) if each.horizons]
    assert (done.client_id, done.left, done.blocked) == ("acme", (), {})
    backup(made.settings, (made.folder / "backups").as_uri(), lake=True)
    return made


def erase(home, *arguments):
    """The command as a process of its own: exit code, and what it says."""
    command = [sys.executable, "-m", "commands.entry", "privacy", "erase", "--client", "acme", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=home.environ, capture_output=True, text=True, timeout=900, check=False
    )
    return done.returncode, done.stdout + done.stderr


def of_bert(home):
    tables = ("events", "page_views", "sessions", "visitors", "identity_map", "touches")
    return {
        table: home.rows(f"SELECT * FROM main.{table} WHERE visitor_id = '{BERT}' ORDER BY ALL")
        for table in tables
    }


def figures(home):
    return home.rows(f"SELECT * FROM main.daily_metrics WHERE date < '{STORED:%Y-%m-%d}' ORDER BY ALL")


def files_of(home, place, hour):
    """Which of acme's files of an hour in a bucket hold her."""
    found = files_with(home.home / "buckets" / place, *TEXTS)
    return {name for name in found if f"dt={hour:%Y-%m-%d}" in name and "/live/" not in name}


def counts(home):
    """(export, period) → newest revision."""
    ledger = Installation(home.settings).ledger
    found = {}
    for row in ledger.all("WHERE client_id = ?", ("acme",)):
        if row.is_delivered:
            at = row.export, row.period_start
            found[at] = max(found.get(at, 0), row.revision)
    return found


def test_who_is_erased_goes_from_what_retention_left_and_what_is_gone_is_no_failure(
    home, monkeypatch, capfd, tmp_path
):
    monkeypatch.setattr(os, "environ", home.environ)
    before = files_with(home.home, *TEXTS)
    held_by = layers_of(before)
    assert {"lake/raw", "lake/events", "lake/quarantine", "lake/frozen"} <= held_by
    raw = [name for name in before if name.startswith("lake/raw/")]
    assert {f"dt={hour:%Y-%m-%d}" in "".join(raw) for hour in (GONE, STORED)} == {False}
    [carried] = home.rows("SELECT count(*) FROM ingest.carried_visitors")
    bert, frozen, numbers = of_bert(home), figures(home), counts(home)

    shutil.copytree(home.folder / "backups" / "lake", tmp_path / "copies")

    # while somebody holds it nothing is done, and it is said in one line
    assert main(["privacy", "hold", "add", "--client", "acme", "--reason", "case 17", "--by", "court"]) == 0
    hold = capfd.readouterr().out.split()[1].strip(",")
    assert main(["privacy", "erase", "--client", "acme", "--user", USER, "--dry-run"]) == 1
    assert f"HELD  acme is held ({hold}" in capfd.readouterr().out
    assert main(["privacy", "erase", "--client", "acme", "--user", USER, "--yes"]) == 1
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert "case 17" in said
    assert "footfall privacy hold release" in said
    assert files_with(home.home, *TEXTS) == before
    assert main(["privacy", "erasures"]) == 0
    assert "nobody was erased yet" in capfd.readouterr().out
    assert main(["privacy", "hold", "release", hold]) == 0

    code, said = erase(home, "--user", USER, "--yes", "--by", "officer")

    assert code == 0, said
    name = said.partition("erasure ")[2].partition(":")[0]
    after = files_with(home.home, *TEXTS)
    # what is left is in files of the client's bucket that nothing can take the place of
    assert layers_of(after) == {"buckets/acme"}
    assert set(after) == {f"buckets/acme/{each}" for each in files_of(home, "acme", GONE)}
    assert files_of(home, "acme", GONE)
    assert files_with(home.folder / "backups" / "lake", *TEXTS) == {}
    # everybody else is who he was: rows without raw lines, first visits, frozen figures
    assert of_bert(home) == bert
    assert figures(home) == frozen
    assert home.rows("SELECT count(*) FROM ingest.carried_visitors") == [(carried[0] - 1,)]
    assert home.rows("SELECT visitor_id FROM ingest.carried_visitors WHERE client_id = 'acme'") == [(BERT,)]
    # no period that is gone, and none of others, was delivered anew
    moved = {at for at, revision in counts(home).items() if revision > numbers[at]}
    assert {start.date() for _, start in moved} == {STORED.date(), WHOLE.date()}

    bucket = LocalStore(home.home / "buckets" / "acme")
    [notice] = [json.loads(bucket.get(info.key)) for info in bucket.list("_erasures/")]
    named = {each.partition(": ")[0] for each in notice["left_to_you"]}
    # of hashed columns no text is to be seen
    assert {each for each in named if not each.startswith("hashed/")} == files_of(home, "acme", GONE)
    assert len(named) == len(files_of(home, "acme", GONE)) + 1
    for place in ("acme", "backup/acme"):
        seen = verify_bucket(LocalStore(home.home / "buckets" / place), needs_log=True, at=datetime.now(UTC))
        assert (seen.problems, seen.outstanding) == ([], [])

    capfd.readouterr()
    assert main(["privacy", "certificate", name, "--verify", "--looked-for", USER]) == 0
    assert main(["privacy", "certificate", name]) == 0
    certificate = json.loads(capfd.readouterr().out.partition("\n{")[2].join(["{", ""]))
    assert {each["key"] for each in certificate["left_to_client"]["files"]} == named
    [raw_step] = [each for each in certificate["steps"] if each["step"] == "raw"]
    assert (raw_step["carried"], raw_step["lines"]) == (1, 3 + 3 + 3)

    # another export of the same person finds nothing, and each act is in the chain
    assert (
        main(["privacy", "export", "--client", "acme", "--user", USER, "--to", str(tmp_path / "all.zip")])
        == 0
    )
    assert main(["audit", "list", "--act", "privacy"]) == 0
    said = capfd.readouterr().out
    for act in ("erase", "erased", "certificate", "export"):
        assert f"privacy.{act}" in said
    assert "refused" in said
    assert USER not in said
    assert main(["audit", "verify"]) == 0

    # retention goes on by what the erasure left, and brings nobody back
    [done] = [each for each in retain(house_of(home.settings, "job", now=lambda: NOW + DAY)) if each.horizons]
    assert done.left == ()
    assert files_with(home.home, *TEXTS) == after

    # nor does a backup of before it, though its copy of the lake were as it was
    shutil.rmtree(home.folder / "backups" / "lake")
    shutil.copytree(tmp_path / "copies", home.folder / "backups" / "lake")
    environ = {
        "FOOTFALL_HOME": str(tmp_path / "restored"),
        "FOOTFALL_CLIENTS": str(tmp_path / "clients"),
        "FOOTFALL_BACKUP": (home.home / "buckets" / "backup").as_uri(),
    }
    restore(Settings.from_environ(environ), (home.folder / "backups").as_uri())
    assert files_with(tmp_path / "restored", *TEXTS) == {}
    assert list(LocalStore(tmp_path / "restored" / "lake").list("frozen/client=acme/carried-"))
