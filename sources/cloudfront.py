"""CloudFront log objects → stored lines, by hour of the request.

    log objects ── unpack ─► files ── read_requests ─► requests ─► `request` and `page_view` events ─┐
                      └ damaged                  └► bad lines ─────────────► refused lines ──────────┴► hours

A request is an event received at its own time, so it lands in the partition of its own hour and every later
step treats it like any other; an hour that was closed already is noticed by the late-objects sensor.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import duckdb
import msgspec

from footfall.clients import Client, Site
from footfall.consent import COOKIELESS, reduced_user_agent, strip
from footfall.errors import FootfallError
from footfall.event import MAX_USER_AGENT, Receipt, Refusal, Refused, refused_line
from footfall.hours import floor
from footfall.privacy import Salts, visitor_id
from footfall.scrub import scrub_event, scrub_user_agent
from footfall.scrub_addresses import without_own_address
from footfall.sql import Sql, name, run, sql
from sources.event_names import EventNames
from sources.log_object import NO_SEPARATOR, LogFile, unpack
from sources.request_lines import USUAL_PAGES, PageRule, make_lines, stored_line
from sources.requests import read_requests
from sources.torn_lines import malformed_line

#: Log objects decompressed at the same time. More than there are cores gains nothing.
UNPACKERS = 2
_CUT = "; its address was cut"


@dataclass(frozen=True)
class Converted:
    """What became of some log objects. lines = requests + malformed.

    hours       hour → a file of its stored lines, newline-terminated
    expected    hour → how many lines must be in it
    page_views  requests that are page views as well
    damaged     log objects set aside whole, with the reason; each is one refused line too
    """

    hours: dict[datetime, Path]
    expected: dict[datetime, int]
    lines: int
    requests: int
    page_views: int
    malformed: int
    damaged: dict[str, str]


def convert(
    connection: duckdb.DuckDBPyConnection,
    objects: Iterable[tuple[str, bytes]],
    client: Client,
    site: Site,
    salts: Salts,
    folder: Path,
    names: EventNames,
    *,
    page_rule: PageRule | None = USUAL_PAGES,
    now: datetime | None = None,
) -> Converted:
    """Turn log objects (key, content) into files of stored lines in `folder`, one an hour.

    The same objects give the same bytes for as long as their days' salts live, and the same event ids for
    ever: the request id names the event where there is one, else a keyed hash of the object, the line's text
    and how often it came before in that object. A log object that was put while still growing and comes
    again longer therefore brings no event twice. `page_rule=None` makes requests only, for a site whose pixel
    counts its page views. Raises StoreError where no salt can be had, and FootfallError where not every line
    that was read became a request or a bad line.
    """
    now = now or datetime.now(UTC)
    files, damaged = _unpacked(objects, folder)
    damaged |= read_requests(connection, files, now)
    _take_out_personal_data(connection)
    _take_out_own_addresses(connection)
    _add_visitors(connection, client, site, salts)
    make_lines(connection, site, page_rule, names)
    refused: dict[datetime, list[bytes]] = {}
    _add_bad_lines(connection, client, site, refused)
    for key, problem in damaged.items():
        receipt = Receipt(client.client_id, site.site_id, floor(now), None, "")
        reason = Refused(Refusal.UNREADABLE_LOG, f"{key}: {problem}")
        refused.setdefault(floor(now), []).append(refused_line(reason, receipt, b""))
    expected = _expected(connection, refused)
    hours = dict(_written(connection, client, site, refused, expected, folder))
    found = run(
        connection,
        "SELECT (SELECT count(*) FROM requests), (SELECT count(*) FROM lines WHERE is_page_view), "
        "(SELECT count(*) FROM bad_lines)",
    ).fetchone()
    requests, page_views, malformed = found or (0, 0, 0)
    return Converted(hours, expected, requests + malformed, requests, page_views, malformed, damaged)


def _unpacked(objects: Iterable[tuple[str, bytes]], folder: Path) -> tuple[Sequence[LogFile], dict[str, str]]:
    def tried(numbered: tuple[int, tuple[str, bytes]]) -> list[LogFile] | tuple[str, str]:
        number, (key, data) = numbered
        try:
            return unpack(key, data, folder, number)
        except FootfallError as error:
            return key, str(error)

    # zlib lets go of the interpreter while it works.
    with ThreadPoolExecutor(UNPACKERS) as pool:
        found = list(pool.map(tried, enumerate(sorted(objects, key=lambda each: each[0]))))
    files = [file for each in found if isinstance(each, list) for file in each]
    damaged = dict(each for each in found if isinstance(each, tuple))
    return files, damaged


#: What may hold personal data or a click id, before anybody looks closely: most paths and referrers do not.
_SUSPICIOUS = "[@%=:;&]|[0-9]([ +.-]?[0-9]){8}|eyJ|[A-Za-z0-9_-]{15}"
_COLUMNS = (("cs_uri_stem", ""), ("cs_uri_query", "?"), ("cs_referer", ""))


def _take_out_personal_data(connection: duckdb.DuckDBPyConnection) -> None:
    """The scrub and the tier of visitors without a cookie, over every distinct text of the requests.

    A log is not asked for consent: its visitors are of tier 1 at most, so that click ids lose their value.
    """
    for column, sign in _COLUMNS:
        rows = run(
            connection,
            "SELECT DISTINCT {column} FROM requests WHERE regexp_matches(replace({column}, '://', ''), ?)",
            [_SUSPICIOUS],
            column=name(column),
        ).fetchall()
        changed = [
            (text, clean)
            for (text,) in rows
            if (clean := without_personal_data(sign + text)[len(sign) :]) != text
        ]
        _change(connection, column, ("written", "clean"), changed, sql("{it} = written", it=name(column)))


#: Every spelling of an address has one of these: a digit, a colon, an encoding, a sign of another script, or
#: four hexadecimal letters in a row.
_MAY_BE_ADDRESS = "[0-9:%]|[^ -~]|[A-Fa-f]{4}"


def _take_out_own_addresses(connection: duckdb.DuckDBPyConnection) -> None:
    """The address of a request goes from whatever the request says, in every spelling."""
    for column in ("cs_uri_stem", "cs_uri_query", "cs_referer", "x_host_header", "cs_host"):
        # By address: what is known of one address is kept while its texts are looked at.
        rows = run(
            connection,
            "SELECT DISTINCT c_ip, {column} FROM requests WHERE regexp_matches({column}, ?) ORDER BY c_ip",
            [_MAY_BE_ADDRESS],
            column=name(column),
        ).fetchall()
        changed = [
            (address, text, clean)
            for address, text in rows
            if (clean := _without_own(text, address)) is not text
        ]
        rule = sql("c_ip = address AND {it} = written", it=name(column))
        _change(connection, column, ("address", "written", "clean"), changed, rule)


def _without_own(text: str, address: str) -> str:
    stored = msgspec.json.encode(text)
    clean = without_own_address(b'{"text":' + stored + b"}", address)
    found = msgspec.json.decode(clean, type=dict[str, str])["text"]
    return text if found == text else found


def _change(
    connection: duckdb.DuckDBPyConnection,
    column: str,
    fields: tuple[str, ...],
    changed: Sequence[tuple[str, ...]],
    rule: Sql,
) -> None:
    """Put `clean` of the rows `changed` into a column of the requests that the rule finds."""
    if not changed:
        return
    import pandas as pd  # a second, which every start of a code server would pay

    connection.register("clean_frame", pd.DataFrame(changed, columns=list(fields), dtype="object"))
    run(
        connection,
        "UPDATE requests SET {column} = clean FROM clean_frame WHERE {rule}",
        column=name(column),
        rule=rule,
    )
    connection.unregister("clean_frame")


def without_personal_data(text: str) -> str:
    """A part of an address as an event of tier 1 may hold it."""
    scrubbed, _ = scrub_event(msgspec.json.encode({"url": text}))
    stripped = strip(scrubbed, COOKIELESS, has_ids=False, has_clicks=True)
    return msgspec.json.decode(stripped, type=dict[str, str])["url"]


def user_agent(written: str) -> str:
    """A user agent as the browser sent it: CloudFront encodes it once, older logs twice."""
    text = unquote(written)
    return unquote(text) if "%20" in text else text


def _json_text(agent: str) -> str:
    return msgspec.json.encode(agent[:MAX_USER_AGENT]).decode()


def _add_visitors(connection: duckdb.DuckDBPyConnection, client: Client, site: Site, salts: Salts) -> None:
    """The temporary table `visitors`: (day, address, agent as written) → visitor id, user agent as JSON."""
    rows = run(
        connection,
        "SELECT DISTINCT CAST(requested_at AS DATE), c_ip, coalesce(cs_user_agent, '') FROM requests",
    ).fetchall()
    agents = {written: user_agent(written) for written in {row[2] for row in rows}}
    shown = {
        written: _json_text(scrub_user_agent(agent if site.consent_default else reduced_user_agent(agent)))
        for written, agent in agents.items()
    }
    days = {
        day: salts.of(client.client_id, datetime(day.year, day.month, day.day, tzinfo=UTC))
        for day in {row[0] for row in rows}
    }
    import pandas as pd

    frame = pd.DataFrame(
        {
            "day": [row[0] for row in rows],
            "address": [row[1] for row in rows],
            "agent": [row[2] for row in rows],
            "visitor_id": [
                visitor_id(days[d], site.site_id, ip, agents[ua]) if site.consent_default else None
                for d, ip, ua in rows
            ],
            "user_agent_json": [without_own_address(shown[ua].encode(), ip).decode() for _, ip, ua in rows],
        },
        dtype="object",
    )
    connection.register("visitors_frame", frame)
    run(
        connection,
        "CREATE OR REPLACE TEMP TABLE visitors AS SELECT CAST(day AS DATE) AS day, "
        "CAST(COLUMNS(* EXCLUDE day) AS VARCHAR) FROM visitors_frame",
    )
    connection.unregister("visitors_frame")


def _add_bad_lines(
    connection: duckdb.DuckDBPyConnection, client: Client, site: Site, refused: dict[datetime, list[bytes]]
) -> None:
    """A bad line belongs to the hour of the good line before it in its object, else of its first good one."""
    rows = run(
        connection,
        """
        SELECT object_key, b.line_number, b.line, b.problem,
            coalesce(
                (SELECT max_by(r.requested_at, r.line_number) FROM requests r
                 WHERE r.object = b.object AND r.line_number < b.line_number),
                (SELECT min_by(r.requested_at, r.line_number) FROM requests r
                 WHERE r.object = b.object)
            )
        FROM bad_lines b JOIN objects USING (object) ORDER BY b.object, b.line_number
        """,
    ).fetchall()
    for key, number, line, problem, near in rows:
        received = floor(near or datetime.now(UTC))
        reason = Refused(Refusal.MALFORMED_LOG_LINE, f"{key}, line {number}: {problem}{_CUT}")
        receipt = Receipt(client.client_id, site.site_id, received, None, "")
        refused.setdefault(received, []).append(malformed_line(reason, receipt, line.encode()))


def _expected(
    connection: duckdb.DuckDBPyConnection, refused: dict[datetime, list[bytes]]
) -> dict[datetime, int]:
    """Hour → the stored lines it must get: one of each request, one of each page view, and the refused.

    The requests are counted as they were read, before they were joined to anything.
    """
    found = run(
        connection,
        """
        SELECT hour, sum(n) FROM (
            SELECT date_trunc('hour', requested_at) AS hour, count(*) AS n FROM requests GROUP BY 1
            UNION ALL
            SELECT hour, count_if(is_page_view) FROM lines GROUP BY 1
        ) GROUP BY 1
        """,
    ).fetchall()
    expected = Counter({hour: int(n) for hour, n in found})
    expected.update({hour: len(lines) for hour, lines in refused.items()})
    return dict(sorted(expected.items()))


def _written(
    connection: duckdb.DuckDBPyConnection,
    client: Client,
    site: Site,
    refused: dict[datetime, list[bytes]],
    hours: Iterable[datetime],
    folder: Path,
) -> Iterator[tuple[datetime, Path]]:
    columns = stored_line(client, site)
    for hour in hours:
        path = folder / f"{hour:%Y%m%dT%H}.ndjson"
        # As text: DuckDB's writer of JSON takes three times as long as putting the pieces together.
        run(
            connection,
            """
            COPY (
                SELECT {columns} FROM (
                    SELECT *, 'request' AS type FROM lines WHERE hour = $hour
                    UNION ALL
                    SELECT *, 'page_view' AS type FROM lines WHERE hour = $hour AND is_page_view
                )
            ) TO $path (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER $delimiter)
            """,
            {"hour": hour, "path": str(path), "delimiter": NO_SEPARATOR.decode()},
            columns=columns,
        )
        with path.open("ab") as file:
            for line in refused.get(hour, ()):
                file.write(line + b"\n")
        yield hour, path
