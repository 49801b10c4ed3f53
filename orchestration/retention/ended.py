"""Clients that have ended: no file is of them any more, and what they left goes by a rule all the same."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from footfall.clients import Client, Registry
from footfall.retention.records import rule_of
from footfall.retention.rules import CLASSES, KEEP, Retention
from footfall.store import ObjectStore


@dataclass(frozen=True)
class Ended:
    """One of them. `client`: its identity and its last rule, with neither sites nor exports nor buckets."""

    client: Client
    ended_at: datetime


def ended_clients(registry: Registry, lake: ObjectStore, trusted: Mapping[str, bytes]) -> Iterator[Ended]:
    """Every identity that has ended, or was handed over. Raises FootfallError, StoreError."""
    for identity in registry.ended():
        if identity.ended_at is None or registry.client(identity.name) is not None:
            continue
        said = rule_of(lake, identity.name, trusted)
        rule: dict[str, Any] = {str(name): said.get(name, KEEP) for name in CLASSES}
        client = Client.model_construct(
            client_id=identity.name,
            name=identity.name,
            sites=[],
            exports=[],
            retention=Retention.model_construct(None, **{**rule, "delivered": KEEP}),
        )
        yield Ended(client, identity.ended_at)
