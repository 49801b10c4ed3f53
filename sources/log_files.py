"""A log file → its lines in pieces, each with the layout that its format and its own headers give.

Damage is found before any line is converted: a file is read to its end first.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from footfall.errors import FootfallError
from footfall.json_text import is_utf8
from sources import log_columns
from sources.contents import Content, examined, line_chunks
from sources.json_names import fields_of, lacking
from sources.layouts import (
    DELIMITERS,
    TAB,
    Layout,
    column_format,
    json_format,
    json_objects,
    of_columns,
    of_json,
    of_table,
)
from sources.log_formats import BY_NAME, LogFormat

#: Bytes of one log line. CloudFront cuts a URL at 8 KB and a header at 20 KB; a byte may be written `%25XX`.
MAX_LINE_BYTES = 256 * 1024
#: The part of the first lines that is JSON where a file is a log in JSON, at least.
MOST_JSON = 0.5
#: Headers of one log file that differ. Logs that were joined have one for each of their parts.
MAX_HEADERS = 1000
#: Bytes that one log object of a bucket may hold; CloudFront writes at most some 50 MB.
MAX_BYTES = 1 << 28
#: Lines, or rows, of one log object: 50 MB are half a million at most.
MAX_LINES = 10_000_000
#: Rows of Parquet that are read together, and bytes of their texts.
_ROWS, _ROW_BYTES = 8192, 64 << 20
_PARQUET = b"PAR1"
_HEADER = b"#Fields:"
#: Comments at the beginning of a text, and what stands between two ends of lines.
_COMMENTS, _LINE = re.compile(rb"(?:#[^\n]*\n)*+"), re.compile(rb"[^\n]+")
#: Lines that tell what stands between columns.
_TELLING = 100


@dataclass(frozen=True)
class LogFile:
    """A log that was read to its end. `layout` None: its own headers, names or columns give it."""

    key: str
    content: Content
    form: LogFormat
    layout: Layout | None = None

    @property
    def is_parquet(self) -> bool:
        """Whether its rows are in columns."""
        return self.content.head.startswith(_PARQUET)


def read_whole(path: Path, *, is_bounded: bool = False) -> Content:
    """Read a file to its end. `is_bounded`: it is a stranger's, who sends us one after the other. Raises
    FootfallError.
    """
    max_bytes, max_lines = (MAX_BYTES, MAX_LINES) if is_bounded else (None, None)
    return examined(path, max_bytes=max_bytes, max_lines=max_lines)


def first_lines(content: Content, most: int) -> list[bytes]:
    """The first lines of a file that are not blank, whole ones."""
    head = content.head.removeprefix(b"\xef\xbb\xbf")
    lines = head.split(b"\n")
    if content.size > len(content.head):
        lines.pop()
    found = (line.rstrip(b"\r") for line in lines if line.strip())
    return list(islice(found, most))


def own_format(
    content: Content, lines: Sequence[bytes], records: Sequence[Mapping[str, Any]]
) -> LogFormat | None:
    """The format that a file names itself, by its header, its columns or its names; None where it does not.

    `lines`: its first ones; `records`: what those of them say that are JSON. Raises FootfallError where it
    names one and cannot be it.
    """
    if content.head.startswith(_PARQUET):
        return BY_NAME["cloudfront"]
    if not lines:
        return None
    if len(records) >= MOST_JSON * len(lines):
        return _format_of(records)
    for line in lines:
        if line.startswith(_HEADER):
            columns = log_columns.from_header(line.decode("latin-1"))
            return column_format(
                columns, is_tabbed=not any(b"\t" not in each for each in lines if each[:1] != b"#")
            )
    if lines[0].count(b"\t") + 1 >= log_columns.FEWEST:
        log_columns.from_width(lines[0].count(b"\t") + 1)
        return BY_NAME["cloudfront"]
    return None


def _format_of(records: Sequence[Mapping[str, Any]]) -> LogFormat:
    """The format of most JSON lines that are requests: a server may write of itself between them."""
    found = Counter(json_format(record) for record in records)
    json = BY_NAME["json"]
    if found[json] and len(found) > 1:
        found[json] = sum(
            not lacking(fields_of([record])) for record in records if json_format(record) is json
        )
    return found.most_common(1)[0][0]


def tables(log: LogFile) -> Iterator[tuple[Layout, pa.Table]]:
    """The lines of a file: tables of line_number and line, without what is blank or a comment.

    Raises FootfallError where the file is not what it was when it was read first, or a header in it is
    foreign.
    """
    if log.is_parquet:
        yield from _of_parquet(log)
        return
    digest = hashlib.sha256()
    columns = _Columns(log) if log.layout is None and log.form.shape == "columns" else None
    layout = log.layout or (of_json(log.form) if log.form.shape == "json" else None)
    if log.form.shape == "columns" and json_objects(first_lines(log.content, 1)):
        columns, layout = None, of_json(log.form)
    for first, raw in line_chunks(log.content.path, digest.update, MAX_LINE_BYTES):
        text = _plain(raw)
        if columns is not None:
            yield from columns.parts(first, text)
        elif layout is not None:
            yield layout, _table_of(first, text)
    if digest.hexdigest() != log.content.sha256:
        raise FootfallError(
            f"{log.content.path} changed while it was read: import it when nothing writes to it"
        )


def _plain(text: bytes) -> bytes:
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b" ")
    if b"\0" in text:
        text = text.replace(b"\0", "\ufffd".encode())
    return text


class _Columns:
    """The headers of a file as far as it was read."""

    def __init__(self, log: LogFile) -> None:
        self._form = log.form
        self._columns: tuple[str, ...] | None = None
        self._layout: Layout | None = None
        self._headers: set[tuple[str, ...]] = set()

    def parts(self, first: int, text: bytes) -> Iterator[tuple[Layout, pa.Table]]:
        """The lines of a piece, by the header that is in force."""
        comments = _COMMENTS.match(text)
        begin = comments.end() if comments else 0
        if text.find(b"\n#", max(begin - 1, 0)) >= 0:
            yield from self._parts_by_line(first, text.split(b"\n")[:-1])
            return
        for line in text[:begin].split(b"\n"):
            self._take(line)
        lines = text[begin:]
        layout = self._layout_of(found[0] for found in _LINE.finditer(lines) if found[0].strip())
        if layout is not None:
            yield layout, _table_of(first + text.count(b"\n", 0, begin), lines)

    def _parts_by_line(self, first: int, lines: Sequence[bytes]) -> Iterator[tuple[Layout, pa.Table]]:
        """The same where comments stand between other lines."""
        begin = 0
        ends = [n for n, line in enumerate(lines) if line.startswith(_HEADER)]
        for end in [*ends, len(lines)]:
            said = range(begin, end)
            said_lines = [
                (first + n, lines[n]) for n in said if not lines[n].startswith(b"#") and lines[n].strip()
            ]
            layout = self._layout_of(line for _, line in said_lines)
            if layout is not None:
                numbers, texts = zip(*said_lines, strict=True)
                yield layout, line_table(numbers, texts)
            if end < len(lines):
                self._take(lines[end])
            begin = end + 1

    def _take(self, line: bytes) -> None:
        """From here on a header is in force, where the line is one."""
        if line.startswith(_HEADER):
            self._columns = log_columns.from_header(line.decode("latin-1"))
            self._layout = None
            self._headers.add(self._columns)
            if len(self._headers) > MAX_HEADERS:
                raise FootfallError(f"more than {MAX_HEADERS} headers that differ")

    def _layout_of(self, lines: Iterator[bytes]) -> Layout | None:
        """What cuts these lines, none of which is blank; None where there are none."""
        told = list(islice(lines, 1 if self._layout else _TELLING))
        if not told:
            return None
        if self._columns is None:
            self._columns = log_columns.from_width(told[0].count(b"\t") + 1)
        if self._layout is None:
            width = len(self._columns)
            usual = " " if self._form.name == "w3c" else TAB
            marks = (TAB, *DELIMITERS)
            fitting = (mark for line in told for mark in marks if line.count(mark.encode()) + 1 == width)
            self._layout = of_columns(self._form, self._columns, next(fitting, usual))
        return self._layout


def _table_of(first: int, text: bytes) -> pa.Table:
    """Lines, each with its end, that are not blank, behind their numbers from `first` on.

    They stay where they are, and Arrow is told where each begins: a Python object for each takes ten times
    as long, and is for those that are no UTF-8.
    """
    if not is_utf8(text):
        lines = text.split(b"\n")[:-1]
        return line_table(range(first, first + len(lines)), lines)
    written = np.frombuffer(text, dtype=np.uint8)
    begins = np.concatenate(([0], np.flatnonzero(written == ord("\n")) + 1)).astype(np.int32)
    count = len(begins) - 1
    ended = pa.StringArray.from_buffers(count, pa.py_buffer(begins), pa.py_buffer(text))
    table = pa.table(
        {
            "line_number": pa.array(np.arange(first, first + count)),
            "line": pc.ascii_rtrim(ended, characters="\n"),
        }
    )
    if (written[begins[:-1]] > ord(" ")).all():
        return table
    return table.filter(pc.not_equal(pc.ascii_trim_whitespace(table["line"]), ""))


def line_table(numbers: Sequence[int], lines: Sequence[bytes]) -> pa.Table:
    """Lines that are not blank, behind their numbers."""
    if not all(lines) or any(line.isspace() for line in lines if len(line) < 3):
        kept = [(n, line) for n, line in zip(numbers, lines, strict=True) if line.strip()]
        numbers, lines = [n for n, _ in kept], [line for _, line in kept]
    return pa.table({"line_number": pa.array(numbers, pa.int64()), "line": _texts(lines)})


def _texts(lines: Sequence[bytes]) -> pa.Array:
    """As UTF-8; a line that is none is Latin-1, which reads every byte."""
    found = pa.array(lines, pa.binary())
    try:
        return found.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([_text(line) for line in lines], pa.string())


def _text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


def _of_parquet(log: LogFile) -> Iterator[tuple[Layout, pa.Table]]:
    import pyarrow.parquet as parquet  # for those who have any

    try:
        with parquet.ParquetFile(log.content.path) as file:
            names = file.schema_arrow.names
            texts = [each.name for each in file.schema_arrow if pa.types.is_string(each.type)]
            if file.metadata.num_rows > MAX_LINES:
                raise FootfallError(f"more than {MAX_LINES} rows")
            log_columns.checked(names)
            used = [each for each in names if log_columns.plain_name(each) in log.form.fields]
        layout = of_table(log.form, used)
        first = 1
        # A text that is said ten million times is held once until it is known how much it makes.
        with parquet.ParquetFile(log.content.path, read_dictionary=texts) as file:
            for batch in file.iter_batches(_ROWS, columns=used):
                _require_small(batch)
                numbers = pa.array(range(first, first + batch.num_rows), pa.int64())
                first += batch.num_rows
                table = pa.table(
                    {
                        name: column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
                        for name, column in zip(batch.schema.names, batch.columns, strict=True)
                    }
                )
                yield layout, _with_number(table, numbers)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise FootfallError(f"a Parquet file that cannot be read: {str(error).splitlines()[0]}") from None


def _with_number(table: pa.Table, numbers: pa.Array) -> pa.Table:
    if "line_number" in table.column_names:
        table = table.drop_columns(["line_number"])
    return table.append_column("line_number", numbers)


def _require_small(batch: pa.RecordBatch) -> None:
    total = 0
    for column in batch.columns:
        if pa.types.is_dictionary(column.type):
            lengths = pc.binary_length(column.dictionary).take(column.indices)
            total += pc.sum(lengths).as_py() or 0
    if total > _ROW_BYTES:
        raise FootfallError(f"{batch.num_rows} rows hold more than {_ROW_BYTES} bytes of text")
