"""Lines of logs → a temporary table `judged`: what each says, or why it is no request.

DuckDB does the reading: a Python loop would take ten times as long. Every field is text until it has been
looked at, so that no guess about a type can drop a line.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import duckdb
import pyarrow as pa
from duckdb.func import PythonUDFType
from duckdb.sqltypes import VARCHAR

from footfall.address import USUAL_FOUR, Network, client_address, networks, parse
from footfall.event import EARLIEST, MAX_AHEAD
from footfall.sql import Sql, confined, joined, name, number, run, sql, text
from sources.layouts import Layout

#: What is kept of a request, as text; null where the line does not say it. `sender`: the address as it is
#: written, `forwarded`: what proxies said of it.
KEPT = (
    "sender", "forwarded", "method", "path", "query", "scheme", "host", "status", "bytes_sent", "referrer",
    "agent", "request_id", "country", "region", "city", "edge_location", "edge_result",
)  # fmt: skip
#: Bytes of a path and query beyond which no event can hold them.
MAX_TARGET_BYTES = 32 * 1024
TOO_LARGE = "more than an event can hold"
NO_ADDRESS = "no address"


@contextmanager
def reading() -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """A database of its own with the function that layouts need, and the folder that it may use."""
    # One thread: pieces are small, and a second one costs a quarter more CPU time to look for work. Joins as
    # they are written, requests first: DuckDB guesses that few match, and would hold all their texts for it.
    with confined(
        "footfall-source-", threads="1", disabled_optimizers="join_order,build_side_probe_side"
    ) as (connection, folder):
        connection.create_function(
            "unescaped", _unescaped_array, [VARCHAR], VARCHAR, type=PythonUDFType.ARROW
        )
        yield connection, folder


def begin(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the table `judged` anew, empty."""
    run(
        connection,
        "CREATE OR REPLACE TEMP TABLE judged (object BIGINT, line_number BIGINT, line VARCHAR, "
        "problem VARCHAR, requested_at TIMESTAMPTZ, time_taken DOUBLE, {texts}, is_page_view BOOLEAN)",
        texts=joined(", ", (sql("{column} VARCHAR", column=name(column)) for column in KEPT)),
    )


def judge(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    chunk: pa.Table,
    now: datetime,
    *,
    is_page: Sql,
    keeps_others: bool,
) -> None:
    """Add the lines of `chunk` to `judged` that are page views or have a problem, in their order.

    `is_page`: SQL for whether a request is a page view; `keeps_others`: all other requests are added as well.
    `chunk` has object, line_number and line; for Parquet its own columns with object and line_number.
    """
    connection.register("chunk", chunk)
    values = layout.values
    if "asked_by" in values:
        is_page = sql("({is_page} AND {asked})", is_page=is_page, asked=_ASKED)
    columns = {field: values.get(field, sql("NULL")) for field in _READ}
    run(
        connection,
        """
        INSERT INTO judged
        WITH cut AS MATERIALIZED (
            SELECT object, line_number, {line} AS line, {wrong} AS wrong, {columns} FROM {source}
        ),
        timed AS (
            SELECT *, {time} AS requested_at, {method} AS said_method, {target} AS said_target FROM cut
        ),
        placed AS (SELECT *, {path} AS path_and_query, {address} AS whole_address FROM timed),
        parted AS (
            SELECT *,
                CASE WHEN path_and_query IS NULL THEN path
                    ELSE split_part(path_and_query, '?', 1) END AS whole_path,
                CASE WHEN path_and_query IS NULL THEN {query}
                    WHEN contains(path_and_query, '?')
                    THEN substr(path_and_query, strpos(path_and_query, '?') + 1) END AS whole_query
            FROM placed
        ),
        judged_lines AS (
        SELECT object, line_number, line,
            CASE
                WHEN wrong IS NOT NULL THEN wrong
                WHEN requested_at IS NULL THEN 'no date and time'
                WHEN requested_at < {earliest} OR requested_at > $latest
                    THEN {early}
                WHEN (coalesce(address, forwarded) IS NULL
                    OR NOT regexp_full_match(coalesce(address, forwarded), {like_address}))
                    AND coalesce(whole_path, said_target, said_method) IS NOT NULL THEN {no_address}
                {more}
                WHEN strlen(whole_path) + strlen(coalesce(whole_query, '')) > {most} THEN {too_large}
            END AS problem,
            requested_at, {taken} AS time_taken,
            coalesce(address, forwarded) AS sender, {forwarded} AS forwarded, said_method AS method,
            whole_path AS path, whole_query AS query, {scheme} AS scheme, {host} AS host, status,
            bytes AS bytes_sent, referrer, agent, request_id, country, region, city, edge_location,
            edge_result {asked}
        FROM parted
        )
        SELECT {judged}, {is_page} FROM judged_lines WHERE problem IS NOT NULL OR {kept}
        """,
        {"latest": now + MAX_AHEAD},
        line=sql("line") if "line" in chunk.column_names else sql("NULL"),
        wrong=layout.wrong,
        columns=joined(
            ", ",
            (sql("{value} AS {field}", value=value, field=name(field)) for field, value in columns.items()),
        ),
        source=layout.source,
        time=_time(layout),
        method=_method(layout),
        target=sql("coalesce(target, {request}, url)", request=_REQUESTED)
        if _has_request(layout)
        else sql("coalesce(target, url)"),
        path=_PATH if _has_target(layout) else sql("NULL"),
        address=sql("CASE WHEN contains(url, '://') THEN url ELSE said_target END")
        if "url" in values
        else sql("said_target"),
        query=sql("ltrim(query, '?')") if layout.form.shape == "notation" else sql("query"),
        early=text(f"a time before {EARLIEST.year} or in the future"),
        earliest=sql("TIMESTAMPTZ {moment}", moment=text(EARLIEST.isoformat())),
        like_address=_LIKE_ADDRESS,
        no_address=text(NO_ADDRESS),
        is_page=is_page,
        asked=sql(", asked_by") if "asked_by" in values else sql(""),
        judged=sql("* EXCLUDE (asked_by)") if "asked_by" in values else sql("*"),
        kept=sql("(method IS NOT NULL AND path IS NOT NULL)") if keeps_others else is_page,
        more=_STRICT if layout.form.shape == "columns" else sql(""),
        most=number(MAX_TARGET_BYTES),
        too_large=text(TOO_LARGE),
        taken=_taken(layout),
        forwarded=sql("CASE WHEN address IS NOT NULL THEN forwarded END"),
        scheme=sql("coalesce(scheme, lower(nullif(regexp_extract(url, '^(https?)://', 1, 'i'), '')))")
        if "url" in values
        else sql("scheme"),
        host=_HOST if _has_target(layout) else sql("host"),
    )
    connection.unregister("chunk")


