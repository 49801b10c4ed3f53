"""Rows of published tables, through DuckDB, of just the files that can have them.

    with open_tables(lake, "demo", cache) as tables:
        tables.relation("page_views", date(2026, 11, 1), date(2026, 11, 20)).fetchall()
        tables.relation("page_views", visitor="1f0c…")    # the days are those of the index

What was opened stays readable after a newer snapshot has taken its place, for as long as the lake keeps it;
then it is `Expired`. This is the one module of the ground floor, beside `footfall.sql`, that knows SQL.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from footfall import keys
from footfall.errors import FootfallError
from footfall.file_cache import FileCache
from footfall.published.documents import DamagedFile, DataFile, PublishedTable, Snapshot
from footfall.published.layout import INDEX, Span, bucket_of
from footfall.published.opening import Expired, open_snapshot, read_pointer
from footfall.sql import (
    Connection,
    Relation,
    Sql,
    confine,
    joined,
    kind,
    name,
    names,
    number,
    open_database,
    relation,
    run,
    sql,
    text,
    texts,
)
from footfall.store import LocalStore, NotFound, ObjectStore
from footfall.whole_files import sha256_of


@dataclass
class Tables:
    """A client's published tables as of one snapshot. `connection` may read its files and no others."""

    store: ObjectStore
    snapshot: Snapshot
    cache: FileCache
    connection: Connection
    _days: dict[str, tuple[date, ...]] = field(default_factory=dict)

    def relation(
        self, table: str, first: date | None = None, last: date | None = None, visitor: str | None = None
    ) -> Relation:
        """Rows of a table as a relation of DuckDB: from `first` to `last`, both included, of a visitor.

        Raises Expired, and FootfallError for a table that is not there, or has no day or no visitor where one
        is asked for.
        """
        return relation(self.connection, self.select(table, first, last, visitor))

    def select(
        self, table: str, first: date | None = None, last: date | None = None, visitor: str | None = None
    ) -> Sql:
        """The same as a SELECT, over local files."""
        found = self.table(table)
        if found.day is None and (first or last):
            raise FootfallError(f"{table} lies by row and not by day: leave the days out")
        if visitor is not None and "visitor_id" not in found.columns:
            raise FootfallError(f"{table} has no visitors: nobody's rows can be asked of it")
        if found.day is None:
            return self._by_row(found, visitor)
        return self._by_day(found, first or date.min, last or date.max, visitor)

    def answer(
        self,
        query: Sql,
        tables: Iterable[str],
        values: Mapping[str, object],
        first: date | None = None,
        last: date | None = None,
    ) -> Connection:
        """The answer to a query over `tables` under their own names, which reads these days at most.

        Raises as `select` does.
        """
        for each in tables:
            days = (first, last) if self.table(each).day is not None else (None, None)
            run(
                self.connection,
                "CREATE OR REPLACE TEMP VIEW {table} AS {rows}",
                table=name(each),
                rows=self.select(each, *days),
            )
        return run(self.connection, "{query}", values, query=query)

    def table(self, table: str) -> PublishedTable:
        """What the snapshot says of a table. Raises FootfallError where it has none of that name."""
        if table not in self.snapshot.tables:
            known = ", ".join(sorted(self.snapshot.tables))
            raise FootfallError(f"there is no published table {table!r}; there are {known}")
        return self.snapshot.tables[table]

    def visitor_days(self, visitor: str) -> tuple[date, ...]:
        """The days on which a visitor has rows in a table by day, in order."""
        if visitor not in self._days:
            rows = run(
                self.connection,
                "SELECT DISTINCT date FROM ({index}) ORDER BY date",
                index=self._by_row(self.table(INDEX), visitor),
            ).fetchall()
            self._days[visitor] = tuple(row[0] for row in rows)
        return self._days[visitor]

    def paths(self, files: Iterable[DataFile]) -> list[str]:
        """Local files with their bytes. Raises Expired where one is gone with its snapshot, DamagedFile."""
        found = []
        for file in files:
            try:
                path = self.cache.path(self.store, file.key, file.sha256, file.bytes)
                size = path.stat().st_size
            except (NotFound, FileNotFoundError):
                raise self._gone(file) from None
            if size != file.bytes:
                raise DamagedFile(self.store.url(file.key), f"has {size} bytes and not {file.bytes}")
            found.append(str(path))
        return found

    def damaged(self, table: str) -> DamagedFile | None:
        """Which file of a table has other bytes than were published: why the engine could not read it.

        Reads all of them.
        """
        for file in self.table(table).files:
            [path] = self.paths([file])
            if sha256_of(Path(path)) != file.sha256:
                if not isinstance(self.store, LocalStore):
                    Path(path).unlink()
                    return DamagedFile(
                        path, "held other bytes than were published", "it is removed: ask again"
                    )
                return DamagedFile(
                    self.store.url(file.key),
                    "holds other bytes than were published",
                    "remove it, and the next run of any hour writes it anew",
                )
        return None

    def _gone(self, file: DataFile) -> FootfallError:
        pointer = read_pointer(self.store, self.snapshot.client_id)
        if pointer is not None and pointer.sha256 == self.snapshot.sha256:
            return DamagedFile(self.store.url(file.key), "is missing")
        return Expired(self.snapshot.client_id, file.key)

    def _by_day(self, table: PublishedTable, first: date, last: date, visitor: str | None) -> Sql:
        wanted = Span(first, last)
        files = [file for file in table.files if file.span and file.span.touches(wanted)]
        conditions = []
        if visitor is not None:
            days = [day for day in self.visitor_days(visitor) if first <= day <= last]
            files = [f for f in files if f.span and any(f.span.touches(Span(day, day)) for day in days)]
            conditions.append(sql("visitor_id = {visitor}", visitor=text(visitor)))
        if any(file.span and not (first <= file.span.first and file.span.last <= last) for file in files):
            conditions.append(
                sql("{day} BETWEEN {first} AND {last}", day=name(str(table.day)), **_bounds(wanted))
            )
        return sql(
            "SELECT {columns} FROM {files} WHERE {where}",
            columns=names(table.columns),
            files=self._files(table, files),
            where=joined(" AND ", conditions or [sql("true")]),
        )

    def _by_row(self, table: PublishedTable, visitor: str | None) -> Sql:
        bucket = bucket_of(visitor, table.buckets) if visitor is not None else None
        base = [file for file in table.base if bucket is None or file.bucket in (None, bucket)]
        where = sql("visitor_id = {visitor}", visitor=text(visitor)) if visitor is not None else sql("true")
        newer = self._files(table, table.newer, is_newer=True) if table.newer else None
        return newest_rows(table, self._files(table, base), newer, where)

    def _files(self, table: PublishedTable, files: Iterable[DataFile], *, is_newer: bool = False) -> Sql:
        return files_as_table(table, self.paths(files), is_newer=is_newer)


