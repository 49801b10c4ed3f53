"""Where a URL really leads: two spellings of one place are equal, and a place inside another overlaps it.

A folder is known by its path after all links, and by the file system's own number of it and of each folder
above, so that a link, a bind mount or a disk that folds case gives no second name. Letters that differ in
case alone count as equal everywhere: whether a disk folds them cannot be seen before the folder is there.

A bucket is known by its name. Its endpoint is left out: names of servers can be aliases of one another, so
that a bucket of the same name at another endpoint counts as the same one. An endpoint can itself begin with
a bucket's name (`https://bucket.s3.example`); then that bucket is meant too. Buckets of Google count among
those of S3, whose protocol reaches them as well; a container of Azure is known by its account and its name.
"""

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

HOME = "${FOOTFALL_HOME}"

_Key = tuple[str | int, ...]


@dataclass(frozen=True)
class Location:
    """A place by all its names: `own` are those of the place, `around` these and those of what it lies in."""

    own: frozenset[_Key]
    around: frozenset[_Key]

    def overlaps(self, other: "Location") -> bool:
        """Whether one is the other or lies in it."""
        return not (self.own.isdisjoint(other.around) and other.own.isdisjoint(self.around))

    def is_in(self, other: "Location") -> bool:
        """Whether this is the other place or lies in it."""
        return not other.own.isdisjoint(self.around)


def location(url: str, home: Path, endpoint: str | None = None) -> Location:
    """The place that a URL of a store names, as things are now. Raises ValueError for a path that is none."""
    if url.startswith(("s3://", "gs://", "az://")):
        return _bucket(url, endpoint)
    return folder(local_path(url, home))


def filled_in(url: str, home: Path) -> str:
    """The URL with ${FOOTFALL_HOME} filled in."""
    return url.replace(HOME, quote(str(home)))


def local_path(url: str, home: Path) -> Path:
    """The folder that a `file://` URL names, as written: percent signs decoded, links not followed."""
    return Path("/" + unquote(urlsplit(filled_in(url, home)).path).lstrip("/"))


def steps(path: Path, links: int = 40) -> Iterator[Path]:
    """Each folder and link on the way to an absolute path, at most `links` of the latter followed."""
    at = Path("/")
    for index, part in enumerate(path.parts[1:], start=2):
        at = at.parent if part == ".." else at / part
        yield at
        if links and at.is_symlink():
            yield from steps((at.parent / at.readlink()).joinpath(*path.parts[index:]), links - 1)
            return


def folder(path: Path) -> Location:
    """The place of a folder, that need not be there yet. Raises ValueError for a path that is none."""
    real = Path(os.path.realpath(path))
    chain: list[set[_Key]] = []
    node: _Key | None = None
    missing: list[str] = []
    for each in (*reversed(real.parents), real):
        keys: set[_Key] = {("path", _folded(str(each)))}
        if not missing:
            try:
                facts = each.stat()
                node = ("node", facts.st_dev, facts.st_ino)
            except OSError:
                missing.append(each.name)
        else:
            missing.append(each.name)
        if node is not None:
            keys.add((*node, *(_folded(name) for name in missing)))
        chain.append(keys)
    return Location(frozenset(chain[-1]), frozenset().union(*chain))


def _bucket(url: str, endpoint: str | None) -> Location:
    scheme, _, path = url.partition("://")
    bucket, _, prefix = path.partition("/")
    parts = [part for part in prefix.split("/") if part]
    if scheme == "az":
        names = ("az", bucket, *parts)
        return Location(frozenset({names}), frozenset(names[:n] for n in range(3, len(names) + 1)))
    own: set[_Key] = set()
    around: set[_Key] = set()
    for name, below in _readings(bucket, parts, endpoint):
        own.add(("s3", name, *below))
        around |= {("s3", name, *below[:depth]) for depth in range(len(below) + 1)}
    return Location(frozenset(own), frozenset(around))


def _readings(bucket: str, parts: list[str], endpoint: str | None) -> Iterator[tuple[str, list[str]]]:
    """The bucket and folders that a server may take a request for."""
    yield bucket, parts
    try:
        host = (urlsplit(endpoint or "").hostname or "").rstrip(".").lower()
    except ValueError:
        host = ""
    labels = host.split(".")
    for length in range(1, len(labels)):
        yield ".".join(labels[:length]), [bucket, *parts]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
