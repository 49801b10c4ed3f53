"""Live exports: parts of the running hour, a few minutes behind, which the hour's manifest closes."""

import json
from datetime import timedelta

import pytest
from pydantic import ValidationError
from support.delivering import Setting
from support.orchestration_builders import HOUR, Crash, TroubledStore, client, event, land

from footfall.clients import Client, Export, Registry
from footfall.store import StoreError
from footfall.verify import verify_bucket
from orchestration.delivery.batch import Order, deliver_all
from orchestration.delivery.live import GRACE, due_parts
from orchestration.delivery.progress import IngestedHours
from orchestration.delivery.redeliver import Redelivery
from orchestration.ingest.hour import ingest_hours
from orchestration.ingest.schema import create_statements

MINUTE = timedelta(minutes=1)
LIVE = Export(name="events", dataset="events", cadence="live")
OWNER = client(exports=[LIVE])
WHOLE = OWNER.calendar(LIVE).at(HOUR)


def arrive(at, event_id, minutes):
    """One event, so many minutes into the hour."""
    moment = HOUR + minutes * MINUTE
    at.connection.execute(
        "INSERT INTO main.events VALUES ('demo', 'shop', ?, 'Home', 1.5, ?, ?, ?)",
        [event_id, HOUR, moment, moment],
    )


@pytest.fixture
def live(at):
    """A setting in which the hour has just begun, without an event."""
    at.connection.execute("DELETE FROM main.events")
    at.now = HOUR
    return at


def tick(at, minutes):
    """What a live run does so many minutes into the hour. Returns the outcomes."""
    at.now = HOUR + minutes * MINUTE
    parts = due_parts(at.ledger, OWNER, LIVE, WHOLE, at.now)
    return run(at, LIVE.parts(), parts, [])


def close(at):
    """What the hourly run does once the hour is over."""
    at.now = HOUR + 65 * MINUTE
    return run(at, LIVE, (WHOLE,), [HOUR])


def run(at, export, periods, hours):
    [report] = deliver_all(
        at.connection,
        [Order(OWNER, export, periods)],
        lambda _: at.places(),
        at.ledger,
        at.desk(),
        IngestedHours(hours, HOUR),
        is_with_restated=False,
    )
    return report.asked


def parts_of(at, store=None):
    """(minute, revision, rows) of the manifests of parts in a bucket."""
    documents = [
        json.loads(data)
        for key, data in sorted((store or at.destination).objects.items())
        if key.startswith("events.live/") and key.endswith("_manifest.json")
    ]
    return [(d["period"]["start"][14:16], d["revision"], d["files"][0]["rows"]) for d in documents]


def hour_of(at, revision=1):
    key = f"events/dt=2026-11-20/hour=14/rev={revision:04d}/_manifest.json"
    return json.loads(at.destination.objects[key])


def test_each_few_minutes_become_a_part_once_they_are_over(live):
    arrive(live, "a", 1)
    assert tick(live, 5) == ()
    assert [o.status for o in tick(live, 7)] == ["delivered"]
    arrive(live, "b", 6)
    arrive(live, "c", 9)

    assert [o.status for o in tick(live, 12)] == ["unchanged", "delivered"]

    assert parts_of(live) == parts_of(live, live.backup) == [("00", 1, 1), ("05", 1, 2)]
    [key] = [key for key in live.destination.objects if "minute=05" in key and key.endswith(".csv")]
    assert key.startswith("events.live/dt=2026-11-20/hour=14/minute=05/rev=0001/events.live-20261120T1405Z-")
    assert live.problems() == []


def test_minutes_without_events_are_a_part_without_rows(live):
    tick(live, 12)

    assert parts_of(live) == [("00", 1, 0), ("05", 1, 0)]


def test_a_part_is_made_when_its_grace_is_over_and_not_before(live):
    end = HOUR + 5 * MINUTE

    assert due_parts(live.ledger, OWNER, LIVE, WHOLE, end + GRACE - timedelta(seconds=1)) == ()
    assert due_parts(live.ledger, OWNER, LIVE, WHOLE, end + GRACE) == WHOLE.parts(5)[:1]


def test_history_has_no_parts(live):
    owner = OWNER.model_copy(update={"live_from": HOUR.date() + timedelta(days=1)})

    assert due_parts(live.ledger, owner, LIVE, WHOLE, HOUR + 120 * MINUTE) == ()


@pytest.mark.parametrize("minutes", [5, 10, 15, 20, 30])
def test_parts_of_any_length_cover_the_hour_once(live, minutes):
    export = LIVE.model_copy(update={"live_minutes": minutes})

    parts = due_parts(live.ledger, OWNER, export, WHOLE, HOUR + 120 * MINUTE)

    assert tuple(part.start for part in parts) == tuple(HOUR + n * MINUTE for n in range(0, 60, minutes))


def test_what_reaches_the_lake_late_is_a_new_revision_of_its_part(live):
    arrive(live, "a", 1)
    tick(live, 7)
    arrive(live, "late", 2)

    tick(live, 12)

    assert parts_of(live) == [("00", 1, 1), ("00", 2, 2), ("05", 1, 0)]
    assert live.problems() == []


def test_the_hour_holds_each_event_once_and_names_the_parts_it_closes(live):
    arrive(live, "a", 1)
    tick(live, 7)
    arrive(live, "late", 2)
    arrive(live, "last", 58)
    tick(live, 57)

    [outcome] = close(live)

    assert (outcome.status, outcome.rows) == ("delivered", 3)
    manifest = hour_of(live)
    assert manifest["cadence"] == "live"
    assert len(manifest["closes"]) == 12
    assert set(manifest["closes"]) == {
        key
        for key in live.destination.objects
        if key.startswith("events.live/") and key.endswith("_manifest.json")
    }
    assert live.problems() == []


