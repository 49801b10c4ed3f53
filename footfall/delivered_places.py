"""The buckets that deliveries arrived in, by the ledger, for whoever asks whether they are still there."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from footfall.errors import FootfallError
from footfall.exports import MAIN
from footfall.locations import location

if TYPE_CHECKING:
    from footfall.clients import Client

#: Our own copy of every delivery; never shown to clients, and without pointers.
BACKUP = "backup"


def delivered_places(ledger: Path, clients: "tuple[Client, ...]", backup: str, home: Path) -> dict[str, str]:
    """Address of a bucket's root → the client in force whose deliveries arrived in it."""
    found = {}
    arrived = _arrived(ledger)
    for client in clients:
        urls = {name: each.resolved_url(home) for name, each in client.destinations().items()}
        for name, url in {**urls, BACKUP: f"{backup}/{client.client_id}"}.items():
            if (client.client_id, name) in arrived:
                found[url] = client.client_id
    return found


def renamed(client: "Client", before: "Client | None", ledger: Path, home: Path) -> tuple[str, str] | None:
    """A field of a client's file and what to say of it, where a bucket that was delivered to has the name of
    another; None where none has. Its log is that of its name, and no bucket holds two.

    `before`: the client's file as it was last in force.
    """
    were = before.destinations() if before else {}
    moved = [
        (name, was)
        for name, each in client.destinations().items()
        for was, other in were.items()
        if was != name and _is_one(home, (each.url, each.endpoint), (other.url, other.endpoint))
    ]
    arrived = _arrived(ledger) if moved else set()
    for name, was in moved:
        if (client.client_id, was) in arrived:
            field = "destination" if name == MAIN else f"further_destinations.{name}"
            return (
                f"{field}.url",
                f"this bucket has the deliveries and the log of {was!r}, and no bucket holds two logs; name "
                f"it {was!r} again, or give {name!r} a bucket or prefix of its own",
            )
    return None


def _is_one(home: Path, one: tuple[str, str | None], other: tuple[str, str | None]) -> bool:
    """Whether two addresses lead to one place, or into one another."""
    try:
        return location(one[0], home, one[1]).overlaps(location(other[0], home, other[1]))
    except (FootfallError, ValueError, OSError):
        return False


def _arrived(ledger: Path) -> set[tuple[str, str]]:
    """(client, name of a destination), as far as there is a ledger."""
    try:
        with closing(sqlite3.connect(f"{ledger.absolute().as_uri()}?mode=ro", uri=True)) as database:
            return set(
                database.execute("SELECT DISTINCT client_id, place FROM copies WHERE state = 'committed'")
            )
    except sqlite3.Error:
        return set()  # there is none; what is wrong with one that is damaged, deliveries say
