"""Whatever order the hours come in, and however often: the incremental models hold what a rebuild would.

After a story (tests/support/lake_story.py) every table must equal, row for row, what a rebuild makes of the
same lake, and the sessions must be those of the plain rules. Clients would otherwise be delivered sessions
that nobody can reproduce.
"""

import random
from collections import defaultdict
from datetime import datetime, timedelta

import duckdb
import pytest
from support.compiled_models import INT_EVENTS, PLACE_OF_WINDOW
from support.lake_story import (
    HOUR,
    RULES,
    START,
    Lake,
    Step,
    happen,
    oracle_sessions,
    run_windows,
    story_events,
    story_steps,
)

from orchestration.modelling.command import build_whole, build_windowed
from orchestration.zone_days import ensure

NO_UNIT_TESTS = ("--exclude-resource-type", "unit_test")
#: Stories in one warehouse. A failure names the client, and with it the story.
TOGETHER = 100


def _compare(connection: duckdb.DuckDBPyConnection, models) -> None:
    """Remember every table, rebuild, and find no row that only one side has."""

    def rows(table: str) -> tuple | None:
        # Much cheaper than `except`, which is asked only where these differ.
        return connection.execute(
            f"select count(*), sum(cast(hash(t) as hugeint)) from {table} as t"
        ).fetchone()

    for number, table in enumerate(models.tables):
        connection.execute(f"create or replace temp table remembered_{number} as from {table}")
    models.rebuild(connection)
    for number, table in enumerate(models.tables):
        if rows(table) == rows(f"temp.remembered_{number}"):
            continue
        differing = connection.execute(
            f"(from temp.remembered_{number} except all from {table})"
            f" union all (from {table} except all from temp.remembered_{number})"
        ).fetchall()
        assert differing == [], f"{table}: {len(differing)} rows differ from a rebuild"


def _check_oracle(connection: duckdb.DuckDBPyConnection) -> None:
    grouped = connection.execute("select client_id, event_id, occurred_at, session_id from events").fetchall()
    expected, linked = oracle_sessions(connection)
    found = {(client, event, at): session for client, event, at, session in grouped}
    # Not `found == expected`: to explain how these differ takes minutes.
    assert found.keys() == expected.keys()
    wrong = [(event, session, found[event]) for event, session in expected.items() if found[event] != session]
    assert wrong[:5] == []
    (sessions,) = connection.execute("select count(*) from sessions").fetchone()
    assert sessions == len(set(expected.values()) - {None})
    counted = connection.execute("select session_id, visitor_id from sessions").fetchall()
    assert {session: visitor for session, visitor in counted if session in linked} == linked


def _tell(models, seed: int, stories: int = TOGETHER, is_followed: bool = True) -> None:
    """Stories side by side, each in its own order; after what happens to any of them, the next run.

    A run that fails half way leaves what it touched to the next one, so that a pass of the models behind may
    follow several runs, and may fail itself. Without `is_followed` only the last run has one.
    """
    connection = models.database()
    events = {number: story_events(random.Random(f"{seed} {number}"), number) for number in range(stories)}
    lake = Lake(connection)
    lake.fill(events)
    chance = random.Random(seed)
    windows = run_windows(chance, max(copy.hour for copies in events.values() for copy in copies))
    waiting: dict[int, list[tuple[int, Step]]] = defaultdict(list)
    for number, copies in events.items():
        order = random.Random(f"order {seed} {number}")
        for step in story_steps(order, {copy.hour for copy in copies}, windows):
            waiting[step.before_run].append((number, step))
    models.rebuild(connection)
    for run, (first, last) in enumerate(windows):
        happen(lake, waiting[run])
        models.sessionise(connection, START + first * HOUR, START + (last + 1) * HOUR)
        if not is_followed:
            continue
        if chance.random() < 0.3:
            models.follow(connection, stop_before=chance.choice(models.models).name)
        elif run == len(windows) - 1 or chance.random() < 0.8:
            models.follow(connection)
    models.follow(connection)
    (told,) = connection.execute("select count(distinct client_id) from events").fetchone()
    assert told == 2 * stories, "a story without events proves nothing"
    linked = connection.execute("select count(linked_visitor_id) from intermediate.int_session_bridges")
    assert stories < TOGETHER or linked.fetchone()[0] > 10, "nobody's consent was linked"
    _check_oracle(connection)
    _compare(connection, models)
    connection.close()


