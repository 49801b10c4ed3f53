"""What lies beside lake and warehouse on this machine: spool, slices, caches, artefacts, texts of alerts."""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from footfall.errors import FootfallError
from footfall.frames import frames, scan
from footfall.hours import floor
from footfall.keys import COMPUTE_LOGS
from footfall.spool_tail import segments
from footfall.store import NotFound, ObjectStore
from footfall.tombstones import Tombstones
from footfall.whole_files import written_beside
from orchestration.privacy.erasure_search import Needles
from orchestration.privacy.erasure_texts import OF_DAGSTER, SECONDS, TEXTS, Columns, clean_file

#: Folders of what is made again or is history: a file of them that holds the person goes.
PASSING = ("slices", "dbt", "logs")
#: What Dagster notes of runs: databases of its own, and what steps print.
DAGSTER = "dagster"
#: What lies beside a database.
_BESIDE = ("-wal", "-shm", "-journal")
#: What is in place of an id in a text that stays.
GONE = "[erased]"
#: The settings of Dagster's instance, which stand among what it notes.
_SETTINGS = "dagster.yaml"
#: How old a segment may be: older ones wait for a lake that is away, and are looked at as well.
_SEGMENTS_SINCE = timedelta(days=3650)


@dataclass(frozen=True)
class Cleaned:
    """How many cells of databases were changed, and what could not be looked through, a line each."""

    cells: int
    left: list[str]


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Hold a folder of the spool; False where a collector that runs has it."""
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)


def _segments_with(spool: Path, stones: Tombstones, now: datetime) -> list[Path]:
    return [
        each.path
        for each in segments(spool, now - _SEGMENTS_SINCE)
        if any(stones.erases(line) for line in each.lines().splitlines())
    ]


def clean_spool(
    spool: Path,
    stones: Tombstones,
    now: datetime,
    *,
    seconds: float,
    wait: Callable[[float], None] = time.sleep,
) -> tuple[set[datetime], list[Path]]:
    """Take the person out of segments that nobody writes, and wait until the collector has shipped its own.

    Returns hours of the segments that held him, and what still holds him after `seconds`.
    """
    hours: set[datetime] = set()
    give_up = time.monotonic() + seconds
    while True:
        left = _segments_with(spool, stones, now)
        for path in list(left):
            hours.add(_hour_of(path))
            with _held(path.parent) as is_ours:
                if is_ours:
                    _rewrite(path, stones)
                    left.remove(path)
        if not left or time.monotonic() >= give_up:
            return hours, left
        wait(1.0)


def _hour_of(path: Path) -> datetime:
    return datetime.strptime(path.name.partition("-")[0], "%Y%m%dT%H").replace(tzinfo=UTC)


def _rewrite(path: Path, stones: Tombstones) -> None:
    """The same frames without the person's lines: whole, under the same name."""
    with suppress(FileNotFoundError):
        found = scan(path.read_bytes())
        hour = _hour_of(path)
        part = written_beside(path, frames(stones.without(each, hour)[0] for each in found.payloads))
        part.replace(path)


def clean_folders(home: Path, needles: Needles) -> int:
    """Remove what is made again or is history and holds the person. Returns how many files went."""
    gone = 0
    for folder in (*PASSING, DAGSTER):
        for path in _files(home / folder):
            if path == home / DAGSTER / _SETTINGS or _is_database(path) or path.name.endswith(_BESIDE):
                continue
            if needles.are_in_file(path):
                path.unlink(missing_ok=True)
                gone += 1
    return gone


def clean_history(home: Path, needles: Needles, *, seconds: float = SECONDS) -> Cleaned:
    """Take the person out of what Dagster notes of runs: previews of rows, errors."""
    paths = [path for path in _files(home / DAGSTER) if _is_database(path)]
    return _cleaned(dict.fromkeys(paths, OF_DAGSTER), needles, seconds)


def clean_compute_logs(lake: ObjectStore, needles: Needles) -> int:
    """Remove what steps of runs printed of the person, where that lies in the lake. Returns how many went."""
    gone = 0
    for info in list(lake.list(COMPUTE_LOGS)):
        with suppress(NotFound):
            if needles.are_in(lake.get(info.key)):
                lake.delete(info.key)
                gone += 1
    return gone


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()] if folder.is_dir() else []


def _is_database(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(16) == b"SQLite format 3\0"
    except FileNotFoundError:
        return False


def clean_cache(cache: Path) -> int:
    """Remove all copies of the lake: they are fetched again. Returns how many files went."""
    found = [path for path in cache.rglob("*") if path.is_file()] if cache.is_dir() else []
    for each in cache.iterdir() if cache.is_dir() else ():
        shutil.rmtree(each, ignore_errors=True)
    return len(found)


def clean_databases(home: Path, needles: Needles) -> Cleaned:
    """Take the person out of free texts of SQLite files: alerts, errors, notes."""
    return _cleaned({home / name: columns for name, columns in TEXTS.items()}, needles)


def _cleaned(files: Mapping[Path, Columns], needles: Needles, seconds: float = SECONDS) -> Cleaned:
    cells, left = 0, []
    for path, columns in files.items():
        beside = [path, *(path.with_name(path.name + end) for end in _BESIDE)]
        try:
            cells += clean_file(
                path,
                columns,
                lambda text: needles.replaced(text, GONE),
                partial(_hold, beside, needles),
                seconds=seconds,
            )
        except FootfallError as error:
            left.append(str(error))
    return Cleaned(cells, left)


def _hold(paths: Iterable[Path], needles: Needles) -> bool:
    return any(needles.are_in_file(path) for path in paths)


def recent(now: datetime, hours: int) -> list[datetime]:
    """The hours up to now, the running one included."""
    return [floor(now) - n * timedelta(hours=1) for n in range(hours)]
