"""The questions of bench.api as Umami's SQL asks Postgres, and as Plausible's asks ClickHouse (chdb).

Both have the rows of the same history, in the tables and by the keys of their own, and answer in SQL alone:
no HTTP, no login, nothing that makes JSON of it.
"""

import contextlib
import hashlib
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from bench.measure import say
from bench.peers import need, postgres

#: Page views that Postgres is given at most: more would take it an hour to load and index.
POSTGRES_MOST = 10_000_000
_READING = "SET TimeZone = 'UTC'; SET memory_limit = '3GB'; SET preserve_insertion_order = false"
_WEBSITE = "00000000-0000-0000-0000-000000000001"
#: A visitor's id, of 16 hexadecimal digits, as a UUID.
_UUID = "'00000000-0000-0000-' || substr({v}, 1, 4) || '-' || substr({v}, 5, 12)"
_SERVER = ("shared_buffers=1GB", "work_mem=64MB", "maintenance_work_mem=512MB", "max_wal_size=8GB")


@dataclass(frozen=True)
class Asked:
    """A question: from the first day to the last, of a visitor where it is about one."""

    first: datetime
    last: datetime
    visitor: str = ""


@dataclass(frozen=True)
class PeerOfApi:
    """What answers; kind of question → how it is asked once. Several threads may ask."""

    name: str
    page_views: int
    remark: str
    kinds: Mapping[str, Callable[[Asked], object]]


def visitor_id(number: int) -> str:
    """The id of a visitor of a history (bench.published)."""
    return hashlib.md5(str(number).encode()).hexdigest()[:16]


_UMAMI = """
CREATE TABLE website_event (
    event_id uuid NOT NULL, website_id uuid NOT NULL, session_id uuid NOT NULL, visit_id uuid NOT NULL,
    created_at timestamptz(6) NOT NULL, url_path varchar(500) NOT NULL, page_title varchar(500),
    hostname varchar(100), event_type integer NOT NULL DEFAULT 1, event_name varchar(50)
)"""
#: Those of Umami's that these questions can use.
_UMAMI_INDEXES = (
    "CREATE UNIQUE INDEX ON website_event (event_id)",
    "CREATE INDEX ON website_event (website_id, created_at)",
    "CREATE INDEX ON website_event (website_id, created_at, url_path)",
    "CREATE INDEX ON website_event (website_id, session_id, created_at)",
    "CREATE INDEX ON website_event (website_id, visit_id, created_at)",
    "VACUUM ANALYZE website_event",
)
_WITHIN = "website_id = %(site)s AND created_at BETWEEN %(first)s AND %(last)s AND event_type = 1"
_UMAMI_ACTIVITY = """
SELECT created_at, url_path, hostname, event_id, event_type, event_name, visit_id FROM website_event
WHERE website_id = %(site)s AND session_id = %(visitor)s AND created_at BETWEEN %(first)s AND %(last)s
ORDER BY created_at DESC LIMIT 500"""
_UMAMI_STATS = f"""
SELECT sum(t.c) AS pageviews, count(DISTINCT t.session_id) AS visitors, count(DISTINCT t.visit_id) AS visits,
    sum(CASE WHEN t.c = 1 THEN 1 ELSE 0 END) AS bounces,
    sum(floor(extract(epoch FROM (t.max_time - t.min_time)))) AS totaltime
FROM (SELECT session_id, visit_id, count(*) AS c, min(created_at) AS min_time, max(created_at) AS max_time
    FROM website_event WHERE {_WITHIN} GROUP BY 1, 2) AS t"""
_UMAMI_VIEWS = f"""
SELECT to_char(date_trunc('day', created_at AT TIME ZONE 'UTC'), 'YYYY-MM-DD') AS x, count(*) AS y
FROM website_event WHERE {_WITHIN} GROUP BY 1 ORDER BY 1"""
_UMAMI_SESSIONS = f"""
SELECT to_char(date_trunc('day', created_at AT TIME ZONE 'UTC'), 'YYYY-MM-DD') AS x,
    count(DISTINCT session_id) AS y
FROM website_event WHERE {_WITHIN} GROUP BY 1 ORDER BY 1"""
_UMAMI_PAGES = f"""
SELECT url_path AS x, count(DISTINCT session_id) AS y FROM website_event
WHERE {_WITHIN} GROUP BY 1 ORDER BY 2 DESC LIMIT 500"""


