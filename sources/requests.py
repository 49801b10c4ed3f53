"""Log files → one temporary table of requests, and one of lines that are none.

DuckDB does the reading: a Python loop would take ten times as long. Every column is text until it has been
looked at, so that no guess about a type can drop a line.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from re import fullmatch

import duckdb

from footfall.errors import FootfallError
from footfall.event import EARLIEST, MAX_AHEAD
from footfall.sql import Sql, joined, name, names, number, run, sql, text
from sources.log_columns import KEPT, LEGACY, USED, checked, plain_name
from sources.log_object import MAX_LINE_BYTES, MAX_LINES, NO_SEPARATOR, TAB, LogFile


def read_requests(
    connection: duckdb.DuckDBPyConnection, files: Sequence[LogFile], now: datetime
) -> dict[str, str]:
    """Make the temporary tables `objects`, `requests` and `bad_lines` from all `files`.

    objects    object, object_key
    requests   object, line_number, requested_at (timestamptz, UTC) and log_columns.KEPT as text; an
               empty column (`-`) is null
    bad_lines  object, line_number, line, problem

    Returns the Parquet objects that cannot be read, with the reason. Raises FootfallError, naming the
    objects, where not every line of the others is in one of the tables.
    """
    run(connection, "CREATE OR REPLACE TEMP TABLE objects (object BIGINT, object_key VARCHAR)")
    if files:
        run(
            connection,
            "INSERT INTO objects SELECT unnest($numbers), unnest($keys)",
            {"numbers": [file.number for file in files], "keys": [file.key for file in files]},
        )
    run(
        connection,
        "CREATE OR REPLACE TEMP TABLE requests "
        "(object BIGINT, line_number BIGINT, requested_at TIMESTAMPTZ, {texts})",
        texts=joined(", ", (sql("{column} VARCHAR", column=name(column)) for column in KEPT)),
    )
    run(
        connection,
        "CREATE OR REPLACE TEMP TABLE bad_lines "
        "(object BIGINT, line_number BIGINT, line VARCHAR, problem VARCHAR)",
    )
    rows: dict[int, int] = {}
    damaged: dict[str, str] = {}
    alike: dict[tuple[str, tuple[str, ...], str], list[LogFile]] = defaultdict(list)
    for file in files:
        if file.form != "parquet":
            alike[file.form, file.columns, file.delimiter].append(file)
            rows[file.number] = file.rows
            continue
        try:
            rows[file.number] = _read_parquet(connection, file, now)
        except (FootfallError, duckdb.Error) as error:
            # A stranger's file: whatever is wrong with it, it holds up no other.
            damaged[file.key] = str(error).splitlines()[0]
    for (form, columns, delimiter), group in alike.items():
        if form == "json":
            values = {column: _json_value(spellings) for column, spellings in _spellings(columns).items()}
            source = sql(
                "(SELECT *, CASE WHEN json_valid(line) THEN line END AS sound FROM {lines})", lines=_LINES
            )
            wrong = sql("CASE WHEN sound IS NULL THEN 'no JSON' END")
            _judge(connection, source, group, values, wrong, now)
        elif delimiter != TAB or not _all_are_requests(connection, group, columns, now):
            values = {column: sql("split[{n}]", n=number(n)) for n, column in enumerate(columns, 1)}
            source = sql(
                "(SELECT *, string_split(line, {delimiter}) AS split FROM {lines})",
                delimiter=text(delimiter),
                lines=_LINES,
            )
            wrong = sql(
                "CASE WHEN len(split) <> {n} THEN 'expected {n} columns, found ' || len(split) END",
                n=number(len(columns)),
            )
            _judge(connection, source, group, values, wrong, now)
    _require(connection, files, rows)
    return damaged


def _require(connection: duckdb.DuckDBPyConnection, files: Sequence[LogFile], rows: dict[int, int]) -> None:
    """Raise FootfallError where an object's lines are not all requests or bad lines."""
    counted = run(
        connection,
        "SELECT object, count(*) FROM "
        "(SELECT object FROM requests UNION ALL SELECT object FROM bad_lines) GROUP BY object",
    )
    found = dict(counted.fetchall())
    uneven = [
        f"{file.key}: {rows[file.number]} lines, {found.get(file.number, 0)} of them read"
        for file in files
        if file.number in rows and rows[file.number] != found.get(file.number, 0)
    ]
    if uneven:
        raise FootfallError(f"log objects were not read whole, nothing was stored: {'; '.join(uneven[:5])}")


