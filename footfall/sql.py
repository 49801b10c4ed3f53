"""The one place that gives SQL to DuckDB, and the one where text becomes part of a statement.

A statement is a literal in the code. What differs from one call to the next is a parameter (`?`, `$name`);
where DuckDB takes none, it is a piece of SQL that is put at `{place}`. A piece is made here, of a literal, of
a number, of a name or of a text that is quoted. So nothing that a stranger wrote can be anything but a value.
`tests/test_sql_is_literal.py` finds statements that are made in any other way.
"""

import re
import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

import duckdb

#: Types of plain columns, and lists of them: `VARCHAR`, `DECIMAL(18,3)`, `BIGINT[]`.
_KIND = re.compile(r"[A-Z][A-Z0-9_ ]*(\([0-9, ]+\))?(\[\])*")

#: How the names of folders begin that a connection has for itself; `upkeep` removes what was left.
SCRATCH = "footfall-"

Values = Sequence[object] | Mapping[str, object]
Connection = duckdb.DuckDBPyConnection
Relation = duckdb.DuckDBPyRelation

#: Every database of ours. A file that looks like another program's, or a function that DuckDB lacks, is an
#: error, and loads nothing and downloads nothing. dbt's is `dbt_project/profiles.yml`.
SETTINGS: Mapping[str, str] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}


class Sql(str):
    """A piece of SQL that holds nothing a stranger wrote but in quotes. Only this module makes one."""

    __slots__ = ()


def sql(template: str, /, **pieces: Sql) -> Sql:
    """A literal as SQL, with a piece at each `{place}`. Without pieces braces mean nothing."""
    return Sql(_filled(template, pieces))


def text(value: str) -> Sql:
    """A value as a literal of SQL, where DuckDB takes no parameter. Raises ValueError for a NUL byte."""
    return Sql("'" + _without_nul(value).replace("'", "''") + "'")


def shipped(query: str) -> Sql:
    """A query made of files that lie with the models. For api/saved_questions.py alone."""
    return Sql(query)


def shipped_relation(rows: str) -> Sql:
    """Rows of a published table as the starting process made them. For dashboard/sandbox_worker.py alone."""
    return Sql(rows)


def name(value: str) -> Sql:
    """The name of a column or a table. Raises ValueError where it is empty or has a NUL byte."""
    if not value:
        raise ValueError("a name of SQL is never empty")
    return Sql('"' + _without_nul(value).replace('"', '""') + '"')


def names(values: Iterable[str], of: str = "") -> Sql:
    """Names with commas between them, each behind `of` and a dot where it is given."""
    prefix = f"{name(of)}." if of else ""
    return Sql(", ".join(prefix + name(value) for value in values))


def texts(values: Iterable[str]) -> Sql:
    """Literals with commas between them."""
    return joined(", ", map(text, values))


def kind(value: str) -> Sql:
    """The name of a type, as DuckDB says it. Raises ValueError for what cannot be one."""
    if not _KIND.fullmatch(value):
        raise ValueError(f"{value!r} is no type of a column")
    return Sql(value)


def number(value: int | float) -> Sql:
    """A number. Raises TypeError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"a number was expected, not {value!r}")
    return Sql(repr(value))


def joined(separator: str, pieces: Iterable[Sql]) -> Sql:
    """Pieces with a literal between them."""
    return Sql(separator.join(map(_piece, pieces)))


def open_database(
    path: Path | str = ":memory:", *, is_read_only: bool = False, **settings: str
) -> duckdb.DuckDBPyConnection:
    """A connection to a file of DuckDB, or to a new database in memory. Only this module makes one."""
    return duckdb.connect(str(path), read_only=is_read_only, config={**SETTINGS, **settings})


def run(
    connection: duckdb.DuckDBPyConnection, statement: str, values: Values = (), /, **pieces: Sql
) -> duckdb.DuckDBPyConnection:
    """Execute a literal statement, with a piece at each `{place}` and `values` as its parameters."""
    return connection.execute(_filled(statement, pieces), values or None)


def run_foreign(connection: duckdb.DuckDBPyConnection, query: str, values: Values = (), /) -> Connection:
    """Execute what a person wrote, one SELECT. Raises ValueError where it is anything else.

    Only for a process of its own, whose database is confined to files that this person may read anyhow.
    """
    statements = duckdb.extract_statements(query)
    # EXPLAIN is of any statement, and with ANALYZE does it: a COPY that is explained takes a file away.
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise ValueError("one SELECT, and nothing else")
    return connection.execute(statements[0], values or None)


def relation(connection: Connection, query: Sql) -> Relation:
    """The rows of a SELECT as a relation of DuckDB, which reads them when it is asked for some."""
    return connection.sql(_piece(query))


def has_table(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> bool:
    """Whether a table, or a view, is there."""
    query = "SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = ?"
    return run(connection, query, [schema, table]).fetchone() is not None


def table_statement(schema: str, table: str, columns: Mapping[str, str]) -> Sql:
    """SQL that makes a table where it is missing. `columns`: name → DuckDB type, in order."""
    return sql(
        "CREATE TABLE IF NOT EXISTS {schema}.{table} ({listing})",
        schema=name(schema),
        table=name(table),
        listing=joined(
            ", ", (sql("{column} {type}", column=name(c), type=kind(each)) for c, each in columns.items())
        ),
    )


def run_steps(connection: duckdb.DuckDBPyConnection, steps: Iterable[Iterable[str]]) -> None:
    """Execute the statements of steps of `footfall.durable`, which are literals there."""
    for step in steps:
        for statement in step:
            connection.execute(statement)


def _filled(template: str, pieces: Mapping[str, Sql]) -> str:
    if not pieces:
        return template
    return string.Formatter().vformat(template, (), {place: _piece(each) for place, each in pieces.items()})


def _piece(value: object) -> str:
    if not isinstance(value, Sql):
        raise TypeError(f"not SQL of this project, so it must be a parameter or quoted: {value!r}")
    return str(value)


def _without_nul(value: str) -> str:
    if "\0" in value:
        raise ValueError("DuckDB cuts a statement at a NUL byte")
    return value


def confine(connection: duckdb.DuckDBPyConnection, *folders: Path) -> None:
    """From now on the connection's database reads and writes files in `folders` only, beside its own.

    No statement can undo it. Whoever gets a statement past all the rest finds no file of the host.
    """
    run(connection, "SET allowed_directories = [{folders}]", folders=texts(map(str, folders)))
    run(connection, "SET enable_external_access = false")


@contextmanager
def confined(prefix: str, **settings: str) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """A database in memory, in UTC, and the one folder it may use, which is gone behind the block."""
    with (
        TemporaryDirectory(prefix=prefix) as made,
        open_database(is_read_only=False, temp_directory=f"{made}/spill", **settings) as connection,
    ):
        run(connection, "SET TimeZone = 'UTC'")
        confine(connection, Path(made))
        run(connection, "SET lock_configuration = true")
        yield connection, Path(made)


def set_memory(connection: Connection, limit: str) -> None:
    """How much memory the database may take, such as `512MB`; what needs more goes to disk."""
    run(connection, "SET memory_limit = {limit}", limit=text(limit))


def scratch(connection: duckdb.DuckDBPyConnection) -> str:
    """Where the connection may make temporary folders: in one of `confine` with that name, else anywhere."""
    found: Any = run(connection, "SELECT current_setting('allowed_directories')").fetchone()
    given = [folder for folder in found[0] if Path(folder).name.startswith(SCRATCH)]
    return str(given[0]) if given else gettempdir()
