"""`python -m commands.report --from HOUR --to HOUR`: what the warehouse holds, as JSON.

For each client: lines by what became of them, and the ids of the kept events, so that a sender can check
that what it sent is what is there, event by event.
"""

import argparse
import json
import os
import sys
from datetime import datetime
from pathlib import Path

from footfall.errors import FootfallError
from footfall.hours import parse
from footfall.settings import Settings
from footfall.sql import run
from orchestration.resources.warehouse import Warehouse

_NOTHING: dict[str, object] = {"kept": 0, "duplicates": 0, "quarantined": 0, "sessions": 0, "ids": []}


def counts(warehouse: Path, start: datetime, end: datetime) -> dict[str, object]:
    """`lines`, and by client `kept`, `duplicates`, `quarantined`, `sessions` (counts) and `ids`."""
    window = {"start": start, "end": end}
    with Warehouse(path=str(warehouse)).connect() as connection:
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
            FROM ingest.events WHERE received_hour >= $start AND received_hour < $end GROUP BY ALL
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
            SELECT client_id, list(event_id ORDER BY event_id) FROM ingest.events
            WHERE received_hour >= $start AND received_hour < $end AND NOT is_duplicate GROUP BY ALL
            """,
            window,
        ).fetchall()
    clients: dict[str, dict[str, object]] = {}
    for client_id, fate, n in fates:
        clients.setdefault(client_id, dict(_NOTHING))[fate] = n
    for client_id, kept in ids:
        clients[client_id]["ids"] = kept
    return {"lines": int(lines[0]) if lines else 0, "clients": clients}


def main() -> int:
    """The command; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="start", required=True)
    parser.add_argument("--to", dest="end", required=True)
    arguments = parser.parse_args()
    try:
        settings = Settings.from_environ(os.environ)
        if not settings.warehouse.exists():
            raise FootfallError(f"{settings.warehouse} does not exist: nothing was materialised yet")
        json.dump(counts(settings.warehouse, parse(arguments.start), parse(arguments.end)), sys.stdout)
    except FootfallError as error:
        print(f"footfall report: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
