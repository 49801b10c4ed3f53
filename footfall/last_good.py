"""Copies of the client files as they last were in force: whose a thing is, what a broken file once said."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path


def keep(folder: Path, copies: Path, names: Iterable[str]) -> None:
    """Copy the files of these clients from `folder`; a copy whose file is gone goes too. Raises OSError."""
    copies.mkdir(parents=True, exist_ok=True)
    for name in names:
        content = (folder / f"{name}.yaml").read_bytes()
        copy = copies / f"{name}.yaml"
        if not copy.exists() or copy.read_bytes() != content:
            part = copies / f".{name}.{os.getpid()}.part"
            try:
                part.write_bytes(content)
                part.replace(copy)
            finally:
                part.unlink(missing_ok=True)  # on a full disk half a file takes the room of others
    for path in copies.glob("*.yaml"):
        if not (folder / path.name).exists():
            with contextlib.suppress(FileNotFoundError):  # another process was faster
                path.unlink()
