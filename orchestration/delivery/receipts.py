"""What became of everything that was received, by client and hour, for the receipts in manifests."""

import threading
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import duckdb

from footfall.hours import HOUR, floor
from footfall.manifest import Receipt
from orchestration.delivery.datasets import utc_cursor

#: Fates that are no reason of quarantine.
KEPT, DUPLICATE = "kept", "duplicate"

_FROM_EVENTS = """
    SELECT received_hour, client_id, CASE WHEN is_duplicate THEN 'duplicate' ELSE 'kept' END, count(*)
    FROM ingest.events WHERE received_hour >= ? AND received_hour < ? GROUP BY ALL
    UNION ALL
    SELECT received_hour, coalesce(client_id, ''), reason, count(*)
    FROM ingest.quarantine WHERE received_hour >= ? AND received_hour < ? GROUP BY ALL
"""


class Receipts:
    """Counts by client and hour of receipt, read once for all clients."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = utc_cursor(connection)
        self._lock = threading.Lock()
        self._hours: dict[datetime, dict[str, Counter[str]]] = {}
        self._has_tables = bool(
            self._connection.execute(
                "SELECT 1 FROM information_schema.tables "
                "WHERE table_schema = 'ingest' AND table_name = 'events'"
            ).fetchone()
        )

    def load(self, starts: Iterable[datetime]) -> None:
        """Read the hours of several periods in one scan."""
        wanted = sorted({floor(start) for start in starts} - set(self._hours))
        if wanted and self._has_tables:
            self._read(wanted[0], wanted[-1] + HOUR)

    def of(
        self, client_id: str, start: datetime, end: datetime, *, rows: int, delivered: int, excluded: int
    ) -> Receipt:
        """The receipt of one delivery: hours of receipt that begin in [start, end), and its own rows."""
        hours = []
        hour = floor(start) if floor(start) == start else floor(start) + HOUR
        while hour < end:
            hours.append(hour)
            hour += HOUR
        with self._lock:
            missing = [hour for hour in hours if hour not in self._hours]
            if missing and self._has_tables:
                self._read(missing[0], missing[-1] + HOUR)
        fates: Counter[str] = Counter()
        for hour in hours:
            fates += self._hours.get(hour, {}).get(client_id, Counter())
        quarantined = {name: n for name, n in sorted(fates.items()) if name not in (KEPT, DUPLICATE)}
        return Receipt(
            received=fates.total(),
            kept=fates[KEPT],
            duplicate=fates[DUPLICATE],
            quarantined=quarantined,
            rows=rows,
            delivered=delivered,
            excluded=excluded,
        )

    def _read(self, start: datetime, end: datetime) -> None:
        bounds = [start, end]
        hour = start
        while hour < end:
            self._hours.setdefault(hour, {})
            hour += timedelta(hours=1)
        for received_hour, client_id, fate, n in self._connection.execute(
            _FROM_EVENTS, [*bounds, *bounds]
        ).fetchall():
            of_hour = self._hours.setdefault(received_hour.astimezone(UTC), {})
            of_hour.setdefault(client_id, Counter())[fate] += n
