"""The models' SQL stays in what DuckDB and Spark share, so that the same models can run on a distributed
engine.

What they write differently is in the dispatched macros of macros/engine.sql. Everything else of the compiled
SQL has to be read alike by both.
"""

import re
import warnings
from pathlib import Path

import pytest

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
SPARK_MACROS = Path(__file__).parents[2] / "dbt_project" / "macros" / "engine.sql"


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
    text = SPARK_MACROS.read_text()
    dispatched = set(re.findall(r"adapter\.dispatch\('(\w+)'\)", text))

    assert len(dispatched) >= 10
    for engine in ("default", "spark"):
        assert set(re.findall(rf"macro {engine}__(\w+)\(", text)) == dispatched
