"""What visitors asked for and nobody has decided, beside backups: gone from there with the decision.

<backup>/requests/<id>.json     one that waits: brought up at a backup, at an erasure, once a day
"""

import json
from datetime import datetime
from pathlib import Path

from footfall.errors import FootfallError
from footfall.object_versions import BEGINNING, remove_replaced
from footfall.settings import Settings
from footfall.snapshots import remembered, require_private, require_there
from footfall.store import LocalStore, open_store
from footfall.tombstones import Tombstones
from orchestration.privacy.request_book import Request, RequestBook

_FOLDER = "requests"


def put_waiting(settings: Settings, url: str, stones: Tombstones) -> None:
    """Bring what lies beside a backup to what waits now, but for ids of who was erased.

    Raises FootfallError, also where a version stays of what is decided.
    """
    waiting = {f"{each.id}.json": said for each, said in _said(settings.home, stones)}
    store = open_store(f"{url.rstrip('/')}/{_FOLDER}", s3_endpoint=settings.s3_endpoint)
    if not waiting and isinstance(store, LocalStore) and not store.root.exists():
        return
    require_private(store)
    there = [info.key for info in store.list("")]
    for key, said in waiting.items():
        if key not in there or store.get(key) != said:
            store.put(key, said)
    for key in there:
        if key not in waiting:
            store.delete(key)
    # All of the folder, each time: of one that died or failed before this somebody has to go on.
    kept = remove_replaced(store, [""], BEGINNING, lambda _: True)
    if kept.versions:
        first = kept.versions[0]
        raise FootfallError(
            f"{store.url(first.key)} ({first.version}) was decided or changed, and stays: {first.why}"
        )


def put_waiting_everywhere(settings: Settings, stones: Tombstones) -> list[str]:
    """The same of every backup that is known. Returns what could not be done, a line each."""
    left = []
    for url in remembered(settings.home):
        try:
            require_there(settings.home, url, settings.s3_endpoint)
            put_waiting(settings, url, stones)
        except FootfallError as error:
            left.append(f"the backup {url}: {error}")
    return left


def take_back(home: Path, url: str, s3_endpoint: str | None, stones: Tombstones) -> int:
    """Let the requests beside a backup wait again, but for ids of who was erased. Returns how many.

    One that was decided since the backup was last brought up waits once more. Raises FootfallError.
    """
    found, store = 0, open_store(f"{url.rstrip('/')}/{_FOLDER}", s3_endpoint=s3_endpoint)
    for info in store.list(""):
        try:
            said = json.loads(store.get(info.key, limit=1 << 20))
            ids = tuple((str(kind), str(value)) for kind, value in said["ids"])
            at = datetime.fromisoformat(said["asked_at"])
            left = [each for each in ids if not stones.covers(said["client_id"], each[0], each[1], at)]  # type: ignore[arg-type]
            if left:
                found += RequestBook(home).put_back({**said, "ids": left}, at)
        except (ValueError, KeyError, TypeError) as error:
            raise FootfallError(
                f"{store.url(info.key)} is damaged ({error}): remove it, and restore again"
            ) from None
    return found


def _said(home: Path, stones: Tombstones) -> list[tuple[Request, bytes]]:
    found = []
    for each in RequestBook(home).all():
        if each.decision is not None:
            break  # those that wait come first
        ids = [one for one in each.ids if not stones.covers(each.client_id, *one, each.asked_at)]
        if ids:
            said = {
                "id": each.id,
                "client_id": each.client_id,
                "site_id": each.site_id,
                "wanted": each.wanted,
                "ids": ids,
                "asked_at": each.asked_at.isoformat(),
            }
            found.append((each, json.dumps(said).encode() + b"\n"))
    return found
