"""One period of one export as files: the same rows give the same bytes, whatever the order they came in."""

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from footfall import keys
from footfall.failures import ConfigError
from footfall.manifest import DeliveredFile
from orchestration.delivery.selection import Selection

#: Rows of a Parquet row group: a reader's smallest unit of work. Fixed, because it is part of the bytes.
ROW_GROUP = 122_880


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
    start: datetime,
    prefix: str,
    folder: Path,
    table: str = "",
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
    where, values = selection.period(start)
    table = table or f"main.{selection.dataset.table}"
    sites = [site.site_id for site in selection.client.sites] if export.split == "site" else [None]
    if export.split == "site":
        sites += [s for s in _sites(connection, table, selection, where, values) if s not in sites]
    for site in sites:
        narrowed = f"{where} AND source.site_id = ?" if site else where
        bound = [*values, site] if site else values
        written = _write(connection, table, selection, narrowed, bound, folder / f"{site or 'all'}")
        for part, (path, rows) in enumerate(written, 1):
            sha256 = hash_file(path)
            name = keys.file_name(
                export.name,
                start,
                export.cadence,
                sha256,
                export.extension,
                site=site or "",
                part=part if len(written) > 1 else 0,
            )
            files.append(DeliveredFile(prefix + name, path.stat().st_size, sha256, rows, site))
            paths.append(path)
    delivered = sum(file.rows for file in files)
    rows = delivered
    if selection.condition != "true":
        rows = _count(connection, f"SELECT count(*) FROM {table} AS source WHERE {where}", values)
    return Rendered(tuple(files), tuple(paths), rows, delivered, rows - delivered)


def hash_file(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def preview(
    connection: duckdb.DuckDBPyConnection,
    selection: Selection,
    start: datetime,
    hidden: frozenset[str],
    table: str,
) -> list[dict[str, Any]]:
    """The first five rows, without columns about persons and without those that are hashed."""
    shown = [
        cell
        for cell, source in zip(selection.cells, selection.sources, strict=False)
        if source not in hidden and source not in selection.export.hash
    ]
    if not shown:
        return []
    where, values = selection.period(start)
    found = connection.execute(
        f"SELECT {', '.join(shown)} FROM {table} AS source "
        f"WHERE {where} AND {selection.condition} ORDER BY {selection.order} LIMIT 5",
        [*values, *selection.values],
    )
    names = [column[0] for column in found.description or []]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _sites(
    connection: duckdb.DuckDBPyConnection, table: str, selection: Selection, where: str, values: list[Any]
) -> list[str]:
    """Sites with rows in the period: one that left the client file keeps its files."""
    found = connection.execute(
        f"SELECT DISTINCT source.site_id FROM {table} AS source "
        f"WHERE {where} AND {selection.condition} AND source.site_id IS NOT NULL ORDER BY 1",
        [*values, *selection.values],
    )
    return [row[0] for row in found.fetchall()]


def _write(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    selection: Selection,
    where: str,
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
            limit = f" LIMIT {each} OFFSET {n * each}"
            written.append((part, _copy(connection, table, selection, where, values, part, limit)))
    return written


def _copy(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    selection: Selection,
    where: str,
    values: list[Any],
    path: Path,
    limit: str = "",
) -> int:
    quoted = str(path).replace("'", "''")
    try:
        return _count(
            connection,
            # Sorted first, and written in that order: cells of text are made once the rows lie where they go.
            f"COPY (SELECT {', '.join(selection.cells)} FROM (SELECT * FROM {table} AS source "
            f"WHERE {where} AND {selection.condition} ORDER BY {selection.order}{limit}) AS source) "
            f"TO '{quoted}' ({_options(selection)})",
            [*values, *selection.values],
        )
    except duckdb.ConversionException as error:
        raise ConfigError(f"filter: {str(error).splitlines()[0]}") from None
    except duckdb.IOException as error:
        raise OSError(28 if "No space" in str(error) else 5, str(error).splitlines()[0]) from None


def _options(selection: Selection) -> str:
    export = selection.export
    if export.format == "parquet":
        codec = {"none": "zstd", "zstd": "zstd", "gzip": "gzip"}[export.compression]
        return f"FORMAT parquet, COMPRESSION {codec}, ROW_GROUP_SIZE {ROW_GROUP}"
    compression = f"COMPRESSION {export.compression}"
    if export.format == "jsonl":
        return f"FORMAT json, {compression}"
    return f"FORMAT csv, HEADER true, DELIMITER ',', QUOTE '\"', ESCAPE '\"', NULLSTR '', {compression}"


def _count(connection: duckdb.DuckDBPyConnection, sql: str, values: list[Any]) -> int:
    found = connection.execute(sql, values).fetchone()
    assert found is not None, "COPY and count answer with a number"
    return int(found[0])
