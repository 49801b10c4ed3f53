"""A question over the published tables, from its body to rows: each metric from the table that has it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

import duckdb
from pydantic import Field

from api.answers import etag_of, instant
from api.conditions import Both, conditions, filters_of, pinned, where
from api.done import TABLES, is_asked, require_known, sessions_that
from api.hours_of_days import shown_hour
from api.measures import (
    TIMES,
    Source,
    choose,
    dimension_of,
    dimensions,
    expression,
    is_dimension,
    metric_of,
    metrics,
    property_of,
)
from api.near import near
from api.problems import Problem
from api.ranges import MOST_DAYS, Days
from api.routing import Strict
from api.tables import Reading
from footfall.clients import Client, Site
from footfall.sql import Sql, joined, name, run, sql

#: Groups that a question may have. More: it is an export, which a client file orders.
MOST_GROUPS = 200_000
#: Rows of an answer that is kept until something is published anew.
_MOST_KEPT = 100
#: Days at most → what `time` stands for.
_TIME_OF = ((2, "time:hour"), (40, "time:day"), (366, "time:week"), (MOST_DAYS, "time:month"))
Short = Annotated[str, Field(max_length=200)]


class Include(Strict):
    """What the answer says beside its rows."""

    imports: Literal[True] = Field(default=True, description="What was imported counts as all else does.")
    time_labels: bool = False
    total_rows: bool = False


class Pagination(Strict):
    """Which rows."""

    limit: int = Field(default=10_000, ge=1, le=10_000)
    offset: int = Field(default=0, ge=0, le=MOST_GROUPS)


class Question(Strict):
    """A question in the grammar of Plausible's Stats API v2, and what that lacks."""

    site_id: Short | None = Field(default=None, description="A site, by its id or one of its domains.")
    metrics: list[Short] = Field(min_length=1, max_length=20, description="/v1/metrics lists them.")
    date_range: Short | list[Short] = Field(
        description="day, 7d, 28d, 30d, 91d, month, 6mo, 12mo, year, all, or the first and the last day."
    )
    dimensions: list[Short] = Field(default=[], max_length=8)
    filters: list[Any] = Field(default=[], max_length=50)
    order_by: list[list[Short]] = Field(default=[], max_length=10)
    include: Include = Include()
    pagination: Pagination = Pagination()
    compare: Short | list[Short] | None = Field(
        default=None, description="previous_period, year_over_year, or the first and the last day."
    )
    match_weekday: bool = Field(default=False, description="Compare Mondays with Mondays.")
    cursor: Short | None = Field(default=None, description="The `next` of the answer before.")


@dataclass(frozen=True)
class Plan:
    """A question that can be answered: where each metric comes from."""

    client: Client
    site: Site
    dimensions: tuple[str, ...]
    filter: Both
    #: Table → its source, and the places of metrics that it gives with their expressions.
    asked: Mapping[str, tuple[Source, Mapping[int, Sql]]]
    width: int
    #: All tables that are read.
    tables: frozenset[str]

    def measured(self) -> str:
        """Which expression of which table each metric is."""
        return repr({table: dict(metrics_of_it) for table, (_, metrics_of_it) in self.asked.items()})


def at_its_time(question: Question, days: Days) -> Question:
    """The same with hours, days, weeks or months for `time`, by how long the range is."""
    length = (days[1] - days[0]).days + 1
    name = next(name for most, name in _TIME_OF if length <= most)
    return question.model_copy(
        update={
            "dimensions": [name if each == "time" else each for each in question.dimensions],
            "order_by": [[name if word == "time" else word for word in each] for each in question.order_by],
        }
    )


