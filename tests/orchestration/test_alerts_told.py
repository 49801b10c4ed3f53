"""What a receiver of alerts reads when something real goes wrong: the cause, once, with where to go on."""

import json
import os
import re
import shutil
import time
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from support.delivering import with_receipts
from support.orchestration_builders import add_event, warehouse
from support.preloaded import run_command
from support.receiver import receiver
from support.s3_server import s3_server

from commands import ledger_work
from commands.cli import main
from footfall.allowed import Allowed
from footfall.clients import registry_of
from footfall.hours import HOUR, floor
from footfall.settings import Settings
from orchestration.delivery.batch import Order, deliver_all
from orchestration.delivery.probes import probe_all, write_probes
from orchestration.delivery.progress import IngestedHours
from orchestration.loading import build_defs
from orchestration.modelling.project import prepare

CLIENT = """\
client_id: {name}
name: {name}
sites: [{{site_id: shop, key: pk_{name}_0000, domains: [{name}.example]}}]
destination: {destination}
exports:
  - {{name: events, dataset: events, cadence: hourly}}
  - {{name: sessions, dataset: sessions, cadence: hourly}}
"""
#: Seconds that a test here may take on a machine under load.
LONGEST = 180


class Operator:
    """An installation with a route, and what its receiver was told.

    `late` is the last hour whose deliveries are overdue by now.
    """

    def __init__(self, home, receives, definitions, instance, capsys, late):
        self.home = home
        self.late = late
        self.label = f"{late:%Y-%m-%dT%H}"
        self._receives = receives
        self._definitions = definitions
        self._instance = instance
        self._capsys = capsys
        self.settings = Settings.from_environ(os.environ)

    @property
    def bodies(self):
        return [json.loads(each.body) for each in self._receives.posted]

    def looks(self):
        """One tick of the sensor. Returns what it told."""
        before = len(self.bodies)
        sensor = self._definitions.resolve_sensor_def("alerts")
        resources = {
            name: self._definitions.resources[name] for name in ("clients", "domains", "settings", "state")
        }
        with dg.build_sensor_context(
            instance=self._instance, definitions=self._definitions, resources=resources
        ) as context:
            tick = sensor.evaluate_tick(context)
        assert "webhook: " not in str(tick.skip_message), tick.skip_message
        return self.bodies[before:]

    def types(self, *arguments):
        """`footfall alerts …`. Returns what it printed."""
        code = main(["alerts", *arguments])
        said = self._capsys.readouterr()
        assert code == 0, said.err
        return said.out

    def delivers(self):
        """The deliveries of the late hour, to all clients, as its run makes them."""
        at = ledger_work.Installation(self.settings)
        with with_receipts(warehouse()) as connection:
            add_event(connection, "event-0001", hour=self.late, client_id="acme")
            orders = [
                Order(client, export, (client.calendar(export).at(self.late),))
                for client in at.registry.clients
                for export in client.exports
            ]
            hours = IngestedHours([self.late], self.late - 48 * HOUR)
            made = deliver_all(
                connection,
                orders,
                at.places,
                at.ledger,
                at.desk,
                hours,
                reason="scheduled",
                is_with_restated=False,
            )
            outcomes = [outcome.status for report in made for outcome in report.asked]
        at.ledger.close()
        return outcomes

    def probes(self):
        found = probe_all(registry_of(self.settings), Allowed.of(self.settings), lambda _: "token")
        write_probes(self.home / "probes.json", found)


def last_late_hour():
    """Of an hour that does not end before the test does: with the next one, one more delivery is overdue."""
    left = (floor(datetime.now(UTC)) + HOUR - datetime.now(UTC)).total_seconds()
    if left < LONGEST:
        time.sleep(left)
    return floor(datetime.now(UTC)) - 3 * HOUR


@pytest.fixture
def operator(tmp_path, monkeypatch, instance, capsys):
    """With no client yet: a test writes `clients/*.yaml` and asks for the operator then."""
    home = tmp_path
    late = last_late_hour()
    (home / "clients").mkdir()
    (home / "buckets").mkdir()
    (home / "first_hour").write_text(f"{late - 30 * HOUR:%Y-%m-%dT%H}\n")
    with receiver() as receives:
        receives.pages["/health"] = "{}"
        for name, value in {
            "FOOTFALL_HOME": str(home),
            "FOOTFALL_CLIENTS": str(home / "clients"),
            "FOOTFALL_ALERT_WEBHOOK": f"{receives.origin}/alerts",
            "FOOTFALL_WEBHOOK_PRIVATE": "yes",
            "FOOTFALL_COLLECTOR_URLS": receives.origin,
            "FOOTFALL_UI_URL": "https://ui.example/",
        }.items():
            monkeypatch.setenv(name, value)

        def ready():
            settings = Settings.from_environ(os.environ)
            prepare(settings.home)
            return Operator(home, receives, build_defs(settings), instance, capsys, late)

        yield ready


