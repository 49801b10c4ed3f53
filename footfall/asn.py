"""Whether an address is in a data centre, from an optional table of networks. Then it is dropped.

Nobody reads a shop in a data centre, but people come through one as well (a company's gateway, a VPN): so it
proves nothing alone (docs/enrichment.md).
"""

import re
from pathlib import Path
from typing import Any

from footfall.geo import AddressFile

#: The one class that is told from the others.
HOSTING = "hosting"

#: Under these names tables have the organisation of a network: MaxMind's and DB-IP's; IPinfo's; others'.
_NAMES = ("autonomous_system_organization", "as_name", "organization", "org", "name")
#: Kinds that some tables give themselves.
_KINDS = ("asn_class", "as_type", "type", "usage_type")
#: Words of hosts, and the largest of them that have none of these in their names.
_HOSTS = re.compile(
    r"(?i)hosting|\bhosts?\b|hoster|cloud|server|data ?-?cent(?:er|re)|rechenzentrum|\bv[pd]s\b|"
    r"\bcolo(?:s|cat\w*|cross\w*|house|guard|gix|hub|cent(?:er|re)|serv\w*)?\b|dedicated|"
    r"\bamazon|\baws\b|\bmicrosoft|\bazure|google(?! fiber)|\boracle|alibaba|aliyun|tencent|\bovh|"
    r"hetzner|digitalocean|linode|akamai|vultr|choopa|constant company|leaseweb|scaleway|online s\.?a\.?s|"
    r"contabo|\bionos|\bm247|psychz|quadranet|datacamp|fastly|rackspace|softlayer|\bibm\b|upcloud|equinix|"
    r"zenlayer|hostinger|godaddy|namecheap|packethub|g-?core|clouvider|worldstream|selectel|facebook|"
    r"\bmeta platforms"
)
#: Who has such a word in the name and brings people to the network.
_CARRIERS = re.compile(r"(?i)google fiber|telecom|telekom|broadband|\bmobile\b|wireless|cable|fib(?:er|re)\b")


class NetworkFile(AddressFile):
    """An mmdb file of networks and whose they are (GeoLite2-ASN, DB-IP ASN, IPinfo)."""

    _said = ("table of networks", "no address is told to be in a data centre")

    @classmethod
    def of(cls, named: Path | None) -> "NetworkFile":
        """The file that a setting names; without one nothing is known of any address."""
        return cls(named)

    def asn_class(self, address: str) -> str | None:
        """`hosting` where an address is in a data centre, as far as the file knows. Never raises."""
        return class_of(self.record(address))


def class_of(record: Any) -> str | None:
    """What a record of a table says of a network: `hosting`, or nothing."""
    if not isinstance(record, dict):
        return None
    for name in _KINDS:
        kind = record.get(name)
        if isinstance(kind, str) and kind:
            return HOSTING if kind.lower() in (HOSTING, "data center", "datacenter", "dch", "cdn") else None
    owner = next((record[name] for name in _NAMES if isinstance(record.get(name), str)), "")
    return HOSTING if _HOSTS.search(owner) and not _CARRIERS.search(owner) else None
