"""Settings: what is read from the environment, and that every variable is written down."""

import re
from pathlib import Path

import pytest

from footfall.errors import FootfallError
from footfall.settings import VARIABLES, Settings

ROOT = Path(__file__).resolve().parents[2]


def test_an_empty_environment_gives_the_defaults_below_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    settings = Settings.from_environ({})

    assert settings.home == tmp_path / ".footfall"
    assert settings.lake == f"file://{tmp_path}/.footfall/lake"
    assert settings.backup == f"file://{tmp_path}/.footfall/buckets/backup"
    assert settings.import_key is None
    assert settings.trusted_proxies == ()
    assert settings.segment_seconds == 60


@pytest.mark.parametrize("value", ["0", "3601", "-1", "6.5", "ten", "１０"])
def test_a_number_out_of_range_is_named_with_its_range(value):
    with pytest.raises(FootfallError, match="FOOTFALL_SEGMENT_SECONDS=.*whole number from 1 to 3600"):
        Settings.from_environ({"FOOTFALL_SEGMENT_SECONDS": value})


def test_the_example_file_lists_every_variable_and_no_other():
    text = (ROOT / ".env.example").read_text()

    named = re.findall(r"^#? ?(FOOTFALL_[A-Z0-9_]+)=", text, re.MULTILINE)

    assert named == list(VARIABLES)
    for name, (_, meaning) in VARIABLES.items():
        assert meaning in text, name
