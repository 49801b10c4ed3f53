"""Visitors' requests decided about by commands: whom a confirmation reaches, and how it is shown."""

import io
import os
import re
import zipfile
from datetime import timedelta

import pytest
from support.erased_home import ANNA, BERT, USER, Home
from support.orchestration_builders import HOUR, event, land

from commands import privacy_work
from commands.cli import main
from footfall.privacy import first_party_visitor_id
from orchestration.privacy.erasure_book import ErasureBook
from orchestration.privacy.request_book import RequestBook

#: A browser that says it is Anna's.
EVE = first_party_visitor_id("shop", "eve-first-party-id")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    made = Home(tmp_path_factory.mktemp("home"))
    made.land(HOUR)
    said = event("eve-event-1", HOUR, client_id="acme", visitor_id=EVE, consent=3, type="identify", user=USER)
    land(made.lake, HOUR, said, origin="c1-9-1")
    made.run(HOUR)
    return made


@pytest.fixture
def does(home, monkeypatch, capfd):
    """A command, and what is typed at its question: exit code, what it says."""
    monkeypatch.setattr(os, "environ", home.environ)

    def does(*arguments, typed=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        code = main(["privacy", *map(str, arguments)])
        out, error = capfd.readouterr()
        return code, out + error

    return does


def asked(home, wanted, *ids):
    return RequestBook(home.home).ask("acme", "shop", wanted, ids, f"{wanted} {ids}", HOUR).id


def visitors_in(path):
    with zipfile.ZipFile(path) as copy:
        text = "".join(copy.read(each).decode() for each in copy.namelist())
    return {name for name, each in (("anna", ANNA), ("bert", BERT), ("eve", EVE)) if each in text}


def test_a_browser_that_says_it_is_somebody_else_gets_a_copy_of_itself_alone(home, does, tmp_path):
    name = asked(home, "access", ("visitor", EVE))
    path = tmp_path / "copy.zip"

    code, said = does("confirm", name, "--to", path, typed="n\n")
    assert (code, path.exists()) == (1, False)
    assert EVE in said
    assert ANNA not in said
    assert "nothing was done; the request waits" in said

    code, said = does("confirm", name, "--to", path, typed="y\n")

    assert code == 0, said
    assert visitors_in(path) == {"eve"}
    assert RequestBook(home.home).get(name).decision == "confirmed"


def test_who_has_seen_whom_the_ids_lead_to_may_follow_them(home, does, tmp_path):
    name = asked(home, "access", ("user", USER))
    path = tmp_path / "copy.zip"

    code, said = does("confirm", name, "--linked", "--to", path, typed="y\n")

    assert code == 0, said
    assert ANNA in said
    assert EVE in said
    assert visitors_in(path) == {"anna", "eve"}


def test_an_erasure_shows_and_takes_the_ids_that_were_sent_alone(home, does):
    name = asked(home, "erasure", ("visitor", EVE))

    code, said = does("confirm", name, typed="n\n")

    assert code == 1
    assert EVE in said
    assert ANNA not in said
    assert "--linked" in said
    assert ErasureBook(home.home).all() == []


def test_a_copy_of_which_somebody_else_decided_meanwhile_is_not_left(home, does, tmp_path, monkeypatch):
    name = asked(home, "access", ("user", "bert-user-4711"))
    write = privacy_work.export

    def late(*arguments, **more):
        RequestBook(home.home).decide(name, "refused", "dpo", HOUR, because="not his")
        return write(*arguments, **more)

    monkeypatch.setattr(privacy_work, "export", late)

    code, said = does("confirm", name, "--to", tmp_path / "copy.zip", "--yes")

    assert code == 1
    assert "was refused by dpo" in said
    assert list(tmp_path.iterdir()) == []


def test_a_flood_is_refused_at_once_and_another_site_keeps_what_it_was_asked(home, does):
    book = RequestBook(home.home)
    flood = [asked(home, "erasure", ("user", f"flood-{n}")) for n in range(3)]
    other = book.ask("acme", "blog", "erasure", [("user", "carl")], "of the blog", HOUR).id

    assert does("refuse", *flood[:2], "--because", "a flood")[0] == 0
    code, said = does("refuse", "--all-of", "acme/shop", "--because", "a flood")

    assert code == 0
    assert f"request {flood[2]}: refused" in said
    assert {book.get(each).decision for each in flood} == {"refused"}
    assert book.get(other).decision is None
    assert "no request of acme/shop waits" in does("refuse", "--all-of", "acme/shop", "--because", "x")[1]
    assert "name requests, or say --all-of" in does("refuse", "--because", "x")[1]


def test_the_next_page_is_the_next_although_the_last_one_shown_was_decided_meanwhile(home, does):
    names = [asked(home, "access", ("user", f"paged-{n}")) for n in range(3)]
    order = [line.split()[0] for line in does("requests")[1].splitlines() if "paged-" in line]
    assert sorted(order) == sorted(names)
    shown = does("requests", "--limit", "1000")[1].splitlines()
    before = [line.split()[0] for line in shown].index(order[0]) + 1
    code, said = does("requests", "--limit", before)
    after = re.search(r"--after (\S+)", said)[1]
    does("refuse", order[0], "--because", "x")

    code, said = does("requests", "--after", after)

    assert code == 0
    assert [line.split()[0] for line in said.splitlines() if "paged-" in line] == order[1:]
    assert does("requests", "--after", order[1])[0] == 1
    does("refuse", *order[1:], "--because", "x")


def test_what_a_stranger_typed_forges_no_line_of_the_terminal(home, does):
    name = asked(home, "erasure", ("user", "bob\nforged\x1b[2K\u202e"))

    code, said = does("requests")

    assert code == 0
    [line] = [each for each in said.splitlines() if name in each]
    assert "user bob\\nforged\\x1b[2K\\u202e" in line
    again = RequestBook(home.home).ask(
        "acme", "shop", "erasure", [("user", "bob\nforged\x1b[2K\u202e")], "again", HOUR + timedelta(hours=1)
    )
    assert any(again.id in each and f"(as {name})" in each for each in does("requests")[1].splitlines())
    assert "\x1b" not in does("confirm", name, typed="n\n")[1]