@contextmanager
def umami(place: Path, history: int) -> Iterator[PeerOfApi]:
    """Umami's table in a Postgres of its own. Raises Missing where no server is installed."""
    need("psycopg2")
    import psycopg2

    rows = min(history, POSTGRES_MOST)
    with tempfile.TemporaryDirectory(prefix="footfall-bench-umami-") as name, contextlib.ExitStack() as open_:
        url = open_.enter_context(postgres(Path(name), *_SERVER))
        say(f"api: {rows:,} page views into Postgres")
        _load_umami(psycopg2, url, place, Path(name), rows)
        mine = threading.local()

        def cursor() -> Any:
            if not hasattr(mine, "cursor"):
                connection = psycopg2.connect(url)
                connection.autocommit = True
                open_.callback(connection.close)
                mine.cursor = connection.cursor()
            return mine.cursor

        def asks(*queries: str) -> Callable[[Asked], object]:
            def ask(asked: Asked) -> object:
                of = asked.visitor
                given = {
                    "site": _WEBSITE,
                    "first": asked.first,
                    "last": asked.last + timedelta(days=1),
                    "visitor": f"00000000-0000-0000-{of[:4]}-{of[4:]}" if of else None,
                }
                found = []
                for query in queries:
                    cursor().execute(query, given)
                    found.append(cursor().fetchall())
                return found

            return ask

        yield PeerOfApi(
            "Umami's SQL on Postgres",
            rows,
            f"`website_event` of {rows:,} page views with five of its indexes, {', '.join(_SERVER)}; SQL "
            "alone, a connection for each caller, no HTTP. Of a visitor the newest 500 events, no session; "
            "of an overview its figures, page views and visitors by day, no channels",
            {
                "one visitor": asks(_UMAMI_ACTIVITY),
                "a summary of 30 days": asks(_UMAMI_STATS, _UMAMI_VIEWS, _UMAMI_SESSIONS),
                "a curve of 30 days": asks(_UMAMI_VIEWS, _UMAMI_SESSIONS),
                "pages of 28 days": asks(_UMAMI_PAGES),
            },
        )


def _load_umami(psycopg2: Any, url: str, place: Path, folder: Path, rows: int) -> None:
    file = folder / "rows.csv"
    with duckdb.connect(str(place / "warehouse.duckdb"), read_only=True) as database:
        database.execute(_READING)
        database.execute(
            "COPY (SELECT CAST(md5(event_id) AS UUID), "
            f"'{_WEBSITE}', {_UUID.format(v='visitor_id')}, CAST(md5(session_id) AS UUID), occurred_at, "
            "page, title, host, 1 FROM page_views "
            f"WHERE CAST(substr(event_id, 2) AS BIGINT) < {rows}) TO '{file}' (FORMAT csv, HEADER false)"
        )
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        cursor = connection.cursor()
        cursor.execute(_UMAMI)
        with file.open() as lines:
            cursor.copy_expert(
                "COPY website_event (event_id, website_id, session_id, visit_id, created_at, url_path, "
                "page_title, hostname, event_type) FROM STDIN (FORMAT csv)",
                lines,
            )
        file.unlink()
        for statement in _UMAMI_INDEXES:
            cursor.execute(statement)
    finally:
        connection.close()


_PLAUSIBLE = (
    "CREATE TABLE events_v2 (timestamp DateTime('UTC') CODEC(Delta(4), LZ4), name LowCardinality(String), "
    "site_id UInt64, user_id UInt64, session_id UInt64, hostname String CODEC(ZSTD(3)), "
    "pathname String CODEC(ZSTD(3))) ENGINE = MergeTree PARTITION BY toYYYYMM(timestamp) "
    "ORDER BY (site_id, toDate(timestamp), name, user_id, timestamp)",
    "CREATE TABLE sessions_v2 (session_id UInt64, sign Int8, site_id UInt64, user_id UInt64, "
    "timestamp DateTime('UTC') CODEC(Delta(4), LZ4), start DateTime('UTC') CODEC(Delta(4), LZ4), "
    "is_bounce UInt8, pageviews Int32, events Int32, duration UInt32, "
    "acquisition_channel LowCardinality(String), country_code FixedString(2), "
    "INDEX minmax_timestamp timestamp TYPE minmax GRANULARITY 1) "
    "ENGINE = VersionedCollapsingMergeTree(sign, events) PARTITION BY toYYYYMM(start) "
    "ORDER BY (site_id, toDate(start), user_id, session_id)",
)
_OF_SESSIONS = (
    "FROM sessions_v2 WHERE site_id = 1 AND start >= toDateTime('{first}', 'UTC') - INTERVAL 7 DAY "
    "AND timestamp >= toDateTime('{first}', 'UTC') AND start < toDateTime('{end}', 'UTC')"
)
_OF_EVENTS = (
    "FROM events_v2 WHERE site_id = 1 AND timestamp >= toDateTime('{first}', 'UTC') "
    "AND timestamp < toDateTime('{end}', 'UTC')"
)
_P_SESSIONS = (
    "SELECT uniq(user_id), sum(sign), sum(sign * pageviews), "
    f"round(100 * sum(sign * is_bounce) / sum(sign)), round(sum(sign * duration) / sum(sign)) {_OF_SESSIONS}"
)
_P_EVENTS = f"SELECT countIf(name = 'pageview'), count() {_OF_EVENTS}"
_P_DAYS = (
    "SELECT toDate(timestamp, 'UTC') AS day, uniq(user_id), countIf(name = 'pageview') "
    f"{_OF_EVENTS} GROUP BY day ORDER BY day"
)
_P_CHANNELS = (
    "SELECT acquisition_channel, uniq(user_id) AS visitors, sum(sign) "
    f"{_OF_SESSIONS} GROUP BY acquisition_channel ORDER BY visitors DESC LIMIT 100"
)
_P_PAGES = (
    "SELECT pathname, uniq(user_id) AS visitors, countIf(name = 'pageview') "
    f"{_OF_EVENTS} AND name = 'pageview' GROUP BY pathname ORDER BY visitors DESC LIMIT 100"
)


