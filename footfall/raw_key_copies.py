"""Keys of clients over raw lines, beside backups and not in them: so that to destroy one reaches every copy.

<backup>/raw-keys/<identity>/<key>.pem              once for all snapshots
<backup>/raw-keys/<identity>/<key>.shredded.json    that it is destroyed
<lake>/shredded-keys/client=<identity>/<key>.json   the same, for a restore from a backup that was away then
"""

from contextlib import suppress
from pathlib import Path

from footfall.errors import FootfallError
from footfall.keys import shredded_key, shredded_prefix
from footfall.object_versions import remove_versions
from footfall.raw_keys import FOLDER, GONE, Held, KeyRing
from footfall.snapshots import remembered, require_there
from footfall.store import AlreadyExists, ObjectStore, StoreError, open_store
from footfall.whole_files import written_beside

BESIDE = "raw-keys/"


def put_beside(home: Path, store: ObjectStore) -> None:
    """Put what an installation has of such keys beside a backup. Raises FootfallError, OSError."""
    ring = KeyRing(home)
    for each in list(ring.held()):
        if each.gone is not None:
            store.delete(f"{BESIDE}{each.client_id}/{each.id}.pem")
    for path in sorted(ring.folder.glob("*/*")):
        key = f"{BESIDE}{path.parent.name}/{path.name}"
        if path.suffix in (".pem", ".json", ""):
            store.put(key, path.read_bytes())


def take_back(home: Path, store: ObjectStore, lake: ObjectStore) -> None:
    """Put them into a state folder that is restored, but for those that were destroyed since.

    Raises FootfallError, OSError.
    """
    found = {info.key.removeprefix(BESIDE): store.get(info.key) for info in store.list(BESIDE)}
    for info in lake.list(shredded_prefix()):
        client, _, name = info.key.removeprefix(shredded_prefix()).partition("/")
        path = f"{client.removeprefix('client=')}/{name.removesuffix('.json')}{GONE}"
        found.setdefault(path, lake.get(info.key))
    for name, data in sorted(found.items()):
        if name.endswith(".pem") and f"{name.removesuffix('.pem')}{GONE}" in found:
            continue
        target = home / FOLDER / name
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        written_beside(target, data).replace(target)


def shred(lake: ObjectStore, home: Path, s3_endpoint: str | None, held: Held, said: bytes) -> list[str]:
    """Let the lake and every backup know that a key is destroyed, and remove its copies there.

    `said`: the record of it. Returns what is left to do, a line each. Raises StoreError where the lake fails.
    """
    with suppress(AlreadyExists):
        lake.put(shredded_key(held.client_id, held.id), said, create_only=True)
    left = []
    for url in remembered(home):
        key = f"{BESIDE}{held.client_id}/{held.id}.pem"
        try:
            require_there(home, url, s3_endpoint)
            store = open_store(url, s3_endpoint=s3_endpoint)
            store.put(f"{key.removesuffix('.pem')}{GONE}", said)
            store.delete(key)
            kept = remove_versions(store, [key])
        except (StoreError, FootfallError) as error:
            left.append(f"the backup {url} may hold the key {held.id} still: {error}")
            continue
        left += [f"{store.url(each.key)} ({each.version}) stays: {each.why}" for each in kept.versions]
        if kept.unseen:
            left.append(f"versions of {store.url(key)} may stay, and nobody lets us see them: {kept.unseen}")
    return left
