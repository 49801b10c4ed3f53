"""Keys of clients over their raw lines: with the public half lines are sealed, with the private one opened.

    client file          raw_key: x25519-…              the public half: all that a collector needs
    keys/raw/ID/….pem    the private half, ID: the client's identity; only where hours are ingested
    keys/raw/ID/….shredded.json                         that it is destroyed: when, by whom; signed
    keys/raw/ID/….copies.json                           where its copies are known to be destroyed, too

Whoever destroys the private half destroys what was sealed with it, wherever copies of it lie.
"""

import base64
import hashlib
import json
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from pydantic import AfterValidator, Field

from footfall.errors import FootfallError
from footfall.signatures import Signer
from footfall.store import ObjectStore
from footfall.whole_files import written_beside

#: Below the state folder.
FOLDER = "keys/raw"
_PATTERN = r"^x25519-[A-Za-z0-9_-]{43}-[0-9a-f]{8}$"
EXPECTED = {_PATTERN: "a key as `footfall privacy key new` prints it"}
GONE = ".shredded.json"
CURRENT = "current"
_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class RawKey:
    """The public half. `id`: 16 hex digits of its SHA-256."""

    public: bytes

    @property
    def id(self) -> str:
        """What the private half's file is called by."""
        return hashlib.sha256(self.public).hexdigest()[:16]

    @property
    def text(self) -> str:
        """As client files have it; the last eight digits show a slip of the pen."""
        return f"x25519-{base64.urlsafe_b64encode(self.public).decode().rstrip('=')}-{_sum(self.public)}"

    @classmethod
    def of(cls, text: str) -> "RawKey":
        """Raises ValueError for what is none, and for one that was copied wrongly."""
        if not re.match(_PATTERN, text):
            raise ValueError(f"is not {EXPECTED[_PATTERN]}")
        public = base64.urlsafe_b64decode(f"{text[7:50]}=")
        if _sum(public) != text[51:]:
            raise ValueError("was not copied whole; `footfall privacy key list` prints it again")
        key = cls(public)
        try:
            key.agreed(X25519PrivateKey.generate())
        except ValueError:
            # A low-order point would give everybody the same secret.
            raise ValueError("is no key that anybody made; `footfall privacy key new` makes one") from None
        return key

    def agreed(self, ephemeral: X25519PrivateKey) -> bytes:
        """The secret that this key and an ephemeral one share."""
        return ephemeral.exchange(X25519PublicKey.from_public_bytes(self.public))


def _sum(public: bytes) -> str:
    return f"{zlib.crc32(public):08x}"


def _checked(text: str) -> str:
    RawKey.of(text)
    return text


RawKeyText = Annotated[str, Field(pattern=_PATTERN), AfterValidator(_checked)]


class KeyMissing(FootfallError):
    """Lines are sealed with a key that is not here, and that nobody has destroyed."""


@dataclass(frozen=True)
class Held:
    """One key of a client, as it lies in the state folder. `gone`: when, by whom and why it was destroyed."""

    client_id: str
    id: str
    path: Path
    gone: dict[str, str] | None


