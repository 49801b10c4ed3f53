"""Where a referrer leads back to: its class and the name under which reports show it.

One list says which host is whose: `dbt_project/seeds/referrer_hosts.csv`, which the models know too. Hosts
that send made-up referrers are in `spam_hosts.csv` beside this file. Sources and dates of both:
docs/enrichment.md.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from footfall.clients import Client
from footfall.installed import DBT_PROJECT

HOSTS = DBT_PROJECT / "seeds" / "referrer_hosts.csv"
SPAM_HOSTS = Path(__file__).with_name("spam_hosts.csv")

#: Labels that only say how the page was served; the models' macro plain_host knows the same.
_SERVED = re.compile(r"^(www|m|mobile|amp|l|old)\.")


@dataclass(frozen=True)
class Referrer:
    """`referrer_class` and `source` as the columns of an event have them."""

    referrer_class: str
    source: str

    @property
    def is_spam(self) -> bool:
        """Whether nobody came from there: the address was made up to be seen in reports."""
        return self.referrer_class == "spam"


@dataclass(frozen=True)
class _Known:
    exact: Mapping[str, tuple[str, str]]
    #: `google` → of `google.*`: any ending of one or two labels.
    any_ending: Mapping[str, tuple[str, str]]
    #: `paypal.com` → of `*.paypal.com`: anything below it.
    below: Mapping[str, tuple[str, str]]
    spam: frozenset[str]


@cache
def _known() -> _Known:
    exact, ending, below = {}, {}, {}
    with HOSTS.open(newline="") as file:
        for row in csv.DictReader(file):
            named = row["source"], row["category"]
            if row["host"].endswith(".*"):
                ending[row["host"][:-2]] = named
            elif row["host"].startswith("*."):
                below[row["host"][2:]] = named
            else:
                exact[row["host"]] = named
    spam = frozenset(SPAM_HOSTS.read_text(encoding="utf-8").split()[1:])
    return _Known(exact, ending, below, spam)


def host_of(authority: str) -> str:
    """The host of `user@Host.example:443?x`: lower case, without user, port, final dot and what follows."""
    host = re.split(r"[?#\\]", authority, maxsplit=1)[0].rpartition("@")[2].lower()
    host = host if host.startswith("[") else host.partition(":")[0]
    return host.rstrip(".")


def classify(authority: str, own: Client | None, site_id: str) -> Referrer | None:
    """Class and source of the part between `//` and the next `/` of a referrer. None where it names no host.

    A page of any site of the client, or of a domain that the site links to, is `internal`.
    """
    host = host_of(authority)
    if not host:
        return None
    if own is not None and _is_own(host, own, site_id):
        return Referrer("internal", host)
    known = _known()
    plain = _SERVED.sub("", host)
    if any(part in known.spam for part in _parents(host)):
        return Referrer("spam", plain)
    for name in (host, plain):
        if name in known.exact:
            return Referrer(known.exact[name][1], known.exact[name][0])
    for parent in _parents(plain):
        if parent in known.below:
            return Referrer(known.below[parent][1], known.below[parent][0])
    labels = plain.split(".")
    for length in (1, 2):
        stem = ".".join(labels[:-length])
        # Of two labels the first is one as in co.uk: google.evil.example is not google.*
        if stem in known.any_ending and (length == 1 or (len(labels[-2]) <= 3 and len(labels[-1]) == 2)):
            return Referrer(known.any_ending[stem][1], known.any_ending[stem][0])
    return Referrer("other", plain)


def _is_own(host: str, client: Client, site_id: str) -> bool:
    if any(site.declares(host) for site in client.sites):
        return True
    return any(site.links_to(host) for site in client.sites if site.site_id == site_id)


def _parents(host: str) -> list[str]:
    """The host and all domains above it, the top level left out."""
    labels = host.split(".")
    return [".".join(labels[n:]) for n in range(max(1, len(labels) - 1))]
