"""The life of a domain: nothing but a proof or a person verifies it, nothing is billed twice or lost."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from support.orchestration_builders import client

from footfall.errors import FootfallError
from footfall.hours import HOUR
from orchestration.defs.discovery.assets import decide_domain
from orchestration.discovery import domain_rows, domains, volumes
from orchestration.discovery.changes import wanted
from orchestration.discovery.database import notices, registry, transaction
from orchestration.discovery.domains import PENDING_LIMIT, SEEN_LIMIT, Sighting
from orchestration.discovery.proofs import instructions, proven
from orchestration.discovery.report import domains_table, passed_over_table
from orchestration.discovery.sightings import HOSTS_AN_HOUR, seen_in
from orchestration.ingest.schema import create_statements
from orchestration.partitions import DOMAINS
from orchestration.resources.billing import Billing
from orchestration.resources.domains import DomainRegistry
from orchestration.webhooks import outbox

AT = datetime(2026, 11, 20, 14, tzinfo=UTC)
OWNER = client()  # demo, whose file declares demo.example
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def book(tmp_path):
    with registry(tmp_path / "registry.sqlite") as connection:
        yield connection


def see(book, *hosts, hours=2, events=50, first=AT, overflow=0):
    for n in range(hours):
        domains.observe(
            book,
            OWNER,
            first + n * HOUR,
            [Sighting("shop", host, events) for host in hosts],
            overflow=overflow,
            now=first + n * HOUR,
        )


def state(book, domain):
    row = domain_rows.find(book, "demo", domain)
    return row.state if row else None


def test_a_domain_of_the_clients_own_file_is_verified_by_its_first_event(book):
    see(book, "demo.example", hours=1, events=1)
    assert state(book, "demo.example") == "verified"
    assert domain_rows.find(book, "demo", "demo.example").proof == "client_file"


def test_another_domain_waits_until_it_lasts_and_then_for_somebodys_word(book):
    see(book, "new.example", hours=1)
    assert state(book, "new.example") == "seen"
    see(book, "new.example", hours=1, first=AT + HOUR)
    assert state(book, "new.example") == "pending"
    see(book, "new.example", hours=200, first=AT + 2 * HOUR)
    assert state(book, "new.example") == "pending", "traffic alone verifies nothing"
    assert domains.bill_what_is_due(book, AT + timedelta(days=90)) == []


def test_the_same_hour_seen_again_counts_once(book):
    see(book, "new.example", hours=1)
    see(book, "new.example", hours=1)
    row = domain_rows.find(book, "demo", "new.example")
    assert (row.events, row.hours_seen, row.state) == (50, 1, "seen")


def test_hosts_of_one_domain_are_one_domain(book):
    see(book, "www.new.example", "shop.new.example")
    assert [row.domain for row in domain_rows.listing(book)] == ["new.example"]
    assert domain_rows.hosts_of(book, "demo", "new.example") == ["shop.new.example", "www.new.example"]


def test_hostile_names_are_counted_by_reason_and_stored_nowhere(book):
    see(book, "a|b.example", "198.51.100.7", "localhost", "x" * 300, hours=1)
    assert domain_rows.listing(book) == []
    assert {(reason, hosts) for _, reason, hosts, _ in domain_rows.passed_over(book)} == {
        ("characters", 1),
        ("address", 1),
        ("local", 1),
        ("too_long", 1),
    }


def test_no_more_than_twenty_domains_wait_for_a_word_and_the_rest_is_counted(book):
    see(book, *(f"fake{n}.example" for n in range(400)), hours=3)
    states = [row.state for row in domain_rows.listing(book)]
    assert states.count("pending") == PENDING_LIMIT
    assert states.count("seen") <= SEEN_LIMIT
    reasons = {reason for _, reason, _, _ in domain_rows.passed_over(book)}
    assert reasons == {"too_many_pending", "too_many_domains"}


def test_a_flood_of_made_up_names_does_not_keep_out_the_clients_own(book):
    see(book, *(f"fake{n}.example" for n in range(400)), hours=3)
    see(book, *(f"more{n}.example" for n in range(400)), "demo.example", hours=1, first=AT + 5 * HOUR)
    assert state(book, "demo.example") == "verified"


def test_names_that_did_not_last_are_forgotten_after_a_week(book):
    see(book, "passing.example", hours=1)
    see(book, "demo.example", hours=1, first=AT + timedelta(days=8))
    assert state(book, "passing.example") is None


def test_a_hundred_thousand_fake_domains_in_a_million_events_bill_nothing(book):
    with duckdb.connect() as warehouse:
        for statement in create_statements():
            warehouse.execute(statement)
        warehouse.execute(
            "INSERT INTO ingest.event_index "
            "(received_hour, client_id, site_id, event_id, visitor_id, host, is_duplicate) "
            "SELECT ?::TIMESTAMPTZ + INTERVAL 1 HOUR * (i % 3), 'demo', 'shop', i::VARCHAR, "
            "(i % 1000)::VARCHAR, 'fake' || (i % 100000) || '.example', false FROM range(1000000) t(i)",
            [AT],
        )
        seen = seen_in(warehouse, AT, AT + 3 * HOUR)
    assert all(len(each.sightings) == HOSTS_AN_HOUR for each in seen.values())
    for (_, hour), each in sorted(seen.items()):
        domains.observe(book, OWNER, hour, each.sightings, overflow=each.overflow, now=hour)
    known = domain_rows.listing(book)
    assert sum(row.state == "pending" for row in known) <= PENDING_LIMIT
    assert len(known) <= PENDING_LIMIT + SEEN_LIMIT
    domains.bill_what_is_due(book, AT + timedelta(days=90))
    assert list(outbox.listing(book)) == []


# Proofs


def pending(book):
    see(book, "www.new.example")
    return domain_rows.find(book, "demo", "new.example")


def test_a_txt_record_with_the_token_proves_a_domain(book):
    row = pending(book)
    asked = []

    def lookup(name):
        asked.append(name)
        return ["v=spf1 -all", row.token]

    assert proven("new.example", [], row.token, lookup=lookup) == "dns"
    assert asked == ["_footfall.new.example"]


def test_another_domains_token_proves_nothing(book):
    row = pending(book)

    def nowhere(_host, _port):
        raise OSError("no such name")

    lookup = lambda _: [row.token + "x"]  # noqa: E731
    assert proven("new.example", ["www.new.example"], row.token, lookup=lookup, resolve=nowhere) is None


def test_a_person_is_told_how_to_prove_a_domain(book):
    row = pending(book)
    said = instructions("new.example", row.token)
    assert f"_footfall.new.example with the text {row.token}" in said
    assert "https://new.example/.well-known/footfall.txt" in said


# Decisions and bills


def decide(book, decision, domain="new.example", proof=None):
    with transaction(book):
        domains.decide(book, "demo", domain, decision, proof, "anna", AT)


def test_an_approval_verifies_and_is_remembered_with_its_name(book):
    pending(book)
    assert [kind for kind, *_ in notices(book)] == ["new_domain"]
    decide(book, "approve")
    assert [kind for kind, *_ in notices(book)] == ["domain_verified"], "it is new no more"
    row = domain_rows.find(book, "demo", "new.example")
    assert (row.state, row.proof, row.activation) == ("verified", "approved by anna", 1)


@pytest.mark.parametrize(
    ("partition", "decision", "said"),
    [
        ("demo/new.example", "approve by anna", "verified"),
        ("demo/new.example", "block by anna", "blocked"),
        ("demo/other.example", "approve by anna", "the registry does not know other.example of demo"),
        ("demo/new.example", "approve", "'approve' does not say who decides: write `approve by NAME`"),
        (
            "demo/new.example",
            "sell by anna",
            "'sell by anna' is no decision: write approve, block or retire, and by whom",
        ),
    ],
)
def test_a_person_decides_in_the_ui_by_materialising_the_domain(tmp_path, partition, decision, said):
    path = tmp_path / "registry.sqlite"
    with registry(path) as book:
        pending(book)
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(DOMAINS, [partition])
        done = dg.materialize(
            [decide_domain],
            partition_key=partition,
            instance=instance,
            run_config={"ops": {"discovery__domain": {"config": {"decision": decision}}}},
            resources={"domains": DomainRegistry(path=str(path)), "billing": Billing()},
            raise_on_error=False,
        )
    if done.success:
        (made,) = done.asset_materializations_for_node("discovery__domain")
        assert made.metadata["state"].value == said
        with registry(path) as book:
            assert state(book, "new.example") == said
            decided = domain_rows.last_decisions(book)["demo", "new.example"]
            assert decided[:2] == (decision.split()[0], "anna")
    else:
        (failed,) = done.get_step_failure_events()
        assert failed.step_failure_data.user_failure_data.description == said


def test_a_domain_that_is_materialised_without_a_decision_goes_on_waiting_and_is_seen_to_wait(tmp_path):
    path = tmp_path / "registry.sqlite"
    partition = "demo/new.invalid"
    with registry(path) as book:
        see(book, "new.invalid", hours=3, events=50)
        assert state(book, "new.invalid") == "pending"
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(DOMAINS, [partition])
        done = dg.materialize(
            [decide_domain],
            partition_key=partition,
            instance=instance,
            resources={"domains": DomainRegistry(path=str(path)), "billing": Billing()},
        )
    assert done.asset_materializations_for_node("discovery__domain") == []
    (observed,) = done.asset_observations_for_node("discovery__domain")
    assert (observed.partition, observed.metadata["state"].value) == (partition, "pending")


def test_a_domain_is_billed_once_its_grace_is_over_and_never_twice(book):
    pending(book)
    decide(book, "approve")
    assert domains.bill_what_is_due(book, AT + timedelta(hours=23)) == []
    for _ in range(3):
        domains.bill_what_is_due(book, AT + timedelta(hours=25))
    assert [message.id for message in outbox.listing(book)] == ["domain.activated:demo:new.example:1"]
    assert state(book, "new.example") == "billable"


def test_within_its_grace_a_domain_can_be_taken_back_without_a_bill(book):
    pending(book)
    decide(book, "approve")
    decide(book, "retire")
    assert domains.bill_what_is_due(book, AT + timedelta(days=9)) == []
    assert list(outbox.listing(book)) == []


def test_retiring_a_billed_domain_is_told_and_a_second_life_has_a_number_of_its_own(book):
    pending(book)
    decide(book, "approve")
    domains.bill_what_is_due(book, AT + timedelta(days=2))
    decide(book, "retire")
    decide(book, "approve")
    domains.bill_what_is_due(book, AT + timedelta(days=2))
    assert [message.id for message in outbox.listing(book)] == [
        "domain.activated:demo:new.example:1",
        "domain.retired:demo:new.example:1",
        "domain.activated:demo:new.example:2",
    ]


def test_a_blocked_domain_is_asked_about_no_more(book):
    pending(book)
    decide(book, "block")
    see(book, "new.example", hours=50, first=AT + 10 * HOUR)
    assert state(book, "new.example") == "blocked"


@pytest.mark.parametrize(
    ("decision", "domain", "said"),
    [("sell", "new.example", "is no decision"), ("approve", "never.example", "no events of never.example")],
)
def test_a_decision_that_cannot_be_is_refused_in_words(book, decision, domain, said):
    pending(book)
    with pytest.raises(FootfallError, match=said):
        decide(book, decision, domain)


def test_a_failed_decision_leaves_nothing_behind(book):
    pending(book)
    decide(book, "approve")
    domains.bill_what_is_due(book, AT + timedelta(days=2))
    with pytest.raises(FootfallError, match="retire it instead"):
        decide(book, "block")
    assert state(book, "new.example") == "billable"


CRASH = """
import os, random, signal, sys, threading, time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from orchestration.defs.discovery.assets import decide_domain
from orchestration.discovery import domain_rows, domains, volumes
from orchestration.discovery.database import registry, transaction
at = datetime(2026, 11, 20, 14, tzinfo=UTC)
delay = float(sys.argv[2])
def die():
    time.sleep(delay)
    os.kill(os.getpid(), signal.SIGKILL)
