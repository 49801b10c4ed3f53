"""Who was erased, as keyed hashes: what arrives of them again is not kept, from wherever it comes.

    tombstones.jsonl                                 below the state folder; only ever added to
    tombstones/client=<id>/<erasure>-<sha>.jsonl     the same in the lake, one object an erasure

A line is a Tombstone. The hash is an HMAC with a key of its own (`keys/tombstone-key`), over the client's
id, what kind of id it is, and the id. Without the key nobody can test whether a person was erased.
"""

import hashlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

import msgspec

from footfall.errors import FootfallError
from footfall.event import LINE_VERSION, timestamp
from footfall.hours import floor
from footfall.keys import TOMBSTONES, tombstones_object
from footfall.privacy import first_party_visitor_id
from footfall.store import ObjectStore, put_once
from footfall.whole_files import written_beside

Kind = Literal["visitor", "user", "session", "event"]
KINDS: tuple[Kind, ...] = ("visitor", "user", "session", "event")
#: The local copy, and the key, below the state folder.
FILE, KEY = "tombstones.jsonl", "keys/tombstone-key"
#: Hex digits of a stored hash: 128 bits.
DIGITS = 32
#: Fields of a stored event that name somebody → the kind of id.
NAMED: Mapping[str, Kind] = {
    "visitor_id": "visitor",
    "previous_visitor_id": "visitor",
    "user_id": "user",
    "session_id": "session",
    "event_id": "event",
}
#: What may be an id in a text: a word.
WORD = re.compile(r"[0-9A-Za-z_-]{8,128}")
#: And in the body of something that was refused: a text between quotes, or between signs that part others; a
#: short one where its name says so.
_IN_BODY = (
    WORD,
    re.compile(r"""[^\s"'&?=#<>,;\\{}()\[\]]{8,256}"""),
    re.compile(r"""[^\s"'&?=#<>,;\\{}()\[\]/]{8,256}"""),
    re.compile(r'"([^"\\]{8,256})'),
    re.compile(
        r"""(?:visitor|user|uid|session|event|id)[a-z_]{0,12}["'\\]*\s*[:=]\s*["'\\]*([^\s"'&?=#<>,;\\{}()\[\]]{1,7})"""
        r"""(?=[\s"'&?=#<>,;\\{}()\[\]]|\Z)""",
        re.IGNORECASE,
    ),
)
#: How often one encoding may lie in another.
_DEEPEST = 3
_ESCAPED = re.compile(r"""\\(?:u([0-9a-fA-F]{4})|(["\\/]))""")
#: The kind of line that stands for one that was erased.
ERASED = "erased"


class Tombstone(msgspec.Struct, frozen=True, omit_defaults=True):
    """One id of an erased person. `client`: as client files name it; `key`: the name of the key.

    `until`: what happened up to then is not kept; None: nothing ever is.
    """

    client: str
    kind: Kind
    digest: str
    erasure: str
    key: str
    until: datetime | None = None
    v: int = 1


_decode = msgspec.json.Decoder(Tombstone).decode


def base_of(client_id: str) -> str:
    """The id by which client files and lines name an identity."""
    return client_id.partition(".")[0]


class TombstoneKey:
    """What the hashes are made with."""

    def __init__(self, secret: bytes) -> None:
        self.secret = secret
        self.name = hashlib.sha256(b"footfall tombstones" + secret).hexdigest()[:12]
        self._begun = tuple(hashlib.sha256(pad) for pad in self.pads)

    def digest(self, client_id: str, kind: Kind, value: str) -> str:
        """The hash of one id."""
        said = f"{base_of(client_id)}\0{kind}\0{value}".encode("utf-8", "surrogatepass")
        # HMAC-SHA-256, with what is the same of each begun once: a refused body has thousands of words.
        inner, outer = (each.copy() for each in self._begun)
        inner.update(said)
        outer.update(inner.digest())
        return outer.hexdigest()[:DIGITS]

    @property
    def pads(self) -> tuple[bytes, bytes]:
        """The two blocks that HMAC-SHA-256 puts before what it hashes: DuckDB has SHA-256 alone."""
        block = self.secret.ljust(64, b"\0")
        return bytes(each ^ 0x36 for each in block), bytes(each ^ 0x5C for each in block)


