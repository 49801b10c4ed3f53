"""Whether a text of somebody stands in a file, however it is packed: plain, gzip, zstd, Parquet, SQLite."""

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import zstandard

#: What most ids are: looked up as words, so that ten thousand cost as one.
_WORD = re.compile(rb"[0-9A-Za-z_-]{8,128}")
#: Shorter ones are in every file by chance.
SHORTEST = 6
#: What is raised of bytes that only look packed, or like Parquet; and of those that are no table at all.
_NOT_PACKED = (OSError, EOFError, ValueError, NotImplementedError, zlib.error, zstandard.ZstdError)
_NO_TABLE = (*_NOT_PACKED, csv.Error, AttributeError, RecursionError)


class Needles:
    """Texts to look for.

    Bytes show no text of fewer than SHORTEST characters, and none that a format writes otherwise than it is
    (a quote in it): such are looked for as whole cells (`are_cells`).
    """

    def __init__(self, texts: Iterable[str]) -> None:
        all_of_them = {each.encode() for each in texts}
        self._words = {each for each in all_of_them if _WORD.fullmatch(each)}
        self._others = sorted(
            each for each in all_of_them if each not in self._words and len(each) >= SHORTEST
        )
        self.cells = {each.decode() for each in all_of_them}

    def are_in(self, data: bytes) -> bool:
        """Whether one of them stands in these bytes or in what is packed in them."""
        return any(self._in_plain(each) for each in unpacked(data))

    def are_cells(self, data: bytes, columns: Collection[str]) -> bool:
        """Whether one of them is a cell of a delivered file, in columns of these names.

        Of one that cannot be read as a table its bytes were looked at.
        """
        if len(self._words) == len(self.cells):
            return False
        try:
            return any(each in self.cells for each in _texts_of(data, columns))
        except _NO_TABLE:
            return False

    def are_cells_of_file(self, path: Path, columns: Collection[str]) -> bool:
        """The same of a local file; not of one that has just gone."""
        try:
            return self.are_cells(path.read_bytes(), columns)
        except FileNotFoundError:
            return False

    def _in_plain(self, data: bytes) -> bool:
        return any(word in self._words for word in _WORD.findall(data)) or any(
            each in data for each in self._others
        )

    def are_in_file(self, path: Path) -> bool:
        """The same of a local file; not in one that has just gone."""
        try:
            return self.are_in(path.read_bytes())
        except FileNotFoundError:
            return False


def unpacked(data: bytes) -> Iterator[bytes]:
    """The bytes, and what they are when they are unpacked; Parquet as the texts of its cells."""
    yield data
    try:
        if data[:2] == b"\x1f\x8b":
            yield gzip.decompress(data)
        elif data[:4] == b"\x28\xb5\x2f\xfd":
            yield zstandard.ZstdDecompressor().decompressobj().decompress(data)
        elif data[:4] == b"PAR1":
            yield from _cells(data)
    except _NOT_PACKED:
        return  # no such file after all; its bytes were looked at


def _cells(data: bytes) -> Iterator[bytes]:
    # Imported here: it takes a quarter of a second.
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(io.BytesIO(data))
    for batch in file.iter_batches():
        for column in batch.columns:
            if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                yield "\n".join(each for each in column.to_pylist() if each).encode()


def _texts_of(data: bytes, columns: Collection[str]) -> Iterator[str]:
    if data[:4] == b"PAR1":
        import pyarrow.parquet as pq

        file = pq.ParquetFile(io.BytesIO(data))
        named = [each for each in file.schema_arrow.names if each in columns]
        for batch in file.iter_batches(columns=named):
            for column in batch.columns:
                yield from (each for each in column.to_pylist() if isinstance(each, str))
        return
    *_, plain = unpacked(data)
    lines = io.TextIOWrapper(io.BytesIO(plain), "utf-8", newline="")
    rows: Iterable[Any] = csv.DictReader(lines)
    if plain[:1] == b"{":
        rows = map(json.loads, lines)
    else:
        csv.field_size_limit(max(csv.field_size_limit(), len(plain)))
    for row in rows:
        for each in columns:
            if isinstance(cell := row.get(each), str):
                # A CSV may have an apostrophe in front of what a spreadsheet would run.
                yield from (cell, cell.removeprefix("'"))