#: Whoever sent a request is looked at closely where something is stored of it; anybody's may be no word.
_LIKE_ADDRESS = text(r"[0-9A-Fa-f.:,\[\] \t]*[.:][0-9A-Fa-f.:,\[\] \t]*|.*%.*")
_TIMES = ("clf", "iso", "date", "time", "seconds", "millis", "micros", "nanos", "spoken")
_TAKEN = ("taken_seconds", "taken_millis", "taken_micros")
_READ = (
    *_TIMES, *_TAKEN, "address", "forwarded", "request", "method", "target", "url", "path", "query", "scheme",
    "host", "status", "bytes", "referrer", "agent", "request_id", "country", "region", "city",
    "edge_location", "edge_result", "asked_by",
)  # fmt: skip
#: A visitor asked, and neither the network itself nor code that runs in it.
_ASKED = sql("coalesce(asked_by, 'eyeball') IN ('eyeball', 'unknown', 'orangeToOrange')")
#: What W3C logs say of every request; a line without is torn.
_STRICT = sql(
    """WHEN whole_path IS NULL OR NOT starts_with(whole_path, '/') THEN 'no path'
    WHEN said_method IS NULL OR said_method NOT IN ('GET', 'HEAD', 'POST')
        AND NOT regexp_full_match(said_method, '[A-Za-z-]{1,20}') THEN 'no method'
    WHEN try_cast(status AS INTEGER) IS NULL THEN 'no status'"""
)
#: The second word of a request line that is one.
_REQUESTED = sql("nullif(regexp_extract(request, '^[A-Za-z]+ (.*?)(?: HTTP/[0-9.]+)?$', 1), '')")
#: What was asked for without scheme and host, which proxies' requests carry; begins with a slash.
_PATH = sql(
    """CASE WHEN starts_with(said_target, '/') THEN replace(said_target, ' ', '%20')
    WHEN said_target IS NOT NULL THEN regexp_replace(
        '/' || regexp_replace(replace(said_target, ' ', '%20'), '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*', ''),
        '^//', '/') END"""
)
#: The host where no field says it: that of the whole address that a proxy is asked for. Not its scheme, which
#: is `http` behind whatever ends TLS.
_HOST = sql(
    """CASE WHEN host IS NOT NULL OR whole_address IS NULL OR starts_with(whole_address, '/') THEN host
    ELSE nullif(regexp_extract(whole_address, '^[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)', 1), '') END"""
)


def _has_request(layout: Layout) -> bool:
    return "request" in layout.values


def _has_target(layout: Layout) -> bool:
    return bool({"request", "target", "url"} & layout.values.keys())


def _method(layout: Layout) -> Sql:
    if _has_request(layout):
        return sql("upper(coalesce(method, nullif(regexp_extract(request, '^([A-Za-z]+) .', 1), '')))")
    if layout.form.shape == "columns":
        return sql("method")
    return sql("upper(method)") if "method" in layout.values else sql("'GET'")


