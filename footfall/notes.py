"""Signed notes and checkpoints of logs, as C2SP writes them (c2sp.org/signed-note, c2sp.org/tlog-checkpoint).

    footfall/demo/main                                  the log's name
    42                                                  its leaves
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=        their root hash (RFC 6962)

    — footfall/demo/main Az3grlgt…                      base64: four bytes that name the key, 64 of Ed25519

What is signed is the text up to the empty line, its own line end included.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from footfall.signatures import Signer, is_signed, raw_public_key

_ED25519 = b"\x01"
#: Bytes that a note may have; ours have some 250.
MAX_BYTES = 64 * 1024
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")


@dataclass(frozen=True)
class Checkpoint:
    """What a log was: its name (`origin`), how many leaves it had, and their root hash."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed of it."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def signed(checkpoint: Checkpoint, signer: Signer) -> bytes:
    """The signed note of a checkpoint. The same checkpoint gives the same bytes."""
    text = checkpoint.text
    value = _key_hash(checkpoint.origin, signer.public_pem) + signer.sign_bytes(text.encode())
    return f"{text}\n— {checkpoint.origin} {base64.b64encode(value).decode()}\n".encode()


def opened(data: bytes, trusted: Mapping[str, bytes]) -> Checkpoint:
    """The checkpoint in a note that one of `trusted` (key id → PEM) signed. Raises ValueError: why not.

    Lines of other signers, as witnesses are, are left alone.
    """
    checkpoint, text, signatures = _parsed(data)
    wanted = {_key_hash(checkpoint.origin, pem): pem for pem in trusted.values()}
    is_known = False
    for name, value in signatures:
        pem = wanted.get(value[:4]) if name == checkpoint.origin else None
        if pem is not None:
            is_known = True
            if is_signed(value[4:], text, pem):
                return checkpoint
    raise ValueError(
        "its signature is wrong, it was changed" if is_known else "is signed with no key that is known here"
    )


def read(data: bytes) -> Checkpoint:
    """The checkpoint in a note that its reader trusts already. Raises ValueError."""
    return _parsed(data)[0]


def _key_hash(name: str, pem: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + raw_public_key(pem)).digest()[:4]


def _parsed(data: bytes) -> tuple[Checkpoint, bytes, list[tuple[str, bytes]]]:
    try:
        note = data.decode()
    except UnicodeDecodeError:
        raise ValueError("is no note: no UTF-8 text") from None
    text, gap, below = note.rpartition("\n\n")
    if not gap or not below.endswith("\n") or re.search(r"[\x00-\x09\x0b-\x1f]", note):
        raise ValueError("is no signed note")
    lines = text.split("\n")
    if len(lines) < 3 or not all(lines) or not _SIZE.fullmatch(lines[1]):
        raise ValueError("is no checkpoint: name, number of leaves, root hash")
    root = _base64(lines[2])
    if root is None or len(root) != hashlib.sha256().digest_size:
        raise ValueError("is no checkpoint: its root hash is none")
    signatures = []
    for line in below[:-1].split("\n"):
        found = re.fullmatch(r"— ([^\s+]+) (\S+)", line)
        value = _base64(found[2]) if found else None
        if found is None or value is None or len(value) < 5:
            raise ValueError("is no signed note: a line of it is no signature")
        signatures.append((found[1], value))
    return Checkpoint(lines[0], int(lines[1]), root), f"{text}\n".encode(), signatures


def _base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None
