"""One delivery of many rows to a folder, against DuckDB's own COPY of the same ordered query."""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from bench.lines import HOUR, put_objects, stored_lines
from bench.measure import Row, in_turns, seconds
from footfall.clients import Client
from footfall.store import LocalStore
from orchestration.delivery.deliver import Buckets, Deliverer
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.progress import IngestedHours
from orchestration.ingest.hour import ingest_hours

_CLIENT = Client.model_validate(
    {
        "client_id": "demo",
        "name": "Demo",
        "sites": [{"site_id": "shop", "key": "pk_12345678", "domains": ["shop.example"]}],
        "destination": {"url": "file:///unused"},
        "exports": [{"name": "events", "dataset": "events", "cadence": "hourly"}],
    }
)


def run(events: int = 200_000, rounds: int = 3) -> list[Row]:
    """Seconds from a mart to two verified copies with manifests; the reference writes one file."""
    with TemporaryDirectory(prefix="footfall-bench-") as name:
        folder = Path(name)
        lake = LocalStore(folder / "lake")
        put_objects(lake, stored_lines(events), 4)
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            ingest_hours(connection, lake, [HOUR])
            connection.execute(
                "CREATE TABLE main.events AS SELECT * EXCLUDE (payload, is_duplicate) FROM ingest.events"
            )
            made = iter(range(1_000_000))

            def ours() -> float:
                place = folder / f"delivery-{next(made)}"
                deliverer = Deliverer(
                    connection,
                    _CLIENT,
                    _CLIENT.exports[0],
                    Buckets(LocalStore(place / "bucket"), LocalStore(place / "backup")),
                    Ledger(place / "ledger.sqlite"),
                    hours=IngestedHours.read(connection, HOUR),
                    now=lambda: datetime.now(UTC),
                )
                return seconds(lambda: deliverer.deliver(HOUR))

            def reference() -> float:
                statement = (
                    "COPY (SELECT * FROM main.events ORDER BY site_id, occurred_at, event_id) "
                    f"TO '{folder / 'reference.csv'}' (FORMAT csv, HEADER true)"
                )
                return seconds(lambda: connection.execute(statement))

            mine, theirs = in_turns(ours, reference, rounds)
    note = "time; ours also guards formulas, writes, syncs and reads back two copies"
    return [Row(f"deliver {events:,} rows", f"{mine:.2f} s", f"{theirs:.2f} s", mine / theirs, note)]
