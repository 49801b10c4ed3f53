"""One hour of one client as CSV in its bucket, against DuckDB's own COPY of the same ordered rows."""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import duckdb

from bench.measure import Row, alternate, say, seconds, timed_row
from footfall.clients import Client, Destination, Export, Site
from footfall.store import LocalStore
from orchestration.delivery.datasets import DATASETS, render_csv
from orchestration.delivery.deliver import Buckets, Deliverer
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.progress import IngestedHours

HOUR = datetime(2026, 11, 20, 14, tzinfo=UTC)
EXPORT = Export(name="events", dataset="events", cadence="hourly")
CLIENT = Client(
    client_id="bench",
    name="Benchmark",
    timezone="UTC",
    sites=[Site(site_id="shop", key="pk_bench_0123456", domains=["shop.example"])],
    destination=Destination(url="file://${FOOTFALL_HOME}/buckets/bench"),
    exports=[EXPORT],
)

#: Column of the mart `events` → SQL of row `i`. Its names, types and order are the mart's contract.
COLUMNS = {
    "event_key": ("VARCHAR", "md5(i || 'key')"),
    "client_id": ("VARCHAR", "'bench'"),
    "site_id": ("VARCHAR", "'shop'"),
    "event_id": ("VARCHAR", "CAST(md5(CAST(i AS VARCHAR)) AS UUID)"),
    "session_id": ("VARCHAR", "md5('session' || i // 5)"),
    "visitor_id": ("VARCHAR", "md5('visitor' || i // 10)"),
    "event_type": ("VARCHAR", "CASE WHEN i % 50 = 0 THEN 'purchase' ELSE 'page_view' END"),
    "url": (
        "VARCHAR",
        "'https://shop.example/wool/scarf-' || i % 5000 || '?utm_source=letter&utm_medium=mail'",
    ),
    "host": ("VARCHAR", "'shop.example'"),
    "path": ("VARCHAR", "'/wool/scarf-' || i % 5000"),
    "title": ("VARCHAR", "'Scarf no. ' || i % 5000 || ', \"handmade\", wool'"),
    "referrer": ("VARCHAR", "CASE WHEN i % 3 = 0 THEN 'https://search.example/?q=scarf+' || i % 100 END"),
    "referrer_host": ("VARCHAR", "CASE WHEN i % 3 = 0 THEN 'search.example' END"),
    "utm_source": ("VARCHAR", "'letter'"),
    "utm_medium": ("VARCHAR", "'mail'"),
    "utm_campaign": ("VARCHAR", "NULL"),
    "user_agent": (
        "VARCHAR",
        "'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.' || i % 9",
    ),
    "currency": ("VARCHAR", "CASE WHEN i % 50 = 0 THEN 'EUR' END"),
    "props": ("VARCHAR", '\'{"price":\' || i % 100 || \',"width":1920,"language":"en-GB"}\''),
    "revenue": ("DECIMAL(18,4)", "CASE WHEN i % 50 = 0 THEN i % 100 + 0.9 END"),
    "is_declared_host": ("BOOLEAN", "true"),
    "is_bot": ("BOOLEAN", "false"),
    "gpc": ("BOOLEAN", "i % 20 = 0"),
    "dnt": ("BOOLEAN", "false"),
    "occurred_at": ("TIMESTAMPTZ", "$hour + to_milliseconds(hash(i) % 3600000)"),
    "received_at": ("TIMESTAMPTZ", "$hour + to_milliseconds(hash(i) % 3600000)"),
    "received_hour": ("TIMESTAMPTZ", "$hour"),
}


def run(*, rows: int = 200_000, repeats: int = 3) -> list[Row]:
    """Rendering alone, then the whole delivery. Raises RuntimeError when the number of rows is wrong."""
    say(f"delivery: {rows} rows")
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        folder = Path(name)
        connection = _warehouse(folder / "warehouse.duckdb", rows)
        numbers = count()

        def expect(work: Callable[[], int]) -> None:
            found = work()
            if found != rows:
                raise RuntimeError(f"{found} rows were written, not {rows}")

        def reference() -> float:
            return seconds(lambda: expect(lambda: _copy(connection, folder / "reference.csv")))

        rendered = alternate(
            repeats,
            lambda: seconds(
                lambda: expect(lambda: render_csv(connection, CLIENT, EXPORT, HOUR, folder / "ours.csv"))
            ),
            reference,
        )
        delivered = alternate(
            repeats,
            lambda: seconds(lambda: expect(lambda: _deliver(connection, folder / f"d{next(numbers)}"))),
            reference,
        )
        connection.close()
    copy = "DuckDB's `COPY` of the same query"
    return [
        timed_row(
            f"rendering {rows:,} event rows as CSV",
            rendered,
            rows,
            "rows",
            f"{copy}; no guard against formulas, timestamps as DuckDB writes them",
        ),
        timed_row(
            f"delivering {rows:,} event rows to `file://`",
            delivered,
            rows,
            "rows",
            f"{copy}; one file, no fsync; no digests, second bucket, reading back, sha256 or ledger",
        ),
    ]


def _warehouse(path: Path, rows: int) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(path))
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    selected = ", ".join(f'CAST({sql} AS {kind}) AS "{name}"' for name, (kind, sql) in COLUMNS.items())
    connection.execute(
        f"CREATE TABLE main.events AS SELECT {selected} FROM range($rows) AS numbers(i)",
        {"hour": HOUR, "rows": rows},
    )
    connection.execute("CHECKPOINT")
    return connection


def _copy(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    order = ", ".join(DATASETS["events"].order)
    done = connection.execute(
        f"COPY (SELECT * FROM main.events WHERE client_id = ? AND received_hour = ? ORDER BY {order}) "
        f"TO '{path}' (FORMAT csv, HEADER)",
        [CLIENT.client_id, HOUR],
    ).fetchone()
    return int(done[0]) if done else 0


def _deliver(connection: duckdb.DuckDBPyConnection, folder: Path) -> int:
    deliverer = Deliverer(
        connection,
        CLIENT,
        EXPORT,
        Buckets(LocalStore(folder / "bucket"), LocalStore(folder / "backup")),
        Ledger(folder / "ledger.sqlite"),
        hours=IngestedHours([HOUR], HOUR),
        now=lambda: HOUR + timedelta(hours=1, minutes=5),
    )
    outcome = deliverer.deliver(HOUR)
    if outcome.status != "delivered":
        raise RuntimeError(f"the delivery is {outcome.status}: {outcome.error}")
    return outcome.rows
