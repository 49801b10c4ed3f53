"""A disk in memory that forgets what was not synced, and sites at which something may fail.

Stricter than any real file system: a name is durable only when its folder was synced, a byte only when
its file was, and bytes whose sync failed are gone for ever, whatever a later sync says (as on Linux).
Names change in their order, and a rename is whole or not at all, as with a journal.
"""

import copy
import errno
import os
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from collector.files import Files
from footfall.store import AlreadyExists, NotFound, ObjectInfo, StoreError, TooLarge


@dataclass
class Sites:
    """Counts every call that could fail, and lets chosen ones fail.

    `fault` is the name of an errno; with `after` the call is carried out first; with `sticky` every later
    call of the same name fails too, as on a disk that stays full.
    """

    fault: str | None = None
    at: int = -1
    after: bool = False
    sticky: bool = False
    names: list[str] = field(default_factory=list)
    #: Called at each site, before anything is done there.
    look: Callable[[], None] = lambda: None
    healed: bool = False
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def meet(self, name: str) -> OSError | None:
        """One call of this name: the error that it ends with, None where it goes well."""
        self.look()
        with self._guard:
            number = len(self.names)
            self.names.append(name)
            hit = number == self.at or (self.sticky and number > self.at >= 0 and name == self.names[self.at])
        if self.fault is None or self.healed or not hit:
            return None
        code = getattr(errno, self.fault)
        return OSError(code, os.strerror(code))


@dataclass(eq=False)
class _Inode:
    volatile: bytes = b""
    durable: bytes = b""


@dataclass
class _Change:
    kind: str
    path: Path
    inode: _Inode
    target: Path | None = None

    def touches(self, folder: Path) -> bool:
        return self.path.parent == folder or (self.target is not None and self.target.parent == folder)

    def apply(self, names: dict[Path, _Inode]) -> None:
        if self.kind == "create":
            names[self.path] = self.inode
        else:
            names.pop(self.path, None)
            if self.target is not None:
                names[self.target] = self.inode


@dataclass
class State:
    """What the disk holds, and what of it would survive."""

    volatile: dict[Path, _Inode] = field(default_factory=dict)
    durable: dict[Path, _Inode] = field(default_factory=dict)
    pending: list[_Change] = field(default_factory=list)

    def killed(self) -> "State":
        """After the process was killed: everything that it wrote is there."""
        return _settled({path: inode.volatile for path, inode in self.volatile.items()})

    def cut(self) -> "State":
        """After the power was cut: nothing is there that was not synced."""
        return _settled({path: inode.durable for path, inode in self.durable.items()})

    def cut_half(self, chance: random.Random) -> "State":
        """The same where some of the rest had reached the disk: the first few names, parts of files."""
        names = dict(self.durable)
        for change in self.pending[: chance.randint(0, len(self.pending))]:
            change.apply(names)
        found = {}
        for path, inode in names.items():
            rest = inode.volatile[len(inode.durable) :]
            kept = rest[: chance.randint(0, len(rest))]
            # A file may have grown before its data arrived.
            hole = bytes(min(len(rest) - len(kept), chance.choice((0, 0, 5, 40))))
            found[path] = inode.durable + kept + hole
        return _settled(found)


def _settled(files: dict[Path, bytes]) -> State:
    inodes = {path: _Inode(data, data) for path, data in files.items()}
    return State(dict(inodes), dict(inodes))


