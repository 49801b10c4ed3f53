"""What the warehouse holds of some hours, so that a sender can check that what it sent is what is there.

For each client: lines by what became of them, and the ids of the kept events.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

from commands.demo.check import Stored
from footfall.errors import FootfallError
from footfall.sql import run
from orchestration.resources.warehouse import Warehouse


def stored(warehouse: Path, start: datetime, end: datetime) -> tuple[int, dict[str, Stored]]:
    """Lines received in [start, end), and by client what became of them.

    Raises FootfallError where there is no warehouse.
    """
    if not warehouse.exists():
        raise FootfallError(f"{warehouse} does not exist: nothing was materialised yet")
    window = {"start": start, "end": end}
    with Warehouse(database=str(warehouse)).connect() as connection:
        lines = run(
            connection,
            "SELECT coalesce(sum(lines), 0) FROM ingest.hours "
            "WHERE received_hour >= $start AND received_hour < $end",
            window,
        ).fetchone()
        fates = run(
            connection,
            """
            SELECT client_id, CASE WHEN is_duplicate THEN 'duplicates' ELSE 'kept' END, count(*)
            FROM ingest.event_index WHERE received_hour >= $start AND received_hour < $end GROUP BY ALL
            UNION ALL
            SELECT coalesce(client_id, ''), 'quarantined', count(*)
            FROM ingest.quarantine WHERE received_hour >= $start AND received_hour < $end GROUP BY ALL
            UNION ALL
            SELECT client_id, 'sessions', count(*)
            FROM main.sessions WHERE session_id IN (
                SELECT session_id FROM main.events WHERE received_hour >= $start AND received_hour < $end
            ) GROUP BY ALL
            """,
            window,
        ).fetchall()
        ids = run(
            connection,
            """
            SELECT client_id, list(event_id ORDER BY event_id) FROM ingest.event_index
            WHERE received_hour >= $start AND received_hour < $end AND NOT is_duplicate GROUP BY ALL
            """,
            window,
        ).fetchall()
    clients: dict[str, dict[str, Any]] = {}
    for client_id, fate, n in fates:
        clients.setdefault(client_id, {})[fate] = n
    for client_id, kept in ids:
        clients[client_id]["ids"] = frozenset(kept)
    return int(lines[0]) if lines else 0, {name: Stored(**each) for name, each in clients.items()}
