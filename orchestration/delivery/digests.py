"""Which delivered periods have changed: one scan of a table says it for all clients at once."""

import threading
from datetime import UTC, datetime

import duckdb

from footfall.clients import Client
from footfall.days import window
from footfall.manifest import minutes_of
from footfall.sql import Sql, name, names, number, run, sql
from footfall.sql import kind as kind_of
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
        query = (selection.dataset.name, period, zone, selection.not_held, *selection.sources)
        with self._lock:
            if query not in self._found:
                self._found[query] = self._scan(selection, period)
        return self._found[query].get(selection.client.client_id, {})

    def one(self, selection: Selection, start: datetime) -> str:
        """The digest of one period, of any age."""
        if self.since is None or window(selection.client, selection.export, start)[0] >= self.since:
            return self.of(selection).get(start.astimezone(UTC), EMPTY)
        columns = names(selection.sources, "source")
        where, values = selection.period(start)
        with self._lock:
            found = run(
                self._connection,
                "SELECT count(*), bit_xor(hash({columns})), sum(hash({columns}) % 1000003) "
                "FROM main.{table} AS source WHERE {where} AND {not_held}",
                values,
                columns=columns,
                table=name(selection.dataset.name),
                where=where,
                not_held=selection.not_held,
            ).fetchone()
        return f"{found[0]}:{found[1]}:{found[2]}" if found and found[0] else EMPTY

    def _period(self, selection: Selection) -> Sql:
        dataset = selection.dataset
        if dataset.day:
            return names([dataset.day], "source")
        if selection.export.cadence == "daily":
            return selection.local_date
        if selection.clock == dataset.hour:
            return sql("date_trunc('hour', {hour})", hour=names([dataset.hour], "source"))
        return sql(
            "time_bucket(to_minutes({minutes}), {moment})",
            minutes=number(minutes_of(selection.export.cadence)),
            moment=names([str(dataset.moment)], "source"),
        )

    def _scan(self, selection: Selection, period: Sql) -> dict[str, dict[datetime, str]]:
        columns = names(selection.sources, "source")
        dataset = selection.dataset
        bound = selection.clock
        where, values = sql("true"), []
        if self.since is not None:
            kind = "DATE" if dataset.day else "TIMESTAMPTZ"
            where = sql("{bound} >= CAST(? AS {kind})", bound=names([bound], "source"), kind=kind_of(kind))
            # A period that began before is cut by this, and nobody may take its digest from here.
            values = [self.since.strftime("%Y-%m-%d") if dataset.day else self.since.isoformat()]
        found = run(
            self._connection,
            "SELECT source.client_id, {period}, count(*), bit_xor(hash({columns})), "
            "sum(hash({columns}) % 1000003) FROM main.{table} AS source "
            "WHERE {where} AND {not_held} GROUP BY 1, 2",
            values,
            period=period,
            columns=columns,
            table=name(dataset.name),
            where=where,
            not_held=selection.not_held,
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
