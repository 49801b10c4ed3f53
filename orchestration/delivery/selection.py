"""Which rows and columns an export holds, as SQL over its dataset's table, for each format."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import duckdb

from footfall.access.day_notes import DayNote
from footfall.catalogue.formats import FORMATS
from footfall.catalogue.periods import Calendar, Period
from footfall.catalogue.tables import DATASETS, Table
from footfall.clients import Client, Export
from footfall.failures import ConfigError
from footfall.filters import columns_of, parse_filter
from footfall.formulas import STARTS
from footfall.report.asking import COLUMNS
from footfall.report.looks import looks_of
from footfall.report.page import VERSION
from footfall.sql import Sql, joined, name, names, number, sql, text
from orchestration import zone_days
from orchestration.delivery.conditions import to_sql
from orchestration.delivery.datasets import columns, require_columns
from orchestration.delivery.held import holding, not_held

#: A list and no IN: for each IN of so many numbers, that is for each column, DuckDB plans a join.
_CODES = sql("[{codes}]", codes=joined(", ", (number(ord(c)) for c in STARTS)))
_AFTER_APOSTROPHES = text("^'+[\\t\\n\\r+\\-=@＋－＝＠]")


#: True of every row.
ALL = sql("true")


@dataclass(frozen=True)
class Selection:
    """An export, resolved against the table as it is now. `where` and `order` are SQL over `source`.

    `columns`: name and type in the file, in order. `sources`: the columns of the table that they, and the
    filter, are made of. `schema_id` names everything about the files that is not their rows. `not_held`: SQL
    that leaves out rows which wait for their domain; part of `condition`, and of a period's digest. `notes`:
    what a page says of days beside its rows.
    """

    client: Client
    export: Export
    calendar: Calendar
    dataset: Table
    columns: tuple[tuple[str, str], ...]
    cells: tuple[Sql, ...]
    sources: tuple[str, ...]
    condition: Sql
    values: tuple[Any, ...]
    order: Sql
    dialect: Mapping[str, Any]
    schema_id: str
    not_held: Sql = ALL
    notes: tuple[DayNote, ...] = ()

    def within(self, period: Period) -> tuple[Sql, list[Any]]:
        """SQL that is true for the client's rows of a period, and its values."""
        if self.dataset.day:
            where = sql("source.client_id = ? AND source.{day} = CAST(? AS DATE)", day=name(self.dataset.day))
            return where, [self.client.client_id, period.date]
        begin, end = period.window
        where = sql(
            "source.client_id = ? AND source.{clock} >= CAST(? AS TIMESTAMPTZ) "
            "AND source.{clock} < CAST(? AS TIMESTAMPTZ)",
            clock=name(self.clock),
        )
        values = [self.client.client_id, begin.astimezone(UTC).isoformat(), end.astimezone(UTC).isoformat()]
        if period.sites:
            where = sql("{where} AND {date} = CAST(? AS DATE)", where=where, date=self.local_date)
            values.append(period.date)
        return where, values

    @property
    def clock(self) -> str:
        """The column by which a row belongs to a period."""
        return self.dataset.column(self.export.cadence)

    @property
    def local_date(self) -> Sql:
        """SQL of the local day that a row's time lies in, at its site where sites differ."""
        zone = text(self.calendar.zone)
        sites = self.calendar.sites
        if sites:
            cases = joined(
                " ",
                (sql("WHEN {site} THEN {zone}", site=text(s), zone=text(z)) for s, z in sites.items()),
            )
            zone = sql("CASE source.site_id {cases} ELSE {zone} END", cases=cases, zone=zone)
        return zone_days.local_date(sql("source.{clock}", clock=name(self.clock)), zone)


class Marts:
    """What a run has asked of the marts: hundreds of exports of one dataset ask the same."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, str]] = {}
        self._holding: frozenset[str] | None = None

    def of(self, connection: duckdb.DuckDBPyConnection, dataset: Table) -> dict[str, str]:
        """Column → type of a dataset's table. Raises ConfigError."""
        if dataset.name not in self._known:
            self._known[dataset.name] = dict(columns(connection, dataset))
        return self._known[dataset.name]

    def is_holding(self, connection: duckdb.DuckDBPyConnection, client: Client) -> bool:
        """Whether a host of the client is held."""
        if self._holding is None:
            self._holding = holding(connection)
        return client.client_id in self._holding


