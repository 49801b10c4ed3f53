"""Client files and identities together: whose rows a file may be delivered, and which have to wait.

A file that has nothing in common with what its identity was last delivered for (no site's id, no site's key,
no place of a bucket) is taken for another owner's. What the collector takes is kept; nothing is delivered
until a person says who it is.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from footfall.failures import OwnerChanged
from footfall.identities import Had, History, written_id
from footfall.identity_files import FOLDER, change, read_histories, synchronise
from footfall.store import ObjectStore

if TYPE_CHECKING:
    from footfall.clients import Client, Registry


def identified(registry: "Registry", home: Path) -> "Registry":
    """The registry by identity: `client_id` is the identity, and `stopped` says whose deliveries wait."""
    histories = read_histories(home / FOLDER)
    stopped: dict[str, str] = {}
    clients = []
    for client in registry.clients:
        history = histories.get(client.client_id, History(client.client_id))
        current, had = history.current, Had.of(client)
        gone = history.handed_over(had, home) if current is None else None
        if gone is not None:
            stopped[history.name] = (
                f"{gone.name} was handed over to another installation on {gone.ended_at:%Y-%m-%d %H:%M} UTC, "
                f"so nothing is delivered; remove clients/{client.client_id}.yaml. What came here since then "
                f"goes there by `footfall clients handoff {client.client_id} URL` once more"
            )
        if current is not None and not current.last.has_in_common(had, home):
            stopped[history.name] = (
                f"clients/{client.client_id}.yaml has no site and no bucket of those that "
                f"{client.client_id} was last delivered for ({current.last}), so nothing is delivered; say "
                f"`footfall clients moved {client.client_id}` if the owner is the same, "
                f"`footfall clients end {client.client_id}` if it is another"
            )
        clients.append(
            client
            if history.name == client.client_id
            else client.model_copy(update={"client_id": history.name})
        )
    names = {client_id: history.name for client_id, history in histories.items()}
    places = {names.get(client_id, client_id): each for client_id, each in registry.places.items()}
    return replace(registry, clients=tuple(clients), places=places, stopped=stopped, histories=histories)


def require_owner(registry: "Registry", client_id: str) -> None:
    """Raise OwnerChanged where this identity's deliveries wait for a person."""
    if client_id in registry.stopped:
        raise OwnerChanged(registry.stopped[client_id])


def running(registry: "Registry") -> tuple["Client", ...]:
    """The clients whose owner is known."""
    return tuple(client for client in registry.clients if client.client_id not in registry.stopped)


def named(registry: "Registry", text: str) -> str:
    """The identity that a person means: one by its name, or the one that the file of that id has."""
    if "." in text:
        return text
    return next((c.client_id for c in registry.clients if written_id(c.client_id) == text), text)


def settled(home: Path, lake: ObjectStore, load: Callable[[], "Registry"], now: datetime) -> "Registry":
    """The registry, after identities were made of new clients and what is known of them is in the lake too.

    Raises FootfallError, StoreError.
    """
    synchronise(home, lake)
    registry = load()
    is_new = False
    for client in running(registry):
        had, client_id = Had.of(client), written_id(client.client_id)
        sites = frozenset(site.site_id for site in client.sites)
        history = registry.histories.get(client_id)
        current = history.current if history else None
        if current is None or not sites <= current.sites:
            change(home, client_id, partial(_known, had=had, sites=sites, now=now, home=home))
            is_new = True
    if not is_new:
        return registry
    synchronise(home, lake)
    return load()


def _known(found: History, had: Had, sites: frozenset[str], now: datetime, home: Path) -> History:
    """With an identity, and with all sites of its file. What it was last delivered for stays."""
    current = found.current
    if current is None:
        return found.with_file(had, now)
    if not current.last.has_in_common(had, home):
        return found  # another process has seen a newer file
    return found.changed(*found.identities[:-1], replace(current, sites=current.sites | sites))


def note_delivered(home: Path, client: "Client", now: datetime) -> None:
    """Remember what the client had at its newest delivery: what the next file is compared with.

    A run that began before a person decided changes nothing of that.
    """
    had = Had.of(client)

    def act(found: History) -> History:
        current = found.current
        if current is None:
            return found if found.identities else found.with_file(had, now)
        is_decided = current.name != client.client_id or not current.last.has_in_common(had, home)
        return found if is_decided or current.last == had else found.with_file(had, now)

    change(home, written_id(client.client_id), act)