#: Other spellings of a column in JSON than a file's first line has: fields may differ from line to line.
_USUAL = (*LEGACY, "timestamp", "timestamp(ms)")


def _spellings(columns: Sequence[str]) -> dict[str, list[str]]:
    """Plain name → how it may be written, for columns that are used."""
    found: dict[str, list[str]] = defaultdict(list)
    for column in dict.fromkeys((*columns, *_USUAL)):
        # Others cannot be asked for in a path of JSON.
        if plain_name(column) in USED and fullmatch(r"[A-Za-z0-9_() -]+", column):
            found[plain_name(column)].append(column)
    return found


def _json_value(spellings: Sequence[str]) -> Sql:
    values = (sql("json_extract_string(sound, {path})", path=text(f'$."{each}"')) for each in spellings)
    return sql("coalesce({values}, NULL)", values=joined(", ", values))


def _read_parquet(connection: duckdb.DuckDBPyConnection, file: LogFile, now: datetime) -> int:
    """Sort the rows of a Parquet file into requests and bad_lines. Returns how many it says it has."""
    described = run(connection, "DESCRIBE SELECT * FROM read_parquet(?)", [str(file.path)]).fetchall()
    columns = [row[0] for row in described]
    checked(columns)
    said = run(connection, "SELECT num_rows FROM parquet_file_metadata(?)", [str(file.path)]).fetchone()
    if said and int(said[0]) > MAX_LINES:
        raise FootfallError(f"more than {MAX_LINES} rows")
    used = {plain_name(column): column for column in columns if plain_name(column) in USED}
    source = sql(
        "(SELECT {object} AS object, file_row_number + 1 AS line_number, CAST(NULL AS VARCHAR) AS line, "
        "{columns} FROM "
        "(SELECT {columns}, file_row_number FROM read_parquet($files, file_row_number = true)))",
        object=number(file.number),
        columns=names(used.values()),
    )
    values = {plain: sql("CAST({column} AS VARCHAR)", column=name(each)) for plain, each in used.items()}
    _judge(connection, source, [file], values, sql("NULL"), now)
    return int(said[0]) if said else 0


_OBJECT = sql("CAST(filename[-16:-5] AS BIGINT) AS object")
_READ_TEXT = sql(
    "read_csv($files, auto_detect = false, header = false, filename = true, quote = '', escape = '', "
    "max_line_size = {longest}, ",
    longest=number(2 * MAX_LINE_BYTES),
)
_NO_SEPARATOR = sql("chr({code})", code=number(NO_SEPARATOR[0]))
#: Lines of text files, whatever is in them. What no log line begins with goes.
_LINES = sql(
    """(
    SELECT {object}, CAST(split_part(line, chr(9), 1) AS BIGINT) AS line_number,
        line[instr(line, chr(9)) + 1:] AS line
    FROM {read_text} columns = {{'line': 'VARCHAR'}}, delim = {no_separator})
    WHERE line[instr(line, chr(9)) + 1:] NOT LIKE '#%' AND line[instr(line, chr(9)) + 1:] <> ' '
)""",
    object=_OBJECT,
    read_text=_READ_TEXT,
    no_separator=_NO_SEPARATOR,
)


