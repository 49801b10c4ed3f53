"""Lines of logs → raw objects, beside a bare decompression and parse of the same lines by DuckDB."""

import gzip
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from bench.measure import Aim, Row, alternate, say, seconds, timed_row
from footfall.clients import LogSource, load_registry
from footfall.salts import Salts
from footfall.store import LocalStore
from sources.conversion import Receiver
from sources.event_names import EventNames
from sources.import_files import LocalFile
from sources.intake import take_in
from sources.log_columns import LEGACY
from sources.log_import import import_logs

HOUR = datetime(2026, 11, 20, 14, tzinfo=UTC)
OBJECTS, LINES = 40, 10_000
VISITORS, PAGES, AGENTS = 20_000, 2_000, 400
CLIENTS = Path(__file__).resolve().parents[1] / "clients"


def run(*, objects: int = OBJECTS, repeats: int = 3) -> list[Row]:
    """A row of CloudFront's lines, an hour of a busy distribution, and one of combined lines, two days."""
    return [*_cloudfront(objects, repeats), *_combined(objects * LINES, repeats)]


def _combined(count: int, repeats: int) -> list[Row]:
    say(f"sources: {count} combined lines in one file")
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        folder = Path(name)
        path = folder / "access.log"
        path.write_text("".join(_combined_lines(random.Random(1), count)))
        client = load_registry(CLIENTS).clients[0]
        round_number = iter(range(1000))
        cpu: list[float] = []

        def ours() -> float:
            lake = LocalStore(folder / f"lake{next(round_number)}")
            receiver = Receiver(client, client.sites[0], Salts(lake), EventNames("k" * 32))
            begun = time.process_time()
            took = seconds(
                lambda: list(import_logs([LocalFile(path.name, path)], receiver, lake, "combined"))
            )
            cpu.append(time.process_time() - begun)
            return took

        pairs = alternate(repeats, ours, lambda: seconds(lambda: _combined_reference(folder)))
    remark = (
        "DuckDB's `read_csv` and one `regexp_extract` a line → `COPY` to Parquet; no check, visitor or JSON"
    )
    aim = Aim(count / statistics.median(cpu), 60_000, "lines a CPU s")
    what = f"{count:,} combined lines to raw objects"
    return [replace(timed_row(what, pairs, count, "lines", remark), aim=aim)]


def _combined_reference(folder: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT regexp_extract(line, "
            r"""'^(\S+) \S+ \S+ \[([^\]]+)\] "(\S+) (\S+) [^"]*" (\d+) (\d+) "([^"]*)" "([^"]*)"', """
            "['address', 'time', 'method', 'target', 'status', 'bytes', 'referrer', 'agent']) AS cut "
            f"FROM read_csv('{folder}/access.log', delim = '\x01', header = false, quote = '', "
            f"auto_detect = false, columns = {{'line': 'VARCHAR'}})) TO '{folder}/reference.parquet'"
        )


def _combined_lines(chance: random.Random, count: int) -> Iterator[str]:
    agents = [
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{n}.0.0.0"
        for n in range(AGENTS)
    ]
    for n in range(count):
        visitor = chance.randrange(VISITORS)
        at = HOUR + timedelta(days=2) * (n / count)
        page = f"/p/{chance.randrange(PAGES)}"
        target = chance.choice(("/", page, f"{page}?utm_source=mail&id={n}", "/app.js", "/logo.png"))
        referrer = chance.choice(("-", "https://www.example.com/", f"https://search.example/?q={page[3:]}"))
        yield (
            f"10.{visitor >> 16}.{visitor >> 8 & 255}.{visitor & 255} - - [{at:%d/%b/%Y:%H:%M:%S} +0000] "
            f'"GET {target} HTTP/1.1" {chance.choice((200, 200, 304, 404))} {chance.randrange(100_000)} '
            f'"{referrer}" "{agents[visitor % AGENTS]}"\n'
        )


def _cloudfront(objects: int, repeats: int) -> list[Row]:
    say(f"sources: {objects * LINES} CloudFront lines in {objects} log objects")
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        folder = Path(name)
        bucket = LocalStore(folder / "logs")
        for n in range(objects):
            bucket.put(f"E2BENCH.2026-11-20-14.{n:08x}.gz", _log(random.Random(n)))
        client = load_registry(CLIENTS).clients[0]
        site = client.sites[0]
        source = LogSource(name="cdn", site_id=site.site_id, url="file:///", distribution="E2BENCH")
        names = EventNames("k" * 32)
        round_number = iter(range(1000))

        cpu: list[float] = []

        def ours() -> float:
            lake = LocalStore(folder / f"lake{next(round_number)}")
            begun = time.process_time()
            took = seconds(
                lambda: take_in(bucket, lake, client, site, source, names, HOUR, HOUR.replace(hour=15))
            )
            cpu.append(time.process_time() - begun)
            return took

        pairs = alternate(repeats, ours, lambda: seconds(lambda: _reference(folder)))
    what = f"{objects * LINES:,} CloudFront lines to raw objects"
    remark = (
        "DuckDB's `read_csv` of the same gzip files → `COPY` to Parquet; no check, visitor, JSON or fsync"
    )
    aim = Aim(objects * LINES / statistics.median(cpu), 40_000, "lines a CPU s")
    return [replace(timed_row(what, pairs, objects * LINES, "lines", remark), aim=aim)]


def _reference(folder: Path) -> None:
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in LEGACY)
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT * FROM read_csv('{folder}/logs/*.gz', delim = '\t', header = false, quote = '', "
            f"auto_detect = false, skip = 2, columns = {{{columns}}})) TO '{folder}/reference.parquet'"
        )


def _log(chance: random.Random) -> bytes:
    agents = [
        f"Mozilla/5.0%20(Windows%20NT%2010.0;%20Win64;%20x64)%20Chrome/{n // 4}.0.{n}%20Safari/537.36"
        for n in range(AGENTS)
    ]
    rows = ["#Version: 1.0", "#Fields: " + " ".join(LEGACY)]
    for _ in range(LINES):
        visitor = chance.randrange(VISITORS)
        second = chance.randrange(3600)
        path = chance.choice(("/", f"/p/{chance.randrange(PAGES)}", "/app.js", "/logo.png", "/style.css"))
        values = {
            "date": "2026-11-20",
            "time": f"14:{second // 60:02d}:{second % 60:02d}",
            "x-edge-location": "FRA56-P1",
            "sc-bytes": str(chance.randrange(100_000)),
            "c-ip": f"10.{visitor >> 16}.{visitor >> 8 & 255}.{visitor & 255}",
            "cs-method": "GET",
            "cs(Host)": "d111111abcdef8.cloudfront.net",
            "cs-uri-stem": path,
            "sc-status": "200",
            "cs(Referer)": "https://www.example.com/",
            "cs(User-Agent)": agents[visitor % AGENTS],
            "x-edge-result-type": "Hit",
            "x-edge-request-id": f"{chance.getrandbits(256):064x}==",
            "x-host-header": "shop.example",
            "cs-protocol": "https",
            "time-taken": "0.001",
        }
        rows.append("\t".join(values.get(name, "-") for name in LEGACY))
    return gzip.compress(("\n".join(rows) + "\n").encode(), 6)
