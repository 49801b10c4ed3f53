"""Where a request leads: the client and site that a key stands for."""

from dataclasses import dataclass

from footfall.clients import Registry, Site


@dataclass(frozen=True, slots=True)
class Target:
    """Where a site key leads."""

    client_id: str
    site: Site


def targets(registry: Registry) -> dict[str, Target]:
    """Site key → target, for every valid client."""
    return {key: Target(client.client_id, site) for key, (client, site) in registry.sites_by_key().items()}
