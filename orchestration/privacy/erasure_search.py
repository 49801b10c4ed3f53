"""Whether a text of somebody stands in a file, however it is packed: plain, gzip, zstd, Parquet, SQLite."""

import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import zstandard

#: What most ids are: looked up as words, so that ten thousand cost as one.
_WORD = re.compile(rb"[0-9A-Za-z_-]{8,128}")
#: Shorter ones are in every file by chance.
SHORTEST = 6


class Needles:
    """Texts to look for. Those of fewer than SHORTEST characters are compared with whole cells alone."""

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
    except (OSError, EOFError, zlib.error, zstandard.ZstdError):
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
