"""State of a newer program is refused by whatever meets it, in one line, before anything is touched."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing

import duckdb
import pytest
from support.frozen_state import NEXT_HOUR, ROOT, unpack

from footfall.durable import FILE_STEPS, STEPS

RUN = ("run", "--from", NEXT_HOUR[0], "--to", NEXT_HOUR[1])
#: A file or folder of the state folder → a command that a person may give.
FILES = {
    "first_hour": RUN,
    "demo.json": ("demo", "--no-serve"),
    "probes.json": ("doctor",),
    "keys": ("deliveries", "replay"),
    "last-good-clients": ("up",),
    "identities": ("clients", "moved", "demo"),
    "outbox": ("deliveries", "list"),
    "spool": ("up",),
}
DATABASES = {
    "ledger.sqlite": RUN,
    "registry.sqlite": ("domains", "list"),
    "alerts.sqlite": ("alerts", "list"),
    "listings.sqlite": RUN,
    "access.sqlite": ("keys", "list"),
    "erasures.sqlite": ("privacy", "erasures"),
}


@pytest.fixture
def state(tmp_path):
    return unpack(tmp_path)


def collect(state):
    return subprocess.run(
        [sys.executable, "-m", "collector"],
        cwd=ROOT, env=state.environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def refusal(done, *words):
    """The one line that a command ended with, which says each of the words."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    [line] = [line for line in done.stderr.splitlines() if "version" in line]
    for word in (*words, "knows versions up to ", "docs/operations.md#versions"):
        assert word in line, line
    return line


def test_every_file_with_a_version_is_tried_here():
    assert FILES.keys() == FILE_STEPS.keys()
    assert DATABASES.keys() | {"warehouse.duckdb"} == STEPS.keys()


@pytest.mark.parametrize("name", FILES)
def test_a_newer_file_is_refused_by_every_command(state, name):
    (state.home / "versions.json").write_text(json.dumps({name: 2}))

    refusal(state.footfall(*FILES[name]), f"{state.home}/{name} is of version 2")


def test_a_newer_spool_is_refused_by_the_collector(state):
    (state.home / "versions.json").write_text(json.dumps({"spool": 2}))

    refusal(collect(state), f"{state.home}/spool is of version 2")
    assert list(state.home.glob("spool/*/*.open")), "nothing was sealed"


@pytest.mark.parametrize("name", DATABASES)
def test_a_newer_database_is_refused_by_every_command_and_not_touched(state, name):
    path = state.home / name
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = path.read_bytes()

    refusal(state.footfall(*DATABASES[name]), f"{path} is of version 99")
    assert path.read_bytes() == before


def test_a_newer_warehouse_is_refused_by_the_run_and_nothing_is_delivered(state):
    path = state.home / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE ingest.state_version AS SELECT 7 AS version")
    before = (state.home / "ledger.sqlite").read_bytes()

    line = refusal(state.footfall(*RUN), f"{path} is of version 7")

    assert line.startswith("ingest: ")
    assert (state.home / "ledger.sqlite").read_bytes() == before


#: What is no version of anything.
NO_VERSIONS = ("1e999", "-5", "1.5", "true", "null", '"two"', "[1]", "9" * 5000)


def damaged(done, path):
    assert done.returncode == 1, done.stdout + done.stderr
    [line] = done.stderr.splitlines()
    assert f"{path} is damaged" in line


@pytest.mark.parametrize("text", [*(f'{{"keys": {said}}}' for said in NO_VERSIONS), "[1]", "null", "", "["])
def test_a_version_that_is_none_is_told_in_one_line(state, text):
    (state.home / "versions.json").write_text(text)

    damaged(state.footfall("deliveries", "list"), state.home / "versions.json")


@pytest.mark.parametrize("text", [*(f'{{"lake": {said}}}' for said in NO_VERSIONS[:4]), "[]", ""])
def test_a_version_of_the_lake_that_is_none_is_told_in_one_line(state, text):
    (state.home / "lake" / "_footfall.json").write_text(text)
    log = state.folder / "access.log"
    log.write_text('192.0.2.1 - - [29/Nov/2026:12:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "Mozilla/5.0"\n')

    done = state.footfall("import", str(log), "--client", "demo")

    assert done.returncode == 1, done.stdout
    [line] = done.stderr.splitlines()
    assert "_footfall.json is damaged" in line


@pytest.mark.parametrize("value", ["NULL::INTEGER", "'x'", "-1"])
def test_a_version_of_the_warehouse_that_is_none_is_told_in_one_line(state, value):
    path = state.home / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("DROP TABLE IF EXISTS ingest.state_version")
        connection.execute(f"CREATE TABLE ingest.state_version AS SELECT {value} AS version")

    damaged(state.footfall("deliveries", "restate"), path)


def test_a_version_of_a_database_that_is_none_is_told_in_one_line(state):
    path = state.home / "registry.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = -1")

    damaged(state.footfall("domains", "list"), path)


@pytest.mark.parametrize("act", ["collect", "import", "run"])
def test_a_newer_lake_is_refused(state, act):
    (state.home / "lake" / "_footfall.json").write_text('{"lake": 2}')
    log = state.folder / "access.log"
    log.write_text('192.0.2.1 - - [29/Nov/2026:12:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "Mozilla/5.0"\n')

    done = {
        "collect": lambda: collect(state),
        "import": lambda: state.footfall("import", str(log), "--client", "demo"),
        "run": lambda: state.footfall(*RUN),
    }[act]()

    refusal(done, "_footfall.json is of version 2 of the lake")


def test_a_state_without_versions_gets_them_and_keeps_them(state):
    assert state.footfall("deliveries", "list").returncode == 0

    assert json.loads((state.home / "versions.json").read_text()) == {
        name: len(steps) for name, steps in FILE_STEPS.items()
    }
    with closing(sqlite3.connect(state.home / "ledger.sqlite")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(STEPS["ledger.sqlite"]),)
