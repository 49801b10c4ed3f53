"""Host names of events: one spelling each, or a reason why a name can never be somebody's domain."""

import ipaddress
import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

import idna
from publicsuffixlist import PublicSuffixList

#: Characters of a host name, by the DNS.
MAX_LENGTH = 253
_PLAIN = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
#: Names that never leave a machine or a network.
_LOCAL = ("localhost", "local", "localdomain", "internal", "intranet", "lan", "home", "corp", "arpa", "onion")


class Unusable(Enum):
    """Why a host cannot become a domain; the value is a counter's name."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    CHARACTERS = "characters"
    ADDRESS = "address"
    LOCAL = "local"
    SUFFIX = "public_suffix"


@dataclass(frozen=True)
class Host:
    """A host in its one spelling (lower case, punycode, no final dot) and the domain somebody registered."""

    host: str
    domain: str


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()  # the list inside the package; nothing is downloaded


def normal(text: str) -> Host | Unusable:
    """The host that `text` names, or why it names none. Pure, and safe with hostile input."""
    if len(text) > 4 * MAX_LENGTH:
        return Unusable.TOO_LONG
    name = text.strip().lower().removesuffix(".")
    if not name:
        return Unusable.EMPTY
    if _is_address(name):
        return Unusable.ADDRESS
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return Unusable.CHARACTERS
    if len(name) > MAX_LENGTH:
        return Unusable.TOO_LONG
    if not _PLAIN.fullmatch(name):
        return Unusable.CHARACTERS
    labels = name.split(".")
    if any(label.startswith("-") or label.endswith("-") for label in labels):
        return Unusable.CHARACTERS
    if labels[-1] in _LOCAL or len(labels) == 1:
        return Unusable.LOCAL
    if labels[-1].isdigit() or _is_address(name):
        return Unusable.ADDRESS  # `1.2.3` and `0x7f.1` are addresses to some programs
    domain = _suffixes().privatesuffix(name)
    if domain is None:
        return Unusable.SUFFIX
    return Host(name, domain)


def _is_address(name: str) -> bool:
    bare = name.strip("[]").partition("%")[0]
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        return bool(re.fullmatch(r"(0x[0-9a-f]+|[0-9]+)(\.(0x[0-9a-f]+|[0-9]+))*", name))
    return True
