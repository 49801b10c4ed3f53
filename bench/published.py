"""Publishing an hour over a short and over a long history, and one visitor's page views out of the long one.

`python -m bench.published FOLDER HISTORY …` measures with other histories; a folder is used again.
"""

import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from bench.measure import Aim, Row, say, table, timed_row
from footfall.file_cache import FileCache
from footfall.published.tables import open_tables
from footfall.store import LocalStore
from orchestration.modelling.athena import marts
from orchestration.modelling.publishing.client import MEMORY, Terms, publish_client

#: Of today, so that ranges which end today have rows.
NOW = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
DAYS = 365
#: Page views of one visitor, and of one session.
PER_VISITOR, PER_SESSION = 10, 5
#: Hours of today that are there already: the day's files are written with each of its hours.
HOURS_OF_TODAY = 12
LOOKUPS = 100

_HISTORY = """
CREATE OR REPLACE TEMP TABLE seen AS
SELECT
    n, substr(md5(CAST(n // $per_visitor % $visitors AS VARCHAR)), 1, 16) AS visitor_id,
    -- a visitor comes on one day, and every second on another one too
    CAST($today - 1 - CAST(
        hash(n // $per_visitor, (n % 2) * (n // $per_visitor % 2)) % $days AS INTEGER
    ) AS DATE) AS date
FROM range($first, $last) AS r(n);
INSERT INTO page_views BY NAME
SELECT 'bench' AS client_id, 'shop' AS site_id, 'e' || n AS event_id, md5('e' || n) AS event_key,
    'e' || (n // $per_session) AS session_id, visitor_id, 'https://shop.example/p/' || (n % 500) AS url,
    'shop.example' AS host, '/p/' || (n % 500) AS page, 'Page ' || (n % 500) AS title, 'DE' AS country,
    'mobile' AS device, 1 AS consent_tier, n % 5 + 1 AS page_view_number, n % 60 AS seconds_to_next,
    n % 30 AS engaged_seconds, n % 50 = 0 AS is_bot, date,
    CAST(date AS TIMESTAMPTZ) + to_seconds(n * 7919 % 86400) AS occurred_at,
    CAST(date AS TIMESTAMPTZ) + to_seconds(n * 7919 % 86400 + 1) AS received_at,
    CAST(date AS TIMESTAMPTZ) + to_hours(n * 7919 % 86400 // 3600) AS received_hour
FROM seen;
INSERT INTO sessions BY NAME
SELECT 'bench' AS client_id, 'shop' AS site_id, 'e' || (n // $per_session) AS session_id, visitor_id,
    'Direct' AS channel, 'DE' AS country, 'mobile' AS device, 5 AS page_views, date,
    CAST(date AS TIMESTAMPTZ) + to_seconds(n * 7919 % 86400) AS started_at
FROM seen WHERE n % $per_session = 0;
INSERT INTO conversions BY NAME
SELECT 'bench' AS client_id, 'shop' AS site_id, 'e' || n AS event_id, 'e' || n AS event_key, visitor_id, date,
    CAST(date AS TIMESTAMPTZ) + to_seconds(n * 7919 % 86400) AS occurred_at
FROM seen WHERE n % 40 = 0;
DELETE FROM visitors WHERE visitor_id IN (SELECT visitor_id FROM seen);
INSERT INTO visitors BY NAME
SELECT 'bench' AS client_id, 'shop' AS site_id, visitor_id, 'daily' AS id_kind, 'Direct' AS first_channel,
    '/p/' || (min(n) % 500) AS first_page, 'DE' AS country, count(*) AS page_views, min(date) AS first_date,
    CAST(min(date) AS TIMESTAMPTZ) AS first_seen_at, CAST(max(date) AS TIMESTAMPTZ) AS last_seen_at
FROM seen GROUP BY visitor_id;
DELETE FROM pages_daily WHERE date IN (SELECT date FROM seen);
INSERT INTO pages_daily BY NAME
SELECT client_id, site_id, date, page, count(*) AS page_views, count(DISTINCT visitor_id) AS visitors
FROM page_views WHERE date IN (SELECT date FROM seen) GROUP BY ALL;
"""
_NOTES = """
INSERT INTO intermediate.unpublished_days
SELECT DISTINCT model, 'bench', date FROM seen,
    (VALUES ('page_views'), ('sessions'), ('conversions'), ('pages_daily')) AS models(model);
INSERT INTO intermediate.unpublished_visitors SELECT DISTINCT 'bench', 'shop', visitor_id FROM seen;
"""


