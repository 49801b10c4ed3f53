"""What tests run in the place of `python -m commands.entry` ends and speaks as that does."""

import subprocess
import sys

import pytest
from support.preloaded import ENTRY, ROOT, run_command


@pytest.mark.parametrize(
    "words",
    [
        ["--version"],
        ["clients"],
        ["deliveries", "list"],
        ["delivreies"],
        ["run"],
        ["verify", "/nothing/here"],
    ],
    ids=" ".join,
)
def test_a_command_without_its_start_says_what_it_says_from_nothing(footfall, words):
    environment = footfall.environment()
    real = subprocess.run(
        [sys.executable, "-m", ENTRY, *words], cwd=ROOT, env=environment, capture_output=True, text=True
    )

    done = run_command(words, environment)

    assert (done.returncode, done.stdout, done.stderr) == (real.returncode, real.stdout, real.stderr)


def test_the_environment_is_the_one_that_was_given(footfall, monkeypatch):
    monkeypatch.setenv("FOOTFALL_HOME", "/not/this")
    environment = footfall.environment() | {"FOOTFALL_SALES": "1"}

    done = run_command(["clients"], environment)

    assert "FOOTFALL_SALES" in done.stderr
    assert footfall("clients").stderr == ""


def test_one_that_does_not_end_is_killed(footfall, listening):
    silent = f"http://127.0.0.1:{listening.getsockname()[1]}"
    settings = {"FOOTFALL_LAKE": "s3://lake", "FOOTFALL_S3_ENDPOINT": silent}
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}

    with pytest.raises(subprocess.TimeoutExpired):
        run_command(["doctor"], footfall.environment() | settings | keys, seconds=2)
