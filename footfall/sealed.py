"""Raw objects whose lines are sealed, client by client: what lies in the lake can be read with a key alone.

    plain lines                       one zstd frame, as always; of nobody's lines an empty one
    a client's lines                  a skippable frame of zstd:
        "FFS1" · length of header (u16) · header · wrapped data key (48 bytes) · sealed lines
        header: {"client", "key", "lines", "ephemeral"}, JSON, authenticated with what follows
        data key: AES-256-GCM under HKDF-SHA256(X25519(ephemeral, client's key))
        sealed lines: AES-256-GCM under the data key, of a zstd frame

Each key encrypts one thing, so the nonces are zero. A tool that knows no such frames reads the plain lines.
"""

import base64
import hashlib
import hmac
import json
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from footfall.keys import hour_of, is_whole
from footfall.raw_keys import KeyMissing, KeyRing, RawKey, is_key_id, keys_of
from footfall.raw_object import compress, compress_lines
from footfall.store import ObjectStore
from footfall.tombstones import erased_line

_FRAME = struct.Struct("<II")
_SKIPPABLE = 0x184D2A5E
_MAGIC = b"FFS1"
_HEADER = struct.Struct("<H")
_NONCE = bytes(12)
_WRAPPED = 48
_CLIENT_LETTERS = 200
#: Bytes of an object's lines, at most: nobody may fill the memory of a reader.
MOST_BYTES = 2 << 30
#: Compressed bytes that are decompressed at once. At 32,000:1 they become 32 MiB at most; zstd refuses a
#: frame that holds more than it says, so one that says little goes in larger pieces.
_CHUNK, _LITTLE_CHUNK, _LITTLE = 1024, 128 << 10, 32 << 20
#: What readers take for damaged: an object that is not what its key says, so that lines of it may be missing.
_CHANGED = b"not what its key says"


#: Of a reader to whom no keys were given.
_NO_KEYS = KeyRing(Path("no state folder"))


class _Line(msgspec.Struct, gc=False):
    client_id: str = ""


_decode = msgspec.json.Decoder(_Line).decode


def client_of_line(line: bytes) -> str:
    """Whose a stored line is; empty where it does not say."""
    try:
        return _decode(line).client_id
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def sealed_lines(
    content: bytes, named: Mapping[str, RawKey], secret_of: Callable[[RawKey], bytes]
) -> bytes | None:
    """A raw object of newline-terminated lines, those of the clients in `named` sealed with their keys.

    None where no line is one of theirs. The same lines with the same secret make the same bytes, which nobody
    can open by the secret alone.
    """
    lines = content.removesuffix(b"\n").split(b"\n")
    keys = [named.get(client_of_line(line)) for line in lines]
    return packed(zip(lines, keys, strict=True), secret_of) if any(keys) else None


def sealed_for(content: bytes, key: RawKey, ring: KeyRing) -> bytes:
    """The same where all lines are of one client, whose private key is here."""
    lines = content.removesuffix(b"\n").split(b"\n")
    return packed(((line, key) for line in lines), lambda each: ring.secret(each.id))


def sealed_here(content: bytes, ring: KeyRing | None) -> bytes | None:
    """`sealed_lines` with the newest keys of an installation. Raises FootfallError."""
    if ring is None:
        return None
    owners = {client_of_line(line) for line in content.splitlines()}
    named = {each: key for each in owners if each and (key := ring.current(each)) is not None}
    return sealed_lines(content, named, lambda key: ring.secret(key.id))


def packed(
    lines: Iterable[tuple[bytes, RawKey | None]],
    secret_of: Callable[[RawKey], bytes],
) -> bytes:
    """An object of lines, each with the key that it is sealed with, in their order for each key."""
    by_key: dict[RawKey | None, list[bytes]] = {None: []}
    for line, key in lines:
        by_key.setdefault(key, []).append(line)
    plain = by_key.pop(None)
    frames = [_frame(key, some, secret_of(key)) for key, some in by_key.items() if key is not None]
    return b"".join([compress_lines(plain), *frames])


def _frame(key: RawKey, lines: Sequence[bytes], secret: bytes) -> bytes:
    content = compress_lines(lines)
    seed = hmac.new(secret, hashlib.sha256(content).digest() + key.public, hashlib.sha256).digest()
    ephemeral = X25519PrivateKey.from_private_bytes(_derived(seed, b"ephemeral"))
    data_key = _derived(seed, b"data key")
    public = ephemeral.public_key().public_bytes_raw()
    header = json.dumps(
        {
            "client": client_of_line(lines[0]),
            "key": key.id,
            "lines": len(lines),
            "ephemeral": base64.b64encode(public).decode(),
        }
    ).encode()
    wrapped = AESGCM(_wrapping(key.agreed(ephemeral), public, key.public)).encrypt(_NONCE, data_key, header)
    sealed = AESGCM(data_key).encrypt(_NONCE, content, header)
    payload = b"".join([_MAGIC, _HEADER.pack(len(header)), header, wrapped, sealed])
    return _FRAME.pack(_SKIPPABLE, len(payload)) + payload


