"""Alerts: one message when something breaks, one when it is mended, and none lost on the way."""

import json
import re
import socket
import threading
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.clients import Mistake
from footfall.errors import FootfallError
from orchestration.alerting import conditions
from orchestration.alerting.alert import KINDS, NEWS, Alert
from orchestration.alerting.book import alert_book, failing_routes, told_to
from orchestration.alerting.channel import NotTold, tell
from orchestration.alerting.conditions import Due, Run
from orchestration.alerting.deliveries import Refusal, refused
from orchestration.alerting.facts import AGAIN_SECONDS, disks, health
from orchestration.alerting.life import CALM, DIGEST_OVER, REMINDER, Telling, after, tellings
from orchestration.alerting.looking import Source, look_at
from orchestration.alerting.message import as_json, text, title
from orchestration.alerting.round import go_round
from orchestration.alerting.routes import PLAIN, Route, load_routes, usable_routes
from orchestration.defs.alerting.sensors import (
    CHANNELS,
    COLLECTORS,
    DAGSTER,
    DISKS,
    ERASURES,
    FILES,
    LEDGER,
    PROCESSES,
    REGISTRY,
)

ROOT = Path(__file__).resolve().parents[2]
AT = datetime(2026, 11, 20, 14, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BROKEN = Alert(
    "delivery_failed", "acme", "events:2026-11-20T14", "events cannot be delivered", {"error": "403"}
)


class Wire:
    """A receiver in the test's hand: keeps what it is told, and can be out of order."""

    def __init__(self):
        self.heard = []
        self.broken = False

    def __call__(self, _address, telling, _runbook):
        if self.broken:
            raise NotTold("out of order")
        self.heard.append((telling.what, tuple(a.key for a in telling.alerts)))


class Desk:
    """An alert book with its routes, a wire and a clock."""

    def __init__(self, book, routes):
        self.book = book
        self.routes = list(routes)
        self.wire = Wire()
        self.now = AT
        self.environ = {"FOOTFALL_ALERT_WEBHOOK": "http://nobody"}

    def round(self, *holding, later=MINUTE):
        self.now += later
        return go_round(
            self.book,
            self.routes,
            holding,
            self.environ,
            "docs/runbook.md",
            self.now,
            kinds=frozenset(KINDS),
            send=self.wire,
        )

    def rounds(self, minutes, *holding):
        for _ in range(minutes):
            self.round(*holding)


@contextmanager
def a_desk(*routes):
    with alert_book(Path(":memory:")) as book:
        yield Desk(book, routes or (PLAIN,))


@pytest.fixture
def desk():
    with a_desk() as made:
        yield made


def heard(desk):
    return heard_of(desk.wire)


def heard_of(wire):
    return [what for what, _ in wire.heard]


# One life


def test_a_condition_is_told_once_however_often_it_is_looked_at(desk):
    desk.rounds(60, BROKEN)
    assert heard(desk) == ["firing"]


def test_a_condition_that_is_gone_is_told_once_after_a_calm(desk):
    desk.rounds(3, BROKEN)
    desk.rounds(60)
    assert heard(desk) == ["firing", "resolved"]


def test_a_condition_that_flickers_is_one_incident(desk):
    for _ in range(10):
        desk.rounds(2, BROKEN)
        desk.rounds(2)
    assert heard(desk) == ["firing"]


def test_a_condition_that_goes_on_is_told_again_every_four_hours(desk):
    desk.rounds(int(REMINDER / MINUTE) * 2 + 5, BROKEN)
    assert heard(desk) == ["firing", "reminder", "reminder"]


def test_a_second_incident_is_told_like_the_first(desk):
    for _ in range(2):
        desk.rounds(2, BROKEN)
        desk.rounds(10)
    assert heard(desk) == ["firing", "resolved", "firing", "resolved"]


def test_news_is_told_once_and_never_resolved(desk):
    new = Alert("new_domain", "acme", "shop.example", "shop.example is new")
    desk.rounds(3, new)
    desk.rounds(600)
    desk.rounds(3, new)
    assert heard(desk) == ["firing"]


def test_a_healthy_day_tells_nothing(desk):
    desk.rounds(24 * 60 // 10)
    assert heard(desk) == []


def test_many_alerts_of_a_kind_and_client_are_one_digest(desk):
    periods = [Alert("delivery_failed", "acme", f"events:{n}", f"period {n}") for n in range(200)]
    desk.round(*periods)
    desk.rounds(10)
    assert [(what, len(keys)) for what, keys in desk.wire.heard] == [("firing", 200), ("resolved", 200)]


def test_a_few_alerts_are_told_one_by_one(desk):
    desk.round(*(Alert("delivery_failed", "acme", f"events:{n}", "t") for n in range(DIGEST_OVER)))
    assert len(desk.wire.heard) == DIGEST_OVER


def test_a_channel_that_fails_loses_nothing(desk):
    desk.wire.broken = True
    desk.rounds(5, BROKEN)
    assert [(route, said) for route, _, said in failing_routes(desk.book)] == [("webhook", "out of order")]
    desk.wire.broken = False
    desk.rounds(5, BROKEN)
    assert heard(desk) == ["firing"]
    assert failing_routes(desk.book) == []


def test_what_broke_and_was_mended_while_the_channel_failed_is_still_resolved(desk):
    desk.round(BROKEN)
    desk.wire.broken = True
    desk.rounds(20)
    desk.wire.broken = False
    desk.rounds(2)
    assert heard(desk) == ["firing", "resolved"]


def test_one_route_that_fails_holds_up_no_other():
    other = Route(name="other", to="env:OTHER")
    with a_desk(other, PLAIN) as desk:  # OTHER is not set
        done = desk.round(BROKEN)
    assert heard(desk) == ["firing"]
    assert "OTHER is not set" in done.failures[0]


class Killed(Exception):
    """The process ends where it stands."""


@pytest.mark.parametrize(
    ("holding", "words"),
    [([BROKEN], ["firing", "firing", "resolved"]), ([], ["firing", "resolved"])],
    ids=["it goes on", "it is over by then"],
)
def test_a_crash_between_sending_and_saving_repeats_one_message_and_loses_no_all_clear(desk, holding, words):
    sound = desk.wire

    def dies(*message):
        sound(*message)
        raise Killed

    desk.wire = dies
    with pytest.raises(Killed):
        desk.round(BROKEN)
    desk.wire = sound
    desk.rounds(5, *holding)
    desk.rounds(20)
    assert heard(desk) == words


def test_an_incident_that_began_and_ended_while_the_channel_failed_is_told_by_its_all_clear(desk):
    desk.wire.broken = True
    begun = desk.now + MINUTE
    desk.rounds(3, BROKEN)
    desk.rounds(20)
    desk.wire.broken = False
    desk.rounds(20)
    assert heard(desk) == ["resolved"]
    assert told_to(desk.book, "webhook")[BROKEN.key].since == begun


def test_an_opening_that_comes_late_says_when_the_incident_began(desk):
    desk.wire.broken = True
    desk.rounds(30, BROKEN)
    begun = AT + MINUTE
    desk.wire.broken = False
    said = []
    desk.wire = lambda _address, telling, _runbook: said.append((telling.what, telling.since))
    desk.rounds(2, BROKEN)
    assert said == [("firing", begun)]


STEPS = st.lists(st.tuples(st.booleans(), st.sampled_from(["works", "fails", "dies"])), max_size=60)


@settings(deadline=None)
@given(STEPS)
def test_whatever_crashes_or_fails_whoever_heard_an_opening_hears_the_end(steps):
    with a_desk() as desk:
        sound = desk.wire
        for holds, wire in [*steps, *[(False, "works")] * 8]:

            def told(*message, wire=wire):
                sound.broken = wire == "fails"
                sound(*message)
                if wire == "dies":
                    raise Killed

            desk.wire = told
            with suppress(Killed):
                desk.round(*[BROKEN] if holds else [])
    words = [what for what in heard_of(sound) if what != "reminder"]
    assert not words or words[-1] == "resolved"
    # Only a message whose sending was cut off may be heard a second time.
    repeats = sum(one == other for one, other in pairwise(words))
    assert repeats <= sum(wire == "dies" for _, wire in steps)
    assert bool(words) == any(holds for holds, _ in steps)


@given(st.lists(st.booleans(), max_size=120))
def test_whatever_happens_openings_and_ends_alternate(pattern):
    told, now, said = {}, AT, []
    for holds in [*pattern, *[False] * 8]:
        now += MINUTE
        messages, noted = tellings([BROKEN] if holds else [], told, now)
        told |= noted
        for message in messages:
            told |= after(message, told, now)
            if message.what != "reminder":
                said.append(message.what)
    assert said == ["firing", "resolved"] * (len(said) // 2)
    assert bool(said) == any(pattern)


# Routes


def test_a_route_is_told_of_its_clients_kinds_and_severities_only():
    routes = (
        Route(name="errors", to="env:FOOTFALL_ALERT_WEBHOOK", severities=["error"]),
        Route(name="acme", to="env:FOOTFALL_ALERT_WEBHOOK", clients=["acme"], kinds=["new_domain"]),
    )
    with a_desk(*routes) as desk:
        desk.round(
            BROKEN,
            Alert("new_domain", "acme", "a.example", "t"),
            Alert("new_domain", "bolt", "b.example", "t"),
        )
        assert set(told_to(desk.book, "errors")) == {BROKEN.key}
        assert set(told_to(desk.book, "acme")) == {"new_domain:acme:a.example"}


def test_routes_come_from_a_file_and_the_plain_webhook_beside_it(tmp_path):
    path = tmp_path / "routes.yaml"
    path.write_text("routes:\n  - {name: on-call, to: 'env:ONCALL', severities: [error]}\n")
    assert [route.name for route in load_routes(path, True)] == ["on-call", "webhook"]
    assert load_routes(None, False) == []


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("routes: [{name: a, to: 'slack://secret'}]", "routes.1.to"),
        ("routes: [{name: a, to: 'env:A', kinds: [nonsense]}]", "nonsense is no kind of alert"),
        ("routes: [{name: a, to: 'env:A'}, {name: a, to: 'env:B'}]", "used twice"),
        ("routes: [", "cannot be read"),
        ("nothing: here", "routes"),
    ],
)
def test_a_wrong_file_of_routes_is_refused_in_words_without_its_secrets(tmp_path, written, said):
    path = tmp_path / "routes.yaml"
    path.write_text(written)
    with pytest.raises(FootfallError, match=re.escape(said)) as error:
        load_routes(path, False)
    assert "secret" not in str(error.value)


# Messages


def test_a_message_says_what_whose_what_to_do_and_where_to_read_on():
    telling = Telling("firing", (BROKEN,), AT)
    assert title(telling) == "acme: events cannot be delivered"
    body = text(telling, "https://wiki/runbook")
    assert "error: 403" in body
    assert "What to do: Read the error." in body
    assert body.endswith("https://wiki/runbook#delivery_failed")


def test_a_command_to_type_names_the_client_and_the_domain():
    new = Alert("new_domain", "acme", "shop.example", "shop.example is new")
    assert "`footfall domains approve acme shop.example`" in text(Telling("firing", (new,), AT), "r")
    denied = Alert("destination_failing", "acme", "main", "s3://b fails")
    assert "`footfall clients test acme`" in text(Telling("firing", (denied,), AT), "r")


def test_an_all_clear_says_since_when_it_was_broken():
    telling = Telling("resolved", (BROKEN,), AT)
    assert title(telling).startswith("resolved: ")
    assert "since 2026-11-20 14:00 UTC" in text(telling, "r")


def test_the_json_of_an_incident_has_one_key_from_its_opening_to_its_end():
    keys = {as_json(Telling(what, (BROKEN,), AT), "r")["key"] for what in ("firing", "reminder", "resolved")}
    assert keys == {BROKEN.key}


@contextmanager
def webhook(status=204, port=0):
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(status)
            if status == 302:
                self.send_header("location", "/elsewhere")
            self.end_headers()

        def do_GET(self):
            body = json.dumps({"dependencies": {"disk": "ok", "shipping": "ok"}}).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", got
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("scheme", ["http", "json"])
def test_a_plain_webhook_and_a_channel_of_apprise_get_the_message(scheme):
    with webhook() as (address, got):
        tell(f"{scheme}://{address}/", Telling("firing", (BROKEN,), AT), "r")
    (message,) = got
    assert message["title"] == "acme: events cannot be delivered"


@pytest.mark.parametrize("scheme", ["http", "json"])
@pytest.mark.parametrize("status", [302, 500])
def test_a_receiver_that_refuses_or_sends_elsewhere_was_not_told(scheme, status):
    with webhook(status) as (address, _), pytest.raises(NotTold) as error:
        tell(f"{scheme}://{address}/s3cret", Telling("firing", (BROKEN,), AT), "r")
    assert "s3cret" not in str(error.value)


def test_something_that_speaks_no_http_was_not_told_and_holds_up_nobody():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak():
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"220 mail.example ESMTP\r\n")

        thread = threading.Thread(target=speak)
        thread.start()
        with pytest.raises(NotTold):
            tell(f"http://127.0.0.1:{server.getsockname()[1]}/", Telling("firing", (BROKEN,), AT), "r")
        thread.join()


