"""One log object of any kind → a plain file that DuckDB reads without guessing, and its columns.

Damage is found here, before anything is read: DuckDB would lose the tail of a truncated gzip file.
"""

import gzip
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, islice
from pathlib import Path
from typing import Literal

import msgspec

from footfall.errors import FootfallError
from sources import fields

#: Bytes one log object may decompress to. CloudFront writes at most some 50 MB; gzip reaches 1,000:1.
MAX_BYTES = 1 << 30
#: Never part of a log line; it stands for "no separator" when DuckDB reads whole lines.
NO_SEPARATOR = b"\x1f"

Form = Literal["lines", "json", "parquet"]


@dataclass(frozen=True)
class LogFile:
    """A log object as a local file, `number` among those that are read together.

    Text has `lines` lines, each behind its number in the object and a tab, without the comments at the
    beginning. `columns` are plain names in the order of a text file, the file's own names for JSON, none for
    Parquet.
    """

    key: str
    number: int
    path: Path
    form: Form
    columns: tuple[str, ...]
    lines: int = 0


def unpack(key: str, data: bytes, folder: Path, number: int) -> LogFile | None:
    """Write the object's content to a file in `folder`; None where it holds no line.

    Raises FootfallError, saying what is wrong, for an object that is damaged, no log, or of columns that no
    request log has.
    """
    path = folder / f"{number:06d}.log"
    if data.startswith(b"PAR1"):
        if not data.endswith(b"PAR1"):
            raise FootfallError("a Parquet file that is cut short")
        path.write_bytes(data)
        return LogFile(key, number, path, "parquet", ())
    text = _decompressed(key, data)
    if b"\0" in text:
        raise FootfallError("a binary file, no access log")
    if not text.isascii():
        text = _as_utf8(text)
    if NO_SEPARATOR in text:
        text = text.replace(NO_SEPARATOR, b" ")
    first = next((line for line in io.BytesIO(text[: 1 << 20]) if line.strip()), b"")
    if not first:
        return None
    is_json = first.lstrip().startswith(b"{")
    columns = _json_names(first) if is_json else _columns(text)
    lines = _whole_lines(text)[:-1].split(b"\n")
    begin = next((n for n, line in enumerate(lines) if not line.startswith(b"#")), len(lines))
    if begin == len(lines):
        return None
    # Joining runs at the speed of memory; numbers that DuckDB makes would keep it to one core.
    numbered = chain.from_iterable(zip(_numbers(len(lines))[begin:], islice(lines, begin, None), strict=True))
    with path.open("wb") as file:
        file.write(b"".join(numbered)[1:])
        file.write(b"\n")
    return LogFile(key, number, path, "json" if is_json else "lines", columns, len(lines) - begin)


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
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
                text = file.read(MAX_BYTES + 1)
        elif key.endswith(".gz") and data:
            raise FootfallError("named as compressed, but its content is not")
        else:
            text = data
    except (EOFError, OSError, zlib.error) as error:
        raise FootfallError(f"damaged or cut short: {error}") from None
    if len(text) > MAX_BYTES:
        raise FootfallError(f"more than {MAX_BYTES} bytes decompressed")
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
            return fields.from_header(line.decode())
        if line.strip() and not line.startswith(b"#"):
            return fields.from_width(line.rstrip(b"\r\n").count(b"\t") + 1)
    raise FootfallError("comment lines only, and none of them names the columns")


def _json_names(line: bytes) -> tuple[str, ...]:
    try:
        names = tuple(msgspec.json.decode(line, type=dict[str, msgspec.Raw]))
    except msgspec.DecodeError as error:
        raise FootfallError(f"its first line is no JSON object: {error}") from None
    fields.checked(names)
    return names
