"""One hour through ingest, against a hand-written DuckDB query over the same lines."""

import hashlib
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import duckdb

from bench.measure import Row, alternate, say, seconds, timed_row
from bench.traffic import CLIENT_ID, SITE_ID, USER_AGENT, wire_event
from footfall.event import Receipt, check_event, event_line
from footfall.keys import raw_object
from footfall.raw_object import compress_lines
from footfall.store import LocalStore
from orchestration.ingest.hour import ingest_hours
from orchestration.ingest.lines import LINE_COLUMNS

HOUR = datetime(2026, 11, 20, 14, tzinfo=UTC)
#: One event in so many is sent twice, so that finding duplicates has something to find.
EVERY_REPEATED = 100
#: Events of one visitor in an hour.
PER_VISITOR = 10


def run(*, events: int = 200_000, objects: int = 20, repeats: int = 3) -> list[Row]:
    """Raises RuntimeError when the two did not see the same lines."""
    say(f"ingest: {events} events in {objects} raw objects")
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        folder = Path(name)
        lake = LocalStore(folder / "lake")
        plain = _land(lake, folder / "plain", events, objects)
        numbers = count()
        with _connect(":memory:") as connection:
            # The first parameter makes DuckDB import pandas, a second that a process pays once.
            connection.execute("SELECT ?", ["warm"])
        pairs = alternate(
            repeats,
            lambda: seconds(lambda: _ours(folder / f"warehouse-{next(numbers)}.duckdb", lake, events)),
            lambda: seconds(lambda: _reference(folder / "events.parquet", plain, events)),
        )
    remark = (
        "`read_json` → `COPY` to Parquet, the lines decompressed beforehand; no integrity check, no table, "
        "no duplicates found, no order, no fsync"
    )
    what = f"ingest of an hour, {events:,} events in {objects} objects"
    return [timed_row(what, pairs, events, "events", remark)]


def _land(lake: LocalStore, plain: Path, events: int, objects: int) -> list[str]:
    """Put the hour into the lake. Returns the paths of the same lines, decompressed, one file an object."""
    plain.mkdir()
    each = events // objects
    paths = []
    for n in range(objects):
        lines = list(_lines(range(n * each, events if n == objects - 1 else (n + 1) * each), events))
        data = compress_lines(lines)
        origin = f"bench-{HOUR.timestamp():.0f}-{n:06d}"
        lake.put(raw_object(HOUR, origin, hashlib.sha256(data).hexdigest()), data)
        path = plain / f"{n:06d}.ndjson"
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        paths.append(str(path))
    return paths


def _lines(numbers: Iterable[int], events: int) -> Iterable[bytes]:
    for number in numbers:
        received_at = HOUR + timedelta(seconds=3600 * number / events)
        identity = number - 1 if number % EVERY_REPEATED == 1 else number
        event = check_event(wire_event(identity, received_at))
        visitor = hashlib.md5(str(identity * 7919 % max(1, events // PER_VISITOR)).encode()).hexdigest()
        receipt = Receipt(CLIENT_ID, SITE_ID, received_at, visitor, USER_AGENT)
        yield event_line(event, receipt, sent_at=None, is_declared_host=True)


def _ours(warehouse: Path, lake: LocalStore, events: int) -> None:
    with _connect(warehouse) as connection:
        [counts] = ingest_hours(connection, lake, [HOUR])
    if counts.kept + counts.duplicates != events:
        raise RuntimeError(f"{events} events were sent, ingest counts {counts}")


def _reference(target: Path, plain: list[str], events: int) -> None:
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in LINE_COLUMNS.items())
    with _connect(":memory:") as connection:
        done = connection.execute(
            f"COPY (SELECT * FROM read_json(?, format = 'newline_delimited', columns = {{{columns}}})) "
            f"TO '{target}' (FORMAT parquet, COMPRESSION zstd)",
            [plain],
        ).fetchone()
    if done != (events,):
        raise RuntimeError(f"{events} events were sent, the reference read {done}")


def _connect(path: Path | str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(path))
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    return connection
