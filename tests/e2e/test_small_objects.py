"""An hour of very many small objects, as a collector writes them that is run as a function: one a request.

How many there are is decided by whoever calls it, so an hour has to go through whatever their number is.
"""

import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from support.orchestration_builders import event, packed, refused

from commands.demo.delivered import files
from footfall.hours import HOUR, floor
from footfall.keys import MANIFEST_NAME, raw_object
from footfall.store import LocalStore
from footfall.verify import verify_bucket

ROOT = Path(__file__).resolve().parents[2]
#: What any process of the run may hold: DuckDB's own 1.6 GB, of which so little needs a small part, and what
#: Dagster and dbt take.
MOST_BYTES = 1200 << 20
#: Runs a command; its last line is the most KiB that a process below it held. A process of its own: a child
#: is counted from what its parent held when it was forked, and a process that runs tests holds a gigabyte.
MEASURED = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stderr=subprocess.STDOUT)
print(flush=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, end="")
sys.exit(done.returncode)
"""
#: One object in so many cannot be read, and one line in so many was refused.
EVERY_DAMAGED, EVERY_REFUSED = 1000, 100

CLIENT = """
client_id: demo
name: Demo
timezone: UTC
sites:
  - {site_id: shop, key: pk_shop_Hn40rBy6, domains: [shop.example]}
destination: {url: "file://${FOOTFALL_HOME}/buckets/demo"}
exports:
  - {name: events, dataset: events, cadence: hourly}
"""


def _landed(lake: Path, hour: datetime, objects: int) -> tuple[set[str], int, int]:
    """Objects of one line each, put into the bucket: ids of the events, lines refused, objects damaged."""
    sent, turned_away, damaged = set(), 0, 0
    for n in range(objects):
        at = hour + timedelta(milliseconds=3_600_000 * n // objects)
        if n % EVERY_REFUSED == 1:
            data = packed([refused(b"{%d" % n, at)])
            turned_away += 1
        elif n % EVERY_DAMAGED == 0:
            data = packed([event(f"cut-{n:08d}", at)])[:-3]
            damaged += 1
        else:
            data = packed([event(f"event-{n:08d}", at, visitor_id=f"visitor-{n // 10}")])
            sent.add(f"event-{n:08d}")
        path = lake / raw_object(hour, "fn-call", hashlib.sha256(data).hexdigest())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return sent, turned_away, damaged


@pytest.mark.parametrize("objects", [5_000, pytest.param(100_000, marks=pytest.mark.proof)])
def test_an_hour_of_small_objects_is_delivered_whole_in_little_memory(installation, objects):
    hour = floor(datetime.now(UTC)) - HOUR
    home = installation.home
    clients = home.parent / "clients"
    clients.mkdir()
    (clients / "demo.yaml").write_text(CLIENT)
    installation.environment["FOOTFALL_CLIENTS"] = str(clients)
    home.mkdir(exist_ok=True)
    (home / "first_hour").write_text(f"{hour:%Y-%m-%dT%H}\n")
    sent, turned_away, damaged = _landed(home / "lake", hour, objects)

    said, code, peak = _run(installation, hour)

    assert code == 0, said
    assert peak < MOST_BYTES, f"{peak >> 20} MB"
    bucket = LocalStore(home / "buckets" / "demo")
    assert verify_bucket(bucket).problems == []
    rows = [row["event_id"] for file in files(bucket) for row in file.rows]
    assert (len(rows), set(rows)) == (len(sent), sent)
    [manifest] = [info.key for info in bucket.list("events/") if info.key.endswith(MANIFEST_NAME)]
    receipt = json.loads(bucket.get(manifest))["receipt"]
    assert (receipt["kept"], receipt["quarantined"]) == (len(sent), {"malformed_json": turned_away})
    assert _set_aside(home) == damaged


def _set_aside(home: Path) -> int:
    """Whole objects in the lake's quarantine."""
    paths = [str(path) for path in (home / "lake" / "quarantine").rglob("*.parquet")]
    with duckdb.connect() as connection:
        query = "SELECT count(DISTINCT object_key) FROM read_parquet(?) WHERE reason = 'unreadable_object'"
        return connection.execute(query, [paths]).fetchone()[0]


def _run(installation, hour):
    """`footfall run` of the hour: what it said, its exit, and the most bytes that a process of it held."""
    output = installation.home.parent / "output"
    hours = ("--from", f"{hour:%Y-%m-%dT%H}", "--to", f"{hour + HOUR:%Y-%m-%dT%H}")
    with output.open("wb") as file:
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, sys.executable, "-m", "commands.entry", "run", *hours],
            cwd=ROOT,
            env=installation.environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        )
    said, _, peak = output.read_text().rpartition("\n")
    return said, done.returncode, int(peak) << 10
