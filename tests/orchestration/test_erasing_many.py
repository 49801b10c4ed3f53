"""A thousand persons at once, over as many events as FOOTFALL_PROOF_EVENTS says: the cost, and who stays."""

import os
import resource
import sys
from datetime import UTC, datetime, timedelta

import pytest
from support.erased_home import ONE, Home
from support.orchestration_builders import HOUR, event, land
from support.searched import files_with

from commands.privacy_work import house_of
from footfall.privacy import first_party_visitor_id
from orchestration.privacy.erasure import carry_out
from orchestration.privacy.erasure_book import ErasureBook
from orchestration.privacy.person import unresolved

pytestmark = pytest.mark.proof

EVENTS = int(os.environ.get("FOOTFALL_PROOF_EVENTS", "60000"))
HOURS = [HOUR + n * ONE for n in range(12)]
PERSONS, ERASED = 5000, 1000


def _cpu():
    """Seconds of a core so far: what other work on the machine changes little."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in spent)


def _name(n):
    return f"person-{n:05d}-token"


def _lines(at, hour):
    """Events of an hour: each of a person by turns, who says who he is with his first."""
    each = EVENTS // len(HOURS)
    for k in range(each):
        n = (k + hour * each) % PERSONS
        moment = at + timedelta(seconds=3500 * k / each)
        who = {"type": "identify", "user": f"user-{n:05d}-4711"} if k < PERSONS else {}
        yield event(
            f"{_name(n)}-{hour:02d}-{k:06d}",
            moment,
            client_id="acme",
            visitor_id=first_party_visitor_id("shop", _name(n)),
            consent=3,
            occurred_at=int(moment.timestamp() * 1000),
            visitor=_name(n),
            url=f"https://shop.example/page-{k % 50}",
            **who,
        )


def test_a_thousand_persons_go_at_once_and_all_others_keep_their_rows(tmp_path, capsys):
    home = Home(tmp_path, ())
    for hour, at in enumerate(HOURS):
        land(home.lake, at, *_lines(at, hour))
    began = _cpu()
    home.run(*HOURS)
    ran = _cpu() - began
    users = [f"user-{n:05d}-4711" for n in range(0, ERASED * 3, 3)]
    visitors = [first_party_visitor_id("shop", _name(n)) for n in range(0, ERASED * 3, 3)]
    kept = (
        "SELECT event_id, session_id, visitor_id FROM main.events WHERE visitor_id NOT IN "
        f"(SELECT unnest({visitors!r})) ORDER BY ALL"
    )
    others, all_rows = home.rows(kept), home.rows("SELECT count(*) FROM main.events")[0][0]
    assert len(others) < all_rows
    book = ErasureBook(home.home)
    person = unresolved("acme", [("user", each) for each in users], is_linked=True)
    erasure = book.begin(person, reason="", asked_by="test", now=datetime.now(UTC), is_for_good=False)
    said, began = [], _cpu()

    left = carry_out(book, house_of(home.settings), erasure, lambda text: said.append((_cpu() - began, text)))

    took = _cpu() - began
    report = (
        f"{all_rows} events in {len(HOURS)} hours made in {ran:.0f} s of a core; {ERASED} persons, "
        f"{all_rows - len(others)} rows of theirs, erased in {took:.0f} s: "
        + "; ".join(f"{at:.0f} s {text}" for at, text in said)
    )
    with capsys.disabled():
        sys.stderr.write(f"\n{report}\n")
    assert left == []
    assert home.rows(kept) == others
    assert home.rows("SELECT count(*) FROM main.events")[0][0] == len(others)
    assert files_with(home.home, users[0], users[500], users[-1], visitors[7], visitors[-1]) == {}