def _derived(seed: bytes, what: bytes) -> bytes:
    return HKDF(SHA256(), 32, None, b"footfall raw object " + what).derive(seed)


def _wrapping(agreed: bytes, ephemeral: bytes, public: bytes) -> bytes:
    return HKDF(SHA256(), 32, ephemeral + public, b"footfall raw object wrapping").derive(agreed)


@dataclass(frozen=True)
class Sealed:
    """One client's lines in an object, as they lie there. `frame`: all of it.

    Nothing of it is proven before it is opened.
    """

    frame: memoryview
    header: bytes
    client: str
    key: str
    lines: int
    ephemeral: bytes
    wrapped: memoryview
    content: memoryview


@dataclass(frozen=True)
class Opened:
    """A raw object as its readers know it: one compressed piece of lines.

    `keys`: of which lines are sealed, by their numbers (first, last; the first is 1), in their order.
    `waiting`: sealed lines whose key is missing; they are not in `data`. `data` is what lies there, where
    that is damaged.
    """

    data: bytes
    keys: tuple[tuple[int, int, RawKey, bytes], ...] = ()
    waiting: tuple[Sealed, ...] = ()

    @property
    def is_sealed(self) -> bool:
        """Whether lines of it are, or wait."""
        return bool(self.keys or self.waiting)

    def packed(self, numbered: Iterable[tuple[int, bytes]]) -> bytes:
        """An object of some of its lines, or of others in their places, sealed as these were.

        What waits stays as it is.
        """
        secrets = {key: secret for _, _, key, secret in self.keys}
        stretches = iter([*self.keys, (1 << 62, 1 << 62, None, b"")])
        first, last, key, _ = next(stretches)
        lines: list[tuple[bytes, RawKey | None]] = []
        for number, line in numbered:
            while number > last:
                first, last, key, _ = next(stretches)
            lines.append((line, key if number >= first else None))
        made = packed(lines, secrets.__getitem__)
        return b"".join([made, *(each.frame for each in self.waiting)])


def read_raw(lake: ObjectStore, key: str, *, passes_over: bool = False) -> bytes:
    """A raw object of the lake as one compressed piece: sealed lines are opened.

    Lines whose key was destroyed become such as erased persons leave. Raises KeyMissing, StoreError.
    `passes_over`: lines whose key is missing are left out instead.
    """
    found = open_raw(lake, key)
    if not passes_over:
        require_keys(lake, key, found.waiting)
    return found.data


def require_keys(lake: ObjectStore, key: str, waiting: Iterable[Sealed]) -> None:
    """Raise KeyMissing where lines of a raw object wait for their key."""
    for each in waiting:
        try:
            (keys_of(lake) or _NO_KEYS).private(each.key)
        except KeyMissing as error:
            raise KeyMissing(f"{lake.url(key)} holds lines of {each.client}, and {error}") from None


def open_raw(lake: ObjectStore, key: str) -> Opened:
    """A raw object of the lake with what of it waits. Raises StoreError."""
    data, ring = lake.get(key), keys_of(lake)
    # A sealed part that is cut off leaves an object that looks whole.
    if (frames_of(data) or (ring is not None and ring.is_used)) and not is_whole(key, data):
        return Opened(_CHANGED)
    return opened(data, ring, _hour(key))


def opened(data: bytes, ring: KeyRing | None, hour: datetime) -> Opened:
    """The same of an object's bytes, which lie in an `hour`."""
    found = frames_of(data)
    if not found:
        return Opened(data)
    end, blocks = found
    try:
        parts = [_inflated(data[:end], MOST_BYTES)]
        keys: list[tuple[int, int, RawKey, bytes]] = []
        waiting = []
        at, room = parts[0].count(b"\n"), MOST_BYTES - len(parts[0])
        for block in blocks:
            try:
                one = _opened(block, ring or _NO_KEYS, room)
            except KeyMissing:
                waiting.append(block)
                continue
            if one is None:
                stub = erased_line(block.client, "", hour) + b"\n"
                if len(stub) * block.lines > room:
                    raise _TooMuch
                parts.append(stub * block.lines)
            else:
                content, public, secret = one
                if content.count(b"\n") != block.lines:
                    return Opened(data)
                parts.append(content)
                keys.append((at + 1, at + block.lines, public, secret))
            at += block.lines
            room -= len(parts[-1])
    # ValueError: an ephemeral key that nobody made.
    except (zstandard.ZstdError, InvalidTag, ValueError, _TooMuch):
        return Opened(data)
    return Opened(compress(b"".join(parts)), tuple(keys), tuple(waiting))


