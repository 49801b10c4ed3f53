"""The bundle by which another installation goes on with one client: written whole or not at all, and signed.

    manifest.json       written last: every member with its sha256, whose it is, signed
    README.txt          what it is, for a person
    client/acme.yaml    the client's file
    home/…              what goes into the state folder
    lake/…              objects of the lake
    backup/…            objects of the client's folder in the backup bucket

A later bundle of the same client (`number` 2 and up) has what came to the old installation since.
What goes is said in footfall.catalogue.handing_over; a member that no rule lets go is no member.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from footfall.catalogue import handing_over
from footfall.catalogue.handing_over import Goes
from footfall.catalogue.state import HOME as PLACES
from footfall.catalogue.state import LAKE as PLACES_OF_LAKE
from footfall.catalogue.state import place_of
from footfall.errors import FootfallError
from footfall.identities import written_id
from footfall.keys import client_of_raw_object, is_key
from footfall.signatures import GIVEN, PUBLIC, Signer, public_key, signed_by
from footfall.store import NotFound, ObjectStore, StoreError
from footfall.tombstones import KEY as TOMBSTONE_KEY
from footfall.whole_files import sha256_of

VERSION = 1
MANIFEST, README = "manifest.json", "README.txt"
CLIENT, HOME, LAKE, BACKUP = "client/", "home/", "lake/", "backup/"
#: Most bytes of a manifest: some 200 a member.
_MANIFEST_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class Member:
    """One object of a bundle, by its path in it."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Bundle:
    """A bundle as its manifest says. `client_id`: the identity; `versions`: as footfall.durable has them."""

    client_id: str
    number: int
    made_at: str
    key_id: str
    versions: Mapping[str, int]
    members: tuple[Member, ...]

    @property
    def written_id(self) -> str:
        """The id in the client's file."""
        return written_id(self.client_id)

    def below(self, folder: str) -> dict[str, Member]:
        """Path below a folder of the bundle → member."""
        return {each.path.removeprefix(folder): each for each in self.members if each.path.startswith(folder)}


@dataclass
class Writer:
    """A bundle that is being written. Nobody believes it before `finish`."""

    store: ObjectStore
    client_id: str
    scratch: Path
    members: dict[str, Member] = field(default_factory=dict)

    def add(self, path: str, data: bytes) -> None:
        """Put one member. Raises StoreError."""
        self._require(path)
        self.store.put(path, data)
        self.members[path] = Member(path, len(data), hashlib.sha256(data).hexdigest())

    def add_file(self, path: str, file: Path) -> None:
        """The same of a local file, whatever its size. Raises StoreError, OSError."""
        self._require(path)
        self.store.put_file(path, file)
        self.members[path] = Member(path, file.stat().st_size, sha256_of(file))

    def copy(self, path: str, source: ObjectStore, key: str) -> None:
        """The same of an object of another store. Raises StoreError."""
        file = self.scratch / "object"
        source.fetch(key, file)
        self.add_file(path, file)
        file.unlink()

    def _require(self, path: str) -> None:
        if not is_member(path, self.client_id):
            raise FootfallError(f"{path[:200]} does not go with {self.client_id}")

    def finish(self, signer: Signer, number: int, made_at: str, versions: Mapping[str, int]) -> bytes:
        """Write the manifest, and with it make the bundle one. Returns its bytes. Raises StoreError."""
        document = {
            "bundle_version": VERSION,
            "client_id": self.client_id,
            "number": number,
            "made_at": made_at,
            "versions": dict(versions),
            "members": [asdict(each) for _, each in sorted(self.members.items())],
        }
        data = json.dumps(signer.sign(document), indent=1).encode() + b"\n"
        self.store.put(MANIFEST, data, create_only=True)
        return data


def is_member(path: str, client_id: str) -> bool:
    """Whether a rule lets this object go with a client. `client_id`: the identity."""
    if path in (README, f"{CLIENT}{written_id(client_id)}.yaml"):
        return True
    folder, _, rest = path.partition("/")
    if not is_key(path):
        return False
    if f"{folder}/" == HOME:
        return _goes_of_home(rest, client_id)
    if f"{folder}/" == LAKE:
        return _goes_of_lake(rest, client_id)
    return f"{folder}/" == BACKUP


def _goes_of_home(path: str, client_id: str) -> bool:
    place = place_of(path, PLACES)
    goes = handing_over.HOME[place.name].goes if place else Goes.STAYS
    of_keys = (f"keys/{GIVEN}", TOMBSTONE_KEY)
    if place is not None and place.name == "keys":
        return path in of_keys or path.startswith(f"keys/{PUBLIC}/")
    if place is not None and place.name == "identities":
        return path == f"identities/{written_id(client_id)}.json"
    if goes is Goes.FILES:
        name = path.split("/")[1]
        return name in (client_id, f"{written_id(client_id)}.yaml")
    return goes in (Goes.ROWS, Goes.MADE)


