"""The lifecycle rules of the buckets of an installation, and of what they have."""

from dataclasses import dataclass

from commands.registry import require_clients
from footfall.allowed import Allowed
from footfall.clients import Registry
from footfall.destinations import open_destination
from footfall.errors import FootfallError
from footfall.retention import holds
from footfall.retention.lifecycle_rules import (
    BucketRules,
    differences,
    merged,
    rules_of_deliveries,
    rules_of_lake,
)
from footfall.settings import Settings
from footfall.signatures import load_signer, own_keys
from footfall.store import ObjectStore, S3Store, StoreError, open_store


@dataclass(frozen=True)
class Compared:
    """A bucket, its rules, and what is wrong with those that it has; or why nobody can say."""

    rules: BucketRules
    wrong: tuple[str, ...] = ()
    unknown: str = ""


def bucket_rules(settings: Settings) -> list[tuple[BucketRules, ObjectStore]]:
    """The rules of each bucket on S3, and a store of it. Raises FootfallError, StoreError."""
    registry = require_clients(settings)
    stores: dict[str, ObjectStore] = {}
    parts = []
    lake = open_store(settings.lake, s3_endpoint=settings.s3_endpoint)
    load_signer(settings.home / "keys")
    is_held = any(each.is_active for each in holds.read(lake, own_keys(settings.home / "keys")))
    if isinstance(lake, S3Store):
        stores[lake.bucket] = lake
        rules = rules_of_lake(lake.prefix, [each.retention for each in registry.clients], is_held=is_held)
        parts.append((lake.bucket, lake.prefix, "the lake", rules))
    backup = open_store(settings.backup, s3_endpoint=settings.s3_endpoint)
    if isinstance(backup, S3Store):
        stores.setdefault(backup.bucket, backup)
        parts.append((backup.bucket, backup.prefix, "the backup", rules_of_deliveries(backup.prefix)))
    for what, store in _of_clients(settings, registry):
        stores.setdefault(store.bucket, store)
        parts.append((store.bucket, store.prefix, what, rules_of_deliveries(store.prefix)))
    return [(each, stores[each.bucket]) for each in merged(parts)]


def compare(settings: Settings) -> list[Compared]:
    """Each bucket's rules against those that it has."""
    found = []
    for rules, store in bucket_rules(settings):
        assert isinstance(store, S3Store), "other stores have no rules"
        try:
            found.append(Compared(rules, tuple(differences(rules, store.lifecycle()))))
        except StoreError as error:
            found.append(Compared(rules, unknown=str(error)))
    return found


def _of_clients(settings: Settings, registry: Registry) -> list[tuple[str, S3Store]]:
    allowed = Allowed.of(settings)
    found = []
    for client in registry.clients:
        taken = registry.places_of_others(client.client_id)
        for name, destination in client.destinations().items():
            if not destination.url.startswith("s3:"):
                continue
            try:
                store = open_destination(destination, allowed, taken=taken)
            except FootfallError:
                continue  # `footfall clients test` says it
            if isinstance(store, S3Store):
                found.append((f"deliveries of {client.client_id}, {name}", store))
    return found
