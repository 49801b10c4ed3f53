"""A process that is killed between any two steps leaves nothing that the next one does not make whole."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "support" / "dying.py"


def _run(*arguments):
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, arguments)],
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


@pytest.mark.proof
def test_killed_at_each_point_it_is_resumed_with_one_revision(tmp_path):
    result = _run(tmp_path, "kill", 1)

    assert result["bad"] == []
    assert result["points"] >= 48


def test_two_processes_at_once_end_as_one_would(tmp_path):
    assert _run(tmp_path, "race", 10)["bad"] == []


@pytest.mark.proof
def test_two_processes_at_once_end_as_one_would_a_hundred_times(tmp_path):
    assert _run(tmp_path, "race", 100)["bad"] == []