def test_any_order_of_arrival_gives_the_tables_of_a_rebuild(models):
    _tell(models, seed=0)


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
    _changed(database, START, "moved")
    models.run_window(database, START, START + HOUR)

    assert _sessions(database) == [["moved", "other"]]


def _changed(connection: duckdb.DuckDBPyConnection, hour: datetime, event: str) -> None:
    """What ingest says of an event of another hour that an hour's ingest changed."""
    connection.execute("insert into ingest.changes values (?, 'demo', ?)", [hour, event])


def test_a_correction_counts_that_comes_in_after_a_later_one_was_modelled(models, database, add_events):
    def correct(hour: datetime, version: int, fields: str) -> None:
        database.execute(
            "insert into ingest.event_enrichments values ('demo', 'one', ?, ?, ?)", [hour, version, fields]
        )
        _changed(database, hour, "one")
        models.run_window(database, hour, hour + HOUR)

    add_events(database, {"event_id": "one", "occurred_at": START})
    models.rebuild(database)

    correct(START + 8 * HOUR, 2, '{"country": "IT"}')
    correct(START + 5 * HOUR, 1, '{"country": "FR", "city": "Rome"}')

    assert database.execute("select country, city from events").fetchall() == [("IT", "Rome")]
    assert database.execute("select country, city, sessions from geo_daily").fetchall() == [("IT", "Rome", 1)]


def test_what_is_learnt_later_of_an_old_event_is_counted_by_its_value_and_undone_with_its_hour(
    models, database, add_events
):
    def learn(hour: datetime, *rows: tuple[int, str]) -> None:
        database.execute("delete from ingest.event_enrichments where enriched_at = ?", [hour])
        for version, properties in rows:
            database.execute(
                "insert into ingest.event_enrichments values ('demo', 'one', ?, ?, ?)",
                [hour, version, f'{{"properties": {properties}}}'],
            )
        _changed(database, hour, "one")
        models.run_window(database, hour, hour + HOUR)

    def counted() -> list[tuple]:
        rows = database.execute("select property, value, events from properties_daily order by all")
        return rows.fetchall()

    site = (
        "insert into ingest.sites values ('demo', 'shop', 'UTC', 30, false, false, 'purchase', 'plan,score')"
    )
    database.execute(site)
    for name in ("plan", "score"):
        database.execute("insert into ingest.properties values ('demo', 'shop', ?)", [name])
    sent = {"event_id": "one", "occurred_at": START, "props": '{"plan": "team"}'}
    add_events(database, sent, sent | {"event_id": "two"})
    models.rebuild(database)
    assert counted() == [("plan", "team", 2)]

    learn(START + 8 * HOUR, (2, '{"plan": "enterprise", "score": 85}'))
    learn(START + 5 * HOUR, (1, '{"plan": "free", "other": true}'))

    assert counted() == [("plan", "enterprise", 1), ("plan", "team", 1), ("score", "85", 1)]
    assert database.execute("select learnt from events where event_id = 'one'").fetchall() == [
        ('{"other":true,"plan":"enterprise","score":85}',)
    ]

    learn(START + 8 * HOUR)

    assert counted() == [("plan", "free", 1), ("plan", "team", 1)]


