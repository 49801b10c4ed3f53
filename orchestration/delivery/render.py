"""One period of one export as files: the same rows give the same bytes, whatever the order they came in."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from footfall import keys
from footfall.catalogue.formats import FORMATS
from footfall.catalogue.periods import Period
from footfall.failures import ConfigError
from footfall.manifest import DeliveredFile
from footfall.sql import Sql, joined, name, number, run, sql, text
from footfall.whole_files import sha256_of
from orchestration.delivery.selection import Selection

NO_LIMIT = sql("")
TRUE, FALSE = sql("true"), sql("false")


@dataclass(frozen=True)
class Rendered:
    """What was written: files, where they lie now, and the rows of the period by their fate."""

    files: tuple[DeliveredFile, ...]
    paths: tuple[Path, ...]
    rows: int
    delivered: int
    excluded: int


def render(
    connection: duckdb.DuckDBPyConnection,
    selection: Selection,
    period: Period,
    prefix: str,
    folder: Path,
    table: Sql | None = None,
) -> Rendered:
    """Write a period's files into `folder`. `prefix`: the delivery's folder, for the keys. `table`: what has
    the period's rows; the dataset's own in the warehouse where nothing is given.

    A period without rows gives a file with nothing but the header (CSV), or the columns (Parquet). Raises
    ConfigError where the filter cannot be applied, OSError where the disk is full.
    """
    export = selection.export
    folder.mkdir(parents=True, exist_ok=True)
    files: list[DeliveredFile] = []
    paths: list[Path] = []
    where, values = selection.within(period)
    table = table or sql("main.{table}", table=name(selection.dataset.name))
    sites: list[str | None] = [None]
    if export.split == "site":
        sites = [site.site_id for site in selection.client.sites]
        sites += [s for s in _sites(connection, table, selection, where, values) if s not in sites]
    for site in sites:
        narrowed = sql("{where} AND source.site_id = ?", where=where) if site else where
        bound = [*values, site] if site else values
        written = _write(connection, table, selection, narrowed, bound, folder / f"{site or 'all'}")
        for part, (path, rows) in enumerate(written, 1):
            sha256 = sha256_of(path)
            file_name = keys.file_name(
                export.name,
                period,
                sha256,
                export.extension,
                site=site or "",
                part=part if len(written) > 1 else 0,
            )
            files.append(DeliveredFile(prefix + file_name, path.stat().st_size, sha256, rows, site))
            paths.append(path)
    delivered = sum(file.rows for file in files)
    rows = delivered
    if selection.condition != "true":
        counted = sql("SELECT count(*) FROM {table} AS source WHERE {where}", table=table, where=where)
        rows = _count(connection, counted, values)
    return Rendered(tuple(files), tuple(paths), rows, delivered, rows - delivered)


class Files:
    """Renders the periods of one export. Of those without rows, which have the same files, only the first."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        #: (site, content, sha256) of each file of a period without rows.
        self._blank: list[tuple[str | None, bytes, str]] | None = None

    def render(
        self,
        selection: Selection,
        period: Period,
        prefix: str,
        folder: Path,
        table: Sql,
        has_rows: bool,
    ) -> Rendered:
        """As `render`. `has_rows`: what the digest of the period says."""
        blank = None if has_rows else self.blank(selection, period, prefix)
        if blank is not None:
            return _laid_out(blank, folder)
        rendered = render(self._connection, selection, period, prefix, folder, table)
        if not has_rows and rendered.rows == 0:
            files = zip(rendered.files, rendered.paths, strict=True)
            self._blank = [(file.site, path.read_bytes(), file.sha256) for file, path in files]
        return rendered

    def blank(
        self, selection: Selection, period: Period, prefix: str
    ) -> list[tuple[DeliveredFile, bytes]] | None:
        """The files of a period without rows, and what they hold; None where none was rendered yet."""
        if self._blank is None:
            return None
        export = selection.export
        return [
            (
                DeliveredFile(
                    prefix + keys.file_name(export.name, period, sha256, export.extension, site=site or ""),
                    len(data),
                    sha256,
                    0,
                    site,
                ),
                data,
            )
            for site, data, sha256 in self._blank
        ]


def _laid_out(blank: list[tuple[DeliveredFile, bytes]], folder: Path) -> Rendered:
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for file, data in blank:
        path = folder / f"{file.site or 'all'}.0"
        path.write_bytes(data)
        paths.append(path)
    return Rendered(tuple(file for file, _ in blank), tuple(paths), 0, 0, 0)