def plan(client: Client, site: Site, question: Question, days: Days) -> Plan:
    """Raises Problem where no table answers."""
    grouped = tuple(_known_dimension(each, f"dimensions.{n}") for n, each in enumerate(question.dimensions))
    if len(set(grouped)) < len(grouped):
        raise Problem("invalid", "a dimension is given twice", field="dimensions")
    if sum(each in TIMES for each in grouped) > 1:
        raise Problem("invalid", "one time dimension at most", field="dimensions")
    found = filters_of(question.filters, {each.name: each.filters for each in client.segments})
    require_known(found, site)
    by_session = is_asked(found)
    filtered = {each.dimension for each in conditions(found)}
    for each in sorted({*grouped, *filtered}):
        _require_counted(each, site)
    is_by_day = "time:day" in grouped or days[0] == days[1]

    def able(metric: str) -> tuple[Source, Sql] | None:
        return choose(
            metric,
            grouped,
            filtered,
            pinned(found),
            is_by_day=is_by_day,
            is_by_session=by_session,
        )

    asked: dict[str, tuple[Source, dict[int, Sql]]] = {}
    for place, written in enumerate(question.metrics):
        metric = metric_of(written)
        if metric not in metrics():
            raise Problem(
                "unknown_metric",
                f"there is no metric {written!r}",
                field=f"metrics.{place}",
                possible=near(written, metrics()),
            )
        # A name of Plausible's may be a column of a report too: `visits` of assistants.
        chosen = able(metric) or able(written)
        if chosen is None:
            can = sorted(each for each in metrics() if able(each) is not None)
            raise Problem(
                "not_together",
                f"{written} is not to be had with these dimensions and filters over these days",
                field=f"metrics.{place}",
                possible=can,
            )
        asked.setdefault(chosen[0].table, (chosen[0], {}))[1][place] = chosen[1]
    tables = {*asked, *(TABLES if by_session else ())}
    return Plan(client, site, grouped, found, asked, len(question.metrics), frozenset(tables))


def rows_of(tables: Reading, found: Plan, days: Days) -> Mapping[tuple[Any, ...], Sequence[Any]]:
    """Values of dimensions → metrics, in the order of the question; few rows are kept. Raises Problem."""
    zone = str(found.client.clock(found.site))
    about = (found.site.site_id, zone, str(found.dimensions), str(found.filter), found.measured(), str(days))
    return tables.kept(("rows", etag_of(*about)), lambda: _rows_of(tables, found, days), most=_MOST_KEPT)


def _rows_of(tables: Reading, found: Plan, days: Days) -> dict[tuple[Any, ...], list[Any]]:
    rows: dict[tuple[Any, ...], list[Any]] = {}
    relations = {table: tables.relation(table, *days) for table in sorted(found.tables)}
    with tables.database() as database:
        for source, metrics_of_it in found.asked.values():
            for dims, values in _ask(database, relations, source, metrics_of_it, found, days):
                row = rows.setdefault(dims, [None] * found.width)
                for place, value in zip(metrics_of_it, values, strict=True):
                    row[place] = value
    return rows


