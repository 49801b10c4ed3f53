"""The models' SQL stays in what DuckDB and Spark share, so that the same models can run on a distributed
engine.

What they write differently is in the dispatched macros of macros/engine.sql. Everything else of the compiled
SQL has to be read alike by both. That they say the same as well is shown on Sail, which reads Spark's SQL.
"""

import json
import os
import random
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import duckdb
import pytest
from support.lake_story import START, Lake, Step, happen, story_events

with warnings.catch_warnings():
    # It says of its own faster half that there is a newer one.
    warnings.simplefilter("ignore", DeprecationWarning)
    import sqlglot
    from sqlglot import exp

#: What engine.sql writes for DuckDB alone, by the name that DuckDB's functions have in the compiled text.
DISPATCHED = {
    "date_diff",
    "make_timestamp",
    "make_timestamptz",
    "epoch_us",
    "json_valid",
    "json_extract_string",
    "json_type",
    "try",
    "url_decode",
    "quantile_cont",
}
#: Read by DuckDB and not by Spark, or otherwise (found by running the models on both).
AVOIDED = (
    "strftime",
    "strptime",
    "arg_max",
    "arg_min",
    "epoch",
    "epoch_ms",
    "time_bucket",
    "list",
    "list_aggregate",
    "unnest",
    "string_agg",
    "group_concat",
    "bool_or",
    "bool_and",
    "len",
    "regexp_matches",
    "str_split",
    "struct_pack",
)
#: Models that Sail cannot make, and why. Whatever it can is not on it.
NOT_ON_SAIL: dict[str, str] = {}
#: Pages of views whose addresses and properties no two engines need to read alike.
ODD_TAGS = (
    *("%zz", "%", "a%2", "%ff", "%C3%28", "%C3%A9", "%EF%BF%BD", "\ufffd%ff", "a+b", "%2B", "%00", "100%"),
    *("%25zz", "", "x%20", "%F0%9F%98%80"),
)
#: Sail makes no decimal of a text with an exponent, as others do: there is no such amount here.
ODD_PROPERTIES = (
    *('{"revenue": "5"}', '{"revenue": 5}', '{"revenue": {"amount": "5,00", "currency": "EUR"}}', "{bad"),
    *("[]", "1", "null", '{"revenue": null, "order_id": "[x"}', '{"order_id": "{x", "revenue": 1}'),
    *('{"order_id": "NULL"}', '{"revenue": "1000", "x": {"revenue": 7}}', '{"order_id": 12345678}'),
    '{"order_id": " A1 ", "revenue": -3.5}',
)
ODD_HOSTS = ("[::1]", "::1", "10.0.0.7", "shop.local", "berlin.example")
ODD_REFERRERS = ("https://WWW.Example.co.uk./x", "chatgpt.com", "android-app://com.x/", "%%", None)
ODD_AT = START.replace(hour=20)
LEARNT = ('{"properties": {"a b": 1, "a": "x\\"y", "b": null, "é": true}}', '{"properties": {"a": 2}}')
SPARK_MACROS = Path(__file__).parents[2] / "dbt_project" / "macros" / "engine.sql"
#: Every file of macros with a form for each engine.
BOTH_FORMS = [SPARK_MACROS, *(SPARK_MACROS.with_name(name) for name in ("engine_tables.sql", "kept.sql"))]


def _queries(models) -> dict[str, str]:
    """Model, and how it was compiled → its query."""
    found = {}
    for model in models.models:
        found[f"{model.name} whole"] = model.whole
        if model.window:
            found[f"{model.name} window"] = model.window
    return found


def test_both_dialects_read_every_query(models):
    for name, query in _queries(models).items():
        for dialect in ("duckdb", "spark"):
            try:
                parsed = sqlglot.parse(_neutral(query), read=dialect)
            except sqlglot.errors.ParseError as error:
                pytest.fail(f"{name} is no {dialect}: {error}")
            assert len(parsed) == 1, name


def _neutral(query: str) -> str:
    """DuckDB quotes names with double quotes, which Spark reads as text: names are meant."""
    return re.sub(r'"([a-z0-9_]+)"', r"\1", query)


def test_nothing_is_used_that_only_one_engine_has(models):
    found = {}
    for name, query in _queries(models).items():
        (tree,) = sqlglot.parse(_neutral(query), read="duckdb")
        called = {n.name.lower() for n in tree.find_all(exp.Anonymous)}
        written = {w.lower() for w in re.findall(r"\b([a-z_]+)\s*\(", query)}
        wrong = (called | written) & set(AVOIDED)
        wrong |= {"::"} if "::" in _without_text(query) else set()
        wrong |= {"->>"} if "->>" in _without_text(query) else set()
        wrong |= {kind.__name__ for kind in (exp.Qualify, exp.Pivot, exp.Lambda, exp.List) if tree.find(kind)}
        wrong |= {"star except"} if any(s.args.get("except_") for s in tree.find_all(exp.Star)) else set()
        if wrong:
            found[name] = wrong

    assert found == {}


def _without_text(query: str) -> str:
    return re.sub(r"'[^']*'", "''", query)


def test_what_duckdb_alone_writes_comes_from_a_dispatched_macro(models):
    """A function that only one engine knows belongs into engine.sql, with Spark's form beside it."""
    used = {
        word.lower()
        for query in _queries(models).values()
        for word in re.findall(r"\b([a-z_]+)\s*\(", _without_text(query))
    }
    assert used >= DISPATCHED, "a macro is not used any more: take it off the list"
    macros = SPARK_MACROS.parent
    elsewhere = {
        word: path.name
        for path in [*macros.glob("*.sql"), *macros.parent.glob("models/**/*.sql")]
        if path != SPARK_MACROS
        for word in re.findall(r"\b([a-z_]+)\s*\(", path.read_text())
        if word in DISPATCHED
    }
    assert elsewhere == {}


