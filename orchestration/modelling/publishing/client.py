"""All published tables of a client: from one snapshot to the next, whatever dies on the way.

Files first, then the document that names them, then the pointer, then what the warehouse has noted; last,
what nobody reads any more goes. What a run leaves undone the next one does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from footfall import keys
from footfall.catalogue.tables import PUBLISHED, Table
from footfall.file_cache import FileCache
from footfall.published.documents import DamagedSnapshot, PublishedTable, Snapshot
from footfall.published.layout import INDEX, MONTH_ROWS, OF_VISITORS, Span
from footfall.published.opening import Pointer, read_pointer, read_snapshot, readable, turned
from footfall.sql import Connection, Sql, names, run, sql, text
from footfall.sql import name as name_of
from footfall.store import LocalStore, NotFound, ObjectStore
from orchestration.modelling.publishing.days import publish_days
from orchestration.modelling.publishing.files import Writer
from orchestration.modelling.publishing.index import publish_index
from orchestration.modelling.publishing.notes import EVERYTHING, Notes, note, noted_snapshot, notes_of
from orchestration.modelling.publishing.rows import compared, is_whole, key_alone, with_base, with_changes
from orchestration.modelling.versions import variables

#: Tables that the models make whole each time (their tag is `whole`): what changed of them nobody notes.
MADE_WHOLE = frozenset({"daily_metrics", "identity_map", "retention_weekly", "url_metadata"})
#: Memory of DuckDB while it publishes, 256 MB to some GB: beyond it sorting goes to disk. Smaller: slower.
MEMORY = "512MB"


@dataclass(frozen=True)
class Terms:
    """How tables lie and how long they stay (footfall.settings)."""

    single_days: int
    grace: timedelta
    #: Rows up to which an old month of a table is one file.
    month_rows: int = MONTH_ROWS
    #: Whether tables by row are written whole: rows that are gone stay in no base, and in no list of these.
    is_anew: bool = False


def publish_client(
    connection: Connection, store: ObjectStore, client_id: str, cache: FileCache, terms: Terms, now: datetime
) -> Snapshot:
    """Publish what has changed of a client's tables. Returns the snapshot that is current now.

    `cache`: that of the client, which the connection may read. Raises StoreError.
    """
    there = {info.key: info.size for info in store.list(keys.published_prefix(client_id))}
    pointer = read_pointer(store, client_id)
    before = _current(store, client_id, pointer)
    noted = noted_snapshot(connection, client_id)
    writer = Writer(
        connection,
        store,
        client_id,
        cache,
        there,
        number=before.number + 1 if before else 1,
        engine=_engine(connection),
        columns=_columns(connection),
    )
    # The run before may have died between the pointer and the note of it.
    knows = before is not None and noted in (before.name, before.previous)
    made = _made(writer, before, notes_of(connection, client_id) if knows else EVERYTHING, terms, now)
    is_new = not made.says_the_same(before)
    current = made if is_new or before is None else before
    if is_new:
        store.put(keys.published_snapshot(client_id, made.sha256), made.as_bytes())
    after = turned(pointer if before else None, current, now, terms.grace, had_others=bool(there))
    if after != pointer:
        store.put(keys.published_pointer(client_id), after.as_bytes(client_id))
    if not isinstance(store, LocalStore):
        _write_links(store, current, None if noted != (before.name if before else "") else before, there)
    note(connection, client_id, current.name)
    # What was written now is named by the snapshot that is current.
    wanted = readable(store, client_id, after, current)
    for key in there:
        if wanted is not None and key not in wanted:
            store.delete(key)
    return current


def _current(store: ObjectStore, client_id: str, pointer: Pointer | None) -> Snapshot | None:
    """The snapshot that a pointer names; None where it is not there, or damaged: all is published anew."""
    if pointer is None:
        return None
    try:
        return read_snapshot(store, client_id, pointer.sha256)
    except (NotFound, DamagedSnapshot):
        return None


def _columns(connection: Connection) -> dict[str, dict[str, str]]:
    rows = run(
        connection,
        "SELECT table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE database_name = current_database() AND schema_name = 'main' ORDER BY table_name, column_index",
    ).fetchall()
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in rows:
        found.setdefault(str(table), {})[str(column)] = str(kind)
    return found


def _engine(connection: Connection) -> str:
    row = run(connection, "SELECT version()").fetchone()
    return str(row[0]) if row else ""


def _made(writer: Writer, before: Snapshot | None, notes: Notes, terms: Terms, now: datetime) -> Snapshot:
    old = before.tables if before else {}
    tables: dict[str, PublishedTable] = {}
    changed: set[Span] = set()
    today = now.astimezone(UTC).date()
    for table in PUBLISHED:
        known = old.get(table.name)
        if table.published_day is None:
            tables[table.name] = _by_row(writer, table, known, notes, is_anew=terms.is_anew)
            continue
        is_compared = notes.is_everything or table.name in MADE_WHOLE
        days = None if is_compared else notes.days.get(table.name, set())
        made, spans = publish_days(writer, table, known, days, today, terms.single_days, terms.month_rows)
        tables[table.name] = made
        if table in OF_VISITORS:
            changed |= spans
    every = notes.is_everything or terms.is_anew
    tables[INDEX] = publish_index(writer, old, None if every else changed, is_anew=terms.is_anew)
    return Snapshot(
        writer.client_id,
        writer.number,
        before.name if before else "",
        _complete_through(writer.connection),
        str(variables()["model_version"]),
        tables,
    )


def _by_row(
    writer: Writer, table: Table, before: PublishedTable | None, notes: Notes, *, is_anew: bool
) -> PublishedTable:
    columns = writer.columns[table.name]
    [bucket] = [column for column in table.order if column != "site_id"]
    made = PublishedTable(table.name, columns, None, table.order, (bucket, "site_id"), rows=0)
    source = sql(
        "SELECT {columns} FROM main.{table} WHERE client_id = {client}",
        columns=names(columns),
        table=name_of(table.name),
        client=text(writer.client_id),
    )
    if before is None or is_anew or not is_whole(writer, made, before):
        digest = writer.digest(source, columns)
        return with_base(writer, replace(made, rows=digest.count, digest=f"{digest}"), source)
    if notes.is_everything or table.name in MADE_WHOLE:
        return compared(writer, made, before, source)
    if not notes.has_visitors:
        return before
    return _with_visitors(writer, made, before, source)


def _with_visitors(
    writer: Writer, made: PublishedTable, before: PublishedTable, source: Sql
) -> PublishedTable:
    """The visitors with those that are noted, as they are now."""
    connection = writer.connection
    run(
        connection,
        "CREATE OR REPLACE TEMP TABLE noted_visitors AS "
        "SELECT DISTINCT site_id, visitor_id, {client} AS client_id FROM intermediate.unpublished_visitors "
        "WHERE client_id = {client}",
        client=text(writer.client_id),
    )
    # By row ids, so that of all columns only those row groups are read that hold one: the last ones, mostly.
    changed = sql(
        "SELECT {columns}, false AS is_gone FROM main.visitors WHERE rowid IN ("
        "SELECT all_of_them.rowid FROM main.visitors AS all_of_them "
        "SEMI JOIN noted_visitors USING (client_id, site_id, visitor_id)) "
        "UNION ALL SELECT {gone}, true FROM noted_visitors "
        "ANTI JOIN main.visitors AS all_of_them USING (client_id, site_id, visitor_id)",
        columns=names(made.columns),
        gone=key_alone(made),
    )
    row = run(connection, "SELECT count(*) FROM ({source})", source=source).fetchone()
    return with_changes(writer, replace(made, rows=int(row[0]) if row else 0), before, changed)


def _complete_through(connection: Connection) -> str:
    row = run(
        connection,
        "SELECT max(received_hour) + INTERVAL 1 HOUR FROM ingest.hours WHERE coalesce(had_ended, true)",
    ).fetchone()
    return row[0].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if row and row[0] else ""


def _write_links(
    store: ObjectStore, current: Snapshot, before: Snapshot | None, there: Mapping[str, int]
) -> None:
    """For each table the list of its files, as a table of Athena follows it (modelling.athena).

    `before`: the snapshot whose lists lie there; None: nobody knows.
    """
    for name, table in current.tables.items():
        key = keys.published_links(current.client_id, name)
        was = before.tables.get(name) if before else None
        if was is None or was.files != table.files or key not in there:
            store.put(key, "".join(f"{store.url(file.key)}\n" for file in table.files).encode())
