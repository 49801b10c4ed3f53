"""Years of an access log, from `footfall import` to delivered files: a client with events by the hour and
figures by the day, as one command brings them in.

`python -m bench.decade FOLDER [YEARS LINES HOURS]` makes and keeps everything in a folder.
"""

import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.measure import Row, say, table

#: When the log ends: in the middle of an hour and of a day.
END = datetime(2026, 10, 17, 15, 20, tzinfo=UTC)
VISITORS, PAGES = 3000, 400
AIM_SECONDS, AIM_HISTORY_MB = 1200, 500
_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1",
)
_REFERRERS = ("-", "-", "-", "https://www.google.com/", "https://news.example/a", "https://chatgpt.com/")
_CLIENT = """\
client_id: decade
name: Ten years
timezone: Europe/Berlin
sites:
  - site_id: shop
    key: pk_decade_Hn40rBy6
    domains: [shop.example]
destination:
  url: file://${FOOTFALL_HOME}/buckets/decade
exports:
  - {name: events, dataset: events, cadence: hourly}
  - {name: daily-metrics, dataset: daily_metrics, cadence: daily}
"""
_DONE = re.compile(r"^ +(\S+) done in ([0-9.]+) s$", re.MULTILINE)


def run(*, years: int = 1, lines: int = 100_000, hours: int = 231) -> list[Row]:
    """One row. The aim is stated for ten years, a million lines and 2,311 hours. Raises RuntimeError."""
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        return measured(Path(name), years, lines, hours)


def measured(folder: Path, years: int, lines: int, hours: int) -> list[Row]:
    """The same in a folder, which must be empty."""
    (folder / "clients").mkdir(parents=True)
    (folder / "clients" / "decade.yaml").write_text(_CLIENT)
    log = folder / "access.log"
    with log.open("w") as file:
        file.writelines(log_lines(years, lines, hours))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("FOOTFALL_", "DAGSTER_"))}
    environment |= {
        "FOOTFALL_HOME": str(folder / "home"),
        "FOOTFALL_CLIENTS": str(folder / "clients"),
        "FOOTFALL_ENV_FILE": os.devnull,
    }
    imported = _command(["import", str(log), "--client", "decade"], environment, folder / "import.txt")
    said = (folder / "import.txt").read_text()
    following = re.search(r"^next: footfall (run .+)$", said, re.MULTILINE)
    if following is None:
        raise RuntimeError(f"the import names no next command:\n{said}")
    ran = _command(following[1].split(), environment, folder / "run.txt")
    steps = ", ".join(
        f"{name} {float(took):.0f}" for name, took in _DONE.findall((folder / "run.txt").read_text())
    )
    history = sum(f.stat().st_size for f in (folder / "home" / "dagster").rglob("*") if f.is_file()) / 1e6
    wall, cpu = imported[0] + ran[0], imported[1] + ran[1]
    share = years * lines * hours / (10 * 1_000_000 * 2311)
    return [
        Row(
            f"{lines:,} log lines in {hours:,} hours of {years} years, imported, modelled, delivered",
            f"{wall:.0f} s, {cpu:.0f} CPU s (import {imported[1]:.0f}), {ran[2]:.2f} GiB at most, "
            f"{history:.1f} MB of Dagster's history",
            f"at most {AIM_SECONDS:,} s, {AIM_HISTORY_MB} MB" if share == 1 else "a part of the aim",
            [AIM_SECONDS / wall],
            f"a bound, not a measurement; seconds of steps: {steps}",
        )
    ]


def log_lines(years: int, lines: int, hours: int) -> Iterator[str]:
    """Combined log lines in order of time: `hours` hours of so many years have any, some ten times others."""
    chance = random.Random(f"{years} {lines} {hours}")
    last = END.replace(minute=0)
    ago = sorted({0, *chance.sample(range(1, years * 8766), hours - 1)}, reverse=True)
    weights = [chance.choice((1, 1, 2, 4, 10)) for _ in ago]
    sizes = [max(1, lines * weight // sum(weights)) for weight in weights]
    sizes[-1] += lines - sum(sizes)
    for hours_ago, size in zip(ago, sizes, strict=True):
        begin = last - timedelta(hours=hours_ago)
        span = (END - begin).total_seconds() if hours_ago == 0 else 3600
        for second in sorted(chance.randrange(int(span)) for _ in range(size)):
            visitor = chance.randrange(VISITORS)
            at = begin + timedelta(seconds=second)
            yield (
                f"198.51.{visitor >> 8}.{visitor & 255} - - [{at:%d/%b/%Y:%H:%M:%S} +0000] "
                f'"GET /p/{chance.randrange(PAGES)} HTTP/1.1" 200 {chance.randrange(90_000)} '
                f'"{chance.choice(_REFERRERS)}" "{_AGENTS[visitor % len(_AGENTS)]}"\n'
            )


def _command(arguments: list[str], environment: dict[str, str], said: Path) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and GiB at most of a command. Raises RuntimeError where it fails."""
    say(f"decade: footfall {' '.join(arguments)}")
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with said.open("w") as out:
        code = subprocess.run(
            [sys.executable, "-m", "commands.entry", *arguments],
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    if code:
        raise RuntimeError(f"footfall {arguments[0]} failed:\n{said.read_text()[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - begun, cpu, after.ru_maxrss / 1024**2


if __name__ == "__main__":
    sizes = [int(argument) for argument in sys.argv[2:]] or [10, 1_000_000, 2311]
    print(table(measured(Path(sys.argv[1]), *sizes)))
