"""A ledger, registry, book or warehouse that is damaged: one clear line, and no traceback."""

import sqlite3
from contextlib import closing

import duckdb
import pytest
from support.frozen_state import NEXT_HOUR, unpack

RUN = ("run", "--from", NEXT_HOUR[0], "--to", NEXT_HOUR[1])
COMMANDS = {
    "ledger.sqlite": [("deliveries", "list"), RUN],
    "registry.sqlite": [("domains", "list")],
    "alerts.sqlite": [("alerts", "list"), ("doctor", "--watch")],
    "listings.sqlite": [RUN],
}


def garbage(path):
    path.write_bytes(b"no database at all" * 500)


def cut(path):
    """As a copy that was stopped half-way."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    path.write_bytes(path.read_bytes()[:6000])


def emptied_of_tables(path):
    with closing(sqlite3.connect(path)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if not name.startswith("sqlite_"):
                connection.execute(f"DROP TABLE {name}")
                connection.execute(f"CREATE TABLE {name} (another INTEGER)")
        connection.commit()


@pytest.fixture
def state(tmp_path):
    return unpack(tmp_path)


def one_line(done, path):
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    [line] = [line for line in done.stderr.splitlines() if "damaged" in line]
    assert f"{path} is damaged or not ours (" in line
    assert "docs/runbook.md#broken-state" in line


#: A whole run takes long: once for each file.
CASES = [
    (name, command, damage)
    for name, commands in COMMANDS.items()
    for command in commands
    for damage in ([garbage] if command is RUN else [garbage, cut, emptied_of_tables])
]


@pytest.mark.parametrize(("name", "command", "damage"), CASES)
def test_a_damaged_database_is_told_in_one_line(state, name, command, damage):
    path = state.home / name
    damage(path)
    before = path.read_bytes()

    one_line(state.footfall(*command), path)

    if damage is not emptied_of_tables:
        assert path.read_bytes() == before


def not_whole(path):
    path.write_bytes(path.read_bytes()[:40_000])


def without_our_tables(path):
    with duckdb.connect(str(path)) as connection:
        connection.execute("DROP TABLE ingest.hours CASCADE; CREATE TABLE ingest.hours (another INTEGER)")


def of_sqlite(path):
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE hours (n INTEGER)")


def of_parquet(path):
    path.write_bytes(b"PAR1" + b"x" * 20_000 + b"PAR1")


@pytest.mark.parametrize("damage", [garbage, not_whole, without_our_tables, of_sqlite, of_parquet])
def test_a_damaged_warehouse_is_told_in_one_line(state, damage):
    path = state.home / "warehouse.duckdb"
    damage(path)

    one_line(state.footfall("deliveries", "restate"), path)


@pytest.mark.parametrize("damage", [garbage, of_sqlite])
def test_a_run_over_a_damaged_warehouse_says_so(state, damage):
    path = state.home / "warehouse.duckdb"
    damage(path)

    one_line(state.footfall(*RUN), path)


def test_a_warehouse_of_another_program_makes_duckdb_load_and_download_nothing(state):
    path = state.home / "warehouse.duckdb"
    of_sqlite(path)

    done = state.footfall("rebuild")

    one_line(done, path)
    assert "a file of another program" in done.stderr
    assert "xtension" not in done.stdout + done.stderr


def test_a_folder_in_the_place_of_the_versions_is_told_in_one_line(state):
    path = state.home / "versions.json"
    path.unlink(missing_ok=True)
    path.mkdir()

    one_line(state.footfall("deliveries", "list"), path)
