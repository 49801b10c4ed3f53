"""Dagster's history over connections that stay open: nothing is lost, and everybody sees the same."""

import queue
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest


@dg.asset
def something() -> None:
    pass


@dg.job
def nothing():
    pass


def run_of(instance):
    return dg.materialize([something], instance=instance).run_id


def kinds(instance, run_id):
    return [entry.dagster_event_type for entry in instance.all_logs(run_id) if entry.dagster_event_type]


def open_files(folder):
    """Names of the history's files that this process holds open."""
    held = set()
    for number in Path("/proc/self/fd").iterdir():
        try:
            held.add(number.readlink())
        except FileNotFoundError:
            continue
    return {path.name for path in held if path.suffix == ".db" and folder in path.parents}


def test_dagsters_own_storage_reads_what_was_written_here_and_the_other_way_round(instance, tmp_path):
    ours = run_of(instance)

    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.from_config(str(tmp_path)) as plain:
        assert kinds(plain, ours) == kinds(instance, ours)
        assert plain.get_latest_materialization_event(something.key).run_id == ours
        theirs = run_of(plain)

    assert kinds(instance, theirs) == kinds(instance, ours)
    assert instance.get_latest_materialization_event(something.key).run_id == theirs


def test_what_another_process_adds_to_a_run_is_seen_while_its_file_is_open(instance):
    run = instance.create_run_for_job(nothing)
    instance.report_engine_event("one", run)
    other = (
        "import dagster, sys\n"
        "with dagster.DagsterInstance.get() as instance:\n"
        "    instance.report_engine_event('two', instance.get_run_by_id(sys.argv[1]))\n"
    )

    subprocess.run([sys.executable, "-W", "ignore", "-c", other, run.run_id], check=True, timeout=60)
    instance.report_engine_event("three", run)

    assert [entry.dagster_event.message for entry in instance.all_logs(run.run_id)] == ["one", "two", "three"]


def test_who_watches_a_run_sees_what_another_process_adds_at_once(instance):
    run = instance.create_run_for_job(nothing)
    seen = queue.Queue()
    instance.watch_event_logs(run.run_id, None, lambda entry, _cursor: seen.put(entry.dagster_event.message))
    # It holds its connection to the end: nothing comes only because that closes.
    other = (
        "import dagster, sys\n"
        "with dagster.DagsterInstance.get() as instance:\n"
        "    run = instance.get_run_by_id(sys.argv[1])\n"
        "    for message in sys.stdin:\n"
        "        instance.report_engine_event(message.strip(), run)\n"
    )
    writer = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", other, run.run_id],
        stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1,
    )  # fmt: skip
    try:
        for number in range(6):  # the first ones also change the file itself: it is made
            writer.stdin.write(f"{number}\n")
            assert seen.get(timeout=20) == str(number)
    finally:
        writer.communicate(timeout=30)


def test_events_of_many_threads_are_all_kept(instance):
    runs = [instance.create_run_for_job(nothing) for _ in range(4)]

    with ThreadPoolExecutor(8) as threads:
        for n in range(80):
            threads.submit(instance.report_engine_event, str(n), runs[n % 4])

    said = {run.run_id: {e.dagster_event.message for e in instance.all_logs(run.run_id)} for run in runs}
    assert said == {run.run_id: {str(n) for n in range(80) if n % 4 == i} for i, run in enumerate(runs)}


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc here to see open files in")
def test_looking_at_many_runs_holds_no_file_for_each(instance, tmp_path):
    runs = [run_of(instance) for _ in range(5)]

    for run_id in runs:
        assert instance.all_logs(run_id)

    held = open_files(tmp_path / "history" / "runs")
    assert f"{runs[-1]}.db" in held
    assert len(held) <= 2
    instance.dispose()
    assert open_files(tmp_path / "history" / "runs") == set()


def test_a_history_that_was_wiped_is_empty_and_can_be_written_again(instance):
    before = run_of(instance)

    instance.wipe()

    assert instance.all_logs(before) == []
    assert not instance.has_run(before)
    after = run_of(instance)
    assert dg.DagsterEventType.RUN_SUCCESS in kinds(instance, after)