def _bounds(span: Span) -> dict[str, Sql]:
    return {end: sql("CAST({day} AS DATE)", day=text(f"{day}")) for end, day in span._asdict().items()}


def files_as_table(table: PublishedTable, paths: list[str], *, is_newer: bool = False) -> Sql:
    """SQL of what files hold, as a part of FROM. `is_newer`: with `is_gone`, and `place` of the file.

    The newest file's is the highest; `is_gone`: that there is no such row any more.
    """
    columns = [*table.columns.items(), *((("is_gone", "BOOLEAN"), ("place", "BIGINT")) if is_newer else ())]
    if not paths:
        nothing = joined(
            ", ",
            (sql("CAST(NULL AS {kind}) AS {name}", kind=kind(type_), name=name(c)) for c, type_ in columns),
        )
        return sql("(SELECT {nothing} WHERE false) AS files", nothing=nothing)
    listed = sql("[{paths}]", paths=texts(paths))
    if not is_newer:
        return sql("read_parquet({paths}, hive_partitioning = false) AS files", paths=listed)
    return sql(
        "(SELECT *, list_position({paths}, filename) AS place "
        "FROM read_parquet({paths}, hive_partitioning = false, filename = true)) AS files",
        paths=listed,
    )


def newest_rows(table: PublishedTable, base: Sql, newer: Sql | None, where: Sql) -> Sql:
    """SQL of a table by row: of each key its newest row, unless gone. `base`, `newer`: parts of FROM."""
    if newer is None:
        return sql(
            "SELECT {columns} FROM {base} WHERE {where}", columns=names(table.columns), base=base, where=where
        )
    key = names(table.key)
    changed = sql(
        "SELECT * FROM {newer} WHERE {where} "
        "QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY place DESC) = 1",
        newer=newer,
        where=where,
        key=key,
    )
    return sql(
        "WITH changed AS ({changed}) "
        "SELECT {columns} FROM (SELECT * FROM {base} WHERE {where}) AS base "
        "ANTI JOIN changed USING ({key}) "
        "UNION ALL SELECT {columns} FROM changed WHERE NOT is_gone",
        changed=changed,
        columns=names(table.columns),
        base=base,
        where=where,
        key=key,
    )


def bucket_expression(column: str, buckets: int) -> Sql:
    """`layout.bucket_of` in SQL."""
    return sql(
        "CAST(concat('0x', substr(md5({column}), 1, 2)) AS INTEGER) % {buckets}",
        column=name(column),
        buckets=number(buckets),
    )


@contextmanager
def open_tables(store: ObjectStore, client_id: str, cache: FileCache) -> Iterator[Tables]:
    """A client's published tables as of now. `cache`: that of the client (`cache_of`).

    Raises NothingPublished, StoreError, FootfallError.
    """
    snapshot = open_snapshot(store, client_id)
    folder = cache.folder
    if isinstance(store, LocalStore):
        folder = store.root / keys.published_prefix(client_id)
    else:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open_database() as connection:
        run(connection, "SET TimeZone = 'UTC'")
        # Of files that are never written again.
        run(connection, "SET parquet_metadata_cache = true")
        run(connection, "SET enable_progress_bar = false")
        confine(connection, folder)
        yield Tables(store, snapshot, cache, connection)
