"""Log files → one temporary table of requests, and one of lines that are none.

DuckDB does the reading: a Python loop would take ten times as long. Every column is text until it has been
looked at, so that no guess about a type can drop a line.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import duckdb

from footfall.event import MAX_AHEAD
from sources.fields import KEPT, USED, checked, plain_name
from sources.log_object import NO_SEPARATOR, LogFile

#: Bytes of one log line. CloudFront cuts a URL at 8 KB and a header at 20 KB; a byte may be written `%25XX`.
MAX_LINE_BYTES = 256 * 1024
#: Lines dated earlier are malformed: the contract knows no earlier time.
EARLIEST = "2000-01-01 00:00:00+00"


def read_requests(connection: duckdb.DuckDBPyConnection, files: Sequence[LogFile], now: datetime) -> None:
    """Make the temporary tables `objects`, `requests` and `bad_lines` from all `files`.

    objects    object, object_key
    requests   object, line_number, requested_at (timestamptz, UTC) and the columns of fields.KEPT as text; an
               empty column (`-`) is null
    bad_lines  object, line_number, line, problem
    """
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("CREATE OR REPLACE TEMP TABLE objects (object INTEGER, object_key VARCHAR)")
    if files:
        connection.execute(
            "INSERT INTO objects SELECT unnest($numbers), unnest($keys)",
            {"numbers": [file.number for file in files], "keys": [file.key for file in files]},
        )
    texts = ", ".join(f"{name} VARCHAR" for name in KEPT)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE requests "
        f"(object INTEGER, line_number BIGINT, requested_at TIMESTAMPTZ, {texts})"
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE bad_lines "
        "(object INTEGER, line_number BIGINT, line VARCHAR, problem VARCHAR)"
    )
    alike: dict[tuple[str, tuple[str, ...]], list[LogFile]] = defaultdict(list)
    for file in files:
        columns = file.columns
        if file.form == "parquet":
            columns = tuple(_parquet_names(connection, file))
        alike[file.form, columns].append(file)
    for (form, columns), group in alike.items():
        paths = [str(file.path) for file in group]
        if form == "parquet":
            values = {plain_name(c): f'CAST("{_quoted(c)}" AS VARCHAR)' for c in columns}
            _judge(connection, _ROWS, paths, values, "NULL", now)
        elif form == "json":
            values = {plain_name(c): f"json_extract_string(sound, '$.\"{_quoted(c)}\"')" for c in columns}
            source = f"(SELECT *, CASE WHEN json_valid(line) THEN line END AS sound FROM {_LINES})"
            _judge(connection, source, paths, values, "CASE WHEN sound IS NULL THEN 'no JSON' END", now)
        elif not _all_are_requests(connection, group, columns, now):
            values = {name: f"split[{n}]" for n, name in enumerate(columns, 1)}
            source = f"(SELECT *, string_split(line, chr(9)) AS split FROM {_LINES})"
            wrong = (
                f"CASE WHEN len(split) <> {len(columns)} "
                f"THEN 'expected {len(columns)} columns, found ' || len(split) END"
            )
            _judge(connection, source, paths, values, wrong, now)


def _quoted(name: str) -> str:
    return name.replace('"', '""').replace("'", "''")


def _parquet_names(connection: duckdb.DuckDBPyConnection, file: LogFile) -> list[str]:
    found = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(file.path)]).fetchall()
    names = [row[0] for row in found]
    checked(names)
    return names


_OBJECT = "CAST(filename[-10:-5] AS INTEGER) AS object"
_READ_TEXT = (
    "read_csv($files, auto_detect = false, header = false, filename = true, quote = '', escape = '', "
    f"max_line_size = {MAX_LINE_BYTES}, "
)
#: Lines of text files, whatever is in them. What no log line begins with goes.
_LINES = f"""(
    SELECT {_OBJECT}, CAST(split_part(line, chr(9), 1) AS BIGINT) AS line_number,
        line[instr(line, chr(9)) + 1:] AS line
    FROM {_READ_TEXT} columns = {{'line': 'VARCHAR'}}, delim = chr({NO_SEPARATOR[0]}))
    WHERE line[instr(line, chr(9)) + 1:] NOT LIKE '#%' AND line[instr(line, chr(9)) + 1:] <> ' '
)"""
#: Rows of Parquet files.
_ROWS = f"""(
    SELECT {_OBJECT}, file_row_number + 1 AS line_number, CAST(NULL AS VARCHAR) AS line, file.*
    FROM read_parquet($files, filename = true, file_row_number = true) AS file
)"""


def _all_are_requests(
    connection: duckdb.DuckDBPyConnection, group: Sequence[LogFile], columns: Sequence[str], now: datetime
) -> bool:
    """Add every line of text files to `requests`, if each is a sound request; else none.

    DuckDB splits lines in a third of the time of the careful way, and stops at the first it cannot split.
    """
    names = [f"c{n}" for n in range(len(columns))]
    types = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
    table = (
        f"(SELECT *, {_OBJECT}, NULL AS line FROM {_READ_TEXT} delim = '\t', "
        f"nullstr = chr({NO_SEPARATOR[0]}), columns = {{'line_number': 'BIGINT', {types}}}))"
    )
    values = dict(zip(columns, names, strict=True))
    given = {"files": [str(file.path) for file in group], "latest": now + MAX_AHEAD}
    connection.execute("BEGIN")
    try:
        taken = connection.execute(
            f"INSERT INTO requests {_TAKEN} FROM {_judged(table, values, 'NULL')} WHERE problem IS NULL",
            given,
        ).fetchone()
    except (duckdb.InvalidInputException, duckdb.ConversionException):
        taken = None
    is_whole = taken == (sum(file.lines for file in group),)
    connection.execute("COMMIT" if is_whole else "ROLLBACK")
    return is_whole


_TAKEN = f"SELECT object, line_number, requested_at, {', '.join(KEPT)}"


def _judge(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    paths: list[str],
    values: dict[str, str],
    wrong: str,
    now: datetime,
) -> None:
    """Sort the rows of `source` into requests and bad_lines, by expressions over its columns."""
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE judged AS SELECT * FROM {_judged(source, values, wrong)}",
        {"files": paths, "latest": now + MAX_AHEAD},
    )
    connection.execute(f"INSERT INTO requests {_TAKEN} FROM judged WHERE problem IS NULL")
    connection.execute(
        "INSERT INTO bad_lines SELECT object, line_number, coalesce(line, ''), problem "
        "FROM judged WHERE problem IS NOT NULL"
    )


def _judged(source: str, values: dict[str, str], wrong: str) -> str:
    """SQL for the rows of `source` with the columns of a request, and its `problem` where it is none."""
    columns = ",\n".join(
        f"nullif(trim({values[name]}), '-') AS {name}" if name in values else f"NULL AS {name}"
        for name in USED
    )
    return f"""(
        WITH named AS (
            SELECT object, line_number, line, {wrong} AS wrong, {columns} FROM {source}
        ),
        timed AS (
            SELECT *, coalesce(
                CAST(try_cast(date || ' ' || time AS TIMESTAMP) AS TIMESTAMPTZ),
                to_timestamp(try_cast(timestamp_ms AS BIGINT) / 1000.0),
                to_timestamp(try_cast(timestamp AS BIGINT))
            ) AS requested_at
            FROM named
        )
        SELECT *, CASE
            WHEN wrong IS NOT NULL THEN wrong
            WHEN requested_at IS NULL THEN 'no date and time'
            WHEN requested_at < TIMESTAMPTZ '{EARLIEST}' OR requested_at > $latest
                THEN 'a time before 2000 or in the future'
            WHEN c_ip IS NULL THEN 'no address'
            WHEN cs_uri_stem IS NULL OR NOT starts_with(cs_uri_stem, '/') THEN 'no path'
            WHEN cs_method IS NULL OR cs_method NOT IN ('GET', 'HEAD', 'POST')
                AND NOT regexp_full_match(cs_method, '[A-Za-z-]{{1,20}}') THEN 'no method'
            WHEN try_cast(sc_status AS INTEGER) IS NULL THEN 'no status'
        END AS problem
        FROM timed
    )"""
