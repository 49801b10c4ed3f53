"""A published table that lies by day: a file a local day, or a month of old ones."""

from collections import Counter
from collections.abc import Iterable
from datetime import date

from footfall.catalogue.tables import Table
from footfall.published.documents import DataFile, PublishedTable
from footfall.published.layout import Span, is_old, month_of, span_of
from footfall.sql import Sql, joined, name, names, run, sql, text
from orchestration.modelling.publishing.files import Digest, Writer


def publish_days(
    writer: Writer,
    table: Table,
    before: PublishedTable | None,
    days: set[date] | None,
    today: date,
    single_days: int,
    month_rows: int,
) -> tuple[PublishedTable, set[Span]]:
    """The table as it is now, and the spans whose rows are others than before.

    `days`: those whose rows may have changed; None: all are looked at. `single_days`, `month_rows`:
    see layout.span_of.
    """
    day, columns = str(table.published_day), writer.columns[table.name]
    order = table.published_order or table.order
    was = (
        {file.span: file for file in before.files if file.span}
        if before and before.columns == columns
        else {}
    )
    source = sql(
        "SELECT {columns} FROM main.{table} WHERE client_id = {client}",
        columns=names(columns),
        table=name(table.name),
        client=text(writer.client_id),
    )
    if days is None or not was:
        found = _digests(writer, source, columns, day, None)
        large = _large(((each, digest.count) for each, digest in found.items()), month_rows)
        stale = {span_of(each, today, single_days, was, large) for each in found} | set(was)
    else:
        lost = {span for span, file in was.items() if not writer.has([file])}
        # How large the months are whose rows may be others, only the warehouse knows.
        asked = {month for month in map(month_of, days) if is_old(month, today, single_days)} - set(was)
        kept = [(span.first, file.rows) for span, file in was.items() if month_of(span.first) not in asked]
        large = _large([*kept, *_counts(writer, source, day, asked)], month_rows)
        moved = {span_of(span.first, today, single_days, was, large) for span in was} - set(was)
        stale = {span_of(each, today, single_days, was, large) for each in days} | lost | moved
        found = _digests(writer, source, columns, day, stale)
    files = {span: file for span, file in was.items() if not any(span.touches(each) for each in stale)}
    changed = set()
    for span in sorted(stale):
        now = sum((found[d] for d in found if span.first <= d <= span.last), Digest(writer.engine))
        file = was.get(span)
        if now != _digest_of(writer, [f for s, f in was.items() if s.touches(span)]):
            changed.add(span)
        if not now.count:
            continue
        if file is None or file.digest != f"{now}" or not writer.has([file]):
            rows = sql(
                "SELECT * FROM ({source}) WHERE {within} ORDER BY {order}",
                source=source,
                within=within([span], day),
                order=names(order),
            )
            file = writer.write(table.name, span.name, rows, span=span, digest=f"{now}")
        if file is not None:
            files[span] = file
    ordered = tuple(files[span] for span in sorted(files))
    rows_in_all = sum(file.rows for file in ordered)
    return PublishedTable(table.name, columns, day, (), order, rows_in_all, ordered), changed


def within(spans: Iterable[Span], day: str) -> Sql:
    """SQL of whether a day is in one of some spans."""
    ranges = [
        sql(
            "{day} BETWEEN CAST({first} AS DATE) AND CAST({last} AS DATE)",
            day=name(day),
            first=text(f"{first}"),
            last=text(f"{last}"),
        )
        for first, last in _joined_up(spans)
    ]
    return sql("({ranges})", ranges=joined(" OR ", ranges)) if ranges else sql("false")


def _joined_up(spans: Iterable[Span]) -> list[Span]:
    """The same days in as few spans as can be."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and (span.first - found[-1].last).days <= 1:
            found[-1] = Span(found[-1].first, max(found[-1].last, span.last))
        else:
            found.append(span)
    return found


def _large(rows: Iterable[tuple[date, int]], most: int) -> set[Span]:
    """Months that have more than `most` rows. `rows`: of days, and how many."""
    months: Counter[Span] = Counter()
    for day, count in rows:
        months[month_of(day)] += count
    return {month for month, count in months.items() if count > most}


def _counts(writer: Writer, source: Sql, day: str, spans: set[Span]) -> list[tuple[date, int]]:
    if not spans:
        return []
    return run(
        writer.connection,
        "SELECT {day}, count(*) FROM ({source}) WHERE {within} GROUP BY 1",
        day=name(day),
        source=source,
        within=within(spans, day),
    ).fetchall()


def _digests(
    writer: Writer, source: Sql, columns: Iterable[str], day: str, spans: set[Span] | None
) -> dict[date, Digest]:
    if spans is not None and not spans:
        return {}
    rows = run(
        writer.connection,
        "SELECT {day}, count(*), bit_xor(hash({columns})), sum(hash({columns}) % 1000003) "
        "FROM ({source}) WHERE {within} GROUP BY 1",
        day=name(day),
        columns=names(columns),
        source=source,
        within=sql("true") if spans is None else within(spans, day),
    ).fetchall()
    return {row[0]: Digest(writer.engine, int(row[1]), int(row[2]), int(row[3])) for row in rows}


def _digest_of(writer: Writer, files: list[DataFile]) -> Digest | None:
    """The digest of the rows of files; None where one does not say its own."""
    total = Digest(writer.engine)
    for file in files:
        one = Digest.read(file.digest)
        if one is None or one.engine != writer.engine:
            return None
        total += one
    return total
