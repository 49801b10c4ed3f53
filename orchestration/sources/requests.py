"""Log files → one temporary table of requests, and one of lines that are none.

DuckDB does the reading: a Python loop would take ten times as long. Every column is text until it has been
looked at, so that no guess about a type can drop a line.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import duckdb

from footfall.event import MAX_AHEAD
from orchestration.sources.fields import USED, checked, plain_name
from orchestration.sources.log_object import NO_SEPARATOR, LogFile

#: Bytes of one log line. CloudFront cuts a URL at 8 KB and a header at 20 KB; a byte may be written `%25XX`.
MAX_LINE_BYTES = 256 * 1024
#: Lines dated earlier are malformed: the contract knows no earlier time.
EARLIEST = "2000-01-01 00:00:00+00"


def read_requests(connection: duckdb.DuckDBPyConnection, files: Sequence[LogFile], now: datetime) -> None:
    """Make the temporary tables `requests` and `bad_lines` from all `files`.

    requests   object_key, line_number, requested_at (timestamptz, UTC) and the columns of fields.USED as
               text; an empty column (`-`) is null
    bad_lines  object_key, line_number, line, problem
    """
    connection.execute("SET TimeZone = 'UTC'")
    texts = ", ".join(f"{name} VARCHAR" for name in USED)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE requests "
        f"(object_key VARCHAR, line_number BIGINT, requested_at TIMESTAMPTZ, {texts})"
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE bad_lines "
        "(object_key VARCHAR, line_number BIGINT, line VARCHAR, problem VARCHAR)"
    )
    alike: dict[tuple[str, tuple[str, ...]], list[LogFile]] = defaultdict(list)
    for file in files:
        columns = file.columns
        if file.form == "parquet":
            columns = tuple(_parquet_names(connection, file))
        alike[file.form, columns].append(file)
    for (form, columns), group in alike.items():
        if form == "parquet":
            _numbered_rows(connection, group)
            values = {plain_name(c): f'CAST("{_quoted(c)}" AS VARCHAR)' for c in columns}
            source, wrong = "numbered", "NULL"
        elif form == "json":
            _numbered_lines(connection, group)
            values = {plain_name(c): f"json_extract_string(sound, '$.\"{_quoted(c)}\"')" for c in columns}
            source = "(SELECT *, CASE WHEN json_valid(line) THEN line END AS sound FROM numbered)"
            wrong = "CASE WHEN sound IS NULL THEN 'no JSON' END"
        else:
            _numbered_lines(connection, group)
            values = {name: f"split[{n}]" for n, name in enumerate(columns, 1)}
            source = "(SELECT *, string_split(line, chr(9)) AS split FROM numbered)"
            wrong = (
                f"CASE WHEN len(split) <> {len(columns)} "
                f"THEN 'expected {len(columns)} columns, found ' || len(split) END"
            )
        _judge(connection, source, values, wrong, now)


def _quoted(name: str) -> str:
    return name.replace('"', '""').replace("'", "''")


def _parquet_names(connection: duckdb.DuckDBPyConnection, file: LogFile) -> list[str]:
    found = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(file.path)]).fetchall()
    names = [row[0] for row in found]
    checked(names)
    return names


def _name_objects(connection: duckdb.DuckDBPyConnection, group: Sequence[LogFile]) -> list[str]:
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE objects (path VARCHAR, object_key VARCHAR, lines_before BIGINT)"
    )
    before = 0
    for file in group:
        connection.execute("INSERT INTO objects VALUES (?, ?, ?)", [str(file.path), file.key, before])
        before += file.lines
    return [str(file.path) for file in group]


def _numbered_lines(connection: duckdb.DuckDBPyConnection, group: Sequence[LogFile]) -> None:
    paths = _name_objects(connection, group)
    # Rows come in the order of the files and of the lines in them (preserve_insertion_order).
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE numbered AS
        SELECT object_key, n - lines_before AS line_number, line
        FROM (
            SELECT line, filename, row_number() OVER () AS n
            FROM read_csv(
                ?, columns = {{'line': 'VARCHAR'}}, auto_detect = false, header = false, filename = true,
                delim = chr({NO_SEPARATOR[0]}), quote = '', escape = '', max_line_size = {MAX_LINE_BYTES}
            )
        )
        JOIN objects ON path = filename
        WHERE line NOT LIKE '#%' AND line <> ' '
        """,
        [paths],
    )


def _numbered_rows(connection: duckdb.DuckDBPyConnection, group: Sequence[LogFile]) -> None:
    paths = _name_objects(connection, group)
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE numbered AS
        SELECT objects.object_key, file_row_number + 1 AS line_number, file.*, CAST(NULL AS VARCHAR) AS line
        FROM read_parquet(?, filename = true, file_row_number = true) AS file
        JOIN objects ON path = filename
        """,
        [paths],
    )


def _judge(
    connection: duckdb.DuckDBPyConnection, source: str, values: dict[str, str], wrong: str, now: datetime
) -> None:
    """Sort the rows of `source` into requests and bad_lines, by expressions over its columns."""
    columns = ",\n".join(
        f"nullif(trim({values[name]}), '-') AS {name}" if name in values else f"NULL AS {name}"
        for name in USED
    )
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE judged AS
        WITH named AS (
            SELECT object_key, line_number, line, {wrong} AS wrong, {columns} FROM {source}
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
            WHEN requested_at < TIMESTAMPTZ '{EARLIEST}' OR requested_at > ?
                THEN 'a time before 2000 or in the future'
            WHEN c_ip IS NULL THEN 'no address'
            WHEN cs_uri_stem IS NULL OR NOT starts_with(cs_uri_stem, '/') THEN 'no path'
            WHEN cs_method IS NULL OR NOT regexp_full_match(cs_method, '[A-Za-z-]{{1,20}}') THEN 'no method'
            WHEN try_cast(sc_status AS INTEGER) IS NULL THEN 'no status'
        END AS problem
        FROM timed
        """,
        [now + MAX_AHEAD],
    )
    connection.execute(
        f"INSERT INTO requests SELECT object_key, line_number, requested_at, {', '.join(USED)} "
        "FROM judged WHERE problem IS NULL"
    )
    connection.execute(
        "INSERT INTO bad_lines SELECT object_key, line_number, coalesce(line, ''), problem "
        "FROM judged WHERE problem IS NOT NULL"
    )
