"""Requests → the text of their stored lines (footfall.event), put together by DuckDB.

As text, piece by piece: a writer of JSON takes three times as long.
"""

from dataclasses import dataclass

import duckdb
import msgspec

from footfall.clients import Client, Site
from footfall.event import LINE_VERSION
from footfall.sql import Sql, joined, number, run, sql, text, texts
from sources.access_log import NOT_PAGES
from sources.event_names import EventNames

#: Bytes of a URL that are kept, a little under the contract's limit for a whole event.
MAX_URL_BYTES = 8192


@dataclass(frozen=True)
class PageRule:
    """Which requests count as page views beside being requests; a site can set it.

    methods     of the request
    statuses    of the answer
    extensions  that are not pages
    """

    methods: tuple[str, ...] = ("GET",)
    statuses: tuple[int, ...] = (200, 304)
    extensions: frozenset[str] = NOT_PAGES


#: The rule where nobody says otherwise.
USUAL_PAGES = PageRule()


def make_lines(
    connection: duckdb.DuckDBPyConnection, site: Site, rule: PageRule | None, names: EventNames
) -> None:
    """The temporary table `lines`: hour, object, line_number, is_page_view, request_id, and as JSON text what
    a stored line says in its envelope behind the type, and in its event behind the type.
    """
    default_host = next((d for d in site.domains if not d.startswith("*.")), "unknown.invalid")
    _clean_hosts(connection, default_host)
    declared = joined(" OR ", (_host_is(domain) for domain in site.domains))
    is_page = sql("false")
    if rule is not None:
        is_page = sql(
            "upper(cs_method) IN ({methods}) AND CAST(sc_status AS INTEGER) IN ({statuses}) "
            "AND (NOT contains(cs_uri_stem, '.') "
            "OR lower(coalesce(regexp_extract(cs_uri_stem, '[.]([^./]*)$', 1), '')) NOT IN ({extensions}))",
            methods=texts(rule.methods),
            statuses=joined(", ", map(number, rule.statuses)),
            extensions=texts(sorted(rule.extensions)),
        )
    longest = number(MAX_URL_BYTES)
    received = sql("'\"' || strftime(requested_at, '%Y-%m-%dT%H:%M:%S.000Z') || '\"'")
    # An expression each; those that need no escaping are of our own making: digits, names, times.
    envelope = {
        "received_at": received,
        "occurred_at": received,
        "visitor_id": sql("coalesce('\"' || visitor_id || '\"', 'null')"),
        "user_agent": sql("user_agent_json"),
        "host": sql("'\"' || host || '\"'"),
        "is_declared_host": sql("CASE WHEN {declared} THEN 'true' ELSE 'false' END", declared=declared),
        "gpc": text("false"),
        "dnt": text("false"),
        "consent_tier": text(str(site.consent_default)),
        "source": text('"cloudfront"'),
    }
    event = {
        "occurred_at": sql("CAST(epoch_ms(requested_at) AS VARCHAR)"),
        "url": sql(
            "to_json(CASE WHEN cs_protocol = 'http' THEN 'http' ELSE 'https' END || '://' || host "
            "|| left(cs_uri_stem || coalesce('?' || cs_uri_query, ''), {longest}))",
            longest=longest,
        ),
        "referrer": _json_or_null(sql("left(cs_referer, {longest})", longest=longest)),
        "method": sql("'\"' || cs_method || '\"'"),
        "status": sql("CAST(CAST(sc_status AS INTEGER) AS VARCHAR)"),
        "edge_location": _json_or_null(sql("x_edge_location")),
        "edge_result": _json_or_null(sql("x_edge_result_type")),
        # JSON has no `nan` and no `inf`.
        "time_taken": _json_or_null(
            sql("CASE WHEN isfinite(try_cast(time_taken AS DOUBLE)) THEN try_cast(time_taken AS DOUBLE) END")
        ),
        "bytes_sent": sql("coalesce(CAST(try_cast(sc_bytes AS BIGINT) AS VARCHAR), 'null')"),
    }
    request_id, given = _request_id(connection, names)
    run(
        connection,
        """
        CREATE OR REPLACE TEMP TABLE lines AS
        SELECT
            date_trunc('hour', requested_at) AS hour, object, line_number, {is_page} AS is_page_view,
            {request_id} AS request_id,
            concat({envelope}) AS envelope_rest, concat({event}) AS event_rest
        FROM requests
        JOIN objects USING (object)
        JOIN hosts ON hosts.written = coalesce(x_host_header, cs_host, '')
        JOIN visitors ON visitors.day = CAST(requested_at AS DATE) AND visitors.address = c_ip
            AND visitors.agent = coalesce(cs_user_agent, '')
        -- the same objects make the same bytes, and the order of a join is nobody's promise
        ORDER BY object, line_number
        """,
        given,
        is_page=is_page,
        request_id=request_id,
        envelope=_members(envelope),
        event=_members(event),
    )


