"""Each number is that of the delivered files to its last digit: random tables, against SQL on their CSV."""

import json
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import duckdb
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from support.api_builders import NOW, served
from support.mart_rows import table_of

from api.measures import choose, metric_of, sources
from footfall.described import table_columns

TODAY = NOW.date()
DAYS = [TODAY - timedelta(days=n) for n in range(6)]


def results(reply):
    assert reply.status == 200, reply.body
    return [(tuple(row["dimensions"]), tuple(row["metrics"])) for row in reply.json["results"]]


#: Without making a failing case small: each example is published and asked for over HTTP.
QUICK = (Phase.explicit, Phase.reuse, Phase.generate)
COUNTS = ("sessions", "page_views", "conversions", "bounces")
COUNTRIES, DEVICES = ("DE", "SE", None), ("mobile", "desktop")
a_session = st.fixed_dictionaries(
    {
        "date": st.sampled_from(DAYS),
        "visitor_id": st.sampled_from("uvwxyz"),
        "country": st.sampled_from(COUNTRIES),
        "device": st.sampled_from(DEVICES),
        "page_views": st.integers(0, 9),
        "conversions": st.integers(0, 2),
        "is_bounce": st.booleans(),
        "is_bot": st.booleans(),
        "revenue": st.decimals(0, 10_000, places=4),
        "duration_seconds": st.decimals(0, 5000, places=3),
    }
)
ORACLE = """
SELECT {groups} count(*), count(DISTINCT visitor_id), sum(page_views), sum(conversions),
       count(*) FILTER (is_bounce), round(count(*) FILTER (is_bounce)::DOUBLE / count(*), 4), sum(revenue),
       round(sum(duration_seconds)::DOUBLE / count(*), 3)
FROM read_csv('{file}', types = {{'revenue': 'DECIMAL(38,4)', 'duration_seconds': 'DECIMAL(18,3)',
    'country': 'VARCHAR', 'visitor_id': 'VARCHAR'}})
WHERE NOT is_bot AND date BETWEEN '{first}' AND '{last}' AND {where} GROUP BY ALL
"""
ASKED = [
    "sessions",
    "visitors",
    "page_views",
    "conversions",
    "bounces",
    "bounce_rate",
    "revenue",
    "avg_session_seconds",
]


@pytest.fixture(scope="module")
def one_api(tmp_path_factory):
    with served(tmp_path_factory.mktemp("property")) as made:
        yield made


@given(
    rows=st.lists(a_session, min_size=1, max_size=25),
    grouped=st.sets(st.sampled_from(["country", "device"])),
    devices=st.sets(st.sampled_from(DEVICES)),
    span=st.tuples(st.sampled_from(DAYS), st.sampled_from(DAYS)),
)
@settings(max_examples=15, deadline=None, phases=QUICK)
def test_every_number_is_that_of_the_delivered_csv_to_the_last_digit(
    one_api, tmp_path_factory, rows, grouped, devices, span
):
    api, (first, last) = one_api, sorted(span)
    sessions = [{**row, "session_id": str(n), "currency": "EUR"} for n, row in enumerate(rows)]
    api.publish_sessions(sessions)
    file = tmp_path_factory.getbasetemp() / "delivered.csv"
    with duckdb.connect() as database:
        table_of(database, "sessions", "one", [{"client_id": "one", **row} for row in sessions])
        database.execute(f"COPY sessions TO '{file}' (HEADER)")
        groups = "".join(f"coalesce({each}, '(unknown)')," for each in sorted(grouped))
        chosen = ", ".join(f"'{each}'" for each in devices)
        where = f"device IN ({chosen})" if devices else "true"
        expected = database.execute(
            ORACLE.format(groups=groups, file=file, first=first, last=last, where=where)
        ).fetchall()

    filters = [["is", "visit:device", sorted(devices)]] if devices else [["is_not", "visit:device", ["tv"]]]
    reply = api.query(
        metrics=ASKED,
        dimensions=[f"visit:{each}" for each in sorted(grouped)],
        filters=filters,
        date_range=[first.isoformat(), last.isoformat()],
    )

    assert reply.status == 200, reply.body
    found = json.loads(reply.body, parse_float=Decimal)["results"]
    width = len(grouped)
    wanted = {row[:width]: [Decimal(str(value)) for value in row[width:]] for row in expected if row[width]}
    assert {tuple(row["dimensions"]): [Decimal(value) for value in row["metrics"]] for row in found} == wanted


