"""What waits is sent from the outbox, what was lost is sent again, a lost ledger is read from buckets."""

import fcntl
from dataclasses import replace
from datetime import timedelta

import pytest
import yaml
from support.orchestration_builders import EVENTS, HOUR, TroubledStore, add_event, client

from footfall.clients import Registry
from footfall.failures import Trouble
from footfall.settings import Settings
from footfall.store import StoreError
from footfall.verify import verify_bucket
from orchestration.defs.delivery.jobs import what_is_due
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.redeliver import Redelivery, Wanted, as_json, as_line
from orchestration.delivery.retrying import GIVE_UP, LONGEST, hold
from orchestration.delivery.states import PLANNED
from orchestration.delivery.usage import usage_daily, write_usage

ONE = timedelta(hours=1)


def redelivery(at):
    return Redelivery(Registry((client(),), ()), lambda _: at.places(), at.ledger, at.desk())


def test_what_waits_is_sent_without_the_warehouse_when_it_is_due(at):
    at.destination.down()
    at.deliver()
    at.destination.heal()
    at.connection.execute("DROP TABLE main.events")
    assert list(redelivery(at).due()) == []
    at.now += ONE

    [(_, outcome)] = redelivery(at).due()

    assert outcome.status == "delivered"
    assert at.states() == [(1, "committed")]
    assert at.problems() == []


def test_what_is_due_and_still_fails_waits_longer_and_is_parked_after_three_days(at):
    at.destination.down()
    at.deliver()
    holds = []
    for _ in range(300):
        [row] = at.ledger.all()
        holds.append(row.hold)
        if row.hold == "parked":
            break
        at.now = row.next_at
        list(redelivery(at).due())

    assert holds[-1] == "parked"
    assert row.next_at - at.now == timedelta(days=1)
    at.destination.heal()
    at.now = row.next_at
    [(_, outcome)] = redelivery(at).due()
    assert outcome.status == "delivered"


def test_an_outbox_that_was_lost_is_filled_from_the_backup(at):
    at.destination.down()
    at.deliver()
    at.destination.heal()
    for path in (at.folder / "outbox").rglob("*.csv"):
        path.unlink()

    [(_, outcome)] = redelivery(at).replay(Wanted())

    assert outcome.status == "delivered"
    assert at.data() == at.data(at.backup)


def test_replay_sends_again_what_a_bucket_has_lost_with_the_same_bytes(at):
    at.deliver()
    before = at.data()
    at.destination.objects.clear()

    [(_, outcome)] = redelivery(at).replay(Wanted(client_id="demo"))

    assert (outcome.status, outcome.revision) == ("delivered", 1)
    assert at.data() == before
    assert list(redelivery(at).replay(Wanted())) == []


@pytest.mark.parametrize(
    "wanted",
    [Wanted(client_id="agency"), Wanted(export="sessions"), Wanted(start=HOUR + ONE), Wanted(end=HOUR)],
)
def test_replay_takes_what_is_wanted_and_nothing_else(at, wanted):
    at.destination.down()
    at.deliver()
    at.destination.heal()

    assert list(redelivery(at).replay(wanted)) == []


def test_a_lost_ledger_is_rebuilt_from_the_manifests(at):
    at.deliver()
    add_event(at.connection, "event-0002")
    at.deliver()
    at.deliver(HOUR - ONE)
    assert at.problems() == []
    at.ledger = Ledger(at.folder / "new.sqlite")
    before = dict(at.destination.objects)

    rows = list(redelivery(at).believe(Wanted()))

    assert sorted((row.period_start, row.revision, row.state) for row in rows) == [
        (HOUR - ONE, 1, "committed"),
        (HOUR, 1, "committed"),
        (HOUR, 2, "committed"),
    ]
    assert at.destination.objects == before
    assert at.deliver().status == "unchanged"
    assert list(redelivery(at).believe(Wanted())) == []


def test_who_could_not_be_told_is_told_later(at):
    told = EVENTS.model_copy(update={"notify": ["https://hooks.example/a"]})
    at.hook_is_down = True
    assert at.deliver(export=told).status == "delivered"
    assert [(row.state, row.hold) for row in at.ledger.all()] == [("committed", "waiting")]
    at.hook_is_down = False
    at.now += ONE
    registry = Registry((client(exports=[told]),), ())

    list(Redelivery(registry, lambda _: at.places(), at.ledger, at.desk()).due())

    assert at.states() == [(1, "notified")]
    assert len(at.posts) == 1


def test_what_others_told_meanwhile_is_not_told_again_and_who_tells_has_the_claim(at):
    told = EVENTS.model_copy(update={"notify": ["https://hooks.example/a"]})
    owner = client(exports=[told])
    hours = (HOUR - ONE, HOUR)
    claimed = []

    def post(_url, _body, headers):
        with (at.folder / "claims" / "demo.events").open() as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        claimed.append(headers["webhook-id"])

    at.hook_is_down = True
    for hour in hours:
        at.deliver(hour, told, owner=owner)
    at.now += ONE
    desk = replace(at.desk(), post=post)
    again = Redelivery(Registry((owner,), ()), lambda _: at.places(), at.ledger, desk).due()
    _, first = next(again)
    at.hook_is_down = False
    at.deliver(HOUR, told, owner=owner)

    assert [first.status, *(outcome.status for _, outcome in again)] == ["delivered", "unchanged"]
    assert (len(claimed), len(at.posts)) == (1, 1)
    assert at.states() == [(1, "notified")] * 2


