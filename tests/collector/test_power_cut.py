"""The power goes: what was acknowledged is there when it comes back. Only this shows that fsync happens."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HELPER = Path(__file__).resolve().parents[1] / "support" / "power_cut.py"


def cut_power(folder: Path, cycles: int, what: str, mode: str) -> dict[str, int]:
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
        ["unshare", "-m", sys.executable, str(HELPER), str(folder), str(cycles), what, mode],
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


def test_power_cuts_under_load_lose_nothing_acknowledged(tmp_path):
    result = cut_power(tmp_path, 5, "collector", "synced")

    assert result["acknowledged"] > 100
    assert result["lost"] == 0


def test_fifty_power_cuts_of_a_bare_spool_lose_nothing_acknowledged(tmp_path):
    result = cut_power(tmp_path, 50, "spool", "synced")

    assert result["acknowledged"] > 5_000
    assert result["lost"] == 0


@pytest.mark.parametrize("what", ["collector", "spool"])
def test_one_that_does_not_sync_is_caught(tmp_path, what):
    """The proof of the proof: without fsync the same cuts lose acknowledged events."""
    result = cut_power(tmp_path, 3, what, "unsynced")

    assert result["acknowledged"] > 40
    assert result["cycles_with_loss"] >= 1


@pytest.mark.proof
@pytest.mark.parametrize(("what", "cycles"), [("collector", 200), ("spool", 500)])
def test_hundreds_of_power_cuts_lose_nothing_acknowledged(tmp_path, what, cycles):
    result = cut_power(tmp_path, cycles, what, "synced")

    assert result["acknowledged"] > 100 * cycles
    assert result["lost"] == 0