def test_an_address_that_is_none_is_told_without_being_shown():
    with pytest.raises(NotTold) as error:
        tell("nonsense://s3cret", Telling("firing", (BROKEN,), AT), "r")
    assert "s3cret" not in str(error.value)


# Looking


def test_a_part_that_cannot_be_looked_at_is_told_and_hides_no_other(desk):
    def cannot():
        raise OSError("disk I/O error")

    def sees(*sources):
        seen = look_at(sources)
        desk.now += MINUTE
        args = (desk.book, desk.routes, seen.holding, desk.environ, "r", desk.now)
        go_round(*args, send=desk.wire, kinds=seen.kinds)

    ledger = frozenset({"delivery_failed"})
    sees(Source("ledger", ledger, lambda: [BROKEN]))
    for _ in range(20):  # what was told of the ledger is not resolved because nobody can look
        sees(Source("ledger", ledger, cannot), Source("disks", frozenset({"disk_low"}), lambda: DISK))
    assert desk.wire.heard == [
        ("firing", (BROKEN.key,)),
        ("firing", ("watch_failing::ledger",)),
        ("firing", (DISK[0].key,)),
    ]
    for _ in range(10):
        sees(Source("ledger", ledger, list), Source("disks", frozenset({"disk_low"}), lambda: DISK))
    ended = {key for what, (key,) in desk.wire.heard if what == "resolved"}
    assert ended == {BROKEN.key, "watch_failing::ledger"}


