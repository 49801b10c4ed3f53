"""Whether a folder lies on a disk of this machine. SQLite and DuckDB lose their locks on others."""

import re
from pathlib import Path

#: Linux's list of mounts; other systems have none, and nothing is said there.
MOUNTS = Path("/proc/self/mounts")
#: File systems of other machines that are known to lose or delay locks and fsync.
_REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "fuse.s3fs", "fuse.rclone"})


def remote(folder: Path, mounts: str) -> str | None:
    """The kind of file system where `folder` lies on one of another machine, else None.

    `mounts` is the text of /proc/self/mounts: device, folder, kind, options, two numbers.
    """
    where = folder.resolve()
    best, kind = Path("/"), ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        mounted = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[1]))
        # The last of those at one place covers the earlier ones.
        if where.is_relative_to(mounted) and len(mounted.parts) >= len(best.parts):
            best, kind = mounted, fields[2]
    return kind if kind in _REMOTE else None


def remote_here(folder: Path) -> str | None:
    """The same, by the mounts of this machine."""
    try:
        return remote(folder, MOUNTS.read_text(encoding="utf-8", errors="surrogateescape"))
    except OSError:
        return None
