"""A publication that dies, or that its lake refuses: readers keep a whole snapshot, the next run mends it."""

import os
import signal
import subprocess
import sys
from datetime import date, timedelta

import pytest
from support.dying_publication import a_day_later, copied
from support.orchestration_builders import Failing
from support.publishing import Shelf, mart_warehouse, see

from footfall.store import LocalStore, StoreError

MONDAY, TUESDAY, WEDNESDAY = date(2026, 4, 13), date(2026, 4, 14), date(2026, 4, 15)
HOUR = timedelta(hours=1)


@pytest.fixture
def warehouse():
    connection = mart_warehouse()
    for day in (MONDAY, TUESDAY):
        for visitor in ("ann", "bob"):
            see(connection, day, visitor)
    yield connection
    connection.close()


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path)


@pytest.fixture
def two_snapshots(tmp_path):
    """A folder with one snapshot that expires now, its successor, and a warehouse that knows an hour more."""
    folder = tmp_path / "before"
    folder.mkdir()
    shelf = Shelf(folder)
    with mart_warehouse(folder / "warehouse.duckdb") as connection:
        for hour in range(3):
            see(connection, TUESDAY, f"early-{hour}")
            if hour < 2:
                shelf.publish(connection, "demo", HOUR)
    return folder


def test_a_publication_that_dies_at_any_step_leaves_a_whole_snapshot_and_the_next_cleans_up(
    two_snapshots, tmp_path
):
    connection, shelf = a_day_later(copied(two_snapshots, tmp_path / "whole"))
    before = shelf.views()
    shelf.publish(connection, "demo")
    expected, rows, steps = shelf.keys("demo"), shelf.views(), shelf.store.calls
    assert steps > 12 and before != rows
    for at in range(1, steps + 1):
        connection, shelf = a_day_later(copied(two_snapshots, tmp_path / f"{at}"), at)

        with pytest.raises(KeyboardInterrupt):
            shelf.publish(connection, "demo")

        shelf.store = LocalStore(tmp_path / f"{at}" / "lake")
        assert shelf.views() in (before, rows)
        with shelf.open("demo") as tables:
            for table in tables.snapshot.tables:
                assert len(tables.relation(table)) == tables.table(table).rows
        shelf.publish(connection, "demo")
        assert shelf.views() == rows
        assert shelf.keys("demo") == expected, at
        assert shelf.differences(connection, "demo") == {}
        connection.close()


def test_a_process_that_is_killed_leaves_the_same(two_snapshots, tmp_path):
    connection, shelf = a_day_later(copied(two_snapshots, tmp_path / "whole"))
    before = shelf.views()
    shelf.publish(connection, "demo")
    expected, rows, steps = shelf.keys("demo"), shelf.views(), shelf.store.calls
    for at in (3, steps // 2, steps - 1):
        folder = copied(two_snapshots, tmp_path / f"{at}")

        done = subprocess.run(
            [sys.executable, "-m", "support.dying_publication", str(folder), str(at)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            timeout=120,
            check=False,
        )

        assert done.returncode == -signal.SIGKILL, done.stderr
        connection, shelf = a_day_later(folder)
        assert shelf.views() in (before, rows)
        shelf.publish(connection, "demo")
        assert (shelf.keys("demo"), shelf.views()) == (expected, rows)
        assert shelf.differences(connection, "demo") == {}
        connection.close()


def test_a_lake_that_refuses_a_file_leaves_the_days_to_the_next_run(warehouse, shelf):
    shelf.publish(warehouse, "demo")
    see(warehouse, WEDNESDAY, "ann")
    lake = shelf.store
    shelf.store = Failing(lake.root, "put", "marts/client=demo/snapshots/")
    with pytest.raises(StoreError, match="out of order"):
        shelf.publish(warehouse, "demo", HOUR)
    assert len(shelf.views()) == 4

    shelf.store = lake
    shelf.publish(warehouse, "demo", HOUR)

    assert len(shelf.views()) == 5
    assert shelf.differences(warehouse, "demo") == {}