def write_client(folder, name, destination):
    text = CLIENT.format(name=name, destination=json.dumps(destination))
    (folder / "clients" / f"{name}.yaml").write_text(text)


def test_a_folder_that_cannot_be_written_to_is_one_alert_of_its_cause_with_what_follows_inside(
    operator, tmp_path, monkeypatch
):
    wall = tmp_path / "buckets" / "wall"
    wall.write_text("a file where the folder belongs")
    write_client(tmp_path, "acme", {"url": wall.as_uri()})
    on_call = operator()
    assert set(on_call.delivers()) == {"failed"}
    on_call.probes()

    (told,) = on_call.looks()

    assert (told["event"], told["kind"], told["client"]) == ("firing", "delivery_failed", "acme")
    assert "wall" in told["cause"]
    assert told["cause"] in told["text"]
    assert told["link"].startswith(
        "https://ui.example/assets/deliveries/acme/events?view=partitions&partition="
    )
    (alert,) = told["alerts"]
    assert f"overdue: acme: events {on_call.label}, sessions {on_call.label}" in alert["facts"]["follows"]
    assert "probe: " in alert["facts"]["follows"]
    assert told["runbook"] is None, "a path is nothing to open from a message"
    assert f"footfall alerts show '{told['key']}'" in told["text"]

    shown = on_call.types("show", told["key"])
    said = (
        *told["cause"].splitlines(),
        told["link"],
        "history:",
        "told webhook",
        "## `delivery_failed`",
        "**Means:**",
    )
    for part in said:
        assert part in shown
    monkeypatch.setenv("FOOTFALL_RUNBOOK_URL", "https://wiki.example/runbook")
    assert "https://wiki.example/runbook#delivery_failed" in on_call.types("show", told["key"])

    wall.unlink()
    wall.mkdir()
    assert set(on_call.delivers()) <= {"delivered"}
    on_call.probes()
    assert on_call.looks() == [], "it must be well for five minutes before that is told"


def test_a_replay_that_sends_again_what_a_bucket_lost_is_not_overdue(operator, tmp_path):
    bucket = tmp_path / "buckets" / "acme"
    bucket.mkdir()
    write_client(tmp_path, "acme", {"url": bucket.as_uri()})
    on_call = operator()
    assert set(on_call.delivers()) == {"delivered"}
    shutil.rmtree(bucket)
    bucket.write_text("in the way")
    at = ledger_work.Installation(on_call.settings)
    for row in at.ledger.all():
        at.ledger.reopen(row)  # as a replay that was killed right after it
    at.ledger.close()

    assert on_call.looks() == []

    done = run_command(["deliveries", "replay"], os.environ)
    assert done.returncode == 1, done.stdout + done.stderr
    assert [each["kind"] for each in on_call.looks()] == ["delivery_failed"]


def test_a_wrong_secret_is_one_alert_with_the_words_of_the_store(operator, tmp_path, monkeypatch):
    (tmp_path / "s3").mkdir()
    with s3_server(tmp_path / "s3") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")
        monkeypatch.setenv("FOOTFALL_CLIENT_HOSTS", "127.0.0.1")
        url = f"s3://{server.bucket}/acme"
        write_client(tmp_path, "acme", {"url": url, "endpoint": server.endpoint, "region": "us-east-1"})
        on_call = operator()
        assert set(on_call.delivers()) == {"failed"}
        on_call.probes()

        (told,) = on_call.looks()

    assert told["kind"] == "delivery_failed"
    assert "SignatureDoesNotMatch" in told["cause"]
    assert "not-the-secret" not in json.dumps(told)


def test_an_hour_that_was_missed_is_one_alert_of_the_client_that_says_nothing_ran(operator, tmp_path):
    write_client(tmp_path, "acme", {"url": (tmp_path / "buckets" / "acme").as_uri()})
    on_call = operator()
    at = ledger_work.Installation(on_call.settings)
    for export in ("events", "sessions"):  # delivered the hour before, so this one is owed
        row = at.ledger.plan(
            "acme",
            export,
            on_call.late - HOUR,
            1,
            cadence="hourly",
            reason="scheduled",
            supersedes=None,
            places=("main",),
            now=on_call.late,
        )
        at.ledger.record(at.ledger.record(row, "rendered"), "committed", committed_at=on_call.late)
    at.ledger.close()

    (told,) = on_call.looks()

    assert (told["kind"], told["key"]) == ("delivery_overdue", "delivery_overdue:acme:hourly")
    assert told["title"] == f"acme: events, sessions: 2 periods not delivered, the first is {on_call.label}"
    assert "never run" in told["cause"]
    partition = f"{on_call.late:%Y-%m-%d-%H}%3A00"
    assert (
        told["link"]
        == f"https://ui.example/assets/deliveries/acme/events?view=partitions&partition={partition}"
    )


