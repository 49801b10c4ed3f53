"""Who may ask what: the rule of a route, and the caller that a request turns out to be."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request

from api.problems import Problem
from api.service import Service
from footfall.access.api_keys import key_hash
from footfall.access.audit import Door
from footfall.access.holders import Holder
from footfall.access.presented import presented_key
from footfall.access.request_limits import Quota, headers
from footfall.clients import Client, Site
from footfall.collecting import Permission

#: How far a route reaches. `open`: anybody. `key`: whoever has a key. `clients`: a client's, or for the
#: operator all. `site`: one site of a client, or several. `client`: all of a client, which a key of one site
#: may not see. `whole`: the same, or for the operator all clients. `operator`: the installation.
Reach = Literal["open", "key", "clients", "whole", "site", "client", "operator"]
#: Parameters that every route with a key knows.
IN_QUERY = frozenset({"client", "api_key"})


@dataclass(frozen=True)
class Rule:
    """What a route asks of a key."""

    permission: Permission | None
    reach: Reach
    #: Whether a key that may `assist` is enough.
    is_for_assistants: bool = False


@dataclass(frozen=True)
class Caller:
    """Who asks, and about whom."""

    holder: Holder
    quota: Quota
    #: None where it is about no client or about all.
    client: Client | None
    #: How it came in, and who it is where that is a person.
    door: Door = "api"
    person: str = ""

    @property
    def name(self) -> str:
        """For records: the person, or the key's name and whose it is."""
        if self.person:
            return self.person
        return f"{self.holder.client_id or 'operator'}/{self.holder.key.name}"

    @property
    def owner(self) -> Client:
        """The client it is about."""
        assert self.client is not None, "the rule of the route gives one"
        return self.client

    def sites(self) -> list[Site]:
        """The sites of the client that it may see."""
        only = self.holder.key.site_id
        return [site for site in self.owner.sites if only in (None, site.site_id)]

    def site(self, site_id: str | None, field: str = "site_id") -> Site:
        """The site of that id or domain, or the only one there is. Raises Problem."""
        sites = self.sites()
        if site_id is None:
            if len(sites) == 1:
                return sites[0]
            names = [site.site_id for site in sites]
            raise Problem("invalid", "say which site", field=field, possible=names)
        for site in sites:
            if site_id == site.site_id or site_id in site.domains:
                return site
        names = [site.site_id for site in sites]
        raise Problem("unknown_site", f"there is no site {site_id!r}", field=field, possible=names)


def enter(service: Service, rule: Rule, request: Request) -> Caller | None:
    """Let a request in. Raises Problem. Leaves what the key has left in the request's state."""
    now = time.monotonic()
    address = request.client.host if request.client else ""
    limited = service.limits.of_address(address, now)
    if limited is not None:
        raise Problem("rate_limited", limited.detail, headers=_decoded(limited.headers))
    if rule.reach == "open":
        return None
    holder = _holder(service, request)
    request.state.client_id = holder.client_id
    request.state.key_name = f"{holder.client_id or 'operator'}/{holder.key.name}"
    quota = _quota(service, holder)
    limited = service.limits.of_key(holder.key.sha256, quota, now)
    request.state.rate = headers(service.limits.left(holder.key.sha256, quota, now))
    if limited is not None:
        raise Problem("rate_limited", limited.detail, headers={"retry-after": _retry(limited.headers)})
    service.note_use(holder.key.sha256)
    return permit(service, rule, holder, quota, request.query_params.get("client"))


def permit(service: Service, rule: Rule, holder: Holder, quota: Quota, named: str | None) -> Caller:
    """Apply the rule of a route to whoever asks; `named`: the client that is asked about. Raises Problem."""
    is_assistant = rule.is_for_assistants and holder.key.may("assist")
    if rule.permission is not None and not is_assistant and not holder.key.may(rule.permission):
        raise Problem("permission_denied", f"the key {holder.key.name} has no {rule.permission} permission")
    if rule.reach == "operator" and not holder.is_operator:
        raise Problem("operator_only")
    if rule.reach in ("client", "whole") and holder.key.site_id is not None and _is_narrow(service, holder):
        raise Problem("site_key", f"the key {holder.key.name} is for the site {holder.key.site_id}")
    return Caller(holder, quota, _client(service, rule, holder, named))


def _is_narrow(service: Service, holder: Holder) -> bool:
    """Whether a key's site is not all that its client has."""
    client = service.client(holder.client_id or "")
    return client is None or len(client.sites) > 1


def _holder(service: Service, request: Request) -> Holder:
    key = presented_key(dict(request.headers.raw))
    if key is None and "api_key" in request.query_params:
        if not service.settings.api_key_in_query:
            raise Problem("api_key_in_query")
        key = request.query_params["api_key"]
    if key is None:
        raise Problem("api_key_missing")
    holder = service.holders.find(key_hash(key), service.now())
    if holder is None:
        raise Problem("api_key_unknown")
    return holder


def _client(service: Service, rule: Rule, holder: Holder, named: str | None) -> Client | None:
    if rule.reach in ("key", "operator"):
        return None
    if holder.client_id is not None:
        client = service.client(holder.client_id)
        # Whether another client exists is nobody's business.
        if client is None or named not in (None, client.client_id, client.client_id.split(".")[0]):
            raise Problem("unknown_client", f"there is no client {named!r} for this key", field="client")
        return client
    if named is None:
        if rule.reach in ("clients", "whole"):
            return None
        raise Problem(
            "client_missing", field="client", possible=[each.client_id for each in service.registry.clients]
        )
    client = service.client(named)
    if client is None:
        raise Problem("unknown_client", f"there is no client {named!r}", field="client")
    return client


def _quota(service: Service, holder: Holder) -> Quota:
    settings, key = service.settings, holder.key
    is_admin = "admin" in key.permissions
    hour = settings.api_admin_requests_per_hour if is_admin else settings.api_requests_per_hour
    return Quota(
        settings.api_requests_per_minute if key.requests_per_minute is None else key.requests_per_minute,
        hour if key.requests_per_hour is None else key.requests_per_hour,
    )


def _decoded(pairs: list[tuple[bytes, bytes]]) -> Mapping[str, str]:
    return {name.decode(): value.decode() for name, value in pairs}


def _retry(pairs: list[tuple[bytes, bytes]]) -> str:
    return dict(pairs)[b"retry-after"].decode()


def path_digest(path: str) -> str:
    """What a log says of a path that may hold a visitor's id."""
    return hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()[:12]
