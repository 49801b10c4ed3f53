"""Numbered lines in local files → what DuckDB knows of each: the columns, one narrow table, and the
soundness.

The files are read twice: once for the few fields by which lines are judged, once for all of them on their way
into the hour's Parquet. That is cheaper than keeping every line in a table between the two.
"""

from collections.abc import Iterable, Sequence

import duckdb

from footfall.catalogue.columns import LINE, LineKind, fields_of
from footfall.sql import Sql, joined, name, number, run, sql, text
from footfall.sql import kind as type_of
from orchestration.ingest.decode import EVENT_FIELDS, MAX_LINE_BYTES, NUMBER, OBJECT, DecodedObject
from orchestration.ingest.owners import AS_WRITTEN

#: Columns of a stored line and their DuckDB types: no inference. What a line of an older version has not is
#: null.
LINE_COLUMNS = {field.name: field.type for field in LINE}
#: The event as far as lines are judged by it. Anything but an object is an error of DuckDB's.
_JUDGED_EVENT = "STRUCT(referrer VARCHAR)"


#: The authority of a referrer, `user@host:port`: what comes before the third slash. Cut further on distinct
#: ones.
def authority(url: Sql) -> Sql:
    """SQL for the authority of a referrer, which some tools write without its scheme: `chatgpt.com`."""
    return sql(
        "CASE WHEN contains({url}, '//') THEN split_part({url}, '/', 3) "
        "WHEN regexp_full_match(split_part({url}, '/', 1), '([A-Za-z0-9-]+[.])+[A-Za-z]{{2,}}') "
        "THEN split_part({url}, '/', 1) ELSE '' END",
        url=url,
    )


def read_lines(columns: dict[str, str], owner: Sql = AS_WRITTEN) -> Sql:
    """SQL that reads `$files`: `columns`, the line's number as `n`, its object's as `object`.

    `owner`: SQL for whose a line is (orchestration.ingest.owners), which becomes its client_id.
    """
    typed = {NUMBER: "BIGINT", OBJECT: "INTEGER", **columns}
    return sql(
        "(SELECT * EXCLUDE ({number}, {object}) REPLACE ({owner} AS client_id), "
        "{number} AS n, {object} AS object FROM read_json("
        "$files, format = 'newline_delimited', records = true, "
        "maximum_object_size = {longest}, columns = {{{listed}}}))",
        number=name(NUMBER),
        object=name(OBJECT),
        owner=owner,
        longest=number(MAX_LINE_BYTES),
        listed=joined(
            ", ", (sql("{column}: {type}", column=text(c), type=text(kind)) for c, kind in typed.items())
        ),
    )


def files_of(decoded: Iterable[DecodedObject]) -> list[str]:
    """The files that hold lines of these objects, each once."""
    return sorted({str(each.path) for each in decoded if each.lines})


def wide_lines(owner: Sql = AS_WRITTEN) -> Sql:
    """`read_lines` of events, with every column."""
    return read_lines(_columns_of("event"), owner)


def refused_lines(owner: Sql = AS_WRITTEN) -> Sql:
    """`read_lines` of what was refused."""
    return read_lines(_columns_of("refused"), owner)


def _columns_of(kind: LineKind) -> dict[str, str]:
    return {field.name: field.type for field in fields_of(kind) if field.name != "v"}


def judge_lines(
    connection: duckdb.DuckDBPyConnection, decoded: Sequence[DecodedObject], owner: Sql = AS_WRITTEN
) -> bool:
    """Make the temporary tables `objects` (object, object_key, bytes, lines) and `judged`, a row a line.

    judged: object, n, is_event, is_erased, client_id, site_id, event_id, received_at, reason, and what
    enrichment asks for. Returns whether every line became a row, and every row is an event, refused or
    erased. DuckDB passes over an empty line, and makes a row of NULLs from an object without our fields.
    Raises duckdb.Error where some line is not what the contract promises.
    """
    run(
        connection,
        "CREATE OR REPLACE TEMP TABLE objects "
        "(object INTEGER, object_key VARCHAR, bytes BIGINT, lines BIGINT)",
    )
    if decoded:
        run(
            connection,
            "INSERT INTO objects SELECT unnest($n), unnest($keys), unnest($bytes), unnest($lines)",
            {
                "n": list(range(len(decoded))),
                "keys": [each.key for each in decoded],
                "bytes": [each.size for each in decoded],
                "lines": [each.lines for each in decoded],
            },
        )
    columns = {
        **{
            k: LINE_COLUMNS[k]
            for k in ("kind", "reason", *EVENT_FIELDS, "visitor_id", "user_agent", "client_hints")
        },
        "source": "VARCHAR",
        "event": _JUDGED_EVENT,
    }
    paths = files_of(decoded)
    missing = joined(" AND ", (sql("{c} IS NOT NULL", c=name(column)) for column in (*EVENT_FIELDS, "event")))
    run(
        connection,
        """
        CREATE OR REPLACE TEMP TABLE judged AS
        SELECT
            object, n, kind = 'event' AND {missing} AS is_event,
            kind = 'refused' AND reason IS NOT NULL AS is_refused, kind = 'erased' AS is_erased,
            client_id, site_id, event_id, received_at, reason,
            type = 'page_view' AS is_page_view, occurred_at, visitor_id, source,
            coalesce(user_agent, '') AS user_agent, coalesce(client_hints, '') AS client_hints,
            {authority} AS authority
        FROM {lines}
        """,
        {"files": paths} if paths else {},
        missing=missing,
        authority=authority(sql("event.referrer")),
        lines=read_lines(columns, owner) if paths else _nothing(columns),
    )
    found = run(
        connection, "SELECT count(*), count_if(is_event OR is_refused OR is_erased) FROM judged"
    ).fetchone()
    lines = sum(each.lines for each in decoded)
    return found == (lines, lines)


def _nothing(columns: dict[str, str]) -> Sql:
    empty = joined(
        ", ",
        (
            sql("CAST(NULL AS {type}) AS {column}", type=type_of(kind), column=name(column))
            for column, kind in columns.items()
            if column != "event"
        ),
    )
    return sql(
        "(SELECT {empty}, CAST(NULL AS STRUCT(referrer VARCHAR)) AS event, CAST(NULL AS BIGINT) AS n, "
        "CAST(NULL AS INTEGER) AS object WHERE false)",
        empty=empty,
    )