def test_after_its_hour_is_delivered_no_part_is_made_or_mended(live):
    tick(live, 7)
    close(live)
    arrive(live, "late", 2)

    assert tick(live, 70) == ()
    assert parts_of(live) == [("00", 1, 0)]
    assert [o.status for o in close(live)] == ["delivered"]
    assert hour_of(live, 2)["closes"] == hour_of(live, 1)["closes"]


def test_a_part_that_could_not_be_sent_is_dropped_when_its_hour_is_delivered(live):
    arrive(live, "a", 1)
    live.destination.down()
    assert [o.status for o in tick(live, 7)] == ["failed"]
    live.destination.heal()

    close(live)

    assert [(row.export, row.state) for row in live.ledger.all()] == [
        ("events", "committed"),
        ("events.live", "superseded"),
    ]
    assert hour_of(live)["closes"] == []
    assert live.ledger.unfinished() == []
    assert live.problems() == []


def test_hours_without_parts_are_no_gap_where_the_hour_itself_is_there(live):
    tick(live, 7)
    del live.destination
    live.destination = TroubledStore("destination", live.journal)
    tick(live, 22)
    seen = verify_bucket(live.backup)
    assert seen.gaps == []

    for key in [key for key in live.backup.objects if "minute=05" in key]:
        del live.backup.objects[key]

    [lost] = verify_bucket(live.backup).problems
    assert "minute=05/rev=0001/_manifest.json: is missing, and the log has it" in lost
    for key in [key for key in live.backup.objects if key.startswith("_log/")]:
        del live.backup.objects[key]
    assert len(verify_bucket(live.backup).gaps) == 1, "without its log"
    close(live)
    assert verify_bucket(live.backup).gaps == []


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("call", range(6))
def test_killed_at_any_call_a_part_is_made_whole_by_the_next_run_or_closed_by_its_hour(live, call, after):
    arrive(live, "a", 1)
    tick(live, 7)
    arrive(live, "b", 6)
    live.destination.fail(Crash(), at=call, after=after)
    try:
        tick(live, 12)
    except Crash:
        pass
    live.destination.heal()
    left = dict(live.data())

    tick(live, 17)
    close(live)

    assert left.items() <= live.data().items()
    assert live.problems() == []
    assert [n for _, n, _ in parts_of(live)] == [1, 1, 1]
    assert {row.state for row in live.ledger.all()} == {"committed"}
    assert hour_of(live)["files"][0]["rows"] == 2


def test_a_part_that_waits_is_sent_without_the_warehouse(live):
    arrive(live, "a", 1)
    live.destination.fail(StoreError("slow down", retryable=True, code="SlowDown"))
    tick(live, 7)
    live.destination.heal()
    live.now += timedelta(minutes=40)

    again = Redelivery(Registry((OWNER,), ()), lambda _: live.places(), live.ledger, live.desk())

    assert [outcome.status for _, outcome in again.due()] == ["delivered"]
    assert parts_of(live) == [("00", 1, 1)]


def test_an_hour_with_a_part_that_waits_does_not_go_together_with_others(live):
    """The part may arrive meanwhile, and the hour's manifest would not name it."""
    live.destination.down()
    tick(live, 7)
    live.destination.heal()
    hours = [OWNER.calendar(LIVE).at(HOUR - n * 60 * MINUTE) for n in reversed(range(6))]

    assert len(live.deliverer(LIVE, OWNER).together(hours)) == 5


def test_a_part_says_what_became_of_the_lines_received_in_it(lake, tmp_path):
    setting = Setting(tmp_path)
    setting.connection.execute("DROP SCHEMA ingest CASCADE")
    for statement in create_statements():
        setting.connection.execute(statement)
    line = event("event-0002", HOUR + 6 * MINUTE)
    land(lake, HOUR, event("event-0001", HOUR), line, line, b"garbage")
    ingest_hours(setting.connection, lake, [HOUR])

    tick(setting, 12)

    receipts = [
        json.loads(data)["receipt"]
        for key, data in sorted(setting.destination.objects.items())
        if key.endswith("_manifest.json")
    ]
    assert [(r["received"], r["kept"], r["duplicate"]) for r in receipts] == [(1, 1, 0), (2, 1, 1)]
    setting.connection.close()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"dataset": "sessions"}, "sessions can be delivered hourly or daily"),
        ({"dataset": "daily_metrics"}, "daily_metrics can be delivered daily"),
        ({"live_minutes": 7}, "5, 10, 15, 20 or 30"),
        ({"cadence": "hourly", "live_minutes": 10}, "live_minutes: only with cadence: live"),
    ],
)
def test_what_cannot_be_live_is_refused_with_what_can(fields, said):
    with pytest.raises(ValidationError, match=said):
        Export.model_validate({"name": "e", "dataset": "events", "cadence": "live", **fields})


def test_a_client_who_holds_back_new_domains_can_have_nothing_live():
    with pytest.raises(ValidationError, match="cannot be live with unverified_domains: hold"):
        Client.model_validate({**OWNER.model_dump(exclude_defaults=True), "unverified_domains": "hold"})


def test_a_folder_of_ones_own_tells_parts_apart_by_hour_and_minute(live):
    own = Export(name="events", dataset="events", cadence="live", key="out/{export}/{date}/{hour}/{revision}")
    run(live, own.parts(), WHOLE.parts(5)[:2], [])

    folders = {key.rpartition("/")[0] for key in live.data()}
    assert folders == {f"out/events.live/2026-11-20/14{m}/0001" for m in ("00", "05")}
