"""The client files, as commands ask for them."""

import contextlib
import sys
from datetime import UTC, datetime

from footfall.clients import Client, Registry, Site, registry_of
from footfall.durable import take_up_lake
from footfall.errors import FootfallError
from footfall.identities import written_id
from footfall.last_good import keep
from footfall.owners import named, settled
from footfall.settings import Settings
from footfall.store import StoreError


def require_clients(settings: Settings) -> Registry:
    """The registry; says on stderr what was set aside. Raises FootfallError where no client is left."""
    registry = registry_of(settings)
    for mistake in registry.mistakes:
        print(f"set aside: {mistake}", file=sys.stderr)
    if not registry.clients:
        raise FootfallError(f"no valid client file in {settings.clients}")
    return registry


def put_in_force(settings: Settings) -> None:
    """The same for a command that does the clients' work: what stands now is theirs from now on.

    Each gets its identity, unless the lake is away: then the next ingest makes it.
    """
    registry = require_clients(settings)
    with contextlib.suppress(StoreError):
        lake = take_up_lake(settings.lake, settings.s3_endpoint, settings.home)
        registry = settled(settings.home, lake, lambda: registry_of(settings), datetime.now(UTC))
    for told in registry.stopped.values():
        print(f"stopped: {told}", file=sys.stderr)
    with contextlib.suppress(OSError):  # then the first by name stands where two claim one thing
        names = [written_id(client.client_id) for client in registry.clients]
        keep(settings.clients, settings.last_good_clients, names)


def known_client(settings: Settings, client_id: str) -> Client:
    """A client by its id. Raises FootfallError that names those there are."""
    return client_of(require_clients(settings), client_id)


def client_of(registry: Registry, client_id: str) -> Client:
    """The same of a registry that has been read."""
    client = registry.client(named(registry, client_id))
    if client is None:
        known = ", ".join(c.client_id for c in registry.clients)
        raise FootfallError(f"no client {client_id!r}; valid are: {known}")
    return client


def known_identity(settings: Settings, client_id: str) -> str:
    """A client's identity by its id; also of one that has ended, by its own name. Raises FootfallError."""
    registry = require_clients(settings)
    identity = named(registry, client_id)
    if registry.client(identity) is None and identity in {each.name for each in registry.ended()}:
        return identity
    return client_of(registry, client_id).client_id


def known_site(client: Client, site_id: str | None) -> Site:
    """A client's site by its id, or its only one. Raises FootfallError."""
    sites = {site.site_id: site for site in client.sites}
    name = site_id or (next(iter(sites)) if len(sites) == 1 else None)
    if name not in sites:
        raise FootfallError(f"say which site of {client.client_id} it is: --site {' | '.join(sites)}")
    return sites[name]