def test_every_kind_is_looked_for_somewhere():
    looked_for = DAGSTER | REGISTRY | LEDGER | COLLECTORS | FILES | DISKS | ERASURES | CHANNELS | PROCESSES
    # The watchdog outside looks for the first, a look that fails is the second, and a person sends the third.
    assert looked_for | {"daemon_silent", "watch_failing", "test"} == set(KINDS)


def test_a_wrong_file_of_routes_leaves_the_webhook_and_is_told_by_it(tmp_path):
    path = tmp_path / "routes.yaml"
    path.write_text("routes: [")
    routes, (alert,) = usable_routes(path, True)
    assert (routes, alert.kind) == ([PLAIN], "channel_failing")
    with pytest.raises(FootfallError, match="cannot be read"):
        usable_routes(path, False)


# Conditions


DISK = conditions.full_disks([("/data", 95, 100)])


@pytest.mark.parametrize(
    ("age", "looked", "title"),
    [
        (MINUTE, AT, None),
        (MINUTE, None, None),  # it has only just begun
        (None, None, "Dagster's daemon is silent"),
        (6 * MINUTE, AT, "Dagster's daemon is silent"),
        (6 * MINUTE, AT - 60 * MINUTE, "Dagster's daemon is silent"),
        (MINUTE, AT - 11 * MINUTE, "Dagster's daemon lives, but nobody looks for alerts"),
    ],
)
def test_a_daemon_that_does_not_beat_or_looks_for_no_alerts_is_silent(age, looked, title):
    alerts = conditions.silent_daemon(age, looked, AT, 5 * MINUTE)
    assert [alert.title.partition(":")[0] for alert in alerts] == ([title] if title else [])


