"""A publication that dies, or that its lake refuses: readers keep a whole snapshot, the next run mends it."""

import shutil
from datetime import date, timedelta

import pytest
from support.orchestration_builders import Failing
from support.publishing import Shelf, mart_warehouse, see

from footfall.sql import open_database
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


class Dying(LocalStore):
    """A folder whose user dies at a certain call that changes something, before or after it."""

    def __init__(self, root, at=None):
        super().__init__(root)
        self.at, self.calls = at, 0

    def _step(self):
        self.calls += 1
        if self.calls == self.at:
            raise KeyboardInterrupt

    def put(self, key, data, *, create_only=False):
        self._step()
        super().put(key, data, create_only=create_only)
        self._step()

    def put_file(self, key, path, *, create_only=False):
        self._step()
        super().put_file(key, path, create_only=create_only)
        self._step()

    def delete(self, key):
        self._step()
        super().delete(key)
        self._step()


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


def _again(folder, copy, at=None):
    """The same in another folder, a day later; who publishes there dies at a call."""
    shutil.copytree(folder, copy)
    shelf = Shelf(copy, Dying(copy / "lake", at))
    shelf.now += 24 * HOUR
    connection = open_database(copy / "warehouse.duckdb")
    connection.execute("SET TimeZone = 'UTC'")
    return connection, shelf


def test_a_publication_that_dies_at_any_step_leaves_a_whole_snapshot_and_the_next_cleans_up(
    two_snapshots, tmp_path
):
    connection, shelf = _again(two_snapshots, tmp_path / "whole")
    before = shelf.views()
    shelf.publish(connection, "demo")
    expected, rows, steps = shelf.keys("demo"), shelf.views(), shelf.store.calls
    assert steps > 12 and before != rows
    for at in range(1, steps + 1):
        connection, shelf = _again(two_snapshots, tmp_path / f"{at}", at)

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
