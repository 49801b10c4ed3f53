"""Hours that touch nothing: found without dbt, and what time alone changes is as after all models."""

from datetime import timedelta

import pytest
from support.lake_story import HOUR, START

from orchestration.modelling.untouched import is_untouched, let_time_pass, note_begun, note_built

BUILDS = ("models", "whole_models")
EMPTY = START + 60 * HOUR


def _hours(connection, start, end, lines=0):
    connection.execute(
        "insert into ingest.hours (received_hour, objects, lines) "
        "select unnest(range(?::timestamptz, ?::timestamptz, interval 1 hour)), 0, ?",
        [start, end, lines],
    )


def _untouched(models, connection, start=EMPTY, end=EMPTY + HOUR, project="p1"):
    return is_untouched(connection, start, end, project, BUILDS, models.tables)


@pytest.fixture
def built(models, database, add_events):
    """Two days with events and one without, as a run left them."""
    database.execute(
        "insert into ingest.sites values"
        " ('demo', 'shop', 'Europe/Berlin', 30, false, false, 'purchase', null)"
    )
    database.execute(
        "insert into ingest.funnels values ('demo', 'buy', 'session', 60, 1, 'see', 'page_view', null, 'v1')"
    )
    add_events(
        database,
        {"occurred_at": START + timedelta(minutes=5)},
        {"occurred_at": START + 25 * HOUR, "visitor_id": "other"},
    )
    _hours(database, START, EMPTY)
    note_begun(database)
    models.rebuild(database)
    for build in BUILDS:
        note_built(database, build, "p1")
    _hours(database, EMPTY, EMPTY + HOUR)
    return database


def test_an_hour_in_which_nothing_was_received_touches_nothing(models, built):
    assert _untouched(models, built)
    assert _untouched(models, built, EMPTY - 20 * HOUR)
    assert not _untouched(models, built, START)


@pytest.mark.parametrize(
    "change",
    [
        "update ingest.hours set lines = 1, objects = 1 where received_hour = $hour",
        "insert into ingest.changes values ($hour, 'demo', 'event-000001')",
        "update intermediate.int_events_sessionised set received_hour = $hour",
        "insert into intermediate.int_received_hours by name select 'demo' as client_id, 'shop' as site_id, "
        "$hour as received_hour, 1 as received, 0 as kept, 0 as duplicates, 1 as quarantined, "
        "0 as pixel_lost",
        "insert into intermediate.touched (received_hour) values ($hour)",
        "update ingest.sites set cut_at_midnight = true",
        "update ingest.sites set timezone = 'Europe/Paris'",
        "insert into ingest.sites values ('demo', 'new', 'UTC', 30, false, false, 'purchase', null)",
        "delete from ingest.sites",
        "update ingest.funnels set definition = 'v2'",
        "delete from ingest.funnels",
        "insert into ingest.zone_changes values ('Europe/Berlin', '2026-11-20', '2027a')",
        "drop table main.sessions",
    ],
)
def test_what_the_models_would_make_anew_is_seen(models, built, change):
    built.execute(change, {"hour": EMPTY} if "$hour" in change else None)

    assert not _untouched(models, built)


def test_models_of_another_project_are_built_first(models, built):
    assert not _untouched(models, built, project="p2")


def test_a_build_that_did_not_come_to_its_end_is_done_again(models, built):
    note_begun(built)
    note_built(built, "models", "p1")

    assert not _untouched(models, built)
    note_built(built, "whole_models", "p1")
    assert _untouched(models, built)


def test_a_warehouse_without_models_is_built(models, database):
    _hours(database, EMPTY, EMPTY + HOUR)

    assert not _untouched(models, database)


def test_what_time_changes_is_as_after_all_models(models, built):
    """A day becomes final 72 hours after its end, which may be in an hour without a line."""
    seen = set()
    for n in range(0, 60, 5):
        _hours(built, EMPTY + (n + 1) * HOUR, EMPTY + (n + 6) * HOUR)
        assert _untouched(models, built, EMPTY + n * HOUR, EMPTY + (n + 6) * HOUR)
        let_time_pass(built)
        found = {table: built.execute(f"from {table} order by all").fetchall() for table in models.tables}
        models.run_window(built, EMPTY + n * HOUR, EMPTY + (n + 6) * HOUR)
        for table, rows in found.items():
            assert built.execute(f"from {table} order by all").fetchall() == rows, (n, table)
        seen.add(built.execute("select count_if(is_final) from daily_metrics").fetchone())

    assert len(seen) > 1, "some day became final"
