"""One hour through the models, against one hand-written DuckDB script over the same Parquet; and the same
hour over a short and over a long history.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from bench.measure import Row, alternate, say, timed_row
from orchestration.ingest.schema import create_statements
from orchestration.modelling.command import build_whole, build_windowed, window_environment
from orchestration.modelling.invoke import invoke
from orchestration.modelling.project import manifest

HOUR = datetime(2026, 3, 12, 14, tzinfo=UTC)
#: Clients among whom the events are spread, with one site each.
CLIENTS = 10
#: Events of one visitor in an hour: two visits, in each a page, what was read of it, and so on.
PER_VISITOR = 10
#: Events of an hour of the history; the hour that is measured is as large.
OF_AN_HOUR = 1_000_000

_EVENTS = """
INSERT INTO ingest.events BY NAME
WITH numbered AS (
    SELECT
        n, n // $per_visitor AS person, n % $per_visitor AS place,
        CAST(hash(n, $salt) % 1000000007 AS BIGINT) AS h
    FROM range($events) AS r(n)
),
timed AS (
    SELECT *, CAST(hash(person, $salt) % 1000000007 AS BIGINT) AS p,
        $hour + to_milliseconds(
            CAST((person * 7919 % 1000) * 300 + place * 25000 + (place // 5) * 2000000 + h % 20000 AS BIGINT)
        ) AS moment
    FROM numbered
)
SELECT
    $hour AS received_hour,
    'client-' || (person % $clients) AS client_id,
    'shop' AS site_id,
    $salt || '-' || n AS event_id,
    CASE WHEN place % 2 = 1 THEN 'engagement' WHEN h % 40 = 0 THEN 'purchase'
        WHEN h % 15 = 0 THEN 'outbound_click'
        WHEN h % 10 = 1 THEN 'web_vitals' ELSE 'page_view' END AS event_type,
    least(moment + INTERVAL 1 SECOND, $hour + INTERVAL 59 MINUTE) AS received_at,
    least(moment, $hour + INTERVAL 59 MINUTE) AS occurred_at,
    md5(CAST(p AS VARCHAR)) AS visitor_id,
    'https://shop.example/p/' || (h % 500) || CASE WHEN place = 0 AND p % 5 = 0
        THEN '?utm_source=news&utm_medium=email&utm_campaign=c' || (p % 20) ELSE '' END AS url,
    'shop.example' AS host,
    true AS is_declared_host,
    'Page ' || (h % 500) AS title,
    CASE WHEN place = 0 AND p % 3 = 0 THEN 'https://www.google.com/' ELSE 'https://shop.example/' END
        AS referrer,
    'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' AS user_agent,
    false AS gpc, false AS dnt, 1 AS consent_tier,
    'v' || (n - place % 2) AS view_id,
    ['DE', 'FR', 'US', 'GB', 'SE'][1 + p % 5] AS country,
    ['mobile', 'desktop', 'tablet'][1 + p % 3] AS device,
    ['Firefox', 'Chrome', 'Safari'][1 + p % 3] AS browser,
    ['Linux', 'Windows', 'iOS'][1 + p % 3] AS os,
    'de-DE' AS language, '1920x1080' AS screen, p % 50 = 0 AS is_bot, '/p/' || (h % 500) AS page,
    'ok' AS clock,
    'web' AS source,
    CASE WHEN place % 2 = 1 THEN '{"engaged_ms": ' || (h % 30000) || ', "scroll": ' || (h % 100) || '}'
        WHEN h % 40 = 0 THEN '{"revenue": 9.99, "currency": "EUR"}'
        WHEN h % 10 = 1 THEN '{"lcp_ms": ' || (h % 4000) || ', "cls": 0.1}' END AS props,
    false AS is_duplicate, 'raw/' || $salt AS object_key, n AS line_number
FROM timed ORDER BY client_id, n
"""

#: What somebody would write who needs page views, sessions and daily metrics, once, of one hour.
_BY_HAND = """
CREATE TABLE page_views AS
SELECT *, lag(page) OVER visit AS previous_page, lead(page) OVER visit AS next_page,
    lead(occurred_at) OVER visit - occurred_at AS to_next
FROM sessionised WHERE event_type = 'page_view'
WINDOW visit AS (PARTITION BY client_id, site_id, visitor_id, session_number ORDER BY occurred_at, event_id);

CREATE TABLE sessions AS
SELECT client_id, site_id, visitor_id, session_number,
    min(occurred_at) AS started_at, max(occurred_at) AS ended_at, count(*) AS events,
    count(*) FILTER (event_type = 'page_view') AS page_views,
    arg_min(page, (occurred_at, event_id)) FILTER (event_type = 'page_view') AS landing_page,
    arg_max(page, (occurred_at, event_id)) FILTER (event_type = 'page_view') AS exit_page,
    arg_min(referrer, (occurred_at, event_id)) AS referrer, arg_min(url, (occurred_at, event_id)) AS url,
    any_value(country) AS country, any_value(device) AS device, any_value(browser) AS browser,
    bool_or(is_bot) AS is_bot
FROM sessionised GROUP BY ALL;

CREATE TABLE daily_metrics AS
SELECT * FROM (
    SELECT client_id, site_id, CAST(timezone('Europe/Berlin', occurred_at) AS DATE) AS date,
        count(DISTINCT visitor_id) AS visitors, count(*) AS events,
        count(*) FILTER (event_type = 'page_view') AS page_views
    FROM sessionised WHERE NOT is_bot GROUP BY ALL
) LEFT JOIN (
    SELECT client_id, site_id, CAST(timezone('Europe/Berlin', started_at) AS DATE) AS date,
        count(*) AS sessions,
        avg(CASE WHEN page_views = 1 AND events = 1 THEN 1 ELSE 0 END) AS bounce_rate,
        median(ended_at - started_at) AS median_duration
    FROM sessions WHERE NOT is_bot GROUP BY ALL
) USING (client_id, site_id, date);
"""
_SESSIONISED = """
CREATE TABLE sessionised AS
SELECT *, sum(starts) OVER (
    PARTITION BY client_id, site_id, visitor_id ORDER BY occurred_at, event_id ROWS UNBOUNDED PRECEDING
) AS session_number
FROM (
    SELECT *, CASE WHEN occurred_at - lag(occurred_at) OVER (
        PARTITION BY client_id, site_id, visitor_id ORDER BY occurred_at, event_id
    ) <= INTERVAL 30 MINUTE THEN 0 ELSE 1 END AS starts
    FROM read_parquet('{parquet}') WHERE NOT is_duplicate
);
"""


def run(*, events: int = OF_AN_HOUR, histories: tuple[int, int] = (300_000, 3_000_000)) -> list[Row]:
    """A row for the first hour, and one for what a longer history adds to an hour.

    The goals are stated for 1,000,000 events, and for histories of 1, 10 and 100 million. Raises RuntimeError
    with what a failed side said.
    """
    return [_first_hour(events, repeats=2), _growth(histories, events=100_000, repeats=2)]


def _first_hour(events: int, repeats: int) -> Row:
    say(f"models: {events} events in an hour")
    manifest()
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        folder = Path(name)
        prepare(folder, history=0, events=events)
        ours: list[dict[str, float]] = []

        def models() -> float:
            ours.append(_apart("models", folder))
            return ours[-1]["seconds"]

        pairs = alternate(repeats, models, lambda: _apart("by-hand", folder)["seconds"])
    peak = max(side["peak_gib"] for side in ours)
    remark = (
        "one DuckDB script over the hour's Parquet: page views, sessions and a few daily metrics; no other "
        f"table, no late events, no tests. Footfall's peak memory {peak:.1f} GiB"
    )
    what = f"models of an hour, {events:,} events to all marts and reports"
    return timed_row(what, pairs, events, "events", remark)


def _growth(histories: tuple[int, int], events: int, repeats: int) -> Row:
    short, long = histories
    manifest()
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        folders = {}
        for history in histories:
            say(f"models: an hour over a history of {history:,} events")
            folders[history] = Path(name) / str(history)
            folders[history].mkdir()
            prepare(folders[history], history=history, events=events)
            _apart("refresh", folders[history])
        pairs = alternate(
            repeats,
            lambda: _apart("models", folders[long])["seconds"],
            lambda: _apart("models", folders[short])["seconds"],
        )
    what = f"models of an hour, {events:,} events, over a history of {long:,}"
    return timed_row(what, pairs, events, "events", f"the same hour over a history of {short:,}")


def prepare(folder: Path, history: int, events: int) -> None:
    """A warehouse with the ingested tables: an hour of `events` at HOUR, and a history before it."""
    hours = [HOUR, *(HOUR - timedelta(hours=n) for n in range(1, 1 + -(-history // OF_AN_HOUR)))]
    with _connect(folder / "warehouse.duckdb") as connection:
        for statement in create_statements():
            connection.execute(statement)
        connection.execute(
            "INSERT INTO ingest.sites "
            "SELECT 'client-' || n, 'shop', 'Europe/Berlin', 30, false, false, 'purchase' "
            "FROM range(?) AS r(n)",
            [CLIENTS],
        )
        for hour in reversed(hours):
            given = {
                "hour": hour,
                "salt": f"{hour:%d%H}",
                "events": events if hour == HOUR else min(history, OF_AN_HOUR),
                "clients": CLIENTS,
                "per_visitor": PER_VISITOR,
            }
            connection.execute(_EVENTS, given)
            connection.execute("INSERT INTO ingest.hours (received_hour) VALUES (?)", [hour])
        connection.execute(
            f"COPY (SELECT * FROM ingest.events WHERE received_hour = '{HOUR:%F %T%z}') "
            f"TO '{folder / 'hour.parquet'}' (FORMAT parquet, COMPRESSION zstd)"
        )


def _models(folder: Path) -> None:
    """What a run of the hour does; again, it makes the same rows anew."""
    for arguments in (build_windowed(), build_whole()):
        _build(arguments, folder)


def _refresh(folder: Path) -> None:
    """Everything anew."""
    for arguments in (build_windowed(), build_whole()):
        _build([*arguments, "--full-refresh"], folder)


def _build(arguments: list[str], folder: Path) -> None:
    window = window_environment(folder / "warehouse.duckdb", HOUR, HOUR + timedelta(hours=1))
    results = invoke(arguments, window, folder / "target")
    bad = [f"{result.unique_id}: {result.message}" for result in results if not result.is_good]
    if bad:
        raise RuntimeError("; ".join(bad))
    if os.environ.get("BENCH_NODES"):
        for result in sorted(results, key=lambda r: -r.seconds)[:14]:
            say(f"    {result.seconds:6.2f} s {result.unique_id.split('.', 1)[1]}")


def _by_hand(folder: Path) -> None:
    target = folder / "by-hand.duckdb"
    target.unlink(missing_ok=True)
    with _connect(target) as connection:
        connection.execute(_SESSIONISED.format(parquet=folder / "hour.parquet"))
        connection.execute(_BY_HAND)


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(path))
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _apart(what: str, folder: Path) -> dict[str, float]:
    """One side in a process of its own, so that its peak memory is its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.models", what, str(folder)],
        capture_output=True, text=True, check=False, cwd=Path(__file__).resolve().parents[1],
    )  # fmt: skip
    sys.stderr.write(done.stderr if os.environ.get("BENCH_NODES") else "")
    if done.returncode:
        raise RuntimeError(f"{what}: {done.stderr[-2000:]}")
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def main() -> int:
    """One side, in a process of its own: `models`, `refresh` or `by-hand`, and the folder of `prepare`."""
    what, folder = sys.argv[1], Path(sys.argv[2])
    begun = time.perf_counter()
    {"models": _models, "refresh": _refresh, "by-hand": _by_hand}[what](folder)
    taken = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(json.dumps({"seconds": taken, "peak_gib": peak}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