def stored_line(client: Client, site: Site) -> Sql:
    """SQL for the stored line of an event (footfall.event) from a row of `lines` and its `type`."""
    owner = {"v": LINE_VERSION, "kind": "event", "client_id": client.client_id, "site_id": site.site_id}
    return sql(
        'concat({begin}, {event_id}, \'","type":"\', type, \'",\', envelope_rest, \',"event":{{"id":"\', '
        "{event_id}, '\",\"type\":\"', type, '\",', event_rest, '}}}}')",
        begin=text(msgspec.json.encode(owner).decode().removesuffix("}") + ',"event_id":"'),
        event_id=sql("substr(type, 1, 4), '-', request_id"),
    )


def _clean_hosts(connection: duckdb.DuckDBPyConnection, default_host: str) -> None:
    """The temporary table `hosts`: host as written → as an event has it."""
    run(
        connection,
        """
        CREATE OR REPLACE TEMP TABLE hosts AS
        SELECT written, coalesce(nullif(regexp_extract(
            lower(written), '^([a-z0-9_.-]*[a-z0-9_-])[.]?(:[0-9]+)?$', 1
        ), ''), $default) AS host
        FROM (SELECT DISTINCT coalesce(x_host_header, cs_host, '') AS written FROM requests)
        """,
        {"default": default_host},
    )


def _request_id(connection: duckdb.DuckDBPyConnection, names: EventNames) -> tuple[Sql, dict[str, str]]:
    """32 hex digits that name one request, whenever and however often its line is read; and parameters."""
    by_id = sql("md5(x_edge_request_id)")
    nameless = run(connection, "SELECT 1 FROM requests WHERE x_edge_request_id IS NULL LIMIT 1").fetchone()
    if nameless is None:
        return by_id, {}  # spares a sort of everything
    line = sql(
        "object_key, requested_at, c_ip, cs_method, cs_uri_stem, cs_uri_query, cs_user_agent, cs_referer, "
        "sc_status, sc_bytes"
    )
    text_of_line = sql(
        "concat_ws('|', {line}, row_number() OVER (PARTITION BY {line} ORDER BY line_number))", line=line
    )
    # Twice with the key, as an HMAC is. It is a parameter, so that no statement holds it.
    either = sql(
        "CASE WHEN x_edge_request_id IS NOT NULL THEN {by_id} "
        "ELSE left(sha256($key || sha256($key || {line})), 32) END",
        by_id=by_id,
        line=text_of_line,
    )
    return either, {"key": names.key}


def _host_is(domain: str) -> Sql:
    if domain.startswith("*."):
        return sql("ends_with(host, {end})", end=text(domain[1:]))
    return sql("host = {domain}", domain=text(domain))


def _members(fields: dict[str, Sql]) -> Sql:
    """SQL arguments of `concat` for members of a JSON object, a comma behind each but the last."""
    members = (sql("{name}, {value}", name=text(f'"{name}":'), value=value) for name, value in fields.items())
    return joined(", ',', ", members)


def _json_or_null(expression: Sql) -> Sql:
    return sql("coalesce(to_json({value}), 'null')", value=expression)
