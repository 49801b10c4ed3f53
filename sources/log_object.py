"""One log object of any kind → a plain file that DuckDB reads without guessing, and its columns.

Damage is found here, before anything is read: DuckDB would lose the tail of a truncated gzip file.
"""

import codecs
import gzip
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain, islice
from pathlib import Path
from typing import Literal

import msgspec

from footfall.errors import FootfallError
from sources import log_columns
from sources.contents import MAX_RATIO, most_bytes, require_plain

#: Bytes that one log object may hold; CloudFront writes at most some 50 MB. Reading one takes five times that
#: of memory, and a batch of them up to 10 GB of disk.
MAX_BYTES = 1 << 28
#: Lines, or rows, of one log object: 50 MB are half a million at most. Each takes 50 bytes beside its text.
MAX_LINES = 10_000_000
#: Never part of a log line; it stands for "no separator" when DuckDB reads whole lines.
NO_SEPARATOR = b"\x1f"
#: Bytes of one log line. CloudFront cuts a URL at 8 KB and a header at 20 KB; a byte may be written `%25XX`.
MAX_LINE_BYTES = 256 * 1024
TAB = "\t"
#: Headers of one log object that are obeyed. Logs that were joined have one for each of their parts.
MAX_HEADERS = 1000
#: What may stand between the columns of version 2, where it is no tab.
_DELIMITERS = (",", ";", "|", " ")

Form = Literal["lines", "json", "parquet"]


@dataclass(frozen=True)
class LogFile:
    """A log object as a local file, `number` among those that are read together.

    Text has `lines` lines, each behind its number in the object and a tab, without the comments at the
    beginning; `rows` of them are neither comment nor empty. `columns` are plain names in the order of a text
    file, the file's own names for JSON, none for Parquet. An object with several headers is several of these.
    """

    key: str
    number: int
    path: Path
    form: Form
    columns: tuple[str, ...]
    lines: int = 0
    rows: int = 0
    delimiter: str = TAB


def unpack(key: str, data: bytes, folder: Path, number: int) -> list[LogFile]:
    """Write the object's content to files in `folder`, one for each header; none where it holds no line.

    `number`: its place among the objects that are read together, below 10^9.

    Raises FootfallError, saying what is wrong, for an object that is damaged, no log, or of columns that no
    request log has.
    """
    if data.startswith(b"PAR1"):
        if not data.endswith(b"PAR1"):
            raise FootfallError("a Parquet file that is cut short")
        file = _file(key, number, 0, folder, "parquet", ())
        file.path.write_bytes(data)
        return [file]
    text = _decompressed(key, data).removeprefix(codecs.BOM_UTF8)
    if b"\0" in text:
        raise FootfallError("a binary file, no access log")
    if not text.isascii():
        text = _as_utf8(text)
    if NO_SEPARATOR in text:
        text = text.replace(NO_SEPARATOR, b" ")
    if text.count(b"\n") + text.count(b"\r") > MAX_LINES:
        raise FootfallError(f"more than {MAX_LINES} lines")
    first = next((line for line in io.BytesIO(text[: 1 << 20]) if line.strip()), b"")
    if not first:
        return []
    is_json = first.lstrip().startswith(b"{")
    columns = _json_names(first) if is_json else _columns(text)
    lines = _whole_lines(text)[:-1].split(b"\n")
    begin = next((n for n, line in enumerate(lines) if not line.startswith(b"#")), len(lines))
    if max(map(len, lines)) > MAX_LINE_BYTES:
        # Without its columns it is no request, and is set aside as text.
        lines = [
            line if len(line) <= MAX_LINE_BYTES else line[:MAX_LINE_BYTES].replace(b"\t", b" ")
            for line in lines
        ]
    files: list[LogFile] = []
    more = text.count(b"#Fields:") > 1 and not is_json
    ends = [n for n in range(begin, len(lines)) if more and lines[n].startswith(b"#Fields:")]
    if len(ends) >= MAX_HEADERS:
        raise FootfallError(f"more than {MAX_HEADERS} headers")
    for end in [*ends, len(lines)]:
        if begin < end:
            file = _file(key, number, len(files), folder, "json" if is_json else "lines", columns)
            files.append(_written(file, lines, begin, end))
        if end < len(lines):
            columns = log_columns.from_header(lines[end].decode())
        begin = end
    return [file for file in files if file.rows]


