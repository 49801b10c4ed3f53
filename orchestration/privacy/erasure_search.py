"""Whether a text of somebody stands in a file, however it is packed: plain, gzip, zstd, Parquet, SQLite."""

import csv
import gzip
import io
import json
import re
import string
import zlib
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import quote

import zstandard

#: What most ids are: looked up as words, so that ten thousand cost as one.
_WORD = re.compile(rb"[0-9A-Za-z_-]{8,128}")
_IN_WORDS = string.ascii_letters.encode() + string.digits.encode() + b"_-"
#: One behind a percent-encoded sign (`%3Danna-4711`).
_ENCODED_WORD = re.compile(rb"%[0-9A-Fa-f]{2}([0-9A-Za-z_-]{8,128})")
#: An id in a text: with no sign of a word beside it but one that is percent-encoded before it.
_AS_WORD = r"(?:(?<![\w-])|(?<=%[0-9A-Fa-f]{{2}})){}(?![\w-])"
#: Shorter ones are in every file by chance.
SHORTEST = 6
#: Bytes and rows of a file that are held at once; characters that a cell may have.
_PIECE, _ROWS, _LONGEST_CELL = 1 << 20, 4096, 1 << 28
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
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
        self._short = {each for each in self._others if not each.strip(_IN_WORDS)}
        self.cells = {each.decode() for each in all_of_them}

    def are_in(self, data: bytes) -> bool:
        """Whether one of them stands in these bytes or in what is packed in them."""
        return self._are_in(io.BytesIO(data))

    def are_in_file(self, path: Path) -> bool:
        """The same of a local file, of which little is held at once; not in one that has just gone."""
        try:
            with path.open("rb") as file:
                return self._are_in(file)
        except FileNotFoundError:
            return False

    def are_cells(self, data: bytes, columns: Collection[str]) -> bool:
        """Whether one of them is a cell of a delivered file, in columns of these names.

        Of one that cannot be read as a table its bytes were looked at.
        """
        return self._are_cells(io.BytesIO(data), columns)

    def are_cells_of_file(self, path: Path, columns: Collection[str]) -> bool:
        """The same of a local file; not of one that has just gone."""
        try:
            with path.open("rb") as file:
                return self._are_cells(file, columns)
        except FileNotFoundError:
            return False

    def are_rows_of_file(self, path: Path, columns: Collection[str]) -> bool:
        """Whether a row of a delivered file is of one of them: a cell of columns of these names."""
        try:
            with path.open("rb") as file:
                return any(each in self.cells for each in _texts_of(file, columns))
        except (FileNotFoundError, *_NO_TABLE):
            return False

    def replaced(self, text: str, by: str) -> str:
        """A text with something else in the place of each of them, percent-encoded ones too."""
        data = text.encode("utf-8", "surrogatepass")
        there = {each for each in (*_WORD.findall(data), *_ENCODED_WORD.findall(data)) if each in self._words}
        for word in sorted({*there, *self._short}, key=len, reverse=True):
            text = re.sub(_AS_WORD.format(re.escape(word.decode())), by, text, flags=re.ASCII)
        for each in self._others:
            if each not in self._short:
                encoded = re.escape(quote(each, safe=""))
                text = re.sub(f"{re.escape(each.decode())}|(?i:{encoded})", by, text)
        return text

    def _are_in(self, file: BinaryIO) -> bool:
        try:
            return self._in_pieces(_content(file))
        except _NOT_PACKED:
            file.seek(0)
            return self._in_pieces(_pieces(file))

    def _have_words(self, data: bytes) -> bool:
        return any(word in self._words for word in _WORD.findall(data)) or (
            b"%" in data and any(word in self._words for word in _ENCODED_WORD.findall(data))
        )

    def _in_pieces(self, pieces: Iterable[bytes]) -> bool:
        """Whether one stands in what is read piece by piece, where two of them meet too."""
        words, others = b"", b""
        reach = max((len(each) for each in self._others), default=1) - 1
        for piece in pieces:
            whole = words + piece
            cut = _end_of_words(whole)
            if self._have_words(whole[:cut]):
                return True
            words = whole[cut:]
            both = others + piece
            if any(each in both for each in self._others):
                return True
            others = both[-reach:] if reach else b""
        return self._have_words(words)

    def _are_cells(self, file: BinaryIO, columns: Collection[str]) -> bool:
        if len(self._words) == len(self.cells):
            return False
        try:
            return any(each in self.cells for each in _texts_of(file, columns))
        except _NO_TABLE:
            return False


def _end_of_words(data: bytes) -> int:
    """Where the last word that may go on in the next piece begins. What is longer than a piece is no word."""
    begin = len(data.rstrip(_IN_WORDS))
    if data[begin - 1 : begin] == b"%":
        begin -= 1  # what is encoded (`%3D`) may stand in front of a word, and says where it begins
    return begin if len(data) - begin <= _PIECE else len(data)


def _content(file: BinaryIO) -> Iterator[bytes]:
    """What a file holds, in pieces: unpacked, where it is packed (its own bytes show parts of words); of
    Parquet the texts of its cells. Raises what _NOT_PACKED has of a file that only looks like it.
    """
    begin = file.read(4)
    file.seek(0)
    return _cells(file) if begin == b"PAR1" else _pieces(_unpacked(file, begin))


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece


def _unpacked(file: BinaryIO, begin: bytes) -> BinaryIO:
    if begin[:2] == _GZIP:
        return cast(BinaryIO, gzip.GzipFile(fileobj=file))
    if begin == _ZSTD:
        return cast(
            BinaryIO, zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True, closefd=False)
        )
    return file


def _cells(file: BinaryIO) -> Iterator[bytes]:
    # Imported here: it takes a quarter of a second.
    import pyarrow as pa
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(file).iter_batches(_ROWS):
        for column in batch.columns:
            if not pa.types.is_primitive(column.type):
                yield "\n".join(str(each) for each in column.to_pylist() if each).encode() + b"\n"


def _texts_of(file: BinaryIO, columns: Collection[str]) -> Iterator[str]:
    begin = file.read(4)
    file.seek(0)
    if begin == b"PAR1":
        import pyarrow.parquet as pq

        table = pq.ParquetFile(file)
        named = [each for each in table.schema_arrow.names if each in columns]
        for batch in table.iter_batches(_ROWS, columns=named):
            for column in batch.columns:
                yield from (each for each in column.to_pylist() if isinstance(each, str))
        return
    plain = io.BufferedReader(cast(io.RawIOBase, _unpacked(file, begin)))
    is_json = plain.peek(1)[:1] == b"{"
    lines = io.TextIOWrapper(plain, "utf-8", newline="")
    rows: Iterable[Any] = map(json.loads, lines) if is_json else csv.DictReader(lines)
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))
    try:
        for row in rows:
            for each in columns:
                if isinstance(cell := row.get(each), str):
                    # A CSV may have an apostrophe in front of what a spreadsheet would run.
                    yield from (cell, cell.removeprefix("'"))
    finally:
        lines.detach().detach()  # whoever opened the file closes it
