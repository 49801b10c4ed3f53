"""Hours that nobody has delivered yet go together: what arrives is what it is when they go one by one."""

import sqlite3
from datetime import timedelta

import pytest
from support.delivering import Setting
from support.orchestration_builders import EVENTS, HOUR, Crash, add_event, client

from footfall.clients import Registry
from footfall.store import StoreError
from orchestration.delivery.batch import Order, deliver_all
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.redeliver import Redelivery

HOURS = [HOUR - timedelta(hours=n) for n in reversed(range(9))]
PERIODS = [client().calendar(EVENTS).at(start) for start in HOURS]
FILLED = (HOURS[2], HOURS[6])


@pytest.fixture
def at(tmp_path):
    """Makes settings with two hours among nine that have rows."""

    def make(name="together", filled=FILLED):
        folder = tmp_path / name
        folder.mkdir()
        setting = Setting(folder)
        setting.hours = HOURS
        for hour in filled:
            add_event(setting.connection, f"event-{hour:%H}", hour=hour)
        return setting

    return make


def alone(setting, export=EVENTS):
    deliverer = setting.deliverer(export)
    return [deliverer.deliver(period) for period in PERIODS]


def together(setting, export=EVENTS):
    """As a run does it: what does not go together goes one by one."""
    deliverer = setting.deliverer(export)
    done = []
    while len(done) < len(PERIODS):
        at = len(done)
        done += deliverer.together(PERIODS[at:]) or [deliverer.deliver(PERIODS[at])]
    return done


def rows(setting):
    return [
        (*row.identity, row.state, row.hold, row.digest, row.manifest, row.attempts, row.committed_at)
        for row in setting.ledger.all()
    ]


@pytest.mark.parametrize(
    "changes",
    [{}, {"format": "jsonl"}, {"split": "site"}, {"notify": ["https://hooks.example/"]}],
    ids=["csv", "a format whose files without rows are empty", "split", "announced"],
)
def test_the_same_keys_bytes_and_rows_as_one_by_one(at, changes):
    export = EVENTS.model_copy(update=changes)
    one, many = at("one"), at("many")

    assert alone(one, export) == together(many, export)

    assert one.problems() == many.problems() == []
    assert many.destination.objects == one.destination.objects
    assert many.backup.objects == one.backup.objects
    assert rows(many) == rows(one)
    assert many.posts == one.posts


def test_they_take_a_few_transactions_of_the_ledger(at):
    setting = at()
    begun = []

    class Counting(Ledger):
        def transaction(self):
            begun.append(1)
            return super().transaction()

    setting.ledger = Counting(setting.folder / "ledger.sqlite")
    assert len(setting.deliverer().together(PERIODS)) == len(PERIODS)
    begun.clear()
    later = [client().calendar(EVENTS).at(HOUR + timedelta(hours=n)) for n in range(1, 9)]
    setting.hours = [*HOURS, *(period.start for period in later)]
    assert len(setting.deliverer().together(later)) == len(later)
    assert len(begun) == 6, "intents, two states in each of two places, the end"


def test_what_was_ever_planned_goes_by_itself(at):
    setting = at()
    deliverer = setting.deliverer()
    deliverer.deliver(PERIODS[5])

    assert len(deliverer.together(PERIODS)) == 5
    assert deliverer.together(PERIODS[5:]) == []


@pytest.mark.parametrize(
    ("count", "length"), [(9_000, 4), (9, 1_000_000)], ids=["many rows", "few rows, many bytes"]
)
def test_a_large_period_goes_by_itself_and_what_follows_goes_together(at, count, length):
    setting = at(filled=())
    setting.connection.execute(
        "INSERT INTO main.events SELECT 'demo', 'shop', 'e' || range, repeat('x', ?), 1.5, ?, ?, ? "
        "FROM range(?)",
        [length, HOURS[4], HOURS[4], HOURS[4], count],
    )
    deliverer = setting.deliverer()

    assert len(deliverer.together(PERIODS)) == 4
    assert deliverer.together(PERIODS[4:]) == []
    assert deliverer.deliver(PERIODS[4]).rows == count
    assert len(deliverer.together(PERIODS[5:])) == 4
    assert setting.problems() == []


