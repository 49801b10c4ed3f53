"""The content of a file that somebody gave us, decompressed piece by piece, within bounds.

A compressed file of a few megabytes can hold gigabytes. Such a one is refused whole, before anything of it is
put anywhere.
"""

import bz2
import codecs
import gzip
import hashlib
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
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
#: Bytes of memory that a file of xz may ask for. Its highest usual level, -9, asks for 65 MiB.
XZ_BYTES = 80 << 20
#: Bytes at the beginning of a file that tell what it is.
HEAD_BYTES = 1 << 20
#: Bytes of whole lines that are given at once.
CHUNK_BYTES = 8 << 20

_HOLE = re.compile(rb"\n\0+")
_HEADER = re.compile(rb"(?m)^(?:\xef\xbb\xbf)?(#Fields:[^\r\n]*)(?=[\r\n])")
_CHUNK = 1 << 16  # bytes read at a time
_SMALL = 1 << 12  # bytes of compressed input: four of zstd can decompress to 128 KiB
_GZIP, _ZSTD, _BZIP2, _XZ = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\x00"
#: A frame of zstd that is to be skipped, as programs with several threads begin with one: 0x50 to 0x5f.
_ZSTD_SKIPPED = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
_NAMED = (".gz", ".zst", ".bz2", ".xz")
#: How files begin that are packed in a way which is not read.
_PACKED = {
    b"PK\x03\x04": "a zip archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"\x04\x22\x4d\x18": "compressed with lz4",
    b"\x1f\x9d": "compressed with compress",
    b"LZIP": "compressed with lzip",
    b"\x5d\x00\x00": "compressed with lzma",
}
#: The same inside of a compressed file: compressed once more.
_PACKED_TWICE = {
    **_PACKED,
    _GZIP: "compressed with gzip twice",
    _ZSTD: "compressed with zstd once more",
    _BZIP2: "compressed with bzip2 once more",
    _XZ: "compressed with xz once more",
}
#: Where the header of a tar archive says that it is one, and where its sum stands, in octal digits.
_TAR, _TAR_AT, _TAR_SUM, _TAR_HEADER = b"ustar", 257, slice(148, 156), 512


@dataclass(frozen=True)
class Content:
    """A file that was read to its end.

    `size`, `lines`: bytes of what it holds but holes, and line ends in it. `headers`: its lines that begin
    with `#Fields:`, each once.
    """

    path: Path
    sha256: str
    size: int
    lines: int
    has_nul: bool
    headers: tuple[bytes, ...]

    @property
    def head(self) -> bytes:
        """Its first HEAD_BYTES. Read again when it is asked for: thousands of files wait for one another.

        Raises FootfallError where it cannot be read any more.
        """
        return _head(self.path, self.sha256)


@lru_cache(maxsize=2)  # one file is looked at after the other
def _head(path: Path, _sha256: str) -> bytes:
    head = b""
    for _, piece in _whole_and_without_holes(path):
        head += piece
        if len(head) >= HEAD_BYTES:
            break
    return head[:HEAD_BYTES]


