"""Who sent a request, as far as that may be known: an address for the moment, a place, and what is kept.

The address lives in a Sender while its request is answered; the visitor hash and the place are made from
it, and nothing writes it anywhere. What of a request's headers is stored is what `receipt` takes from them.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

import msgspec

from collector.server.message import Request
from collector.targets import KeyHolder
from footfall import consent
from footfall.address import Network, client_address, forwarded_hops, is_trusted, single_hop
from footfall.clients import Site
from footfall.event import MAX_USER_AGENT, Event, Receipt
from footfall.geo import NOWHERE, Place, place_from_headers
from footfall.persons import Person
from footfall.privacy import VisitorHash
from footfall.scrub import scrub_user_agent
from footfall.setting_kinds import ADDRESS_HEADERS
from footfall.web_bot_auth import Claim, KeyOf, claim_of

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

#: Addresses of proxies that are remembered as such, instead of being looked up in the networks again.
MOST_PROXIES = 1024


class Sender(NamedTuple):
    """Who sent a request. `address` is in its canonical form and must not be kept."""

    address: str
    place: Place = NOWHERE
    asn_class: str | None = None


class Senders:
    """Tells who sent a request, by the proxies that are trusted."""

    def __init__(
        self,
        trusted: Sequence[Network] = (),
        header: str = ADDRESS_HEADERS[0],
        locate: Callable[[str], Place] | None = None,
        agent_key: KeyOf = lambda _agent, _key_id: None,
        asn_class: Callable[[str], str | None] = lambda _address: None,
    ) -> None:
        """`header` is the one that says the address; `locate` finds the place of an address, `asn_class` the
        class of its network, `agent_key` the key of an agent that signs.
        """
        self._asn_class = asn_class
        self._agent_key = agent_key
        self._trusted = trusted
        self._header = header.encode()
        self._locate = locate
        #: Peers that are proxies; never a visitor.
        self._proxies: set[str] = set()

    def of(self, peer: str, headers: Mapping[bytes, bytes]) -> Sender:
        """The sender of a request from `peer`."""
        trusted = self._trusted
        place = None
        if trusted and self._is_proxy(peer):
            address = client_address(peer, self._hops(headers), trusted)
            place = place_from_headers(headers)
        else:
            # IPv4 is canonical as it stands; IPv6 has many spellings.
            address = client_address(peer, (), ()) if ":" in peer else peer
        if place is None:
            place = self._locate(address) if self._locate is not None else NOWHERE
        return Sender(address, place, self._asn_class(address))

    def claim(self, request: Request, now: datetime) -> Claim | None:
        """What a request says of the agent that sent it."""
        if b"signature-agent" not in request.headers:
            return None
        return claim_of(request.method, request.path, request.query, request.headers, self._agent_key, now)

    def place_of(self, address: str) -> Place:
        """Where an address is that somebody states."""
        return self._locate(address) if address and self._locate is not None else NOWHERE

    def _is_proxy(self, peer: str) -> bool:
        if peer in self._proxies:
            return True
        if not is_trusted(peer, self._trusted):
            return False
        if len(self._proxies) >= MOST_PROXIES:
            self._proxies.clear()
        self._proxies.add(peer)
        return True

    def _hops(self, headers: Mapping[bytes, bytes]) -> Sequence[str]:
        value = headers.get(self._header)
        if value is None:
            return ()
        text = value.decode("latin-1")
        if self._header == b"x-forwarded-for":
            return (text,)
        if self._header == b"forwarded":
            return forwarded_hops(text)
        return (single_hop(text, with_port=self._header == b"cloudfront-viewer-address"),)


def receipt(
    client_id: str,
    site: Site,
    received_at: datetime,
    headers: Mapping[bytes, bytes],
    sender: Sender,
    visitors: VisitorHash | None,
    previous_visitors: VisitorHash | None = None,
    claim: Claim | None = None,
) -> Receipt:
    """What is stored of a request beside its events. Without `visitors` nobody is recognised."""
    agent = agent_of(headers)
    visitor = previous = None
    if visitors is not None:
        visitor = visitors.of(site.site_id, sender.address, agent)
        if previous_visitors is not None:
            previous = previous_visitors.of(site.site_id, sender.address, agent)
    country, region, city = _kept(sender.place, site)
    return Receipt(
        client_id=client_id,
        site_id=site.site_id,
        received_at=received_at,
        visitor_id=visitor,
        user_agent=scrub_user_agent(agent[:MAX_USER_AGENT]),
        gpc=headers.get(b"sec-gpc") == b"1",
        dnt=headers.get(b"dnt") == b"1",
        previous_visitor_id=previous,
        country=country,
        region=region,
        city=city,
        client_hints=_client_hints(headers) if b"sec-ch-ua" in headers else None,
        consent_default=site.consent_default,
        gpc_policy=site.gpc_policy,
        dnt_policy=site.dnt_policy,
        links_consent=site.consent_link == "session",
        agent=claim.text if claim is not None else None,
        asn_class=sender.asn_class,
    )


def _kept(place: Place, site: Site) -> Place:
    """Where somebody is, as far as the site wants to know it."""
    return Place(place.country) if site.place == "country" else place


def receipt_of_person(
    holder: KeyHolder,
    site: Site,
    received_at: datetime,
    person: Person,
    place: Place,
    visitors: VisitorHash | None,
    previous_visitors: VisitorHash | None = None,
) -> Receipt:
    """What is stored beside an event of a program that speaks for a person: nothing of the program itself.

    A person without an id is told apart as a page's visitor is, by address and user agent: both are one.
    """
    who = person.told_apart_by
    visitor = previous = None
    if visitors is not None and who[0]:
        visitor = visitors.of(site.site_id, *who)
        if previous_visitors is not None:
            previous = previous_visitors.of(site.site_id, *who)
    country, region, city = person.place if any(person.place) else _kept(place, site)
    return Receipt(
        client_id=holder.client_id,
        site_id=site.site_id,
        received_at=received_at,
        visitor_id=visitor,
        user_agent=scrub_user_agent(person.user_agent[:MAX_USER_AGENT]),
        previous_visitor_id=previous,
        country=country,
        region=region,
        city=city,
        consent_default=_consent_of(holder, site),
        gpc_policy=site.gpc_policy,
        dnt_policy=site.dnt_policy,
        token=person.token,
    )


def _consent_of(holder: KeyHolder, site: Site) -> int:
    """The tier of a program's events that declare none."""
    if holder.key.consent is not None:
        return holder.key.consent
    return consent.SESSION if site.consent_default else consent.NONE


