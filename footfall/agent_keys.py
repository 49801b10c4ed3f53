"""The keys by which agents sign, as an operator has fetched them: files in the state folder's `agents`.

A file an agent: `{"agent": "https://agent.example", "fetched_at": …, "keys": [JWK, …]}`. A collector looks
for changed files by itself and asks nobody else.
"""

import base64
import binascii
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from footfall.errors import FootfallError
from footfall.event import timestamp
from footfall.web_bot_auth import origin_of
from footfall.whole_files import written_beside

#: Where an agent publishes its keys.
WELL_KNOWN = "/.well-known/http-message-signatures-directory"
#: Bytes of such a document, and keys in it.
MOST_BYTES, MOST_KEYS = 256 << 10, 100


@dataclass(frozen=True)
class Agent:
    """An agent whose keys are known. `keys`: key id → key."""

    agent: str
    fetched_at: datetime
    keys: Mapping[str, Ed25519PublicKey]


def keep(folder: Path, agent: str, document: bytes, now: datetime) -> Agent:
    """Put the keys of an agent there, in place of those it had. Raises FootfallError where there are none."""
    origin = origin_of(agent)
    if origin is None:
        raise FootfallError(f"{agent[:80]!r} is no address of an agent: write https://agent.example")
    jwks = _jwks(document, f"the document of {origin}")
    read = _keys(jwks)
    if not read:
        raise FootfallError(
            f"the document of {origin} has no Ed25519 key (kty OKP, crv Ed25519): nothing was kept"
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    said = {"agent": origin, "fetched_at": timestamp(now), "keys": jwks}
    path = folder / _name(origin)
    written_beside(path, (json.dumps(said, indent=1) + "\n").encode()).replace(path)
    return Agent(origin, now, read)


def forget(folder: Path, agent: str) -> bool:
    """Take the keys of an agent away. Returns whether there were any."""
    origin = origin_of(agent)
    path = folder / _name(origin) if origin else None
    if path is None or not path.is_file():
        return False
    path.unlink()
    return True


def known(folder: Path) -> tuple[list[Agent], list[str]]:
    """Every agent, and what is wrong with files that cannot be read."""
    agents, mistakes = [], []
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            said = json.loads(path.read_bytes())
            keys = _keys(said["keys"])
            agents.append(Agent(str(said["agent"]), datetime.fromisoformat(said["fetched_at"]), keys))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            mistakes.append(f"{path} cannot be read ({type(error).__name__}): fetch the agent's keys again")
    return agents, mistakes


class AgentKeys:
    """The keys in a folder, as they were when it last looked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: object = None
        self._keys: dict[tuple[str, str], Ed25519PublicKey] = {}
        self.reload()

    def of(self, agent: str, key_id: str) -> Ed25519PublicKey | None:
        """A key of an agent."""
        return self._keys.get((agent, key_id))

    def reload(self) -> None:
        """Read the files again where they have changed. Safe in a thread: all change at once."""
        try:
            with os.scandir(self._folder) as entries:
                seen = sorted((each.name, each.stat().st_mtime_ns, each.stat().st_ino) for each in entries)
        except OSError:
            seen = []
        if seen == self._seen:
            return
        agents, _ = known(self._folder)
        self._keys = {(each.agent, key_id): key for each in agents for key_id, key in each.keys.items()}
        self._seen = seen


def _jwks(document: bytes, what: str) -> list[dict[str, Any]]:
    try:
        keys = json.loads(document[: MOST_BYTES + 1])["keys"]
        if not isinstance(keys, list) or not all(isinstance(each, dict) for each in keys):
            raise TypeError
    except (ValueError, TypeError, KeyError, RecursionError):
        raise FootfallError(f'{what} is no directory of keys: expected {{"keys": [JWK, …]}}') from None
    return keys[:MOST_KEYS]


def _keys(jwks: list[dict[str, Any]]) -> dict[str, Ed25519PublicKey]:
    """Key id → key: the id that is written, and the thumbprint (RFC 7638) by which signatures name it."""
    found: dict[str, Ed25519PublicKey] = {}
    for jwk in jwks:
        x = jwk.get("x")
        if jwk.get("kty") != "OKP" or jwk.get("crv") != "Ed25519" or not isinstance(x, str):
            continue
        try:
            key = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "=" * (-len(x) % 4)))
        except (ValueError, binascii.Error):
            continue
        canonical = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": x}, separators=(",", ":"))
        digest = hashlib.sha256(canonical.encode()).digest()
        found[base64.urlsafe_b64encode(digest).decode().rstrip("=")] = key
    return found


def _name(origin: str) -> str:
    return re.sub(r"[^a-z0-9.-]", "_", origin.partition("://")[2]) + ".json"


def is_old(agent: Agent, now: datetime) -> bool:
    """Whether keys were fetched so long ago that the agent may have others: a week."""
    return (now - agent.fetched_at.astimezone(UTC)).days >= 7
