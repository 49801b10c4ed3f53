"""A process that is killed between any two steps leaves nothing that the next one does not make whole."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "support" / "dying.py"


def _run(*arguments, within=()):
    done = subprocess.run(
        [*within, sys.executable, str(SCRIPT), *map(str, arguments)],
        cwd=SCRIPT.parents[2],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (SCRIPT.parents[2], SCRIPT.parents[1])))},
        capture_output=True,
        text=True,
        timeout=550,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_killed_at_any_point_it_is_resumed_with_one_revision(tmp_path):
    result = _run(tmp_path, "kill", 2)

    assert result["bad"] == []
    assert result["points"] >= 24


def test_killed_while_hours_go_together_each_is_delivered_once(tmp_path):
    result = _run(tmp_path, "together", 13)

    assert result["bad"] == []
    assert result["points"] >= 8


@pytest.mark.proof
def test_killed_at_each_point_of_hours_that_go_together_each_is_delivered_once(tmp_path):
    result = _run(tmp_path, "together", 1)

    assert result["bad"] == []
    assert result["points"] >= 48


@pytest.mark.proof
def test_killed_at_each_point_it_is_resumed_with_one_revision(tmp_path):
    result = _run(tmp_path, "kill", 1)

    assert result["bad"] == []
    assert result["points"] >= 48


def test_on_a_full_disk_it_waits_and_is_delivered_whole_once_there_is_room(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size=2m small '{disk}' && exec \"$@\""
    within = ("unshare", "--map-root-user", "--mount", "sh", "-c", mount, "sh")
    if not shutil.which("unshare") or subprocess.run([*within, "true"], check=False).returncode:
        pytest.skip("this system lets nobody mount a small disk")

    result = _run(disk, "full", 40, within=within)

    assert result["said"][0] == "failed"
    assert set(result["said"][:-1]) == {"failed"}
    assert result["said"][-1] in ("delivered", "unchanged"), "the last thing that lacked room may be the log"
    assert result["problems"] == []
    assert result["rows"] == [2]


def test_two_processes_at_once_end_as_one_would(tmp_path):
    assert _run(tmp_path, "race", 10)["bad"] == []


@pytest.mark.proof
def test_two_processes_at_once_end_as_one_would_a_hundred_times(tmp_path):
    assert _run(tmp_path, "race", 100)["bad"] == []