threading.Thread(target=die, daemon=True).start()
with registry(Path(sys.argv[1])) as book:
    while True:
        with transaction(book):
            domains.verify(book, "demo", "new.example", "dns", at)
        domains.bill_what_is_due(book, at + timedelta(days=2))
        time.sleep(0.0005)
"""


@pytest.mark.parametrize("crashes", [8, pytest.param(100, marks=pytest.mark.proof)])
def test_crashes_around_an_activation_leave_exactly_one_bill(tmp_path, crashes):
    path = tmp_path / "registry.sqlite"
    with registry(path) as book:
        pending(book)
    for n in range(crashes):
        done = subprocess.run(
            [sys.executable, "-c", CRASH, str(path), str(0.002 * (n % 5))],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
            capture_output=True,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
    with registry(path) as book:
        with transaction(book):
            domains.verify(book, "demo", "new.example", "dns", AT)
        domains.bill_what_is_due(book, AT + timedelta(days=3))
        assert [m.id for m in outbox.listing(book)] == ["domain.activated:demo:new.example:1"]


# What the sensor asks for


def test_new_domains_become_partitions_and_are_looked_at_once(book):
    see(book, "new.example", "demo.example")
    changed = domain_rows.listing(book)
    asked = wanted(changed, frozenset(), -1)
    assert set(asked.add) == {"demo/new.example", "demo/demo.example"}
    assert [partition for partition, _ in asked.look] == ["demo/new.example"]
    assert domain_rows.listing(book, changed_after=asked.cursor) == []


def test_a_retired_domain_is_no_partition_any_more(book):
    pending(book)
    decide(book, "retire")
    asked = wanted(domain_rows.listing(book), frozenset({"demo/new.example"}), 0)
    assert (asked.add, asked.delete) == ((), ("demo/new.example",))


def test_the_registry_reads_as_a_table(book):
    see(book, "new.example", "a|b.example")
    assert "| demo | new\\.example | pending |" in domains_table(domain_rows.listing(book))
    assert "| demo | characters | 2 |" in passed_over_table(domain_rows.passed_over(book))
    assert domains_table([]) == "no domain yet"


def test_volumes_of_an_hour_are_replaced_and_old_ones_forgotten(book):
    with duckdb.connect() as warehouse:
        for statement in create_statements():
            warehouse.execute(statement)
        warehouse.execute(
            "INSERT INTO ingest.event_index "
            "(received_hour, client_id, site_id, event_id, event_type, is_duplicate) "
            "SELECT ?::TIMESTAMPTZ, 'demo', 'shop', i::VARCHAR, 'page_view', i % 10 = 0 FROM range(100) t(i)",
            [AT],
        )
        for _ in range(2):
            volumes.note(book, warehouse, AT, AT + HOUR)
        assert volumes.by_site(book) == {("demo", "shop"): {AT: 90}}
        assert volumes.by_type(book) == {("demo", "shop", "page_view"): {AT.replace(hour=0): 90}}
        assert volumes.last_hour(book) == AT
        later = AT + volumes.KEPT + HOUR
        volumes.note(book, warehouse, later, later + HOUR)
        assert volumes.by_site(book) == {}
