"""What comes of an erased person after the erasure: of what happened before it nothing is kept."""

import json
from datetime import timedelta

import pytest
from support.one_collector import NOON, SITE, StatedSpool, a_collector, ask

from collector.watch import ErasedWatch
from footfall.store import LocalStore
from footfall.tombstones import ERASED, Tombstone, add, load_key

ANNA = "anna-first-party-id"


@pytest.fixture
def home(tmp_path):
    key = load_key(tmp_path, make=True)
    digest = key.digest("one", "user", "anna-4711")
    stone = Tombstone("one", "user", digest, "e1", key.name, NOON - timedelta(minutes=1))
    add(tmp_path, LocalStore(tmp_path / "lake"), [stone])
    return tmp_path


def sent(at, user):
    milliseconds = int(at.timestamp() * 1000)
    event = {"id": f"event-{milliseconds}", "type": "page_view", "url": "https://one.example/", "user": user}
    body = {
        "site": SITE,
        "sent_at": int(NOON.timestamp() * 1000),
        "events": [event | {"occurred_at": milliseconds}],
    }
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    ("minutes", "user", "kind"),
    [(10, "anna-4711", ERASED), (10, "bert-4712", "event"), (0, "anna-4711", "event")],
    ids=["of before", "of somebody else", "of after"],
)
def test_a_late_event_of_an_erased_person_leaves_a_line_that_says_nothing(home, minutes, user, kind):
    spool = StatedSpool()
    collector = a_collector(spool)
    ErasedWatch(home, collector.intake).look()

    assert ask(collector, body=sent(NOON - timedelta(minutes=minutes), user)).status == 204

    [line] = [json.loads(each) for payload in spool.kept for each in payload.splitlines()]
    assert line["kind"] == kind
    if kind == ERASED:
        assert set(line) == {"v", "kind", "client_id", "site_id", "received_at"}
