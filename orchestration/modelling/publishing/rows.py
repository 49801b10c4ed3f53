"""A published table that lies by row: a base, and files of the rows that have changed since.

So an hour that touches a little of everything writes what it touched. Files of changed rows are merged by
their size (layout.merged_with), and the base is written anew when they are a quarter of it.
"""

from dataclasses import replace

from footfall.published.documents import DataFile, PublishedTable
from footfall.published.layout import BUCKETS, ONE_FILE_ROWS, merged_with, wants_base
from footfall.published.tables import bucket_expression, files_as_table, newest_rows
from footfall.sql import Sql, joined, name, names, number, run, sql
from orchestration.modelling.publishing.files import Writer


def is_whole(writer: Writer, made: PublishedTable, before: PublishedTable | None) -> bool:
    """Whether what was published can be added to: its columns are those of now, and its files are there."""
    return before is not None and before.columns == made.columns and writer.has(before.files)


def compared(writer: Writer, made: PublishedTable, before: PublishedTable, source: Sql) -> PublishedTable:
    """The table with the rows of `source`, a SELECT of all: what differs is added to what there is."""
    digest = writer.digest(source, made.columns)
    if before.digest == f"{digest}":
        return before
    newer = _files(writer, before, before.newer, True) if before.newer else None
    published = newest_rows(before, _files(writer, before, before.base), newer, sql("true"))
    changed = sql(
        "SELECT *, false AS is_gone FROM (({source}) EXCEPT ({published})) "
        "UNION ALL SELECT {gone}, true FROM ({published}) AS published "
        "ANTI JOIN ({source}) AS source USING ({key})",
        source=source,
        published=published,
        gone=key_alone(made),
        key=names(made.key),
    )
    return with_changes(writer, replace(made, rows=digest.count, digest=f"{digest}"), before, changed)


def with_changes(
    writer: Writer, made: PublishedTable, before: PublishedTable, changed: Sql
) -> PublishedTable:
    """The table with rows added, replaced and gone. `changed`: SELECT of its columns and `is_gone`."""
    listing = names([*made.columns, "is_gone"])
    newer = _files(writer, before, before.newer, True)
    # What the newest files say already is no change: an hour that is run again adds nothing.
    run(
        writer.connection,
        "CREATE OR REPLACE TEMP TABLE changed_rows AS SELECT {listing} FROM ({changed}) EXCEPT "
        "SELECT {listing} FROM (SELECT * FROM {newer} "
        "QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY place DESC) = 1)",
        listing=listing,
        changed=changed,
        newer=newer,
        key=names(made.key),
    )
    row = run(writer.connection, "SELECT count(*) FROM changed_rows").fetchone()
    count = int(row[0]) if row else 0
    if not count:
        return replace(before, rows=made.rows, digest=made.digest)
    merged = merged_with([file.rows for file in before.newer], count)
    stays = before.newer[: len(before.newer) - merged]
    gone = before.newer[len(before.newer) - merged :]
    base_rows = sum(file.rows for file in before.base)
    if wants_base(base_rows, count + sum(file.rows for file in before.newer)):
        everything = _with_changed(writer, before, before.newer)
        base = _files(writer, before, before.base)
        return with_base(writer, made, newest_rows(before, base, everything, sql("true")))
    rows = sql(
        "SELECT {listing} FROM {all} QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY place DESC) = 1 "
        "ORDER BY {order}",
        listing=listing,
        all=_with_changed(writer, before, gone),
        key=names(made.key),
        order=names(made.order),
    )
    file = writer.write(made.name, f"newer-{writer.number:06d}", rows, number=writer.number)
    assert file is not None
    return replace(made, files=(*before.base, *stays, file), buckets=before.buckets)


def with_base(writer: Writer, made: PublishedTable, source: Sql) -> PublishedTable:
    """The table with all rows of a SELECT as its base, and nothing newer."""
    run(
        writer.connection,
        "CREATE OR REPLACE TEMP TABLE base_rows AS "
        "SELECT {columns}, {part} AS part FROM ({source}) ORDER BY part",
        columns=names(made.columns),
        part=bucket_expression(made.by_bucket, BUCKETS),
        source=source,
    )
    try:
        row = run(writer.connection, "SELECT count(*) FROM base_rows").fetchone()
        count = int(row[0]) if row else 0
        buckets = BUCKETS if count > ONE_FILE_ROWS else 1
        files = [_part(writer, made, bucket, buckets) for bucket in range(buckets)]
    finally:
        run(writer.connection, "DROP TABLE base_rows")
    return replace(made, files=tuple(file for file in files if file), buckets=buckets)


def _part(writer: Writer, made: PublishedTable, bucket: int, buckets: int) -> DataFile | None:
    rows = sql(
        "SELECT {columns} FROM base_rows WHERE {is_of_part} ORDER BY {order}",
        columns=names(made.columns),
        is_of_part=sql("part = {bucket}", bucket=number(bucket)) if buckets > 1 else sql("true"),
        order=names(made.order),
    )
    if buckets == 1:
        return writer.write(made.name, "base", rows)
    return writer.write(made.name, f"base-{bucket:02d}", rows, bucket=bucket)


def _with_changed(writer: Writer, table: PublishedTable, files: tuple[DataFile, ...]) -> Sql:
    """SQL of the rows of some files and of those that have changed now, which have the highest place."""
    listing = names([*table.columns, "is_gone"])
    return sql(
        "(SELECT {listing}, place FROM {files} "
        "UNION ALL SELECT {listing}, {place} FROM changed_rows) AS files",
        listing=listing,
        files=_files(writer, table, files, True),
        place=number(len(files) + 1),
    )


def _files(writer: Writer, table: PublishedTable, files: tuple[DataFile, ...], is_newer: bool = False) -> Sql:
    paths = [str(writer.cache.path(writer.store, file.key, file.sha256, file.bytes)) for file in files]
    return files_as_table(table, paths, is_newer=is_newer)


def key_alone(made: PublishedTable) -> Sql:
    """Columns of SQL of a row of which nothing is known but its key, and whose it is."""
    kept = (*made.key, "client_id")
    return joined(", ", (name(c) if c in kept else sql("NULL") for c in made.columns))
