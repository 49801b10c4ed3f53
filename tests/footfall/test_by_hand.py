"""The page of commands for people who check a bucket without Footfall, run as it is written."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.logged import Logged
from support.manifests import signer

PAGE = Path(__file__).resolve().parents[2] / "docs" / "verifying-by-hand.md"
TOOLS = ("bash", "jq", "sha256sum", "openssl", "xxd")


def commands(step):
    """The indented lines below a step of the page."""
    text = PAGE.read_text().partition(f"**{step}. ")[2]
    text = re.split(r"\n\*\*\d+\. ", text)[0]
    return "\n".join(line[4:] for line in text.splitlines() if line.startswith("    "))


@pytest.fixture
def bucket(tmp_path):
    if missing := [tool for tool in TOOLS if not shutil.which(tool)]:
        pytest.skip(f"not installed here: {missing}")
    at = Logged(tmp_path)
    for n in range(4):
        at.run(n)
    root = at.stores["main"].root
    (root / "footfall.pem").write_bytes(signer().public_pem)
    return root


def run(bucket, script):
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=bucket,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_manifest_is_proved_to_be_in_a_signed_checkpoint_with_openssl_and_sha256sum(bucket):
    done = run(bucket, commands(6))

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "Signature Verified Successfully\n"


@pytest.mark.parametrize("damage", ["manifest", "leaf", "checkpoint", "key"])
def test_by_hand_a_change_shows(bucket, damage):
    entries = sorted((bucket / "_log" / "entries").iterdir())[-1]
    checkpoint = sorted((bucket / "_log").glob("checkpoints/*/*.txt"))[-1]
    if damage == "manifest":
        newest = sorted((bucket / "events").rglob("_manifest.json"))[-1]
        newest.write_bytes(newest.read_bytes() + b" ")
    elif damage == "leaf":
        entries.write_bytes(entries.read_bytes().replace(b'"export":"sessions"', b'"export":"Sessions"'))
    elif damage == "checkpoint":
        checkpoint.write_bytes(checkpoint.read_bytes().replace(b"acme", b"beta"))
    else:
        subprocess.run(
            "openssl genpkey -algorithm ed25519 | openssl pkey -pubout > footfall.pem",
            shell=True,
            cwd=bucket,
            check=True,
        )

    assert run(bucket, commands(6)).returncode != 0


def test_the_steps_before_find_a_good_bucket_good(bucket):
    for step in (1, 2, 3):
        done = run(bucket, commands(step))
        assert (done.returncode, done.stdout) == (0, ""), (step, done.stderr)
    assert run(bucket, commands(4)).stdout.count("2026-11-20T") == 4