def load_key(home: Path, *, make: bool = False) -> TombstoneKey | None:
    """The key of an installation; None where nobody was erased yet. `make`: make it where it is missing.

    Raises FootfallError where it cannot be read or written.
    """
    path = home / KEY
    try:
        if make and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            part = written_beside(path, secrets.token_hex(32).encode() + b"\n")
            try:
                os.link(part, path)
            except FileExistsError:
                pass  # another process was faster
            finally:
                part.unlink()
        secret = bytes.fromhex(path.read_text().strip())
        if len(secret) != 32:
            raise ValueError("it has not 32 bytes")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise FootfallError(
            f"the key {path} cannot be used ({error}); put it back from your backup: without it "
            "erased persons could come back"
        ) from None
    return TombstoneKey(secret)


class Tombstones:
    """All of an installation, asked line by line. None: nobody was erased, and nothing is looked at."""

    def __init__(self, key: TombstoneKey | None = None, stones: Iterable[Tombstone] = ()) -> None:
        self.key = key
        self._until: dict[tuple[str, str], datetime | None] = {}
        self.stones: dict[tuple[str, str, str], Tombstone] = {}
        for each in stones:
            name = (each.client, each.kind, each.digest)
            before = self.stones.get(name)
            if before is None or _is_later(each.until, before.until):
                self.stones[name] = each
        if self.stones and key is None:
            raise FootfallError(
                f"persons were erased here, and the key {KEY} is missing: put it back from your backup, else "
                "they could come back"
            )
        strange = {each.key for each in self.stones.values()} - {key.name if key else ""}
        if strange:
            raise FootfallError(
                f"erased persons are hashed with another key than {KEY} (with {min(strange)}): put that key "
                "back from your backup, else they could come back"
            )
        self.clients = frozenset(each.client for each in self.stones.values())
        self._kinds = frozenset((each.client, each.kind) for each in self.stones.values())

    def __bool__(self) -> bool:
        return bool(self.stones)

    def covers(self, client_id: str, kind: Kind, value: str, moment: datetime) -> bool:
        """Whether an id is that of an erased person, for something that happened at `moment`."""
        base = base_of(client_id)
        if (base, kind) not in self._kinds:
            return False
        assert self.key is not None, "there are hashes"
        found = self.stones.get((base, kind, self.key.digest(base, kind, value)))
        return found is not None and (found.until is None or moment <= found.until)

    def erases(self, line: bytes) -> bool:
        """Whether a stored line is one of an erased person's. What is no stored line is nobody's."""
        try:
            stored = _decode_line(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False
        if stored.client_id is None or base_of(stored.client_id) not in self.clients:
            return False
        return any(self.covers(stored.client_id, kind, value, moment) for kind, value, moment in _ids(stored))

    def without(self, content: bytes, hour: datetime) -> tuple[bytes, int]:
        """Stored lines with an `erased_line` in the place of each that is an erased person's, and how many.

        So the number of every other line stays what it was.
        """
        if not self.stones:
            return content, 0
        lines = content.split(b"\n")
        erased = 0
        for n, line in enumerate(lines):
            if line and self.erases(line):
                stored = _decode_line(line)
                lines[n] = erased_line(stored.client_id or "", stored.site_id, hour)
                erased += 1
        return (b"\n".join(lines) if erased else content), erased


class _Line(msgspec.Struct):
    kind: str
    client_id: str | None = None
    site_id: str | None = None
    received_at: datetime | None = None
    occurred_at: datetime | None = None
    visitor_id: str | None = None
    previous_visitor_id: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    event_id: str | None = None
    body: str | None = None


_decode_line = msgspec.json.Decoder(_Line).decode


def _ids(line: _Line) -> Iterator[tuple[Kind, str, datetime]]:
    happened = line.occurred_at or line.received_at or datetime.min.replace(tzinfo=UTC)
    if line.kind == "event":
        for field, kind in NAMED.items():
            value = getattr(line, field)
            if value is not None:
                yield kind, value, happened
    elif line.kind == "refused":
        for kind, text in ids_in(line.body or "", line.site_id):
            yield kind, text, line.received_at or happened


def ids_in(body: str, site_id: str | None) -> Iterator[tuple[Kind, str]]:
    """Every id that the body of a refused thing may name; of a browser also its visitor's on the site."""
    for text in sorted(
        {each for stage in _undone(body) for known in _IN_BODY for each in known.findall(stage)}
    ):
        for kind in KINDS:
            yield kind, text
        if site_id:
            yield "visitor", first_party_visitor_id(site_id, text)


def _undone(body: str) -> Iterator[str]:
    """A text, and what it is without its percent-encoding and its JSON escapes; its bytes stand in it as they
    came, a character each.
    """
    yield body
    with suppress(UnicodeError):
        body = body.encode("latin-1").decode()
        yield body
    for _ in range(_DEEPEST):
        before, body = body, _ESCAPED.sub(_plain, unquote(body))
        if body == before:
            return
        yield body


def _plain(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else found[2]


def erased_line(client_id: str, site_id: str | None, moment: datetime) -> bytes:
    """What stands for an erased line: whose it was, and the hour it came in. Nothing of the person."""
    return msgspec.json.encode(
        {
            "v": LINE_VERSION,
            "kind": ERASED,
            "client_id": client_id,
            "site_id": site_id or "",
            "received_at": timestamp(floor(moment)),
        }
    )


def _is_later(one: datetime | None, other: datetime | None) -> bool:
    return other is not None and (one is None or one > other)


def as_lines(stones: Iterable[Tombstone]) -> bytes:
    """As they are kept, in one order."""
    ordered = sorted(stones, key=lambda each: (each.client, each.kind, each.digest, each.erasure))
    return b"".join(msgspec.json.encode(each) + b"\n" for each in ordered)


def from_lines(data: bytes, where: object) -> list[Tombstone]:
    """What `as_lines` wrote. A last line that was cut off is left out. Raises FootfallError for damage."""
    found = []
    whole, _, _ = data.rpartition(b"\n")
    for line in whole.splitlines():
        try:
            found.append(_decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise FootfallError(
                f"{where} is damaged ({error}); put it back from your backup: it keeps erased persons erased"
            ) from None
    return found


def read_local(home: Path) -> list[Tombstone]:
    """Those of the state folder. Raises FootfallError."""
    path = home / FILE
    try:
        return from_lines(path.read_bytes(), path)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise FootfallError(f"{path} cannot be read: {error.strerror}") from None


def read_lake(lake: ObjectStore, known: Iterable[Tombstone] = ()) -> list[Tombstone]:
    """Those of the lake, but for objects that hold what is `known`. Raises StoreError, FootfallError."""
    by_place: dict[tuple[str, str], list[Tombstone]] = {}
    for each in known:
        by_place.setdefault((each.client, each.erasure), []).append(each)
    named = {_object(client, erasure, as_lines(some)) for (client, erasure), some in by_place.items()}
    return [
        each
        for info in lake.list(TOMBSTONES)
        if info.key not in named
        for each in from_lines(lake.get(info.key), lake.url(info.key))
    ]


def _object(client: str, erasure: str, data: bytes) -> str:
    return tombstones_object(client, erasure, hashlib.sha256(data).hexdigest())


def in_force(home: Path, lake: ObjectStore | None = None) -> Tombstones:
    """All that hold: of the state folder, and of the lake where it is given. Raises FootfallError."""
    stones = read_local(home)
    stones += read_lake(lake, stones) if lake is not None else []
    return Tombstones(load_key(home) if stones else None, stones)


def add(home: Path, lake: ObjectStore, stones: Iterable[Tombstone]) -> None:
    """Let these hold: on the disk and in the lake when this returns. Doing it again adds nothing."""
    by_place: dict[tuple[str, str], list[Tombstone]] = {}
    for each in stones:
        by_place.setdefault((each.client, each.erasure), []).append(each)
    for (client, erasure), some in by_place.items():
        data = as_lines(some)
        put_once(lake, _object(client, erasure, data), data)
        _add_local(home, some)


def _add_local(home: Path, stones: Iterable[Tombstone]) -> None:
    known = set(read_local(home))
    data = as_lines(each for each in stones if each not in known)
    if not data:
        return
    descriptor = os.open(home / FILE, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        # A line that a dead writer cut off would swallow the next one.
        there = (home / FILE).read_bytes()
        os.ftruncate(descriptor, there.rfind(b"\n") + 1)
        os.write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
