"""The versions of everything durable, in one place, and what takes up the state of an earlier program.

Where a version is written: of a SQLite file in its `PRAGMA user_version`, of the warehouse in the table
`ingest.state_version`, of a lake in its object `_footfall.json`, of all other files and folders of the state
folder in `versions.json` beside them. 0 is what was left before there were versions.

Which files have one, footfall.catalogue.state says. A change of what is kept adds a step to _LATER_STEPS or
_LATER_FILE_STEPS; the step makes the next version of the one before.
A state with more steps than are known here is of a newer program: it is refused before anything is touched.
"""

import json
import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from footfall.catalogue import state
from footfall.errors import FootfallError
from footfall.keys import LAKE_VERSION
from footfall.migrations import EVENTS_TO_THE_LAKE, make_identities
from footfall.raw_keys import give_keys
from footfall.store import AlreadyExists, ObjectStore, open_store

#: SQL of one step, statement by statement: all of it or nothing.
Step = tuple[str, ...]
#: SQLite files and the warehouse → their steps after the first, which only gives them a version.
_LATER_STEPS: Mapping[str, tuple[Step, ...]] = {
    # Buckets have logs: their pages are looked at once more, to be known there.
    "ledger.sqlite": (("DELETE FROM written WHERE url LIKE '%#%'",),),
    "warehouse.duckdb": (EVENTS_TO_THE_LAKE,),
}
STEPS: Mapping[str, tuple[Step, ...]] = {
    name: ((), *_LATER_STEPS.get(name, ())) for name in state.databases()
}


def _nothing(_path: Path) -> None:
    """The first step of what was there before versions only gives it one."""


#: First steps of what came after there were versions, which make it of what is there; a step gets the path.
_FIRST_FILE_STEPS: Mapping[str, Callable[[Path], None]] = {"identities": make_identities}
#: The same of other files and folders.
_LATER_FILE_STEPS: Mapping[str, tuple[Callable[[Path], None], ...]] = {}
FILE_STEPS: Mapping[str, tuple[Callable[[Path], None], ...]] = {
    name: (_FIRST_FILE_STEPS.get(name, _nothing), *_LATER_FILE_STEPS.get(name, ()))
    for name in state.versioned()
}
#: (Name, version) → what the step to that version does, for `footfall upgrade`; the first only gives one.
DOES: Mapping[tuple[str, int], str] = {
    ("ledger.sqlite", 2): "pages of buckets are looked at once more, to be known in the logs",
    ("warehouse.duckdb", 2): "events go to the lake alone, an index of them stays",
    ("identities", 1): "an identity for each client that was in force, under its id",
}
#: Version of the lake: how its keys and objects are made.
LAKE = 1
VERSIONS_FILE = "versions.json"


class BrokenState(FootfallError):
    """A durable file cannot be read."""

    def __init__(self, name: str, path: object, said: object) -> None:
        text = " ".join(str(said).split())[:300]
        super().__init__(
            f"{path} is damaged or not ours ({text}); {state.remedy(name)}: docs/runbook.md#broken-state"
        )


def version_in(value: object) -> int:
    """A version as it was read. Raises ValueError where it is none."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{str(value)[:40]!r} is no version")
    return value


def require_known(name: str, path: object, found: int, known: int) -> None:
    """Raise FootfallError where a version is newer than this program."""
    if found > known:
        raise FootfallError(
            f"{path} is of version {found} of {name}, and this program knows versions up to {known}: install "
            "the program that wrote it, or put back the state from before (docs/operations.md#versions)"
        )


def known_version(name: str) -> int:
    """The version that this program makes."""
    return len(STEPS[name] if name in STEPS else FILE_STEPS[name])


def require_known_state(home: Path) -> None:
    """Look at every version in a state folder, and change nothing. Raises FootfallError, BrokenState.

    The warehouse says its own when it is opened: one process at a time may do that.
    """
    versions = _read_versions(home)
    for name, found in versions.items():
        require_known(name, home / name, found, len(FILE_STEPS.get(name, ())))
    for name in STEPS:
        if name.endswith(".sqlite") and (home / name).exists():
            require_known(name, home / name, _user_version(name, home / name), known_version(name))


def found_versions(home: Path) -> dict[str, int]:
    """Name → the version that a file or folder of a state folder says, of those that are there or were.

    Not of the warehouse, which says its own when it is opened. Raises FootfallError, BrokenState.
    """
    said = _read_versions(home)
    files = {name: said.get(name, 0) for name in FILE_STEPS if name in said or (home / name).exists()}
    databases = [name for name in STEPS if name.endswith(".sqlite") and (home / name).exists()]
    return files | {name: _user_version(name, home / name) for name in databases}


def take_up(home: Path) -> bool:
    """Bring the files of a state folder to the versions of this program. Whether there was anything to do.

    Nothing where there is no folder yet. SQLite files and the warehouse follow when they are opened.
    """
    if not home.is_dir():
        return False
    require_known_state(home)
    before = _read_versions(home)
    for name, steps in FILE_STEPS.items():
        for step in steps[before.get(name, 0) :]:
            step(home / name)
    now = {name: len(steps) for name, steps in FILE_STEPS.items()}
    if now == before:
        return False
    part = home / f"{VERSIONS_FILE}.{os.getpid()}.part"
    part.write_text(json.dumps(now, indent=1) + "\n")
    part.replace(home / VERSIONS_FILE)
    return True


def _read_versions(home: Path) -> dict[str, int]:
    path = home / VERSIONS_FILE
    try:
        found = json.loads(path.read_text())
        return {str(name): version_in(version) for name, version in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise BrokenState(VERSIONS_FILE, path, error) from None


def _user_version(name: str, path: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=30)) as connection:
            return version_in(connection.execute("PRAGMA user_version").fetchone()[0])
    except (sqlite3.DatabaseError, ValueError) as error:
        raise BrokenState(name, path, error) from None


def open_lake(url: str, s3_endpoint: str | None = None, home: Path | None = None) -> ObjectStore:
    """The lake, whose version is known here. Raises FootfallError, StoreError.

    `home`: the state folder whose keys open sealed raw objects; without it nobody can.
    """
    store = open_store(url, s3_endpoint=s3_endpoint)
    if home is not None:
        give_keys(store, home)
    require_known_lake(store)
    return store


def take_up_lake(url: str, s3_endpoint: str | None = None, home: Path | None = None) -> ObjectStore:
    """The lake as open_lake gives it; one without a version gets it."""
    store = open_lake(url, s3_endpoint, home)
    mark_lake(store)
    return store


def mark_lake(store: ObjectStore) -> None:
    """Write down the version of a lake that has none. Raises StoreError."""
    if store.head(LAKE_VERSION) is None:
        with suppress(AlreadyExists):
            store.put(LAKE_VERSION, json.dumps({"lake": LAKE}).encode() + b"\n", create_only=True)


def require_known_lake(store: ObjectStore) -> None:
    """Look at the version of a lake, and change nothing. Raises FootfallError, StoreError."""
    there = store.read_tagged(LAKE_VERSION)
    if there is None:
        return
    try:
        found = version_in(json.loads(there[0])["lake"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise FootfallError(
            f'{store.url(LAKE_VERSION)} is damaged: it says {{"lake": {LAKE}}} in a lake of this version'
        ) from None
    require_known("the lake", store.url(LAKE_VERSION), found, LAKE)