def _hour(key: str) -> datetime:
    hour = hour_of(f"/{key}")
    assert hour is not None, "raw objects lie in hours"
    return hour


def _opened(block: Sealed, ring: KeyRing, room: int) -> tuple[bytes, RawKey, bytes] | None:
    """The lines, whose they are sealed for, and what is needed to seal them again. Raises InvalidTag."""
    private = ring.private(block.key)
    if private is None:
        return None
    public = private.public_key().public_bytes_raw()
    agreed = private.exchange(X25519PublicKey.from_public_bytes(block.ephemeral))
    wrapping = _wrapping(agreed, block.ephemeral, public)
    data_key = AESGCM(wrapping).decrypt(_NONCE, bytes(block.wrapped), block.header)
    content = _inflated(AESGCM(data_key).decrypt(_NONCE, bytes(block.content), block.header), room)
    return content, RawKey(public), ring.secret(block.key)


class _TooMuch(Exception):
    pass


def _inflated(frame: bytes, room: int) -> bytes:
    """All of one frame, whose checksum is looked at. Raises ZstdError for one that is cut, _TooMuch."""
    decompressor = zstandard.ZstdDecompressor().decompressobj()
    pieces = []
    step = _LITTLE_CHUNK if 0 <= zstandard.frame_content_size(frame) <= _LITTLE else _CHUNK
    for at in range(0, len(frame), step):
        pieces.append(decompressor.decompress(frame[at : at + step]))
        room -= len(pieces[-1])
        if room < 0:
            raise _TooMuch
        if decompressor.eof and (decompressor.unused_data or at + step < len(frame)):
            raise zstandard.ZstdError("there is more after the end of the compressed data")
    if not decompressor.eof:
        raise zstandard.ZstdError("the compressed data ends early")
    return b"".join(pieces)


def frames_of(data: bytes) -> tuple[int, list[Sealed]] | None:
    """Where the plain lines end, and what is sealed behind them; None where nothing is, or it is damaged."""
    start = data.find(_FRAME.pack(_SKIPPABLE, 0)[:4])
    while start >= 0:
        blocks, at = [], start
        while at < len(data):
            block = _block(data, at)
            if block is None:
                break
            blocks.append(block[0])
            at = block[1]
        # The plain frame may hold these bytes by chance: only what is whole up to the end counts.
        if blocks and at == len(data):
            return start, blocks
        start = data.find(_FRAME.pack(_SKIPPABLE, 0)[:4], start + 1)
    return None


def _block(data: bytes, at: int) -> tuple[Sealed, int] | None:
    if len(data) - at < _FRAME.size:
        return None
    magic, size = _FRAME.unpack_from(data, at)
    begin, end = at + _FRAME.size, at + _FRAME.size + size
    if magic != _SKIPPABLE or end > len(data) or data[begin : begin + 4] != _MAGIC or size < 6 + _WRAPPED:
        return None
    (length,) = _HEADER.unpack_from(data, begin + 4)
    head = begin + 6 + length
    if head + _WRAPPED > end:
        return None
    header = data[begin + 6 : head]
    view = memoryview(data)
    try:
        said = json.loads(header)
        ephemeral = base64.b64decode(said["ephemeral"], validate=True)
        sealed = Sealed(
            view[at:end],
            header,
            str(said["client"]),
            str(said["key"]),
            int(said["lines"]),
            ephemeral,
            view[head : head + _WRAPPED],
            view[head + _WRAPPED : end],
        )
    except (ValueError, KeyError, TypeError):
        return None
    is_one = (
        len(ephemeral) == 32
        and sealed.lines > 0
        and is_key_id(sealed.key)
        and len(sealed.client) < _CLIENT_LETTERS
        and sealed.client.isprintable()
    )
    return (sealed, end) if is_one else None


def is_readable(data: bytes, content_of: Callable[[bytes], bytes | None]) -> bool:
    """Whether the bytes of a raw object are whole, as far as that shows without its keys."""
    found = frames_of(data)
    return content_of(data[: found[0]] if found else data) is not None
