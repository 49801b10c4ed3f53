"""Which delivered periods have changed: one scan of a table says it for all clients at once."""

import threading
from datetime import UTC, datetime

import duckdb

from footfall.clients import Client
from footfall.days import window
from footfall.manifest import minutes_of
from orchestration.delivery.datasets import utc_cursor
from orchestration.delivery.selection import Selection

#: Digest of a period without rows.
EMPTY = "0"


class Digests:
    """Period → digest of its rows, for every client, since a time.

    A digest does not depend on the order of rows. It says cheaply which periods have changed since they were
    delivered; whether the bytes differ is decided by their sha256. `since` bounds the scan: what lies
    before is looked at once a day (`None`: everything).
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, since: datetime | None) -> None:
        self._connection = utc_cursor(connection)
        self._lock = threading.Lock()
        self.since = since
        self._found: dict[tuple[str, ...], dict[str, dict[datetime, str]]] = {}

    def of(self, selection: Selection) -> dict[datetime, str]:
        """Start of period (UTC) → digest, for one export, from `since` on; of periods that have rows."""
        period = self._period(selection)
        zone = selection.client.zone().key
        query = (selection.dataset.table, period, zone, selection.not_held, *selection.sources)
        with self._lock:
            if query not in self._found:
                self._found[query] = self._scan(selection, period)
        return self._found[query].get(selection.client.client_id, {})

    def one(self, selection: Selection, start: datetime) -> str:
        """The digest of one period, of any age."""
        if self.since is None or window(selection.client, selection.export, start)[0] >= self.since:
            return self.of(selection).get(start.astimezone(UTC), EMPTY)
        names = ", ".join(f'source."{name}"' for name in selection.sources)
        where, values = selection.period(start)
        with self._lock:
            found = self._connection.execute(
                f"SELECT count(*), bit_xor(hash({names})), sum(hash({names}) % 1000003) "
                f"FROM main.{selection.dataset.table} AS source "
                f"WHERE {where} AND {selection.not_held}",
                values,
            ).fetchone()
        return f"{found[0]}:{found[1]}:{found[2]}" if found and found[0] else EMPTY

    def _period(self, selection: Selection) -> str:
        dataset = selection.dataset
        if dataset.day:
            return f"source.{dataset.day}"
        if selection.export.cadence == "daily":
            return selection.local_date
        if selection.clock == dataset.hour:
            return f"date_trunc('hour', source.{dataset.hour})"
        return (
            f"time_bucket(INTERVAL '{minutes_of(selection.export.cadence)} minutes', source.{dataset.moment})"
        )

    def _scan(self, selection: Selection, period: str) -> dict[str, dict[datetime, str]]:
        names = ", ".join(f'source."{name}"' for name in selection.sources)
        dataset = selection.dataset
        bound = selection.clock
        where, values = "true", []
        if self.since is not None:
            kind = "DATE" if dataset.day else "TIMESTAMPTZ"
            where = f"source.{bound} >= CAST(? AS {kind})"
            # A period that began before is cut by this, and nobody may take its digest from here.
            values = [self.since.strftime("%Y-%m-%d") if dataset.day else self.since.isoformat()]
        found = self._connection.execute(
            f"SELECT source.client_id, {period}, count(*), bit_xor(hash({names})), "
            f"sum(hash({names}) % 1000003) FROM main.{dataset.table} AS source "
            f"WHERE {where} AND {selection.not_held} GROUP BY 1, 2",
            values,
        ).fetchall()
        by_client: dict[str, dict[datetime, str]] = {}
        for client_id, start, count, exclusive, total in found:
            if start is not None:
                moment = _start(selection.client, start)
                by_client.setdefault(client_id, {})[moment] = f"{count}:{exclusive}:{total}"
        return by_client


def _start(client: Client, value: object) -> datetime:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return client.local_midnight(str(value)).astimezone(UTC)
