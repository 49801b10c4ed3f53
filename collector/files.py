"""What the spool asks of a file system: one method for each kind of system call it makes.

Nothing else in the spool, its recovery, the shipper or the tallies touches a file, so that a test which
lets each call fail in turn has tried every one of them.
"""

import contextlib
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

_data_sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


class Files:
    """The real file system. Every method may raise OSError."""

    def create(self, path: Path) -> int:
        """A descriptor to append to a new file. Fails where the file exists."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def write(self, descriptor: int, data: bytes) -> None:
        """Write all of `data`; a short write is continued, so that its cause shows itself as an error."""
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]

    def sync(self, descriptor: int) -> None:
        """Make a file's bytes durable. After a failure the file is not to be synced again, see Spool."""
        _data_sync(descriptor)

    def close(self, descriptor: int) -> None:
        """Let go of a descriptor."""
        os.close(descriptor)

    def read(self, path: Path) -> bytes:
        """All bytes of a file."""
        return path.read_bytes()

    def names(self, folder: Path) -> list[str]:
        """The names in a folder, sorted."""
        return sorted(path.name for path in folder.iterdir())

    def size(self, path: Path) -> int:
        """Bytes of a file."""
        return path.stat().st_size

    def room(self, folder: Path) -> tuple[int, int]:
        """Bytes that we may still write to the disk of a folder, and bytes of the whole disk."""
        disk = os.statvfs(folder)
        return disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize

    def truncate(self, path: Path, size: int) -> None:
        """Cut a file off behind `size` bytes."""
        os.truncate(path, size)

    def rename(self, path: Path, target: Path) -> None:
        """Give a file its next name, at once and whole; what had the name before is gone."""
        path.rename(target)

    def unlink(self, path: Path) -> None:
        """Remove a file; nothing happens where there is none."""
        path.unlink(missing_ok=True)

    def make_folder(self, folder: Path) -> None:
        """Make a folder and its parents; nothing happens where there is one."""
        folder.mkdir(parents=True, exist_ok=True)

    def sync_folder(self, folder: Path) -> None:
        """Make the names in a folder durable: a file's own sync does not cover its name."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def lock(self, path: Path, *, wait: bool) -> int | None:
        """A descriptor that holds the lock file `path`; None where another process holds it.

        The kernel gives the lock back when the process ends, however it ends.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def replace_content(self, path: Path, data: bytes) -> None:
        """Make `data` the durable content of a file, whole or not at all."""
        part = path.with_name(path.name + PART)
        self.unlink(part)
        try:
            descriptor = self.create(part)
            try:
                self.write(descriptor, data)
                self.sync(descriptor)
            finally:
                self.close(descriptor)
            self.rename(part, path)
        except OSError:
            # On a full disk half a file would hold the very space that is missing.
            with contextlib.suppress(OSError):
                self.unlink(part)
            raise
        self.sync_folder(path.parent)


#: Ending of a file that is not finished. A start removes those that it finds.
PART = ".part"
