"""Whatever order the hours come in: what is published has the rows of the marts."""

import random
from collections import defaultdict

import pytest
from support.lake_story import HOUR, START, Lake, happen, run_windows, story_events, story_steps
from support.publishing import Shelf, visitors_and_days

from footfall.published.layout import INDEX
from orchestration.modelling.publishing.client import MADE_WHOLE

#: Stories in one warehouse, each with two clients.
STORIES = 2


def _tell(models, seed, shelf):
    """Stories side by side, with a publication after some of the runs, of which some fail half way."""
    connection = models.database()
    events = {n: story_events(random.Random(f"{seed} {n}"), n) for n in range(STORIES)}
    lake = Lake(connection)
    lake.fill(events)
    chance = random.Random(seed)
    windows = run_windows(chance, max(copy.hour for copies in events.values() for copy in copies))
    waiting = defaultdict(list)
    for number, copies in events.items():
        order = random.Random(f"order {seed} {number}")
        for step in story_steps(order, {copy.hour for copy in copies}, windows):
            waiting[step.before_run].append((number, step))
    models.rebuild(connection)
    # Where a planted mistake notes what nobody reads.
    connection.execute("create temp table nobody (a varchar, b varchar, c varchar)")
    clients = [f"{client}-{number}" for number in range(STORIES) for client in ("c1", "c2")]
    for run, (first, last) in enumerate(windows):
        happen(lake, waiting[run])
        models.sessionise(connection, START + first * HOUR, START + (last + 1) * HOUR)
        if chance.random() < 0.2:
            models.follow(connection, stop_before=chance.choice(models.models).name)
        else:
            models.follow(connection)
        for client_id in clients:
            if chance.random() < 0.5:
                shelf.publish(connection, client_id, HOUR)
    models.follow(connection)
    for client_id in clients:
        shelf.publish(connection, client_id, HOUR)
    return connection, clients


def _differences(connection, clients, shelf):
    return {client_id: found for client_id in clients if (found := shelf.differences(connection, client_id))}


def test_after_any_story_the_published_files_have_the_rows_of_the_marts(models, tmp_path):
    shelf = Shelf(tmp_path)
    connection, clients = _tell(models, 0, shelf)

    assert _differences(connection, clients, shelf) == {}
    for client_id in clients:
        with shelf.open(client_id) as tables:
            for visitor, days in visitors_and_days(connection, client_id).items():
                assert set(tables.visitor_days(visitor)) == days
                assert len(tables.relation("page_views", visitor=visitor)) == len(
                    tables.relation("page_views").filter(f"visitor_id = '{visitor}'")
                )
            assert tables.table(INDEX).rows == len(tables.relation(INDEX))
    connection.close()


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(1, 9))
def test_any_of_many_stories_is_published_as_the_marts_have_it(models, tmp_path, seed):
    shelf = Shelf(tmp_path)
    connection, clients = _tell(models, seed, shelf)

    assert _differences(connection, clients, shelf) == {}
    connection.close()


def test_models_that_forget_to_note_what_they_touched_are_found_and_no_others(models, tmp_path):
    changed, forgetful = models, {"page_views", "sources_daily", "visitors"}
    for model in forgetful:
        table = "unpublished_visitors" if model == "visitors" else "unpublished_days"
        noted = f'insert into "warehouse"."intermediate"."{table}"'
        changed = changed.with_mutant(model, noted, "insert into temp.nobody")
    shelf = Shelf(tmp_path)

    connection, clients = _tell(changed, 0, shelf)

    found = _differences(connection, clients, shelf)
    assert {table for differing in found.values() for table in differing} == forgetful
    connection.close()


def test_what_is_compared_whole_is_what_dbt_makes_whole(dbt):
    names = dbt.must("list", "--select", "tag:whole", "--resource-type", "model", "--output", "name").result

    assert set(names) == MADE_WHOLE
