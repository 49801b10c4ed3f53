"""The pixel and its parts, as files of one folder: what a page may load from the collector."""

import gzip
import re
from pathlib import Path

from collector.answers import CACHE_SECONDS, CORS, length
from collector.message import Answer
from footfall.event import Refusal, Refused

#: Seconds that a browser may keep a file whose name has its version: a year, the most that is meant by ever.
IMMUTABLE_SECONDS = 31_536_000

#: pixel.js, pixel.vitals.js, pixel-0.2.0.js, footfall.mjs …
_NAME = re.compile(r"/((?:pixel|footfall)(?:\.[a-z]+)?(-\d+\.\d+\.\d+)?\.m?js)")
_KIND = (b"content-type", b"text/javascript; charset=utf-8")
_VARY = (b"vary", b"accept-encoding")
_GZIP = (b"content-encoding", b"gzip")


class Scripts:
    """Answers requests for the pixel's files, read and compressed once for each change of a file."""

    def __init__(self, pixel: Path) -> None:
        """`pixel` is the path of pixel.js; the other files lie beside it."""
        self._pixel = pixel
        self._kept: dict[str, tuple[int, bytes, bytes]] = {}

    def answer(self, path: str, accept_encoding: bytes) -> Answer | None:
        """The file for the path of a request; None where no such name is the pixel's.

        Raises Refused(NOT_FOUND) where the name is, and the file is not there.
        """
        named = _NAME.fullmatch(path)
        if named is None:
            return None
        plain, compressed = self._read(named[1])
        seconds = IMMUTABLE_SECONDS if named[2] else CACHE_SECONDS
        cache = f"public, max-age={seconds}" + (", immutable" if named[2] else "")
        headers = [CORS, _KIND, _VARY, (b"cache-control", cache.encode())]
        if b"gzip" in accept_encoding:
            return Answer(200, [*headers, _GZIP, length(compressed)], compressed)
        return Answer(200, [*headers, length(plain)], plain)

    def _read(self, name: str) -> tuple[bytes, bytes]:
        file = self._pixel.with_name(name)
        try:
            changed = file.stat().st_mtime_ns
            kept = self._kept.get(name)
            if kept is None or kept[0] != changed:
                content = file.read_bytes()
                kept = self._kept[name] = (changed, content, gzip.compress(content, mtime=0))
        except OSError:
            raise Refused(Refusal.NOT_FOUND, "the pixel has not been built; run `make pixel`") from None
        return kept[1], kept[2]