def _all_are_requests(
    connection: duckdb.DuckDBPyConnection, group: Sequence[LogFile], columns: Sequence[str], now: datetime
) -> bool:
    """Add every line of text files to `requests`, if each is a sound request; else none.

    DuckDB splits lines in a third of the time of the careful way, and stops at the first it cannot split.
    """
    cells = [name(f"c{n}") for n in range(len(columns))]
    types = (sql("{cell}: 'VARCHAR'", cell=text(f"c{n}")) for n in range(len(columns)))
    table = sql(
        "(SELECT *, {object}, NULL AS line FROM {read_text} delim = '\t', nullstr = {no_separator}, "
        "columns = {{'line_number': 'BIGINT', {types}}}))",
        object=_OBJECT,
        read_text=_READ_TEXT,
        no_separator=_NO_SEPARATOR,
        types=joined(", ", types),
    )
    values = dict(zip(columns, cells, strict=True))
    given = {"files": [str(file.path) for file in group], "latest": now + MAX_AHEAD}
    run(connection, "BEGIN")
    try:
        taken = run(
            connection,
            "INSERT INTO requests {taken} FROM {judged} WHERE problem IS NULL",
            given,
            taken=_TAKEN,
            judged=_judged(table, values, sql("NULL")),
        ).fetchone()
    except (duckdb.InvalidInputException, duckdb.ConversionException):
        taken = None
    is_whole = taken == (sum(file.lines for file in group),)
    run(connection, "{end}", end=sql("COMMIT") if is_whole else sql("ROLLBACK"))
    return is_whole


_TAKEN = sql("SELECT object, line_number, requested_at, {kept}", kept=names(KEPT))


def _judge(
    connection: duckdb.DuckDBPyConnection,
    source: Sql,
    group: Sequence[LogFile],
    values: dict[str, Sql],
    wrong: Sql,
    now: datetime,
) -> None:
    """Sort the rows of `source` into requests and bad_lines, by expressions over its columns."""
    run(
        connection,
        "CREATE OR REPLACE TEMP TABLE judged AS SELECT * FROM {judged}",
        {"files": [str(file.path) for file in group], "latest": now + MAX_AHEAD},
        judged=_judged(source, values, wrong),
    )
    run(connection, "INSERT INTO requests {taken} FROM judged WHERE problem IS NULL", taken=_TAKEN)
    run(
        connection,
        "INSERT INTO bad_lines SELECT object, line_number, coalesce(line, ''), problem "
        "FROM judged WHERE problem IS NOT NULL",
    )


def _judged(source: Sql, values: dict[str, Sql], wrong: Sql) -> Sql:
    """SQL for the rows of `source` with the columns of a request, and its `problem` where it is none."""
    columns = joined(
        ", ",
        (
            sql(
                "nullif(trim({value}), '-') AS {column}",
                value=values.get(column, sql("NULL")),
                column=name(column),
            )
            for column in USED
        ),
    )
    return sql(
        """(
        WITH named AS (
            SELECT object, line_number, line, {wrong} AS wrong, {columns} FROM {source}
        ),
        timed AS (
            SELECT *, coalesce(
                TRY(CAST(try_cast(date || ' ' || time AS TIMESTAMP) AS TIMESTAMPTZ)),
                TRY(to_timestamp(try_cast(timestamp_ms AS BIGINT) / 1000.0)),
                TRY(to_timestamp(try_cast(timestamp AS BIGINT)))
            ) AS requested_at
            FROM named
        )
        SELECT *, CASE
            WHEN wrong IS NOT NULL THEN wrong
            WHEN requested_at IS NULL THEN 'no date and time'
            WHEN requested_at < TIMESTAMPTZ {earliest} OR requested_at > $latest
                THEN {too_early}
            WHEN c_ip IS NULL THEN 'no address'
            WHEN cs_uri_stem IS NULL OR NOT starts_with(cs_uri_stem, '/') THEN 'no path'
            WHEN cs_method IS NULL OR cs_method NOT IN ('GET', 'HEAD', 'POST')
                AND NOT regexp_full_match(cs_method, '[A-Za-z-]{{1,20}}') THEN 'no method'
            WHEN try_cast(sc_status AS INTEGER) IS NULL THEN 'no status'
        END AS problem
        FROM timed
    )""",
        wrong=wrong,
        columns=columns,
        source=source,
        earliest=text(EARLIEST.isoformat()),
        too_early=text(f"a time before {EARLIEST.year} or in the future"),
    )
