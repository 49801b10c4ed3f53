"""`make bench`: every benchmark, each beside its reference; a table at the end, in some ten minutes.

    python bench/run.py [--quick] [--write] [--only NAME ...] [--soak SECONDS]

`--quick`, in some five minutes, is the same with fewer events and repetitions: enough to see what broke.
`--write` puts the table into docs/performance.md.

Nothing is asserted about time: a figure is there to be read. Do not compare it with one from elsewhere.
"""

import argparse
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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
#: What `--quick` measures less of. The pages of 200 clients in the UI it leaves out.
QUICK: dict[str, dict[str, Any]] = {
    "collector": {"seconds": 1},
    "sources": {"objects": 8, "repeats": 1},
    "ingest": {"events": 50_000, "objects": 5, "repeats": 1, "hours": 3},
    "delivery": {"rows": 50_000, "repeats": 1, "clients": 20},
    "verify": {"periods": 1_000, "repeats": 1},
    "hour": {"repeats": 1},
    "models": {"events": 100_000, "histories": (100_000, 300_000), "repeats": 1},
    "published": {"events": 10_000, "histories": (100_000, 300_000)},
    "api": {"history": 200_000},
    "dashboard": {"history": 200_000},
    "pixel": {},
}
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- bench: made by bench/run.py --write -->", "<!-- end of bench -->"
READING = (
    "Ratio: Footfall's speed ÷ the reference's, measured in turn in the same run; median of the repetitions. "
    "1 is as fast as the reference, 0.5 half as fast. The reference does less on purpose: the ratio is "
    "the price of what it leaves out. Other work on the machine moves the absolute figures, and moves both "
    "sides of a ratio."
)


def main() -> int:
    """The command; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="less of everything, in some five minutes")
    parser.add_argument("--write", action="store_true", help="also write the table to docs/performance.md")
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
        sizes = QUICK if options.quick else {name: {} for name in BENCHMARKS}
        rows = [row for name in options.only or sizes for row in BENCHMARKS[name](**sizes.get(name, {}))]
    except RuntimeError as error:
        say(f"bench: {error}")
        return 1
    took = (datetime.now(UTC) - begun).total_seconds()
    how = f"Measured {begun:%Y-%m-%d} by `make {'bench-quick' if options.quick else 'bench'}` in {took:.0f} s"
    text = f"{how}; {where}\n\n{table(rows)}\n\n{READING}\n"
    print(text)
    if options.write:
        PAGE.write_text(with_table(PAGE.read_text(), text))
        say(f"written to {PAGE.relative_to(ROOT)}")
    return 0


def with_table(page: str, text: str) -> str:
    """The page with what was measured between its markers."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{PAGE} has no markers")
    return f"{before}{BEGIN}\n{text}{END}{after}"


if __name__ == "__main__":
    sys.exit(main())
