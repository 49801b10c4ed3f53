"""A delivery ends whole or loudly failed, whatever goes wrong on its way, and nothing is overwritten."""

import re
from datetime import timedelta

import pytest
from support.delivering import FOLDER, MANIFEST
from support.orchestration_builders import EVENTS, HOUR, add_event

from footfall.store import StoreError
from orchestration.delivery.ledger import Ledger

ONE = timedelta(hours=1)


def whole(setting, *revisions):
    """The client has exactly these revisions, each a file and a manifest; the backup has at least them."""
    folders = [FOLDER.format(revision) for revision in revisions]
    manifests = {key for key in setting.data() if key.endswith("_manifest.json")}
    assert manifests == {f"{folder}_manifest.json" for folder in folders}
    assert setting.problems() == []
    for key in manifests:
        assert setting.backup.objects[key] == setting.destination.objects[key]


def test_the_first_delivery_puts_file_and_manifest_into_both_buckets(at):
    outcome = at.deliver()

    assert (outcome.status, outcome.revision, outcome.reason, outcome.rows) == ("delivered", 1, "initial", 1)
    whole(at, 1)
    assert at.data() == at.data(at.backup)
    assert at.states() == [(1, "committed")]
    manifest = at.manifest(1)
    [file] = outcome.files
    assert manifest["files"] == [{"key": file.key, "bytes": outcome.bytes, "sha256": file.sha256, "rows": 1}]
    assert file.key == f"{FOLDER.format(1)}events-20261120T14Z-{file.sha256[:8]}.csv"
    assert (manifest["supersedes"], manifest["reason"], manifest["status"]) == (
        None,
        "initial",
        "provisional",
    )
    assert manifest["complete_through"] == "2026-11-20T15:00:00.000Z"
    assert manifest["period"] == {
        "start": "2026-11-20T14:00:00.000Z",
        "end": "2026-11-20T15:00:00.000Z",
        "timezone": "UTC",
    }


def test_the_manifest_is_put_last_after_the_file_was_read_back_and_only_the_pointer_follows(at):
    at.deliver()

    for bucket in ("destination", "backup"):
        verbs = [
            line.replace(f"{bucket} ", "")
            for line in at.journal
            if bucket in line and " _" not in line and "head" not in line and "README" not in line
        ]
        assert [re.sub(r"-[0-9a-f]{8}\.csv", "", line) for line in verbs] == [
            f"put {FOLDER.format(1)}events-20261120T14Z",
            f"get {FOLDER.format(1)}events-20261120T14Z",
            f"put {MANIFEST.format(1)}",
            *(["read_tagged events/_latest.json", "swap events/_latest.json"] * (bucket == "destination")),
        ]


def test_beside_the_data_lie_the_public_key_and_how_to_load_it(at):
    at.deliver()
    at.deliver(HOUR - ONE)

    beside = [key for key in at.destination.objects if key.startswith("_")]
    folder = at.manifest(1)["schema"]
    names = {re.sub("^load-[0-9a-f]{8}/", "load/", k.removeprefix(folder)) for k in beside if "_schema" in k}
    assert names == {
        "load/athena.sql",
        "load/bigquery.sql",
        "load/snowflake.sql",
        "load/duckdb.sql",
        "load/redshift.sql",
        "schema.json",
        "columns.md",
    }
    assert [key for key in beside if key.startswith("_keys/")] == [
        f"_keys/{at.manifest(1)['signature']['key_id']}.pem"
    ]
    puts = [line for line in at.journal if "destination _schema" in line and not line.startswith("read")]
    assert len(puts) == 7, "once, not each period"


def test_the_pointer_names_the_newest_period_whatever_is_delivered_later(at):
    at.deliver()
    newest = at.destination.objects["events/_latest.json"]

    at.deliver(HOUR - ONE)

    assert at.destination.objects["events/_latest.json"] == newest
    add_event(at.connection, "event-0002")
    at.deliver()
    assert b'"revision": 2' in at.destination.objects["events/_latest.json"]


def test_a_period_without_rows_gives_a_header_and_a_manifest(at):
    outcome = at.deliver(HOUR - ONE)

    assert (outcome.status, outcome.rows) == ("delivered", 0)
    assert at.destination.objects[outcome.files[0].key] == (
        b"client_id,site_id,event_id,title,amount,received_hour,occurred_at,received_at\n"
    )
    assert at.problems() == []


def test_unchanged_data_is_not_sent_again_and_not_even_rendered(at):
    at.deliver()
    at.journal.clear()
    at.now += ONE

    outcome = at.deliver()

    assert (outcome.status, outcome.revision) == ("unchanged", 1)
    assert at.journal == []
    assert at.states() == [(1, "committed")]
    assert not [path for path in (at.folder / "outbox").rglob("*") if path.is_file()]