VISITS = [f"v{n}" for n in range(6)]
GOALS, PAGES = ("purchase", "page_view"), ("/a", "/b")
#: Before the end of summer time in Berlin, at 01:00 UTC.
BEGIN, ENDS = datetime(2026, 10, 24, 20, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)
a_visit = st.fixed_dictionaries(
    {
        "started_at": st.integers(0, 27 * 60).map(lambda minutes: BEGIN + timedelta(minutes=minutes)),
        "device": st.sampled_from(DEVICES),
        "is_bot": st.booleans(),
        "page_views": st.integers(0, 9),
    }
)
an_act = st.tuples(st.sampled_from(VISITS), st.sampled_from(PAGES), st.booleans())
HOURS = """
SELECT strftime(
           started_at + to_hours(CASE WHEN started_at >= TIMESTAMP '2026-10-25 01:00' THEN 1 ELSE 2 END),
           '%Y-%m-%d %H:00:00'),
       count(*), sum(page_views)
FROM visits WHERE NOT is_bot AND {where} GROUP BY ALL
"""
DONE = "session_id IN (SELECT session_id FROM acts WHERE NOT is_bot AND {rule})"


@given(
    visits=st.lists(a_visit, min_size=1, max_size=len(VISITS)),
    viewed=st.lists(an_act, max_size=8),
    bought=st.lists(an_act, max_size=4),
    goal=st.sampled_from(GOALS),
    page=st.sampled_from(PAGES),
    is_not=st.booleans(),
)
@settings(max_examples=15, deadline=None, phases=QUICK)
def test_hours_and_what_was_done_are_counted_as_in_the_delivered_rows(
    one_api, visits, viewed, bought, goal, page, is_not
):
    def acts(given, **more):
        return [
            {
                "event_id": f"{n}",
                "session_id": session,
                "page": on,
                "is_bot": is_bot,
                "site_id": "blog",
                "date": ENDS.date(),
                "received_hour": ENDS,
                **more,
            }
            for n, (session, on, is_bot) in enumerate(given)
        ]

    rows = [
        {
            **each,
            "session_id": VISITS[n],
            "site_id": "blog",
            "date": (each["started_at"] + timedelta(hours=1 if each["started_at"] >= ENDS else 2)).date(),
        }
        for n, each in enumerate(visits)
    ]
    one_api.publish("sessions", rows)
    one_api.publish("page_views", acts(viewed))
    one_api.publish("conversions", acts(bought, conversion="purchase"))
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        database.execute(
            "CREATE TABLE visits "
            "(session_id VARCHAR, started_at TIMESTAMP, is_bot BOOLEAN, device VARCHAR, page_views INT)"
        )
        database.executemany(
            "INSERT INTO visits VALUES (?, ?, ?, ?, ?)",
            [
                (VISITS[n], e["started_at"].replace(tzinfo=None), e["is_bot"], e["device"], e["page_views"])
                for n, e in enumerate(visits)
            ],
        )
        database.execute("CREATE TABLE acts (session_id VARCHAR, page VARCHAR, is_bot BOOLEAN, goal VARCHAR)")
        done = [(*each, "page_view") for each in viewed] + [(*each, "purchase") for each in bought]
        if done:
            database.executemany("INSERT INTO acts VALUES (?, ?, ?, ?)", done)
        rule = DONE.format(rule=f"goal = '{goal}' AND page = '{page}'")
        where = f"{'NOT ' if is_not else ''}{rule} AND device = 'mobile'"
        expected = database.execute(HOURS.format(where=where)).fetchall()

    inside = ["and", [["is", "event:goal", [goal]], ["is", "event:page", [page]]]]
    reply = one_api.query(
        site_id="blog",
        metrics=["sessions", "page_views"],
        dimensions=["time:hour"],
        filters=[["has_not_done" if is_not else "has_done", inside], ["is", "segment", ["mobile"]]],
        date_range=["2026-10-24", "2026-10-26"],
    )

    assert sorted(results(reply)) == sorted(((hour,), (count, int(views))) for hour, count, views in expected)