def preview(
    connection: duckdb.DuckDBPyConnection,
    selection: Selection,
    period: Period,
    table: Sql,
) -> list[dict[str, Any]]:
    """The first five rows, without columns about persons and without those that are hashed."""
    shown = [
        cell
        for cell, source in zip(selection.cells, selection.sources, strict=False)
        if source not in selection.dataset.personal and source not in selection.export.hash
    ]
    if not shown:
        return []
    where, values = selection.within(period)
    found = run(
        connection,
        "SELECT {shown} FROM {table} AS source WHERE {where} AND {condition} ORDER BY {order} LIMIT 5",
        [*values, *selection.values],
        shown=joined(", ", shown),
        table=table,
        where=where,
        condition=selection.condition,
        order=selection.order,
    )
    titles = [column[0] for column in found.description or []]
    return [dict(zip(titles, row, strict=True)) for row in found.fetchall()]


def _sites(
    connection: duckdb.DuckDBPyConnection, table: Sql, selection: Selection, where: Sql, values: list[Any]
) -> list[str]:
    """Sites with rows in the period: one that left the client file keeps its files."""
    found = run(
        connection,
        "SELECT DISTINCT source.site_id FROM {table} AS source "
        "WHERE {where} AND {condition} AND source.site_id IS NOT NULL ORDER BY 1",
        [*values, *selection.values],
        table=table,
        where=where,
        condition=selection.condition,
    )
    return [row[0] for row in found.fetchall()]


def _write(
    connection: duckdb.DuckDBPyConnection,
    table: Sql,
    selection: Selection,
    where: Sql,
    values: list[Any],
    stem: Path,
) -> list[tuple[Path, int]]:
    """Files of one site or of all: one, or as many parts as keep each below the largest size."""
    path = stem.with_name(f"{stem.name}.0")
    rows = _copy(connection, table, selection, where, values, path)
    largest = selection.export.max_file_bytes
    size = path.stat().st_size
    pieces = 1
    written = [(path, rows)]
    while rows > pieces and any(p.stat().st_size > largest for p, _ in written):
        # A tenth more than needed: rows differ in size. What is still too large is cut finer.
        pieces = min(rows, max(pieces * 2 if pieces > 1 else 0, math.ceil(size / largest * 1.1)))
        for part, _ in written:
            part.unlink()
        each = math.ceil(rows / pieces)
        written = []
        for n in range(math.ceil(rows / each)):
            part = stem.with_name(f"{stem.name}.{n}")
            limit = sql(" LIMIT {each} OFFSET {first}", each=number(each), first=number(n * each))
            written.append((part, _copy(connection, table, selection, where, values, part, limit)))
    return written


def _copy(
    connection: duckdb.DuckDBPyConnection,
    table: Sql,
    selection: Selection,
    where: Sql,
    values: list[Any],
    path: Path,
    limit: Sql = NO_LIMIT,
) -> int:
    try:
        return _count(
            connection,
            # Sorted first, and written in that order: cells of text are made once the rows lie where they go.
            sql(
                "COPY (SELECT {cells} FROM (SELECT * FROM {table} AS source "
                "WHERE {where} AND {condition} ORDER BY {order}{limit}) AS source) TO ? ({options})",
                cells=joined(", ", selection.cells),
                table=table,
                where=where,
                condition=selection.condition,
                order=selection.order,
                limit=limit,
                options=_options(FORMATS[selection.export.format].written(selection.export.compression)),
            ),
            # DuckDB counts the place of the file first, wherever it stands.
            [str(path), *values, *selection.values],
        )
    except duckdb.ConversionException as error:
        raise ConfigError(f"filter: {str(error).splitlines()[0]}") from None
    except duckdb.IOException as error:
        raise OSError(28 if "No space" in str(error) else 5, str(error).splitlines()[0]) from None


def _options(written: Mapping[str, str | int | bool]) -> Sql:
    pieces = (sql("{key} {value}", key=name(key), value=_option(each)) for key, each in written.items())
    return joined(", ", pieces)


def _option(value: str | int | bool) -> Sql:
    if isinstance(value, bool):
        return TRUE if value else FALSE
    return number(value) if isinstance(value, int) else text(value)


def _count(connection: duckdb.DuckDBPyConnection, statement: Sql, values: list[Any]) -> int:
    found = run(connection, "{statement}", values, statement=statement).fetchone()
    assert found is not None, "COPY and count answer with a number"
    return int(found[0])
