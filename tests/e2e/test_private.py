"""What Footfall keeps can be read by its own user and nobody else, whatever the umask."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.collectors import CollectorProcess, batch, wire_event
from support.frozen_state import ROOT, unpack

from footfall.store import LocalStore


def open_to_others(folder, *, but=()):
    """Files and folders below that others may read or enter, without what lies in `but`."""
    found = [folder, *folder.rglob("*")]
    return [
        path
        for path in found
        if path.lstat().st_mode & 0o077 and not any(each in (path, *path.parents) for each in but)
    ]


@pytest.fixture
def wide_umask():
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("wide_umask")
def test_a_collector_keeps_salts_segments_and_raw_objects_to_itself(tmp_path):
    process = CollectorProcess(tmp_path / "home", settings={"FOOTFALL_SEGMENT_SECONDS": "1"}).start()
    try:
        assert process.ask("POST", "/collect", batch(wire_event("an-event"))).status == 204
        while not list((tmp_path / "home" / "lake" / "raw").rglob("*.zst")):
            pass
    finally:
        process.end()

    assert list((tmp_path / "home" / "lake" / "salts").rglob("*.json"))
    assert open_to_others(tmp_path / "home" / "lake") == []
    assert open_to_others(tmp_path / "home" / "spool") == []


@pytest.mark.usefixtures("wide_umask")
def test_a_start_closes_what_an_earlier_version_left_open(tmp_path):
    state = unpack(tmp_path)
    for path in [state.home, *state.home.rglob("*")]:
        path.chmod(0o777 if path.is_dir() else 0o666)

    assert state.footfall("deliveries", "list").returncode == 0

    buckets = [state.home / "buckets" / name for name in ("demo", "agency")]
    assert open_to_others(state.home, but=[state.home / "buckets"]) == []
    assert open_to_others(state.home / "buckets" / "backup") == []
    assert all(bucket.stat().st_mode & 0o777 == 0o777 for bucket in buckets), "theirs to close"


def test_secrets_that_are_opened_later_are_closed_by_the_next_start(tmp_path):
    state = unpack(tmp_path)
    state.footfall("deliveries", "list")
    secret = [*(state.home / "keys").iterdir(), *(state.home / "lake" / "salts").rglob("*.json")]
    for path in [state.home, state.home / "ledger.sqlite", *secret]:
        path.chmod(0o755)

    state.footfall("deliveries", "list")

    closed = [state.home, state.home / "ledger.sqlite", *secret]
    assert [path for path in closed if path.stat().st_mode & 0o077] == []


@pytest.mark.usefixtures("wide_umask")
@pytest.mark.parametrize(("folder", "file"), [(0o700, 0o600), (0o750, 0o640), (0o755, 0o644)])
def test_who_may_read_a_folder_may_read_what_is_put_into_it(tmp_path, folder, file):
    (tmp_path / "bucket").mkdir()
    (tmp_path / "bucket").chmod(folder)

    LocalStore(tmp_path / "bucket").put("events/dt=2026-11-20/file.csv", b"rows")

    made = tmp_path / "bucket" / "events"
    assert [path.stat().st_mode & 0o777 for path in (made, made / "dt=2026-11-20")] == [folder, folder]
    assert (made / "dt=2026-11-20" / "file.csv").stat().st_mode & 0o777 == file


@pytest.mark.usefixtures("wide_umask")
def test_a_run_leaves_nothing_open(tmp_path):
    script = "import sys; from commands.cli import main; sys.exit(main(sys.argv[1:]))"
    environment = {**os.environ, "FOOTFALL_HOME": str(tmp_path / "home")}

    done = subprocess.run(
        [sys.executable, "-c", script, "doctor"], cwd=ROOT, env=environment, capture_output=True, check=False
    )

    assert b"ok    lake" in done.stdout
    assert open_to_others(Path(tmp_path / "home")) == []
