"""A proof: on a machine that is kept busy, with reload upon reload, what a person starts is done, once."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from support.dagster_api import OVER, backfill, reloads, runs_of
from support.receiver import receiver

from footfall.catalogue.periods import HOUR_FORMAT
from footfall.hours import HOUR, floor

#: Processes that take all of the machine they get, and seconds between two reloads.
SPINNING, RELOAD_EVERY = 4, 10
#: Seconds in which some run must begin or end, and that an alert may take after that. How long all of them
#: take is the machine's: two cores that others load twelvefold do six in 25 minutes.
STUCK, TOLD_WITHIN = 25 * 60, 300
INGEST = [["ingest", name] for name in ("events", "quarantine", "sites")]
#: Cannot be delivered of an hour that has not ended.
DOOMED = [["deliveries", "demo", "events"]]


@pytest.mark.proof
@pytest.mark.parametrize("backfills", [6, 30])
def test_on_a_busy_machine_and_with_reload_upon_reload_each_backfill_is_one_run_that_ends_as_it_should(
    installation, backfills, record_property
):
    hour = floor(datetime.now(UTC))
    midnight = hour.replace(hour=0)
    first = midnight - backfills * HOUR
    installation.home.mkdir()
    (installation.home / "first_hour").write_text(f"{_text(first)}\n")
    # Nothing is left for the sensor that looks for missed hours.
    done = installation.run("run", "--from", _text(first), "--to", _text(hour))
    assert done.returncode == 0, done.stdout + done.stderr

    with receiver() as receives:
        installation.environment["FOOTFALL_ALERT_WEBHOOK"] = f"{receives.origin}/alerts"
        installation.environment["FOOTFALL_WEBHOOK_PRIVATE"] = "yes"
        up = installation.start("up")
        ui = up.wait_until_it_says(r"Dagster UI\s+(http\S+)")
        begun = time.monotonic()
        with _busy(), _reloading(ui) as counted:
            wanted = {backfill(ui, DOOMED, hour.strftime(HOUR_FORMAT)): "FAILURE"}
            for n in range(1, backfills):
                key = (midnight - n * HOUR).strftime(HOUR_FORMAT)
                wanted[backfill(ui, INGEST, key)] = "SUCCESS"
            runs = _wait_until_over(ui, wanted)
            took = time.monotonic() - begun
        found = {each: [status for _, status in runs[each]] for each in wanted}
        [doomed] = [run for each in wanted if wanted[each] == "FAILURE" for run, _ in runs[each]]
        told = _told(receives, doomed, TOLD_WITHIN)
        assert up.process.poll() is None, up.said
        up.press_control_c()

    record_property("seconds", round(took))
    record_property("reloads", dict(counted))
    assert found == {each: [status] for each, status in wanted.items()}
    assert counted["failed"] == 0 and counted["done"] > 0, counted
    assert len(told) == 1, told
    others = [each for each in _alerts(receives) if each["key"].startswith("run_failed") and each not in told]
    assert others == [], "no other run failed"
    assert "ended" not in up.said.replace("Ctrl-C ends all of it", ""), "no child ended by itself"


def _text(hour: datetime) -> str:
    return f"{hour:%Y-%m-%dT%H}"


@contextmanager
def _busy() -> Iterator[None]:
    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(SPINNING)]
    try:
        yield
    finally:
        for each in spinning:
            each.kill()
            each.wait()


@contextmanager
def _reloading(ui: str) -> Iterator[dict[str, int]]:
    """Reload upon reload, each ten seconds after the one before was asked for, or when it is done."""
    counted = {"done": 0, "failed": 0}
    over = threading.Event()

    def reload() -> None:
        while not over.is_set():
            began = time.monotonic()
            counted["done" if reloads(ui) else "failed"] += 1
            over.wait(max(0.0, RELOAD_EVERY - (time.monotonic() - began)))

    thread = threading.Thread(target=reload)
    thread.start()
    try:
        yield counted
    finally:
        over.set()
        thread.join()


def _wait_until_over(ui: str, wanted: dict[str, str]) -> dict[str, list[tuple[str, str]]]:
    """Backfill → (run, how it ended), once each has a run and none goes on."""
    before: dict[str, list[tuple[str, str]]] = {}
    while True:
        runs = {each: runs_of(ui, each) for each in wanted}
        if all(found and all(status in OVER for _, status in found) for found in runs.values()):
            return runs
        if runs != before:
            before, give_up = runs, time.monotonic() + STUCK
        assert time.monotonic() < give_up, f"not over: {runs}"
        time.sleep(5)


def _alerts(receives) -> list[dict]:
    bodies = [json.loads(each.body) for each in receives.posted]
    return [alert for body in bodies if body["event"] == "firing" for alert in body["alerts"]]


def _told(receives, run: str, seconds: float) -> list[dict]:
    """Alerts of a run; waits for the first, and then as long as two rounds of alerts take for a second."""
    give_up = time.monotonic() + seconds
    while not any(run in (each["link"] or "") for each in _alerts(receives)):
        assert time.monotonic() < give_up, "the run that failed was not told"
        time.sleep(1)
    time.sleep(timedelta(minutes=2).total_seconds())
    return [each for each in _alerts(receives) if run in (each["link"] or "")]