def test_a_delivery_that_is_only_to_be_told_of_does_not_wait_for_who_holds_its_export(at):
    told = EVENTS.model_copy(update={"notify": ["https://hooks.example/a"]})
    at.hook_is_down = True
    at.deliver(export=told)
    at.now += ONE
    desk = at.desk()
    again = Redelivery(Registry((client(exports=[told]),), ()), lambda _: at.places(), at.ledger, desk)

    with desk.claim("demo", "events") as is_held:
        outcomes = [outcome.status for _, outcome in again.due()]

    assert (is_held, outcomes, at.states()) == (True, ["unchanged"], [(1, "committed")])


def test_what_a_run_left_is_asked_for_again_in_the_next_hour_and_what_nobody_orders_is_not(at, tmp_path):
    settings = Settings.from_environ(
        {"FOOTFALL_HOME": str(tmp_path), "FOOTFALL_CLIENTS": str(tmp_path / "clients")}
    )
    settings.ledger.parent.mkdir(parents=True, exist_ok=True)
    at.ledger = Ledger(settings.ledger)
    at.destination.down()
    at.deliver()
    now = at.now + ONE

    assert what_is_due(settings, now).skip_message == "nothing is due"
    settings.clients.mkdir(parents=True)
    text = yaml.safe_dump(client().model_dump(mode="json", exclude_unset=True))
    (settings.clients / "demo.yaml").write_text(text)
    asked = [what_is_due(settings, now + minutes * ONE / 60).run_key for minutes in (0, 5, 60)]
    assert asked[0] == asked[1] != asked[2]


def test_what_was_never_rendered_is_not_asked_for_as_nothing_but_its_export_can_bring_it_on(at, tmp_path):
    settings = Settings.from_environ(
        {"FOOTFALL_HOME": str(tmp_path), "FOOTFALL_CLIENTS": str(tmp_path / "clients")}
    )
    settings.ledger.parent.mkdir(parents=True, exist_ok=True)
    at.ledger = Ledger(settings.ledger)
    settings.clients.mkdir(parents=True)
    text = yaml.safe_dump(client().model_dump(mode="json", exclude_unset=True))
    (settings.clients / "demo.yaml").write_text(text)
    at.connection.execute("ALTER TABLE main.events RENAME TO away")
    assert at.deliver().status == "failed"
    [row] = at.ledger.all()
    assert row.state == PLANNED
    assert row.next_at is not None

    assert what_is_due(settings, row.next_at + ONE).skip_message == "nothing is due"


def test_a_row_is_shown_to_people_and_programs(at):
    at.destination.fail(StoreError("no rights", retryable=False, code="AccessDenied"))
    at.deliver()
    [row] = at.ledger.all()

    assert as_line(row).startswith("demo  events  2026-11-20T14:00Z  rev 1  blocked (auth)  initial  1 rows")
    assert '"kind": "auth"' in as_json(row)


@pytest.mark.parametrize("attempts", [1, 2, 5, 30])
def test_waits_grow_with_full_jitter_up_to_half_an_hour(attempts):
    trouble = Trouble("retry", "x")
    most = hold(trouble, attempts, HOUR, HOUR, lambda _low, high: high).next_at - HOUR
    least = hold(trouble, attempts, HOUR, HOUR, lambda low, _high: low).next_at - HOUR

    assert least == timedelta(0)
    assert most == min(timedelta(seconds=5 * 2 ** (attempts - 1)), LONGEST)


def test_after_three_days_it_is_parked_and_what_takes_a_person_is_blocked():
    assert hold(Trouble("retry", "x"), 9, HOUR - GIVE_UP, HOUR).hold == "parked"
    assert hold(Trouble("auth", "x"), 1, HOUR, HOUR).hold == "blocked"
    asked = hold(Trouble("retry", "x", 3600.0), 1, HOUR, HOUR)
    assert asked.next_at == HOUR + ONE


def test_usage_is_counted_once_from_the_newest_receipts_of_the_backup(at):
    at.deliver()
    add_event(at.connection, "event-0002")
    at.deliver()
    other = TroubledStore("all")
    other.objects = {f"demo/{key}": data for key, data in at.backup.objects.items()}

    found = usage_daily(other, "2026-11-20", at.desk().own_keys)

    assert {(one.client_id, one.site, one.kind): one.rows for one in found} == {
        ("demo", "", "delivered:events"): 2,
        ("demo", "shop", "kept"): 2,
        ("demo", "shop", "received"): 2,
    }
    [delivered] = [one for one in found if one.kind == "delivered:events"]
    newest = at.manifest(2)["files"][0]
    assert delivered.bytes == newest["bytes"]
    assert usage_daily(other, "2026-11-21", at.desk().own_keys) == []
    lake = TroubledStore("lake")
    write_usage(lake, "2026-11-20", found)
    [written] = lake.objects.values()
    assert written.decode().splitlines()[:2] == [
        "date,client_id,site,kind,rows,bytes",
        f"2026-11-20,demo,,delivered:events,2,{newest['bytes']}",
    ]
    assert verify_bucket(other).problems == []
