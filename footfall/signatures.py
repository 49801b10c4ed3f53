"""Ed25519 signatures of JSON documents: who made a manifest, checkable with openssl and jq alone.

What is signed is the document without its field `signature`, with sorted keys and no spaces: what
`jq -cjS 'del(.signature)'` prints. Documents hold no fractions, so that this is one spelling everywhere.
"""

import base64
import hashlib
import hmac
import json
import os
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from footfall.errors import FootfallError


class Signer:
    """The key of one installation."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public_pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.key_id = key_id(self.public_pem)

    def sign(self, document: dict[str, Any]) -> dict[str, Any]:
        """The document with its signature. The same document gives the same signature."""
        value = base64.b64encode(self._key.sign(canonical(document))).decode()
        signature = {"algorithm": "ed25519", "key_id": self.key_id, "value": value}
        return {**document, "signature": signature}

    def derived(self, purpose: str) -> str:
        """A secret of 32 hex digits for one purpose, always the same for this key."""
        seed = self._key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        return hmac.new(seed, purpose.encode(), hashlib.sha256).hexdigest()[:32]


def key_id(public_pem: bytes) -> str:
    """The name of a public key: the first 16 hex digits of the SHA-256 of its DER bytes."""
    public = load_pem_public_key(public_pem)
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()[:16]


def load_signer(folder: Path) -> Signer:
    """The key in `folder` (`signing-key.pem`, the public half beside it), made when there is none.

    Raises FootfallError where it cannot be read or written.
    """
    path = folder / "signing-key.pem"
    try:
        if not path.exists():
            _make(path)
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise FootfallError(
            f"the signing key {path} cannot be used ({error}); put it back from your backup, or move it away "
            "and a new one is made: deliveries from then on carry the new key's name"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise FootfallError(f"{path} is no Ed25519 key")
    return Signer(key)


def _make(path: Path) -> None:
    """A new key, in place at once or not at all. Of two processes that make one, both use the first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = Signer(Ed25519PrivateKey.generate())
    part = path.with_suffix(f".part-{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(made._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(part, path)
        path.with_name("signing-key.pub.pem").write_bytes(made.public_pem)
    except FileExistsError:
        pass
    finally:
        part.unlink()


def canonical(document: dict[str, Any]) -> bytes:
    """The bytes that are signed."""
    unsigned = {name: value for name, value in document.items() if name != "signature"}
    text = json.dumps(unsigned, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    # jq writes DEL as an escape, and nothing else beside what JSON demands.
    return text.replace("\x7f", "\\u007f").encode()


def is_signed_by(document: dict[str, Any], public_pem: bytes) -> bool:
    """Whether the signature is right and by this key."""
    try:
        public = load_pem_public_key(public_pem)
        value = base64.b64decode(str(document["signature"]["value"]), validate=True)
    except (KeyError, TypeError, ValueError, UnsupportedAlgorithm):
        return False
    if not isinstance(public, Ed25519PublicKey):
        return False
    try:
        public.verify(value, canonical(document))
    except InvalidSignature:
        return False
    return True
