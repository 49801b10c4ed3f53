"""Erasures and backups: where backups lie is remembered, an erasure reaches them, and a restore applies it.

<backup>/tombstones/<name>.jsonl      hashes of who was erased, whenever the backup was made
<backup>/tombstones/tombstone-key     what they are made with
"""

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

from footfall import keys
from footfall.clients import Registry
from footfall.durable import open_lake
from footfall.errors import FootfallError
from footfall.settings import Settings
from footfall.signatures import own_keys
from footfall.store import NotFound, ObjectStore, open_store
from footfall.tombstones import (
    FILE,
    KEY,
    KINDS,
    WORD,
    Tombstone,
    Tombstones,
    as_lines,
    from_lines,
    load_key,
    read_local,
)
from footfall.whole_files import written_beside
from orchestration.privacy.erasure_local import GONE
from orchestration.privacy.erasure_texts import TEXTS, clean_file
from orchestration.privacy.waiting_requests import put_waiting
from orchestration.retention.copies import bring_backups

_FOLDER = "tombstones/"
_KEY = f"{_FOLDER}tombstone-key"


def put_hashes(settings: Settings, url: str) -> None:
    """Put all hashes that hold, and their key, beside a backup. Raises FootfallError."""
    stones = read_local(settings.home)
    key = load_key(settings.home) if stones else None
    if key is None:
        return
    store = open_store(url, s3_endpoint=settings.s3_endpoint)
    data = as_lines(stones)
    store.put(f"{_FOLDER}{hashlib.sha256(data).hexdigest()[:16]}.jsonl", data)
    store.put(_KEY, (settings.home / KEY).read_bytes())


def forget_backups(settings: Settings, registry: Registry, stones: Tombstones) -> list[str]:
    """Let every backup know, and take the persons out of its copy of the lake. Returns what is left to do."""
    lake, trusted = (
        open_lake(settings.lake, settings.s3_endpoint, settings.home),
        own_keys(settings.home / "keys"),
    )

    left = []

    def first(url: str) -> None:
        put_hashes(settings, url)
        try:
            put_waiting(settings, url, stones)
        except FootfallError as error:
            left.append(f"the backup {url}: {error}")

    return bring_backups(settings, lake, registry, trusted, stones, first) + left


def hashes_of(url: str, s3_endpoint: str | None, home: Path, lake: ObjectStore) -> Tombstones:
    """All hashes that a restore has to apply: of the snapshot in `home`, beside the backup, and of the lake.

    They and their key are in `home` when this returns. Raises FootfallError.
    """
    store = open_store(url, s3_endpoint=s3_endpoint)
    found: list[Tombstone] = read_local(home)
    for info in store.list(_FOLDER):
        if info.key.endswith(".jsonl"):
            found += from_lines(store.get(info.key), store.url(info.key))
    for info in lake.list(keys.TOMBSTONES):
        found += from_lines(lake.get(info.key), lake.url(info.key))
    if not found:
        return Tombstones()
    if not (home / KEY).exists():
        try:
            data = store.get(_KEY)
        except NotFound:
            raise FootfallError(
                f"persons were erased since this snapshot, and {store.url(_KEY)} is missing: without the key "
                "they would come back; take a later snapshot with --at"
            ) from None
        (home / KEY).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        written_beside(home / KEY, data).replace(home / KEY)
    written_beside(home / FILE, as_lines(set(found))).replace(home / FILE)
    return Tombstones(load_key(home), found)


def clean_texts(home: Path, stones: Tombstones) -> None:
    """Take erased persons out of texts of a state folder that was put back: alerts, errors, notes.

    Each word of a text that is an id of theirs becomes `[erased]`.
    """
    named = {(kind, each.digest) for (_, kind, _), each in stones.stones.items()}
    key, clients = stones.key, stones.clients
    if not named or key is None:
        return

    def cleaned(text: str) -> str:
        words = set(WORD.findall(text))
        for word in sorted(words, key=len, reverse=True):
            if any((kind, key.digest(client, kind, word)) in named for client in clients for kind in KINDS):
                text = text.replace(word, GONE)
        return text

    for name, columns in TEXTS.items():
        clean_file(home / name, columns, cleaned)


def drop_waiting(home: Path, clients: Iterable[str]) -> None:
    """Remove rendered files of clients with erased persons: those that are due are rendered anew."""
    bases = set(clients)
    for folder in (home / "outbox").iterdir() if (home / "outbox").is_dir() else ():
        if folder.name.partition(".")[0] in bases:
            shutil.rmtree(folder)
