"""Whatever order the hours come in, and however often: the incremental models hold what a rebuild would.

A story is a lake's life: hours that are ingested late, twice, together, with other content than before; the
same event received in several hours, so that the copy that counts moves from one hour to another. After it,
every table must equal, row for row, what a rebuild makes of the same lake, and the sessions must be those of
the plain rule in conftest.py. Clients would otherwise be delivered sessions that nobody can reproduce.
"""

import hashlib
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from orchestration.ingest.schema import TABLES

TABLES_COMPARED = (
    "intermediate.int_events_sessionised",
    "events",
    "page_views",
    "sessions",
    "visitors",
    "daily_metrics",
)
HOUR = timedelta(hours=1)
START = datetime(2026, 3, 28, 18, tzinfo=UTC)  # the night in which Berlin's clocks change
SOURCES = ("", "news", "google")
USER_AGENTS = ("Mozilla/5.0 Firefox/140.0", "Mozilla/5.0 Safari/605.1", "ExampleBot/1.0")


@dataclass
class Copy:
    """An event as one hour received it, in one or more versions of that hour's content."""

    row: dict
    hour: int
    versions: frozenset[int]


def _story_events(chance: random.Random) -> list[Copy]:
    """Dense on purpose: few visitors, so that late events bridge, extend and split what is there."""
    copies = []
    number = 0

    def happen(client: str, site: str, visitor: str | None, moment: datetime) -> None:
        nonlocal number
        number += 1
        late = chance.random() < 0.2
        received = moment + timedelta(
            hours=chance.uniform(1, 10) if late else 0, seconds=chance.uniform(0, 90)
        )
        row = {
            "client_id": client,
            "site_id": site,
            "event_id": f"e{chance.randrange(10**6):06d}-{number}",
            "event_type": chance.choices(["page_view", "purchase", "engagement"], [8, 1, 1])[0],
            "occurred_at": moment,
            "visitor_id": visitor,
            "url": f"https://{site}.example/{chance.choice('abc')}?utm_source={chance.choice(SOURCES)}",
            "host": f"{site}.example",
            "is_declared_host": chance.random() < 0.9,
            "referrer": chance.choice(
                [None, "https://www.google.com/", "https://chatgpt.com/", f"https://{site}.example/"]
            ),
            "user_agent": USER_AGENTS[_digits(visitor) % 3],
            "props": chance.choice(
                [None, '{"revenue": 9.99, "currency": "EUR"}', '{"revenue": 1, "currency": "USD"}']
            ),
        }
        versions = chance.choices([{0, 1}, {0}, {1}], [90, 5, 5])[0]
        copies.append(_copy(row, received, versions))
        while chance.random() < 0.15:
            # The same event again, in another hour, with another idea of when and by whom.
            again = row | {"occurred_at": moment + timedelta(minutes=chance.choice([0, 0, 0, 40, -25]))}
            if chance.random() < 0.1:
                again["visitor_id"] = chance.choice(["v1", "v2", None])
            shift = timedelta(hours=chance.uniform(-3, 6))
            copies.append(
                _copy(again, max(received + shift, START), chance.choice([{0, 1}, {0, 1}, {0}, {1}]))
            )

    for client, site in (("c1", "berlin"), ("c1", "gone"), ("c2", "berlin")):
        for visitor in ("v1", "v2", None)[: chance.randint(2, 3)]:
            moment = START + timedelta(minutes=chance.randrange(60))
            for _ in range(chance.randint(4, 14)):
                happen(client, site, visitor, moment)
                # 30 is the limit itself; 0 is the same moment.
                moment += timedelta(minutes=chance.choice([0, 0, 5, 12, 29, 30, 30, 31, 45, 90]))
    if chance.random() < 0.5:
        moment = START
        for _ in range(chance.randint(50, 70)):
            happen("c1", "berlin", "endless", moment)
            moment += timedelta(minutes=chance.choice([20, 25, 30]))
    return copies


def _digits(visitor: str | None) -> int:
    return sum(map(ord, visitor or ""))


def _copy(row: dict, received: datetime, versions: set[int]) -> Copy:
    hour = int((received - START) / HOUR)
    row = row | {
        "received_at": received,
        "received_hour": START + hour * HOUR,
        "gpc": False,
        "dnt": False,
        "object_key": f"raw/{hour}",
    }
    return Copy(row, hour, frozenset(versions))


