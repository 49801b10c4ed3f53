"""The rows of an export as objects, whatever they lie in: lines of JSON, an array, CSV, TSV, Parquet.

Which of these it is, the file tells. Plain or compressed, in bounded memory but for an array, which is one
value.
"""

import codecs
import csv
import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import msgspec

from footfall.errors import FootfallError
from footfall.event import Refusal, Refused
from footfall.json_text import without_unreadable
from footfall.odd_json import as_json
from sources.contents import MAX_LINE_BYTES, content_pieces, numbered_lines
from sources.tools.export import Tool

#: Bytes of an array of JSON, which is read as a whole. Matomo gives 1,000 visits in some 5 MB.
MAX_ARRAY_BYTES = 256 << 20
#: Characters of the lines of one row of a table, and rows with a quote that is not closed of which the lines
#: behind it are read once more; after so many nobody can say what is a row.
MAX_ROW_CHARACTERS, MAX_OPEN_QUOTES = 256 << 10, 1000
#: How databases write that there is nothing: Postgres, MySQL and ClickHouse, and the client of MySQL.
_NULLS = frozenset(("", "\\N", "NULL"))
_PARQUET = b"PAR1"
#: White space, and the zero bytes of a file that was cut while it was written.
_BLANK = b" \t\r\n\0"
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True)
class Row:
    """A row by its number from 1. `raw`: its text, for quarantine; `problem`: why it is none."""

    number: int
    raw: bytes
    fields: dict[str, Any] | None
    problem: Refused | None = None


def json_rows(path: Path, seen: Callable[[bytes], None]) -> Iterator[Row]:
    """A JSON object a line. Raises FootfallError where the file cannot be read."""
    for number, line in numbered_lines(path, seen):
        yield _row(number, line)


def tool_rows(path: Path, tool: Tool, seen: Callable[[bytes], None]) -> Iterator[Row]:
    """The rows of a tool's export. `seen` gets the bytes of the file, in whatever pieces.

    Raises FootfallError where it cannot be read, or is a table of something else.
    """
    head = next(content_pieces(path), b"")
    if not head.strip(_BLANK):
        return _of_nothing(path, seen)
    if head.startswith(_PARQUET):
        return _of_parquet(path, tool, seen)
    start = head.removeprefix(codecs.BOM_UTF8).lstrip(_BLANK)[:1]
    if start == b"[":
        return _of_array(path, seen)
    if start == b"{":
        return json_rows(path, seen)
    return _of_table(path, tool, seen)


def _of_nothing(path: Path, seen: Callable[[bytes], None]) -> Iterator[Row]:
    """Of an empty file nothing; one that begins with a long blank is read as a table."""
    for piece in content_pieces(path):
        seen(piece)
        if piece.strip(_BLANK):
            raise FootfallError(f"{path} begins with {len(piece)} blank bytes: export it again")
    yield from ()