def test_changed_data_is_a_new_revision_beside_the_old_one(at):
    at.deliver()
    before = at.data()
    add_event(at.connection, "event-0002")

    outcome = at.deliver()

    assert (outcome.status, outcome.revision, outcome.reason, outcome.rows) == ("delivered", 2, "late", 2)
    manifest = at.manifest(2)
    assert (manifest["revision"], manifest["supersedes"], manifest["reason"]) == (2, 1, "late")
    assert before.items() <= at.data().items()
    assert at.states() == [(1, "committed"), (2, "committed")]
    whole(at, 1, 2)


@pytest.mark.parametrize("reason", ["correction", "erasure"])
def test_who_changed_the_data_on_purpose_says_why(at, reason):
    at.deliver()
    at.connection.execute("UPDATE main.events SET title = NULL")

    outcome = at.deliver(HOUR, EVENTS, reason)

    assert (outcome.reason, at.manifest(2)["reason"]) == (reason, reason)


def test_other_columns_are_a_new_revision_with_another_schema(at):
    at.deliver()
    narrow = EVENTS.model_copy(update={"columns": ["event_id", "title"]})

    assert at.restated(narrow) == [HOUR]
    outcome = at.deliver(export=narrow)

    assert (outcome.revision, outcome.reason) == (2, "schema")
    assert at.manifest(2)["schema"] != at.manifest(1)["schema"]


def test_other_columns_are_no_reason_to_send_years_of_files_again(at):
    at.deliver()
    at.now += timedelta(days=8)

    assert at.restated(EVENTS.model_copy(update={"columns": ["event_id"]})) == []


def test_a_period_is_final_once_no_ordinary_late_event_can_change_it(at):
    at.hours = [HOUR + n * ONE for n in range(1 + 7 * 24)]

    at.deliver()

    assert at.manifest(1)["status"] == "final"


def test_a_destination_that_is_down_does_not_spare_the_backup_its_copy(at):
    at.destination.down()

    outcome = at.deliver()

    assert (outcome.status, outcome.error, outcome.trouble.kind) == ("failed", "destination is down", "retry")
    [row] = at.ledger.all()
    assert (row.state, row.hold, row.error) == ("rendered", "waiting", "destination is down")
    assert MANIFEST.format(1) in at.backup.objects
    assert at.destination.objects == {}


def test_a_backup_that_is_down_does_not_spare_the_client_its_files(at):
    at.backup.down()

    outcome = at.deliver()

    assert (outcome.status, outcome.error) == ("failed", "backup is down")
    assert MANIFEST.format(1) in at.destination.objects


def test_the_next_attempt_commits_the_same_revision_with_the_same_manifest(at):
    at.destination.down()
    at.deliver()
    manifest = at.backup.objects[MANIFEST.format(1)]
    at.destination.heal()
    at.now += timedelta(days=1)
    at.hours.append(HOUR + ONE)

    outcome = at.deliver()

    assert (outcome.status, outcome.revision) == ("delivered", 1)
    assert at.destination.objects[MANIFEST.format(1)] == manifest
    [row] = at.ledger.all()
    assert (row.state, row.error, row.attempts, row.committed_at) == ("committed", None, 2, at.now)


def test_data_that_changes_while_the_destination_is_down_is_delivered_once_and_new(at):
    at.destination.down()
    at.deliver()
    for event_id in ("event-0002", "event-0003"):
        add_event(at.connection, event_id)
        assert at.deliver().status == "failed"
    at.destination.heal()

    outcome = at.deliver()

    assert (outcome.status, outcome.rows) == ("delivered", 3)
    assert at.manifest(outcome.revision)["supersedes"] is None
    whole(at, outcome.revision)


def test_data_that_changed_back_takes_back_what_the_client_may_have_read(at):
    at.deliver()
    add_event(at.connection, "event-0002")
    at.backup.down()
    at.deliver()
    at.backup.heal()
    at.connection.execute("DELETE FROM main.events WHERE event_id = 'event-0002'")

    outcome = at.deliver()

    assert (outcome.status, outcome.revision, outcome.rows) == ("delivered", 3, 1)
    assert at.states() == [(1, "committed"), (2, "committed"), (3, "committed")]
    assert at.problems() == []


def test_data_that_changed_back_before_the_client_saw_it_needs_no_revision(at):
    at.deliver()
    add_event(at.connection, "event-0002")
    at.destination.fail(StoreError("no rights", retryable=False, code="AccessDenied"), at=0)
    assert at.deliver().status == "failed"
    at.destination.heal()
    at.connection.execute("DELETE FROM main.events WHERE event_id = 'event-0002'")

    outcome = at.deliver()

    assert (outcome.status, outcome.revision) == ("unchanged", 1)
    assert at.states() == [(1, "committed"), (2, "superseded")]
    assert at.problems() == []


