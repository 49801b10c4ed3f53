"""Snapshots of an installation in a store: written whole or not at all, believed only with their manifest.

    snapshots/NAME/0001-home.ledger.sqlite    a file; of more than 64 MiB in pieces, the next ending in .0002
    snapshots/NAME/manifest.json              written last: every file with its sha256, signed
    lake/raw/…                                objects of the lake, once for all snapshots
    lake-objects.json                         how many of these there are at least, since some went by a rule;
                                              later snapshots say it themselves

A file's path begins with what it belongs to: `home/`, `clients/`, or `alert-routes` alone.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from footfall.catalogue.state import Keep, place_of
from footfall.errors import FootfallError
from footfall.keys import LAKE_VERSION
from footfall.signatures import Signer, public_key, signed_by
from footfall.store import LocalStore, NotFound, ObjectStore, StoreError, open_store
from footfall.whole_files import written_beside

VERSION = 1
MANIFEST = "manifest.json"
#: Bytes that are held in memory and put as one object.
PIECE_BYTES = 64 * 1024 * 1024
#: Most bytes of a manifest: some 200 a file.
_MANIFEST_BYTES = 256 * 1024 * 1024
HOME, CLIENTS, ROUTES = "home/", "clients/", "alert-routes"
#: Below the state folder: the addresses that backups were written to.
BACKUPS = "backups.json"
_LEAST = "lake-objects.json"


@dataclass(frozen=True)
class File:
    """One file of a snapshot. `pieces`: its objects, below the snapshot's name, in order."""

    path: str
    bytes: int
    sha256: str
    pieces: tuple[str, ...]


@dataclass(frozen=True)
class Snapshot:
    """A snapshot as its manifest says. `lake`: what is said of the lake (commands.backup)."""

    name: str
    key_id: str
    files: tuple[File, ...]
    versions: dict[str, int]
    lake: dict[str, Any]


def stores(url: str, s3_endpoint: str | None) -> tuple[ObjectStore, ObjectStore]:
    """Where the snapshots of a backup lie, and where its lake. Raises FootfallError."""
    whole = url.rstrip("/")
    open_store(url, s3_endpoint=s3_endpoint)  # says what is wrong in the words that were given
    snapshots, lake = (
        open_store(f"{whole}/{each}", s3_endpoint=s3_endpoint) for each in ("snapshots", "lake")
    )
    return snapshots, lake


def remember(home: Path, url: str) -> None:
    """Note where a backup was written."""
    known = remembered(home)
    if url not in known:
        path = home / BACKUPS
        written_beside(path, json.dumps([*known, url], indent=1).encode() + b"\n").replace(path)


def remembered(home: Path) -> list[str]:
    """Where backups were written, as far as anybody noted it."""
    try:
        return [str(each) for each in json.loads((home / BACKUPS).read_text())]
    except (FileNotFoundError, ValueError):
        return []


def require_there(home: Path, url: str, s3_endpoint: str | None) -> None:
    """Raise FootfallError where a backup was written once and nothing is now: so is what is not mounted.

    Raises StoreError.
    """
    snapshots, lake = stores(url, s3_endpoint)
    if lake.head(LAKE_VERSION) is None and next(iter(snapshots.list("")), None) is None:
        raise FootfallError(
            "it has neither snapshots nor a copy of the lake: mount it where it was; "
            f"where it was given up, take its line out of {home / BACKUPS}"
        )


def moment_of(now: datetime) -> str:
    """A moment as names of snapshots begin. Milliseconds keep the order of two in one second."""
    return f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}Z"


def note_least(url: str, s3_endpoint: str | None, objects: int) -> None:
    """Note that the lake's copy in a backup has so many objects at least by now. Raises StoreError."""
    data = json.dumps({"at_least": objects, "at": moment_of(datetime.now(UTC))}).encode() + b"\n"
    open_store(url, s3_endpoint=s3_endpoint).put(_LEAST, data)


def least_of(url: str, s3_endpoint: str | None, snapshot: "Snapshot") -> int:
    """How many objects of the lake a backup has at least, by a snapshot and by what went after it.

    Raises StoreError.
    """
    said = int(snapshot.lake["objects"])
    try:
        noted = json.loads(open_store(url, s3_endpoint=s3_endpoint).get(_LEAST))
        at = str(noted.get("at", ""))
        return min(said, int(noted["at_least"])) if snapshot.name[: len(at)] <= at else said
    except (NotFound, ValueError, KeyError, TypeError, AttributeError):
        return said


def require_private(store: ObjectStore) -> None:
    """Make a store's folder, readable by its owner alone. Raises FootfallError where others can read it."""
    if not isinstance(store, LocalStore):
        return
    try:
        store.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        mode = store.root.stat().st_mode
    except OSError as error:
        raise FootfallError(f"{store.url('')} cannot be made: {error.strerror}") from None
    if mode & 0o077:
        raise FootfallError(f"{store.url('')} can be read by others, and keys go there: chmod 700 it")


def private_store(url: str, name: str, s3_endpoint: str | None) -> ObjectStore:
    """What lies beside the snapshots of a backup under a name, for its owner alone.

    Raises FootfallError where others can read it.
    """
    store = open_store(f"{url.rstrip('/')}/{name}", s3_endpoint=s3_endpoint)
    require_private(store)
    return store


