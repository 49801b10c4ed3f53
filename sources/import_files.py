"""What `footfall import FILE…` is given, as local files: paths, folders, objects, the standard input."""

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from footfall.errors import FootfallError
from footfall.store import NotFound, ObjectStore, open_store

#: What stands for the standard input.
STDIN = "-"


@dataclass(frozen=True)
class LocalFile:
    """A file by the name that a person knows. `is_copy`: it may go when it was read."""

    name: str
    path: Path
    is_copy: bool = False

    def named_in(self, error: FootfallError) -> FootfallError:
        """What is wrong with it, by the name that a person knows."""
        return FootfallError(str(error).replace(str(self.path), self.name))

    def let_go(self) -> None:
        """It was read: a copy of it takes disk no longer."""
        if self.is_copy:
            self.path.unlink(missing_ok=True)


@contextmanager
def local_files(
    given: Sequence[str], opened: Callable[[str], ObjectStore] = open_store
) -> Iterator[Iterator[LocalFile]]:
    """Each file, one at a time; copies are gone behind the block.

    Each of `given` is a path, a folder (all files below it, by name), `-`, `s3://bucket/key`,
    `s3://bucket/prefix/` or the same with `file:///`; `opened` opens the folder of an address. Raises
    FootfallError where there is nothing under it.
    """
    with TemporaryDirectory(prefix="footfall-import-") as scratch:
        yield _each(given, Path(scratch), opened)


def _each(given: Sequence[str], scratch: Path, opened: Callable[[str], ObjectStore]) -> Iterator[LocalFile]:
    for number, each in enumerate(given):
        folder = scratch / str(number)
        if each == STDIN:
            yield LocalFile("standard input", _copied(folder), is_copy=True)
        elif "://" in each:
            yield from _fetched(each, folder, opened)
        elif Path(each).is_dir():
            paths = sorted(path for path in Path(each).rglob("*") if path.is_file())
            if not paths:
                raise FootfallError(f"{each} is a folder without a file: there is nothing to import")
            yield from (LocalFile(str(path), path) for path in paths)
        elif Path(each).is_fifo():
            yield LocalFile(each, _copied(folder, each), is_copy=True)
        else:
            yield LocalFile(each, Path(each))


def _copied(folder: Path, pipe: str = "") -> Path:
    """What comes through a pipe, or the standard input: it is read more than once."""
    folder.mkdir()
    path = folder / "input"
    with path.open("wb") as file:
        if pipe:
            with Path(pipe).open("rb") as source:
                shutil.copyfileobj(source, file)
        else:
            shutil.copyfileobj(sys.stdin.buffer, file)
    return path


def _fetched(given: str, scratch: Path, opened: Callable[[str], ObjectStore]) -> Iterator[LocalFile]:
    folder, _, name = given.rpartition("/")
    store = opened(folder)
    keys = [name] if name else [info.key for info in store.list("") if info.size]
    if not keys:
        raise FootfallError(f"{given} holds nothing to import")
    for number, key in enumerate(keys):
        path = scratch / str(number) / key.rpartition("/")[2]
        path.parent.mkdir(parents=True)
        try:
            store.fetch(key, path)
        except NotFound:
            raise FootfallError(
                f"{given} does not exist; end the address with / to import all that lies under it"
            ) from None
        yield LocalFile(f"{folder}/{key}", path, is_copy=True)
