"""Proofs that a domain is a client's: a TXT record, or a file on the site, with the domain's token.

Both need rights that only the owner has; Origin and Referer headers do not, since anybody can send them.
"""

from collections.abc import Callable, Sequence

import dns.exception
import dns.resolver

from footfall.exchange import Unanswered, exchange
from footfall.guard import Forbidden, Resolve, Unresolved, checked

#: Seconds that a name server, or a site, may take. Owners are asked again every hour.
SECONDS = 5.0
#: Where the owner puts the token.
RECORD = "_footfall."
FILE = "/.well-known/footfall.txt"

Lookup = Callable[[str], Sequence[str]]


def proven(
    domain: str,
    hosts: Sequence[str],
    token: str,
    *,
    lookup: Lookup | None = None,
    resolve: Resolve | None = None,
    allow_private: bool = False,
) -> str | None:
    """`dns` or `file` where the token is found, None where it is not. Never raises.

    `hosts` are tried after the domain itself, three at most: a site may live on `www.` alone.
    """
    if token in (lookup or txt_records)(RECORD + domain):
        return "dns"
    for host in dict.fromkeys([domain, *hosts][:4]):
        if _file_says(f"https://{host}{FILE}", token, resolve, allow_private):
            return "file"
    return None


def instructions(domain: str, token: str) -> str:
    """What the owner has to do, either of the two."""
    return (
        f"either a DNS TXT record {RECORD}{domain} with the text {token}, "
        f"or a file https://{domain}{FILE} with that text"
    )


def txt_records(name: str) -> list[str]:
    """The TXT records of a name; none where there are none or no name server answers."""
    try:
        answer = dns.resolver.resolve(name, "TXT", lifetime=SECONDS)
    except dns.exception.DNSException:
        return []
    return [b"".join(record.strings).decode("ascii", "replace") for record in answer]


def _file_says(url: str, token: str, resolve: Resolve | None, allow_private: bool) -> bool:
    try:
        target = checked(url, allow_private=allow_private, resolve=resolve)
        status, _, body = exchange(target, "GET", None, {"user-agent": "footfall"}, SECONDS)
    except (Forbidden, Unresolved, Unanswered):
        return False
    return status == 200 and token in body.decode("ascii", "replace").split()
