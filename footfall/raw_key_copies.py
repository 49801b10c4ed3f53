"""Keys of clients over raw lines, beside backups and not in them: so that to destroy one reaches every copy.

<backup>/raw-keys/<identity>/<key>.pem              once for all snapshots
<backup>/raw-keys/<identity>/<key>.shredded.json    that it is destroyed
<lake>/shredded-keys/client=<identity>/<key>.json   the same, for a restore from a backup that was away then
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from footfall.errors import FootfallError
from footfall.keys import shredded_key, shredded_prefix
from footfall.object_versions import remove_versions
from footfall.raw_keys import CURRENT, FOLDER, GONE, Held, KeyRing, is_key_id, public_of
from footfall.signatures import own_keys, signed_by
from footfall.snapshots import private_store, remembered, require_there
from footfall.store import AlreadyExists, NotFound, ObjectStore, StoreError, open_store
from footfall.whole_files import written_beside

BESIDE = "raw-keys"
#: Beside a key in the state folder: {"in": addresses of backups that have no copy of it any more}.
_COPIES = ".copies.json"
#: Bytes of a key or of a record, at most.
_MOST_BYTES = 64 * 1024


def put_beside(home: Path, url: str, s3_endpoint: str | None) -> None:
    """Put what an installation has of such keys beside a backup. Raises FootfallError, OSError."""
    ring = KeyRing(home)
    if not ring.is_used:
        return
    store = private_store(url, BESIDE, s3_endpoint)
    there = {info.key for info in store.list("")}
    trusted = own_keys(home / "keys")
    gone = {
        path
        for path in sorted(ring.folder.glob(f"*/*{GONE}"))
        if is_ours(path.read_bytes(), trusted, path.parent.name, path.name.removesuffix(GONE))
    }
    for path in gone:
        key = f"{path.parent.name}/{path.name.removesuffix(GONE)}.pem"
        if key in there:
            store.delete(key)
    for path in sorted(ring.folder.glob("*/*")):
        is_key = path.suffix == ".pem" and path.with_suffix(GONE) not in gone
        if is_key or path in gone or path.name == CURRENT:
            store.put(f"{path.parent.name}/{path.name}", path.read_bytes())


def is_ours(record: bytes, trusted: Mapping[str, bytes], client_id: str, key_id: str) -> bool:
    """Whether it says of that key that it was destroyed, signed by this installation."""
    try:
        document = json.loads(record)
        signed_by(document, trusted)
        said = (document["record"], document["client"], document["key"])
        return said == ("shredded key", client_id, key_id)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return False


def take_back(home: Path, url: str, s3_endpoint: str | None, lake: ObjectStore) -> list[str]:
    """Put them into a state folder that is restored, but for those that were destroyed since.

    That one was is believed where this installation has signed it. Returns what is said of it, a line each.
    Raises FootfallError, OSError.
    """
    store = open_store(f"{url.rstrip('/')}/{BESIDE}", s3_endpoint=s3_endpoint)
    trusted, said = own_keys(home / "keys"), []
    found: dict[str, bytes] = {}
    for name, where, key in [*_named(store, ""), *_named(lake, shredded_prefix())]:
        try:
            data = where.get(key, limit=_MOST_BYTES)
        except StoreError as error:
            said.append(f"{where.url(key)} is passed over: {error}")
            continue
        client, _, file = name.partition("/")
        if name.endswith(GONE) and not is_ours(data, trusted, client, file.removesuffix(GONE)):
            said.append(f"{where.url(key)} is not signed by this installation, and counts for nothing")
        else:
            found.setdefault(name, data)
    for name, data in sorted(found.items()):
        if name.endswith(".pem") and f"{name.removesuffix('.pem')}{GONE}" in found:
            said.append(f"the key {Path(name).stem} was destroyed, and stays away")
            continue
        _write(home / FOLDER / name, data)
    return said


def _named(store: ObjectStore, prefix: str) -> Iterator[tuple[str, ObjectStore, str]]:
    """Path below the folder of keys, store and key of what lies there and is one of ours by its name."""
    for info in store.list(prefix):
        client, _, name = info.key.removeprefix(prefix).partition("/")
        if prefix:
            client, name = client.removeprefix("client="), f"{name.removesuffix('.json')}{GONE}"
        stem = name.removesuffix(".pem").removesuffix(GONE)
        is_one = name == CURRENT or (is_key_id(stem) and name.endswith((".pem", GONE)))
        if client and "/" not in name and is_one:
            yield f"{client}/{name}", store, info.key


def found_beside(home: Path, s3_endpoint: str | None, client_id: str, key_id: str) -> tuple[str, list[str]]:
    """Look for a key beside every backup, and put it back. Returns where it was, empty where nowhere, and
    which backups could not be looked at, a line each. Raises FootfallError where it cannot be written.
    """
    away = []
    for url in remembered(home):
        try:
            require_there(home, url, s3_endpoint)
            store = open_store(f"{url.rstrip('/')}/{BESIDE}", s3_endpoint=s3_endpoint)
            data = store.get(f"{client_id}/{key_id}.pem", limit=_MOST_BYTES)
        except NotFound:
            continue
        except (StoreError, FootfallError) as error:
            away.append(f"the backup {url}: {error}")
            continue
        if public_of(data) == key_id:
            _write(home / FOLDER / client_id / f"{key_id}.pem", data)
            return store.url(f"{client_id}/{key_id}.pem"), away
    return "", away


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    written_beside(path, data).replace(path)


def shred(lake: ObjectStore, home: Path, s3_endpoint: str | None, held: Held, said: bytes) -> list[str]:
    """Let the lake and every backup know that a key is destroyed, and remove its copies there.

    `said`: the record of it. Returns what is left to do, a line each. Raises StoreError where the lake fails.
    """
    lake_key = shredded_key(held.client_id, held.id)
    with suppress(AlreadyExists):
        lake.put(lake_key, said, create_only=True)
    if not is_ours(lake.get(lake_key), own_keys(home / "keys"), held.client_id, held.id):
        lake.put(lake_key, said)  # whoever was first there is none of ours
    left = []
    for url in remembered(home):
        key = f"{held.client_id}/{held.id}.pem"
        try:
            require_there(home, url, s3_endpoint)
            store = private_store(url, BESIDE, s3_endpoint)
            store.put(f"{key.removesuffix('.pem')}{GONE}", said)
            store.delete(key)
            kept = remove_versions(store, [key])
        except (StoreError, FootfallError) as error:
            left.append(f"the backup {url} may hold the key {held.id} still: {error}")
            continue
        left += [f"{store.url(each.key)} ({each.version}) stays: {each.why}" for each in kept.versions]
        if kept.unseen:
            left.append(f"versions of {store.url(key)} may stay, and nobody lets us see them: {kept.unseen}")
        if not kept.versions:
            _note(home, held, url)
    return left


def _copies(home: Path, held: Held) -> Path:
    return home / FOLDER / held.client_id / f"{held.id}{_COPIES}"


def _done(home: Path, held: Held) -> set[str]:
    try:
        return set(json.loads(_copies(home, held).read_bytes())["in"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return set()  # done once more, which is harmless


def _note(home: Path, held: Held, url: str) -> None:
    done = sorted({*_done(home, held), url})
    _write(_copies(home, held), json.dumps({"in": done}).encode() + b"\n")


def is_left(home: Path, lake: ObjectStore, held: Held) -> bool:
    """Whether something is to be done until a key is destroyed wherever it lay. Raises StoreError."""
    if held.gone is None or (home / FOLDER / held.client_id / f"{held.id}.pem").exists():
        return True
    return not {*remembered(home)} <= _done(home, held) or (
        lake.head(shredded_key(held.client_id, held.id)) is None
    )
