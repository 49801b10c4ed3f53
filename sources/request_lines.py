"""Requests → the text of their stored lines (footfall.event), put together by DuckDB.

As text, piece by piece: a writer of JSON takes three times as long.
"""

from dataclasses import dataclass

import duckdb

from footfall.clients import Client, Site
from footfall.event import LINE_VERSION
from sources.access_log import NOT_PAGES

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


def make_lines(connection: duckdb.DuckDBPyConnection, site: Site, rule: PageRule | None) -> None:
    """The temporary table `lines`: hour, object, line_number, is_page_view, request_id, and as JSON text what
    a stored line says in its envelope behind the type, and in its event behind the type.
    """
    default_host = next((d for d in site.domains if not d.startswith("*.")), "unknown.invalid")
    _clean_hosts(connection, default_host)
    declared = " OR ".join(_host_is(domain) for domain in site.domains)
    is_page = "false"
    if rule is not None:
        extensions = ", ".join(f"'{e}'" for e in sorted(rule.extensions))
        is_page = (
            f"upper(cs_method) IN ({', '.join(repr(m) for m in rule.methods)}) "
            f"AND CAST(sc_status AS INTEGER) IN ({', '.join(str(s) for s in rule.statuses)}) "
            "AND (NOT contains(cs_uri_stem, '.') "
            "OR lower(coalesce(regexp_extract(cs_uri_stem, '[.]([^./]*)$', 1), '')) "
            f"NOT IN ({extensions}))"
        )
    received = "strftime(requested_at, '%Y-%m-%dT%H:%M:%S.000Z')"
    url = (
        "CASE WHEN cs_protocol = 'http' THEN 'http' ELSE 'https' END || '://' || host "
        f"|| left(cs_uri_stem || coalesce('?' || cs_uri_query, ''), {MAX_URL_BYTES})"
    )
    # An expression each; those that need no escaping are of our own making: digits, names, times.
    envelope = {
        "received_at": f"'\"' || {received} || '\"'",
        "occurred_at": f"'\"' || {received} || '\"'",
        "visitor_id": "coalesce('\"' || visitor_id || '\"', 'null')",
        "user_agent": "user_agent_json",
        "host": "'\"' || host || '\"'",
        "is_declared_host": f"CASE WHEN {declared} THEN 'true' ELSE 'false' END",
        "gpc": "'false'",
        "dnt": "'false'",
        "consent_tier": f"'{site.consent_default}'",
        "source": "'\"cloudfront\"'",
    }
    event = {
        "occurred_at": "CAST(epoch_ms(requested_at) AS VARCHAR)",
        "url": f"to_json({url})",
        "referrer": _json_or_null(f"left(cs_referer, {MAX_URL_BYTES})"),
        "method": "'\"' || cs_method || '\"'",
        "status": "CAST(CAST(sc_status AS INTEGER) AS VARCHAR)",
        "edge_location": _json_or_null("x_edge_location"),
        "edge_result": _json_or_null("x_edge_result_type"),
        "time_taken": _json_or_null("try_cast(time_taken AS DOUBLE)"),
        "bytes_sent": "coalesce(CAST(try_cast(sc_bytes AS BIGINT) AS VARCHAR), 'null')",
    }
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE lines AS
        SELECT
            date_trunc('hour', requested_at) AS hour, object, line_number, {is_page} AS is_page_view,
            {_request_id(connection)} AS request_id,
            concat({_members(envelope)}) AS envelope_rest, concat({_members(event)}) AS event_rest
        FROM requests
        JOIN objects USING (object)
        JOIN hosts ON hosts.written = coalesce(x_host_header, cs_host, '')
        JOIN visitors ON visitors.day = CAST(requested_at AS DATE) AND visitors.address = c_ip
            AND visitors.agent = coalesce(cs_user_agent, '')
        -- the same objects make the same bytes, and the order of a join is nobody's promise
        ORDER BY object, line_number
        """
    )


def stored_line(client: Client, site: Site) -> str:
    """SQL for the stored line of an event (footfall.event) from a row of `lines` and its `type`."""
    event_id = "substr(type, 1, 4), '-', request_id"
    owner = f'"client_id":"{client.client_id}","site_id":"{site.site_id}"'
    return (
        f'concat(\'{{"v":{LINE_VERSION},"kind":"event",{owner},"event_id":"\', {event_id}, '
        f'\'","type":"\', type, \'",\', envelope_rest, \',"event":{{"id":"\', {event_id}, '
        "'\",\"type\":\"', type, '\",', event_rest, '}}')"
    )


def _clean_hosts(connection: duckdb.DuckDBPyConnection, default_host: str) -> None:
    """The temporary table `hosts`: host as written → as an event has it."""
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE hosts AS
        SELECT written, coalesce(nullif(regexp_extract(
            lower(written), '^([a-z0-9_.-]*[a-z0-9_-])[.]?(:[0-9]+)?$', 1
        ), ''), $default) AS host
        FROM (SELECT DISTINCT coalesce(x_host_header, cs_host, '') AS written FROM requests)
        """,
        {"default": default_host},
    )


def _request_id(connection: duckdb.DuckDBPyConnection) -> str:
    """32 hex digits that name one request, whenever and however often its line is read."""
    by_id = "md5(x_edge_request_id)"
    nameless = connection.execute("SELECT 1 FROM requests WHERE x_edge_request_id IS NULL LIMIT 1").fetchone()
    if nameless is None:
        return by_id  # spares a sort of everything
    line = (
        "object_key, requested_at, c_ip, cs_method, cs_uri_stem, cs_uri_query, cs_user_agent, cs_referer, "
        "sc_status, sc_bytes"
    )
    nth = f"row_number() OVER (PARTITION BY {line} ORDER BY line_number)"
    return f"CASE WHEN x_edge_request_id IS NOT NULL THEN {by_id} ELSE md5(concat_ws('|', {line}, {nth})) END"


def _host_is(domain: str) -> str:
    if domain.startswith("*."):
        return f"ends_with(host, '{domain[1:]}')"
    return f"host = '{domain}'"


def _members(fields: dict[str, str]) -> str:
    """SQL arguments of `concat` for members of a JSON object, a comma behind each but the last."""
    return ", ',', ".join(f"'\"{name}\":', {expression}" for name, expression in fields.items())


def _json_or_null(expression: str) -> str:
    return f"coalesce(to_json({expression}), 'null')"
