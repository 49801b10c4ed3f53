"""Who may read what Footfall keeps: its own user and nobody else, whatever the umask says.

Salts, raw objects, ledger, warehouse, keys, spool: files 0600 in folders 0700. A client's `file://` bucket is
the client's to open: what is put into it may be read by whoever may read the folder (footfall.store).
"""

import os
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from footfall.settings import Settings

FOLDER, FILE = 0o700, 0o600
#: Below the state folder: clients' buckets, as long as they lie there. Nobody else reaches them.
BUCKETS = "buckets"


def keep_private(settings: Settings, *, is_first: bool) -> None:
    """Make all that this process and its children write private, and close what lies open.

    `is_first`: look at everything that an earlier program left; else at the folders that lead to it and at
    what is small and secret. What belongs to another user stays as it is; `footfall doctor` says so.
    """
    os.umask(0o777 ^ FOLDER)
    if not settings.home.is_dir():
        return
    ours = [settings.home, *_local(settings.lake), *_local(settings.backup)]
    for folder in ours:
        _close(folder, FOLDER)
    for path in settings.home.iterdir():
        if path.name != BUCKETS:
            _close(path, FOLDER if path.is_dir() else FILE)
    secret = [settings.home / "keys", *(lake / "salts" for lake in _local(settings.lake))]
    for folder in ours if is_first else secret:
        _close_below(folder, settings.home / BUCKETS)


def is_private(path: Path) -> bool:
    """Whether only its owner can read a file or folder."""
    return path.stat().st_mode & 0o077 == 0


def _local(url: str) -> Iterable[Path]:
    parts = urlsplit(url)
    path = Path(unquote(parts.path))
    return [path] if parts.scheme == "file" and path.is_dir() else []


def _close_below(folder: Path, buckets: Path) -> None:
    for parent, folders, names in os.walk(folder):
        if Path(parent) == buckets.parent and buckets.name in folders:
            folders.remove(buckets.name)
        for name in folders:
            _close(Path(parent, name), FOLDER)
        for name in names:
            _close(Path(parent, name), FILE)


def _close(path: Path, most: int) -> None:
    try:
        mode = path.lstat().st_mode
        if mode & 0o077 and not path.is_symlink():
            path.chmod(mode & most)
    except OSError:
        pass  # gone since it was seen, or another user's