def run(job="hourly", first="2026-11-20-14:00", last="", succeeded=False, minute=0):
    return Run(job, first, last or first, succeeded, AT + minute * MINUTE, "boom", "link")


def test_a_failed_run_holds_until_a_later_run_over_the_same_hours_succeeds():
    assert [a.key for a in conditions.failed_runs([run()])] == ["run_failed::hourly:2026-11-20-14:00"]
    assert conditions.failed_runs([run(), run(succeeded=True, minute=5)]) == []
    assert len(conditions.failed_runs([run(succeeded=True), run(minute=5)])) == 1


def test_a_range_that_succeeds_mends_the_hours_in_it_and_no_others():
    wide = run(first="2026-11-20-10:00", last="2026-11-20-14:00", succeeded=True, minute=9)
    holding = conditions.failed_runs([run(), run(first="2026-11-20-15:00"), wide])
    assert [a.subject for a in holding] == ["hourly:2026-11-20-15:00"]


def test_a_backfill_that_succeeds_mends_the_hours_in_it():
    wide = run("backfill", "2026-11-20-10:00", "2026-11-20-14:00", succeeded=True, minute=9)
    assert conditions.failed_runs([run(), wide]) == []
    assert conditions.failed_runs([run("live"), run(succeeded=True, minute=50)]) == []


