"""Whatever order the hours come in, and however often: the incremental models hold what a rebuild would.

After a story (tests/support/lake_story.py) every table must equal, row for row, what a rebuild makes of the
same lake, and the sessions must be those of the plain rules. Clients would otherwise be delivered sessions
that nobody can reproduce.
"""

import random
from datetime import timedelta

import duckdb
import pytest
from support.lake_story import HOUR, Lake, oracle_sessions, start_of, story_events, story_steps

from orchestration.modelling.command import build_whole, build_windowed

START = start_of(0)
NO_UNIT_TESTS = ("--exclude-resource-type", "unit_test")


def _compare(connection: duckdb.DuckDBPyConnection, models) -> None:
    """Remember every table, rebuild, and find no row that only one side has."""
    for number, table in enumerate(models.tables):
        connection.execute(f"create or replace temp table remembered_{number} as from {table}")
    models.rebuild(connection)
    for number, table in enumerate(models.tables):
        differing = connection.execute(
            f"(from temp.remembered_{number} except all from {table})"
            f" union all (from {table} except all from temp.remembered_{number})"
        ).fetchall()
        assert differing == [], f"{table}: {len(differing)} rows differ from a rebuild"
    assert connection.execute("select count(*) from events").fetchone() > (20,), (
        "the story is too short to prove anything"
    )


def _check_oracle(connection: duckdb.DuckDBPyConnection) -> None:
    grouped = connection.execute("select client_id, event_id, session_id from events").fetchall()
    expected = oracle_sessions(connection)
    assert {(client, event): session for client, event, session in grouped} == expected
    (sessions,) = connection.execute("select count(*) from sessions").fetchone()
    assert sessions == len(set(expected.values()))


def _tell(models, seeds: range) -> None:
    """Stories side by side in one warehouse: each is told in its own order, then what was touched follows.

    A run that fails half way leaves what it touched to the next one, so that a pass of the models behind may
    follow several runs, and may fail itself.
    """
    chance = random.Random(seeds[0])
    connection = models.database()
    lakes, orders = [], []
    for number in range(len(seeds)):
        copies = story_events(chance, number)
        lakes.append(Lake(connection, copies, number))
        hours = {copy.hour for copy in copies}
        orders.append(story_steps(chance, max(hours), hours))
    models.rebuild(connection)
    while any(orders):
        for lake, steps in zip(lakes, orders, strict=True):
            for _ in range(min(len(steps), chance.randint(5, 12))):
                verb, one, two = steps.pop(0)
                if verb == "model":
                    models.sessionise(connection, *lake.window(one, two))
                elif verb == "ingest":
                    lake.ingest(one, two)
                elif verb == "enrich":
                    lake.enrich(one, two)
                else:
                    lake.settings(one)
        if chance.random() < 0.3:
            models.follow(connection, stop_before=chance.choice(models.models).name)
        models.follow(connection)
    _compare(connection, models)
    _check_oracle(connection)
    connection.close()


@pytest.mark.parametrize("seeds", [range(first, first + 20) for first in range(0, 40, 20)])
def test_any_order_of_arrival_gives_the_tables_of_a_rebuild(models, seeds):
    _tell(models, seeds)


def _sessions(connection: duckdb.DuckDBPyConnection) -> list[list[str]]:
    rows = connection.execute(
        "select list(event_id order by occurred_at) from intermediate.int_events_sessionised"
        " group by session_id order by min(occurred_at)"
    ).fetchall()
    return [row[0] for row in rows]


def test_an_event_that_leaves_the_middle_of_a_session_leaves_two_behind(models, database, add_events):
    times = [START + timedelta(minutes=m) for m in (0, 25, 50)]
    add_events(database, {"event_id": "one", "occurred_at": times[0]})
    add_events(database, {"event_id": "two", "occurred_at": times[1], "received_at": START + 5 * HOUR})
    add_events(database, {"event_id": "three", "occurred_at": times[2]})
    models.rebuild(database)
    assert _sessions(database) == [["one", "two", "three"]]

    database.execute("delete from ingest.events where event_id = 'two'")
    models.run_window(database, START + 5 * HOUR, START + 6 * HOUR)

    assert _sessions(database) == [["one"], ["three"]]


def test_when_the_copy_that_counted_vanishes_the_other_joins_the_sessions_near_its_own_time(
    models, database, add_events
):
    """Hour 18 comes again without the event; hour 19's copy, of another time, is near a third event."""
    first, second = START, START + timedelta(minutes=40)
    add_events(database, {"event_id": "moved", "occurred_at": first})
    add_events(database, {"event_id": "moved", "occurred_at": second, "received_at": START + HOUR})
    database.execute("update ingest.events set is_duplicate = true where line_number = 2")
    add_events(database, {"event_id": "other", "occurred_at": START + timedelta(minutes=70)})
    models.rebuild(database)
    assert _sessions(database) == [["moved"], ["other"]]

    database.execute("delete from ingest.events where line_number = 1")
    database.execute("update ingest.events set is_duplicate = false")
    models.run_window(database, START, START + HOUR)

    assert _sessions(database) == [["moved", "other"]]


@pytest.mark.proof
@pytest.mark.parametrize("seeds", [range(first, first + 20) for first in range(40, 2040, 20)])
def test_any_of_many_orders_of_arrival_gives_the_tables_of_a_rebuild(models, seeds):
    _tell(models, seeds)


@pytest.mark.parametrize("seed", range(2))
def test_dbt_itself_gives_the_tables_of_a_rebuild(dbt, models, warehouse, hour_text, seed):
    """The same with dbt in place of its SQL: windows from the environment, transactions, --full-refresh.

    The last window runs as production does, in two invocations and with all data tests.
    """
    chance = random.Random(seed)
    copies = [copy for copy in story_events(chance) if copy.hour in range(4, 7)]
    with duckdb.connect(str(warehouse)) as connection:
        Lake(connection, copies)
    dbt.must("build", *NO_UNIT_TESTS, window=(hour_text(START), hour_text(START + HOUR)))
    for hour in chance.sample([4, 5, 6], 3):
        with duckdb.connect(str(warehouse)) as connection:
            Lake(connection).ingest(hour, 1)
        window = (hour_text(START + hour * HOUR), hour_text(START + (hour + 1) * HOUR))
        dbt.must(*build_windowed(), window=window)
        dbt.must(*build_whole(), window=window)

    with duckdb.connect(str(warehouse)) as connection:
        _check_oracle(connection)
        assert connection.execute("select count(*) from intermediate.touched").fetchone() == (0,)
        kept = {table: connection.execute(f"from {table} order by all").fetchall() for table in models.tables}
    dbt.must("run", "--full-refresh", window=(hour_text(START), hour_text(START + HOUR)))
    with duckdb.connect(str(warehouse)) as connection:
        for table in models.tables:
            assert connection.execute(f"from {table} order by all").fetchall() == kept[table], table