def _ask(
    database: duckdb.DuckDBPyConnection,
    relations: Mapping[str, Sql],
    source: Source,
    asked: Mapping[int, Sql],
    found: Plan,
    days: Days,
) -> Sequence[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    condition, values = where(source, found.filter, sessions_that(relations, found.site, days))

    def shown(dimension: str) -> Sql:
        if dimension == "time:hour":
            return shown_hour(source.moment, found.client.clock(found.site), days)
        return expression(source, dimension)

    grouped = [sql("{e} AS {n}", e=shown(each), n=name(f"d{n}")) for n, each in enumerate(found.dimensions)]
    measured = [sql("{e} AS {n}", e=each, n=name(f"m{place}")) for place, each in asked.items()]
    groups = [name(f"d{n}") for n in range(len(found.dimensions))]
    inner = [sql("*"), *grouped]
    try:
        done = run(
            database,
            "SELECT {shown} FROM (SELECT {inner} FROM {relation} WHERE site_id = ? AND date BETWEEN ? AND ? "
            "AND {rows} AND {condition}) AS rows {group} HAVING count(*) > 0 LIMIT ?",
            [found.site.site_id, *days, *values, MOST_GROUPS + 1],
            shown=joined(", ", [*groups, *measured]),
            inner=joined(", ", inner),
            relation=relations[source.table],
            rows=source.rows,
            condition=condition,
            group=sql("GROUP BY {groups}", groups=joined(", ", groups)) if groups else sql(""),
        ).fetchall()
    except duckdb.InvalidInputException as error:
        raise Problem("invalid", _said(error), field="filters") from None
    if len(done) > MOST_GROUPS:
        raise Problem("too_large", f"more than {MOST_GROUPS} rows: group by less, or order an export")
    width = len(groups)
    return [(row[:width], row[width:]) for row in done]


@dataclass(frozen=True)
class Finality:
    """Whether days are final, and by which rules they were made: of the site's daily figures."""

    final: Mapping[date, bool]
    model_versions: tuple[str, ...]

    def of(self, days: Days) -> bool:
        """Whether every day of a range is final; a day that has no figures yet is not."""
        return all(
            self.final.get(days[0] + timedelta(days=n), False) for n in range((days[1] - days[0]).days + 1)
        )


def finality(tables: Reading, site_id: str, days: Days) -> Finality:
    """What the daily figures say of their days."""
    return tables.once(("finality", site_id, days), lambda: _finality(tables, site_id, days))


def _finality(tables: Reading, site_id: str, days: Days) -> Finality:
    relation = tables.relation("daily_metrics", *days)
    with tables.database() as database:
        rows = run(
            database,
            "SELECT date, is_final, model_version FROM {relation} WHERE site_id = ? AND date BETWEEN ? AND ?",
            [site_id, *days],
            relation=relation,
        ).fetchall()
    return Finality({row[0]: bool(row[1]) for row in rows}, tuple(sorted({str(row[2]) for row in rows})))


def meta_of(
    tables: Reading, timezone: str, certain: Finality, days: Days, sources: Mapping[str, str]
) -> dict[str, Any]:
    """What an answer stands on. `sources`: table → sha256, empty where nothing is published."""
    reached = tables.complete_through()
    return {
        "timezone": timezone,
        "data_through": instant(reached) if reached else None,
        "complete_through": instant(reached) if reached else None,
        "final": certain.of(days),
        "model_versions": list(certain.model_versions),
        "sources": {table: sha256 or None for table, sha256 in sources.items()},
        "sampling": "none",
        "stale_since": instant(tables.stale_since) if tables.stale_since else None,
    }


def first_day(tables: Reading, site_id: str, today: date) -> date:
    """The first day of a site that has figures; today where none has."""
    return tables.once(("first day", site_id), lambda: _first_day(tables, site_id)) or today


def _first_day(tables: Reading, site_id: str) -> date | None:
    relation = tables.relation("daily_metrics")
    with tables.database() as database:
        row = run(
            database, "SELECT min(date) FROM {relation} WHERE site_id = ?", [site_id], relation=relation
        ).fetchone()
    return row[0] if row else None


def ordered(
    rows: Mapping[tuple[Any, ...], Sequence[Any]], question: Question, found: Plan
) -> list[tuple[tuple[Any, ...], Sequence[Any]]]:
    """Rows as `order_by` says; else by time, or by the first metric, the largest first. Raises Problem."""
    listed = sorted(rows.items(), key=lambda row: tuple(map(_sortable, row[0])))
    names = [metric_of(each) for each in question.metrics]
    asked = question.order_by
    if not asked and not (found.dimensions and found.dimensions[0] in TIMES):
        asked = [[question.metrics[0], "desc"]]
    for number, each in reversed(list(enumerate(asked))):
        if len(each) != 2 or each[1] not in ("asc", "desc"):
            raise Problem("invalid", 'write ["visitors", "desc"]', field=f"order_by.{number}")
        dimension = dimension_of(each[0])
        if metric_of(each[0]) in names:
            place, part = names.index(metric_of(each[0])), 1
        elif dimension in found.dimensions:
            place, part = found.dimensions.index(dimension), 0
        else:
            raise Problem("invalid", f"{each[0]!r} is no part of the question", field=f"order_by.{number}")
        listed.sort(key=lambda row, p=place, a=part: _sortable(row[a][p]), reverse=each[1] == "desc")  # type: ignore[misc]
    return listed


def change(now: Any, before: Any) -> float | None:
    """Percent from one value to another; None from nothing."""
    if before in (None, 0) or now is None:
        return None
    return round(float((Decimal(str(now)) - Decimal(str(before))) / Decimal(str(before)) * 100), 2)


def _sortable(value: Any) -> tuple[bool, Any]:
    return (value is not None, value if value is not None else 0)


def _require_counted(dimension: str, site: Site) -> None:
    """Raises Problem for a property that the site does not have counted: no row would look like no event."""
    key = property_of(dimension)
    if key and key not in site.properties:
        raise Problem(
            "unknown_dimension",
            f"{key!r} is not counted: name it in `properties` of the site {site.site_id}",
            field="dimensions",
            possible=[f"event:props:{each}" for each in site.properties],
        )


def _known_dimension(written: str, field: str) -> str:
    found = dimension_of(written)
    if not is_dimension(found):
        raise Problem(
            "unknown_dimension",
            f"there is no dimension {written!r}",
            field=field,
            possible=near(written, dimensions()),
        )
    return found


def _said(error: duckdb.Error) -> str:
    """What is wrong with a pattern, without DuckDB's name for the kind of error."""
    return str(error).splitlines()[0].removeprefix("Invalid Input Error: ")[:300]
