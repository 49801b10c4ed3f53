"""One cause, one alert; and what a person knows of is not told again."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from footfall.errors import FootfallError
from orchestration.alerting import conditions
from orchestration.alerting.alert import KINDS, Alert
from orchestration.alerting.book import alert_book, silence
from orchestration.alerting.causes import fold, overdue_alert
from orchestration.alerting.conditions import Run
from orchestration.alerting.deliveries import PATIENCE, Held, undeliverable
from orchestration.alerting.life import CALM, REMINDER, Telling
from orchestration.alerting.message import text
from orchestration.alerting.pages import page
from orchestration.alerting.round import go_round
from orchestration.alerting.routes import PLAIN, Route
from orchestration.alerting.silences import Silence, moment

AT = datetime(2026, 11, 20, 14, tzinfo=UTC)
MINUTE, HOURS = timedelta(minutes=1), timedelta(hours=1)
DENIED = Alert(
    "delivery_failed", "acme", "@main", "held up", {"error": "403"}, covers=("events 2026-11-20T10",)
)
PROBE = Alert(
    "destination_failing", "acme", "main", "s3://b fails", {"said": "403", "missing": "s3:PutObject"}
)


class Desk:
    """An alert book with a clock, and what its routes were told."""

    def __init__(self, book, *routes):
        self.book, self.routes, self.now, self.heard = book, routes or (PLAIN,), AT, []

    def round(self, *holding, later=MINUTE):
        self.now += later
        environ = {"FOOTFALL_ALERT_WEBHOOK": "http://nobody"}
        go_round(
            self.book, self.routes, holding, environ, "r", self.now, kinds=frozenset(KINDS), send=self._send
        )

    def _send(self, _address, telling, _runbook):
        self.heard += [(telling.what, alert.key) for alert in telling.alerts]

    def says(self, key, *, is_mute=False, until=None):
        silence(self.book, Silence(key, is_mute, "mara", "known", self.now, until))


@pytest.fixture
def desk():
    with alert_book(Path(":memory:")) as book:
        yield Desk(book)


def words(desk, key=DENIED.key):
    return [what for what, each in desk.heard if each == key]


# Causes


def a_failed_run(job="hourly", first="2026-11-20-10:00", last="2026-11-20-11:00"):
    (alert,) = conditions.failed_runs([Run(job, first, last, False, AT, "boom", "link")])
    return alert


def test_periods_of_a_failed_run_are_told_inside_it_and_others_stay_overdue():
    late = overdue_alert("acme", "hourly", ["events 2026-11-20T10", "events 2026-11-20T12"])

    run, left = fold([a_failed_run(), late]).alerts

    assert run.facts["follows"] == "overdue: acme: events 2026-11-20T10"
    assert left.key == late.key
    assert left.covers == ("events 2026-11-20T12",)


@pytest.mark.parametrize(
    "run",
    [
        a_failed_run("upkeep"),
        a_failed_run("daily_utc", "2026-11-20", "2026-11-20"),
        a_failed_run("decide_domain", "acme/shop.example", "acme/shop.example"),
        a_failed_run(first="2026-11-20-11:00"),
    ],
    ids=["other work", "days", "no time", "other hours"],
)
def test_a_run_that_was_not_to_make_a_period_hides_nothing_of_it(run):
    late = overdue_alert("acme", "hourly", ["events 2026-11-20T10"])
    assert fold([run, late]).alerts == (run, late)


def test_the_probe_of_a_bucket_that_refuses_is_told_inside_and_that_of_another_is_not():
    other = Alert("destination_failing", "acme", "archive", "s3://c fails", {"said": "404"})
    foreign = Alert("destination_failing", "bolt", "main", "s3://d fails", {"said": "404"})

    told = fold([PROBE, DENIED, other, foreign]).alerts

    assert [each.key for each in told] == [DENIED.key, other.key, foreign.key]
    assert told[0].facts["follows"] == "probe: s3://b fails: 403; missing: s3:PutObject"


def test_a_collector_that_up_starts_again_is_told_by_its_end_alone():
    died = Alert("process_died", "", "collector", "ended", {"exit": "9"}, covers=("http://127.0.0.1:8080",))
    here = Alert("collector_silent", "", "http://127.0.0.1:8080", "silent", {"error": "refused"})
    there = Alert("collector_silent", "", "http://10.0.0.2:8080", "silent", {"error": "refused"})
    assert [each.key for each in fold([died, here, there]).alerts] == [died.key, there.key]


def test_what_was_told_before_its_cause_was_known_gets_no_false_all_clear(desk):
    desk.round(PROBE)
    for _ in range(30):
        desk.round(PROBE, DENIED)
    assert desk.heard == [("firing", PROBE.key), ("firing", DENIED.key)]
    for _ in range(10):
        desk.round()
    assert sorted(desk.heard[2:]) == [("resolved", DENIED.key), ("resolved", PROBE.key)]


def test_a_route_that_is_not_told_of_the_cause_is_told_of_what_follows(desk):
    desk.routes = (Route(name="acme", to="env:FOOTFALL_ALERT_WEBHOOK", clients=["acme"]),)
    late = overdue_alert("acme", "hourly", ["events 2026-11-20T10"])
    desk.round(a_failed_run(), late)
    assert desk.heard == [("firing", late.key)]


def held(export="events", kind="auth", places=("main",), error="403", hold="blocked", since=None):
    return Held("acme", export, "2026-11-20T10", hold, kind, error, since, None, places)


def test_a_bucket_that_takes_nothing_is_one_alert_with_the_error_of_each_export():
    (alert,) = undeliverable([held(), held("sessions", error="404 of sessions")], AT)
    assert (alert.subject, alert.facts["exports"]) == ("@main", "events, sessions")
    assert alert.facts["error"] == "403\n404 of sessions"


@pytest.mark.parametrize(
    "other",
    [held("sessions", kind="bucket"), held("sessions", places=("archive",)), held("sessions", kind="config")],
    ids=["another trouble", "another bucket", "its own mistake"],
)
def test_another_cause_is_an_alert_of_its_own(other):
    assert len({alert.key for alert in undeliverable([held(), other], AT)}) == 2


def test_nobody_is_patient_with_what_is_overdue():
    waits = held(hold="waiting", kind="retry", since=AT - PATIENCE / 2)
    assert undeliverable([waits], AT) == []
    assert len(undeliverable([waits], AT, frozenset({("acme", "events", "2026-11-20T10")}))) == 1


def test_a_run_by_hand_is_mended_by_a_run_of_all_its_assets_only():
    def run(name, assets, minute, **of):
        ended = AT + minute * MINUTE
        return Run(
            name, "", "", of.get("ok", True), ended, "boom", "", frozenset(assets), of.get("by_hand", True)
        )

    failed = run("a, b by hand", "ab", 0, ok=False)
    assert len(conditions.failed_runs([failed, run("a by hand", "a", 5)])) == 1
    assert conditions.failed_runs([failed, run("a, b, c by hand", "abc", 5)]) == []
    assert conditions.failed_runs([failed, run("hourly", "abc", 5, by_hand=False)]) == []


def test_a_digest_has_the_cause_of_each():
    alerts = [Alert("check_failed", "", f"a:{n}", f"check {n}", {"found": f"{n} rows"}) for n in range(4)]
    said = text(Telling("firing", tuple(alerts), AT), "r")
    for n in range(4):
        assert f"- check {n}: {n} rows" in said


def test_every_kind_has_a_page_of_the_ui():
    for kind in KINDS:
        assert page(Alert(kind, "acme", "2026-11-20T10:x", "t")).startswith("/")
    new = Alert("new_domain", "acme", "shop.example", "t")
    assert page(new).endswith("/discovery/domain?view=partitions&partition=acme%2Fshop.example")


# What a person knows of


def test_what_is_acknowledged_is_not_repeated_and_gets_its_all_clear(desk):
    desk.round(DENIED)
    desk.says(DENIED.key)
    desk.round(DENIED, later=5 * REMINDER)
    assert words(desk) == ["firing"]
    desk.round()
    desk.round(later=CALM)
    assert words(desk) == ["firing", "resolved"]


def test_a_second_incident_is_told_whoever_knew_of_the_first(desk):
    desk.round(DENIED)
    desk.says(DENIED.key)
    desk.round()
    desk.round(later=CALM)
    desk.round(DENIED)
    assert words(desk) == ["firing", "resolved", "firing"]


def test_a_mute_that_ends_tells_what_still_holds_at_once(desk):
    desk.round(DENIED)
    desk.says("delivery_failed:acme", is_mute=True, until=desk.now + 2 * HOURS)
    desk.round(DENIED, later=HOURS)
    assert words(desk) == ["firing"]
    desk.round(DENIED, later=HOURS)
    assert words(desk) == ["firing", "reminder"]
    desk.round(DENIED)
    assert words(desk) == ["firing", "reminder"]


def test_what_begins_while_it_is_muted_is_told_when_the_mute_ends(desk):
    desk.says("delivery_failed", is_mute=True, until=desk.now + 2 * HOURS)
    desk.round(DENIED)
    desk.round(PROBE, DENIED)
    assert desk.heard == []
    desk.round(DENIED, later=2 * HOURS)
    assert words(desk) == ["firing"]


def test_what_is_muted_gets_its_all_clear_within_the_mute(desk):
    desk.round(DENIED)
    desk.says(DENIED.key, is_mute=True, until=desk.now + 2 * HOURS)
    desk.round()
    desk.round(DENIED)
    desk.round(later=CALM)
    desk.round(later=CALM)
    assert words(desk) == ["firing", "resolved"]


def test_a_silence_of_one_client_is_none_of_another_whose_name_begins_alike():
    of_acme = Silence("delivery_failed:acme", True, "mara", "", AT, AT + HOURS)
    assert of_acme.covers("delivery_failed:acme:@main", AT)
    assert not of_acme.covers("delivery_failed:acme2:@main", AT)


@pytest.mark.parametrize(
    ("written", "is_at"),
    [
        ("90m", AT + 90 * MINUTE),
        ("3d", AT + 72 * HOURS),
        ("2026-11-21", AT + 10 * HOURS),
        ("2026-11-20T16:00+01:00", AT + HOURS),
    ],
)
def test_a_moment_is_written_as_a_span_or_a_time(written, is_at):
    assert moment(written, AT) == is_at


@pytest.mark.parametrize("written", ["", "soon", "0m", "2026-11-20", "31d", "99999d", "9999-12-31"])
def test_a_moment_that_is_none_is_over_or_too_far_is_refused_in_words(written):
    with pytest.raises(FootfallError, match="--until"):
        moment(written, AT)
