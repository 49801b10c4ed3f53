"""The built pixel over HTTP: every file of its folder, and no other."""

import gzip
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from collector.answers import CACHE_SECONDS, CORS, length
from collector.server.message import Answer, Headers
from footfall.event import Refusal, Refused

#: Seconds for which a name with a version or a hash in it stays what it is.
IMMUTABLE_SECONDS = 31_536_000
#: Bytes of one file; what is larger is no pixel.
MAX_FILE_BYTES = 1 << 20

#: Files with a script in front of them that are remembered; there is one a site.
MOST_PREFIXED = 1024

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_VERSIONED = re.compile(r"[.-](v?[0-9]+\.[0-9]+\.[0-9]+|[0-9a-f]{8,64})[.-]")
_TYPES = {
    ".js": b"text/javascript; charset=utf-8",
    ".mjs": b"text/javascript; charset=utf-8",
    ".json": b"application/json",
    ".map": b"application/json",
    ".ts": b"text/plain; charset=utf-8",
    ".txt": b"text/plain; charset=utf-8",
    ".html": b"text/html; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
}


def tag_of(site_key: str, *, is_own_path: bool) -> bytes:
    """A script that lets a tag without attributes stand for a site: it says the key, and where a site's own
    path served the tag, that events go there.
    """
    there = r"d.endpoint=d.endpoint||s.src.replace(/\.js(\?.*)?$/,'')" if is_own_path else ""
    said = f"const d=s&&s.dataset;if(d&&!d.site){{d.site='{site_key}';{there}}}"
    return f"(s=>{{{said}}})(document.currentScript);\n".encode()


@dataclass(frozen=True, slots=True)
class _File:
    facts: tuple[int, int]
    body: bytes
    compressed: bytes
    headers: Headers


class PixelFiles:
    """Files of one folder, read again when they change. Only plain files directly in it are served."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, _File] = {}
        self._with_prefix: dict[tuple[str, bytes], _File] = {}

    def answer(
        self, name: str, if_none_match: bytes, accept_encoding: bytes = b"", before: bytes = b""
    ) -> Answer:
        """One file, compressed for who takes that, or 304 for who has it; `before` is a script in front.
        Raises Refused(NOT_FOUND).
        """
        file = self._read(name)
        if before:
            file = self._prefixed(name, file, before)
        tags = [tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b",")]
        etag = dict(file.headers)[b"etag"]
        if etag in tags or b"*" in tags:
            kept = [pair for pair in file.headers if pair[0] not in (b"content-length", b"content-type")]
            return Answer(304, kept)
        if b"gzip" in accept_encoding:
            kept = [pair for pair in file.headers if pair[0] not in (b"content-length", b"etag")]
            # Weak: the bytes on the wire are others.
            more = [(b"etag", b"W/" + etag), (b"content-encoding", b"gzip"), length(file.compressed)]
            return Answer(200, [*kept, *more], file.compressed)
        return Answer(200, file.headers, file.body)

    def _prefixed(self, name: str, file: _File, before: bytes) -> _File:
        known = self._with_prefix.get((name, before))
        if known is None or known.facts != file.facts:
            if len(self._with_prefix) >= MOST_PREFIXED:
                self._with_prefix.clear()
            known = _file(file.facts, name, _TYPES[Path(name).suffix], before + file.body)
            self._with_prefix[name, before] = known
        return known

    def _read(self, name: str) -> _File:
        kind = _TYPES.get(Path(name).suffix)
        if kind is None or not _NAME.fullmatch(name):
            raise Refused(Refusal.NOT_FOUND)
        path = self._folder / name
        try:
            facts = path.lstat()
            if not path.is_file() or path.is_symlink() or facts.st_size > MAX_FILE_BYTES:
                raise Refused(Refusal.NOT_FOUND)
            known = self._files.get(name)
            if known is None or known.facts != (facts.st_mtime_ns, facts.st_size):
                known = _file((facts.st_mtime_ns, facts.st_size), name, kind, path.read_bytes())
                self._files[name] = known
        except OSError:
            self._files.pop(name, None)
            built = "the pixel has not been built; run `make pixel`" if name == "pixel.js" else ""
            raise Refused(Refusal.NOT_FOUND, built) from None
        return known


def _file(facts: tuple[int, int], name: str, kind: bytes, body: bytes) -> _File:
    immutable = _VERSIONED.search(name)
    cache = (
        f"public, max-age={IMMUTABLE_SECONDS}, immutable" if immutable else f"public, max-age={CACHE_SECONDS}"
    )
    return _File(
        facts,
        body,
        gzip.compress(body, mtime=0),
        [
            CORS,
            (b"vary", b"accept-encoding, sec-fetch-dest"),
            (b"content-type", kind),
            (b"cache-control", cache.encode()),
            (b"etag", b'"' + sha256(body).hexdigest()[:16].encode() + b'"'),
            (b"x-content-type-options", b"nosniff"),
            (b"cross-origin-resource-policy", b"cross-origin"),
            length(body),
        ],
    )