class Lake:
    """All versions of all hours beside the ingest's table; `ingest` does to the table what ingest does."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    @staticmethod
    def fill(connection: duckdb.DuckDBPyConnection, copies: list[Copy]) -> None:
        columns = list(TABLES["events"])
        rows = [
            [version, *((copy.row | {"line_number": number}).get(column) for column in columns)]
            for number, copy in enumerate(copies)
            for version in copy.versions
        ]
        connection.execute("create table ingest.lake as select 0 as version, * from ingest.events limit 0")
        places = ", ".join("?" * (len(columns) + 1))
        connection.executemany(f"insert into ingest.lake values ({places})", rows)
        connection.execute(
            "insert into ingest.sites values ('c1', 'berlin', 'Europe/Berlin'), ('c2', 'berlin', 'UTC')"
        )

    def ingest(self, hour: int, version: int) -> None:
        """Replace the hour, then say of every event which copy counts: the one received first."""
        at = START + hour * HOUR
        self._connection.execute("delete from ingest.events where received_hour = ?", [at])
        self._connection.execute(
            f"insert into ingest.events select {', '.join(TABLES['events'])} from ingest.lake"
            " where received_hour = ? and version = ?",
            [at, version],
        )
        self._connection.execute(
            """
            update ingest.events set is_duplicate = ranked.place > 1
            from (
                select rowid as row_id, row_number() over (
                    partition by client_id, event_id order by received_at, object_key, line_number
                ) as place
                from ingest.events
            ) as ranked
            where ranked.row_id = events.rowid
            """
        )


def _steps(chance: random.Random, last_hour: int) -> list[tuple[str, int, int]]:
    """("ingest", hour, version) and ("model", first hour, last hour), in an order that a backfill could take.

    Every hour ends in version 1, and is modelled at some time after each ingest.
    """
    hours = list(range(last_hour + 1))
    chance.shuffle(hours)
    ingests = []
    for hour in hours:
        first = chance.choice([0, 1])
        ingests.append((hour, first))
        if chance.random() < 0.2:
            ingests.append((hour, first))
    # What was first ingested in its earlier version comes again, anywhere later.
    for hour, version in list(ingests):
        if version == 0:
            place = chance.randint(ingests.index((hour, 0)) + 1, len(ingests))
            ingests.insert(place, (hour, 1))
    settled: dict[int, int] = {}
    steps: list[tuple[str, int, int]] = []
    waiting: list[int] = []
    for hour, version in ingests:
        version = max(version, settled.get(hour, 0))
        settled[hour] = version
        steps.append(("ingest", hour, version))
        waiting.append(hour)
        # Several ingests may pass before their models run, and those run in any order, or as one range.
        if chance.random() < 0.7:
            steps += _model(chance, waiting)
            waiting = []
    return steps + _model(chance, waiting)


def _model(chance: random.Random, hours: list[int]) -> list[tuple[str, int, int]]:
    chance.shuffle(hours)
    if hours and chance.random() < 0.2:
        return [("model", min(hours), max(hours))]
    return [("model", hour, hour) for hour in hours]


def _compare(connection: duckdb.DuckDBPyConnection, rebuild) -> None:
    """Remember every table, rebuild, and find no row that only one side has."""
    for number, table in enumerate(TABLES_COMPARED):
        connection.execute(f"create or replace temp table remembered_{number} as from {table}")
    rebuild()
    for number, table in enumerate(TABLES_COMPARED):
        differing = connection.execute(
            f"(from temp.remembered_{number} except all from {table})"
            f" union all (from {table} except all from temp.remembered_{number})"
        ).fetchall()
        assert differing == [], f"{table}: {len(differing)} rows differ from a rebuild"
    assert connection.execute("select count(*) from events").fetchone() > (20,), (
        "the story is too short to prove anything"
    )


def _check_oracle(connection: duckdb.DuckDBPyConnection, oracle) -> None:
    kept = connection.execute(
        "select client_id, site_id, visitor_id, event_id, occurred_at"
        " from ingest.events where not is_duplicate"
    ).fetchall()
    grouped = connection.execute("select client_id, event_id, session_id from events").fetchall()
    ids = {
        key: hashlib.md5("|".join(part or "" for part in made_of).encode()).hexdigest()
        for key, made_of in oracle(kept).items()
    }
    assert {(client, event): session for client, event, session in grouped} == ids
    (sessions,) = connection.execute("select count(*) from sessions").fetchone()
    assert sessions == len(set(ids.values()))


def _tell(models, oracle, seed: int) -> None:
    chance = random.Random(seed)
    connection = models.database()
    copies = _story_events(chance)
    Lake.fill(connection, copies)
    lake = Lake(connection)
    models.rebuild(connection)
    for verb, one, two in _steps(chance, max(copy.hour for copy in copies)):
        if verb == "ingest":
            lake.ingest(one, two)
        else:
            models.run_window(connection, START + one * HOUR, START + (two + 1) * HOUR)
    models.rebuild_marts(connection)
    _compare(connection, lambda: models.rebuild(connection))
    _check_oracle(connection, oracle)
    connection.close()


@pytest.mark.parametrize("seed", range(12))
def test_any_order_of_arrival_gives_the_tables_of_a_rebuild(models, oracle, seed):
    _tell(models, oracle, seed)


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
@pytest.mark.parametrize("seed", range(1000, 1120))
def test_any_of_many_orders_of_arrival_gives_the_tables_of_a_rebuild(models, oracle, seed):
    _tell(models, oracle, seed)


@pytest.mark.parametrize("seed", range(3))
def test_dbt_itself_gives_the_tables_of_a_rebuild(dbt, warehouse, hour_text, oracle, seed):
    """The same with dbt in place of its SQL: windows from the environment, transactions, --full-refresh.

    The last window runs as production does, with all data tests.
    """
    chance = random.Random(seed)
    copies = [copy for copy in _story_events(chance) if copy.hour < 3]
    steps = _steps(chance, 2)
    with duckdb.connect(str(warehouse)) as connection:
        Lake.fill(connection, copies)
    for n, (verb, one, two) in enumerate(steps):
        if verb == "ingest":
            with duckdb.connect(str(warehouse)) as connection:
                Lake(connection).ingest(one, two)
            continue
        window = (hour_text(START + one * HOUR), hour_text(START + (two + 1) * HOUR))
        if n < len(steps) - 1:
            dbt.must("run", "--select", "+int_events_sessionised", window=window)
        else:
            dbt.must("build", "--exclude-resource-type", "unit_test", window=window)

    with duckdb.connect(str(warehouse)) as connection:
        _check_oracle(connection, oracle)
        kept = {
            table: connection.execute(f"from {table} order by all").fetchall() for table in TABLES_COMPARED
        }
    dbt.must("run", "--full-refresh", window=(hour_text(START), hour_text(START + HOUR)))
    with duckdb.connect(str(warehouse)) as connection:
        for table in TABLES_COMPARED:
            assert connection.execute(f"from {table} order by all").fetchall() == kept[table], table
