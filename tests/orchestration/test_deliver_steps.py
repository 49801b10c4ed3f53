"""After a crash or an error at any call to any bucket, the next attempt makes everything whole."""

from datetime import timedelta

import pytest
from support.delivering import MANIFEST
from support.orchestration_builders import HOUR, Crash, add_event

from footfall.store import StoreError

ONE = timedelta(hours=1)


#: Calls that a delivery makes to each bucket after the first one of its export: head, file, read back,
#: manifest; pointer read and swapped.
CALLS = {"backup": 3, "destination": 6}
STEPS = [
    (bucket, at, after)
    for bucket, calls in CALLS.items()
    for at in range(calls)
    for after in (False, True)
    if not (bucket == "destination" and at == 0)
]


@pytest.fixture
def later(at):
    """A setting in which schemas and keys are in place, so that the calls are those of CALLS."""
    at.deliver(HOUR - ONE)
    at.journal.clear()
    return at


def test_the_steps_below_are_all_the_steps(later):
    later.deliver()

    for bucket, calls in CALLS.items():
        assert len([line for line in later.journal if bucket in line]) == calls


def others(setting):
    """Without the period that prepared the setting."""
    return {k: v for k, v in setting.data().items() if "hour=13" not in k}


@pytest.mark.parametrize(("bucket", "step", "after"), STEPS)
def test_after_a_crash_at_any_step_the_next_attempt_ends_with_one_revision(later, bucket, step, after):
    at = later
    getattr(at, bucket).fail(Crash(), at=step, after=after)
    with pytest.raises(Crash):
        at.deliver()
    left = at.data(), at.data(at.backup)
    getattr(at, bucket).heal()
    at.now += ONE
    at.hours.append(HOUR + ONE)

    outcome = at.deliver()

    assert (outcome.status, outcome.revision) == ("delivered", 1)
    assert at.states()[1:] == [(1, "committed")]
    assert len(others(at)) == 2
    assert at.data() == at.data(at.backup)
    assert left[0].items() <= at.data().items()
    assert left[1].items() <= at.data(at.backup).items()
    assert at.problems() == []


@pytest.mark.parametrize(("bucket", "step", "after"), STEPS)
def test_after_an_error_at_any_step_and_changed_data_the_buckets_are_whole(later, bucket, step, after):
    """What a client may have read stays and is superseded; what it cannot have read is never delivered."""
    at = later
    getattr(at, bucket).fail(StoreError("no answer", retryable=True), at=step, after=after)
    failed = at.deliver()
    assert (failed.status, failed.error, failed.trouble.kind) == ("failed", "no answer", "retry")
    was_visible = MANIFEST.format(1) in at.destination.objects
    in_backup = MANIFEST.format(1) in at.backup.objects
    left = at.data(), at.data(at.backup)
    getattr(at, bucket).heal()
    add_event(at.connection, "event-0002")

    outcome = at.deliver()

    assert (outcome.status, outcome.rows) == ("delivered", 2)
    if was_visible:
        assert (outcome.revision, outcome.reason) == (2, "late")
        assert at.manifest(2)["supersedes"] == 1
    assert left[0].items() <= at.data().items()
    assert left[1].items() <= at.data(at.backup).items()
    assert at.problems() == []
    newest = at.manifest(outcome.revision)
    assert newest["files"][0]["rows"] == 2
    assert in_backup or outcome.revision == 1 or was_visible


@pytest.mark.parametrize(("bucket", "step", "after"), STEPS)
def test_a_crash_and_changed_data_at_any_step_leave_the_buckets_whole(later, bucket, step, after):
    at = later
    at.deliver()
    add_event(at.connection, "event-0002")
    at.destination.journal.clear()
    shift = 1 if bucket == "destination" else 0  # a known period is not looked for
    getattr(at, bucket).fail(Crash(), at=step - shift, after=after)
    with pytest.raises(Crash):
        at.deliver()
    getattr(at, bucket).heal()
    add_event(at.connection, "event-0003")

    outcome = at.deliver()

    assert (outcome.status, outcome.rows) == ("delivered", 3)
    assert at.problems() == []
    delivered = [row.revision for row in at.ledger.all() if row.is_delivered and row.period_start == HOUR]
    assert at.manifest(outcome.revision)["supersedes"] == delivered[-2]