def run(*, events: int = 100_000, histories: Sequence[int] = (1_000_000, 5_000_000)) -> list[Row]:
    """A row for the hour over the longest history against the shortest, and one for a visitor of it.

    The goals are stated for 1 and 100 million. Raises RuntimeError with what a side said.
    """
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        return measured(Path(name), events, histories)


def measured(folder: Path, events: int, histories: Sequence[int]) -> list[Row]:
    """The same in a folder, where what is there is used again."""
    for history in histories:
        prepare(folder / str(history), history, events)
    sides: dict[int, list[dict[str, float]]] = {history: [] for history in histories}
    for _ in range(3):
        for history in histories:
            sides[history].append(_apart("publish", folder / str(history), events))
    short, long = sides[histories[0]], sides[histories[-1]]
    whole = json.loads((folder / str(histories[-1]) / "whole.json").read_text())["whole"]
    pairs = [(a["seconds"], b["seconds"]) for a, b in zip(long, short, strict=True)]
    peak = max(side["peak_gib"] for side in long)
    looked = _apart("look", folder / str(histories[-1]), histories[-1])
    return [
        timed_row(
            f"publishing an hour of {events:,} page views over {histories[-1]:,}",
            pairs,
            events,
            "page views",
            f"the same hour over {histories[0]:,}, {cpu_of(short):.1f} CPU s; peak memory {peak:.2f} GiB, "
            f"{cpu_of(long):.1f} CPU s; all of the longer one anew {whole['cpu']:,.0f} CPU s, "
            f"{whole['peak_gib']:.2f} GiB",
            most=1.5,
        ),
        Row(
            f"page views of one visitor out of {histories[-1]:,}, files at hand",
            f"p95 {looked['p95_ms']:.0f} ms",
            f"p50 {looked['p50_ms']:.0f} ms",
            [looked["p50_ms"] / looked["p95_ms"]],
            f"{LOOKUPS} visitors in turn, one connection, {looked['cpu_ms']:.0f} CPU ms each; the first "
            f"{looked['first_ms']:.0f} ms",
            Aim(looked["p95_ms"], 100, "ms p95", is_most=True),
        ),
    ]


def prepare(place: Path, history: int, events: int = 100_000) -> None:
    """A folder with so many page views, and hours of `events` today, published; nothing where they are."""
    if not (place / "whole.json").exists():
        say(f"published: a history of {history:,} page views")
        place.mkdir(parents=True, exist_ok=True)
        (place / "next").write_text(f"{history + HOURS_OF_TODAY * events}")
        made = _apart("history", place, history)
        whole = _apart("publish", place, 0)
        (place / "whole.json").write_text(json.dumps({"made": made, "whole": whole}))


def cpu_of(sides: list[dict[str, float]]) -> float:
    """The median of CPU seconds."""
    return statistics.median(side["cpu"] for side in sides)


