"""Rows of unverified domains, of a client who wants them held: delivered once there is a proof."""

from datetime import UTC, datetime, timedelta

import pytest
from support.delivering import Setting
from support.orchestration_builders import DAILY_METRICS, EVENTS, HOUR, SESSIONS, client

from footfall.clients import Site
from orchestration.delivery.selection import Marts, select
from orchestration.discovery import domains
from orchestration.discovery.database import registry, transaction
from orchestration.discovery.domain_rows import listing
from orchestration.discovery.held_hosts import replace_held
from orchestration.ingest.schema import make_schema

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)


class Held(Setting):
    """A client's warehouse and buckets, and the registry of domains."""

    def __init__(self, folder, rule):
        super().__init__(folder)
        self.connection.execute("DROP SCHEMA ingest CASCADE")  # views of main.events, which has no host
        make_schema(self.connection)
        for column in ("host", "session_id"):
            self.connection.execute(f"ALTER TABLE main.events ADD COLUMN {column} VARCHAR")
        site = Site(site_id="shop", key="pk_demo_0000", domains=["demo.example", "*.demo.example"])
        self.owner = client().model_copy(update={"unverified_domains": rule, "sites": [site]})
        self.registry = folder / "registry.sqlite"

    def receive(self, event_id, host, session_id="visit"):
        self.connection.execute(
            "INSERT INTO main.events (client_id, site_id, event_id, host, session_id, received_hour, "
            "occurred_at, received_at) VALUES ('demo', 'shop', ?, ?, ?, ?, ?, ?)",
            [event_id, host, session_id, *[HOUR] * 3],
        )
        self.connection.execute(
            "INSERT INTO ingest.event_index "
            "(client_id, site_id, event_id, host, received_hour, is_duplicate) "
            "VALUES ('demo', 'shop', ?, ?, ?, false)",
            [event_id, host, HOUR],
        )
        self.connection.execute(
            "INSERT INTO ingest.receipts (received_hour, client_id, site_id, kept, duplicates, quarantined) "
            "VALUES (?, 'demo', 'shop', 1, 0, 0)",
            [HOUR],
        )

    def run(self):
        """What an hour's run does behind the models: discover, then deliver. Returns the file's event ids."""
        with registry(self.registry) as database:
            held = replace_held(self.connection, [self.owner], listing(database))
        outcome = self.deliver(owner=self.owner)
        if outcome.status == "unchanged":
            return held, outcome.revision, None
        [key] = [key for key in self.data() if f"rev={outcome.revision:04d}" in key and key.endswith(".csv")]
        lines = self.destination.objects[key].decode().splitlines()[1:]
        return held, outcome.revision, sorted(line.split(",")[2] for line in lines)

    def decide(self, what, domain):
        with registry(self.registry) as database:
            if not listing(database):
                sightings = [domains.Sighting("shop", domain, 30)]
                domains.observe(database, self.owner, HOUR - timedelta(hours=1), sightings, now=NOW)
            with transaction(database):
                what(database, "demo", domain)


def approve(database, client_id, domain):
    domains.verify(database, client_id, domain, "approved", NOW)


def retire(database, client_id, domain):
    domains.retire(database, client_id, domain, NOW)


def block(database, client_id, domain):
    domains.block(database, client_id, domain, NOW)


@pytest.fixture(params=["hold"])
def at(tmp_path, request):
    made = Held(tmp_path, request.param)
    made.receive("own", "demo.example")
    made.receive("below", "www.demo.example")
    made.receive("strange", "www.strange.example")
    made.receive("nowhere", None)
    yield made
    made.ledger.close()
    made.connection.close()


@pytest.mark.parametrize("at", ["deliver"], indirect=True)
def test_by_default_events_of_every_host_are_delivered(at):
    assert at.run() == (0, 1, ["below", "nowhere", "own", "strange"])


def test_rows_of_a_strange_host_wait_and_the_receipt_counts_them_as_excluded(at):
    assert at.run() == (1, 1, ["below", "nowhere", "own"])
    receipt = at.manifest(1)["receipt"]
    assert (receipt["rows"], receipt["delivered"], receipt["excluded"]) == (4, 3, 1)


def test_once_the_domain_is_verified_its_history_is_the_next_revision(at):
    at.run()
    assert at.restated() == []

    at.decide(approve, "strange.example")

    assert at.run() == (0, 2, ["below", "nowhere", "own", "strange"])
    assert at.manifest(2)["supersedes"] == 1
    assert at.run() == (0, 2, None), "nothing is delivered twice"
    assert at.problems() == []


def test_the_run_after_the_verification_finds_the_delivered_periods_by_itself(at):
    at.run()
    at.decide(approve, "strange.example")
    with registry(at.registry) as database:
        replace_held(at.connection, [at.owner], listing(database))

    assert at.restated(owner=at.owner) == [HOUR]


def test_what_a_retired_domain_sent_stays_delivered_and_a_blocked_one_is_held(at):
    at.decide(approve, "strange.example")
    at.run()
    at.decide(retire, "strange.example")
    assert at.run() == (0, 1, None)

    at.decide(block, "strange.example")
    assert at.run() == (1, 2, ["below", "nowhere", "own"])


def test_a_name_that_only_ends_like_a_verified_one_is_strange(at):
    at.receive("like", "notdemo.example")
    at.decide(approve, "strange.example")
    at.receive("like too", "mystrange.example")
    assert at.run()[2] == ["below", "nowhere", "own", "strange"]


def test_a_session_waits_whole_as_long_as_one_of_its_events_does(at):
    at.receive("another", "demo.example", "another visit")
    for session_id in ("visit", "another visit"):
        at.connection.execute(
            "INSERT INTO main.sessions VALUES ('demo', 'shop', ?, 1, ?, ?)", [session_id, HOUR, HOUR]
        )
    at.run()
    assert at.deliver(owner=at.owner, export=SESSIONS).rows == 1

    at.decide(approve, "strange.example")
    at.run()

    restated = at.deliver(owner=at.owner, export=SESSIONS)
    assert (restated.revision, restated.rows) == (2, 2)


def test_a_report_of_a_day_counts_everything(at):
    at.connection.execute("INSERT INTO main.daily_metrics VALUES ('demo', 'shop', '2026-11-20', 4)")
    at.run()
    at.now += timedelta(days=1)
    day = datetime(2026, 11, 20, tzinfo=UTC)
    at.hours = [day + n * timedelta(hours=1) for n in range(24)]
    assert at.deliver(start=day, owner=at.owner, export=DAILY_METRICS).rows == 1


def test_a_client_who_holds_nothing_is_asked_nothing(at):
    at.run()
    other = client("other")
    marts = Marts()
    assert select(at.connection, at.owner, EVENTS, "", marts).not_held != "true"
    assert select(at.connection, other, EVENTS, "", marts).not_held == "true"
