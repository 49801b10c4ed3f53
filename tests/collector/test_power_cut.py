"""The power goes: what was acknowledged is there when it comes back. Only this shows that fsync happens."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HELPER = Path(__file__).resolve().parents[1] / "support" / "power_cut.py"


def cut_power(folder: Path, cycles: int, mode: str) -> dict[str, int]:
    """Run the cuts in a mount namespace of their own, so that a failed test leaves no mount behind."""
    if os.geteuid() != 0:
        pytest.skip("a power cut needs root: it mounts a file system")
    for tool in ("unshare", "mount", "mkfs.ext4"):
        if not shutil.which(tool):
            pytest.skip(f"a power cut needs {tool}")
    if not Path("/dev/loop-control").exists():
        pytest.skip("a power cut needs a loop device")
    tried = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
    if tried.returncode != 0:
        pytest.skip("a power cut needs a mount namespace, which is not allowed here")
    root = HELPER.parents[2]
    done = subprocess.run(
        ["unshare", "-m", sys.executable, str(HELPER), str(folder), str(cycles), mode],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(root), str(root / "tests")])},
        timeout=60 + 10 * cycles,
    )
    if "'mount', '-o', 'loop'" in done.stderr:
        pytest.skip("a power cut needs a loop device, and none can be had here")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_five_power_cuts_under_load_lose_nothing_acknowledged(tmp_path):
    result = cut_power(tmp_path, 5, "synced")

    assert result["acknowledged"] > 100
    assert result["lost"] == 0


def test_a_collector_that_does_not_sync_is_caught(tmp_path):
    """The proof of the proof: without fsync the same cuts lose acknowledged events."""
    result = cut_power(tmp_path, 2, "unsynced")

    assert result["acknowledged"] > 40
    assert result["cycles_with_loss"] >= 1


@pytest.mark.proof
def test_two_hundred_power_cuts_under_load_lose_nothing_acknowledged(tmp_path):
    result = cut_power(tmp_path, 200, "synced")

    assert result["acknowledged"] > 20_000
    assert result["lost"] == 0
