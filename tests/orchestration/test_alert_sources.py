"""Where alerts come from: the ledger, the probes and the ingested hours, as a sensor reads them."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import duckdb
import pytest
from support.orchestration_builders import (
    DAILY_METRICS,
    HOUR,
    SESSIONS,
    client,
    event,
    land,
    land_bytes,
)

from footfall.allowed import Allowed
from footfall.catalogue.periods import calendar
from footfall.clients import Destination, Export, Registry
from footfall.store import LocalStore, StoreError
from orchestration.alerting import conditions
from orchestration.alerting.book import alert_book
from orchestration.alerting.deliveries import PATIENCE, expected
from orchestration.defs.alerting.deliveries import DEGRADED_FOR, of_deliveries
from orchestration.defs.alerting.runs import ended_runs
from orchestration.defs.delivery.showing import failure
from orchestration.defs.ingest.assets import lacking
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.probes import probe_all, read_probes, write_probes
from orchestration.delivery.receipts import Receipts
from orchestration.delivery.send import Outcome
from orchestration.ingest.hour import ingest_hours
from orchestration.ingest.listing import read_degraded, record_degraded
from orchestration.resources.state import State

HOURS = timedelta(hours=1)


class Installation:
    """A state folder, its alert book and a clock."""

    def __init__(self, folder):
        self.folder = folder
        self.state = State(
            home=str(folder), ledger_path=str(folder / "ledger.sqlite"), dbt_folder=str(folder / "dbt")
        )
        self.ledger = Ledger(self.state.ledger())

    def alerts(self, now, *clients):
        with alert_book(self.folder / "alerts.sqlite") as book:
            return of_deliveries(clients or (client(),), self.state, book, now)

    def kinds(self, now, *clients):
        return [(each.kind, each.client_id, each.subject) for each in self.alerts(now, *clients)]

    def plan(self, start, owner="demo", export="events", cadence="hourly"):
        return self.ledger.plan(
            owner,
            export,
            start,
            1,
            cadence=cadence,
            reason="scheduled",
            supersedes=None,
            places=("main",),
            now=start + HOURS,
        )

    def deliver(self, start, **of):
        row = self.ledger.record(self.plan(start, **of), "rendered")
        return self.ledger.record(row, "committed")


@pytest.fixture
def at(tmp_path):
    made = Installation(tmp_path)
    yield made
    made.ledger.close()


def test_blocked_deliveries_are_one_alert_of_their_bucket_until_they_arrive(at):
    for n in range(3):
        row = at.ledger.record(at.plan(HOUR + n * HOURS), "rendered")
        at.ledger.record(row, "rendered", hold="blocked", kind="auth", error="403 AccessDenied")
    now = HOUR + 3 * HOURS

    (alert,) = at.alerts(now)
    assert (alert.kind, alert.client_id, alert.subject) == ("delivery_failed", "demo", "@main")
    assert alert.facts["count"] == "3"
    assert alert.facts["error"] == "403 AccessDenied"
    assert "permission" in alert.facts["to do"]
    assert alert.title.endswith("the first is 2026-11-20T14")

    for row in at.ledger.all():
        at.ledger.record(at.ledger.release(row), "committed")
    assert at.alerts(now) == []


def test_a_delivery_that_heals_by_itself_is_told_only_when_it_goes_on(at):
    row = at.ledger.record(at.plan(HOUR), "rendered")
    at.ledger.record(row, "rendered", hold="waiting", kind="retry", error="503", failing_since=HOUR + HOURS)

    assert at.alerts(HOUR + HOURS + PATIENCE / 2) == []
    assert at.kinds(HOUR + HOURS + PATIENCE) == [("delivery_failed", "demo", "@main")]


def test_what_is_held_up_of_an_export_nobody_orders_any_more_is_no_alert(at):
    row = at.ledger.record(at.plan(HOUR), "rendered")
    at.ledger.record(row, "rendered", hold="blocked", kind="bucket", error="NoSuchBucket")
    assert at.kinds(HOUR + HOURS, client(exports=[SESSIONS])) == []


def test_an_hour_that_never_ran_is_overdue_two_hours_after_its_end_and_mended_by_its_delivery(at):
    at.deliver(HOUR)
    end = HOUR + 2 * HOURS  # of the next one, which nobody runs

    assert at.alerts(end + 2 * HOURS) == []
    (alert,) = at.alerts(end + 2 * HOURS + timedelta(seconds=1))
    assert (alert.kind, alert.subject, alert.facts["periods"]) == (
        "delivery_overdue",
        "hourly",
        "2026-11-20T15",
    )
    at.deliver(HOUR + HOURS)
    assert at.alerts(end + 2 * HOURS + timedelta(seconds=1)) == []


def test_an_export_ordered_today_owes_nothing_of_yesterday(at):
    assert at.alerts(HOUR + timedelta(minutes=20)) == []
    assert at.alerts(HOUR + 2 * HOURS + timedelta(minutes=59)) == []
    (alert,) = at.alerts(HOUR + 3 * HOURS + timedelta(minutes=1))
    assert alert.facts["periods"] == "2026-11-20T14"


def test_an_old_hole_is_let_go_after_two_days(at):
    at.deliver(HOUR)
    for n in range(2, 60):
        at.deliver(HOUR + n * HOURS)
    assert at.kinds(HOUR + 40 * HOURS) == [("delivery_overdue", "demo", "hourly")]
    assert at.kinds(HOUR + 56 * HOURS) == []


@pytest.mark.parametrize(
    ("day", "hours"),
    [("2026-10-25", 25), ("2026-03-29", 23), ("2026-11-20", 24)],
    ids=["autumn", "spring", "plain"],
)
def test_a_day_is_overdue_three_hours_after_its_local_midnight(day, hours):
    berlin = client(timezone="Europe/Berlin", exports=[DAILY_METRICS])
    start = berlin.local_midnight(day)
    end = start.astimezone(UTC) + timedelta(hours=hours)
    due = {each.period: each.deadline for each in expected(berlin, DAILY_METRICS, start, end + 4 * HOURS)}
    assert due == {day: end + 3 * HOURS}


def test_history_is_never_overdue():
    berlin = client(timezone="Europe/Berlin", exports=[DAILY_METRICS])
    berlin = berlin.model_copy(update={"live_from": date(2026, 11, 20)})
    start, end = berlin.local_midnight("2026-11-19"), berlin.local_midnight("2026-11-21")
    due = [each.period for each in expected(berlin, DAILY_METRICS, start, end + 4 * HOURS)]
    assert due == ["2026-11-20"]


def test_a_week_in_which_the_client_is_live_is_no_history():
    report = Export(name="report", dataset="report", format="html", cadence="weekly")
    berlin = client(timezone="Europe/Berlin", exports=[report])
    berlin = berlin.model_copy(update={"live_from": date(2026, 11, 18)})
    now = berlin.calendar(report).named("2026-11-16").end.astimezone(UTC) + HOURS
    assert [each.period for each in expected(berlin, report, now - 1440 * HOURS, now)] == ["2026-11-16"]


@pytest.mark.parametrize(("cadence", "first"), [("weekly", "2026-11-16"), ("monthly", "2026-11-01")])
def test_a_week_or_a_month_is_overdue_three_hours_after_its_last_midnight(cadence, first):
    report = Export(name="report", dataset="report", format="html", cadence=cadence)
    berlin = client(timezone="Europe/Berlin", exports=[report])
    end = berlin.calendar(report).named(first).end.astimezone(UTC)
    due = {each.period: each.deadline for each in expected(berlin, report, end - 1440 * HOURS, end + HOURS)}

    assert due == {first: end + 3 * HOURS}


def test_an_undelivered_local_day_is_told_and_ends_with_its_delivery(at):
    berlin = client(timezone="Europe/Berlin", exports=[DAILY_METRICS])
    of = {"export": "daily-metrics", "cadence": "daily"}
    at.deliver(berlin.local_midnight("2026-11-18"), **of)
    now = berlin.local_midnight("2026-11-20") + 3 * HOURS + timedelta(minutes=1)

    (alert,) = at.alerts(now, berlin)
    assert (alert.kind, alert.facts["periods"]) == ("delivery_overdue", "2026-11-19")
    at.deliver(berlin.local_midnight("2026-11-19"), **of)
    assert at.alerts(now, berlin) == []


def test_a_destination_that_would_refuse_is_told_until_a_probe_gets_through(at):
    allowed = Allowed(at.folder / "home")
    good = client("good", url=(at.folder / "good").as_uri())
    bad = client("bad", url=(at.folder / "bad").as_uri())
    (at.folder / "good").mkdir()
    (at.folder / "bad").mkdir()
    (at.folder / "bad" / "_probe").write_text("a file where a folder belongs")

    def probe():
        write_probes(
            at.state.probes(),
            probe_all(Registry((good, bad), ()), allowed, lambda _: "token"),
        )
        return at.alerts(HOUR, good, bad)

    (alert,) = probe()
    assert (alert.kind, alert.client_id, alert.subject) == ("destination_failing", "bad", "main")
    assert alert.facts["missing"]
    moved = client("bad", url=(at.folder / "elsewhere").as_uri())
    assert at.alerts(HOUR, good, moved) == [], "the client file names another destination by now"

    (at.folder / "bad" / "_probe").unlink()
    assert probe() == []
    assert [each.step for each in read_probes(at.state.probes())] == ["", ""]


def test_an_owner_who_has_not_confirmed_the_bucket_is_told(at):
    (at.folder / "asked").mkdir()
    asked = client("asked").model_copy(
        update={"destination": Destination(url=(at.folder / "asked").as_uri(), ownership="challenge")}
    )
    write_probes(
        at.state.probes(), probe_all(Registry((asked,), ()), Allowed(at.folder / "home"), lambda _: "0" * 32)
    )
    (alert,) = at.alerts(HOUR, asked)
    assert (alert.kind, alert.title.rpartition(": ")[2]) == ("destination_failing", "ownership")


def test_an_hour_that_lacks_an_object_is_told_until_it_is_whole(at):
    lake = LocalStore(at.folder / "lake")
    land(lake, HOUR, event("event-0001"))
    broken = land_bytes(lake, HOUR, b"no gzip", origin="c1-2-2")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")

        def ingest():
            counts = ingest_hours(connection, lake, [HOUR])
            record_degraded(at.state.listings(), {each.hour: each.unreadable for each in counts}, HOUR)
            return at.alerts(HOUR + HOURS)

        (alert,) = ingest()
        assert (alert.kind, alert.facts["object"]) == ("hour_degraded", broken)
        assert alert.facts["problem"]
        assert ingest() == [alert]
        lake.delete(broken)
        assert ingest() == []


def test_what_is_damaged_in_a_clients_object_is_in_its_receipt_and_its_alert_and_else_the_operators(at):
    lake = LocalStore(at.folder / "lake")
    land(lake, HOUR, event("event-0001"), b'{"v":2}', b"\xff\x00", origin="client=demo.import-1")
    land(lake, HOUR, b"torn", origin="c1-1-1")
    land_bytes(lake, HOUR, b"no zstd", origin="client=other.import-1")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        counts = ingest_hours(connection, lake, [HOUR])
        hour = calendar("hourly").at(HOUR)
        told = {
            name: Receipts(connection).of(name, hour, rows=0, delivered=0, excluded=0)
            for name in ("demo", "other")
        }
    record_degraded(at.state.listings(), lacking(counts, []), HOUR)

    assert (told["demo"].received, told["demo"].kept, told["demo"].quarantined) == (3, 1, {"damaged_line": 2})
    assert (told["other"].received, told["other"].quarantined) == (1, {"unreadable_object": 1})
    found = {alert.client_id: alert.facts["problem"] for alert in at.alerts(HOUR + HOURS)}
    assert sorted(found) == ["", "demo", "other"]
    assert found["demo"].startswith("2 damaged lines, the first: ")
    assert found[""].startswith("1 damaged lines, the first: ")


def test_a_loss_that_nobody_mends_is_let_go_and_keeps_its_time_when_the_hour_runs_again(tmp_path):
    path = tmp_path / "listings.sqlite"
    lacking = {HOUR: [("raw/a", "damaged")]}
    record_degraded(path, lacking, HOUR)
    record_degraded(path, lacking, HOUR + DEGRADED_FOR)

    assert read_degraded(path, HOUR) == [(HOUR, "raw/a", "damaged")]
    assert read_degraded(path, HOUR + timedelta(seconds=1)) == []


@pytest.mark.parametrize(
    ("revision", "told"), [(1, 0), (0, 1)], ids=["in the ledger", "before it was planned"]
)
def test_a_run_whose_failure_is_in_the_ledger_is_not_told_a_second_time(revision, told):
    from footfall.failures import sorted_out

    trouble = sorted_out(StoreError("403", code="403", retryable=False))

    @dg.asset
    def deliveries():
        raise failure([("demo", "events", Outcome(HOUR, "failed", revision, trouble=trouble))])

    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize(
            [deliveries],
            instance=instance,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        assert len(ended_runs(instance, "http://ui", datetime.now(UTC))) == told


@pytest.mark.parametrize(("tags", "told"), [({}, 1), ({"dagster/will_retry": "true"}, 0)])
def test_a_failed_run_that_dagster_tries_again_is_no_alert_yet(tags, told):
    @dg.asset
    def broken():
        raise dg.Failure("boom")

    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize(
            [broken],
            instance=instance,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        instance.add_run_tags(done.run_id, tags)
        alerts = conditions.failed_runs(ended_runs(instance, "http://ui", datetime.now(UTC)))
        assert len(alerts) == told
        assert all("boom" in alert.facts["error"] for alert in alerts)
