"""What takes up files and folders of an earlier program, where a step is more than a line."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import quote

from footfall.allowed import Allowed
from footfall.clients import load_registry
from footfall.identities import Had, History, Identity
from footfall.identity_files import change

#: Of the warehouse. Events lie in the lake alone; what is asked across hours is in an index. The table waits
#: until every hour's object was compared with it (orchestration/ingest/events_before.py). A warehouse that is
#: new has none, and one of an early version lacks columns.
EVENTS_TO_THE_LAKE = (
    "CREATE TABLE IF NOT EXISTS ingest.events (received_hour TIMESTAMPTZ, client_id VARCHAR, "
    "site_id VARCHAR, event_id VARCHAR, event_type VARCHAR, received_at TIMESTAMPTZ, "
    "occurred_at TIMESTAMPTZ, visitor_id VARCHAR, host VARCHAR, lost INTEGER, "
    "is_duplicate BOOLEAN, object_key VARCHAR, line_number BIGINT)",
    "ALTER TABLE ingest.events ADD COLUMN IF NOT EXISTS lost INTEGER",
    "CREATE TABLE ingest.event_index AS SELECT received_hour, client_id, site_id, event_id, event_type, "
    "received_at, occurred_at, visitor_id, host, lost, is_duplicate, object_key, line_number "
    "FROM ingest.events ORDER BY received_hour",
    "ALTER TABLE ingest.events RENAME TO events_before",
)


def make_identities(path: Path) -> None:
    """An identity for each client that was in force, named by its id, so that no hash and no key changes.

    What it had is what its file last said. Whose file was gone by then and who was delivered to had what
    nobody knows: a person is asked when a file of that id comes back. Where no file was ever in force, the
    next run makes identities of the files it finds.
    """
    home, now = path.parent, datetime.now(UTC)
    copies = home / "last-good-clients"
    # They were in force: what the operator allows now does not matter to whose they are.
    clients = load_registry(copies, Allowed.unknown(), is_delivering=False).clients if copies.is_dir() else ()
    if not clients:
        return
    known = {client.client_id: Had.of(client) for client in clients}
    gone = set(_delivered_to(home / "ledger.sqlite")) - {file.stem for file in copies.glob("*.yaml")}
    for client_id in gone:
        known[client_id] = Had()
    for client_id, had in known.items():
        change(home, client_id, partial(_first, made=Identity(client_id, now).with_file(had)))


def _first(found: History, made: Identity) -> History:
    return found if found.identities else found.changed(made)


def _delivered_to(ledger: Path) -> list[str]:
    if not ledger.exists():
        return []
    try:
        with closing(sqlite3.connect(f"file:{quote(str(ledger))}?mode=ro", uri=True, timeout=30)) as read:
            return [client_id for (client_id,) in read.execute("SELECT DISTINCT client_id FROM revisions")]
    except sqlite3.DatabaseError:
        return []  # whoever opens it next says what is wrong with it
