"""A period that is delivered before it has ended is incomplete, says so, and is completed."""

import json
from datetime import timedelta

from support.delivering import MANIFEST, NOW
from support.orchestration_builders import HOUR, add_event


def test_what_is_delivered_before_its_period_has_ended_says_so_and_is_completed_by_a_revision(at):
    """Also where nothing came after: the client must learn that the hour is whole now."""
    at.now, at.hours = HOUR + timedelta(minutes=20), []
    early = at.deliver()
    assert (early.reason, at.manifest(1)["status"]) == ("initial", "incomplete")
    assert at.ledger.delivered_since("demo", "events", HOUR) == [], "the alert of what is overdue still waits"
    assert at.deliver().status == "unchanged", "as far as it goes, nothing is new"
    at.now, at.hours = NOW, [HOUR]

    outcome = at.deliver()

    assert (outcome.status, outcome.revision, outcome.reason) == ("delivered", 2, "completed")
    manifest = at.manifest(2)
    assert (manifest["status"], manifest["reason"], manifest["supersedes"]) == ("provisional", "completed", 1)
    assert at.ledger.delivered_since("demo", "events", HOUR) == [HOUR]
    assert json.loads(at.destination.objects[MANIFEST.format(2)]) == at.manifest(2, at.backup)
    assert at.deliver().status == "unchanged"
    add_event(at.connection, "event-0002")
    assert at.deliver().reason == "late"


def test_more_of_a_period_that_still_goes_on_is_late_and_completes_nothing(at):
    at.now, at.hours = HOUR + timedelta(minutes=20), []
    at.deliver()
    add_event(at.connection, "event-0002")

    more = at.deliver()

    assert (more.revision, more.reason, at.manifest(2)["status"]) == (2, "late", "incomplete")
    at.now, at.hours = NOW, [HOUR]
    assert at.deliver().reason == "completed"


def test_an_incomplete_delivery_that_nobody_saw_is_sent_whole_once_its_period_has_ended(at):
    at.now, at.hours = HOUR + timedelta(minutes=20), []
    at.destination.down()
    at.backup.down()
    assert at.deliver().status == "failed"
    at.now, at.hours = NOW, [HOUR]
    at.destination.heal()
    at.backup.heal()

    outcome = at.deliver()

    assert (outcome.revision, outcome.reason, at.manifest(1)["status"]) == (1, "initial", "provisional")
