"""An erasure whose process is killed from outside, at whatever it does, and gone on with by another."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from support.command_line import ROOT
from support.dying_erasure import killed_at_each
from support.erased_home import BERT, TEXTS, USER, Home
from support.orchestration_builders import HOUR
from support.searched import files_with, layers_of
from support.waiting import wait_until

from footfall.store import LocalStore
from footfall.verify import verify_bucket
from orchestration.privacy.erasure import STEPS
from orchestration.privacy.erasure_book import ErasureBook
from orchestration.privacy.request_book import RequestBook


@pytest.fixture
def home(tmp_path):
    """A home with two revisions of what the person did, and his request by the form."""
    made = Home(tmp_path)
    made.land(HOUR)
    made.run(HOUR)
    made.correct(HOUR)
    made.plant()
    made.before = files_with(made.home, *TEXTS)
    made.bert = rows_of_bert(made)
    ids = [("user", USER)]
    book, now = RequestBook(made.home), datetime.now(UTC)
    made.request = book.ask("acme", "shop", "erasure", ids, "a form", now).id
    made.others = book.ask("acme", "shop", "access", [*ids, ("user", "carl")], "a copy", now).id
    made.same = book.ask("acme", "shop", "access", ids, "a copy too", now).id
    return made


def rows_of_bert(home):
    query = f"SELECT * FROM main.{{}} WHERE visitor_id = '{BERT}' AND client_id = 'acme' ORDER BY ALL"
    return [home.rows(query.format(table)) for table in ("events", "page_views", "sessions", "visitors")]


def command(home, *arguments):
    """A command as a process that leads a group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "commands.entry", *arguments],
        cwd=ROOT,
        env=home.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def killed_in_the_middle(home, step):
    """Confirm the request by the command, and kill it and its children once a step is written down."""
    book = ErasureBook(home.home)

    def has_begun():
        return any(step in book.steps(each.id) for each in book.all())

    with command(home, "privacy", "confirm", home.request, "--linked", "--yes") as process:
        wait_until(has_begun, seconds=300, every=0.01)
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    [erasure] = book.all()
    assert erasure.finished_at is None
    return erasure.id


def whole_without_the_person(home, name):
    assert files_with(home.home, *TEXTS) == {}
    assert rows_of_bert(home) == home.bert
    for bucket in ("acme", "backup/acme"):
        seen = verify_bucket(LocalStore(home.home / "buckets" / bucket), needs_log=True, at=datetime.now(UTC))
        assert (seen.problems, seen.outstanding, seen.uncommitted) == ([], [], [])
        assert [log.removed["erasure"] for log in seen.logs] == [1]
    assert list(ErasureBook(home.home).steps(name)) == ["suppress", *STEPS]
    decided = RequestBook(home.home).get(home.request)
    assert (decided.decision, decided.erasure, decided.ids) == ("confirmed", name, ())
    assert RequestBook(home.home).get(home.others).ids == (("user", "carl"),)
    assert RequestBook(home.home).get(home.same).decision == "refused"
    with command(home, "privacy", "certificate", name, "--verify", "--looked-for", USER) as process:
        said = process.communicate(timeout=300)[0]
    assert process.returncode == 0, said


def test_a_command_that_is_killed_is_gone_on_with_by_resume_and_leaves_nobody_behind(home):
    assert layers_of(home.before) >= {"lake/raw", "lake/events", "lake/marts", "warehouse.duckdb", "outbox"}
    name = killed_in_the_middle(home, "raw")

    with command(home, "privacy", "resume") as process:
        said = process.communicate(timeout=900)[0]

    assert process.returncode == 0, said
    assert f"erasure {name}: done" in said
    whole_without_the_person(home, name)


@pytest.mark.proof
def test_killed_at_every_edge_it_ends_whole(home):
    name = killed_in_the_middle(home, "spool")

    dead, left = killed_at_each(home, name)

    assert left == []
    assert len(dead) > 3 * len(STEPS) - 3
    assert {f"done {step}" for step in list(STEPS)[1:]} <= set(dead)
    whole_without_the_person(home, name)