@dg.job
def hourly():
    pass


@dg.asset
def broken():
    raise dg.Failure("no such column: net_price")


def test_a_run_that_never_started_one_that_was_killed_and_one_by_hand_say_why_and_what_they_were(
    operator, tmp_path, instance
):
    write_client(tmp_path, "acme", {"url": (tmp_path / "buckets" / "acme").as_uri()})
    on_call = operator()
    partition = f"{on_call.late:%Y-%m-%d-%H:%M}"
    # As its monitoring does, which tells in these words; what Dagster tries again is no alert yet.
    last_try = {"dagster/max_retries": "0"}
    late = "Run timed out due to taking longer than 300 seconds to start."
    run = instance.create_run_for_job(hourly, tags={"dagster/partition": partition, **last_try})
    instance.report_run_failed(run, late)
    gone = "Detected run worker status FAILED: 'its process 4711 is gone'. Marking run as failed."
    killed = instance.create_run_for_job(hourly, tags=last_try)
    began = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, "hourly")
    instance.report_dagster_event(began, killed.run_id)
    instance.report_run_failed(killed, gone)
    of_everything = dg.Definitions(assets=[broken]).resolve_implicit_global_asset_job_def()
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    of_everything.execute_in_process(instance=instance, raise_on_error=False, run_config=quiet)

    told = {each["key"]: each for each in on_call.looks()}

    never = told[f"run_failed::hourly:{partition}"]
    assert late in never["cause"]
    assert never["title"] == f"hourly never started for {partition}"
    assert "No step of it began" in never["fix"] and "failed step" not in never["text"]
    died = told["run_failed::hourly:unpartitioned"]
    assert gone in died["cause"]
    assert died["title"] == "hourly failed" and "failed step" in died["fix"]
    by_hand = told["run_failed::broken by hand:unpartitioned"]
    assert "no such column: net_price" in by_hand["cause"]
    for each in (never, died, by_hand):
        assert re.fullmatch(r"https://ui\.example/runs/[0-9a-f-]{36}", each["link"])
        assert "__ASSET_JOB" not in json.dumps(each)


def test_what_is_known_is_shown_with_who_and_why_and_a_test_is_no_trouble(operator, tmp_path):
    wall = tmp_path / "buckets" / "wall"
    wall.write_text("")
    write_client(tmp_path, "acme", {"url": wall.as_uri()})
    on_call = operator()
    on_call.delivers()
    (told,) = on_call.looks()

    said = on_call.types("ack", told["key"], "--by", "mara", "--because", "the client moves its disk")
    assert "acknowledged by mara: the client moves its disk" in said
    on_call.types("mute", "delivery_failed:acme", "--until", "8h")
    for listed in (on_call.types("list"), on_call.types("show", told["key"])):
        assert "acknowledged by mara: the client moves its disk" in listed
        assert re.search(r"muted by \S+ until \d{4}-\d\d-\d\d \d\d:\d\d UTC", listed)
    assert "errors\n" in on_call.types("list")

    on_call.types("unmute", "delivery_failed:acme")
    assert "muted by" not in on_call.types("list")
    assert "taken back by" in on_call.types("show", told["key"])

    assert main(["alerts", "ack", "delivery_failed:acmee:@main"]) == 1
    assert main(["alerts", "mute", told["key"], "--until", "yesterday"]) == 1
    assert main(["alerts", "mute", told["key"], "--until", "400d"]) == 1

    on_call.types("test")
    test = on_call.bodies[-1]
    assert (test["event"], test["kind"], test["severity"]) == ("info", "test", "info")
    assert "information" not in on_call.types("list")


def test_information_is_listed_apart_and_is_not_firing(operator):
    from orchestration.alerting.alert import Alert
    from orchestration.alerting.book import alert_book, note_look

    on_call = operator()
    with alert_book(on_call.settings.alert_book) as book:
        news = Alert("new_domain", "acme", "shop.example", "shop.example is new and waits for a decision")
        note_look(book, [news], datetime.now(UTC) - timedelta(minutes=1))

    listed = on_call.types("list")

    assert "information (nothing is wrong)\n" in listed
    assert "no alert is firing" in listed
    assert "footfall domains approve acme shop.example" in on_call.types("show", news.key)