def test_a_correction_that_is_gone_from_its_hour_is_undone(models, database, add_events):
    add_events(database, {"event_id": "one", "occurred_at": START, "country": "DE"})
    database.execute(
        "insert into ingest.event_enrichments values ('demo', 'one', ?, 1, ?)",
        [START + 5 * HOUR, '{"country": "IT"}'],
    )
    models.rebuild(database)
    assert database.execute("select country from sessions").fetchall() == [("IT",)]

    database.execute("delete from ingest.event_enrichments")
    _changed(database, START + 5 * HOUR, "one")
    models.run_window(database, START + 5 * HOUR, START + 6 * HOUR)

    assert database.execute("select country from sessions").fetchall() == [("DE",)]


def test_a_copy_between_two_that_count_makes_the_later_one_a_duplicate(models, database, add_events):
    """They lie nine days apart, the copy that lands late between: its hour itself has nothing that counts."""
    later, between = START + timedelta(days=9), START + timedelta(days=4)
    add_events(database, {"event_id": "one", "occurred_at": START}, {"event_id": "one", "occurred_at": later})
    models.rebuild(database)
    assert database.execute("select count(*), count(distinct session_id) from sessions").fetchone() == (2, 2)

    add_events(database, {"event_id": "one", "occurred_at": between, "is_duplicate": True})
    database.execute("update ingest.events set is_duplicate = true where received_at = ?", [later])
    _changed(database, between, "one")
    models.run_window(database, between, between + HOUR)

    assert _sessions(database) == [["one"]]
    assert database.execute("select sum(events) from daily_metrics").fetchone() == (1,)


def test_a_site_in_another_time_zone_has_its_days_anew_even_where_no_event_changes_its_day(
    models, database, add_events
):
    at_noon = START.replace(hour=12)
    add_events(database, {"occurred_at": at_noon})
    site = "insert into ingest.sites values ('demo', 'shop', ?, 30, false, false, 'purchase', null)"
    database.execute(site, ["Europe/Paris"])
    models.rebuild(database)

    database.execute("delete from ingest.sites")
    database.execute(site, ["America/New_York"])
    models.run_window(database, START + 24 * HOUR, START + 25 * HOUR)

    assert database.execute("select timezone from daily_metrics").fetchall() == [("America/New_York",)]


def _an_hour_is_modelled_without_the_next(models) -> None:
    connection = models.database()
    models.rebuild(connection)
    connection.execute(
        "insert into ingest.events by name select 'c' as client_id, 's' as site_id, 'v' as visitor_id,"
        " 'page_view' as event_type, 'e' || n as event_id, $start + n * interval 1 hour as received_hour,"
        " $start + n * interval 1 hour as received_at, $start + n * interval 1 hour as occurred_at,"
        " false as is_duplicate from range(2) as hours(n)",
        {"start": START},
    )
    models.run_window(connection, START, START + HOUR)
    found = _sessions(connection)
    connection.close()
    assert found == [["e0"]]


def test_an_hour_is_modelled_without_the_next(models):
    _an_hour_is_modelled_without_the_next(models)


def _a_late_event_joins_the_two_sessions_that_it_bridges(models) -> None:
    """Each exactly half an hour away; the next is a millisecond further. Each comes in an hour of its own."""
    connection = models.database()
    models.rebuild(connection)
    minutes = [0, 60, 90.00002, 30]
    for hour, minute in enumerate(minutes):
        connection.execute(
            "insert into ingest.events by name select 'c' as client_id, 's' as site_id, 'v' as visitor_id,"
            " 'page_view' as event_type, $id as event_id, $received as received_hour,"
            " $received as received_at, $occurred as occurred_at, false as is_duplicate",
            {
                "id": f"e{hour}",
                "received": START + (2 + hour) * HOUR,
                "occurred": START + timedelta(minutes=minute),
            },
        )
        models.run_window(connection, START + (2 + hour) * HOUR, START + (3 + hour) * HOUR)
    found = _sessions(connection)
    connection.close()
    assert found == [["e0", "e3", "e1"], ["e2"]]


def test_a_late_event_joins_the_two_sessions_that_it_bridges(models):
    _a_late_event_joins_the_two_sessions_that_it_bridges(models)


