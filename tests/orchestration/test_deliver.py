"""A delivery ends whole or loudly failed, whatever goes wrong on its way, and nothing is overwritten."""

from datetime import timedelta

import pytest
from support.delivering import FILE, MANIFEST
from support.orchestration_builders import HOUR, Crash, add_event

from footfall.store import StoreError

ONE = timedelta(hours=1)


def test_the_first_delivery_puts_file_and_manifest_into_both_buckets(at):
    outcome = at.deliver()

    assert (outcome.status, outcome.revision, outcome.reason, outcome.rows) == ("delivered", 1, "initial", 1)
    assert set(at.destination.objects) == {FILE.format(1), MANIFEST.format(1)}
    assert at.backup.objects == at.destination.objects
    assert at.states() == [(1, "committed")]
    manifest = at.manifest(1)
    assert manifest["files"] == [
        {"key": outcome.key, "bytes": outcome.bytes, "sha256": outcome.sha256, "rows": 1}
    ]
    assert (manifest["supersedes"], manifest["reason"], manifest["is_final"]) == (None, "initial", False)
    assert manifest["complete_through"] == "2026-11-20T15:00:00.000Z"
    assert manifest["period"] == {
        "start": "2026-11-20T14:00:00.000Z",
        "end": "2026-11-20T15:00:00.000Z",
        "timezone": "UTC",
    }
    assert at.problems() == []


def test_the_manifest_is_put_last_after_the_file_was_read_back(at):
    at.deliver()

    for bucket in ("destination", "backup"):
        assert [line.replace(f"{bucket} ", "") for line in at.journal if bucket in line] == [
            f"put {FILE.format(1)}",
            f"get {FILE.format(1)}",
            f"put {MANIFEST.format(1)}",
        ]


def test_a_period_without_rows_gives_a_header_and_a_manifest(at):
    outcome = at.deliver(HOUR - ONE)

    assert (outcome.status, outcome.rows) == ("delivered", 0)
    assert at.destination.objects[outcome.key] == (
        b"client_id,site_id,event_id,title,amount,received_hour,occurred_at\n"
    )
    assert at.problems() == []


def test_unchanged_data_is_not_sent_again(at):
    at.deliver()
    at.journal.clear()
    at.now += ONE

    outcome = at.deliver()

    assert (outcome.status, outcome.revision) == ("unchanged", 1)
    assert at.journal == []
    assert at.states() == [(1, "committed")]


def test_changed_data_is_a_new_revision_beside_the_old_one(at):
    at.deliver()
    before = dict(at.destination.objects)
    add_event(at.connection, "event-0002")

    outcome = at.deliver()

    assert (outcome.status, outcome.revision, outcome.reason, outcome.rows) == ("delivered", 2, "late", 2)
    manifest = at.manifest(2)
    assert (manifest["revision"], manifest["supersedes"], manifest["reason"]) == (2, 1, "late")
    assert {key: at.destination.objects[key] for key in before} == before
    assert at.states() == [(1, "committed"), (2, "committed")]
    assert at.problems() == []


def test_a_period_is_final_once_no_ordinary_late_event_can_change_it(at):
    at.hours = [HOUR + n * ONE for n in range(1 + 7 * 24)]

    at.deliver()

    assert at.manifest(1)["is_final"] is True


def _steps(setting):
    """How many calls a whole delivery makes to each bucket."""
    return {
        name: len([line for line in setting.journal if name in line]) for name in ("destination", "backup")
    }


STEPS = [
    (bucket, at, after) for bucket in ("backup", "destination") for at in range(3) for after in (False, True)
]


def test_the_steps_below_are_all_the_steps(at):
    at.deliver()

    assert _steps(at) == {"destination": 3, "backup": 3}


@pytest.mark.parametrize(("bucket", "step", "after"), STEPS)
def test_after_a_crash_at_any_step_the_next_attempt_ends_with_one_revision(at, bucket, step, after):
    getattr(at, bucket).fail(Crash(), at=step, after=after)
    with pytest.raises(Crash):
        at.deliver()
    left = {**at.destination.objects}, {**at.backup.objects}
    getattr(at, bucket).heal()
    at.now += ONE
    at.hours.append(HOUR + ONE)

    outcome = at.deliver()

    assert (outcome.status, outcome.revision) == ("delivered", 1)
    assert at.states() == [(1, "committed")]
    assert set(at.destination.objects) == {FILE.format(1), MANIFEST.format(1)}
    assert at.destination.objects == at.backup.objects
    assert left[0].items() <= at.destination.objects.items()
    assert left[1].items() <= at.backup.objects.items()
    assert at.problems() == []


