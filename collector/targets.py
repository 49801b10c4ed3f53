"""Where a request leads: the client and site behind a site key, an API key, a path or an old domain."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from collector.counters import Counters, SiteCounts
from collector.recent import Ring, share_memory
from footfall.clients import Registry, Site
from footfall.collecting import ApiKey, Tracker
from footfall.raw_keys import RawKey


@dataclass(slots=True)
class Target:
    """A site, and what this process counts and remembers of it."""

    client_id: str
    site: Site
    #: Bucket of the client's destination: old clients name it, and must name the right one.
    bucket: str
    counts: SiteCounts = field(default_factory=SiteCounts)
    #: None where no key of the client may read.
    recent: Ring | None = None
    #: Whose salts its visitors are hashed with: the identity of the client's file.
    owner: str = ""
    #: By which clock its days begin, and salts turn (footfall.zones).
    clock: str = "UTC"


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """An API key, whose it is, and where its events belong (None: it cannot write)."""

    client_id: str
    key: ApiKey
    target: Target | None
    recent: Ring | None


class Sites(dict[str, Target]):
    """Site key → target, and the other ways to a target."""

    def __init__(self) -> None:
        super().__init__()
        #: SHA-256 of an API key → its holder.
        self.holders: dict[str, KeyHolder] = {}
        #: Path alias → target.
        self.paths: dict[str, Target] = {}
        #: Form and public id of a tracker → the sites that have it, each with what its client file says.
        self.trackers: dict[tuple[str, str], list[tuple[Target, Tracker]]] = {}
        #: Host that old clients name → target.
        self.legacy: dict[str, Target] = {}
        #: Client id → the key that its raw lines are sealed with, or None; None until client files were read.
        self.raw_keys: dict[str, RawKey | None] | None = None
        #: False while a client file cannot be read and its sites were never known: a key that is not
        #: here may be one of its.
        self.are_certain = True


def targets(registry: Registry, owners: Mapping[str, str] | None = None) -> Sites:
    """Every way to a target, for every valid client. `owners`: client id → identity, where they differ."""
    sites = Sites()
    sites.raw_keys = {}
    rings = []
    for client in registry.clients:
        sites.raw_keys[client.client_id] = RawKey.of(client.raw_key) if client.raw_key is not None else None
        ring = Ring() if any(key.may("read") for key in client.api_keys) else None
        if ring is not None:
            rings.append(ring)
        by_id = {}
        for site in client.sites:
            owner = (owners or {}).get(client.client_id, client.client_id)
            target = Target(
                client.client_id,
                site,
                client.destination.bucket,
                recent=ring,
                owner=owner,
                clock=client.clock(site),
            )
            by_id[site.site_id] = sites[site.key] = target
            if site.path is not None:
                sites.paths[site.path] = target
            for tracker in site.trackers:
                if tracker.id is not None:
                    sites.trackers.setdefault((tracker.form, tracker.id), []).append((target, tracker))
            sites.legacy.update(dict.fromkeys(site.legacy_domains, target))
        for key in client.api_keys:
            written = client.site(key.site_id) if key.may("write") else None
            target_of_key = by_id[written.site_id] if written is not None else None
            sites.holders[key.sha256] = KeyHolder(client.client_id, key, target_of_key, ring)
    share_memory(rings)
    return sites


def inherit(sites: Sites, counters: Counters, before: Sites) -> None:
    """Give new targets the counts and the recent lines of those before them."""
    rings = {target.client_id: target.recent for target in before.values()}
    for target in sites.values():
        target.counts = counters.site(target.client_id, target.site.site_id)
        old = rings.get(target.client_id)
        if target.recent is not None and old is not None:
            target.recent.take_over(old)
