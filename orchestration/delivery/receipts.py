"""What became of everything that was received, by client and hour, for the receipts in manifests."""

import threading
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

import duckdb

from footfall.catalogue.periods import Period, calendar
from footfall.hours import HOUR, floor
from footfall.manifest import Receipt
from footfall.sql import has_table, run, sql
from orchestration.delivery.datasets import utc_cursor

#: Fates that are no reason of quarantine.
KEPT, DUPLICATE, ERASED = "kept", "duplicate", "erased"
_FATES = (KEPT, DUPLICATE, ERASED)

_OF_HOURS = """
    SELECT received_hour, coalesce(client_id, ''), coalesce(site_id, ''), coalesce(reason, ''), sum(kept),
        sum(duplicates), sum(quarantined), {erased}
    FROM ingest.receipts WHERE received_hour >= ? AND received_hour < ? GROUP BY ALL
"""
#: Lines without a time of receipt, which are damaged, are in the receipt of their hour and of no part of it.
_OF_MINUTES = """
    SELECT CASE WHEN is_duplicate THEN 'duplicate' ELSE 'kept' END, count(*)
    FROM ingest.event_index
    WHERE client_id = $client AND received_at >= $start AND received_at < $end GROUP BY ALL
    UNION ALL
    SELECT reason, count(*)
    FROM ingest.quarantine
    WHERE client_id = $client AND received_at >= $start AND received_at < $end GROUP BY ALL
"""


#: (site, fate) → lines.
_Fates = Counter[tuple[str, str]]


class Receipts:
    """Counts by client and hour of receipt, read once for all clients."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = utc_cursor(connection)
        self._lock = threading.Lock()
        #: Hour → client → (site, fate) → lines.
        self._hours: dict[datetime, dict[str, _Fates]] = {}
        self._has_tables = has_table(self._connection, "ingest", "receipts")
        # A warehouse that no hour was ingested into since there are erasures has not the column.
        found = run(
            self._connection,
            "SELECT 1 FROM duckdb_columns() "
            "WHERE schema_name = 'ingest' AND table_name = 'receipts' AND column_name = 'erased'",
        ).fetchone()
        self._erased = sql("sum(coalesce(erased, 0))") if found else sql("0")

    def load(self, starts: Iterable[datetime]) -> None:
        """Read the hours of several periods in one scan."""
        wanted = sorted({floor(start) for start in starts} - set(self._hours))
        if wanted and self._has_tables:
            self._read(wanted[0], wanted[-1] + HOUR)

    def of(self, client_id: str, period: Period, *, rows: int, delivered: int, excluded: int) -> Receipt:
        """The receipt of one delivery: hours of receipt that begin in it, or of a part of an hour what was
        received in it; and its own rows.
        """
        start, end, is_part = period.start, period.end, period.kind.is_part
        found = self._of_minutes(client_id, start, end) if is_part else self._of_hours(client_id, start, end)
        fates: Counter[str] = Counter()
        sites: dict[str, Counter[str]] = {}
        for (site, fate), lines in sorted(found.items()):
            fates[fate] += lines
            word = fate if fate in _FATES else "quarantined"
            sites.setdefault(site, Counter())[word] += lines
        return Receipt(
            received=fates.total(),
            kept=fates[KEPT],
            duplicate=fates[DUPLICATE],
            quarantined={name: n for name, n in sorted(fates.items()) if name not in _FATES},
            rows=rows,
            delivered=delivered,
            excluded=excluded,
            erased=fates[ERASED],
            sites={} if is_part else {site: dict(lines) for site, lines in sites.items()},
        )

    def _of_hours(self, client_id: str, start: datetime, end: datetime) -> _Fates:
        hours = [hour.start for hour in calendar("hourly").within(start, end)]
        with self._lock:
            missing = [hour for hour in hours if hour not in self._hours]
            if missing and self._has_tables:
                self._read(missing[0], missing[-1] + HOUR)
        fates: _Fates = Counter()
        for hour in hours:
            fates += self._hours.get(hour, {}).get(client_id, Counter())
        return fates

    def _of_minutes(self, client_id: str, start: datetime, end: datetime) -> _Fates:
        if not self._has_tables:
            return Counter()
        with self._lock:
            found = run(
                self._connection, _OF_MINUTES, {"client": client_id, "start": start, "end": end}
            ).fetchall()
        return Counter({("", fate): lines for fate, lines in found})

    def _read(self, start: datetime, end: datetime) -> None:
        hour = start
        while hour < end:
            self._hours.setdefault(hour, {})
            hour += HOUR
        for hour, client_id, site, reason, kept, duplicate, quarantined, erased in run(
            self._connection, _OF_HOURS, [start, end], erased=self._erased
        ).fetchall():
            fates = self._hours[hour.astimezone(UTC)].setdefault(client_id, Counter())
            found = (KEPT, kept), (DUPLICATE, duplicate), (reason, quarantined), (ERASED, erased)
            for fate, lines in found:
                if lines:
                    fates[site, fate] += int(lines)
