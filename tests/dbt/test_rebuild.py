"""Every model anew, piece by piece: the tables of one statement, and nothing changes where it fails."""

import random
from datetime import UTC, datetime
from itertools import pairwise

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.lake_story import Lake, story_events

from footfall.errors import FootfallError
from footfall.hours import HOUR
from orchestration.modelling.rebuild import pieces, rebuild

FIRST = datetime(2026, 3, 1, tzinfo=UTC)


def at(n):
    return FIRST + n * HOUR


@given(st.lists(st.integers(0, 50), min_size=1, max_size=40), st.integers(1, 100))
def test_pieces_cover_all_hours_in_order_and_hold_no_more_than_is_wanted(events, most):
    windows = pieces([(at(n), each) for n, each in enumerate(events)], most)

    assert [windows[0][0], windows[-1][1]] == [at(0), at(len(events))]
    assert all(before[1] == after[0] for before, after in pairwise(windows))
    for start, end in windows:
        held = events[(start - FIRST) // HOUR : (end - FIRST) // HOUR]
        assert len(held) == 1 or sum(held) <= most


def test_a_gap_between_hours_ends_no_piece():
    assert pieces([(at(0), 5), (at(9), 5), (at(20), 5)], 10) == [(at(0), at(10)), (at(20), at(21))]


@pytest.fixture
def told(warehouse):
    """A warehouse with the hours of a story, and no models yet."""
    with duckdb.connect(str(warehouse)) as connection:
        lake = Lake(connection)
        lake.fill({0: [copy for copy in story_events(random.Random(7)) if copy.hour in range(4)]})
        for hour in range(4):
            lake.ingest([(0, hour, 1)])
    return warehouse


def everything(warehouse, models):
    with duckdb.connect(str(warehouse)) as connection:
        return {table: connection.execute(f"from {table} order by all").fetchall() for table in models.tables}


def test_a_rebuild_in_pieces_gives_the_tables_of_one_statement(dbt, models, told, tmp_path):
    dbt.must("build", "--full-refresh", "--exclude-resource-type", "unit_test")
    expected = everything(told, models)
    with duckdb.connect(str(told)) as connection:
        (events,) = connection.execute("select count(*) from ingest.events").fetchone()
        connection.execute("delete from sessions")
    said = []

    rebuild(told, tmp_path, said.append, most=events // 2)

    assert len(said) > 1
    assert everything(told, models) == expected
    assert sum(map(len, expected.values())) > events
    assert [path.name for path in told.parent.glob("*.duckdb*")] == [told.name]


def test_a_rebuild_that_fails_says_so_and_leaves_the_warehouse_as_it_was(told, tmp_path):
    with duckdb.connect(str(told)) as connection:
        connection.execute("alter table ingest.sites alter timezone type integer using 7")
    before = told.read_bytes()

    with pytest.raises(FootfallError, match=r"nothing has changed: .*int_site_days"):
        rebuild(told, tmp_path, lambda _: None)

    assert told.read_bytes() == before
    assert [path.name for path in told.parent.glob("*.duckdb*")] == [told.name]


def test_a_warehouse_of_an_earlier_version_is_rebuilt_without_a_new_ingest(dbt, models, told, tmp_path):
    dbt.must("build", "--full-refresh", "--exclude-resource-type", "unit_test")
    expected = everything(told, models)
    with duckdb.connect(str(told)) as connection:
        connection.execute("drop schema staging cascade")
        connection.execute("drop table ingest.changes")

    rebuild(told, tmp_path, lambda _: None)

    assert everything(told, models) == expected


def test_without_a_warehouse_there_is_nothing_to_rebuild(tmp_path):
    with pytest.raises(FootfallError, match="nothing to rebuild"):
        rebuild(tmp_path / "warehouse.duckdb", tmp_path, lambda _: None)