def test_a_run_that_is_tried_again_and_fails_again_is_one_alert():
    alerts = conditions.failed_runs([run(), run(minute=5)])
    assert len({alert.key for alert in alerts}) == 1


def test_a_collector_that_does_not_answer_or_takes_nothing_is_silent():
    alerts = conditions.collectors(
        {
            "http://a": "ConnectionRefusedError",
            "http://b": {"answered": 503, "dependencies": {"spool": "degraded"}},
            "http://c": {"answered": 200, "dependencies": {"disk": "degraded"}},
            "http://d": {"answered": 200, "dependencies": {"disk": "ok", "lake": "degraded"}},
            "http://e": {"answered": 200},
        }
    )
    assert [(a.kind, a.subject) for a in alerts] == [
        ("collector_silent", "http://a"),
        ("collector_silent", "http://b"),
        ("collector_silent", "http://c"),
    ]


@pytest.mark.parametrize(("said", "told"), [("ok", 0), ("degraded", 1)])
def test_events_that_wait_for_over_ten_minutes_are_told(said, told):
    report = {"answered": 200, "dependencies": {"shipping": said}}
    alerts = conditions.collectors({"http://a": report})
    assert [a.kind for a in alerts] == ["spool_ageing"] * told


def test_health_is_read_from_a_collector_and_from_its_absence():
    waits = []
    with webhook(200) as (address, _):
        report = health([f"http://{address}", "http://127.0.0.1:9"], waits.append)
    assert report[f"http://{address}"]["answered"] == 200
    assert isinstance(report["http://127.0.0.1:9"], str)
    assert waits == [AGAIN_SECONDS]


def test_a_collector_that_refuses_has_answered_and_is_not_asked_twice():
    waits = []
    with webhook(503) as (address, _):
        report = health([f"http://{address}"], waits.append)
    assert report[f"http://{address}"]["answered"] == 503
    assert waits == []


def test_a_collector_that_is_just_starting_again_is_not_silent():
    with ExitStack() as later, socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]

        def starts(_seconds):
            held.close()
            later.enter_context(webhook(200, port=port))

        report = health([f"http://127.0.0.1:{port}"], starts)

    assert conditions.collectors(report) == []


def weeks(now, *before):
    hour = AT
    return {
        ("acme", "shop"): {hour: now, **{hour - (n + 1) * timedelta(days=7): v for n, v in enumerate(before)}}
    }


@pytest.mark.parametrize(
    ("volumes", "silent"),
    [
        (weeks(0, 100, 120, 90), True),
        (weeks(9, 100, 120, 90), True),
        (weeks(11, 100, 120, 90), False),
        (weeks(0, 100, 120), False),
        (weeks(0, 100, 120, 3), False),
        ({("acme", "shop"): {AT - n * timedelta(days=7): 100 for n in (1, 2, 3)}}, True),
    ],
)
def test_a_site_is_silent_against_its_own_hour_of_the_week(volumes, silent):
    assert bool(conditions.silent_sites(volumes, AT)) == silent


TODAY = AT.replace(hour=0)
STEADY = {TODAY - n * timedelta(days=1): 50 for n in range(2, 9)}
VANISHED = {("acme", "shop", "purchase"): STEADY}


def test_an_event_type_that_came_every_day_and_comes_no_more_has_vanished():
    days = {
        **VANISHED,
        ("acme", "shop", "signup"): {**STEADY, TODAY - timedelta(days=1): 1},
        ("acme", "shop", "rare"): {TODAY - timedelta(days=5): 50},
    }
    assert [a.subject for a in conditions.vanished_types(days, TODAY)] == ["shop:purchase"]