def _file(key: str, number: int, header: int, folder: Path, form: Form, columns: tuple[str, ...]) -> LogFile:
    number = number * MAX_HEADERS + header
    return LogFile(key, number, folder / f"{number:012d}.log", form, columns)


def _written(file: LogFile, lines: Sequence[bytes], begin: int, end: int) -> LogFile:
    """Write the object's lines from `begin` to before `end`, behind their numbers."""
    # Joining runs at the speed of memory; numbers that DuckDB makes would keep it to one core.
    numbered = chain.from_iterable(zip(_numbers(end)[begin:end], islice(lines, begin, end), strict=True))
    with file.path.open("wb") as out:
        out.write(b"".join(numbered)[1:])
        out.write(b"\n")
    said = [line for line in islice(lines, begin, end) if line != b" " and not line.startswith(b"#")]
    delimiter = TAB
    if file.form == "lines" and said and b"\t" not in said[0]:
        cells = {mark: said[0].count(mark.encode()) + 1 for mark in _DELIMITERS}
        delimiter = next((mark for mark, n in cells.items() if n == len(file.columns)), TAB)
    return replace(file, lines=end - begin, rows=len(said), delimiter=delimiter)


#: Numbers that are kept for the next objects; a longer object makes its own.
_KEPT_NUMBERS = 50_000


@cache
def _kept_numbers() -> tuple[bytes, ...]:
    return tuple(b"\n%d\t" % n for n in range(1, _KEPT_NUMBERS + 1))


def _numbers(count: int) -> Sequence[bytes]:
    """What goes before each line: the end of the one before it, its own number from 1, and a tab."""
    if count <= _KEPT_NUMBERS:
        return _kept_numbers()[:count]
    return [b"\n%d\t" % n for n in range(1, count + 1)]


def _whole_lines(text: bytes) -> bytes:
    """Every line with an end, none empty: DuckDB passes over empty lines, and the numbers would slip."""
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b" ")
    if text[-1:] != b"\n":
        text += b"\n"
    if text[:1] == b"\n":
        text = b" " + text
    while b"\n\n" in text:
        text = text.replace(b"\n\n", b"\n \n")
    return text


def _decompressed(key: str, data: bytes) -> bytes:
    try:
        if data.startswith(b"\x1f\x8b"):
            most = min(most_bytes(len(data)), MAX_BYTES)
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
                text = file.read(most + 1)
            if len(text) > most:
                raise FootfallError(
                    f"more than {most} bytes decompressed: CloudFront's own stay below {MAX_RATIO} times "
                    f"their size, and {MAX_BYTES} bytes"
                )
        elif key.endswith(".gz") and data:
            raise FootfallError("named as compressed, but its content is not")
        else:
            text = data
        require_plain(text[:8])
    except (EOFError, OSError, zlib.error) as error:
        raise FootfallError(f"damaged or cut short: {error}") from None
    if len(text) > MAX_BYTES:
        raise FootfallError(f"more than {MAX_BYTES} bytes")
    return text


def _as_utf8(text: bytes) -> bytes:
    try:
        text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1").encode()  # reads every byte; no line is lost for one odd letter
    return text


def _columns(text: bytes) -> tuple[str, ...]:
    for line in io.BytesIO(text[: 1 << 20]):
        if line.startswith(b"#Fields:"):
            return log_columns.from_header(line.decode())
        if line.strip() and not line.startswith(b"#"):
            return log_columns.from_width(line.rstrip(b"\r\n").count(b"\t") + 1)
    raise FootfallError("comment lines only, and none of them names the columns")


def _json_names(line: bytes) -> tuple[str, ...]:
    try:
        names = tuple(msgspec.json.decode(line, type=dict[str, msgspec.Raw]))
    except msgspec.DecodeError as error:
        raise FootfallError(f"its first line is no JSON object: {error}") from None
    log_columns.checked(names)
    return names