def _two_clients_have_a_site_of_one_name(models) -> None:
    connection = models.database()
    connection.execute(
        "insert into ingest.sites values ('c', 's', 'UTC', 30, false, false, '', null),"
        " ('d', 's', 'UTC', 60, false, false, '', null)"
    )
    connection.execute(
        "insert into ingest.events by name select client_id, 's' as site_id, 'v' as visitor_id,"
        " 'page_view' as event_type, 'e' || n as event_id, $start as received_hour,"
        " $start + n * interval 40 minute as received_at, $start + n * interval 40 minute as occurred_at,"
        " false as is_duplicate from range(2) as hours(n), (values ('c'), ('d')) as clients(client_id)",
        {"start": START},
    )
    models.rebuild(connection)
    found = connection.execute(
        "select client_id, count(*), count(distinct session_id) from events group by client_id order by 1"
    ).fetchall()
    connection.close()
    assert found == [("c", 2, 2), ("d", 2, 1)]


def test_two_clients_have_a_site_of_one_name(models):
    _two_clients_have_a_site_of_one_name(models)


def _a_late_visit_ends_the_one_before_it(models) -> None:
    """A view is looked at again after two hours; what the visitor did between the two comes later."""
    connection = models.database()
    models.rebuild(connection)
    told = [("page_view", 0, "v"), ("engagement", 120, "v"), ("page_view", 60, None)]
    for hour, (kind, minute, view) in enumerate(told):
        connection.execute(
            "insert into ingest.events by name select 'c' as client_id, 's' as site_id, 'x' as visitor_id,"
            " $kind as event_type, $view as view_id, 'e' || $minute as event_id, $received as received_hour,"
            " $received as received_at, $occurred as occurred_at, false as is_duplicate",
            {
                "kind": kind,
                "view": view,
                "minute": minute,
                "received": START + hour * HOUR,
                "occurred": START + timedelta(minutes=minute),
            },
        )
        models.run_window(connection, START + hour * HOUR, START + (hour + 1) * HOUR)
    found = connection.execute("select events, duration_seconds from sessions order by started_at").fetchall()
    connection.close()
    assert found == [(2, 0), (1, 0)]


def test_a_late_visit_ends_the_one_before_it(models):
    _a_late_visit_ends_the_one_before_it(models)


def _few_stories(models) -> None:
    _tell(models, seed=0, stories=12, is_followed=False)


#: How dbt compiles attention_ends.
ATTENTION_ENDS = "make_timestamptz(epoch_us(occurred_at) + 60000000 * cast(240 as bigint))"

#: What somebody could write instead, in place of which text, and what it breaks.
MUTANTS = {
    "a gap of exactly the timeout ends a session": (
        "occurred_at <= make_timestamptz(epoch_us(previous_at)",
        "occurred_at < make_timestamptz(epoch_us(previous_at)",
        _few_stories,
    ),
    "the rules of a site are joined without its client": (
        "on to_group.client_id = sites.client_id and to_group.site_id",
        "on to_group.site_id",
        _two_clients_have_a_site_of_one_name,
    ),
    "the end of the window belongs to it": (
        f"received_hour < cast('{PLACE_OF_WINDOW[1]}'",
        f"received_hour <= cast('{PLACE_OF_WINDOW[1]}'",
        _an_hour_is_modelled_without_the_next,
    ),
    "four hours are looked back in place of the islands that are near": (
        "where (island_id, island_started_at) in (select island_id, island_started_at from touched_islands)",
        "where island_id is not null and received_hour"
        f" >= cast('{PLACE_OF_WINDOW[0]}' as timestamptz) - interval 4 hour",
        _few_stories,
    ),
    "an island that begins exactly the timeout later is not touched": (
        "islands.first_at <=",
        "islands.first_at <",
        _a_late_event_joins_the_two_sessions_that_it_bridges,
    ),
    "an island that ended exactly the timeout before is not touched": (
        "changes.changes_at <=",
        "changes.changes_at <",
        _a_late_event_joins_the_two_sessions_that_it_bridges,
    ),
    "events of one moment are in the order of their ids": (
        "known.occurred_at, known.view_begun, known.seq, known.received_at,",
        "known.occurred_at, known.event_id,",
        _few_stories,
    ),
    "a request is an act": ("'request')", "'nothing')", _few_stories),
    "a report that comes later than its view does not find it, nor a view its reports": (
        "in (select view_key from changed_views)",
        "in (select view_key from changed_views where false)",
        _few_stories,
    ),
    "a report that waits for its view is forgotten": (
        "from waiting",
        "from waiting where false",
        _few_stories,
    ),
    "attention to an earlier visit joins it to a later one": (
        "continued_place < max(",
        "continued_place < 0 * max(",
        _few_stories,
    ),
    "the last attention before an act is not looked at": (
        "continued_place < max(",
        "continued_place < 1000000 + max(",
        _few_stories,
    ),
    "a change of a view touches only what lies around its beginning": (
        f"{ATTENTION_ENDS} from concerned",
        "occurred_at from concerned",
        _few_stories,
    ),
    "what ceases to lengthen its session touches nothing": (
        "session_id, date, lasts_until from",
        "session_id, date from",
        _a_late_visit_ends_the_one_before_it,
    ),
}


