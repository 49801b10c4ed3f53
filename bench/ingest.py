"""One hour through ingest, against a hand-written DuckDB query over the same lines."""

import gzip
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import duckdb

from bench.measure import Row, alternate, environment, megabytes, rate, say, seconds, timed_row, times_aim
from bench.traffic import CLIENT_ID, SITE_ID, USER_AGENT, wire_event
from footfall.event import Receipt, check_event, event_line
from footfall.keys import raw_object, raw_prefix
from footfall.raw_object import compress_lines
from footfall.store import LocalStore, ObjectStore, open_store
from orchestration.ingest.hour import ingest_hours
from orchestration.ingest.lines import LINE_COLUMNS
from orchestration.ingest.schema import make_schema
from orchestration.ingest.unpack import FETCHED_AT_ONCE

HOUR = datetime(2026, 11, 20, 14, tzinfo=UTC)
#: One event in so many is sent twice, so that finding duplicates has something to find.
EVERY_REPEATED = 100
#: Events of one visitor in an hour.
PER_VISITOR = 10


def run(*, events: int = 200_000, objects: int = 20, repeats: int = 3, hours: int = 10) -> list[Row]:
    """Rows for zstd, as the collector writes, gzip, an S3 server, a range of hours, a longer history, and an
    empty hour.

    The goal is stated for 1,000,000 events in 100 objects. Raises RuntimeError when two sides did not see the
    same lines.
    """
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        folder = Path(name)
        with _connect(":memory:") as connection:
            # The first parameter makes DuckDB import pandas, a second that a process pays once.
            connection.execute("SELECT ?", ["warm"])
        rows = [_measured(folder / form, form, events, objects, repeats) for form in ("zstd", "gzip")]
        rows.append(_on_s3(folder, events, objects, repeats))
        rows.append(_range(folder / "range", max(1, events // 2), max(1, objects // 2), hours))
        rows.append(_over_history(folder / "history", events // 2, objects // 2, repeats))
        rows.append(_empty(folder / "empty", repeats))
    return rows


REMARK = (
    "`read_json` → `COPY` to Parquet of the same objects; no integrity check, no line numbers, no index, "
    "no duplicates found, no enrichment, no order, no fsync"
)


def _measured(folder: Path, form: str, events: int, objects: int, repeats: int) -> Row:
    say(f"ingest: {events} events in {objects} raw objects, {form}")
    lake = LocalStore(folder / "lake")
    landed = [str(lake.root / key) for key in _land(lake, HOUR, form, events, objects)]
    numbers = count()
    pairs = alternate(
        repeats,
        lambda: seconds(lambda: _ours(folder / f"warehouse-{next(numbers)}.duckdb", lake, events)),
        lambda: seconds(lambda: _reference(folder / "events.parquet", landed, form, events)),
    )
    what = f"ingest of an hour, {events:,} events in {objects} {form} objects"
    return timed_row(what, pairs, events, "events", REMARK, most=1.6)


def _on_s3(folder: Path, events: int, objects: int, repeats: int) -> Row:
    """The zstd objects of before, on a real S3 server of this machine."""
    say(f"ingest: the same from an S3 server, {objects} objects")
    from tests.support.s3_server import s3_server

    local = LocalStore(folder / "zstd" / "lake")
    (folder / "s3").mkdir()
    with s3_server(folder / "s3") as server, environment(server.environment):
        lake = open_store(f"s3://{server.bucket}/lake", s3_endpoint=server.endpoint)
        landed = [info.key for info in local.list(raw_prefix(HOUR))]
        for key in landed:
            lake.put(key, local.get(key))
        numbers = count()

        def fetched() -> None:
            paths = [folder / "s3" / f"{n}.zst" for n in range(len(landed))]
            with ThreadPoolExecutor(FETCHED_AT_ONCE) as threads:
                list(threads.map(lake.fetch, landed, paths))
            _reference(folder / "events.parquet", [str(path) for path in paths], "zstd", events)

        pairs = alternate(
            repeats,
            lambda: seconds(lambda: _ours(folder / f"from-s3-{next(numbers)}.duckdb", lake, events)),
            lambda: seconds(fetched),
        )
    what = f"ingest of an hour from an S3 server, {events:,} events in {objects} zstd objects"
    return timed_row(what, pairs, events, "events", f"the objects fetched by four threads, then {REMARK}")


def _range(folder: Path, events: int, objects: int, hours: int) -> Row:
    """A range of hours in one run beside one hour alone, each in a process of its own, whose memory tells."""
    say(f"ingest: {hours} hours of {events} events in one run")
    lake = LocalStore(folder / "lake")
    for n in range(hours):
        _land(lake, HOUR + n * timedelta(hours=1), "zstd", events, objects, first=n * events)
    one = _in_a_process(folder / "one.duckdb", lake, 1, events)
    many = _in_a_process(folder / "many.duckdb", lake, hours, events * hours)
    return Row(
        f"{hours} hours of {events:,} events in one run",
        f"{rate(hours * events / many['seconds'])} events/s ({many['seconds']:.2f} s, {many['mb']:.0f} MB)",
        f"{rate(events / one['seconds'])} events/s ({one['seconds']:.2f} s, {one['mb']:.0f} MB)",
        [hours * one["seconds"] / many["seconds"]],
        "one such hour alone; MB is the most that the process held",
        times_aim([(many["seconds"], hours * one["seconds"])], 1.2),
    )


def _over_history(folder: Path, events: int, objects: int, repeats: int) -> Row:
    """An hour over a week of a hundred such hours, against one over ten: where duplicates are looked for.

    Ids of the week lie in any order, as nobody's pixel makes them: the index is read whole.
    """
    lake = LocalStore(folder / "lake")
    _land(lake, HOUR, "zstd", events, max(1, objects))
    histories = (10 * events, 100 * events)
    for history in histories:
        say(f"ingest: {events} events over a week of {history}")
        with _connect(folder / f"{history}.duckdb") as connection:
            make_schema(connection)
            for n in range(1, 101):
                given = {"hour": HOUR - n * timedelta(hours=1), "events": history // 100}
                connection.execute(
                    "INSERT INTO ingest.event_index BY NAME SELECT $hour AS received_hour, "
                    f"'{CLIENT_ID}' AS client_id, '{SITE_ID}' AS site_id, "
                    "CAST(uuid() AS VARCHAR) AS event_id, "
                    "'page_view' AS event_type, $hour AS received_at, $hour AS occurred_at, "
                    "md5(CAST(n // 10 AS VARCHAR)) AS visitor_id, false AS is_duplicate, "
                    "'raw/object' AS object_key, n AS line_number FROM range($events) AS r(n)",
                    given,
                )
                connection.execute(
                    "INSERT INTO ingest.hours BY NAME "
                    "SELECT $hour AS received_hour, $events AS kept, 0 AS duplicates",
                    given,
                )
    short, long = (folder / f"{history}.duckdb" for history in histories)
    pairs = alternate(
        repeats,
        lambda: seconds(lambda: _ours(long, lake, events)),
        lambda: seconds(lambda: _ours(short, lake, events)),
    )
    what = f"ingest of an hour, {events:,} events, over {histories[1]:,} of the week before"
    return timed_row(what, pairs, events, "events", f"the same over {histories[0]:,}; ids in no order")


def _empty(folder: Path, repeats: int) -> Row:
    """An hour with nothing in it, in a warehouse that has one with something."""
    lake = LocalStore(folder / "lake")
    _land(lake, HOUR, "zstd", 1000, 1)
    with _connect(folder / "warehouse.duckdb") as connection:
        ingest_hours(connection, lake, [HOUR])
        pairs = alternate(
            repeats,
            lambda: seconds(lambda: ingest_hours(connection, lake, [HOUR + timedelta(hours=1)])),
            lambda: seconds(lambda: connection.execute("BEGIN; FROM ingest.hours; COMMIT")),
        )
    return timed_row("ingest of an hour with nothing in it", pairs, 1, "hours", "a transaction that reads")


def _in_a_process(warehouse: Path, lake: LocalStore, hours: int, events: int) -> dict[str, float]:
    """Wall seconds of ingesting the hours, start-up not counted, and the most memory in MB."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.ingest", str(warehouse), str(lake.root), str(hours), str(events)],
        cwd=Path(__file__).resolve().parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return dict(json.loads(done.stdout))


def main() -> None:
    """Ingest some hours of a lake: WAREHOUSE LAKE HOURS EVENTS. Prints seconds and MB as JSON."""
    warehouse, root, hours, events = sys.argv[1:]
    with _connect(":memory:") as connection:
        connection.execute("SELECT ?", ["warm"])
    took = seconds(lambda: _ours(Path(warehouse), LocalStore(Path(root)), int(events), int(hours)))
    print(json.dumps({"seconds": took, "mb": megabytes(os.getpid())[1]}))


def _land(
    lake: LocalStore, hour: datetime, form: str, events: int, objects: int, *, first: int = 0
) -> list[str]:
    """Put an hour into the lake, its events numbered from `first`. Returns the keys of its objects."""
    each = events // objects
    keys = []
    for n in range(objects):
        numbers = range(n * each, events if n == objects - 1 else (n + 1) * each)
        lines = list(_lines(hour, first, numbers, events))
        data = compress_lines(lines)
        if form == "gzip":
            data = gzip.compress(b"".join(line + b"\n" for line in lines), 6)
        origin = f"bench-{hour.timestamp():.0f}-{n:06d}"
        key = raw_object(hour, origin, hashlib.sha256(data).hexdigest())
        lake.put(key, data)
        keys.append(key)
    return keys


def _lines(hour: datetime, first: int, numbers: Iterable[int], events: int) -> Iterable[bytes]:
    for number in numbers:
        received_at = hour + timedelta(seconds=3600 * number / events)
        identity = first + (number - 1 if number % EVERY_REPEATED == 1 else number)
        event = check_event(wire_event(identity, received_at))
        visitor = hashlib.md5(str(identity * 7919 % max(1, events // PER_VISITOR)).encode()).hexdigest()
        receipt = Receipt(CLIENT_ID, SITE_ID, received_at, visitor, USER_AGENT)
        yield event_line(event, receipt, sent_at=None, is_declared_host=True)


def _ours(warehouse: Path, lake: ObjectStore, events: int, hours: int = 1) -> None:
    with _connect(warehouse) as connection:
        counts = ingest_hours(connection, lake, [HOUR + n * timedelta(hours=1) for n in range(hours)])
    if sum(hour.kept + hour.duplicates for hour in counts) != events:
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


if __name__ == "__main__":
    main()
