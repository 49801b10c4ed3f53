"""What a command reads of the environment and of `.env`, and what it says of names that it does not know."""

import os
import subprocess
import sys

import pytest
from support.repository import ROOT


@pytest.fixture
def run(tmp_path):
    """`footfall clients` in an empty working folder with these variables and no others of ours."""

    def call(**variables: str) -> "subprocess.CompletedProcess[str]":
        inherited = {n: v for n, v in os.environ.items() if not n.startswith("FOOTFALL")}
        return subprocess.run(
            [sys.executable, "-P", "-m", "commands.entry", "clients"],
            cwd=tmp_path, env=inherited | variables, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    return call


def test_a_file_env_in_the_working_folder_is_read_and_the_environment_wins(run, tmp_path):
    (tmp_path / ".env").write_text(f'# ours\nexport FOOTFALL_CLIENTS="{ROOT / "clients"}"\nOTHER=$HOME\n')

    assert "demo: Demo Shop" in run().stdout

    (tmp_path / "none").mkdir()
    done = run(FOOTFALL_CLIENTS="none")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_mistake_in_the_file_is_one_line_that_shows_no_value(run, tmp_path):
    (tmp_path / ".env").write_text("FOOTFALL_UI_PORT=3000\nFOOTFALL_IMPORT_KEY s3cret\n")

    done = run()

    assert done.returncode == 1
    assert done.stderr == f"footfall clients: {tmp_path / '.env'} line 2: expected NAME=VALUE\n"


def test_a_file_that_was_asked_for_and_is_missing_is_named(run, tmp_path):
    done = run(FOOTFALL_ENV_FILE="settings")

    assert done.returncode == 1
    assert done.stderr == (f"footfall clients: FOOTFALL_ENV_FILE: there is no file {tmp_path / 'settings'}\n")


@pytest.mark.parametrize("is_in_file", [False, True])
def test_a_misspelt_variable_is_told_of_with_the_nearest_name_and_no_value(run, tmp_path, is_in_file):
    given = {"FOOTFALL_CLIENT": "s3cret", "FOTFALL_HOME": "s3cret", "FOOTFALL_QQQQ": "s3cret"}
    if is_in_file:
        (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in given.items()))

    done = run(**({} if is_in_file else given))

    said = sorted(done.stderr.splitlines())
    assert said[0].endswith("FOOTFALL_CLIENT is not a variable of Footfall and is not read; "
                            "did you mean FOOTFALL_CLIENTS?")  # fmt: skip
    assert any(line.endswith("FOOTFALL_QQQQ is not a variable of Footfall and is not read") for line in said)
    assert any("did you mean FOOTFALL_HOME?" in line for line in said)
    assert (len(said), "s3cret" in done.stderr) == (3, False)
