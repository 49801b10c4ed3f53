"""Which rows of a published table lie in which file, and what a snapshot says of them."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.errors import FootfallError
from footfall.published.documents import DataFile, PublishedTable, Snapshot
from footfall.published.layout import BUCKETS, Span, bucket_of, merged_with, month_of, span_of, wants_base
from footfall.published.tables import bucket_expression
from footfall.sql import open_database, run, text

TODAY = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("day", "name"),
    [
        ("2026-11-20", "2026-11-20"),
        ("2026-11-25", "2026-11-25"),  # tomorrow, further east
        ("2026-10-15", "2026-10-15"),  # 36 days old, and yet its month is not over for so long
        ("2026-10-01", "2026-10-01"),
        ("2026-09-30", "2026-09"),
        ("2020-02-29", "2020-02"),
    ],
)
def test_a_day_lies_by_itself_until_all_its_month_is_old(day, name):
    assert span_of(date.fromisoformat(day), TODAY, 35).name == name


def test_a_month_that_is_one_file_stays_one():
    assert span_of(date(2026, 11, 3), TODAY, 35, {month_of(TODAY)}) == month_of(TODAY)


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(7, 400))
def test_the_spans_of_two_days_are_the_same_or_have_no_day_in_common(day, single_days):
    other = day + timedelta(days=single_days % 40)

    one, two = (span_of(each, TODAY, single_days) for each in (day, other))

    assert one.first <= day <= one.last
    assert one == two or not one.touches(two)


@given(st.text(max_size=20).filter(lambda value: "\0" not in value))
def test_the_part_of_a_base_is_the_same_in_sql(value):
    if not value.isprintable():
        return
    with open_database() as connection:
        row = run(
            connection,
            "SELECT {bucket} FROM (SELECT {value} AS visitor_id)",
            bucket=bucket_expression("visitor_id", BUCKETS),
            value=text(value),
        ).fetchone()

    assert row == (bucket_of(value, BUCKETS),)


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=300))
def test_whatever_changes_there_are_few_files_of_changed_rows(hours):
    newer: list[int] = []
    for rows in hours:
        merged = merged_with(newer, rows)
        newer = [*newer[: len(newer) - merged], rows + sum(newer[len(newer) - merged :])]

    assert sum(newer) == sum(hours)
    assert len(newer) <= 1 + sum(hours).bit_length()


def test_a_base_is_written_anew_when_a_quarter_of_it_is_newer():
    assert [wants_base(100, rows) for rows in (0, 24, 25)] == [False, False, True]
    assert wants_base(0, 1)


def _snapshot():
    day = Span(TODAY, TODAY)
    files = (
        DataFile("marts/client=demo/page_views/a.parquet", 3, 900, "a" * 64, day, digest="v1:3:f:1"),
        DataFile("marts/client=demo/visitors/b.parquet", 2, 500, "b" * 64, bucket=7),
        DataFile("marts/client=demo/visitors/c.parquet", 1, 400, "c" * 64, number=12),
    )
    columns = {"visitor_id": "VARCHAR", "date": "DATE"}
    tables = (
        PublishedTable("page_views", columns, "date", (), ("visitor_id",), 3, files[:1]),
        PublishedTable("visitors", columns, None, ("visitor_id",), ("visitor_id",), 2, files[1:], 64),
    )
    through = "2026-11-20T14:00:00Z"
    return Snapshot("demo", 12, "f" * 16, through, "2", {table.name: table for table in tables})


def test_a_snapshot_is_read_as_it_was_written():
    written = _snapshot()

    assert Snapshot.read(written.as_bytes(), "here") == written
    assert written.says_the_same(Snapshot.read(written.as_bytes(), "here"))


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", _snapshot().as_bytes()[:-20]])
def test_what_is_no_snapshot_is_told_of_with_its_place(data):
    with pytest.raises(FootfallError, match="here is damaged"):
        Snapshot.read(data, "here")
