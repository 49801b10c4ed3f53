"""Who looks at a page: what they may see of which client, and the API as they may ask it."""

import hashlib
from dataclasses import dataclass

import streamlit as st

from api.inside import Inside
from api.service import Service
from dashboard.doors import Door
from dashboard.house import House
from footfall.access.dashboard import Grant, grant_of, share_of
from footfall.access.holders import Holder
from footfall.access.register import key_of
from footfall.clients import Client, Site


@dataclass(frozen=True)
class Visitor:
    """`name`: for the audit, and to be shown."""

    name: str
    grant: Grant
    is_shared: bool = False

    @property
    def is_operator(self) -> bool:
        """Whether it sees every client, and may act."""
        return self.grant.role == "operator"

    def clients(self, service: Service) -> list[Client]:
        """The clients that it may see."""
        if self.is_operator:
            return list(service.registry.clients)
        # By its identity: an id may have another owner by now, whom nobody let this person see.
        found = service.registry.client(self.grant.client_id or "")
        return [found] if found is not None else []

    def sites(self, client: Client) -> list[Site]:
        """The sites of such a client that it may see."""
        return [site for site in client.sites if self.grant.site_id in (None, site.site_id)]

    def inside(self, service: Service, client: Client | None) -> Inside:
        """The API, as this person may ask it, about a client that it may see."""
        document: dict[str, object] = {
            "name": "dashboard",
            "sha256": hashlib.sha256(f"dashboard {self.name}".encode()).hexdigest(),
            "permissions": ["admin"] if self.is_operator else ["read"],
            **({"site_id": self.grant.site_id} if self.grant.site_id else {}),
        }
        holder = Holder(key_of(document), None if self.is_operator else self.grant.client_id)
        return Inside(service, holder, self.name, client.client_id if client and self.is_operator else None)


def visitor_of(house: House, door: Door) -> Visitor | None:
    """Whoever came in by a door, as things are now; None where nobody may."""
    settings, now = house.service.settings, house.service.now()
    if door.kind == "open":
        return Visitor("local", Grant("operator"))
    if door.kind == "share":
        share = share_of(settings.home, house.secret, door.said, now)
        return Visitor(f"share {share.id}", share.grant, is_shared=True) if share else None
    name = door.said if door.kind == "person" else ""
    if door.kind == "oidc" and (found := signed_in(settings.dashboard_oidc_client)) and not found.refused:
        name = found.email
    grant = grant_of(settings.home, name) if name else None
    return Visitor(name.lower(), grant) if grant else None


@dataclass(frozen=True)
class SignedIn:
    """Who signed in by OIDC. `refused`: the sentence that says why it counts for nothing."""

    email: str
    refused: str = ""


def signed_in(client_id: str | None) -> SignedIn | None:
    """Whoever signed in; None where nobody did. `client_id`: of the dashboard at the provider."""
    user = st.user.to_dict()
    if not user.get("is_logged_in"):
        return None
    email, audience = str(user.get("email") or ""), user.get("aud")
    # Who is called the authorised party of a token for somebody else passes the library.
    if client_id not in (audience if isinstance(audience, list) else [audience]):
        return SignedIn(email, "not_for_us")
    if not email:
        return SignedIn(email, "no_email")
    # A provider that says nothing of it lets nobody choose an address.
    if user.get("email_verified", True) not in (True, "true"):
        return SignedIn(email, "unverified")
    return SignedIn(email)
