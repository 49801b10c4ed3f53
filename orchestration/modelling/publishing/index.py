"""The index of published tables: on which days a visitor has rows."""

from collections.abc import Mapping
from dataclasses import replace

from footfall.published.documents import PublishedTable
from footfall.published.layout import INDEX, INDEX_KEY, OF_VISITORS, Span
from footfall.published.tables import files_as_table
from footfall.sql import Sql, joined, name, run, sql, text
from orchestration.modelling.publishing.days import within
from orchestration.modelling.publishing.files import Writer
from orchestration.modelling.publishing.rows import compared, is_whole, with_base, with_changes

_COLUMNS = {"site_id": "VARCHAR", "visitor_id": "VARCHAR", "date": "DATE"}


def publish_index(
    writer: Writer, before: Mapping[str, PublishedTable], spans: set[Span] | None, *, is_anew: bool = False
) -> PublishedTable:
    """The index as it is now. `spans`: of the days whose rows are others than before; None: of all days.

    `is_anew`: with a base of what there is now, and nothing else.
    """
    made = PublishedTable(
        INDEX, _COLUMNS, None, INDEX_KEY, ("visitor_id", "site_id", "date"), rows=0, digest=""
    )
    index = before.get(INDEX)
    if index is None or is_anew or not is_whole(writer, made, index):
        source = _pairs(writer, sql("true"))
        digest = writer.digest(source, _COLUMNS)
        return with_base(writer, replace(made, rows=digest.count, digest=f"{digest}"), source)
    if spans is None:
        return compared(writer, made, index, _pairs(writer, sql("true")))
    if not spans:
        return index
    is_changed = within(spans, "date")
    changed = sql(
        "SELECT *, false AS is_gone FROM (({now}) EXCEPT ({before})) "
        "UNION ALL SELECT *, true FROM (({before}) EXCEPT ({now}))",
        now=_pairs(writer, is_changed),
        before=_published_pairs(writer, before, spans, is_changed),
    )
    run(writer.connection, "CREATE OR REPLACE TEMP TABLE changed_pairs AS {changed}", changed=changed)
    row = run(
        writer.connection, "SELECT coalesce(sum(CASE WHEN is_gone THEN -1 ELSE 1 END), 0) FROM changed_pairs"
    ).fetchone()
    rows = index.rows + (int(row[0]) if row else 0)
    return with_changes(writer, replace(made, rows=rows), index, sql("SELECT * FROM changed_pairs"))


def _pairs(writer: Writer, where: Sql) -> Sql:
    tables = [
        sql(
            "SELECT site_id, visitor_id, date FROM main.{table} "
            "WHERE client_id = {client} AND visitor_id IS NOT NULL AND {where}",
            table=name(table.name),
            client=text(writer.client_id),
            where=where,
        )
        for table in OF_VISITORS
    ]
    return joined(" UNION ", tables)


def _published_pairs(
    writer: Writer, before: Mapping[str, PublishedTable], spans: set[Span], where: Sql
) -> Sql:
    tables = []
    for table in OF_VISITORS:
        published = before[table.name]
        paths = [
            str(writer.cache.path(writer.store, file.key, file.sha256, file.bytes))
            for file in published.files
            if file.span and any(file.span.touches(span) for span in spans)
        ]
        tables.append(
            sql(
                "SELECT site_id, visitor_id, date FROM {files} WHERE visitor_id IS NOT NULL AND {where}",
                files=files_as_table(published, paths),
                where=where,
            )
        )
    return joined(" UNION ", tables)
