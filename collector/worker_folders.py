"""One spool folder for several workers: each has a numbered folder of its own below it.

    spool/.lock      held while folders are handed out or taken over
    spool/1/.lock    held by the worker that has this folder, for as long as it lives
    spool/1/20261120T14-….open …

A worker takes the first folder that nobody holds, and with it whatever the last holder left. Folders
that nobody comes back for are emptied by their neighbours.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from collector.files import PART, Files
from collector.hour_tallies import Tallies
from collector.segments import CORRUPT, SHIPPED, Recovered, recover
from collector.spool import FolderTaken, Spool
from footfall.errors import FootfallError
from footfall.spool_tail import OPEN, SEALED

log = logging.getLogger("collector")


@contextmanager
def _handing_out(files: Files, root: Path) -> Iterator[None]:
    """Alone with the folders: a worker that starts must not meet one that takes a folder over."""
    descriptor = files.lock(root / ".lock", wait=True)
    assert descriptor is not None
    try:
        yield
    finally:
        files.close(descriptor)


def worker_folders(files: Files, root: Path) -> list[Path]:
    """The folders of workers, dead or alive."""
    return [root / name for name in files.names(root) if name.isdecimal()]


def open_spool(
    root: Path,
    *,
    workers: int = 1,
    collector_id: str,
    segment_seconds: float,
    segment_bytes: int,
    spool_bytes: int,
    files: Files | None = None,
    on_sealed: Callable[[], None] = lambda: None,
) -> Spool:
    """The spool of one of so many workers, in the first free folder. `spool_bytes` is for all together.

    Raises FootfallError where the folder cannot be used, or where so many workers run already.
    """
    files = files or Files()
    try:
        files.make_folder(root)
        files.sync_folder(root.parent)
        with _handing_out(files, root):
            for number in range(1, workers + 1):
                try:
                    return Spool(
                        root / str(number),
                        collector_id=collector_id,
                        worker=number,
                        segment_seconds=segment_seconds,
                        segment_bytes=segment_bytes,
                        spool_bytes=spool_bytes // workers,
                        disk_share=workers,
                        files=files,
                        on_sealed=on_sealed,
                    )
                except FolderTaken as taken:
                    refused = taken
    except OSError as error:
        raise FootfallError(
            f"the spool cannot be used: {error.filename or root}: {error.strerror}"
        ) from error
    raise refused


def take_over(spool: Spool) -> int:
    """Move into `spool` what workers that are gone have left beside it. Returns how many segments.

    Raises OSError; what was not moved stays where it is, for the next time.
    """
    files, root, moved = spool.files, spool.folder.parent, 0
    with _handing_out(files, root):
        if any(name.endswith((OPEN, SEALED)) for name in files.names(root)):
            moved += _empty(files, root, spool)  # from before workers had folders
        for folder in worker_folders(files, root):
            if folder != spool.folder and _has_something(files, folder):
                lock = files.lock(folder / ".lock", wait=False)
                if lock is not None:
                    try:
                        moved += _empty(files, folder, spool)
                    finally:
                        files.close(lock)
    return moved


def _has_something(files: Files, folder: Path) -> bool:
    # Damaged stretches stay where they are, for a person to look at.
    return any(not name.startswith(".") and not name.endswith(CORRUPT) for name in files.names(folder))


def _empty(files: Files, folder: Path, spool: Spool) -> int:
    for name in files.names(folder):
        if name.endswith(PART):
            files.unlink(folder / name)
    found = recover(files, folder)
    moved: dict[Path, int] = {}
    try:
        for path, size in found.sealed.items():
            files.rename(path, spool.folder / path.name)
            moved[spool.folder / path.name] = size
        shipped = [name for name in files.names(folder) if name.endswith(SHIPPED)]
        for name in shipped:
            files.rename(folder / name, spool.folder / name)
        if moved or shipped:
            files.sync_folder(spool.folder)
            files.sync_folder(folder)
    finally:
        spool.adopt(Recovered(moved, found.torn_segments, found.corrupt_frames))
    if moved:
        log.warning("%d segments of a worker that is gone were taken over", len(moved))
    if not found.left:
        theirs, ours = Tallies(files, folder), Tallies(files, spool.folder)
        for hour in theirs.hours():
            ours.merge(hour, theirs.read(hour))
            theirs.remove(hour)
    return len(moved)