def with_sender(event: Event, key: str, user_agent: str) -> Event:
    """An event that says which key sent it, and by what library: in its field `sender`, which nobody else
    writes.
    """
    fields = _fields(event.raw)
    said = {"key": key, "user_agent": user_agent} if user_agent else {"key": key}
    if "sender" in fields:
        fields.setdefault("sender_as_sent", fields["sender"])
    fields["sender"] = msgspec.Raw(msgspec.json.encode(said))
    return msgspec.structs.replace(event, raw=msgspec.json.encode(fields))


def agent_of(headers: Mapping[bytes, bytes]) -> str:
    """The user agent of a request: UTF-8 where it is, as HTTP once had it where it is not."""
    agent = headers.get(b"user-agent", b"")
    try:
        return agent.decode()
    except UnicodeDecodeError:
        return agent.decode("latin-1")


def _client_hints(headers: Mapping[bytes, bytes]) -> str:
    return _hints_text(
        headers.get(b"sec-ch-ua", b"")[:256],
        headers.get(b"sec-ch-ua-mobile", b"")[:8],
        headers.get(b"sec-ch-ua-platform", b"")[:64],
    )


@lru_cache(maxsize=2048)
def _hints_text(brands: bytes, mobile: bytes, platform: bytes) -> str:
    hints = {
        "Sec-CH-UA": scrub_user_agent(brands.decode("latin-1")),
        "Sec-CH-UA-Mobile": scrub_user_agent(mobile.decode("latin-1")),
        "Sec-CH-UA-Platform": scrub_user_agent(platform.decode("latin-1")),
    }
    return msgspec.json.encode({name: value for name, value in hints.items() if value}).decode()
