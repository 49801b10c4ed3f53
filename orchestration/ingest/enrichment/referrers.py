"""Where a referrer leads back to: its class and the name under which reports show it.

One list says which host is whose: `dbt_project/seeds/referrer_hosts.csv`, which the models know too. Hosts
that send made-up referrers are in `spam_hosts.csv` beside this file. Sources and dates of both:
docs/enrichment.md.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import idna

from footfall.clients import Client
from footfall.installed import DBT_PROJECT
from footfall.wildcards import is_everybodys

HOSTS = DBT_PROJECT / "seeds" / "referrer_hosts.csv"
SPAM_HOSTS = Path(__file__).with_name("spam_hosts.csv")

#: Hosts of web mail, whosever: three labels at least, since mail.ru is a portal.
_MAIL = re.compile(
    r"^(?:web|my|e-?|secure|basic)?-?(?:mail|email|messaging|mailbox|owa|roundcube|zimbra|squirrelmail|horde|rainloop|"
    r"posta|poczta|correo|webpost|exchange)\d*\.[^.]+\.[^.]"
)
#: A newsletter's links, by the host that is kept for them (link.mail.…, email.mg.…), and web mail's way out.
_MAILED = re.compile(r"^[\w-]+\.(?:e?mail|mg|em|newsletter|news-?mail)\.|^(?!voice)[\w-]*mail(?:er)?\d*\.")
#: Where pages have their visitors pay, or sign in: nobody comes from there, whosever it is.
_PAYING = re.compile(
    r"^(?:[\w-]+\.)?(?:e?pay|pay-?page|e?-?payments?|pagos?|pagamentos?|paiements?|zahlung|betaling|platba|oplata|checkout|"
    r"hpp|ipg|epg|acs\d+|3d-?s(?:ecure)?2?|secure-?pay(?:ments?)?|tpeweb|webpay\w*|cashier|payment-?page)\d*(?:-(?:live|test|prod|secure|eu|us)\w*)?\."
)
#: A name that ends so is a gateway's, but under the ending of a society, and where it speaks of wages.
_PAYS = re.compile(
    r"^(?![a-z0-9-]*(?:equal|gender|sick|holiday|severance|minimum|maternity|overtime)-?pay)"
    r"[a-z0-9-]+pay(?:ments?)?\.(?!(?:org|edu|gov|info|news|ngo)\b)"
)
_SIGNING_IN = re.compile(
    r"^(?:[\w-]+\.)?(?:log-?[io]n|sign-?[io]n|sso|o?auth[n\d]*|openid|oidc|adfs|saml|idp|accounts?|passport|"
    r"shibboleth|keycloak)\d*\."
)
#: Pages of search engines and portals for searching.
_SEARCH = re.compile(
    r"^(?:(?:web|image|meta)?search|suche?|recherche|ricerca|busca(?:dor|r)?|b[uú]squeda|szukaj|zoek(?:en)?|s[oö]k|"
    r"hledat|poisk|seek|find)\d*\.[^.]+\.[^.]"
)
_BESIDE_SEARCH = re.compile(
    r"^(?:support|help|developers?|docs|drive|sites|groups|accounts?|myaccount|login|play|store|cloud|console|admin|ads|blog|"
    r"business|careers|about|translate|calendar|classroom|forms|meet|chat|colab|finance|sports?|news|travel|weather|"
    r"movies?|music|answers|games|autos?|health|lifestyle|astrology|(?:\w\.)?maps|market)\."
)
#: Servers of advertisements, whosever; and the top level of networks that anybody may run a part of.
_ADS = re.compile(r"^(?:ads?|ad-?serv(?:er)?|adclick|banners?|rtb|bid(?:der)?)\d*\.[^.]+\.[^.]")
_SOCIAL = re.compile(r"^(?:mastodon|lemmy|misskey|friendica|peertube)\.|\.social$")
#: An app for Android, as its referrer says it: the maker's domain from right to left.
_PACKAGE = re.compile(r"^([a-z]{2,5})\.([a-z0-9-]+)\.")

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
    """The host of `user@Host.example:443?x`: lower case, without user, port, final dot and what follows.

    One in letters of other scripts is in punycode, as in client files.
    """
    host = re.split(r"[?#\\]", authority, maxsplit=1)[0].rpartition("@")[2].lower()
    host = host if host.startswith("[") else host.partition(":")[0]
    host = host.rstrip(".")
    if host.isascii():
        return host
    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        return host


def classify(authority: str, own: Client | None, site_id: str) -> Referrer | None:
    """Class and source of the part between `//` and the next `/` of a referrer. None where it names no host.

    A page of any site of the client, or of a domain that the site links to, is `internal`.
    """
    host = host_of(authority)
    if not host:
        return None
    if own is not None and _is_own(host, own, site_id):
        return Referrer("internal", host)
    plain = _SERVED.sub("", host)
    if any(part in _known().spam for part in _parents(host)):
        return Referrer("spam", plain)
    named = _named(host, plain)
    return Referrer(named[1], named[0]) if named else Referrer("other", plain)


def _named(host: str, plain: str) -> tuple[str, str] | None:
    """Source and category of a host: its own entry, that of a domain above it, or of the form of its name."""
    known = _known()
    own = known.exact.get(host) or known.exact.get(plain) or _of_any_ending(plain)
    if own:
        return own
    # A form says nothing of a name that somebody registered: dailymail.co.uk is a newspaper's, acs.org a
    # society's.
    below = plain.removesuffix(_registered(plain))
    is_below = bool(below)
    if plain.startswith("deref-") or (is_below and (_MAIL.match(plain) or _MAILED.match(below))):
        above = next((known.exact[p] for p in _parents(plain) if p in known.exact), None)
        return above if above and above[1] == "email" else (plain, "email")
    above = _of_parents(plain)
    if above and above[1] in ("payment", "sign_in"):
        return above
    returning = (("payment", _PAYING), ("sign_in", _SIGNING_IN)) if is_below else ()
    returned = next(((plain, category) for category, form in returning if form.match(below)), None)
    if returned or above:
        return returned or above
    package = _PACKAGE.match(host)
    if package and f"{package[2]}.{package[1]}" in known.exact:
        return known.exact[f"{package[2]}.{package[1]}"]
    if _PAYS.match(_registered(plain)):
        return plain, "payment"
    of_below = (("search", _SEARCH), ("ads", _ADS)) if is_below else ()
    forms = (*of_below, ("social", _SOCIAL))
    return next(((plain, category) for category, form in forms if form.search(plain)), None)


@lru_cache(maxsize=4096)
def _registered(host: str) -> str:
    """The part of a host that somebody registered; all of it where nobody can have."""
    return next((p for p in _parents(host) if is_everybodys("*." + p.partition(".")[2])), host)


def _of_parents(plain: str) -> tuple[str, str] | None:
    known = _known()
    for parent in _parents(plain):
        if parent in known.below:
            return known.below[parent]
        # What a search engine has beside its search sends visitors from pages, not from results.
        above = known.exact.get(parent) or _of_any_ending(parent)
        if above and not (above[1] == "search" and _BESIDE_SEARCH.match(plain)):
            return above
    return None


def _of_any_ending(plain: str) -> tuple[str, str] | None:
    labels = plain.split(".")
    for length in (1, 2):
        stem = ".".join(labels[:-length])
        # Of two labels the first is one as in co.uk: google.evil.example is not google.*
        if stem in _known().any_ending and (length == 1 or (len(labels[-2]) <= 3 and len(labels[-1]) == 2)):
            return _known().any_ending[stem]
    return None


def _is_own(host: str, client: Client, site_id: str) -> bool:
    if any(site.declares(host) for site in client.sites):
        return True
    return any(site.links_to(host) for site in client.sites if site.site_id == site_id)


def _parents(host: str) -> list[str]:
    """The host and all domains above it, the top level left out."""
    labels = host.split(".")
    return [".".join(labels[n:]) for n in range(max(1, len(labels) - 1))]
