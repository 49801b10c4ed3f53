"""The buckets that deliveries arrived in, by the ledger, for whoever asks whether they are still there."""

import sqlite3
from contextlib import closing
from pathlib import Path

from footfall.clients import Client

#: Our own copy of every delivery; never shown to clients, and without pointers.
BACKUP = "backup"


def delivered_places(ledger: Path, clients: tuple[Client, ...], backup: str, home: Path) -> dict[str, str]:
    """Address of a bucket's root → the client in force whose deliveries arrived in it."""
    found = {}
    arrived = _arrived(ledger)
    for client in clients:
        urls = {name: each.resolved_url(home) for name, each in client.destinations().items()}
        for name, url in {**urls, BACKUP: f"{backup}/{client.client_id}"}.items():
            if (client.client_id, name) in arrived:
                found[url] = client.client_id
    return found


def _arrived(ledger: Path) -> set[tuple[str, str]]:
    """(client, name of a destination), as far as there is a ledger."""
    try:
        with closing(sqlite3.connect(f"{ledger.absolute().as_uri()}?mode=ro", uri=True)) as database:
            return set(
                database.execute("SELECT DISTINCT client_id, place FROM copies WHERE state = 'committed'")
            )
    except sqlite3.Error:
        return set()  # there is none; what is wrong with one that is damaged, deliveries say
