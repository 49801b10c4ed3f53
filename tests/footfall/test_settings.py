"""Settings: what is read from the environment, and that every variable is written down."""

import re
from pathlib import Path

import pytest

from footfall.errors import FootfallError
from footfall.settings import VARIABLES, Settings
from footfall.settings_text import example, table, with_table
from footfall.store import open_store

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


@pytest.mark.parametrize("value", ["0", "3601", "-1", "6.5", "ten", "１０", "9" * 5000])
def test_a_number_out_of_range_is_named_with_its_range(value):
    with pytest.raises(FootfallError, match=r"FOOTFALL_SEGMENT_SECONDS=.*whole number from 1 to 3600"):
        Settings.from_environ({"FOOTFALL_SEGMENT_SECONDS": value})


@pytest.mark.parametrize(
    "name",
    [
        "FOOTFALL_COLLECTOR_PORT",
        "FOOTFALL_UI_PORT",
        "FOOTFALL_SITE_PORT",
        "FOOTFALL_SEGMENT_SECONDS",
        "FOOTFALL_SEGMENT_BYTES",
        "FOOTFALL_SPOOL_BYTES",
    ],
)
def test_every_number_is_checked_and_named(name):
    with pytest.raises(FootfallError, match=f"^{name}='many': expected a whole number"):
        Settings.from_environ({name: "many"})


@pytest.mark.parametrize("value", ["1", "true", "on", "y"])
def test_what_is_neither_yes_nor_no_is_refused(value):
    with pytest.raises(FootfallError, match=f"FOOTFALL_API_KEY_IN_QUERY='{value}': expected yes or no"):
        Settings.from_environ({"FOOTFALL_API_KEY_IN_QUERY": value})


def test_a_variable_that_is_set_to_nothing_has_its_default():
    assert Settings.from_environ(dict.fromkeys(VARIABLES, "")) == Settings.from_environ({})


def test_paths_are_absolute_and_lists_are_split(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    settings = Settings.from_environ(
        {
            "FOOTFALL_HOME": "state",
            "FOOTFALL_CLIENTS": "who",
            "FOOTFALL_TRUSTED_PROXIES": "10.0.0.0/8, ,127.0.0.1",
        }
    )

    assert (settings.home, settings.clients) == (tmp_path / "state", tmp_path / "who")
    assert settings.trusted_proxies == ("10.0.0.0/8", "127.0.0.1")


def test_a_home_with_odd_letters_holds_its_own_lake(tmp_path):
    """A # or ? in the folder's name would otherwise end the URL there: the lake would lie elsewhere."""
    home = tmp_path / "state of #1? 100%"

    lake = open_store(Settings.from_environ({"FOOTFALL_HOME": str(home)}).lake)
    lake.put("k", b"x")

    assert (home / "lake" / "k").read_bytes() == b"x"


def test_the_database_may_be_a_secret_as_rds_keeps_it(tmp_path):
    (tmp_path / "secret").write_text(
        '{"engine": "postgres", "host": "db.internal", "port": 5432, "username": "footfall", '
        '"password": "a/b@c", "dbname": "footfall", "dbInstanceIdentifier": "x"}'
    )
    said = {"FOOTFALL_HOME": str(tmp_path / "h"), "FOOTFALL_POSTGRES": f"file:{tmp_path / 'secret'}"}

    assert Settings.from_environ(said).postgres == (
        "postgresql://footfall:a%2Fb%40c@db.internal:5432/footfall?sslmode=require"
    )
    for wrong in ("{", "{}", '{"username": 1, "password": 2, "host": "x", "port": "y", "dbname": "z"}'):
        (tmp_path / "secret").write_text(wrong)
        with pytest.raises(FootfallError, match=r"^FOOTFALL_POSTGRES: expected postgresql://.* or JSON with"):
            Settings.from_environ(said)


def test_the_example_file_and_the_table_are_made_of_the_settings():
    """`python -m footfall.settings_text` makes both anew."""
    page = (ROOT / "docs" / "operations.md").read_text()

    assert (ROOT / ".env.example").read_text() == example()
    assert page == with_table(page)
    assert re.findall(r"^#(FOOTFALL_[A-Z0-9_]+)=", example(), re.MULTILINE) == list(VARIABLES)
    assert re.findall(r"^\| `(FOOTFALL_[A-Z0-9_]+)` ", table(), re.MULTILINE) == list(VARIABLES)


def test_what_is_not_a_number_of_the_range_is_refused_as_the_table_says_the_range():
    for name, each in VARIABLES.items():
        if each.limits:
            low, high = each.limits
            for value in (low - 1, high + 1):
                with pytest.raises(FootfallError, match=f"^{name}='{value}': expected .*{low} to {high}$"):
                    Settings.from_environ({name: str(value)})
            assert f"| {low} to {high} |" in table()
