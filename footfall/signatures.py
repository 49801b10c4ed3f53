"""Ed25519 signatures of JSON documents: who made a manifest, checkable with openssl and jq alone.

What is signed is the document without its field `signature`, with sorted keys and no spaces: what
`jq -cjS 'del(.signature)'` prints. Documents hold no fractions, so that this is one spelling everywhere.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
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
from footfall.whole_files import written_beside


class Signer:
    """The key of one installation."""

    def __init__(self, key: Ed25519PrivateKey, given: Mapping[str, str] | None = None) -> None:
        """`given`: purpose → secret, of a client who was taken over, as the key before derived it."""
        self._key = key
        self._given = given or {}
        self.public_pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.key_id = key_id(self.public_pem)

    def sign(self, document: dict[str, Any]) -> dict[str, Any]:
        """The document with its signature. The same document gives the same signature."""
        value = base64.b64encode(self._key.sign(canonical(document))).decode()
        signature = {"algorithm": "ed25519", "key_id": self.key_id, "value": value}
        return {**document, "signature": signature}

    def sign_bytes(self, data: bytes) -> bytes:
        """The 64 bytes of the signature of `data`."""
        return self._key.sign(data)

    def derived(self, purpose: str) -> str:
        """A secret of 32 hex digits for one purpose, always the same for this key."""
        if purpose in self._given:
            return self._given[purpose]
        seed = self._key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        return hmac.new(seed, purpose.encode(), hashlib.sha256).hexdigest()[:32]

    def challenge(self, url: str) -> str:
        """The token by which the owner of a destination shows that deliveries are wanted there."""
        return self.derived(challenge_purpose(url))

    def hash_key(self, client_id: str) -> str:
        """The key of the columns that a client has hashed in its exports."""
        return self.derived(hash_purpose(client_id))


def challenge_purpose(url: str) -> str:
    """What the token of a destination is derived for."""
    return f"challenge:{url}"


def hash_purpose(client_id: str) -> str:
    """What the key of a client's hashed columns is derived for."""
    return f"hash:{client_id}"


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
        given = _given(folder / GIVEN)
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise FootfallError(
            f"the signing key {path} cannot be used ({error}); put it back from your backup, or move it away "
            "and a new one is made: deliveries from then on carry the new key's name"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise FootfallError(f"{path} is no Ed25519 key")
    signer = Signer(key, given)
    try:
        _remember(folder, signer.key_id, signer.public_pem)
    except OSError:
        pass  # a folder that may only be read; a person puts keys there
    return signer


def _given(path: Path) -> dict[str, str]:
    """Raises OSError, ValueError."""
    if not path.exists():
        return {}
    found = json.loads(path.read_bytes())
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} is damaged")
    return {str(purpose): str(secret) for purpose, secret in found.items()}


def _remember(folder: Path, name: str, public_pem: bytes) -> None:
    """Keep a public key among our own, for manifests that it signed are ours for good."""
    path = folder / PUBLIC / f"{name}.pem"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        part = path.with_suffix(f".part-{os.getpid()}-{secrets.token_hex(4)}")
        part.write_bytes(public_pem)
        part.replace(path)


def _make(path: Path) -> None:
    """A new key, in place at once or not at all. Of two processes that make one, both use the first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = Signer(Ed25519PrivateKey.generate())
    beside = path.with_name("signing-key.pub.pem")
    try:
        _remember(path.parent, *public_key(beside.read_bytes()))  # of a key that was moved away
    except (FileNotFoundError, ValueError):
        pass
    part = written_beside(path, made._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    try:
        os.link(part, path)
        beside.write_bytes(made.public_pem)
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


def signed_by(document: dict[str, Any], trusted: Mapping[str, bytes]) -> str:
    """The name of the key that signed a document, which is one of `trusted` (key id → PEM).

    Raises ValueError saying what is wrong. Whether there has to be a signature, the document cannot say.
    """
    signature = document.get("signature")
    if signature is None:
        raise ValueError("is not signed")
    if not isinstance(signature, dict) or set(signature) != {"algorithm", "key_id", "value"}:
        raise ValueError("its signature has other members than algorithm, key_id and value")
    by = signature["key_id"]
    if not isinstance(by, str) or signature["algorithm"] != "ed25519":
        raise ValueError("its signature is none of Ed25519")
    if by not in trusted:
        raise ValueError(f"is signed with the key {by[:64]}, which is not known here")
    try:
        value = base64.b64decode(str(signature["value"]), validate=True)
    except ValueError:
        value = b""
    if not is_signed(value, canonical(document), trusted[by]):
        raise ValueError("its signature is wrong, it was changed")
    return by


def is_signed(value: bytes, signed: bytes, public_pem: bytes) -> bool:
    """Whether `value` is the signature of `signed` by the key of a PEM."""
    try:
        public = load_pem_public_key(public_pem)
        if not isinstance(public, Ed25519PublicKey):
            return False
        public.verify(value, signed)
    except (ValueError, UnsupportedAlgorithm, InvalidSignature):
        return False
    return True


def raw_public_key(public_pem: bytes) -> bytes:
    """The 32 bytes of a public key of Ed25519."""
    return load_pem_public_key(public_pem).public_bytes(Encoding.Raw, PublicFormat.Raw)


def public_key(pem: bytes) -> tuple[str, bytes]:
    """The name of a public key and its PEM. Raises ValueError where it is no Ed25519 key."""
    try:
        public = load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("is no public key in PEM") from None
    if not isinstance(public, Ed25519PublicKey):
        raise ValueError("is no public key of Ed25519")
    return key_id(pem), pem


#: Beside the key: secrets of clients who were taken over from another installation, by purpose.
GIVEN = "taken-over.json"
#: Folder of the public halves of every key that ever signed here, beside the key.
PUBLIC = "public"


def own_keys(folder: Path) -> dict[str, bytes]:
    """Key id → PEM of every key that signs or ever signed here: what `folder`/public holds.

    `load_signer` puts each key it loads there, where the folder can be written. A person may add the public
    half of an earlier key; its file's name does not matter. Raises FootfallError for a file that is no key.
    """
    found = {}
    for path in sorted((folder / PUBLIC).glob("*.pem")):
        try:
            name, pem = public_key(path.read_bytes())
        except (OSError, ValueError) as error:
            raise FootfallError(f"{path}: {error}; put the public half of an earlier key there") from None
        found[name] = pem
    return found
