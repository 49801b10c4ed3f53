"""Which rows of a published table lie in which file: pure."""

import hashlib
from collections.abc import Container, Iterable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from footfall.catalogue.tables import PUBLISHED

#: Visitor → the days on which it has rows: one row for each of them, made at publication.
INDEX = "visitor_days"
INDEX_KEY = ("site_id", "visitor_id", "date")
#: Tables that lie by day and have a visitor: what the index is made of.
OF_VISITORS = tuple(t for t in PUBLISHED if "visitor_id" in t.published_order and t.published_day)

#: Parts of the base of a large table by row; a visitor's rows are in one of them. 1, 2, 4 … 256. More: less
#: to fetch for one visitor, and more objects to write when the base is.
BUCKETS = 64
#: Rows up to which a base is one file. Lower: small tables in many objects.
ONE_FILE_ROWS = 200_000
#: A base is written anew when the rows that are newer are so large a part of it. Larger: it is written less
#: often, and readers merge more.
NEWER_SHARE = 0.25
#: Rows up to which the days of an old month become one file, some 150 MB of page views. Higher: fewer
#: objects, and a late event of an old day writes more of them anew.
MONTH_ROWS = 3_000_000


class Span(NamedTuple):
    """Local days, both included, whose rows are one file."""

    first: date
    last: date

    @property
    def name(self) -> str:
        """As keys have it: `2026-11-20`, or `2026-09` of a month."""
        return f"{self.first}" if self.first == self.last else f"{self.first:%Y-%m}"

    def touches(self, other: "Span") -> bool:
        """Whether they have a day in common."""
        return self.first <= other.last and other.first <= self.last


def month_of(day: date) -> Span:
    """The calendar month of a day."""
    first = day.replace(day=1)
    return Span(first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1))


def is_old(month: Span, today: date, single_days: int) -> bool:
    """Whether all of a month is older than `single_days`."""
    return month.last < today - timedelta(days=single_days)


def span_of(
    day: date,
    today: date,
    single_days: int,
    written: Iterable[Span] = (),
    large: Container[Span] = (),
) -> Span:
    """Where a day's rows lie: by themselves, or in their month once it is old, and small enough.

    `written`: spans that there are; a month stays one. `large`: months of more rows than one file may have.
    """
    month = month_of(day)
    is_one = is_old(month, today, single_days) and month not in large
    return month if is_one or month in written else Span(day, day)


def bucket_of(value: str, buckets: int) -> int:
    """The part of a base in which a row lies, by its visitor or page (in SQL: tables.bucket_expression)."""
    return int(hashlib.md5(value.encode(), usedforsecurity=False).hexdigest()[:2], 16) % buckets


def merged_with(newer: Sequence[int], rows: int) -> int:
    """How many of the newest files of changed rows become one with a new one of so many `rows`.

    `newer`: their rows, oldest first. What is not twice as large is merged, so that there are few files (the
    logarithm of how many were written), and a row is written few times.
    """
    merged = 0
    while merged < len(newer) and newer[-1 - merged] < 2 * rows:
        rows += newer[-1 - merged]
        merged += 1
    return merged


def wants_base(base_rows: int, newer_rows: int) -> bool:
    """Whether a base is to be written anew, with the rows that are newer in it."""
    return newer_rows >= NEWER_SHARE * base_rows
