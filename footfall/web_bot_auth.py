"""Who signed a request: HTTP Message Signatures (RFC 9421) as web bots use them (draft-meunier-web-bot-auth).

A program names itself in `Signature-Agent` and signs with an Ed25519 key that it publishes. Keys come from
the caller: nothing is fetched here. A signature is believed within its own time; that it is used twice in it
is not noticed, so it says who the program is and never that a request is new.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

#: What is found of a request that names its agent: `verified`, or why not.
Verdict = Literal["verified", "unsigned", "unknown_key", "expired", "invalid"]
#: Seconds by which clocks may differ, and for which a signature may hold; the draft wants a day at most.
CLOCK_SECONDS, LONGEST_SECONDS = 60, 86_400
#: Bytes of a header that is looked at.
MOST_BYTES = 4096
TAG = "web-bot-auth"

#: (agent, key id) → its public key, where it is known.
KeyOf = Callable[[str, str], "Ed25519PublicKey | None"]
_LABEL = re.compile(r"\s*([a-z*][a-z0-9_.*-]*)=")
_COMPONENT = re.compile(r'"(@?[a-z0-9!#$%&\'*+.^_`|~-]+)"')
_PARAMS = re.compile(r'\(((?:"[^"\\]*" ?)*)\)((?:;[a-z][a-z0-9_-]*=(?:"(?:[^"\\]|\\.)*"|-?\d+))*)')
_PARAM = re.compile(r';([a-z][a-z0-9_-]*)=(?:"((?:[^"\\]|\\.)*)"|(-?\d+))')
_BYTES = re.compile(r":([A-Za-z0-9+/=]*):")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')


class Claim(NamedTuple):
    """Whom a request names as its agent (`https://agent.example`), and whether that is so."""

    agent: str
    verdict: Verdict

    @property
    def text(self) -> str:
        """As the stored line has it: `verified agent.example`."""
        return f"{self.verdict} {urlsplit(self.agent).hostname}"


def origin_of(written: str) -> str | None:
    """`https://agent.example` of an agent's address; None where it is none."""
    try:
        parts = urlsplit(written.strip())
        host = (parts.hostname or "").lower()
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    is_host = re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", host) is not None
    return f"{parts.scheme}://{host}{port}" if parts.scheme in ("https", "http") and is_host else None


def claim_of(
    method: str, path: str, query: bytes, headers: Mapping[bytes, bytes], key_of: KeyOf, now: datetime
) -> Claim | None:
    """What a request says of its agent; None where it names none. `headers`: lower-case name → value."""
    named = headers.get(b"signature-agent", b"")[:MOST_BYTES].decode("latin-1")
    texts = _TEXT.findall(named)
    agent = origin_of(texts[0] if texts else named)
    if agent is None:
        return None
    return Claim(agent, _verdict(agent, method, path, query, headers, key_of, now))


def _verdict(
    agent: str,
    method: str,
    path: str,
    query: bytes,
    headers: Mapping[bytes, bytes],
    key_of: KeyOf,
    now: datetime,
) -> Verdict:
    inputs = _members(headers.get(b"signature-input", b""), _PARAMS)
    values = _members(headers.get(b"signature", b""), _BYTES)
    verdict: Verdict = "unsigned"
    for label, found in inputs.items():
        params = {name: text or number for name, text, number in _PARAM.findall(found[2])}
        if params.get("tag") != TAG or label not in values:
            continue
        if not params.get("keyid") or params.get("alg", "ed25519") != "ed25519":
            verdict = "invalid"
            continue
        key = key_of(agent, params["keyid"])
        if key is None:
            verdict = "unknown_key"
            continue
        components = _COMPONENT.findall(found[1])
        if "@authority" not in components or "signature-agent" not in components:
            verdict = "invalid"
            continue
        base = _base(components, found[0], method, path, query, headers)
        if base is None or not _is_signed(key, values[label][1], base):
            verdict = "invalid"
            continue
        return "verified" if _is_in_time(params, now) else "expired"
    return verdict


def _members(header: bytes, shape: "re.Pattern[str]") -> dict[str, "re.Match[str]"]:
    """The members of a dictionary of structured fields, of one shape; none where there is another."""
    text = header[: MOST_BYTES + 1].decode("latin-1")
    found: dict[str, re.Match[str]] = {}
    at = 0
    while at < len(text) <= MOST_BYTES:
        label = _LABEL.match(text, at)
        value = shape.match(text, label.end()) if label else None
        if label is None or value is None:
            return {}
        found[label[1]] = value
        at = value.end()
        rest = text[at:].lstrip(" \t")
        if rest and not rest.startswith(","):
            return {}
        at = len(text) - len(rest) + 1
    return found


def _base(
    components: list[str],
    params: str,
    method: str,
    path: str,
    query: bytes,
    headers: Mapping[bytes, bytes],
) -> bytes | None:
    """What is signed (RFC 9421, 2.5); None where a component is not to be had."""
    if len(set(components)) != len(components):
        return None
    authority = headers.get(b"host", b"").decode("latin-1").strip().lower()
    asked = query.decode("latin-1")
    known = {
        "@method": method,
        "@authority": authority.removesuffix(":443"),
        "@path": path or "/",
        "@query": f"?{asked}",
        "@request-target": f"{path}?{asked}" if asked else path,
        "@target-uri": f"https://{authority}{path}" + (f"?{asked}" if asked else ""),
        "@scheme": "https",
    }
    lines = []
    for name in components:
        if name.startswith("@"):
            value = known.get(name)
        else:
            header = headers.get(name.encode())
            value = None if header is None else header.decode("latin-1").strip()
        if value is None:
            return None
        lines.append(f'"{name}": {value}')
    return "\n".join([*lines, f'"@signature-params": {params}']).encode("latin-1")


def _is_signed(key: Ed25519PublicKey, written: str, base: bytes) -> bool:
    try:
        key.verify(base64.b64decode(written, validate=True), base)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _is_in_time(params: Mapping[str, str], now: datetime) -> bool:
    try:
        created, expires = int(params["created"]), int(params["expires"])
    except (KeyError, ValueError):
        return False
    at = now.timestamp()
    is_short = 0 <= expires - created <= LONGEST_SECONDS
    return is_short and created - CLOCK_SECONDS <= at <= expires + CLOCK_SECONDS
