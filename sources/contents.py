"""The content of a file that somebody gave us, decompressed piece by piece, within bounds.

A compressed file of a few megabytes can hold gigabytes. Such a one is refused whole, before anything of it is
put anywhere.
"""

import codecs
import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import zstandard

from footfall.errors import FootfallError

#: Bytes of one line; a longer one counts as malformed. Servers cut requests at 8 to 32 KiB.
MAX_LINE_BYTES = 64 * 1024
#: How many times its own size a compressed file may hold. Logs compress 5 to 30 times, one line repeated some
#: 200 times; a bomb 1,000 times in gzip and 30,000 times in zstd. Higher: more disk and time for a bomb.
MAX_RATIO = 250
#: What any file may hold, in bytes: a few equal lines compress beyond every ratio.
ALWAYS_BYTES = 1 << 20

_CHUNK = 1 << 16  # bytes read at a time
_ZSTD_INPUT = 1 << 12  # bytes: small, because four of them can decompress to 128 KiB
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
#: How files begin that are packed in a way which is not read.
_PACKED = {
    b"PK\x03\x04": "a zip archive",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ\x00": "compressed with xz",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
}


def most_bytes(compressed: int) -> int:
    """What a compressed file of that many bytes may hold."""
    return max(ALWAYS_BYTES, MAX_RATIO * compressed)


def require_plain(start: bytes) -> None:
    """Raise FootfallError where content is packed in a way that is not read, or once more."""
    for begin, what in _PACKED.items():
        if start.startswith(begin):
            raise FootfallError(f"is {what}: unpack it, and compress it with gzip or zstd if at all")


def require_bounded(path: Path) -> None:
    """Raise FootfallError where a compressed file is damaged or holds more than it may.

    To be asked before lines are looked at: that takes a hundred times as long, and a bomb is all line ends.
    """
    for _ in _content(path, is_plain_read=False):
        pass


def numbered_lines(path: Path, seen: Callable[[bytes], None]) -> Iterator[tuple[int, bytes]]:
    """Number (from 1) and bytes of every line that is not blank; `seen` gets all of the content.

    Of a line longer than MAX_LINE_BYTES the first MAX_LINE_BYTES + 1 bytes are given, which tells it
    from any other; memory stays bounded whatever the file holds.
    """
    number = 1
    rest = b""
    for n, chunk in enumerate(_content(path)):
        seen(chunk)
        chunk = chunk.removeprefix(codecs.BOM_UTF8) if n == 0 else chunk
        *whole, rest_of_chunk = chunk.split(b"\n")
        for piece in whole:
            line, rest = rest + piece, b""
            if line.strip():
                yield number, line[: MAX_LINE_BYTES + 1]
            number += 1
        rest = (rest + rest_of_chunk)[: MAX_LINE_BYTES + 1]
    if rest.strip():
        yield number, rest


def _content(path: Path, *, is_plain_read: bool = True) -> Iterator[bytes]:
    """The file's content, decompressed, piece by piece. Raises FootfallError where it cannot be had.

    `is_plain_read` false: nothing of a file that is not compressed.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(6)
            file.seek(0)
            _require_plain(path, magic)
            if magic.startswith(_GZIP):
                yield from _within(path, _pieces(gzip.GzipFile(fileobj=file)))
            elif magic.startswith(_ZSTD):
                yield from _within(path, _zstd_pieces(file))
            elif magic and path.suffix in (".gz", ".zst"):
                raise FootfallError(
                    f"{path} is named {path.suffix} but is not compressed that way: rename or export it again"
                )
            elif is_plain_read:
                yield from _pieces(file)
    except FileNotFoundError:
        raise FootfallError(f"{path} does not exist: check the path of the access log") from None
    except (EOFError, zlib.error, zstandard.ZstdError, gzip.BadGzipFile) as error:
        raise FootfallError(
            f"{path} is damaged or cut short ({error}): copy it again; nothing was imported"
        ) from None
    except OSError as error:
        raise FootfallError(
            f"{path} cannot be read: {error.strerror}; it must be a file that you may read"
        ) from None


def _within(path: Path, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces of what a compressed file holds, as far as it may hold them."""
    most = most_bytes(path.stat().st_size)
    total = 0
    for piece in pieces:
        if not total:
            _require_plain(path, piece)
        total += len(piece)
        if total > most:
            raise FootfallError(
                f"{path} holds more than {most} bytes, {MAX_RATIO} times its size, as no log does; if it is "
                "one, unpack it and import the file; nothing was imported"
            )
        yield piece


def _require_plain(path: Path, start: bytes) -> None:
    try:
        require_plain(start)
    except FootfallError as error:
        raise FootfallError(f"{path} {error}; nothing was imported") from None


def _pieces(file: BinaryIO | gzip.GzipFile) -> Iterator[bytes]:
    while piece := file.read(_CHUNK):
        yield piece


def _zstd_pieces(file: BinaryIO) -> Iterator[bytes]:
    """All frames of a zstd file. The library's own stream reader takes a cut frame for the end."""
    decompressor = zstandard.ZstdDecompressor()
    frame = None
    while compressed := file.read(_ZSTD_INPUT):
        while compressed:
            frame = frame or decompressor.decompressobj()
            found = frame.decompress(compressed)
            for start in range(0, len(found), _CHUNK):
                yield found[start : start + _CHUNK]
            compressed = frame.unused_data if frame.eof else b""
            frame = None if frame.eof else frame
    if frame is not None:
        raise EOFError("the last frame does not end")
