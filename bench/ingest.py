"""One hour through ingest, against a hand-written DuckDB query over the same lines."""

import gzip
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
    """A row for zstd, as the collector writes, and one for gzip.

    The goal is stated for 1,000,000 events in 100 objects. Raises RuntimeError when the two did not see the
    same lines.
    """
    return [_measured(form, events, objects, repeats) for form in ("zstd", "gzip")]


def _measured(form: str, events: int, objects: int, repeats: int) -> Row:
    say(f"ingest: {events} events in {objects} raw objects, {form}")
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        folder = Path(name)
        lake = LocalStore(folder / "lake")
        landed = _land(lake, form, events, objects)
        numbers = count()
        with _connect(":memory:") as connection:
            # The first parameter makes DuckDB import pandas, a second that a process pays once.
            connection.execute("SELECT ?", ["warm"])
        pairs = alternate(
            repeats,
            lambda: seconds(lambda: _ours(folder / f"warehouse-{next(numbers)}.duckdb", lake, events)),
            lambda: seconds(lambda: _reference(folder / "events.parquet", landed, form, events)),
        )
    remark = (
        "`read_json` → `COPY` to Parquet of the same objects; no integrity check, no line numbers, no table, "
        "no duplicates found, no enrichment, no order, no fsync"
    )
    what = f"ingest of an hour, {events:,} events in {objects} {form} objects"
    return timed_row(what, pairs, events, "events", remark)


def _land(lake: LocalStore, form: str, events: int, objects: int) -> list[str]:
    """Put the hour into the lake. Returns the paths of its objects."""
    each = events // objects
    paths = []
    for n in range(objects):
        lines = list(_lines(range(n * each, events if n == objects - 1 else (n + 1) * each), events))
        data = compress_lines(lines)
        if form == "gzip":
            data = gzip.compress(b"".join(line + b"\n" for line in lines), 6)
        origin = f"bench-{HOUR.timestamp():.0f}-{n:06d}"
        key = raw_object(HOUR, origin, hashlib.sha256(data).hexdigest())
        lake.put(key, data)
        paths.append(str(lake.root / key))
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


def _reference(target: Path, landed: list[str], form: str, events: int) -> None:
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in LINE_COLUMNS.items())
    with _connect(":memory:") as connection:
        done = connection.execute(
            f"COPY (SELECT * FROM read_json(?, format = 'newline_delimited', compression = '{form}', "
            f"columns = {{{columns}}})) "
            f"TO '{target}' (FORMAT parquet, COMPRESSION zstd)",
            [landed],
        ).fetchone()
    if done != (events,):
        raise RuntimeError(f"{events} events were sent, the reference read {done}")


def _connect(path: Path | str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(path))
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    return connection
