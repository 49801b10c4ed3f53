"""Where identities are kept: a file for each id in the state folder, and each of its versions in the lake.

The state folder is what is read; the lake says the same to a machine that has nothing but the lake, the keys
and the client files. The higher version counts. In the lake a version is an object of its own, never
replaced, and believed only where a key of ours signed it.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from footfall.errors import FootfallError
from footfall.identities import History
from footfall.keys import IDENTITIES, identity_object, identity_version
from footfall.signatures import load_signer, own_keys, signed_by
from footfall.store import ObjectStore, put_once
from footfall.whole_files import written_beside

#: Bytes of one document: some thousand sites.
_MAX_BYTES = 16 * 1024 * 1024
#: The folder's name in the state folder.
FOLDER = "identities"


def read_histories(folder: Path) -> dict[str, History]:
    """Client id → its identities, as the state folder has them. Raises FootfallError for a damaged file."""
    return {path.stem: _history(path, path.read_bytes()) for path in sorted(folder.glob("*.json"))}


def change(home: Path, client_id: str, act: Callable[[History], History]) -> History:
    """Change one id's identities in the state folder, alone among all processes; `act` may change nothing.

    It gets the newest version, or one without identities. The lake is told by `synchronise`.
    """
    with _alone(home):
        path = home / FOLDER / f"{client_id}.json"
        before = _history(path, path.read_bytes()) if path.exists() else History(client_id)
        after = act(before)
        if after.version != before.version:
            _write(path, _signed(home, after))
        return after


def synchronise(home: Path, lake: ObjectStore) -> None:
    """Make the newest versions equal in state folder and lake. Raises FootfallError, StoreError."""
    with _alone(home):
        here = read_histories(home / FOLDER)
        there = _newest(lake)
        for client_id, (version, name) in there.items():
            if client_id not in here or here[client_id].version < version:
                data = _believed(home, lake, identity_object(client_id, version, name))
                _write(home / FOLDER / f"{client_id}.json", data)
        for client_id, history in here.items():
            if client_id not in there or history.version > there[client_id][0]:
                data = (home / FOLDER / f"{client_id}.json").read_bytes()
                put_once(lake, identity_object(client_id, history.version, history.name), data)


def names_in(lake: ObjectStore) -> dict[str, str]:
    """Client id → the identity of its file, by the lake alone and without a look at what it says.

    For whoever has no keys: a collector, whose salts belong to an identity. Raises StoreError.
    """
    return {client_id: name for client_id, (_, name) in _newest(lake).items()}


def _newest(lake: ObjectStore) -> dict[str, tuple[int, str]]:
    found: dict[str, tuple[int, str]] = {}
    for info in lake.list(IDENTITIES):
        if each := identity_version(info.key):
            client_id, version, name = each
            found[client_id] = max((version, name), found.get(client_id, (0, "")))
    return found


def _believed(home: Path, lake: ObjectStore, key: str) -> bytes:
    data = lake.get(key, limit=_MAX_BYTES)
    signer = load_signer(home / "keys")
    try:
        signed_by(json.loads(data), {**own_keys(home / "keys"), signer.key_id: signer.public_pem})
    except (ValueError, AttributeError) as error:
        raise FootfallError(
            f"{lake.url(key)} says whose a client id is, and it {error}: put back the keys of this "
            "installation, or the public half of the key that signed it into keys/public of the state folder"
        ) from None
    return data


def _signed(home: Path, history: History) -> bytes:
    document = load_signer(home / "keys").sign(history.as_document())
    return json.dumps(document, indent=1).encode() + b"\n"


def _history(path: Path, data: bytes) -> History:
    try:
        return History.of_document(json.loads(data))
    except (ValueError, KeyError, TypeError) as error:
        raise FootfallError(
            f"{path} is damaged ({type(error).__name__}); remove it: the next run takes it from the lake"
        ) from None


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    written_beside(path, data).replace(path)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    folder = home / "claims"
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / FOLDER, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