@pytest.mark.parametrize(("bucket", "step", "after"), STEPS)
def test_after_an_error_at_any_step_and_changed_data_the_buckets_are_whole(at, bucket, step, after):
    """What a client may have read stays and is superseded; what it cannot have read leaves no hole."""
    getattr(at, bucket).fail(StoreError("no answer", retryable=True), at=step, after=after)
    failed = at.deliver()
    assert (failed.status, failed.error, failed.is_retryable) == ("failed", "no answer", True)
    was_visible = MANIFEST.format(1) in at.destination.objects
    left = {**at.destination.objects}, {**at.backup.objects}
    getattr(at, bucket).heal()
    add_event(at.connection, "event-0002")

    outcome = at.deliver()

    assert (outcome.status, outcome.revision, outcome.rows) == ("delivered", 2, 2)
    assert outcome.reason == ("late" if was_visible else "initial")
    assert at.manifest(2)["supersedes"] == (1 if was_visible else None)
    assert at.states() == [(1, "committed" if was_visible else "abandoned"), (2, "committed")]
    assert left[0].items() <= at.destination.objects.items()
    assert left[1].items() <= at.backup.objects.items()
    assert at.problems() == []


@pytest.mark.parametrize(("bucket", "step", "after"), STEPS)
def test_a_crash_and_changed_data_at_any_step_leave_the_buckets_whole(at, bucket, step, after):
    at.deliver()
    add_event(at.connection, "event-0002")
    getattr(at, bucket).fail(Crash(), at=step, after=after)
    with pytest.raises(Crash):
        at.deliver()
    getattr(at, bucket).heal()
    add_event(at.connection, "event-0003")

    outcome = at.deliver()

    assert (outcome.status, outcome.revision, outcome.rows) == ("delivered", 3, 3)
    assert at.manifest(3)["supersedes"] == (2 if MANIFEST.format(2) in at.destination.objects else 1)
    assert at.problems() == []


def test_a_destination_that_is_down_does_not_spare_the_backup_its_copy(at):
    at.destination.down()

    outcome = at.deliver()

    assert (outcome.status, outcome.error, outcome.is_retryable) == ("failed", "destination is down", True)
    [row] = at.ledger.all()
    assert (row.state, row.error) == ("failed", "destination is down")
    assert set(at.backup.objects) == {FILE.format(1), MANIFEST.format(1)}
    assert at.destination.objects == {}


def test_a_backup_that_is_down_does_not_spare_the_client_its_files(at):
    at.backup.down()

    outcome = at.deliver()

    assert (outcome.status, outcome.error) == ("failed", "backup is down")
    assert set(at.destination.objects) == {FILE.format(1), MANIFEST.format(1)}


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


def test_data_that_changes_while_the_destination_is_down_is_delivered_without_a_hole(at):
    at.destination.down()
    at.deliver()
    for event_id in ("event-0002", "event-0003"):
        add_event(at.connection, event_id)
        assert at.deliver().status == "failed"
        assert len(at.backup.objects) == 2, "what its client cannot be asked about waits"
    at.destination.heal()

    outcome = at.deliver()

    assert (outcome.status, outcome.rows, at.manifest(outcome.revision)["supersedes"]) == (
        "delivered",
        3,
        None,
    )
    assert list(at.destination.objects) == [FILE.format(2), MANIFEST.format(2)]
    assert at.problems() == []


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


def test_data_that_changed_back_before_anybody_saw_it_needs_no_revision(at):
    at.deliver()
    add_event(at.connection, "event-0002")
    at.destination.fail(StoreError("no rights", retryable=False), at=0)
    assert at.deliver().status == "failed"
    at.destination.heal()
    at.connection.execute("DELETE FROM main.events WHERE event_id = 'event-0002'")

    outcome = at.deliver()

    assert (outcome.status, outcome.revision) == ("unchanged", 1)
    assert at.states() == [(1, "committed"), (2, "abandoned")]
    assert at.problems() == []


def test_a_revision_that_was_only_planned_is_no_hole_either(at):
    at.ledger.plan("demo", "events", HOUR, 1, "initial", at.now)

    outcome = at.deliver()

    assert (outcome.status, outcome.revision, at.states()) == ("delivered", 1, [(1, "committed")])


def test_a_file_that_reads_back_differently_is_a_failure_without_a_manifest(at):
    at.destination.damages.add(FILE.format(1))

    outcome = at.deliver()

    assert (outcome.status, outcome.is_retryable) == ("failed", True)
    assert outcome.error == f"memory://destination/{FILE.format(1)} reads back differently"
    assert MANIFEST.format(1) not in at.destination.objects


def test_what_somebody_else_put_under_our_key_is_not_overwritten(at):
    at.destination.objects[FILE.format(1)] = b"theirs"

    outcome = at.deliver()

    assert (outcome.status, outcome.is_retryable) == ("failed", False)
    assert "holds different bytes; not overwritten" in outcome.error
    assert at.destination.objects == {FILE.format(1): b"theirs"}


def test_errors_of_both_buckets_are_both_told(at):
    at.destination.fail(StoreError("no rights", retryable=False))
    at.backup.down()

    outcome = at.deliver()

    assert (outcome.error, outcome.is_retryable) == ("backup is down; no rights", False)
