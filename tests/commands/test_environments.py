"""A production installation refuses what is unsafe, a line each; the two files of environments are whole."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values
from support.command_line import command_line
from support.repository import ROOT

from footfall.clients import registry_of
from footfall.environments import EXAMPLE_KEYS
from footfall.settings import VARIABLES, Settings

FILES = ROOT / "deploy" / "environments"
CLIENT = """\
client_id: acme
name: Acme
sites: [{site_id: acme, key: pk_acme_Zr83bQwL, domains: [acme.example]}]
destination: {url: "file://${FOOTFALL_HOME}/buckets/acme"}
exports: [{name: events, dataset: events, cadence: hourly}]
"""
#: Each alone is refused: variables → what the line says.
UNSAFE = {
    "cors": ({"FOOTFALL_CORS_ORIGINS": "https://a.example, *"}, "FOOTFALL_CORS_ORIGINS=*: name the origins"),
    "ui": ({"FOOTFALL_UI_HOST": "0.0.0.0"}, "FOOTFALL_UI_HOST=0.0.0.0 without a login"),
    "query": (
        {"FOOTFALL_API_KEY_IN_QUERY": "yes"},
        "FOOTFALL_API_KEY_IN_QUERY=yes: keys would end up in logs",
    ),
    "import": ({"FOOTFALL_IMPORT_KEY": "s3cret"}, "a FOOTFALL_IMPORT_KEY of fewer than 20 characters"),
    "password": (
        {"FOOTFALL_POSTGRES": "postgresql://dagster:postgres@db/dagster"},
        "a FOOTFALL_POSTGRES whose password can be guessed",
    ),
    "user": (
        {"FOOTFALL_POSTGRES": "postgresql://ours:ours@db/dagster"},
        "a FOOTFALL_POSTGRES whose password can be guessed",
    ),
}


@pytest.fixture
def prod(tmp_path):
    """A production installation that is safe, with an empty state folder."""
    made = command_line(tmp_path / "home")
    made.clients = tmp_path / "clients"
    made.clients.mkdir()
    (made.clients / "acme.yaml").write_text(CLIENT)
    made.home.mkdir(mode=0o700)
    # In the working folder of commands no file is read; these come by the environment.
    made.settings = {name: value or "" for name, value in dotenv_values(FILES / "prod.env").items()}
    return made


def start_collector(installation):
    return subprocess.run(
        [sys.executable, "-m", "collector"],
        cwd=ROOT, env=installation.environment(), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_the_two_files_say_the_same_names_and_only_settings_that_there_are():
    dev, prod = (dotenv_values(FILES / f"{name}.env") for name in ("dev", "prod"))

    assert list(dev) == list(prod)
    assert set(dev) <= set(VARIABLES)
    assert all(dev[name] != prod[name] for name in dev)
    for each in (dev, prod):
        Settings.from_environ({name: value or "" for name, value in each.items()})


def test_the_example_keys_are_those_of_the_shipped_clients(tmp_path):
    settings = Settings.from_environ(
        {"FOOTFALL_HOME": str(tmp_path), "FOOTFALL_CLIENTS": str(ROOT / "clients")}
    )
    keys = {site.key for client in registry_of(settings).clients for site in client.sites}

    assert keys == set(EXAMPLE_KEYS)


def test_production_refuses_each_unsafe_setting_with_one_line_of_its_own(prod):
    variables = {name: value for each, _ in UNSAFE.values() for name, value in each.items()}
    prod.settings |= variables
    (prod.clients / "demo.yaml").write_text((ROOT / "clients" / "demo.yaml").read_text())
    prod.home.chmod(0o755)
    (prod.home / "keys").mkdir()
    (prod.home / "keys").chmod(0o755)  # whatever the umask
    env_file = prod.home.parent / "settings.env"
    env_file.write_text("")
    env_file.chmod(0o644)
    prod.settings["FOOTFALL_ENV_FILE"] = str(env_file)

    for command in ("up", "api"):
        done = prod(command)

        assert (done.returncode, done.stdout) == (1, "")
        assert "s3cret" not in done.stderr
        lines = done.stderr.removeprefix(f"footfall {command}: ").splitlines()
        assert all(line.startswith("FOOTFALL_ENVIRONMENT=prod refuses ") for line in lines)
        for said in (said for _, said in UNSAFE.values()):
            assert [line for line in lines if said in line]
        assert [line for line in lines if "pk_shop_Hn40rBy6 of client demo" in line]
        for path in (prod.home, prod.home / "keys", env_file):
            assert [line for line in lines if f" {path}, which other users" in line], "nothing was closed yet"


@pytest.mark.parametrize("name", UNSAFE)
def test_the_collector_refuses_as_well(prod, name):
    variables, said = UNSAFE[name]
    prod.settings |= variables

    done = start_collector(prod)

    (line,) = done.stderr.splitlines()
    assert (done.returncode, line.startswith("collector: FOOTFALL_ENVIRONMENT=prod refuses ")) == (1, True)
    assert said in line


def test_a_developers_machine_refuses_none_of_it(prod):
    prod.settings |= {
        "FOOTFALL_ENVIRONMENT": "dev",
        "FOOTFALL_CORS_ORIGINS": "*",
        "FOOTFALL_UI_HOST": "0.0.0.0",
    }
    prod.home.chmod(0o755)
    with socket.socket() as taken:  # so that the start goes no further than its ports
        taken.bind(("127.0.0.1", int(prod.ports["FOOTFALL_API_PORT"])))
        taken.listen()

        done = prod("api")

    assert "is in use" in done.stderr
    assert "refuses" not in done.stderr
    assert prod.home.stat().st_mode & 0o077 == 0, "it is closed instead"


def test_doctor_says_what_a_production_installation_would_refuse(prod):
    assert "ok    settings: safe for FOOTFALL_ENVIRONMENT=prod" in prod("doctor").stdout

    prod.settings["FOOTFALL_CORS_ORIGINS"] = "*"
    done = prod("doctor")
    assert "FAIL  settings: FOOTFALL_ENVIRONMENT=prod refuses FOOTFALL_CORS_ORIGINS=*" in done.stdout
    assert done.returncode == 1


def test_a_secret_may_be_kept_in_a_file_and_one_that_is_missing_is_named(prod):
    secret = Path(prod.home.parent, "import-key")
    secret.write_text("short\n")
    prod.settings["FOOTFALL_IMPORT_KEY"] = f"file:{secret}"
    assert "a FOOTFALL_IMPORT_KEY of fewer than 20 characters" in start_collector(prod).stderr

    secret.unlink()
    done = start_collector(prod)
    assert done.stderr == (
        f"collector: FOOTFALL_IMPORT_KEY: the file {secret} cannot be read: No such file or directory\n"
    )
