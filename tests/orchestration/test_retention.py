"""Retention over four hundred days, and with a death at each step: by what lies in lake and warehouse."""

import json
from collections import Counter
from datetime import timedelta

import pytest
from support.orchestration_builders import client, event, land, refused
from support.retaining import DAY, RULE, START, Dies, Keeping, Mortal, hours_of

from footfall.clients import Registry
from footfall.enrichments import land_enrichment
from footfall.hours import HOUR
from footfall.store import LocalStore
from footfall.tombstones import Tombstone, add, load_key

#: A day on which something is received, every so many days.
EVERY = 16
ANNA = "a" * 32


@pytest.fixture
def keeping(tmp_path):
    made = Keeping(tmp_path)
    yield made
    made.database.close()


def _at(n):
    return START + n * DAY + timedelta(hours=2, minutes=50)


def test_in_four_hundred_days_nothing_goes_early_or_late(keeping):
    received = []
    for n in range(0, 400, 8):
        if n % EVERY == 0:
            received += hours_of([n])
            keeping.receive(received[-1])
        keeping.now = _at(n + 1)
        # The newest hour counts as the end of what was ingested; a day without one is as ingested as others.
        keeping.database.execute("DELETE FROM ingest.hours WHERE objects = 0")
        keeping.database.execute(
            "INSERT INTO ingest.hours BY NAME SELECT CAST(? AS TIMESTAMPTZ) AS received_hour, 0 AS objects, "
            "0 AS lines, 0 AS kept, 0 AS duplicates, 0 AS quarantined, true AS had_ended",
            [keeping.now.replace(minute=0) - HOUR],
        )

        done = keeping.retain()

        today = keeping.now.replace(hour=0, minute=0)
        assert done.get("goes") is None or done["goes"].left == ()
        kept = {days: {hour for hour in received if hour >= today - days * DAY} for days in (12, 20, 60)}
        lines = keeping.lines()
        assert {hour for name, hour in lines if name == "goes"} == kept[20]
        assert [hour for name, hour in lines if name == "keeps"] == received
        events = keeping.rows("events/")
        assert {hour for name, hour in events if name == "goes"} == kept[60]
        assert [hour for name, hour in events if name == "keeps"] == received
        bodies = keeping.rows("quarantine/", "received_hour, body IS NOT NULL")
        assert bodies == sorted((hour, hour in kept[12]) for hour in kept[60])
        index = keeping.database.execute(
            "SELECT client_id, received_hour FROM ingest.event_index ORDER BY ALL"
        )
        assert index.fetchall() == events


def _filled(folder):
    made = Keeping(folder)
    for hour in hours_of((0, 30, 70, 88)):
        made.receive(hour)
    made.now = _at(89)
    return made


def test_a_death_at_any_step_is_finished_by_the_next_run(tmp_path):
    clean = _filled(tmp_path / "clean")
    counted = Mortal(clean.lake, 10**6, after=True)
    clean.retain(counted)
    wanted, steps = clean.everything(), 10**6 - counted._left
    clean.database.close()
    assert steps > 8

    for step in range(1, steps + 1):
        for after in (False, True):
            made = _filled(tmp_path / f"{step}-{after}")
            with pytest.raises(Dies):
                made.retain(Mortal(made.lake, step, after=after))
            made.retain()
            found = made.everything()
            made.database.close()
            assert found == wanted, f"step {step}, {'after' if after else 'before'} it"


def test_a_late_line_of_an_hour_that_went_is_counted_and_not_read(keeping):
    first, *_ = hours_of((0,))
    for hour in hours_of((0, 30, 70, 88)):
        keeping.receive(hour)
    keeping.now = _at(89)
    keeping.retain()
    before = [each for each in keeping.rows("events/") if each[0] == "goes"]
    thirty = hours_of((30,))[0]

    for hour in (first, thirty):
        late = [
            event(f"late-{name}-{hour:%d%H}", hour + timedelta(minutes=50), client_id=name)
            for name in ("goes", "keeps")
        ]
        land(keeping.lake, hour, *late, origin="c9-1-1")
        keeping.ingest(hour)

    rows = keeping.rows("events/")
    assert [each for each in rows if each[0] == "goes"] == before
    assert [hour for name, hour in rows if name == "keeps"].count(first) == 2
    told = keeping.database.execute("SELECT received_hour, key FROM ingest.incidents ORDER BY 1").fetchall()
    assert told == [(first, "goes"), (thirty, "goes")]
    keeping.retain()
    assert {hour for name, hour in keeping.lines() if name == "goes"} == set(hours_of((70, 88)))


