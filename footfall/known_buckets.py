"""What an installation knows of the buckets that its client files name, for whoever checks one."""

from collections.abc import Callable

from footfall.allowed import Allowed
from footfall.bucket_log import origin
from footfall.clients import Client, Registry
from footfall.delivered_places import BACKUP, delivered_places
from footfall.destinations import open_destination
from footfall.errors import FootfallError
from footfall.owners import running
from footfall.settings import Settings
from footfall.signatures import own_keys
from footfall.store import ObjectStore, open_store, require_no_cloud
from footfall.verification import Known


def open_known(settings: Settings, registry: Registry, client: Client, name: str) -> ObjectStore:
    """A client's bucket as deliveries open it: with the role, the keys, the endpoint that its file names."""
    taken = registry.places_of_others(client.client_id)
    return open_destination(client.destinations()[name], Allowed.of(settings), taken=taken)


def open_address(settings: Settings, registry: Registry, url: str, endpoint: str | None) -> ObjectStore:
    """The store at an address: as a client file says that names it, else with our own credentials."""
    if endpoint is None:
        for client in registry.clients:
            for name, each in client.destinations().items():
                if url.startswith(("s3:", "gs:", "az:")) and _plain(
                    each.resolved_url(settings.home)
                ) == _plain(url):
                    return open_known(settings, registry, client, name)
    require_no_cloud(url, endpoint)
    return open_store(url, s3_endpoint=endpoint or settings.s3_endpoint)


def keys_of(settings: Settings) -> dict[str, bytes]:
    """Key id → PEM of all that ever signed here; empty where nothing did yet."""
    return own_keys(settings.home / "keys")


def known_below(settings: Settings, registry: Registry, url: str) -> Callable[[str], Known | None]:
    """What is known of the roots below an address: by the client files, and by the folders of the backup."""
    keys = keys_of(settings) or None
    roots = {}
    for client in running(registry):  # of a file that is no owner's any more nothing is known
        urls = {name: each.resolved_url(settings.home) for name, each in client.destinations().items()}
        for name, at in {BACKUP: f"{settings.backup}/{client.client_id}", **urls}.items():
            roots[_plain(at)] = Known(client.client_id, origin(client.client_id, name), keys)
    return lambda above: roots.get(_plain(f"{url.rstrip('/')}/{above}"))


def expected_below(settings: Settings, registry: Registry, url: str) -> list[str]:
    """The roots below an address in which something arrived, as seen from there: none may be gone whole."""
    top = f"{_plain(url)}/"
    found = delivered_places(settings.ledger, running(registry), str(settings.backup), settings.home)
    roots = (f"{_plain(root)}/" for root in found)
    return [root.removeprefix(top) for root in roots if root.startswith(top)]


def _plain(url: str) -> str:
    """An address in one spelling, as far as a store of that address would spell it."""
    try:
        return open_store(url).url("").rstrip("/")
    except FootfallError:
        return url.rstrip("/")