class SimulatedDisk(Files):
    """The file operations of the collector on such a disk. Each is a site."""

    def __init__(self, sites: Sites | None = None, state: State | None = None) -> None:
        self.sites = sites or Sites()
        self.state = state or State()
        self._descriptors: dict[int, _Inode | Path] = {}
        self._number = 100
        self._locked: set[Path] = set()
        self._guard = threading.RLock()

    def snapshot(self) -> State:
        """The state of now, for later."""
        with self._guard:
            return copy.deepcopy(self.state)

    def put_file(self, path: Path, data: bytes) -> None:
        """A durable file that was there before."""
        inode = _Inode(data, data)
        self.state.volatile[path] = self.state.durable[path] = inode

    def _site(self, name: str, apply: Callable[[], None]) -> None:
        error = self.sites.meet(name)
        if error is None or self.sites.after:
            with self._guard:
                apply()
        if error is not None:
            raise error

    def _opened(self, what: _Inode | Path) -> int:
        self._number += 1
        self._descriptors[self._number] = what
        return self._number

    def _inode(self, path: Path) -> _Inode:
        try:
            return self.state.volatile[path]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, "No such file", str(path)) from None

    def _change(self, change: _Change) -> None:
        change.apply(self.state.volatile)
        self.state.pending.append(change)

    def create(self, path: Path) -> int:
        inode = _Inode()
        if path in self.state.volatile:
            raise FileExistsError(errno.EEXIST, "File exists", str(path))
        self._site("create", lambda: self._change(_Change("create", path, inode)))
        return self._opened(inode)

    def write(self, descriptor: int, data: bytes) -> None:
        inode = self._descriptors[descriptor]
        assert isinstance(inode, _Inode)
        error = self.sites.meet("write")
        with self._guard:
            # A disk that is full takes what there is room for.
            whole = error is None or self.sites.after
            inode.volatile += data if whole else data[: len(data) // 2]
        if error is not None:
            raise error

    def sync(self, descriptor: int) -> None:
        inode = self._descriptors[descriptor]
        assert isinstance(inode, _Inode)
        error = self.sites.meet("sync")
        with self._guard:
            if error is not None:
                # Linux marks the pages clean all the same: they may be dropped at any time, and no later
                # sync writes them.
                inode.volatile = inode.durable + bytes(len(inode.volatile) - len(inode.durable))
                raise error
            inode.durable = inode.volatile

    def close(self, descriptor: int) -> None:
        what = self._descriptors.pop(descriptor)
        if isinstance(what, Path):
            self._locked.discard(what)
            return
        error = self.sites.meet("close")
        if error is not None:
            raise error

    def read(self, path: Path) -> bytes:
        found = []
        self._site("read", lambda: found.append(self._inode(path).volatile))
        return found[0]

    def names(self, folder: Path) -> list[str]:
        found: list[str] = []

        def look() -> None:
            paths = [path for path in self.state.volatile if path.is_relative_to(folder)]
            found.extend(sorted({path.relative_to(folder).parts[0] for path in paths}))

        self._site("names", look)
        return found

    def size(self, path: Path) -> int:
        found = []
        self._site("size", lambda: found.append(len(self._inode(path).volatile)))
        return found[0]

    def room(self, _folder: Path) -> tuple[int, int]:
        return 1 << 40, 1 << 40

    def truncate(self, path: Path, size: int) -> None:
        def cut() -> None:
            inode = self._inode(path)
            inode.volatile = inode.volatile[:size]

        self._site("truncate", cut)

    def rename(self, path: Path, target: Path) -> None:
        self._site("rename", lambda: self._change(_Change("rename", path, self._inode(path), target)))

    def unlink(self, path: Path) -> None:
        if path in self.state.volatile:
            self._site("unlink", lambda: self._change(_Change("unlink", path, self._inode(path))))

    def make_folder(self, folder: Path) -> None:
        def make() -> None:
            assert folder.is_absolute(), "folders need no keeping here: a path is enough"

        self._site("make_folder", make)

    def sync_folder(self, folder: Path) -> None:
        def sync() -> None:
            for change in [each for each in self.state.pending if each.touches(folder)]:
                change.apply(self.state.durable)
                self.state.pending.remove(change)

        self._site("sync_folder", sync)

    def lock(self, path: Path, *, wait: bool) -> int | None:
        error = self.sites.meet("lock")
        if error is not None:
            raise error
        with self._guard:
            if path in self._locked:
                assert not wait, "nobody would ever let go"
                return None
            self._locked.add(path)
            self.state.volatile.setdefault(path, _Inode())
            return self._opened(path)


class SimulatedLake:
    """An object store in memory whose calls are sites too, and which notes what must not happen."""

    def __init__(self, sites: Sites | None = None, objects: dict[str, bytes] | None = None) -> None:
        self.sites = sites or Sites()
        self.objects = objects if objects is not None else {}
        #: Keys that were written again.
        self.overwritten: list[str] = []

    def url(self, key: str) -> str:
        return f"memory://{key}"

    def _site(self, name: str, apply: Callable[[], None]) -> None:
        error = self.sites.meet(name)
        if error is None or self.sites.after:
            apply()
        if error is not None:
            raise StoreError(f"cannot {name}", retryable=True)

    def put(self, key: str, data: bytes, *, create_only: bool = False) -> None:
        def put() -> None:
            if key in self.objects:
                if create_only:
                    raise AlreadyExists(self.url(key))
                self.overwritten.append(key)
            self.objects[key] = data

        self._site("put", put)

    def get(self, key: str, *, limit: int | None = None) -> bytes:
        found = []
        self._site("get", lambda: found.append(self.objects.get(key)))
        if found[0] is None:
            raise NotFound(self.url(key))
        if limit is not None and len(found[0]) > limit:
            raise TooLarge(self.url(key), limit)
        return found[0]

    def read_tagged(self, key: str, *, limit: int | None = None) -> tuple[bytes, str] | None:
        return (self.get(key, limit=limit), "1") if key in self.objects else None

    def fetch(self, key: str, path: Path) -> None:
        path.write_bytes(self.get(key))

    def head(self, key: str) -> ObjectInfo | None:
        found = []
        self._site("head", lambda: found.append(self.objects.get(key)))
        return None if found[0] is None else ObjectInfo(key, len(found[0]))

    def list(self, prefix: str) -> list[ObjectInfo]:
        return [ObjectInfo(k, len(v)) for k, v in sorted(self.objects.items()) if k.startswith(prefix)]

    def delete(self, key: str) -> None:
        self.objects.pop(key, None)