def _goes_of_lake(path: str, client_id: str) -> bool:
    place = place_of(path, PLACES_OF_LAKE)
    goes = handing_over.LAKE[place.name].goes if place else Goes.STAYS
    if place is None or goes in (Goes.STAYS, Goes.AGAIN, Goes.MADE, Goes.FILES, Goes.ROWS):
        return False
    if goes is Goes.OBJECTS:
        return path.startswith(
            tuple(f"{place.name}/client={name}/" for name in folders(place.name, client_id))
        )
    return place.name != "raw" or client_of_raw_object(path) == client_id


def folders(place: str, client_id: str) -> tuple[str, ...]:
    """By which names a client's objects lie in a place of the lake."""
    return (written_id(client_id),) if place == "tombstones" else (client_id,)


def read(store: ObjectStore, client_id: str, trusted: Mapping[str, bytes] | None) -> Bundle:
    """The bundle in a store, whose signature is right and whose every member may be one of this client.

    `client_id`: the id in the client's file. `trusted` (key id → PEM): who may have signed it; None: a key
    that lies in it, which shows damage and no forger. Raises FootfallError for whatever is not as it should
    be.
    """
    where = store.url(MANIFEST)
    try:
        data = store.get(MANIFEST, limit=_MANIFEST_BYTES)
    except NotFound:
        raise FootfallError(
            f"there is no bundle in {store.url('')}, or one that was not written to its end"
        ) from None
    bundle = parsed(data, where, lambda found: trusted if trusted is not None else _own_keys(store, found))
    if bundle.written_id != client_id:
        raise FootfallError(f"{where} is a bundle of {bundle.client_id}, not of {client_id}")
    if strange := [each.path for each in bundle.members if not is_member(each.path, bundle.client_id)]:
        raise FootfallError(f"{where} names {strange[0][:200]!r}, which no bundle of {bundle.client_id} has")
    return bundle


def parsed(data: bytes, where: str, trusted: Callable[[Bundle], Mapping[str, bytes]]) -> Bundle:
    """A manifest as it was written. Raises FootfallError where it is damaged or was changed."""
    try:
        document: dict[str, Any] = json.loads(data)
        version = document["bundle_version"]
        if type(version) is int and version > VERSION:
            raise FootfallError(
                f"{where} is of version {version} of a bundle, and this program knows versions up to "
                f"{VERSION}: install the program that wrote it, or a newer one"
            )
        bundle = Bundle(
            str(document["client_id"]),
            int(document["number"]),
            str(document["made_at"]),
            str(document["signature"]["key_id"]),
            {str(name): int(number) for name, number in document["versions"].items()},
            tuple(_member(each) for each in document["members"]),
        )
        signed_by(document, trusted(bundle))
    except StoreError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        said = f"it lacks {error}" if isinstance(error, KeyError) else " ".join(str(error).split())[:300]
        raise FootfallError(f"{where} is damaged or not ours: {said}") from None
    return bundle


def _member(entry: Mapping[str, Any]) -> Member:
    return Member(str(entry["path"]), int(entry["bytes"]), str(entry["sha256"]))


def _own_keys(store: ObjectStore, bundle: Bundle) -> dict[str, bytes]:
    path = f"{HOME}keys/{PUBLIC}/{bundle.key_id}.pem"
    if not is_key(path):
        raise ValueError("its signature names no key")
    try:
        name, pem = public_key(store.get(path, limit=64 * 1024))
    except NotFound:
        raise ValueError(f"it has no key {bundle.key_id[:64]}, which signed it") from None
    return {name: pem}


def check(store: ObjectStore, bundle: Bundle, scratch: Path) -> None:
    """Read every member once. Raises FootfallError for one that is not what was written, or not a member."""
    there = {info.key: info.size for info in store.list("")}
    for name in there.keys() - {each.path for each in bundle.members} - {MANIFEST}:
        raise FootfallError(f"{store.url(name)} is no member of the bundle: it was put there by another hand")
    for each in bundle.members:
        if each.path not in there:
            raise FootfallError(f"{store.url(each.path)} is missing: the bundle is not whole")
        fetch(store, each, scratch / "member")
        (scratch / "member").unlink()


def fetch(store: ObjectStore, member: Member, path: Path) -> None:
    """Copy one member to a local file. Raises FootfallError where it is not what was written."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)
    store.fetch(member.path, path)
    if (path.stat().st_size, sha256_of(path)) != (member.bytes, member.sha256):
        path.unlink()
        raise FootfallError(
            f"{store.url(member.path)} is not what was written into the bundle: it was damaged or changed; "
            "have the bundle copied or made again"
        )


def text_for_people(client_id: str, url: str, made_at: str, key_id: str, members: Iterable[Member]) -> str:
    """README.txt."""
    found = list(members)
    size = sum(each.bytes for each in found)
    client = written_id(client_id)
    return f"""All that an installation of Footfall kept of the client {client_id}, and nothing of any other.
Made {made_at}, {len(found)} members, {size} bytes, signed with the key {key_id}.

It holds personal data and secrets of this client: whoever has it can read the events and knows which persons
were erased. Keep it as a backup is kept, and remove it when the new installation runs.

To go on with the client on another machine, with the same release of Footfall or a newer one:

    FOOTFALL_HOME=/srv/footfall footfall clients take {client} {url}

and what that command says next. docs/handing-over.md of the release has the whole procedure.
"""
