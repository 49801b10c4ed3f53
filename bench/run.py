"""`make bench`: every benchmark, each beside its reference; a table at the end, in some ten minutes.

    python bench/run.py [--write] [--only NAME ...] [--soak SECONDS]

Nothing is asserted about time: a figure is there to be read. Do not compare it with one from elsewhere.
"""

import argparse
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

# Before this file's folder, which Python puts first and where `collector` is bench/collector.py.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import (
    api,
    collector,
    dashboard,
    delivery,
    hour,
    ingest,
    models,
    published,
    soak,
    sources,
    startup,
    ui,
    verify,
)
from bench.measure import say, setting, table

ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = {
    "collector": collector.run,
    "sources": sources.run,
    "ingest": ingest.run,
    "delivery": delivery.run,
    "verify": verify.run,
    "hour": hour.run,
    "models": models.run,
    "published": published.run,
    "api": api.run,
    "dashboard": dashboard.run,
    "pixel": startup.run,
    "ui": ui.run,
}
RESULTS = ROOT / "bench" / "results.md"
READING = (
    "Ratio: Footfall's speed ÷ the reference's, measured in turn in the same run; median of the repetitions. "
    "1 is as fast as the reference, 0.5 half as fast. The reference does less on purpose: the ratio is "
    "the price of what it leaves out. Other work on the machine moves the absolute figures, and moves both "
    "sides of a ratio."
)


def main() -> int:
    """The command; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--write", action="store_true", help="also write bench/results.md")
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, help="these benchmarks and no others")
    parser.add_argument("--soak", type=int, metavar="SECONDS", help="only load one collector for so long")
    options = parser.parse_args()
    if options.write and options.only:
        parser.error("--write is for a whole run, --only makes a part of one")
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as folder:
        where = setting(Path(folder))
    begun = datetime.now(UTC)
    try:
        if options.soak:
            print(f"{soak.soak(options.soak)}\n\n{where}")
            return 0
        rows = [row for name in options.only or BENCHMARKS for row in BENCHMARKS[name]()]
    except RuntimeError as error:
        say(f"bench: {error}")
        return 1
    took = (datetime.now(UTC) - begun).total_seconds()
    text = f"{table(rows)}\n\n{READING}\n\nMeasured {begun:%Y-%m-%d}, {took:.0f} s; {where}\n"
    print(text)
    if options.write:
        RESULTS.write_text(f"# Benchmarks\n\nWritten by `python bench/run.py --write`.\n\n{text}")
        say(f"written to {RESULTS.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
