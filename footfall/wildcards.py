"""`*.shop.example` in a client file: what it covers, and what it may not cover."""

from functools import cache

from publicsuffixlist import PublicSuffixList

_ANY = "*."


def covers(domain: str, other: str) -> bool:
    """Whether a host that `other` stands for is one that `domain` stands for too. Either may be a wildcard.

    `*.shop.example` does not cover `shop.example` itself.
    """
    if not domain.startswith(_ANY):
        # One host alone. A wildcard of the other side covers it where it lies below.
        return other == domain or (other.startswith(_ANY) and covers(other, domain))
    base = domain.removeprefix(_ANY)
    if other.startswith(_ANY):
        bare = other.removeprefix(_ANY)
        return bare == base or bare.endswith(f".{base}") or base.endswith(f".{bare}")
    return other.endswith(f".{base}")


def is_everybodys(domain: str) -> bool:
    """Whether a wildcard stands for names that anybody can register: below `com`, `co.uk`, `github.io`.

    Also one of numbers alone, which stands for addresses.
    """
    if not domain.startswith(_ANY):
        return False
    base = domain.removeprefix(_ANY)
    return base.rpartition(".")[2].isdigit() or _suffixes().publicsuffix(base) == base


#: Zones that nobody can register a name in, and that networks of one's own use.
_PRIVATE_ZONES = frozenset(
    ("example", "test", "invalid", "localhost", "local", "internal", "intranet", "lan", "home", "corp")
)


def is_below_zone(host: str) -> bool:
    """Whether a host's last label is a zone of the domain name system, or one that private networks use."""
    plain = host.lower().rstrip(".")
    zone = plain.rpartition(".")[2]
    return zone in _PRIVATE_ZONES or _suffixes().publicsuffix(zone, accept_unknown=False) is not None


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()  # the list inside the package; nothing is downloaded