def _history(folder: Path, history: int) -> dict[str, float]:
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute("SET TimeZone = 'UTC'; SET memory_limit = '3GB'")
        for mart, columns in marts().items():
            listing = ", ".join(f"{column} {kind}" for column, kind in columns.items())
            connection.execute(f"CREATE TABLE main.{mart} ({listing})")
        connection.execute(
            "CREATE SCHEMA intermediate; CREATE SCHEMA ingest;"
            "CREATE TABLE intermediate.unpublished_days (model VARCHAR, client_id VARCHAR, day DATE);"
            "CREATE TABLE intermediate.unpublished_visitors "
            "(client_id VARCHAR, site_id VARCHAR, visitor_id VARCHAR);"
            "CREATE TABLE intermediate.published_snapshots (client_id VARCHAR, snapshot VARCHAR);"
            "CREATE TABLE ingest.hours (received_hour TIMESTAMPTZ, had_ended BOOLEAN)"
        )
        _see(connection, 0, history, history // PER_VISITOR, DAYS)
        _see(connection, history, int((folder / "next").read_text()), history // PER_VISITOR, 0)
        connection.execute(
            "INSERT INTO daily_metrics BY NAME SELECT 'bench' AS client_id, 'shop' AS site_id, date, "
            "count(*) AS page_views FROM page_views GROUP BY ALL"
        )
    return {}


def _see(connection: duckdb.DuckDBPyConnection, first: int, last: int, visitors: int, days: int) -> None:
    """Rows of so many page views: over the days before today, or (0) of today."""
    given = {
        "first": first,
        "last": last,
        "visitors": visitors,
        "days": max(days, 1),
        "today": NOW.date() + timedelta(days=0 if days else 1),
        "per_visitor": PER_VISITOR,
        "per_session": PER_SESSION,
    }
    for statement in _HISTORY.split(";\n"):
        if statement.strip():
            used = {key: value for key, value in given.items() if f"${key}" in statement}
            connection.execute(statement, used)


def _publish(folder: Path, events: int) -> dict[str, float]:
    cache = FileCache(folder / "cache", "bench", 1_000_000_000)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        if events:
            first = int((folder / "next").read_text())
            visitors = int(folder.name) // PER_VISITOR
            _see(connection, first, first + events, visitors, 0)
            for statement in _NOTES.split(";\n"):
                if statement.strip():
                    connection.execute(statement)
            (folder / "next").write_text(f"{first + events}")
            connection.execute("CHECKPOINT")
    # What made the rows is no part of the peak.
    return _apart("only-publish", folder, 0) if events else _only_publish(folder, cache)


def _only_publish(folder: Path, cache: FileCache) -> dict[str, float]:
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"SET memory_limit = '{MEMORY}'")
        begun = time.perf_counter()
        terms = Terms(single_days=35, grace=timedelta(hours=2))
        publish_client(connection, LocalStore(folder / "lake"), "bench", cache, terms, NOW)
        taken = time.perf_counter() - begun
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": taken,
        "cpu": used.ru_utime + used.ru_stime,
        "peak_gib": used.ru_maxrss / 1024**2,
    }


def _look(folder: Path, history: int) -> dict[str, float]:
    chance, took, cpu = random.Random(1), [], []
    cache = FileCache(folder / "cache", "bench", 1_000_000_000)
    with open_tables(LocalStore(folder / "lake"), "bench", cache) as tables:
        for _ in range(LOOKUPS + 1):
            query = "SELECT substr(md5(CAST($n AS VARCHAR)), 1, 16)"
            n = chance.randrange(history // PER_VISITOR)
            row = tables.connection.execute(query, {"n": n}).fetchone()
            assert row is not None
            begun, used = time.perf_counter(), time.process_time()
            rows = tables.relation("page_views", visitor=str(row[0])).fetchall()
            took.append((time.perf_counter() - begun) * 1000)
            cpu.append((time.process_time() - used) * 1000)
            assert len(rows) >= PER_VISITOR
    first, *rest = took
    rest.sort()
    return {
        "first_ms": first,
        "p50_ms": rest[len(rest) // 2],
        "p95_ms": rest[int(len(rest) * 0.95)],
        "cpu_ms": statistics.median(cpu),
    }


def _apart(what: str, folder: Path, number: int) -> dict[str, float]:
    """One side in a process of its own, so that its peak memory is its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.published", "--side", what, str(folder), str(number)],
        capture_output=True, text=True, check=False, cwd=Path(__file__).resolve().parents[1],
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{what}: {done.stderr[-2000:]}")
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def main() -> int:
    """See the module's docstring."""
    if sys.argv[1] == "--side":
        what, folder, number = sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
        cache = FileCache(folder / "cache", "bench", 1_000_000_000)
        sides = {"history": _history, "publish": _publish, "look": _look}
        done = _only_publish(folder, cache) if what == "only-publish" else sides[what](folder, number)
        print(json.dumps(done))
        return 0
    print(table(measured(Path(sys.argv[1]), 100_000, [int(text) for text in sys.argv[2:]])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
