"""One hour through the models, against one hand-written DuckDB script over the same Parquet; and the same
hour over a short and over a long history.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from bench.measure import Row, alternate, say, table, timed_row
from footfall.catalogue.ingested import COLUMN_TYPES
from footfall.hour_files import HourFiles
from footfall.settings import Settings
from footfall.store import LocalStore
from orchestration.ingest.event_rows import ORDER, PARQUET
from orchestration.ingest.schema import create_statements
from orchestration.modelling import project
from orchestration.modelling.build import build
from orchestration.modelling.command import build_whole, build_windowed
from orchestration.modelling.invoke import failures
from orchestration.modelling.rebuild import rebuild
from orchestration.stored_hours import record_file
from orchestration.zone_days import ensure

HOUR = datetime(2026, 3, 13, 14, tzinfo=UTC)
#: From the end of the history to the hour: reports of a day are made anew with each of its hours, so the hour
#: has a day of its own, as large whatever the history.
PAUSE = timedelta(hours=24)
#: Clients among whom the events are spread, with one site each.
CLIENTS = 10
#: Events of one visitor in an hour: two visits, in each a page, what was read of it, and so on.
PER_VISITOR = 10
#: Events of an hour of the history; the hour that is measured is as large.
OF_AN_HOUR = 1_000_000

_EVENTS = """
CREATE OR REPLACE TEMP TABLE of_hour AS
WITH numbered AS (
    SELECT
        n, n // $per_visitor AS person, n % $per_visitor AS place,
        CAST(hash(n, $salt) % 1000000007 AS BIGINT) AS h
    FROM range($events) AS r(n)
),
timed AS (
    -- every second visitor comes at this time each day, the others once
    SELECT *,
        CAST(hash(
            person, CASE WHEN person % 2 = 0 THEN hour($hour)::VARCHAR ELSE $salt END
        ) % 1000000007 AS BIGINT) AS p,
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
    $salt || '-view-of-a-visitor-' || (n - place % 2) AS view_id,
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
    '{"occurred_at":' || epoch_ms(moment) || ',"seq":' || (n % 40) || ',"tz":"Europe/Berlin","nav":"load"}'
        AS payload,
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
    SELECT client_id, site_id, CAST(occurred_at + INTERVAL 1 HOUR AS DATE) AS date,
        count(DISTINCT visitor_id) AS visitors, count(*) AS events,
        count(*) FILTER (event_type = 'page_view') AS page_views
    FROM sessionised WHERE NOT is_bot GROUP BY ALL
) LEFT JOIN (
    SELECT client_id, site_id, CAST(started_at + INTERVAL 1 HOUR AS DATE) AS date,
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


def run(
    *, events: int = OF_AN_HOUR, histories: Sequence[int] = (OF_AN_HOUR, 3 * OF_AN_HOUR), repeats: int = 2
) -> list[Row]:
    """A row for the first hour, and one for what each longer history adds to an hour.

    The goals are stated for 1,000,000 events, and for histories of 1, 10 and 100 million, which take hours:
    `python -m bench.models growth FOLDER 1000000 10000000 100000000`. Raises RuntimeError with what a failed
    side said.
    """
    rows = [first_hour(events, repeats)]
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        return rows + growth(Path(name), histories, events // 10, repeats)


def first_hour(events: int, repeats: int) -> Row:
    """From the ingested events of one hour to all marts and reports, against a script by hand."""
    say(f"models: {events:,} events in an hour")
    prepared_models()
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


def growth(folder: Path, histories: Sequence[int], events: int, repeats: int) -> list[Row]:
    """The same hour over each history, against the shortest. A warehouse that `folder` has is used again."""
    prepared_models()
    refreshed = {history: _refreshed(folder / str(history), history, events) for history in histories}
    shortest = folder / str(histories[0])
    rows = []
    for history in histories[1:]:
        pairs = alternate(
            repeats,
            lambda longer=folder / str(history): _apart("models", longer)["seconds"],
            lambda: _apart("models", shortest)["seconds"],
        )
        what = f"models of an hour, {events:,} events, over a history of {history:,}"
        remark = (
            f"the same hour over a history of {histories[0]:,}; a full refresh of the longer one takes "
            f"{refreshed[history]['seconds']:,.0f} s, {refreshed[history]['peak_gib']:.1f} GiB at most"
        )
        rows.append(timed_row(what, pairs, events, "events", remark, most=1.2))
    return rows


def _refreshed(folder: Path, history: int, events: int) -> dict[str, float]:
    """Seconds and memory of a full refresh over a history, made where it is not there."""
    noted = folder / "refresh.json"
    if not noted.exists():
        say(f"models: everything anew over a history of {history:,} events")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        prepare(folder, history=history, events=events)
        noted.write_text(json.dumps(_apart("refresh", folder)))
    seen: dict[str, float] = json.loads(noted.read_text())
    return seen


def prepared_models() -> Path:
    """The folder of the models as dbt has parsed them."""
    return project.prepare(Settings.from_environ(os.environ).home)


def prepare(folder: Path, history: int, events: int) -> None:
    """A warehouse with the ingested tables: an hour of `events` at HOUR, and a history before it."""
    hours = [HOUR, *(HOUR - PAUSE - timedelta(hours=n) for n in range(1, 1 + -(-history // OF_AN_HOUR)))]
    with connect(folder / "warehouse.duckdb") as connection:
        for statement in create_statements():
            connection.execute(statement)
        connection.execute(
            "INSERT INTO ingest.sites "
            "SELECT 'client-' || n, 'shop', 'Europe/Berlin', 30, false, false, 'purchase', NULL "
            "FROM range(?) AS r(n)",
            [CLIENTS],
        )
        ensure(connection, ["Europe/Berlin"], min(hours).date(), HOUR.date())
        for hour in reversed(hours):
            given = {
                "hour": hour,
                "salt": f"{hour:%d%H}",
                "events": events if hour == HOUR else min(history, OF_AN_HOUR),
                "clients": CLIENTS,
                "per_visitor": PER_VISITOR,
            }
            _store(connection, folder, hour, given)
    shutil.copyfile(folder / "made.parquet", folder / "hour.parquet")


def _store(
    connection: duckdb.DuckDBPyConnection, folder: Path, hour: datetime, given: dict[str, Any]
) -> None:
    """An hour as ingest leaves it: its Parquet in the lake, and what the warehouse says of it."""
    path = folder / "made.parquet"
    connection.execute(_EVENTS, given)
    made = {row[0] for row in connection.execute("DESCRIBE of_hour").fetchall()}
    listed = ", ".join(
        f"CAST({name if name in made else 'NULL'} AS {kind}) AS {name}"
        for name, kind in COLUMN_TYPES["events"].items()
    )
    connection.execute(
        f"COPY (SELECT {listed} FROM of_hour ORDER BY {ORDER['events']}) TO '{path}' ({PARQUET})"
    )
    record_file(connection, hour, hour_files(folder).put(hour, path, given["events"], COLUMN_TYPES["events"]))
    index = ", ".join(COLUMN_TYPES["event_index"])
    connection.execute(f"INSERT INTO ingest.event_index SELECT {index} FROM read_parquet('{path}')")
    connection.execute("INSERT INTO ingest.hours (received_hour) VALUES (?)", [hour])


def hour_files(folder: Path) -> HourFiles:
    """The lake of a folder that `prepare` made."""
    return HourFiles(LocalStore(folder / "lake"), folder / "cache", 0)


def _models(folder: Path) -> None:
    """What a run of the hour does; again, it makes the same rows anew."""
    for arguments in (build_windowed(has_views=True), build_whole()):
        _build(arguments, folder)


def _refresh(folder: Path) -> None:
    """Everything anew, as `footfall rebuild` does it."""
    rebuild(
        folder / "warehouse.duckdb", folder / "target", say, known=prepared_models(), files=hour_files(folder)
    )


def _build(arguments: list[str], folder: Path) -> None:
    window = (HOUR, HOUR + timedelta(hours=1))
    path, files = folder / "warehouse.duckdb", hour_files(folder)
    results = build(arguments, path, window, folder / "target", files, known=prepared_models())
    bad = failures(results)
    if bad:
        raise RuntimeError("; ".join(bad))
    if os.environ.get("BENCH_NODES"):
        for result in sorted(results, key=lambda r: -r.seconds)[:14]:
            say(f"    {result.seconds:6.2f} s {result.unique_id.split('.', 1)[1]}")


def _by_hand(folder: Path) -> None:
    target = folder / "by-hand.duckdb"
    target.unlink(missing_ok=True)
    with connect(target) as connection:
        connection.execute(_SESSIONISED.format(parquet=folder / "hour.parquet"))
        connection.execute(_BY_HAND)


def connect(path: Path) -> duckdb.DuckDBPyConnection:
    """A database in UTC."""
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
    """`growth FOLDER HISTORY …`, or one side in a process of its own, and the folder of `prepare`: `models`,
    `refresh` or `by-hand`.
    """
    what, folder = sys.argv[1], Path(sys.argv[2])
    if what == "growth":
        rows = growth(folder, [int(text) for text in sys.argv[3:]], events=OF_AN_HOUR // 10, repeats=3)
        print(table(rows))
        return 0
    begun = time.perf_counter()
    {"models": _models, "refresh": _refresh, "by-hand": _by_hand}[what](folder)
    taken = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(json.dumps({"seconds": taken, "peak_gib": peak}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