day_rows = st.lists(
    st.fixed_dictionaries(
        {"date": st.sampled_from(DAYS), **{each: st.integers(0, 10**9) for each in COUNTS}}
    ),
    unique_by=lambda row: row["date"],
    max_size=6,
)


@given(rows=day_rows, first=st.sampled_from(DAYS))
@settings(max_examples=20, deadline=None, phases=QUICK)
def test_figures_of_days_are_those_of_the_file_and_their_sums(one_api, rows, first):
    one_api.publish("daily_metrics", rows)
    span = [first.isoformat(), TODAY.isoformat()]

    by_day = results(one_api.query(metrics=list(COUNTS), dimensions=["time:day"], date_range=span))
    whole = results(one_api.query(metrics=list(COUNTS), date_range=span))

    chosen = sorted((row for row in rows if row["date"] >= first), key=lambda row: row["date"])
    assert by_day == [((str(row["date"]),), tuple(row[each] for each in COUNTS)) for row in chosen]
    sums = tuple(sum(row[each] for row in chosen) for each in COUNTS)
    assert whole == ([((), sums)] if chosen else [])


def a_value(chance: random.Random, kind: str):
    """A number of a column, with all the digits that it may have."""
    if kind == "DOUBLE":
        return chance.random() * 10 ** chance.randrange(6)
    if kind.startswith("DECIMAL"):
        digits = int(kind.rpartition(",")[2].rstrip(" )"))
        return Decimal(chance.randrange(10**9)).scaleb(-digits)
    return chance.randrange(10**9 if kind == "BIGINT" else 10**4)


def a_key(kind: str, name: str, number: int):
    if kind == "VARCHAR":
        return f"{name} {number}"
    if kind == "TIMESTAMPTZ":
        return NOW - timedelta(hours=number)
    return DAYS[number] if kind == "DATE" else number


REPORTS = {each.table: each for each in sources() if each.delivered}


@pytest.mark.parametrize("table", REPORTS)
def test_every_metric_of_every_report_is_that_of_its_row_and_a_count_that_of_its_rows(one_api, table):
    """Of the catalogue, so that a new metric is looked at too."""
    report, columns, chance = REPORTS[table], table_columns(table), random.Random(table)
    keys = sorted(report.keys)
    rows = [
        {
            "date": day,
            **{key: a_key(columns[key].kind, key, number) for key in keys},
            **{name: a_value(chance, columns[name].kind) for name in report.delivered},
            **({"currency": "EUR"} if "currency" in columns and "currency" not in keys else {}),
        }
        for day in DAYS[:2]
        for number in range(3 if keys else 1)
    ]
    one_api.publish(table, rows)
    span = [str(DAYS[1]), str(DAYS[0])]

    def answered_here(metric, grouped, is_by_day):
        chosen = choose(metric_of(metric), grouped, (), (), is_by_day=is_by_day)
        return chosen is not None and chosen[0].table == table

    def asked(metrics, grouped):
        found: dict[tuple[str, ...], dict[str, Decimal]] = {}
        for n in range(0, len(metrics), 20):
            part = metrics[n : n + 20]
            reply = one_api.query(metrics=part, dimensions=grouped, date_range=span)
            assert reply.status == 200, reply.body
            for row in json.loads(reply.body, parse_float=Decimal)["results"]:
                values = map(Decimal, row["metrics"])
                found.setdefault(tuple(row["dimensions"]), {}).update(zip(part, values, strict=True))
        return found

    by_day = [name for name in report.delivered if answered_here(name, ["time:day", *keys], True)]
    assert by_day, "nobody can ask for its rows"
    assert asked(by_day, ["time:day", *keys]) == {
        tuple(str(row[key]).removesuffix(":00") for key in ("date", *keys)): {
            name: Decimal(str(row[name])) for name in by_day
        }
        for row in rows
    }
    added = [name for name in report.metrics if name in report.delivered and columns[name].kind == "BIGINT"]
    added = [name for name in added if answered_here(name, [], False)]
    sums = {name: Decimal(sum(row[name] for row in rows)) for name in added}
    assert asked(added, []) == ({(): sums} if added else {})