@dataclass
class Writer:
    """One snapshot that is being written. Nobody believes it before `finish`."""

    store: ObjectStore
    name: str
    files: list[File] = field(default_factory=list)

    def add(self, path: str, source: Path) -> None:
        """Put one file. Raises OSError where it cannot be read, StoreError where it cannot be put."""
        place = f"{len(self.files) + 1:04d}-{re.sub('[^A-Za-z0-9=_.-]', '_', path.replace('/', '.'))}"
        digest, size = hashlib.sha256(), 0
        pieces: list[str] = []
        with source.open("rb") as file:
            while (data := file.read(PIECE_BYTES)) or not pieces:
                pieces.append(place if not pieces else f"{place}.{len(pieces) + 1:04d}")
                self.store.put(f"{self.name}/{pieces[-1]}", data, create_only=True)
                digest.update(data)
                size += len(data)
        self.files.append(File(path, size, digest.hexdigest(), tuple(pieces)))

    def finish(self, signer: Signer, versions: dict[str, int], lake: dict[str, Any]) -> None:
        """Write the manifest, and with it make the snapshot one. Raises StoreError."""
        document = {
            "snapshot_version": VERSION,
            "name": self.name,
            "versions": versions,
            "lake": lake,
            "files": [{**vars(each), "pieces": list(each.pieces)} for each in self.files],
        }
        data = json.dumps(signer.sign(document), indent=1).encode() + b"\n"
        self.store.put(f"{self.name}/{MANIFEST}", data, create_only=True)


def names(store: ObjectStore) -> tuple[list[str], list[str]]:
    """Names of the whole snapshots and of those without a manifest, oldest first. Raises StoreError."""
    found: dict[str, bool] = {}
    for info in store.list(""):
        name, _, rest = info.key.partition("/")
        if rest:
            found[name] = found.get(name, False) or rest == MANIFEST
    return [name for name in found if found[name]], [name for name in found if not found[name]]


def read(store: ObjectStore, name: str, trusted: dict[str, bytes] | None) -> Snapshot:
    """The snapshot of that name, by its manifest, whose signature is right.

    `trusted` (key id → PEM): who may have signed it; None: the key that lies in it, which shows damage and
    no forger. Raises FootfallError for whatever is not as it should be.
    """
    where = store.url(f"{name}/{MANIFEST}")
    try:
        document = json.loads(store.get(f"{name}/{MANIFEST}", limit=_MANIFEST_BYTES))
        version = document["snapshot_version"]
        if type(version) is int and version > VERSION:
            raise FootfallError(
                f"{where} is of version {version} of a backup, and this program knows versions up to "
                f"{VERSION}: install the program that wrote it"
            )
        files = tuple(_file(each) for each in document["files"])
        snapshot = Snapshot(
            str(document["name"]),
            str(document["signature"]["key_id"]),
            files,
            {str(each): int(number) for each, number in document["versions"].items()},
            dict(document["lake"]),
        )
        if snapshot.name != name:
            raise ValueError(f"is of the snapshot {snapshot.name[:80]}")
        signed_by(document, trusted if trusted is not None else _own_key(store, snapshot))
    except StoreError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FootfallError(f"{where} is damaged or not ours: {_said(error)}") from None
    return snapshot


def _said(error: Exception) -> str:
    return f"it lacks {error}" if isinstance(error, KeyError) else " ".join(str(error).split())[:300]


def _file(entry: dict[str, Any]) -> File:
    """One entry of a manifest. Raises ValueError for a path that no backup has."""
    path = str(entry["path"])
    parts = PurePosixPath(path).parts
    place = place_of(path.removeprefix(HOME)) if path.startswith(HOME) else None
    is_of_home = place is not None and place.keep is Keep.BACKUP
    is_client = path.startswith(CLIENTS) and len(parts) == 2
    if ".." in parts or "\0" in path or not (is_of_home or is_client or path == ROUTES):
        raise ValueError(f"it names the file {path[:80]!r}, which no backup has")
    return File(path, int(entry["bytes"]), str(entry["sha256"]), tuple(map(str, entry["pieces"])))


def _own_key(store: ObjectStore, snapshot: Snapshot) -> dict[str, bytes]:
    """The public key by which it says it is signed. Raises ValueError where it has none."""
    for each in snapshot.files:
        if each.path.startswith(f"{HOME}keys/") and each.path.endswith(
            (f"/{snapshot.key_id}.pem", ".pub.pem")
        ):
            name, pem = public_key(b"".join(_pieces(store, snapshot, each)))
            if name == snapshot.key_id:
                return {name: pem}
    raise ValueError(f"it has no key {snapshot.key_id[:64]}, which signed it")


def _pieces(store: ObjectStore, snapshot: Snapshot, file: File) -> Iterator[bytes]:
    for piece in file.pieces:
        try:
            yield store.get(f"{snapshot.name}/{piece}", limit=PIECE_BYTES)
        except NotFound as error:
            raise FootfallError(f"{error}: the snapshot {snapshot.name} is not whole; take another") from None


def fetch(store: ObjectStore, snapshot: Snapshot, file: File, path: Path) -> None:
    """Copy one file to `path`, private. Raises FootfallError where it is not what the manifest says."""
    digest, size = hashlib.sha256(), 0
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("xb") as target:
        path.chmod(0o600)
        for data in _pieces(store, snapshot, file):
            target.write(data)
            digest.update(data)
            size += len(data)
    if (size, digest.hexdigest()) != (file.bytes, file.sha256):
        raise FootfallError(
            f"{store.url(f'{snapshot.name}/{file.pieces[0]}')} is not the {file.path} that was backed up; "
            "take another snapshot with --at"
        )
