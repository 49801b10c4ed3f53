"""No statement names a time zone to an engine, which has a database of zones of its own."""

import ast
import re

import pytest
from support.compiled_models import Dbt, compiled_models
from support.repository import CODE, files, name_of, python_files

#: Functions of DuckDB, Postgres, Spark, Snowflake, BigQuery and Athena that take the name of a zone.
NAMES_A_ZONE = re.compile(
    r"\btimezone\s*\(|\bat\s+time\s*zone\b|\bat_timezone\s*\(|\b(from|to)_utc_timestamp\s*\(|"
    r"\bconvert_timezone\s*\(|\bpg_timezone_names\b|\bicu_\w+\s*\(|"
    r"\bset\s+(time\s*zone\b|timezone\b)(?!\s*=\s*'UTC')",
    re.IGNORECASE,
)


#: Statements for Redshift, and of others for PostgreSQL, that name UTC: of it all releases say the same.
OF_OTHERS = {"orchestration/delivery/ddl_warehouses.py", "bench/api_peers.py"}


def test_no_statement_of_python_names_a_zone():
    found = {
        f"{name_of(path)}:{node.lineno}"
        for path, tree in python_files(*CODE, "bench")
        if name_of(path) not in OF_OTHERS
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and NAMES_A_ZONE.search(node.value)
    }

    assert found == set()


def test_no_model_macro_or_document_names_a_zone():
    found = {
        f"{name_of(path)}: {match[0]}"
        for path in files()
        if path.suffix in (".sql", ".md", ".yml") and "tests" not in path.parts
        for match in NAMES_A_ZONE.finditer(path.read_text())
    }

    assert found == set()


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """Everything that dbt gives to DuckDB: models whole and in a window, and the saved questions."""
    dbt = Dbt(tmp_path_factory.mktemp("dbt"))
    models = compiled_models(dbt, tmp_path_factory)
    texts = {m.name: " ".join((m.whole, m.window, m.statements)) for m in models.models}
    done = dbt.must("compile", "--select", "path:analyses")
    return texts | {result.node.name: result.node.compiled_code for result in done.result.results}


def test_no_compiled_query_names_a_zone(compiled):
    assert len(compiled) > 40
    assert {name for name, text in compiled.items() if NAMES_A_ZONE.search(text)} == set()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT CAST(timezone('Europe/Berlin', at) AS DATE)",
        "select at AT TIME ZONE 'UTC'",
        "from_utc_timestamp(at, zone)",
        "SET TimeZone = 'Europe/Berlin'",
    ],
)
def test_a_statement_that_does_is_found(statement):
    assert NAMES_A_ZONE.search(statement)
