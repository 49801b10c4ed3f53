"""Which delivered periods have changed: one scan of a table says it for all clients at once."""

import hashlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime

import duckdb

from footfall.catalogue.periods import Calendar, Period
from footfall.report.asking import COLUMNS
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
        self._found: dict[tuple[object, ...], dict[str, dict[datetime, str]]] = {}
        #: Table → since when its days were read, and client → day → digest.
        self._days: dict[str, tuple[date, dict[str, dict[date, str]]]] = {}

    def of(self, selection: Selection) -> dict[datetime, str]:
        """Start of period (UTC) → digest, for one export, from `since` on; of periods that have rows."""
        return self._of(selection, self.since)

    def of_years(self, selection: Selection, first: datetime) -> dict[datetime, str]:
        """The same from the year on that a time lies in: many exports ask for the same."""
        return self._of(selection, datetime(first.year, 1, 1, tzinfo=UTC))

    def _of(self, selection: Selection, since: datetime | None) -> dict[datetime, str]:
        bucket = self._bucket(selection)
        zone = selection.calendar.zone
        query = (since, selection.dataset.name, bucket, zone, selection.not_held, *selection.sources)
        with self._lock:
            if query not in self._found:
                self._found[query] = self._scan(selection, bucket, since)
        return self._found[query].get(selection.client.client_id, {})

    def one(self, selection: Selection, period: Period) -> str:
        """The digest of one period, of any age."""
        if selection.dataset.is_page:
            return self._of_page(selection, period)
        if self.since is None or period.window[0] >= self.since:
            return self.of(selection).get(period.start.astimezone(UTC), EMPTY)
        columns = names(selection.sources, "source")
        where, values = selection.within(period)
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

    def rows(self, selection: Selection, periods: Iterable[Period]) -> Iterator[int]:
        """How many rows each of these periods has, from `since` on."""
        found = self.of(selection)
        for period in periods:
            yield rows_of(found.get(period.start.astimezone(UTC), EMPTY))

    def _of_page(self, selection: Selection, period: Period) -> str:
        """Of all that a page shows: the rows of its days, those of the period before, notes on its days."""
        first, last = selection.calendar.before(period.start).start.date(), period.last_day
        said = [
            f"note {each.day} {each.site_id} {each.text}"
            for each in selection.notes
            if period.start.date() <= each.day <= last
        ]
        for table, columns in COLUMNS.items():
            days = self._by_day(table, columns, first).get(selection.client.client_id, {})
            said += [
                f"{table} {day} {digest}" for day, digest in sorted(days.items()) if first <= day <= last
            ]
        return hashlib.sha256("\n".join(said).encode()).hexdigest()[:32] if said else EMPTY

    def _by_day(self, table: str, columns: Sequence[str], first: date) -> dict[str, dict[date, str]]:
        """Client → day → digest of a table's rows, from a day on, read once for all clients."""
        with self._lock:
            since, found = self._days.get(table, (date.max, {}))
            if first < since:
                rows = run(
                    self._connection,
                    "SELECT client_id, date, count(*), bit_xor(hash({columns})), "
                    "sum(hash({columns}) % 1000003) FROM main.{table} WHERE date >= ? GROUP BY 1, 2",
                    [first],
                    columns=names(columns),
                    table=name(table),
                ).fetchall()
                found = {}
                for client_id, day, count, exclusive, total in rows:
                    found.setdefault(client_id, {})[day] = f"{count}:{exclusive}:{total}"
                self._days[table] = first, found
            return found

    def _bucket(self, selection: Selection) -> Sql:
        """SQL of what the rows of a period have in common: its local day, or its start."""
        dataset, minutes = selection.dataset, selection.calendar.kind.minutes
        if dataset.day:
            return names([dataset.day], "source")
        if minutes is None:
            return selection.local_date
        if selection.clock == dataset.hour:
            return sql("date_trunc('hour', {hour})", hour=names([dataset.hour], "source"))
        return sql(
            "time_bucket(to_minutes({minutes}), {moment})",
            minutes=number(minutes),
            moment=names([str(dataset.moment)], "source"),
        )

    def _scan(
        self, selection: Selection, bucket: Sql, since: datetime | None
    ) -> dict[str, dict[datetime, str]]:
        columns = names(selection.sources, "source")
        dataset = selection.dataset
        bound = selection.clock
        where, values = sql("true"), []
        if since is not None:
            kind = "DATE" if dataset.day else "TIMESTAMPTZ"
            where = sql("{bound} >= CAST(? AS {kind})", bound=names([bound], "source"), kind=kind_of(kind))
            # A period that began before is cut by this, and nobody may take its digest from here.
            values = [since.strftime("%Y-%m-%d") if dataset.day else since.isoformat()]
        found = run(
            self._connection,
            "SELECT source.client_id, {bucket}, count(*), bit_xor(hash({columns})), "
            "sum(hash({columns}) % 1000003) FROM main.{table} AS source "
            "WHERE {where} AND {not_held} GROUP BY 1, 2",
            values,
            bucket=bucket,
            columns=columns,
            table=name(dataset.name),
            where=where,
            not_held=selection.not_held,
        ).fetchall()
        by_client: dict[str, dict[datetime, str]] = {}
        for client_id, start, count, exclusive, total in found:
            if start is not None:
                moment = _start(selection.calendar, start)
                by_client.setdefault(client_id, {})[moment] = f"{count}:{exclusive}:{total}"
        return by_client


def rows_of(digest: str) -> int:
    """The rows that a digest is of, with whose number it begins; 0 of a page."""
    count, _, is_of_rows = digest.partition(":")
    return int(count) if is_of_rows else 0


def _start(calendar: Calendar, value: object) -> datetime:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return calendar.named(str(value)).start.astimezone(UTC)