def test_an_overdue_period_is_told_even_where_nothing_ever_ran():
    due = [
        Due("acme", "events", f"2026-11-20T{h:02d}", AT + (h - 14) * timedelta(hours=1), "hourly")
        for h in range(10, 16)
    ]
    delivered = frozenset({("acme", "events", "2026-11-20T10")})
    (alert,) = conditions.overdue(due, delivered, AT + MINUTE)
    assert alert.facts["count"] == "4"
    assert "the first is 2026-11-20T11" in alert.title


def test_billing_messages_that_do_not_arrive_are_told_after_the_quick_attempts():
    assert conditions.billing(None, [("id", 2, "500")]) == []
    assert conditions.billing(None, [("id", 3, "500")])[0].kind == "webhook_failing"
    assert "410" in conditions.billing("answered 410", [])[0].facts["why"]


def test_a_broken_client_file_is_one_alert_with_all_its_mistakes():
    (alert,) = conditions.broken_files(
        [Mistake("acme.yaml", "name", "missing"), Mistake("acme.yaml", "x", "extra")]
    )
    assert (alert.client_id, dict(alert.facts)) == ("acme", {"name": "missing", "x": "extra"})


@pytest.mark.parametrize(("used", "told"), [(89, 0), (90, 1)])
def test_a_disk_is_low_from_nine_tenths_on(used, told):
    assert len(conditions.full_disks([("/data", used, 100)])) == told


def test_disks_are_read_once_each(tmp_path):
    assert len(disks([tmp_path, tmp_path, tmp_path / "absent"])) == 1


def test_every_kind_has_a_section_in_the_runbook():
    titles = set(re.findall(r"^## `?([a-z_]+)`?$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE))
    assert set(KINDS) <= titles


def test_every_kind_says_what_it_means_and_what_to_do():
    assert set(KINDS) >= NEWS
    for severity, meaning, fix in KINDS.values():
        assert severity in ("info", "warning", "error")
        assert meaning and fix


# Incidents, by an injected clock: one opening and one end each, within the stated time

INCIDENTS = {
    "delivery refused": [BROKEN],
    "delivery overdue": conditions.overdue(
        [Due("acme", "events", "p", AT, "daily")], frozenset(), AT + MINUTE
    ),
    "run failed": conditions.failed_runs([run()]),
    "check failed": conditions.failed_checks([("ingest/events", "every_line_is_accounted_for", "1")], "u"),
    "hour degraded": conditions.degraded_hours([(AT, "raw/x", "cut short")]),
    "collector down": conditions.collectors({"http://a": "refused"}),
    "collector full": conditions.collectors({"http://a": {"answered": 503}}),
    "lake away": conditions.collectors({"http://a": {"dependencies": {"shipping": "degraded"}}}),
    "site silent": conditions.silent_sites(weeks(0, 100, 120, 90), AT),
    "event type vanished": conditions.vanished_types(VANISHED, TODAY),
    "destination about to refuse": refused([Refusal("acme", "main", "s3://b", AT, "write", "denied", "")]),
    "webhook away": conditions.billing(None, [("id", 3, "500")]),
    "webhook gone": conditions.billing("410", []),
    "client file broken": conditions.broken_files([Mistake("acme.yaml", "name", "missing")]),
    "disk full": DISK,
    "daemon silent": conditions.silent_daemon(None, None, AT, MINUTE),
    "ledger unreadable": look_at([Source("ledger", LEDGER, lambda: [1 // 0])]).holding,
    "channel failing": conditions.failing_channels([("other", AT, "500")]),
}


@pytest.mark.parametrize("incident", INCIDENTS)
def test_an_incident_is_opened_within_two_minutes_and_closed_within_ten(desk, incident):
    holding = INCIDENTS[incident]
    assert holding
    desk.rounds(5)
    begun = desk.now
    desk.rounds(90, *holding)
    ended = desk.now
    desk.rounds(90)
    assert Counter(heard(desk)) == {"firing": len(holding), "resolved": len(holding)}
    (told,) = told_to(desk.book, "webhook").values()
    assert told.since - begun <= 2 * MINUTE
    assert told.last_told - ended <= CALM + 2 * MINUTE