@contextmanager
def plausible(place: Path, history: int) -> Iterator[PeerOfApi]:
    """Plausible's tables in ClickHouse, in this process. Raises Missing where chdb is not installed."""
    need("chdb")
    from chdb import session

    with tempfile.TemporaryDirectory(prefix="footfall-bench-plausible-") as name:
        say(f"api: {history:,} page views into ClickHouse")
        server = session.Session(name)
        try:
            server.query("CREATE DATABASE IF NOT EXISTS bench")
            server.query("USE bench")
            _load_plausible(server.query, place, Path(name))

            def asks(*queries: str) -> Callable[[Asked], object]:
                def ask(asked: Asked) -> object:
                    end = asked.last + timedelta(days=1)
                    days = {"first": f"{asked.first:%Y-%m-%d 00:00:00}", "end": f"{end:%Y-%m-%d 00:00:00}"}
                    return [str(server.query(query.format(**days), "JSONCompact")) for query in queries]

                return ask

            yield PeerOfApi(
                "Plausible's SQL on ClickHouse",
                history,
                f"`events_v2` and `sessions_v2` of {history:,} page views in chdb, of the columns that are "
                "asked for, without SAMPLE; `uniq`, which estimates; SQL alone, in one process, one question "
                "after another on all cores, no HTTP. It has no question about one visitor",
                {
                    "a summary of 30 days": asks(_P_SESSIONS, _P_EVENTS, _P_DAYS, _P_CHANNELS),
                    "a curve of 30 days": asks(_P_DAYS),
                    "pages of 28 days": asks(_P_PAGES),
                },
            )
        finally:
            server.close()


def _load_plausible(query: Callable[[str], object], place: Path, folder: Path) -> None:
    for statement in _PLAUSIBLE:
        query(statement)
    number = "CAST(substr({column}, 2) AS UBIGINT)"
    tables = {
        "events_v2": "SELECT CAST(occurred_at AS TIMESTAMP) AS timestamp, 'pageview' AS name, "
        "CAST(1 AS UBIGINT) AS site_id, CAST('0x' || visitor_id AS UBIGINT) AS user_id, "
        f"{number.format(column='session_id')} AS session_id, host AS hostname, page AS pathname "
        "FROM page_views",
        "sessions_v2": f"SELECT {number.format(column='session_id')} AS session_id, "
        "CAST(1 AS TINYINT) AS sign, CAST(1 AS UBIGINT) AS site_id, "
        "CAST('0x' || visitor_id AS UBIGINT) AS user_id, "
        "CAST(started_at AS TIMESTAMP) AS timestamp, CAST(started_at AS TIMESTAMP) AS start, "
        "CAST(page_views = 1 AS UTINYINT) AS is_bounce, CAST(page_views AS INTEGER) AS pageviews, "
        "CAST(page_views AS INTEGER) AS events, CAST(0 AS UINTEGER) AS duration, "
        "channel AS acquisition_channel, country AS country_code FROM sessions",
    }
    for table, select in tables.items():
        file = folder / f"{table}.parquet"
        with duckdb.connect(str(place / "warehouse.duckdb"), read_only=True) as database:
            database.execute(_READING)
            database.execute(f"COPY ({select}) TO '{file}' (FORMAT parquet)")
        query(f"INSERT INTO {table} SELECT * FROM file('{file}', Parquet)")
        file.unlink()
        query(f"OPTIMIZE TABLE {table} FINAL")


def days_back(count: int, ago: int = 0) -> Asked:
    """So many days that ended so many days ago, of midnight UTC."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    last = today - timedelta(days=ago)
    return Asked(last - timedelta(days=count - 1), last)
