"""Lines of clients that ask for it are sealed before they leave this machine: nothing here opens them."""

import json
import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from footfall.errors import FootfallError
from footfall.raw_keys import RawKey
from footfall.sealed import sealed_lines
from footfall.whole_files import written_beside

#: Client id → the key in its file, None for a client without one. None: no file was read yet.
Named = Mapping[str, RawKey | None]
_BYTES = 32


class Sealing:
    """Knows the keys of the client files. The spool itself is not sealed."""

    def __init__(self, named: Callable[[], Named | None], path: Path | None = None) -> None:
        """`path`: a file of random bytes, made where it is missing: what is sealed again after a crash gets
        the same bytes, and so the same key in the lake. Beside it the keys that were last seen are kept, for
        what waits over a restart. None: of this process alone.
        """
        self._named = named
        self._path = path
        self._seen = path.with_name("sealing-keys.json") if path is not None else None
        self._kept: dict[str, RawKey | None] | None = None
        self._last: dict[str, RawKey | None] = {}

    def sealed(self, content: Callable[[], bytes]) -> bytes | None:
        """Stored lines as a raw object; None where none of them is to be sealed.

        Raises FootfallError as long as no client file was read: what waits from before could go in plain.
        """
        now = self._named()
        if now is None:
            raise FootfallError("the client files are not read yet")
        # A client whose file is gone keeps its key: what it sent before may wait still.
        if self._kept is None:
            self._kept = self._last = _known(self._seen)
        self._last = {**self._last, **now}
        keys = {client_id: key for client_id, key in self._last.items() if key is not None}
        if self._seen is not None and keys != self._kept:
            # A full disk has no room for it: the next segment tries again.
            with suppress(OSError):
                said = json.dumps({client_id: key.text for client_id, key in sorted(keys.items())})
                written_beside(self._seen, said.encode() + b"\n").replace(self._seen)
                self._kept = {**keys}
        return sealed_lines(content(), keys, lambda _key: self._secret) if keys else None

    @cached_property
    def _secret(self) -> bytes:
        if self._path is not None:
            # A full disk has no room for it: then a crash at a bad moment leaves an object twice.
            with suppress(OSError):
                return _kept(self._path)
        return secrets.token_bytes(_BYTES)


def _known(path: Path | None) -> dict[str, RawKey | None]:
    """The keys that were last seen. Raises FootfallError for a file that is damaged."""
    if path is None:
        return {}
    try:
        return {str(each): RawKey.of(text) for each, text in json.loads(path.read_bytes()).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise FootfallError(
            f"{path} cannot be read ({error}): remove it once every client file with a raw_key is there"
        ) from None


def _kept(path: Path) -> bytes:
    if not path.exists():
        part = written_beside(path, secrets.token_bytes(_BYTES))
        try:
            with suppress(FileExistsError):  # a neighbour was first
                os.link(part, path)
        finally:
            part.unlink()
    found = path.read_bytes()
    if len(found) != _BYTES:
        raise OSError(f"{path} is damaged")
    return found