def test_what_arrived_is_delivered_also_where_the_ledger_does_not_take_who_was_told(at):
    class Locked(Ledger):
        def record(self, row, state, **facts):
            if state == "notified":
                raise sqlite3.OperationalError("database is locked")
            return super().record(row, state, **facts)

    setting = at()
    setting.ledger = Locked(setting.folder / "ledger.sqlite")
    export = EVENTS.model_copy(update={"notify": ["https://hooks.example/"]})

    outcomes = setting.deliverer(export).together(PERIODS)

    assert [outcome.status for outcome in outcomes] == ["delivered"] * len(PERIODS)
    assert len(setting.ledger.unfinished(setting.now)) == len(PERIODS), "and is told again"


def test_after_a_crash_what_waits_is_sent_and_the_next_run_renders_the_rest(at):
    setting = at()
    setting.backup.fail(Crash())
    with pytest.raises(Crash):
        together(setting)
    setting.backup.heal()
    again = Redelivery(Registry((client(),), ()), lambda _: setting.places(), setting.ledger, setting.desk())

    sent = {row.period_start: outcome.status for row, outcome in again.due()}

    assert {sent[hour] for hour in FILLED} == {"delivered"}
    assert {*sent.values()} == {"delivered", "unchanged"}
    together(setting)
    assert setting.states() == [(1, "committed")] * len(PERIODS)
    assert setting.problems() == []


@pytest.mark.parametrize("is_backup", [True, False], ids=["our backup", "the client's bucket"])
def test_a_bucket_that_is_down_spares_nobody_else_their_copies(at, is_backup):
    setting = at()
    down, up = setting.backup, setting.destination
    if not is_backup:
        down, up = up, down
    down.down()

    assert {outcome.status for outcome in together(setting)} == {"failed"}

    assert sum(key.endswith("_manifest.json") for key in up.objects) == len(PERIODS)
    down.heal()
    setting.now += timedelta(days=1)
    assert {outcome.status for outcome in together(setting)} == {"delivered"}
    assert setting.problems() == []
    assert setting.states() == [(1, "committed")] * len(PERIODS)


def test_a_lost_ledger_takes_up_what_lies_in_the_buckets(at):
    setting = at()
    together(setting)
    before = setting.data()
    setting.ledger.close()
    (setting.folder / "ledger.sqlite").unlink()
    setting.ledger = Ledger(setting.folder / "ledger.sqlite")
    setting.now += timedelta(hours=1)

    together(setting)

    assert setting.data() == before


@pytest.mark.parametrize("after", [False, True], ids=["before its effect", "after it"])
@pytest.mark.parametrize("bucket", ["destination", "backup"])
def test_after_a_crash_or_an_error_at_any_step_there_is_one_revision_of_each(at, bucket, after):
    clean = at("clean")
    together(clean)
    calls = sum(f" {bucket} " in line for line in clean.journal)
    for step in range(0, calls, 17):
        for trouble in (Crash(), StoreError("gone for a moment", retryable=True)):
            setting = at(f"{bucket}-{step}-{type(trouble).__name__}-{after}")
            getattr(setting, bucket).fail(trouble, at=step, after=after)
            try:
                together(setting)
            except Crash:
                pass
            getattr(setting, bucket).heal()
            setting.now += timedelta(days=1)
            together(setting)
            assert setting.problems() == []
            assert setting.states() == [(1, "committed")] * len(PERIODS)
            assert setting.data().keys() == clean.data().keys()


def test_a_run_reads_many_small_hours_at_once_and_delivers_the_same(at):
    one, many = at("one", HOURS), at("many", HOURS)
    # An older period in the same run: no one copy is for all.
    more = EVENTS.model_copy(update={"name": "more"})
    older = client().calendar(more).at(HOUR - timedelta(days=4))
    alone(one)
    one.deliverer(more).deliver(older)
    orders = [Order(client(), EVENTS, tuple(PERIODS)), Order(client(), more, (older,))]

    report, _ = deliver_all(
        many.connection, orders, lambda _: many.places(), many.ledger, many.desk(), many.ingested()
    )

    one.publish()
    assert not report.failed
    assert many.destination.objects == one.destination.objects
    assert rows(many) == rows(one)
    assert sorted(report.previews) == HOURS
