"""Requests → the text of their stored lines (footfall.event), put together by DuckDB.

As text, piece by piece: a writer of JSON takes three times as long.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

import duckdb
import msgspec

from footfall.clients import Client, Site
from footfall.event import LINE_VERSION
from footfall.geo import MAX_CITY, NO_COUNTRIES
from footfall.hosts import authority_of, host_of
from footfall.sql import Sql, joined, name, number, run, sql, text, texts
from sources.log_formats import LogFormat
from sources.temporary_tables import make_table

#: Bytes of a URL that are kept, a little under the contract's limit for a whole event.
MAX_URL_BYTES = 8192
#: Extensions of what a page loads or a person downloads: a request for one is not a view of a page.
#: Everything else counts as a page, unknown extensions included (`.html`, `.php`, `.xhtml`, but also a
#: listing such as `/notes/build.log` or `/src/tool.py`, which servers show as a page): to drop a page
#: loses data, while a download too many is seen in the report of pages and can be filtered.
NOT_PAGES = frozenset(
    extension
    for group in (
        # scripts, styles and what describes them
        "css js mjs map json xml wasm webmanifest",
        # images and icons
        "png jpg jpeg gif ico svg webp avif bmp tif tiff",
        # fonts
        "ttf otf woff woff2 eot",
        # sound, film and plugins
        "mp3 mp4 m4a m4v webm ogg ogv wav flac mov avi mkv swf",
        # documents and archives that browsers save or show without the site around them; robots.txt too
        "pdf txt csv gz tgz zip tar bz2 xz 7z rar exe msi dmg jar iso",
    )
    for extension in group.split()
)


@dataclass(frozen=True)
class PageRule:
    """Which requests count as page views beside being requests; a site can set it.

    methods     of the request
    statuses    of the answer; a log that says none says nothing against it
    extensions  that are not pages
    """

    methods: tuple[str, ...] = ("GET",)
    statuses: tuple[int, ...] = (200, 304)
    extensions: frozenset[str] = NOT_PAGES

    def condition(self) -> Sql:
        """Whether a row of `judged` is a page view."""
        return sql(
            "coalesce(upper(method) IN ({methods}) AND path IS NOT NULL "
            "AND coalesce(TRY(CAST(status AS INTEGER)) IN ({statuses}), status IS NULL) "
            "AND (NOT contains(path, '.') "
            "OR lower(coalesce(regexp_extract(path, '[.]([^./]*)$', 1), '')) NOT IN ({extensions})), false)",
            methods=texts(self.methods),
            statuses=joined(", ", map(number, self.statuses)),
            extensions=texts(sorted(self.extensions)),
        )


#: The rule where nobody says otherwise.
USUAL_PAGES = PageRule()


@dataclass(frozen=True)
class StoredLines:
    """SQL for the stored lines of a request's events (footfall.event), from a row of `requests` that is
    joined to its hosts, visitors and ids.

    `envelope`, `event`: what all events of a request have in common; `begin`: what all events do.
    """

    begin: Sql
    envelope: Sql
    event: Sql

    def line(self, of_type: str) -> Sql:
        """A line with its end, from columns `envelope`, `event` and `request_id`."""
        event_id = sql(
            "CASE WHEN starts_with(request_id, 'log-') THEN request_id ELSE concat({short}, request_id) END",
            short=text(f"{of_type[:4]}-"),
        )
        return sql(
            'concat({begin}, {event_id}, {type}, envelope, \',"event":{{"id":"\', {event_id}, {type}, event, '
            "'}}}}', chr(10))",
            begin=self.begin,
            event_id=event_id,
            type=text(f'","type":"{of_type}"'),
        )


def stored_lines(client: Client, site: Site, form: LogFormat) -> StoredLines:
    """The lines of a client's site and a format."""
    owner = {"v": LINE_VERSION, "kind": "event", "client_id": client.client_id, "site_id": site.site_id}
    declared = joined(" OR ", (_host_is(domain) for domain in site.domains))
    received = sql("'\"' || strftime(requested_at, '%Y-%m-%dT%H:%M:%S.%gZ') || '\"'")
    nothing = not form.keeps_requests
    # An expression each; those that need no escaping are of our own making: digits, names, times.
    envelope = (
        _member("received_at", received),
        _member("occurred_at", received),
        _member("visitor_id", sql("coalesce('\"' || visitor_id || '\"', 'null')")),
        _member("user_agent", sql("user_agent_json")),
        _member("host", sql("'\"' || clean_host || '\"'")),
        _member(
            "is_declared_host", sql("CASE WHEN {declared} THEN 'true' ELSE 'false' END", declared=declared)
        ),
        _member("gpc", text("false")),
        _member("dnt", text("false")),
        _member("consent_tier", text(str(site.consent_default))),
        _member("country", _COUNTRY, is_left_out=True),
        *(
            _member(place, _place(place), is_left_out=True)
            for place in ("region", "city")
            if site.consent_default
        ),
        _member("source", text(msgspec.json.encode(form.source).decode())),
    )
    event = (
        _member("occurred_at", sql("CAST(epoch_ms(requested_at) AS VARCHAR)")),
        _member(
            "url",
            sql(
                "to_json(CASE WHEN scheme = 'http' THEN 'http' ELSE 'https' END || '://' || url_host "
                "|| {place})",
                place=_no_longer(sql("(path || coalesce('?' || query, ''))")),
            ),
        ),
        _member("referrer", sql("to_json({text})", text=_no_longer(sql("referrer"))), is_left_out=nothing),
        _member("method", sql("'\"' || method || '\"'"), is_left_out=nothing),
        _member("status", sql("CAST(try_cast(status AS INTEGER) AS VARCHAR)"), is_left_out=nothing),
        _member("edge_location", sql("to_json(edge_location)"), is_left_out=nothing),
        _member("edge_result", sql("to_json(edge_result)"), is_left_out=nothing),
        # JSON has no `nan` and no `inf`, which are null by now.
        _member("time_taken", sql("to_json(time_taken)"), is_left_out=nothing),
        _member("bytes_sent", sql("CAST(try_cast(bytes_sent AS BIGINT) AS VARCHAR)"), is_left_out=nothing),
    )
    return StoredLines(
        text(msgspec.json.encode(owner).decode().removesuffix("}") + ',"event_id":"'),
        sql("concat({members})", members=joined(", ", envelope)),
        sql("concat({members})", members=joined(", ", event)),
    )