def test_every_dispatched_macro_has_a_form_for_both():
    text = "".join(path.read_text() for path in BOTH_FORMS)
    dispatched = set(re.findall(r"adapter\.dispatch\('(\w+)'\)", text))

    assert len(dispatched) >= 10
    for engine in ("default", "spark"):
        assert set(re.findall(rf"macro {engine}__(\w+)\(", text)) == dispatched


@pytest.mark.parametrize("engine", ["sail", pytest.param("spark", marks=pytest.mark.proof)])
def test_every_model_says_the_same_on_a_second_engine(models, tmp_path, engine):
    if engine == "spark" and not (os.environ.get("SPARK_HOME") and shutil.which("java")):
        pytest.skip("no Java, or SPARK_HOME names no Spark (docs/scaling.md)")
    connection = models.database()
    _tell(connection)
    models.rebuild(connection)
    _export(connection, tmp_path / "ingest")

    made_there = subprocess.run(
        [sys.executable, "-m", "support.on_second_engine", engine, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "RUST_LOG": "off"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made_there.returncode == 0, made_there.stdout + made_there.stderr
    said = json.loads((tmp_path / "said.json").read_text())

    missing = NOT_ON_SAIL if engine == "sail" else {}
    assert said["build"].keys() == missing.keys(), said["build"]
    tables = {model.table for model in models.models if model.name not in missing}
    made = {path.stem: path for path in (tmp_path / "made").glob("*.parquet")}
    assert tables <= made.keys()
    assert not [name for name in made if name.startswith("scratch.")], "steps that were kept are left behind"
    empty = [name for name in tables if not connection.execute(f"select count(*) from {name}").fetchone()[0]]
    assert empty == [], "nothing is shown of a table without a row"
    compared = sorted(tables | {"intermediate.modelled_settings"})
    different = {name: found for name in compared if (found := _different(connection, name, made[name]))}
    assert different == {}
    # What Spark commits a statement at a time would be half visible.
    assert "Spark makes whole tables alone" in str(said["window"])


def _tell(connection: duckdb.DuckDBPyConnection) -> None:
    """A dozen stories, and what engines read differently."""
    lake = Lake(connection)
    stories = {number: story_events(random.Random(number), number) for number in range(12)}
    lake.fill(stories)
    happen(
        lake,
        [
            (number, Step(0, "ingest", hour, 1))
            for number, copies in stories.items()
            for hour in sorted({copy.hour for copy in copies})
        ],
    )
    lake.settings(4, 1)
    for number in (1, 3, 5):
        lake.correct(number, 2, number)
    for number, tag in enumerate(ODD_TAGS):
        _add(
            connection,
            f"tag-{number}",
            event_type="page_view",
            url=f"https://berlin.example/?utm_source={tag}&utm_campaign={tag}",
            host=ODD_HOSTS[number % len(ODD_HOSTS)],
            referrer=ODD_REFERRERS[number % len(ODD_REFERRERS)],
        )
    for number, said in enumerate(ODD_PROPERTIES):
        kind = ("purchase", "refund", "engagement")[number % 3]
        _add(connection, f"said-{number}", event_type=kind, props=said, payload=said)
    connection.executemany(
        "insert into ingest.event_enrichments values (?, ?, ?, ?, ?)",
        [["c1-0", f"tag-{number}", ODD_AT, number, learnt] for number, learnt in enumerate(LEARNT)],
    )


def _add(connection: duckdb.DuckDBPyConnection, event_id: str, **given: object) -> None:
    row = {
        "client_id": "c1-0",
        "site_id": "berlin",
        "event_id": event_id,
        "visitor_id": f"odd-{event_id[-1]}",
        "occurred_at": ODD_AT,
        "received_at": ODD_AT,
        "received_hour": ODD_AT,
        "is_duplicate": False,
        "is_declared_host": True,
        "gpc": False,
        "dnt": False,
        "object_key": "odd",
        "line_number": 1,
    } | given
    connection.execute(
        f"insert into ingest.events ({', '.join(row)}) values ({', '.join('?' * len(row))})",
        list(row.values()),
    )


def _export(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    folder.mkdir()
    tables = connection.execute(
        "select table_name from information_schema.tables where table_schema = 'ingest'"
    ).fetchall()
    for (table,) in tables:
        connection.execute(f"copy (from ingest.{table}) to '{folder / table}.parquet' (format parquet)")


def _different(connection: duckdb.DuckDBPyConnection, table: str, path: Path) -> list[str]:
    """The columns in which two engines differ, of a table that is not equal row for row."""
    types = dict(row[:2] for row in connection.execute(f"describe {table}").fetchall())

    def rows(columns: list[str]) -> int:
        here = f"select {', '.join(columns)} from {table}"
        told = ", ".join(f"cast({name} as {types[name]})" for name in columns)
        there = f"select {told} from read_parquet('{path}')"
        return connection.execute(
            f"select count(*) from (({here} except all {there}) union all ({there} except all {here}))"
        ).fetchone()[0]

    names = [f'"{name}"' for name in types]
    types |= {f'"{name}"': kind for name, kind in types.items()}
    if not rows(names):
        return []
    return [name for name in names if rows([name])] or ["rows"]