class KeyRing:
    """The private halves of an installation."""

    def __init__(self, home: Path) -> None:
        self.folder = home / FOLDER
        #: Key → its file and what that holds. Files are looked at each time: one that is destroyed counts at
        #: once for whoever runs long.
        self._known: dict[str, tuple[Path, X25519PrivateKey]] = {}

    @property
    def is_used(self) -> bool:
        """Whether anybody has ever had a key here."""
        return self.folder.is_dir()

    def held(self) -> Iterator[Held]:
        """Every key, destroyed ones too. Raises FootfallError for a record that is damaged."""
        for path in sorted(self.folder.glob("*/*")):
            if path.name.endswith(GONE):
                yield Held(path.parent.name, path.name.removesuffix(GONE), path, _record(path))
            elif path.suffix == ".pem":
                gone = path.with_suffix(GONE)
                if not gone.exists():
                    yield Held(path.parent.name, path.stem, path, None)

    def private(self, key_id: str) -> X25519PrivateKey | None:
        """The key of that name; None where it was destroyed.

        Raises KeyMissing where it is neither here nor known to be destroyed. That it was destroyed is
        believed only as long as no client has it.
        """
        known = self._known.get(key_id)
        if known is not None and _is_here(known[0]):
            return known[1]
        self._known.pop(key_id, None)
        if is_key_id(key_id):
            for path in sorted(self.folder.glob(f"*/{key_id}.pem")):
                if _is_here(path):
                    self._known[key_id] = path, _loaded(path)
                    return self._known[key_id][1]
            if any(self.folder.glob(f"*/{key_id}{GONE}")):
                return None
        raise KeyMissing(
            f"the key {key_id} is not in {self.folder}: put it back from `raw-keys/` beside your backup, for "
            "nothing of these lines can be read without it; where it is lost for good, say so by `footfall "
            f"privacy key shred CLIENT --key {key_id}`, and the hours go on without them"
        )

    def is_missing(self, key_id: str) -> bool:
        """Whether it is neither here nor known to be destroyed."""
        try:
            self.private(key_id)
        except KeyMissing:
            return True
        return False

    def make(self, client_id: str) -> RawKey:
        """A new key of a client. Raises FootfallError where it cannot be written."""
        private = X25519PrivateKey.generate()
        key = RawKey(private.public_key().public_bytes_raw())
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _write(self.folder / client_id / f"{key.id}.pem", pem)
        _write(self.folder / client_id / CURRENT, key.text.encode() + b"\n")
        return key

    def current(self, client_id: str) -> RawKey | None:
        """The newest key of an identity, with which its imports are sealed. None where it has none.

        Raises FootfallError, also where it was lost and destroyed and its client goes on: nothing of it may
        go in plain then.
        """
        path = self.folder / client_id / CURRENT
        try:
            key = RawKey.of(path.read_text().strip())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise FootfallError(f"{path} cannot be used ({error}): put it back from your backup") from None
        if self.private(key.id) is None:
            raise FootfallError(
                f"the key {key.id} of {client_id} was destroyed: make another by `footfall privacy key new "
                f"--client {client_id}`, and put its line into the client file"
            )
        return key

    def all_of(self, client_id: str) -> list[RawKey]:
        """Every key of an identity that is here."""
        mine = (each for each in self.held() if each.client_id == client_id and each.gone is None)
        return [key for each in mine if (key := self.public(each.id)) is not None]

    def forget_current(self, client_id: str) -> None:
        """Of an identity that has ended there is no newest key any more."""
        (self.folder / client_id / CURRENT).unlink(missing_ok=True)

    def secret(self, key_id: str) -> bytes:
        """What makes bytes that are sealed again the same. Raises KeyMissing, of a destroyed key too."""
        private = self.private(key_id)
        if private is None:
            raise KeyMissing(f"the key {key_id} was destroyed")
        return hashlib.sha256(private.private_bytes_raw()).digest()

    def public(self, key_id: str) -> RawKey | None:
        """The public half of a key that is here; None of one that is not, or is destroyed."""
        with suppress(KeyMissing):
            private = self.private(key_id)
            return RawKey(private.public_key().public_bytes_raw()) if private is not None else None
        return None

    def shred(self, client_id: str, key_id: str, signer: Signer, *, by: str, why: str, at: datetime) -> bytes:
        """Destroy a key: what says so first, then the key. Returns what says so, signed. Doing it again is
        harmless, and finishes what was begun.

        Bytes of a file that is overwritten may stay on a disk that writes elsewhere (SSD, snapshots).
        """
        path = self.folder / client_id / f"{key_id}.pem"
        gone = path.with_suffix(GONE)
        if not gone.exists():
            said = {"key": key_id, "client": client_id, "at": at.isoformat(timespec="seconds")}
            signed = signer.sign({"record": "shredded key", **said, "by": by, "why": why})
            _write(gone, json.dumps(signed, indent=1).encode() + b"\n")
        self._known.pop(key_id, None)
        try:
            with suppress(FileNotFoundError):
                with path.open("r+b") as file:
                    file.write(os.urandom(path.stat().st_size))
                    file.flush()
                    os.fsync(file.fileno())
                path.unlink()
        except OSError as error:
            raise FootfallError(f"{path} cannot be destroyed: {error.strerror}") from None
        return gone.read_bytes()


def is_key_id(text: str) -> bool:
    """Whether it is the name of a key."""
    return _ID.fullmatch(text) is not None


def _is_here(path: Path) -> bool:
    return path.exists() and not path.with_suffix(GONE).exists()


def give_keys(store: ObjectStore, home: Path) -> None:
    """Let readers of this store open what is sealed with keys of the installation in `home`."""
    store.raw_keys = KeyRing(home)  # type: ignore[attr-defined]


def keys_of(store: ObjectStore) -> KeyRing | None:
    """The keys that were given to a store."""
    return getattr(store, "raw_keys", None)


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        written_beside(path, data).replace(path)
    except OSError as error:
        raise FootfallError(f"{path} cannot be written: {error.strerror}") from None


def public_of(pem: bytes) -> str:
    """The name of the key in a file's bytes; empty where there is none."""
    try:
        key = load_pem_private_key(pem, None)
    except ValueError:
        return ""
    return RawKey(key.public_key().public_bytes_raw()).id if isinstance(key, X25519PrivateKey) else ""


def _loaded(path: Path) -> X25519PrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError) as error:
        raise KeyMissing(f"{path} cannot be read ({error}): put it back from your backup") from None
    if not isinstance(key, X25519PrivateKey):
        raise KeyMissing(f"{path} is no key of a client over raw lines: put it back from your backup")
    return key


def _record(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_bytes())
        return {str(name): str(value) for name, value in found.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise FootfallError(f"{path} is damaged ({error}): put it back from your backup") from None