#: As geography has it: two letters, and none that mean "unknown".
_COUNTRY = sql(
    "CASE WHEN regexp_full_match(country, '[A-Za-z]{{2}}') AND upper(country) NOT IN ({none}) "
    "THEN '\"' || upper(country) || '\"' END",
    none=texts(sorted(NO_COUNTRIES)),
)


def _no_longer(value: Sql) -> Sql:
    """As many characters of a text as are kept; counted where it has more bytes, which takes longer."""
    return sql(
        "CASE WHEN strlen({value}) <= {most} THEN {value} ELSE left({value}, {most}) END",
        value=value,
        most=number(MAX_URL_BYTES),
    )


def _place(column: str) -> Sql:
    return sql("to_json(left({column}, {most}))", column=name(column), most=number(MAX_CITY))


def _member(of: str, value: Sql, *, is_left_out: bool = False) -> Sql:
    """SQL for a member of a JSON object behind a comma; where it is null, `null` or nothing at all."""
    begin = text(f',"{of}":')
    if is_left_out:
        return sql("coalesce({begin} || {value}, '')", begin=begin, value=value)
    return sql("{begin}, coalesce({value}, 'null')", begin=begin, value=value)


def clean_hosts(connection: duckdb.DuckDBPyConnection, default_host: str) -> None:
    """The temporary table `hosts`: host as written → as an event has it, and as its address has it.

    A line that says no host is of the default one; of a host that nobody can read none takes the place.
    """
    rows = run(connection, "SELECT DISTINCT coalesce(host, '') FROM requests").fetchall()
    written = [host for (host,) in rows]
    hosts = [_clean_host(host) if host else default_host for host in written]
    in_urls = [f"[{host}]" if ":" in host else host for host in hosts]
    make_table(connection, "hosts", {"written": written, "clean_host": hosts, "url_host": in_urls})


@lru_cache(maxsize=1 << 14)
def _clean_host(written: str) -> str:
    usual = _USUAL_HOST.fullmatch(written.lower())
    if usual is not None:
        return usual[1]
    authority = authority_of(written)
    return NO_HOST if authority is None else host_of(authority)


#: The host of a request that named one which nobody can read.
NO_HOST = "unknown.invalid"
_USUAL_HOST = re.compile(r"([a-z0-9_.-]*[a-z0-9_-])[.]?(?::[0-9]+)?")


def _host_is(domain: str) -> Sql:
    if domain.startswith("*."):
        return sql("ends_with(clean_host, {end})", end=text(domain[1:]))
    return sql("clean_host = {domain}", domain=text(domain))


#: What a request is named by where it has no id of its own: its line, on its site.
OF_LINE = sql("concat_ws('|', $site, line)")
#: The same of CloudFront's lines, by what they said when these ids were first made.
OF_CLOUDFRONT = sql(
    "concat_ws('|', object_key, requested_at, sender, method, path, query, agent, referrer, status, "
    "bytes_sent)"
)


def request_ids(connection: duckdb.DuckDBPyConnection, form: LogFormat, key: str, site: Site) -> None:
    """The temporary table `ids`: object, line_number, request_id: 32 hex digits that name one request,
    whenever and however often its line is read.

    Made of the request's own id, else of what its line says and the how-manieth of its object it is, twice
    with the key, as an HMAC is. The key is a parameter, so that no statement holds it. Lines of a file that
    an earlier version imported keep their numbers (`log-…`).
    """
    is_cdn = form.source == "cloudfront"
    run(
        connection,
        """
        CREATE OR REPLACE TEMP TABLE ids AS
        SELECT object, line_number,
            CASE WHEN former.name IS NOT NULL THEN 'log-' || former.name || '-' || line_number
            WHEN request_id IS NOT NULL THEN md5({own})
            ELSE left(sha256($key || sha256($key || concat_ws('|', {identity}, coalesce(occurrence, 1)))), 32)
            END AS request_id
        FROM requests JOIN objects USING (object) LEFT JOIN repeated USING (object, line_number)
            LEFT JOIN former USING (object)
        """,
        {"key": key} if is_cdn else {"key": key, "site": site.site_id},
        own=sql("request_id") if is_cdn else sql("concat_ws('|', $site, request_id)"),
        identity=OF_CLOUDFRONT if is_cdn else OF_LINE,
    )
