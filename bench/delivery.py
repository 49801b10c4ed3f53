"""An hour in buckets: rendering against DuckDB's own COPY, many clients in one run, and nothing new."""

import hashlib
import resource
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import duckdb

from bench.measure import Aim, Row, alternate, environment, say, seconds, timed_row
from footfall.catalogue.tables import DATASETS
from footfall.clients import Client, Destination, Export, Site
from footfall.signatures import load_signer
from footfall.store import LocalStore, ObjectStore, open_store, put_once
from orchestration.delivery.batch import Order, deliver_all
from orchestration.delivery.desk import Desk
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.places import Places, places_of
from orchestration.delivery.progress import IngestedHours
from orchestration.delivery.render import render
from orchestration.delivery.selection import select

HOUR = datetime(2026, 11, 20, 14, tzinfo=UTC)
#: Format and compression → what DuckDB's COPY is told.
FORMATS = {
    ("csv", "gzip"): "FORMAT csv, HEADER, COMPRESSION gzip",
    ("jsonl", "gzip"): "FORMAT json, COMPRESSION gzip",
    ("parquet", "none"): "FORMAT parquet, COMPRESSION zstd",
}

#: Column of the mart `events` → SQL of row `i`. Its names, types and order are the mart's contract.
COLUMNS = {
    "event_key": ("VARCHAR", "md5(i || 'key')"),
    "client_id": ("VARCHAR", "'client-' || lpad(CAST(i % $clients AS VARCHAR), 3, '0')"),
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


def run(*, rows: int = 1_000_000, repeats: int = 3, clients: int = 200) -> list[Row]:
    """Each format alone, on a disk and on an S3 server; then clients × 3 exports in one run, and that
    again with nothing new.

    Raises RuntimeError when the number of rows is wrong.
    """
    say(f"delivery: {rows} rows")
    found: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        folder = Path(name)
        one = _warehouse(folder / "one.duckdb", rows, 1)
        for (form, compression), options in FORMATS.items():
            found.append(_format(one, folder, rows, repeats, form, compression, options, None))
        found += _on_s3(one, folder, rows, repeats)
        one.close()
        many = _warehouse(folder / "many.duckdb", rows, clients)
        found += _many(many, folder, rows, clients)
        many.close()
    return found


def _format(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    rows: int,
    repeats: int,
    form: str,
    compression: str,
    options: str,
    store: ObjectStore | None,
) -> Row:
    """`store`: where the files are put and read back too; the reference's are put."""
    export = Export.model_validate(
        {
            "name": "events",
            "dataset": "events",
            "cadence": "hourly",
            "format": form,
            "compression": compression,
        }
    )
    client = _client(0, [export])
    selection = select(connection, client, export, "")
    period = client.calendar(export).at(HOUR)
    numbers = count()

    def expect(work: Callable[[], int]) -> None:
        written = work()
        if written != rows:
            raise RuntimeError(f"{written} rows were written, not {rows}")

    def deliver() -> int:
        number = next(numbers)
        rendered = render(connection, selection, period, f"ours-{number}/", folder / f"r{number}")
        for file, path in zip(rendered.files, rendered.paths, strict=True):
            if store is not None:
                put_once(store, file.key, path.read_bytes())
                if hashlib.sha256(store.get(file.key)).hexdigest() != file.sha256:
                    raise RuntimeError(f"{file.key} reads back differently")
        return rendered.delivered

    def copy() -> int:
        path = folder / "reference"
        written = _copy(connection, path, options)
        if store is not None:
            store.put(f"theirs-{next(numbers)}", path.read_bytes())
        return written

    what, remark = "rendering", "no guard against formulas, no sha256, its own timestamps"
    if store is not None:
        what, remark = "delivering to an S3 server", f"{remark}; put, and not read back"
    return timed_row(
        f"{what} {rows:,} event rows as {export.extension}, with sha256",
        alternate(repeats, lambda: seconds(lambda: expect(deliver)), lambda: seconds(lambda: expect(copy))),
        rows,
        "rows",
        f"DuckDB's `COPY` of the same ordered query; {remark}",
    )


def _on_s3(connection: duckdb.DuckDBPyConnection, folder: Path, rows: int, repeats: int) -> list[Row]:
    from tests.support.s3_server import s3_server

    (folder / "s3").mkdir()
    with s3_server(folder / "s3") as server, environment(server.environment):
        store = open_store(f"s3://{server.bucket}/bench", s3_endpoint=server.endpoint)
        return [
            _format(connection, folder, rows, repeats, form, compression, options, store)
            for (form, compression), options in FORMATS.items()
        ]


def _many(connection: duckdb.DuckDBPyConnection, folder: Path, rows: int, clients: int) -> list[Row]:
    exports = [
        Export.model_validate({"name": form, "dataset": "events", "cadence": "hourly", "format": form})
        for form in ("csv", "jsonl", "parquet")
    ]
    orders = [
        Order(c, e, (c.calendar(e).at(HOUR),))
        for c in (_client(n, exports) for n in range(clients))
        for e in exports
    ]
    ledger = Ledger(folder / "ledger.sqlite")
    desk = Desk(folder, load_signer(folder / "keys"), now=lambda: HOUR + timedelta(hours=1, minutes=5))

    def places(client: Client) -> Places:
        return places_of(
            {
                "main": lambda: LocalStore(folder / "buckets" / client.client_id),
                "backup": lambda: LocalStore(folder / "backup" / client.client_id),
            }
        )

    def deliver(status: str) -> float:
        def work() -> None:
            reports = list(deliver_all(connection, orders, places, ledger, desk, IngestedHours([HOUR], HOUR)))
            outcomes = [outcome for report in reports for outcome in report.asked]
            if {outcome.status for outcome in outcomes} != {status} or len(outcomes) != len(orders):
                raise RuntimeError(f"not all are {status}: {[o.error for o in outcomes if o.error][:3]}")
            if sum(outcome.rows for outcome in outcomes) != 3 * rows:
                raise RuntimeError("rows were lost")

        return seconds(work)

    first = deliver("delivered")
    again = deliver("unchanged")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / 1024
    each = again / clients * 1000
    return [
        Row(
            f"{clients} clients × 3 exports of {rows:,} rows into client and backup buckets, one run",
            f"{first:.1f} s, {memory:.1f} GiB",
            "at most 90 s, 3 GiB",
            [90 / first],
            "a bound, not a measurement",
            Aim(first, 45, "s", is_most=True),
        ),
        Row(
            f"nothing new, {clients} clients × 3 exports",
            f"{each:.1f} ms a client",
            "at most 20 ms",
            [20 / each],
            "a bound, not a measurement",
            Aim(each, 20, "ms a client", is_most=True),
        ),
    ]


def _client(number: int, exports: list[Export]) -> Client:
    name = f"client-{number:03d}"
    return Client(
        client_id=name,
        name=name,
        sites=[Site(site_id="shop", key=f"pk_{name}", domains=["shop.example"])],
        destination=Destination(url=f"file://${{FOOTFALL_HOME}}/buckets/{name}"),
        exports=exports,
    )


def _warehouse(path: Path, rows: int, clients: int) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(path))
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    selected = ", ".join(f'CAST({sql} AS {kind}) AS "{name}"' for name, (kind, sql) in COLUMNS.items())
    connection.execute(
        f"CREATE TABLE main.events AS SELECT {selected} FROM range($rows) AS numbers(i)",
        {"hour": HOUR, "rows": rows, "clients": clients},
    )
    connection.execute("CHECKPOINT")
    return connection


def _copy(connection: duckdb.DuckDBPyConnection, path: Path, options: str) -> int:
    order = ", ".join(DATASETS["events"].order)
    done = connection.execute(
        f"COPY (SELECT * FROM main.events WHERE client_id = ? AND received_hour = ? ORDER BY {order}) "
        f"TO '{path}' ({options})",
        ["client-000", HOUR],
    ).fetchone()
    return int(done[0]) if done else 0