def _clf(value: Sql) -> Sql:
    # A leap second, which no clock of ours knows.
    return sql("try_strptime(replace({value}, ':60 ', ':59 '), '%d/%b/%Y:%H:%M:%S %z')", value=value)


def _epoch(value: Sql, parts: Sql) -> Sql:
    return sql("TRY(to_timestamp(try_cast({value} AS DOUBLE) / {parts}))", value=value, parts=parts)


#: A number of seconds since 1970, or of thousandths, millionths, billionths: by its size.
_ANY_EPOCH = sql(
    """TRY(to_timestamp(CASE
        WHEN abs(try_cast(iso AS DOUBLE)) < 1e11 THEN try_cast(iso AS DOUBLE)
        WHEN abs(try_cast(iso AS DOUBLE)) < 1e14 THEN try_cast(iso AS DOUBLE) / 1e3
        WHEN abs(try_cast(iso AS DOUBLE)) < 1e17 THEN try_cast(iso AS DOUBLE) / 1e6
        ELSE try_cast(iso AS DOUBLE) / 1e9 END))"""
)


def _time(layout: Layout) -> Sql:
    """SQL for the moment, from whatever says it."""
    given = layout.values
    ways = {
        "clf": _clf(sql("clf")),
        "date": sql("TRY(CAST(try_cast(date || ' ' || time AS TIMESTAMP) AS TIMESTAMPTZ))"),
        "iso": sql(
            "coalesce(try_cast(iso AS TIMESTAMPTZ), {number}, {clf})", number=_ANY_EPOCH, clf=_clf(sql("iso"))
        ),
        "millis": sql("TRY(to_timestamp(try_cast(millis AS BIGINT) / 1000.0))"),
        "seconds": _epoch(sql("seconds"), sql("1"))
        if layout.form.shape == "notation"
        else sql("TRY(to_timestamp(try_cast(seconds AS BIGINT)))"),
        "micros": _epoch(sql("micros"), sql("1e6")),
        "spoken": sql("CAST(try_strptime(spoken, '%d/%b/%Y:%H:%M:%S.%g') AS TIMESTAMPTZ)"),
    }
    found = [way for field, way in ways.items() if field in given]
    return sql("coalesce({ways}, NULL)", ways=joined(", ", found)) if found else sql("NULL")


def _taken(layout: Layout) -> Sql:
    """SQL for the seconds that an answer took; null where they are no number, or less than none."""
    parts = {"taken_seconds": sql("1"), "taken_millis": sql("1000"), "taken_micros": sql("1000000")}
    found = [
        sql("try_cast({field} AS DOUBLE) / {parts}", field=name(field), parts=each)
        for field, each in parts.items()
        if field in layout.values
    ]
    if not found:
        return sql("NULL")
    value = sql("coalesce({values}, NULL)", values=joined(", ", found))
    return sql("CASE WHEN isfinite({value}) THEN {value} END", value=value)


def _unescaped_array(values: pa.ChunkedArray) -> pa.Array:
    return pa.array([None if each is None else unescaped(each) for each in values.to_pylist()], pa.string())


@lru_cache(maxsize=4096)
def unescaped(text: str) -> str:
    """A quoted field with its escapes undone: UTF-8 where it is, else Latin-1, which reads every byte.

    Escaped control characters stay escaped: JSON and Parquet readers stumble over a NUL.
    """

    def plain(match: re.Match[bytes]) -> bytes:
        if match[2] is not None:
            return match[2]
        byte = int(match[1], 16)
        return match[0] if byte < 0x20 or byte == 0x7F else bytes([byte])

    undone = _ESCAPED.sub(plain, text.encode())
    try:
        return undone.decode()
    except UnicodeDecodeError:
        return undone.decode("latin-1")


_ESCAPED = re.compile(rb'\\(?:x([0-9A-Fa-f]{2})|(["\\]))')

#: Whose own address a log names where a proxy of one's own stands before the server.
PRIVATE = networks(
    (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "::1/128", "fc00::/7", "fe80::/10",
    )
)  # fmt: skip


def sender(written: str, forwarded: str | None, trusted: tuple[Network, ...]) -> str | None:
    """The address of whoever sent a request, in its canonical form; None where the log says none.

    `written`: one address or a list, as `$remote_addr` or X-Forwarded-For have it, with or without ports.
    Proxies that are trusted, or in a private network, are passed over from the right.
    """
    if forwarded is None and USUAL_FOUR.fullmatch(written):
        return written
    *hops, peer = written.split(",")
    if parse(peer) is None:
        return None
    if forwarded is not None and not hops:
        hops = forwarded.split(",")
    return client_address(peer, [",".join(hops)] if hops else [], (*trusted, *PRIVATE))
