"""What an installation no longer needs: rows and files past their time, as plain functions."""

import shutil
import sqlite3
import time
from datetime import datetime, timedelta
from pathlib import Path

from orchestration.alerting.book import alert_book, forget
from orchestration.discovery.database import registry

#: Days that a resolved alert, a notice and the mark of an observed hour are kept. Shorter forgets what a
#: person may ask about; an observed hour that is forgotten counts again when it is ingested again.
REGISTRY_DAYS = 60
#: Days that a delivered billing message stays in the list that receivers may read. A year and a month: a
#: year's bills can be checked after it has ended.
OUTBOX_DAYS = 400
#: Hours after which a scratch folder belongs to nobody: no step takes longer than a run may.
SCRATCH_HOURS = 24
#: Days that rendered files of a delivery wait for it. It is tried for three and parked then; what is sent
#: later is rendered anew.
STAGED_DAYS = 35


def prune_alerts(path: Path, now: datetime) -> int:
    """Forget alerts that were resolved long ago. Returns how many."""
    if not path.exists():
        return 0
    with alert_book(path) as book:
        return forget(book, now - timedelta(days=REGISTRY_DAYS))


def prune_registry(path: Path, now: datetime) -> int:
    """Forget old notices, marks of observed hours and delivered messages. Returns how many rows."""
    if not path.exists():
        return 0
    early = (now - timedelta(days=REGISTRY_DAYS)).isoformat(timespec="seconds")
    with registry(path) as database:
        return (
            _delete(database, "notices", "created_at < ?", early)
            + _delete(database, "observed_hours", "hour < ?", early)
            + _delete(
                database,
                "outbox",
                "state = 'delivered' AND delivered_at < ?",
                (now - timedelta(days=OUTBOX_DAYS)).isoformat(timespec="milliseconds"),
            )
        )


def _delete(database: sqlite3.Connection, table: str, where: str, value: str) -> int:
    return database.execute(f"DELETE FROM {table} WHERE {where}", (value,)).rowcount


def prune_scratch(folder: Path, prefix: str = "footfall-") -> int:
    """Remove scratch folders that a killed process left behind. Returns how many."""
    removed = 0
    early = time.time() - SCRATCH_HOURS * 3600
    for path in folder.glob(f"{prefix}*"):
        try:
            if path.is_dir() and not path.is_symlink() and path.stat().st_mtime < early:
                shutil.rmtree(path)
                removed += 1
        except OSError:
            continue  # another user's, or gone meanwhile
    return removed


def prune_staged(outbox: Path, now: datetime) -> int:
    """Remove rendered files of deliveries that nobody waits for: `outbox/client/export/revision/`."""
    removed = 0
    early = (now - timedelta(days=STAGED_DAYS)).timestamp()
    for folder in outbox.glob("*/*/*"):
        if folder.is_dir() and folder.stat().st_mtime < early:
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    return removed
