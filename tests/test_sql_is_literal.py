"""SQL is made of literals of the code, and of pieces that one module quotes."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from footfall.sql import SETTINGS

ROOT = Path(__file__).resolve().parents[1]

#: The module that alone gives SQL to DuckDB.
SQL = "footfall/sql.py"
#: Its functions that take SQL, and where among their arguments the literal is.
LITERAL_AT = {"run": 1, "sql": 0, "joined": 0}
#: SQLite: statements that are not one literal. Each is made of literals of its own module, and of `?`.
OF_SQLITE = {
    "commands/client_rows.py",
    "commands/state_metrics.py",
    "footfall/sqlite_files.py",
    "orchestration/alerting/book.py",
    "orchestration/delivery/ledger.py",
    "orchestration/delivery/log_book.py",
    "orchestration/delivery/log_tables.py",
    "orchestration/discovery/domain_rows.py",
    "orchestration/ingest/listing.py",
    "orchestration/privacy/erasure_texts.py",
    "orchestration/privacy/request_book.py",
    "orchestration/upkeep/prune.py",
    "orchestration/webhooks/outbox.py",
}
#: Statements that SQLAlchemy makes, of tables and columns: no text, and none of its `text`.
OF_SQLALCHEMY = {"orchestration/history.py", "orchestration/privacy/erasure_postgres.py"}
EXECUTES = {"execute", "executemany", "executescript", "sql", "query", "from_query", "read_csv", "read_json"}


def _is_literal(node: ast.AST) -> bool:
    """A text of the code, or a constant of a module or of its class, which is made of such."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _is_literal(node.left) and _is_literal(node.right)
    names = {ast.Name: "id", ast.Attribute: "attr"}
    return type(node) in names and str(getattr(node, names[type(node)])).isupper()


def _made_otherwise(tree: ast.Module, *, is_of_sqlite: bool) -> Iterator[int]:
    """Lines of a module on which SQL is executed, or a piece of it made, of something that is no literal."""
    imported = {
        alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    has_sql = any(
        isinstance(node, ast.ImportFrom) and node.module == "footfall.sql" for node in ast.walk(tree)
    )
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if has_sql and isinstance(node.func, ast.Name) and node.func.id == "Sql":
            yield node.lineno
        elif has_sql and isinstance(node.func, ast.Name) and node.func.id in LITERAL_AT:
            place = LITERAL_AT[node.func.id]
            if len(node.args) > place and not _is_literal(node.args[place]):
                yield node.lineno
        elif isinstance(node.func, ast.Attribute) and node.func.attr in EXECUTES:
            # Where both are at hand, SQLite is called `database`.
            is_sqlite = "duckdb" not in imported or getattr(node.func.value, "id", "") == "database"
            if not is_sqlite or not (is_of_sqlite or (node.args and _is_literal(node.args[0]))):
                yield node.lineno


def test_one_module_gives_sql_to_duckdb_and_statements_are_literals():
    found = []
    for part in ("orchestration", "collector", "footfall", "sources", "api", "dashboard", "commands"):
        for path in sorted((ROOT / part).rglob("*.py")):
            name, tree = path.relative_to(ROOT).as_posix(), ast.parse(path.read_text())
            lines = _made_otherwise(tree, is_of_sqlite=name in OF_SQLITE | OF_SQLALCHEMY)
            found += [f"{name}:{line}" for line in lines if name != SQL]

    assert found == []


def test_what_sqlalchemy_makes_holds_no_text_of_ours():
    for name in OF_SQLALCHEMY:
        code = (ROOT / name).read_text()
        assert "import sqlalchemy as sa\n" in code, name
        assert not re.search(r"\b(sa\.text|text|exec_driver_sql|literal_column)\(", code), name


def test_what_lies_with_the_models_becomes_sql_in_one_module_alone():
    making = [
        path.relative_to(ROOT).as_posix()
        for part in ("orchestration", "collector", "footfall", "sources", "api", "dashboard", "commands")
        for path in sorted((ROOT / part).rglob("*.py"))
        if re.search(r"\bshipped\(", path.read_text())
    ]

    assert making == [SQL, "api/saved_questions.py"]


def test_one_module_opens_databases_of_duckdb_so_that_none_loads_or_downloads_an_extension():
    opening = [
        path.relative_to(ROOT).as_posix()
        for part in ("orchestration", "collector", "footfall", "sources", "api", "dashboard", "commands")
        for path in sorted((ROOT / part).rglob("*.py"))
        if "duckdb.connect(" in path.read_text()
    ]
    dbt = (ROOT / "dbt_project" / "profiles.yml").read_text()

    assert opening == [SQL]
    assert [name for name, value in SETTINGS.items() if f"{name}: {value}" not in dbt] == []


@pytest.mark.parametrize(
    "code",
    [
        "import duckdb\nconnection.execute('SELECT 1')",
        "import duckdb\nduckdb.sql('SELECT 1')",
        "run(connection, f'SELECT {x}')",
        "run(connection, 'SELECT ' + x)",
        "run(connection, 'SELECT {}'.format(x))",
        "run(connection, statement)",
        "sql(f'{x}')",
        "joined(x, pieces)",
        "Sql(x)",
        "connection.execute(f'DELETE FROM {x}')",
    ],
)
def test_sql_made_of_data_would_be_seen(code):
    tree = ast.parse(f"from footfall.sql import Sql, joined, run, sql\n{code}")

    assert list(_made_otherwise(tree, is_of_sqlite=False))