def test_a_file_that_reads_back_differently_is_a_failure_without_a_manifest(at):
    at.destination.damages = {"events-20261120T14Z"}

    outcome = at.deliver()

    assert (outcome.status, outcome.trouble.kind) == ("failed", "retry")
    assert outcome.error.endswith("reads back differently")
    assert MANIFEST.format(1) not in at.destination.objects


def test_what_somebody_else_put_under_our_key_is_not_overwritten(at):
    at.destination.objects[MANIFEST.format(1)] = b"theirs"

    outcome = at.deliver()

    assert (outcome.status, outcome.trouble.kind) == ("failed", "bucket")
    assert "holds different bytes; not overwritten" in outcome.error
    assert at.destination.objects[MANIFEST.format(1)] == b"theirs"


def test_errors_of_both_buckets_are_both_told_and_the_one_for_a_person_counts(at):
    at.destination.fail(StoreError("no rights", retryable=False, code="AccessDenied"))
    at.backup.down()

    outcome = at.deliver()

    assert (outcome.error, outcome.trouble.kind) == ("no rights; backup is down", "auth")
    [row] = at.ledger.all()
    assert (row.hold, row.kind) == ("blocked", "auth")


def test_a_lost_ledger_takes_over_what_lies_in_the_buckets(at):
    at.deliver()
    add_event(at.connection, "event-0002")
    at.deliver()
    before = dict(at.destination.objects), dict(at.backup.objects)
    at.ledger = Ledger(at.folder / "new.sqlite")
    at.now += timedelta(days=2)

    outcome = at.deliver()

    assert (outcome.status, outcome.revision) == ("unchanged", 2)
    assert (at.destination.objects, at.backup.objects) == before
    assert at.states() == [(1, "committed"), (2, "committed")]
    assert at.deliver().status == "unchanged"


def test_a_lost_ledger_and_changed_data_go_on_with_the_next_revision(at):
    at.deliver()
    at.ledger = Ledger(at.folder / "new.sqlite")
    add_event(at.connection, "event-0002")

    outcome = at.deliver()

    assert (outcome.status, outcome.revision, at.manifest(2)["supersedes"]) == ("delivered", 2, 1)
    whole(at, 1, 2)


def test_a_lost_ledger_and_a_lost_backup_are_filled_from_the_clients_bucket(at):
    at.deliver()
    at.ledger = Ledger(at.folder / "new.sqlite")
    at.backup.objects.clear()
    at.now += ONE

    assert at.deliver().status == "unchanged"

    assert at.data(at.backup) == at.data()


def test_a_filter_that_fits_no_column_is_noted_and_told(at):
    wrong = EVENTS.model_copy(update={"filter": "colour = 'red'"})

    outcome = at.deliver(export=wrong)

    assert (outcome.status, outcome.trouble.kind) == ("failed", "config")
    assert "there is no column colour" in outcome.error
    assert [(row.state, row.hold) for row in at.ledger.all()] == [("planned", "blocked")]
    assert at.deliver().status == "delivered"


def test_who_asks_us_to_wait_is_not_asked_before(at):
    at.destination.fail(StoreError("slow down", retryable=True, code="SlowDown", retry_after=600))
    assert at.deliver().status == "failed"
    at.destination.heal()
    at.journal.clear()
    at.now += timedelta(minutes=9)

    assert at.deliver().status == "failed"
    assert at.journal == []
    at.now += timedelta(minutes=2)
    assert at.deliver().status == "delivered"


@pytest.mark.parametrize("days", [-400, -3, 3, 400])
@pytest.mark.parametrize("after", [None, 600])
def test_a_clock_that_jumped_and_was_set_right_holds_nothing_up(at, days, after):
    right = at.now
    at.now += timedelta(days=days)
    at.destination.fail(StoreError("slow down", retryable=True, code="SlowDown", retry_after=after))
    assert at.deliver().status == "failed"
    at.destination.heal()
    at.now = right

    assert [period.start for period in at.deliverer().open(right)] == [HOUR]
    assert [row.period_start for row in at.ledger.unfinished(right)] == [HOUR]
    assert (at.deliver().status, at.problems()) == ("delivered", [])
    whole(at, 1)


def test_a_delivery_is_announced_once_with_a_signature(at):
    told = EVENTS.model_copy(update={"notify": ["https://hooks.example/a"]})

    at.deliver(export=told)

    [(url, body, headers)] = at.posts
    assert (url, body["revision"], body["signature"]["algorithm"]) == (
        "https://hooks.example/a",
        1,
        "ed25519",
    )
    assert headers["webhook-id"]
    assert at.states() == [(1, "notified")]