#: Of those that whole stories find, as many as show that these can fail; the others with the long proofs.
ALWAYS = {
    "a gap of exactly the timeout ends a session",
    "four hours are looked back in place of the islands that are near",
    "a report that waits for its view is forgotten",
}


@pytest.mark.parametrize(
    "mutant",
    [
        pytest.param(name, marks=() if finds is not _few_stories or name in ALWAYS else pytest.mark.proof)
        for name, (_, _, finds) in MUTANTS.items()
    ],
)
def test_a_planted_mistake_is_found(models, mutant):
    old, new, finds = MUTANTS[mutant]
    changed = models.with_mutant(INT_EVENTS, old, new)

    with pytest.raises((AssertionError, duckdb.Error)):
        finds(changed)


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(1, 6))
def test_any_of_many_orders_of_arrival_gives_the_tables_of_a_rebuild(models, seed):
    """Two thousand stories: of as many in one warehouse each takes half the time."""
    _tell(models, seed, stories=4 * TOGETHER)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.proof)])
def test_dbt_itself_gives_the_tables_of_a_rebuild(dbt, models, warehouse, hour_text, seed):
    """The same with dbt in place of its SQL: windows from the environment, transactions, --full-refresh.

    The last window runs as production does, in two invocations and with all data tests.
    """
    chance = random.Random(seed)
    copies = [copy for copy in story_events(chance) if copy.hour in range(4, 7)]
    with duckdb.connect(str(warehouse)) as connection:
        Lake(connection).fill({0: copies})
        ensure(connection, {rule.timezone for rules in RULES.values() for rule in rules})
    dbt.must("build", *NO_UNIT_TESTS, window=(hour_text(START), hour_text(START + HOUR)))
    for hour in chance.sample([4, 5, 6], 3):
        with duckdb.connect(str(warehouse)) as connection:
            Lake(connection).ingest([(0, hour, 1)])
        window = (hour_text(START + hour * HOUR), hour_text(START + (hour + 1) * HOUR))
        dbt.must(*build_windowed(has_views=True), window=window)
        dbt.must(*build_whole(), window=window)

    with duckdb.connect(str(warehouse)) as connection:
        _check_oracle(connection)
        assert connection.execute("select count(*) from intermediate.touched").fetchone() == (0,)
        kept = {table: connection.execute(f"from {table} order by all").fetchall() for table in models.tables}
    dbt.must("run", "--full-refresh", window=(hour_text(START), hour_text(START + HOUR)))
    with duckdb.connect(str(warehouse)) as connection:
        for table in models.tables:
            assert connection.execute(f"from {table} order by all").fetchall() == kept[table], table
