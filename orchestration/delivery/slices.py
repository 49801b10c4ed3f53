"""The periods of a run, copied out of the warehouse once, in order of client.

A mart holds years of all clients, and some are views. Hundreds of exports that each look for their own few
rows would read it hundreds of times; here it is read once, and each export reads its own rows alone.
"""

import shutil
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from footfall.catalogue.periods import Period
from footfall.catalogue.tables import DATASETS
from footfall.clients import Export
from footfall.sql import Sql, name, number, run, sql, text
from footfall.sql import kind as kind_of
from orchestration.delivery.datasets import utc_cursor

#: Readings of one mart in a run from which on a copy is made, where at least twice as many are to come: with
#: nothing new none is read, and for a few the copy would not pay.
AFTER = 4
#: Longer spans are read from the mart: a backfill of months would copy months.
SPAN = timedelta(days=3)
#: Rows of a block of the copy, the least that is read. Smaller: less read for a small client, a larger file.
ROW_GROUP = 16_384

#: Table and the column that a period is a range of.
_Source = tuple[str, str]
#: From when to when rows are wanted, in UTC.
_Span = tuple[datetime, datetime]


class Slices:
    """Copies for one run, each made when it begins to pay. Used by several threads."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        folder: Path,
        wanted: Iterable[tuple[Export, Period]],
    ) -> None:
        self._connection = connection
        self._folder = folder
        self._lock = threading.Lock()
        self._asked: Counter[_Source] = Counter()
        self._made: dict[_Source, Sql] = {}
        #: Thread → the number of its copy of one client's rows.
        self._of_one: dict[int, int] = {}
        # Span → how many exports want it: hundreds want the same few.
        self._spans: dict[_Source, Counter[_Span]] = defaultdict(Counter)
        for export, period in wanted:
            self._spans[_source(export)][_span(export, period)] += 1

    def table(self, export: Export, period: Period) -> Sql:
        """The table to read the export's rows of a period from."""
        source = _source(export)
        plain = sql("main.{table}", table=name(source[0]))
        spans = self._spans.get(source, Counter())
        if spans.total() < 2 * AFTER or _span(export, period) not in spans:
            return plain
        with self._lock:
            self._asked[source] += 1
            if self._asked[source] < AFTER:
                return plain
            if source not in self._made:
                self._made[source] = self._copy(source, spans) or plain
            return self._made[source]

    def _copy(self, source: _Source, spans: Iterable[_Span]) -> Sql | None:
        """The copy's name; None where none can be made."""
        since, until = _around(spans)
        if until - since > SPAN:
            return None
        copy = sql("slices.copy_{n}", n=number(len(self._made)))
        return copy if self._write(copy, source, since, until) else None

    def of_one(self, client_id: str, export: Export, periods: Sequence[Period]) -> Sql | None:
        """A copy of one client's rows from the first to the last of these periods, in place of the one before
        that this thread asked for. None where none can be made, or one copy is for all exports.
        """
        source = _source(export)
        if source in self._spans:
            since, until = _around(self._spans[source])
            if until - since <= SPAN:
                return None
        since, until = _around(_span(export, period) for period in periods)
        with self._lock:
            # One for each thread, whatever the number of clients: as much disk as they have at a time.
            number_of = self._of_one.setdefault(threading.get_ident(), len(self._of_one))
            copy = sql("slices.one_{n}", n=number(number_of))
            return copy if self._write(copy, source, since, until, client_id) else None

    def _write(
        self, copy: Sql, source: _Source, since: datetime, until: datetime, client_id: str | None = None
    ) -> bool:
        table, column = source
        is_date = any(dataset.name == table and dataset.day == column for dataset in DATASETS.values())
        kind, form = ("DATE", "%Y-%m-%d") if is_date else ("TIMESTAMPTZ", "%Y-%m-%dT%H:%M:%S+00:00")
        try:
            with utc_cursor(self._connection) as cursor:
                run(
                    cursor,
                    "ATTACH IF NOT EXISTS {path} AS slices (ROW_GROUP_SIZE {rows})",
                    path=text(f"{self._folder}/slices.duckdb"),
                    rows=number(ROW_GROUP),
                )
                run(
                    cursor,
                    "CREATE OR REPLACE TABLE {copy} AS SELECT * FROM main.{table} AS source "
                    "WHERE source.{column} >= CAST(? AS {kind}) AND source.{column} < CAST(? AS {kind}) "
                    "AND source.client_id = coalesce(?, source.client_id) "
                    "ORDER BY source.client_id, source.{column}",
                    [since.strftime(form), until.strftime(form), client_id],
                    copy=copy,
                    table=name(table),
                    column=name(column),
                    kind=kind_of(kind),
                )
        except duckdb.Error:
            # A full disk, most of all. Each export reads the mart, slower, and says what is wrong there.
            return False
        return True

    def close(self) -> None:
        """Let go of the copies."""
        run(self._connection, "DETACH DATABASE IF EXISTS slices")


def _around(spans: Iterable[_Span]) -> _Span:
    """From the first beginning to the last end."""
    begins, ends = zip(*spans, strict=True)
    return min(begins), max(ends)


def _source(export: Export) -> _Source:
    dataset = DATASETS[export.dataset]
    return dataset.name, dataset.column(export.cadence)


def _span(export: Export, period: Period) -> _Span:
    """From where to where rows are needed; local days as days of UTC, which is how they are stored."""
    if DATASETS[export.dataset].day:
        day = datetime.fromisoformat(period.date).replace(tzinfo=UTC)
        return day, day + timedelta(days=1)
    begin, end = period.window
    return begin.astimezone(UTC), end.astimezone(UTC)


@contextmanager
def sliced(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    wanted: Iterable[tuple[Export, Period]],
) -> Iterator[Slices]:
    """Copies in a file below `folder`, which is theirs alone, for as long as the block lasts."""
    # What a run left that was killed. Whoever has the warehouse is the only one here.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="slices-", dir=folder) as own:
        slices = Slices(connection, Path(own), wanted)
        try:
            yield slices
        finally:
            slices.close()