def test_rows_whose_lines_are_gone_stay_through_a_new_warehouse(keeping):
    for hour in hours_of((30, 70, 88)):
        keeping.receive(hour)
    keeping.now = _at(89)
    keeping.retain()
    rows, bodies = keeping.rows("events/"), keeping.rows("quarantine/")
    receipts = keeping.database.execute("SELECT * FROM ingest.receipts ORDER BY ALL").fetchall()

    for table in ("hour_files", "event_index", "quarantine", "receipts", "hours", "objects"):
        keeping.database.execute(f"DELETE FROM ingest.{table}")
    for hour in hours_of((30, 70, 88)):
        keeping.ingest(hour)

    assert keeping.rows("events/") == rows
    assert keeping.rows("quarantine/") == bodies
    assert keeping.database.execute("SELECT * FROM ingest.receipts ORDER BY ALL").fetchall() == receipts
    uneven = keeping.database.execute(
        "SELECT object_key FROM ingest.objects WHERE lines <> kept + duplicates + quarantined"
    )
    assert uneven.fetchall() == []


def test_rows_whose_lines_are_gone_lose_an_erased_person_and_nobody_else(keeping):
    """By whichever ingest comes next, on a new machine too, and whatever retention does meanwhile."""
    hours = hours_of((30, 70, 88))
    for hour in hours:
        who = [
            event(f"anna-{hour:%Y%m%d}", hour, client_id="goes", visitor_id=ANNA, consent=2, session="s" * 9)
        ]
        bad = refused(ANNA.encode() + b" was here", hour).replace(b'"demo"', b'"goes"')
        land(keeping.lake, hour, *who, bad, event(f"anna-of-others-{hour:%d}", hour, client_id="keeps"))
        keeping.receive(hour)
    keeping.now = _at(89)
    keeping.retain()
    names = "event_id, client_id, visitor_id"
    others = [row for row in keeping.rows("events/", names) if row[2] != ANNA]
    assert {hour for name, hour in keeping.lines() if name == "goes"} == set(hours[1:])

    key = load_key(keeping.folder, make=True)
    stone = Tombstone("goes", "visitor", key.digest("goes", "visitor", ANNA), "e1", key.name, hours[1])
    add(keeping.folder, keeping.lake, [stone])
    counts = [keeping.ingest(hour)[0] for hour in hours]

    assert [each.is_conserved for each in counts] == [True, True, True]
    of_her = [row for row in keeping.rows("events/", names) if row[2] == ANNA]
    assert [row[0] for row in of_her] == [f"anna-{hours[2]:%Y%m%d}"]  # what she did after it
    assert [row for row in keeping.rows("events/", names) if row[2] != ANNA] == others
    bodies = [row for row in keeping.rows("quarantine/", "received_hour, body") if row[1] and ANNA in row[1]]
    assert [hour for hour, _ in bodies] == [hours[2]]
    rows = keeping.rows("events/", names)
    for table in ("hour_files", "event_index", "quarantine", "receipts", "hours", "objects"):
        keeping.database.execute(f"DELETE FROM ingest.{table}")
    for hour in hours:
        keeping.ingest(hour)
    assert keeping.rows("events/", names) == rows


class Counting(LocalStore):
    """A lake that counts how often it is asked."""

    def __init__(self, root):
        super().__init__(root)
        self.asked = 0
        self.listed = Counter()

    def get(self, key, **how):
        self.asked += 1
        return super().get(key, **how)

    def list(self, prefix):
        self.asked += 1
        self.listed[prefix] += 1
        return super().list(prefix)


def test_a_run_lists_each_folder_of_the_lake_as_often_for_three_clients_as_for_one(tmp_path):
    listed = []
    for more in ((), ("goes-too", "goes-as-well")):
        keeping = Keeping(tmp_path / str(len(more)))
        of_rule = (client(name).model_copy(update={"retention": RULE}) for name in more)
        keeping.registry = Registry((*keeping.registry.clients, *of_rule), ())
        keeping.receive(START)
        keeping.receive(_at(100).replace(minute=0) - HOUR)
        keeping.now = _at(100)
        keeping.retain()
        lake = Counting(keeping.lake.root)
        assert set(keeping.retain(lake)) == {"goes", *more}
        keeping.database.close()
        listed.append({folder: lake.listed[folder] for folder in ("raw/", "events/", "quarantine/")})

    assert listed[0] == listed[1]


def test_a_run_asks_a_lake_as_often_whether_others_keep_a_hundred_older_hours_or_two_hundred(tmp_path):
    asked = []
    for many in (100, 200):
        keeping = Keeping(tmp_path / str(many))
        for n in range(many):
            hour = START + n * HOUR
            land(keeping.lake, hour, event(f"event-of-{n}", hour, client_id="keeps"))
            learnt = json.dumps({"event_id": f"event-of-{n}", "fields": {"user_id": "bert"}}).encode()
            land_enrichment(learnt, "keeps", keeping.lake, hour)
        keeping.receive(_at(100).replace(minute=0) - HOUR)
        keeping.now = _at(100)
        assert keeping.retain()["goes"].left == ()
        lake = Counting(keeping.lake.root)
        assert keeping.retain(lake)["goes"].removed == ()
        keeping.database.close()
        asked.append(lake.asked)

    assert asked[0] == asked[1]
