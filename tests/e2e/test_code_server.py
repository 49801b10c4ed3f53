"""A code server that dies under `footfall up`, with a run that it has started: both are begun again."""

import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.dagster_api import backfill, runs_of
from support.waiting import wait_until

from footfall.catalogue.periods import HOUR_FORMAT
from footfall.hours import floor

INGEST = [["ingest", name] for name in ("events", "quarantine", "sites")]
#: What to look for in the command line of the process with the definitions, and in that of a run.
DEFINITIONS, RUN = b"api\0grpc\0", b"--multiprocessing-fork"


@pytest.mark.proof  # minutes, most of which Dagster waits before it calls a run dead
def test_a_run_whose_process_died_with_its_code_server_is_found_dead_and_done_again(installation):
    up = installation.start("up")
    ui = up.wait_until_it_says(r"Dagster UI\s+(http\S+)")
    up.wait_until_it_says("Ctrl-C ends all of it")
    asked = backfill(ui, INGEST, floor(datetime.now(UTC)).strftime(HOUR_FORMAT))
    died = wait_for(lambda: [run for run, status in runs_of(ui, asked) if status == "STARTED"], 600)

    for pid in [*_pids(installation.home, RUN), *_pids(installation.home, DEFINITIONS)]:
        os.kill(pid, signal.SIGKILL)

    up.wait_until_it_says(r"dagster-code ended \(killed by SIGKILL\)", 120)
    done = wait_for(lambda: [run for run, status in runs_of(ui, asked) if status == "SUCCESS"], 900)
    ended = dict(runs_of(ui, asked))
    assert [ended[run] for run in died] == ["FAILURE"]
    assert len(done) == 1 and done != died
    assert up.process.poll() is None


def wait_for(what, seconds):
    """What is found, once something is."""
    return wait_until(lambda: _quietly(what), seconds=seconds, every=0.2)


def _quietly(what):
    try:
        return what()
    except (OSError, ValueError, KeyError, TypeError):
        return []  # the UI has lost its code server, or is busy


def _pids(home: Path, mark: bytes) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            is_ours = f"FOOTFALL_HOME={home}\0".encode() in (entry / "environ").read_bytes()
            if is_ours and mark in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found
