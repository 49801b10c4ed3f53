"""`python docs/tables.py`: writes the tables that documents take from the code, each between its two markers.

    <!-- table: state -->
    …
    <!-- end of table -->

A test (tests/test_tables.py) says when one is not current.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from footfall.catalogue.state import BESIDE, HOME, LAKE, Keep, Place

DOCS = Path(__file__).resolve().parent
_BLOCK = re.compile(r"(<!-- table: (?P<name>[a-z-]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _state(places: Iterable[Place]) -> str:
    head = ("Name", "What", "Made by", "Made again from", "Backup", "About people")
    return _table(head, map(_row, places))


def _row(place: Place) -> tuple[str, ...]:
    personal = "yes" if place.is_personal else ""
    return f"`{place.title}`", place.what, place.made_by, place.again, place.keep.value, personal


_TREATED = {
    Keep.BACKUP: "`footfall backup`",
    Keep.LAKE: "`footfall backup --lake`; or replicate the bucket, never with `salts/`",
    Keep.AGAIN: "not needed: made again",
    Keep.HISTORY: "not needed: history only",
    Keep.NEVER: "never: its salts must be gone after 48 hours; the spool empties itself each minute",
    Keep.THEIRS: "its owner's; the backup bucket is a copy of them",
    Keep.PASSING: "not needed: of this machine and moment",
}


def _backup() -> str:
    def named() -> Iterator[tuple[Keep, str]]:
        for folder, places in (("", HOME), ("lake/", LAKE), ("", BESIDE)):
            for place in places:
                if place.name != "lake":
                    yield place.keep, f"`{folder}{place.title}`"

    rows = []
    for keep, text in _TREATED.items():
        rows.append((", ".join(name for each, name in named() if each is keep), text))
    return _table(("What", "How"), rows)


#: Name in a marker → the table.
TABLES: dict[str, Callable[[], str]] = {
    "state": lambda: _state((*HOME, *BESIDE)),
    "state-of-lake": lambda: _state(LAKE),
    "backup": _backup,
}


def current(text: str) -> str:
    """A document with every table as it is now. Raises KeyError for a table that nobody makes."""
    return _BLOCK.sub(lambda found: f"{found[1]}{TABLES[found['name']]()}{found[3]}", text)


def documents() -> Iterator[Path]:
    """Every document with a table."""
    for path in sorted(DOCS.rglob("*.md")):
        if _BLOCK.search(path.read_text()):
            yield path


def main() -> None:
    """Write what has changed."""
    for path in documents():
        before = path.read_text()
        if (after := current(before)) != before:
            path.write_text(after)
            sys.stdout.write(f"{path.relative_to(DOCS.parent)} written\n")


if __name__ == "__main__":
    main()