def _whole_and_without_holes(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """The pieces of a file, each as it is and without holes. A table of Parquet has none."""
    without_holes = _Holes()
    is_table = None
    for piece in content_pieces(path):
        is_table = piece.startswith(b"PAR1") if is_table is None else is_table
        yield piece, piece if is_table else without_holes(piece)


def examined(path: Path, *, max_bytes: int | None = None, max_lines: int | None = None) -> Content:
    """Read a file once. Raises FootfallError where it is damaged, or holds more than it may.

    To be asked before lines are looked at: that takes a hundred times as long, and a bomb is all line ends.
    """
    digest = hashlib.sha256()
    raw_size = size = lines = 0
    has_nul = False
    headers: dict[bytes, None] = {}
    rest = b""
    for raw_piece, piece in _whole_and_without_holes(path):
        digest.update(raw_piece)
        raw_size += len(raw_piece)
        if max_bytes is not None and raw_size > max_bytes:
            raise FootfallError(f"{path} holds more than {max_bytes} bytes; nothing was imported")
        end = piece.rfind(b"\n") + 1
        if b"#Fields:" in piece or rest.startswith((b"\n#", b"#")):
            headers.update(dict.fromkeys(_HEADER.findall(rest + piece)))
        rest = (piece[end - 1 :] if end else rest + piece)[:MAX_LINE_BYTES]
        size += len(piece)
        lines += piece.count(b"\n")
        if b"\r" in piece:
            lines += piece.count(b"\r") - piece.count(b"\r\n")
        has_nul = has_nul or b"\0" in piece
        if max_lines is not None and lines > max_lines:
            raise FootfallError(f"{path} holds more than {max_lines} lines; nothing was imported")
    headers.update(dict.fromkeys(_HEADER.findall(rest + b"\n")))
    return Content(path, digest.hexdigest(), size, lines, has_nul, tuple(headers))


class _Holes:
    """Takes zero bytes out that stand at the beginning of a line, piece by piece.

    A log that was cut to nothing while its server wrote on begins with as many as it had bytes; one whose
    machine lost its power has them where it went on.
    """

    def __init__(self) -> None:
        self._is_at_begin = True

    def __call__(self, piece: bytes) -> bytes:
        if b"\0" in piece:
            if self._is_at_begin:
                piece = piece.lstrip(b"\0")
            piece = _HOLE.sub(b"\n", piece)
        if piece:
            self._is_at_begin = piece.endswith(b"\n")
        return piece


def most_bytes(compressed: int) -> int:
    """What a compressed file of that many bytes may hold."""
    return max(ALWAYS_BYTES, MAX_RATIO * compressed)


def require_bounded(path: Path) -> None:
    """Raise FootfallError where a compressed file is damaged or holds more than it may."""
    for _ in content_pieces(path, is_plain_read=False):
        pass


def numbered_lines(path: Path, seen: Callable[[bytes], None]) -> Iterator[tuple[int, bytes]]:
    """Number (from 1) and bytes of every line that is not blank; `seen` gets all of the content.

    Of a line longer than MAX_LINE_BYTES the first MAX_LINE_BYTES + 1 bytes are given, which tells it
    from any other; memory stays bounded whatever the file holds.
    """
    number = 1
    rest = b""
    without_holes = _Holes()
    for n, chunk in enumerate(content_pieces(path)):
        seen(chunk)
        chunk = without_holes(chunk)
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


def line_chunks(
    path: Path, seen: Callable[[bytes], None], longest: int, chunk_bytes: int = CHUNK_BYTES
) -> Iterator[tuple[int, bytes]]:
    """(number of the first line, whole lines, each with its end) of at most `chunk_bytes` each.

    Where they are cut depends on the content alone. Of a line longer than `longest` bytes the first
    `longest` + 1 are given. `seen` gets all of the content.
    """
    number = 1
    is_first = True
    held = bytearray()
    is_skipping = False  # the rest of a line that filled a chunk by itself
    without_holes = _Holes()
    for piece in content_pieces(path):
        seen(piece)
        held += without_holes(piece)
        while len(held) >= chunk_bytes:
            if is_skipping:
                begin = held.find(b"\n") + 1
                is_skipping = not begin
                del held[: begin or len(held)]
                continue
            end = held.rfind(b"\n", 0, chunk_bytes) + 1
            text = bytes(held[:end]) if end else bytes(held[: longest + 1]) + b"\n"
            is_skipping = not end
            del held[: end or chunk_bytes]
            text = text.removeprefix(codecs.BOM_UTF8) if is_first else text
            is_first = False
            yield number, _cut(text, longest)
            number += text.count(b"\n")
    if is_skipping:
        del held[: (held.find(b"\n") + 1) or len(held)]
    if held:
        text = bytes(held).removeprefix(codecs.BOM_UTF8) if is_first else bytes(held)
        yield number, _cut(text if text.endswith(b"\n") else text + b"\n", longest)


def _cut(text: bytes, longest: int) -> bytes:
    """The same lines, of which none is longer."""
    end = 0
    while end < len(text):
        # The last line end that is not too far from the one before.
        end = text.rfind(b"\n", end, end + longest + 1) + 1
        if not end:
            return b"\n".join(line[: longest + 1] for line in text.split(b"\n"))
    return text


def content_pieces(path: Path, *, is_plain_read: bool = True) -> Iterator[bytes]:
    """The file's content, decompressed, piece by piece. Raises FootfallError where it cannot be had.

    UTF-16 behind its mark, as spreadsheets and Matomo write it, becomes UTF-8. `is_plain_read` false: nothing
    of a file that is not compressed.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(_TAR_HEADER)
            file.seek(0)
            _require_plain(path, magic, _PACKED)
            pieces = _decompressed(file, magic)
            if pieces is not None:
                yield from _as_utf8(_within(path, pieces))
            elif magic and path.suffix in _NAMED:
                raise FootfallError(
                    f"{path} is named {path.suffix} but is not compressed that way: rename or export it again"
                )
            elif is_plain_read:
                yield from _as_utf8(_pieces(file))
    except FileNotFoundError:
        raise FootfallError(f"{path} does not exist: check the path of the file") from None
    except lzma.LZMAError as error:
        what = "asks for too much memory" if "emory" in str(error) else "is damaged or cut short"
        raise FootfallError(f"{path} {what} ({error}): copy it again; nothing was imported") from None
    except (EOFError, zlib.error, zstandard.ZstdError, gzip.BadGzipFile) as error:
        raise FootfallError(
            f"{path} is damaged or cut short ({error}): copy it again; nothing was imported"
        ) from None
    except OSError as error:
        if error.errno is None:  # bz2 says damage so
            raise FootfallError(
                f"{path} is damaged or cut short ({error}): copy it again; nothing was imported"
            ) from None
        raise FootfallError(
            f"{path} cannot be read: {error.strerror}; it must be a file that you may read"
        ) from None


def _decompressed(file: BinaryIO, magic: bytes) -> Iterator[bytes] | None:
    if magic.startswith(_GZIP):
        return _pieces(gzip.GzipFile(fileobj=file))
    if magic.startswith(_ZSTD) or _ZSTD_SKIPPED.match(magic):
        return _zstd_pieces(file)
    if magic.startswith(_BZIP2):
        return _pieces(bz2.BZ2File(file))
    if magic.startswith(_XZ):
        return _xz_pieces(file)
    return None


def _as_utf8(pieces: Iterator[bytes]) -> Iterator[bytes]:
    first = next(pieces, b"")
    while 0 < len(first) < 2 and (more := next(pieces, b"")):
        first += more
    if first[:2] not in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        yield from chain([first] if first else [], pieces)
        return
    decoder = codecs.getincrementaldecoder("utf-16")("replace")
    for piece in chain([first], pieces):
        yield decoder.decode(piece).encode()
    yield decoder.decode(b"", final=True).encode()


def _within(path: Path, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces of what a compressed file holds, as far as it may hold them."""
    most = most_bytes(path.stat().st_size)
    total = 0
    for piece in pieces:
        if not total:
            _require_plain(path, piece, _PACKED_TWICE)
        total += len(piece)
        if total > most:
            raise FootfallError(
                f"{path} holds more than {most} bytes, {MAX_RATIO} times its size, as no log does; if it is "
                "one, unpack it and import the file; nothing was imported"
            )
        yield piece


def _require_plain(path: Path, start: bytes, packed: dict[bytes, str]) -> None:
    """Raise FootfallError where content is packed in a way that is not read, or once more."""
    for begin, what in [*packed.items(), *([(b"", "a tar archive")] if _is_tar(start) else [])]:
        if start.startswith(begin):
            raise FootfallError(
                f"{path} is {what}: unpack it, and compress it with gzip, zstd, bzip2 or xz if at all; "
                "nothing was imported"
            )


def _is_tar(start: bytes) -> bool:
    """Whether content begins with the header of a tar archive. Its word alone may stand in a log: strangers
    choose what is asked for.
    """
    header = start[:_TAR_HEADER]
    written = header[_TAR_SUM].strip(b"\0 ")
    if not header.startswith(_TAR, _TAR_AT) or b"\0" not in header[:_TAR_AT] or not written.isdigit():
        return False
    summed = sum(header) - sum(header[_TAR_SUM]) + len(header[_TAR_SUM]) * ord(" ")
    return written == b"%0*o" % (len(written), summed)


def _pieces(file: BinaryIO | gzip.GzipFile | bz2.BZ2File) -> Iterator[bytes]:
    while piece := file.read(_CHUNK):
        yield piece


def _zstd_pieces(file: BinaryIO) -> Iterator[bytes]:
    """All frames of a zstd file. The library's own stream reader takes a cut frame for the end."""
    decompressor = zstandard.ZstdDecompressor()
    frame = None
    while compressed := file.read(_SMALL):
        while compressed:
            frame = frame or decompressor.decompressobj()
            found = frame.decompress(compressed)
            for start in range(0, len(found), _CHUNK):
                yield found[start : start + _CHUNK]
            compressed = frame.unused_data if frame.eof else b""
            frame = None if frame.eof else frame
    if frame is not None:
        raise EOFError("the last frame does not end")


def _xz_pieces(file: BinaryIO) -> Iterator[bytes]:
    """All streams of an xz file, with no more memory than XZ_BYTES: its own reader knows no bound."""
    stream = None
    while compressed := file.read(_CHUNK):
        while compressed:
            if stream is None:
                compressed = compressed.lstrip(b"\0")  # padding between streams
                if not compressed:
                    break
                stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_BYTES)
            found = stream.decompress(compressed, _CHUNK)
            compressed = b""
            while found or not (stream.needs_input or stream.eof):
                yield found
                found = b"" if stream.eof else stream.decompress(b"", _CHUNK)
            if stream.eof:
                compressed, stream = stream.unused_data, None
    if stream is not None:
        raise EOFError("the last stream does not end")