def _of_array(path: Path, seen: Callable[[bytes], None]) -> Iterator[Row]:
    text = bytearray()
    for piece in content_pieces(path):
        seen(piece)
        text += piece
        if len(text) > MAX_ARRAY_BYTES:
            raise FootfallError(
                f"{path} is one JSON array of more than {MAX_ARRAY_BYTES} bytes: export it in parts, or as a "
                "JSON object a line; nothing was imported"
            )
    try:
        values = msgspec.json.decode(text.removeprefix(codecs.BOM_UTF8), type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise FootfallError(f"{path} begins like a JSON array and is none: export it again") from None
    for number, value in enumerate(values, 1):
        yield _row(number, bytes(value))


def _of_table(path: Path, tool: Tool, seen: Callable[[bytes], None]) -> Iterator[Row]:
    """CSV or TSV with a line of names, or with the columns that the tool's file says."""
    lines = _Lines(_texts(path, seen))
    first = next((line for line in lines if line.strip()), "")
    delimiter = max("\t,;", key=first.count)
    try:
        names = next(csv.reader([first], delimiter=delimiter), [])
    except csv.Error as error:
        raise FootfallError(f"{path} is no table: its first line is no line of CSV ({error})") from None
    if tool.export.columns and not tool.export.is_known(names):
        names = tool.export.columns
        yield _table_row(1, next(csv.reader([first], delimiter=delimiter, quoting=csv.QUOTE_NONE)), names)
        quoting: Literal[0, 3] = csv.QUOTE_NONE
    else:
        require_known(path, tool, names)
        quoting = csv.QUOTE_MINIMAL
    reader = csv.reader(lines, delimiter=delimiter, quoting=quoting)
    number, again = 1, 0
    while True:
        number += 1
        lines.begin()
        problem = ""
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cells, problem = [], f"no line of CSV: {error}"
        if len(lines.taken) > 1 and len(cells) != len(names) and again < MAX_OPEN_QUOTES:
            # A quote that nobody closed: its line is bad, those that it took along are read by themselves.
            again += 1
            bad = lines.give_back()
            reader = csv.reader(lines, delimiter=delimiter, quoting=quoting)
            cells = next(csv.reader([bad], delimiter=delimiter, quoting=csv.QUOTE_NONE))
            problem = "a quote is opened in it and not closed"
        if cells or problem:
            yield _table_row(number, cells, names, problem)


class _Lines:
    """Lines of a table, which can be given back when a row has taken too many."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._back: deque[str] = deque()
        self.taken: list[str] = []
        self._size = 0

    def begin(self) -> None:
        """A row begins."""
        self.taken, self._size = [], 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else next(self._lines)
        self.taken.append(line)
        self._size += len(line)
        if len(self.taken) > 1 and self._size > MAX_ROW_CHARACTERS:
            raise csv.Error("longer than any row")
        return line

    def give_back(self) -> str:
        """The first line of those that were taken; the others come again."""
        first, *others = self.taken
        self._back.extendleft(reversed(others))
        return first


def _table_row(number: int, cells: list[str], names: list[str], problem: str = "") -> Row:
    cut = zip(names, cells, strict=False)
    fields: dict[str, Any] = {name: cell for name, cell in cut if cell not in _NULLS}
    raw = msgspec.json.encode(fields)
    if problem:
        return Row(number, raw, None, Refused(Refusal.MALFORMED_LOG_LINE, problem))
    if len(cells) != len(names):
        detail = f"{len(cells)} columns, expected {len(names)}"
        return Row(number, raw, None, Refused(Refusal.MALFORMED_LOG_LINE, detail))
    return Row(number, raw, fields)


def _texts(path: Path, seen: Callable[[bytes], None]) -> Iterator[str]:
    """The lines with their ends: a cell may hold one."""
    rest = b""
    is_first = True
    is_old = None
    for piece in content_pieces(path):
        seen(piece)
        if is_old is None:
            is_old = b"\r" in piece and b"\n" not in piece  # lines end as on an old Macintosh
        piece = piece.replace(b"\r", b"\n") if is_old else piece
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield _text(line, is_first)
            is_first = False
        if len(rest) > MAX_LINE_BYTES:
            rest = rest[: MAX_LINE_BYTES + 1]
    if rest:
        yield _text(rest, is_first)


def _text(line: bytes, is_first: bool) -> str:
    line = line.removeprefix(codecs.BOM_UTF8) if is_first else line
    return line.decode("utf-8", "replace").replace("\0", "\ufffd").removesuffix("\r") + "\n"


def _of_parquet(path: Path, tool: Tool, seen: Callable[[bytes], None]) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for piece in content_pieces(path):
        seen(piece)
    try:
        with pq.ParquetFile(path) as file:
            require_known(path, tool, file.schema_arrow.names)
            number = 0
            for batch in file.iter_batches(batch_size=1000):
                for fields in batch.to_pylist():
                    number += 1
                    yield _row(number, json.dumps(fields, default=_plain).encode())
    except (pa.ArrowException, OSError) as error:
        raise FootfallError(
            f"{path} cannot be read as Parquet ({type(error).__name__}): copy it again"
        ) from None


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _row(number: int, raw: bytes) -> Row:
    if len(raw) > MAX_LINE_BYTES:
        detail = f"longer than {MAX_LINE_BYTES} bytes"
        return Row(number, raw, None, Refused(Refusal.EVENT_TOO_LARGE, detail))
    fields = _read(raw)
    if fields is None:
        raw = as_json(without_unreadable(raw))
        fields = _read(raw)
    if not isinstance(fields, dict):
        return Row(number, raw, None, Refused(Refusal.MALFORMED_JSON, "not one JSON object on the line"))
    return Row(number, raw, fields)


def _read(raw: bytes) -> Any:
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def require_known(path: Path, tool: Tool, names: list[str]) -> None:
    """Raises FootfallError for a table that is no export of events of this tool."""
    if tool.export.is_known(names):
        return
    if tool.export.sums and set(tool.export.sums) <= set(names):
        raise FootfallError(
            f"{path} holds sums by day and no events: give it to `footfall import --compare`, which puts "
            "them beside ours; nothing was imported"
        )
    raise FootfallError(
        f"{path} is no export of {tool.export.title}: expected the columns {tool.export.known_text}, found "
        f"{', '.join(names[:8])[:200] or 'none'}; nothing was imported"
    )
