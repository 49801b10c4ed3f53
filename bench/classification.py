"""How well bots, devices and referrers are told apart, on lists of others: a table in Markdown.

    python bench/classification.py FILE.csv ...

A file has the columns `user_agent` and `is_bot` (0 or 1), `user_agent` and `device`, or `host` and
`referrer_class`. None is part of the project: docs/enrichment.md says which were used, and that the rules
were written with one half of them and measured on the other.
"""

import csv
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from orchestration.ingest.enrichment.bots import bot_of
from orchestration.ingest.enrichment.referrers import classify
from orchestration.ingest.enrichment.user_agents import device_of


def measured(path: Path) -> Iterator[tuple[str, int, int]]:
    """What a file has (bot, person, tv, search, …), how many of them, and how many are found to be it."""
    given, right = Counter[str](), Counter[str]()
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            wanted, found = _judged(row)
            given[wanted] += 1
            right[wanted] += wanted == found
    for kind, count in sorted(given.items()):
        yield kind, count, right[kind]


def _judged(row: dict[str, str]) -> tuple[str, str]:
    if "is_bot" in row:
        names = {True: "bot", False: "person"}
        return names[row["is_bot"] == "1"], names[bot_of(row["user_agent"]) is not None]
    if "device" in row:
        return row["device"], device_of(row["user_agent"])
    referrer = classify(row["host"], None, "")
    return row["referrer_class"], referrer.referrer_class if referrer else "none"


def main(paths: list[str]) -> int:
    """The command; see the module's docstring."""
    if not paths:
        print(__doc__)
        return 2
    print("| list | what | how many | found |\n|---|---|---|---|")
    for path in map(Path, paths):
        for kind, count, right in measured(path):
            print(f"| {path.stem} | {kind} | {count:,} | {right / count:.1%} |")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
