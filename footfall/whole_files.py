"""Files that are there whole or not at all, for their owner alone."""

import hashlib
import os
import secrets
from pathlib import Path


def sha256_of(path: Path) -> str:
    """The digest of a file, in hex, without holding it in memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def written_beside(path: Path, data: bytes) -> Path:
    """A private file beside `path` with these bytes, on the disk: for the caller to put in its place."""
    # Threads of one process write beside each other too.
    part = path.with_name(f"{path.name}.part-{os.getpid()}-{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return part