def select(
    connection: duckdb.DuckDBPyConnection,
    client: Client,
    export: Export,
    hash_key: str,
    marts: Marts | None = None,
) -> Selection:
    """Resolve an export. Raises ConfigError where it asks for what the dataset does not have."""
    dataset = DATASETS[export.dataset]
    calendar = client.calendar(export)
    if dataset.is_page:
        return _page(connection, client, export, calendar, marts or Marts())
    if calendar.kind.is_day and not dataset.day:
        zone_days.ensure(connection, {calendar.zone, *calendar.sites.values()})
    marts = marts or Marts()
    kinds = marts.of(connection, dataset)
    free = not_held(kinds) if marts.is_holding(connection, client) else ALL
    require_columns(kinds, [*export.columns, *export.rename, *export.hash], "columns", export.dataset)
    require_columns(kinds, export.drop, "drop", export.dataset)
    chosen = [each for each in (export.columns or kinds) if each not in export.drop]
    named = [(export.rename.get(each, each), _delivered_kind(each, kinds, export)) for each in chosen]
    if len({each for each, _ in named}) != len(named):
        raise ConfigError("rename: two columns would have one name")
    condition, filtered = ALL, set[str]()
    values: list[Any] = []
    if export.filter:
        parsed = parse_filter(export.filter)
        filtered = columns_of(parsed)
        condition, values = to_sql(parsed, kinds)
    order = [each for each in dataset.order if each in kinds]
    dialect = FORMATS[export.format].said(guard=export.formula_guard)
    return Selection(
        client=client,
        export=export,
        calendar=calendar,
        dataset=dataset,
        columns=tuple(named),
        cells=tuple(_cell(each, kinds[each], export, hash_key) for each in chosen),
        sources=tuple(dict.fromkeys([*chosen, *sorted(filtered)])),
        condition=(
            condition if free == ALL else sql("({condition}) AND {free}", condition=condition, free=free)
        ),
        values=tuple(values),
        order=names(order, "source"),
        dialect=dialect,
        schema_id=_schema_id(export, named, dialect),
        not_held=free,
    )


def _page(
    connection: duckdb.DuckDBPyConnection, client: Client, export: Export, calendar: Calendar, marts: Marts
) -> Selection:
    """A page has no columns; what it is made of has to be there."""
    for table, wanted in COLUMNS.items():
        require_columns(marts.of(connection, DATASETS[table]), wanted, "report", table)
    looks = looks_of(client, export)
    said = [client.name, looks.color, export.language, export.split, VERSION, looks.zones]
    facts = json.dumps([export.dataset, export.format, said])
    return Selection(
        client=client,
        export=export,
        calendar=calendar,
        dataset=DATASETS[export.dataset],
        columns=(),
        cells=(),
        sources=(),
        condition=ALL,
        values=(),
        order=ALL,
        dialect=FORMATS[export.format].dialect,
        schema_id=hashlib.sha256(facts.encode()).hexdigest()[:12],
    )


def _schema_id(export: Export, named: list[tuple[str, str]], dialect: Mapping[str, Any]) -> str:
    facts = [
        export.dataset,
        export.format,
        export.compression,
        export.split,
        export.filter,
        sorted(export.hash),
        named,
        dict(dialect),
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


def _delivered_kind(name: str, kinds: Mapping[str, str], export: Export) -> str:
    return "VARCHAR" if name in export.hash else kinds[name]


def _is_nested(kind: str) -> bool:
    return kind.startswith(("STRUCT", "MAP", "UNION")) or kind.endswith("]")


def _cell(column_name: str, kind: str, export: Export, hash_key: str) -> Sql:
    """SQL that turns a column into what is written."""
    column = names([column_name], "source")
    alias = name(export.rename.get(column_name, column_name))
    return sql("{value} AS {alias}", value=_value(column_name, column, kind, export, hash_key), alias=alias)


def _value(column_name: str, column: Sql, kind: str, export: Export, hash_key: str) -> Sql:
    if column_name in export.hash:
        # Twice with the key, as an HMAC is.
        return sql(
            "sha256({key} || sha256({key} || CAST({column} AS VARCHAR)))", key=text(hash_key), column=column
        )
    cells = FORMATS[export.format].cells
    if cells.times_as_text and kind.startswith("TIMESTAMP"):
        utc = column
        if kind == "TIMESTAMP WITH TIME ZONE":
            utc = sql("make_timestamp(epoch_us({column}))", column=column)
        return sql("strftime({utc}, '%Y-%m-%dT%H:%M:%S.%gZ')", utc=utc)
    if cells.only_finite and kind in ("DOUBLE", "FLOAT"):
        return sql("CASE WHEN isfinite({column}) THEN {column} END", column=column)
    is_text = kind in ("VARCHAR", "JSON")
    if cells.nested_as_json and _is_nested(kind):
        column = sql("CAST(to_json({column}) AS VARCHAR)", column=column)
        is_text = True
    written = _guarded(column) if is_text and cells.guarded and export.formula_guard else column
    if kind != "VARCHAR":
        return written  # JSON has no NUL but as an escape
    # Readers end a text at a NUL, or refuse the file; a decoded address may hold one. To look first costs
    # next to nothing, to replace in every cell half as much again as writing.
    return sql(
        "CASE WHEN contains({column}, chr(0)) THEN replace({written}, chr(0), chr(65533)) ELSE {written} END",
        column=column,
        written=written,
    )


def _guarded(column: Sql) -> Sql:
    """A text so that no spreadsheet runs it.

    The first character decides, most often by being a letter, a digit or a slash; only an apostrophe needs
    a closer look, which costs ten times as much.
    """
    return sql(
        "CASE WHEN ({first} NOT BETWEEN 65 AND 65290 AND {first} NOT BETWEEN 46 AND 60 "
        "AND list_contains({codes}, {first})) "
        "OR ({first} = 39 AND regexp_matches({column}, {after})) "
        "THEN '''' || {column} ELSE {column} END",
        first=sql("ascii({column})", column=column),
        codes=_CODES,
        column=column,
        after=_AFTER_APOSTROPHES,
    )
