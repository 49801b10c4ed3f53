"""What is wrong with the pointers (`_latest.json`) of exports, which the owner of the bucket can write."""

import hashlib
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from footfall import keys
from footfall.keys import MANIFEST_NAME
from footfall.manifest import MAX_BYTES, as_manifest, parse

_FIELDS = frozenset({"export", "period_start", "revision", "manifest", "sha256"})
#: A period's start and a revision of it.
Position = tuple[datetime, int]


def position(start: str, revision: int) -> Position:
    """Where a manifest stands among those of its export."""
    at = datetime.fromisoformat(start)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)), revision


def mistake(
    pointer: Mapping[str, object],
    to: str,
    data: bytes,
    export: str,
    delivered: Iterable[Position],
    logged: Iterable[Position] = (),
) -> str | None:
    """What is wrong with a pointer to the manifest `to`, which holds `data`; None where nothing is.

    `delivered`: all manifests of the export. A pointer may be one behind: the manifest comes first. `logged`:
    those of them that are in the bucket's log, which comes last.
    """
    if pointer.get("export") != export or not _FIELDS.issuperset(pointer):
        return f"says other things than a pointer of {export}"
    if hashlib.sha256(data).hexdigest() != pointer.get("sha256"):
        return f"the sha256 of {to} is another"
    try:
        named = as_manifest(parse(data))
        is_of_export = named.export == export
    except ValueError:
        is_of_export = False
    if not is_of_export:
        return f"points to {to}, which is no manifest of {export}"
    there = position(named.period.start, named.revision)
    if _said(pointer) != there:
        return f"says another period or revision than {to}, which it points to"
    newer = sum(each > there for each in delivered)
    if newer > 1 or any(each > there for each in logged):
        return f"points to {to}; {newer} manifests of {export} are newer"
    return None


def _said(pointer: Mapping[str, object]) -> Position | None:
    start, revision = pointer.get("period_start"), pointer.get("revision")
    if not isinstance(start, str) or not isinstance(revision, int):
        return None
    try:
        return position(start, revision)
    except ValueError:
        return None


#: Bytes that a pointer may have.
_SMALL = 64 * 1024


@dataclass(frozen=True)
class Pointers:
    """The pointers of a bucket, seen with what lies in it.

    `sizes`: key → size of what was listed. `delivered`: key of a pointer → all manifests of its export;
    `logged`: those of them that are in the log. `gone`: manifests that may be gone. `is_there`: whether a key
    that was not listed is there now. `read` gives an object of at most so many bytes; None where it cannot be
    had, which was told then.
    """

    sizes: Mapping[str, int]
    is_there: Callable[[str], bool]
    delivered: Mapping[str, list[Position]]
    logged: Mapping[str, list[Position]]
    gone: Container[str]
    read: Callable[[str, int], bytes | None]

    def found(self, roots: Container[str]) -> Iterator[tuple[str, str, str]]:
        """Key, root and export of each, also of one whose export has no manifest any more."""
        for key in self.sizes:
            folder = key.rpartition("/")[0]
            above, slash, export = folder.rpartition("/")
            if export and key == f"{above}{slash}{keys.latest(export)}" and above + slash in roots:
                yield key, above + slash, export

    def mistake(self, key: str, above: str, export: str) -> str | None:
        """What is wrong with one: it names a manifest that is there, its bytes, its period, the newest."""
        data = self.read(key, _SMALL)
        if data is None:
            return None
        try:
            pointer = parse(data)
        except ValueError as error:
            return f"is no pointer ({error})"
        to = pointer.get("manifest")
        if not isinstance(to, str) or not keys.is_key(to) or not to.endswith(f"/{MANIFEST_NAME}"):
            return "is no pointer"
        if above + to not in self.sizes and not self.is_there(above + to):
            return None if above + to in self.gone else f"points to {to}, which is missing"
        there = self.read(above + to, MAX_BYTES)
        if there is None:
            return None
        delivered, logged = self.delivered.get(key, []), self.logged.get(key, [])
        return mistake(pointer, to, there, export, delivered, logged)
