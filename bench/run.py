"""`make bench`: each part against a reference that does the least the job can be done with, in one run.

Prints a table of medians. The ratio is what counts: absolute figures belong to the machine and its load.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import collector, delivery, ingest  # the path above must come first
from bench.measure import Row


def main() -> int:
    """Run every benchmark and print the table."""
    rows: list[Row] = []
    for module in (collector, ingest, delivery):
        print(f"{module.__name__.rpartition('.')[2]} …", file=sys.stderr, flush=True)
        rows += module.run()
    print("| what | ours | reference | ratio | goal or note |\n|---|---|---|---|---|")
    for row in rows:
        print(f"| {row.what} | {row.ours} | {row.reference} | {row.ratio:.2f} | {row.note} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
