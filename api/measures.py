"""What can be asked of the published tables: metrics, dimensions, and which table answers for both.

Reports (a row a site, day and whatever else their order has) come from the catalogue and the models' YAML:
a new column of one is a metric at once, a new report brings its dimensions. Where figures of days do not add
up, sessions and page views are counted anew, by the formulas of the models.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from footfall.catalogue.tables import PUBLISHED, SITE_DAY, Table
from footfall.described import Described, table_columns
from footfall.sql import Sql, kind, name, number, sql, text

#: Plausible's name → ours.
METRIC_NAMES: Mapping[str, str] = {
    "pageviews": "page_views",
    "visits": "sessions",
    "visit_duration": "avg_session_seconds",
    "views_per_visit": "views_per_session",
    "total_revenue": "revenue",
    "scroll_depth": "avg_scroll_pct",
}
DIMENSION_NAMES: Mapping[str, str] = {
    "event:name": "event_type",
    "event:goal": "event_type",
    "event:page": "page",
    "visit:entry_page": "landing_page",
    "visit:exit_page": "exit_page",
    "visit:utm_source": "source",
    "visit:utm_medium": "medium",
    "visit:utm_campaign": "campaign",
    "visit:utm_term": "term",
    "visit:utm_content": "content",
    "visit:country_name": "country",
    "visit:region_name": "region",
    "visit:city_name": "city",
    "event:hostname": "host",
}
#: By day, week and month of the column `date`; by hour of a moment (api.hours_of_days).
TIMES = ("time:hour", "time:day", "time:week", "time:month")
_OF_TIME: Mapping[str, Sql] = {
    "time:day": sql("date"),
    "time:week": sql("CAST(date_trunc('week', date) AS DATE)"),
    "time:month": sql("CAST(date_trunc('month', date) AS DATE)"),
}

#: In units of the row's currency, and in that of the client's reports.
_MONEY = frozenset({"revenue", "gross", "refunds"})
_CONVERTED = frozenset({"reporting_gross", "reporting_refunds"})
_NUMBERS = ("BIGINT", "INTEGER", "DOUBLE", "DECIMAL")
#: Counts of different people or things of a day: those of two days are not their sum.
_OF_ONE_DAY = frozenset(
    {"visitors", "returning_visitors", "revision", "pages", "entered", "reached", "longest_seconds"}
)
#: The same, of one table.
_OF_ONE_DAY_IN = frozenset(
    (table, "sessions")
    for table in (
        *("pages_daily", "events_daily", "properties_daily", "clicks_daily"),
        *("journeys", "consent_daily"),
    )
) | {("quality_daily", "lines")}
#: What a property of events is asked by: `event:props:plan`.
_PROPERTY = "props:"
#: Share → what is divided by what, and digits, as the models do it; where a table has other names, its own.
_RATIOS: Mapping[str, tuple[str, str, int]] = {
    "bounce_rate": ("bounces", "sessions", 4),
    "engagement_rate": ("engaged_sessions", "sessions", 4),
    "views_per_session": ("page_views", "sessions", 4),
    "conversion_rate": ("converted_sessions", "sessions", 4),
}
_RATIOS_IN: Mapping[tuple[str, str], tuple[str, str, int]] = {
    ("pages_daily", "bounce_rate"): ("bounces", "entrances", 4),
    ("pages_daily", "avg_engaged_seconds"): ("engaged_seconds", "page_views", 3),
    ("daily_metrics", "avg_engaged_seconds"): ("engaged_seconds", "sessions", 3),
}


@dataclass(frozen=True)
class Source:
    """A table that can answer: dimension → its expression over a row, metric → over a group of rows."""

    table: str
    dimensions: Mapping[str, Sql]
    metrics: Mapping[str, Sql]
    #: Metrics that are right only where each group is one row, with how they are taken then.
    delivered: Mapping[str, Sql] = field(default_factory=dict)
    #: Beside site and day, what makes a row.
    keys: frozenset[str] = frozenset()
    #: The column that says when, where a row has one moment.
    moment: str = ""
    #: Which rows count.
    rows: Sql = field(default_factory=lambda: sql("true"))


def _or_unknown(column: str, word: str = "(unknown)") -> Sql:
    words = {"(unknown)": sql("'(unknown)'"), "(not set)": sql("'(not set)'")}
    return sql("coalesce({column}, {word})", column=name(column), word=words[word])


_REVENUE = sql(
    "CAST(CASE WHEN count(DISTINCT currency) <= 1 THEN coalesce(sum(revenue), 0) END AS DECIMAL(38, 4))"
)
_PEOPLE = sql("NOT is_bot")
_SESSIONS = Source(
    "sessions",
    {
        **{
            each: name(each)
            for each in ("channel", "source", "medium", "landing_page", "exit_page", "referrer_host")
        },
        **{each: _or_unknown(each) for each in ("country", "region", "city", "device", "browser", "os")},
        **{each: _or_unknown(each, "(not set)") for each in ("campaign", "term", "content")},
        **{each: name(each) for each in ("language", "screen", "first_channel", "first_source")},
    },
    {
        "visitors": sql("count(DISTINCT visitor_id)"),
        "sessions": sql("count(*)"),
        "engaged_sessions": sql("count(CASE WHEN is_engaged THEN 1 END)"),
        "bounces": sql("count(CASE WHEN is_bounce THEN 1 END)"),
        "converted_sessions": sql("count(CASE WHEN conversions > 0 THEN 1 END)"),
        "bounce_rate": sql(
            "round(CAST(count(CASE WHEN is_bounce THEN 1 END) AS DOUBLE) / nullif(count(*), 0), 4)"
        ),
        "engagement_rate": sql(
            "round(CAST(count(CASE WHEN is_engaged THEN 1 END) AS DOUBLE) / nullif(count(*), 0), 4)"
        ),
        "conversion_rate": sql(
            "round(CAST(count(CASE WHEN conversions > 0 THEN 1 END) AS DOUBLE) / nullif(count(*), 0), 4)"
        ),
        "views_per_session": sql("round(CAST(sum(page_views) AS DOUBLE) / nullif(count(*), 0), 4)"),
        "page_views": sql("CAST(sum(page_views) AS BIGINT)"),
        "events": sql("CAST(sum(events) AS BIGINT)"),
        "conversions": sql("CAST(sum(conversions) AS BIGINT)"),
        "engaged_seconds": sql("CAST(sum(engaged_seconds) AS DECIMAL(18, 3))"),
        "session_seconds": sql("CAST(sum(duration_seconds) AS DECIMAL(18, 3))"),
        "avg_session_seconds": sql("round(CAST(sum(duration_seconds) AS DOUBLE) / nullif(count(*), 0), 3)"),
        "median_session_seconds": sql("round(CAST(median(duration_seconds) AS DOUBLE), 3)"),
        "entrances": sql("count(landing_page)"),
        "exits": sql("count(exit_page)"),
        "revenue": _REVENUE,
    },
    moment="started_at",
    rows=_PEOPLE,
)
_PAGE_VIEWS = Source(
    "page_views",
    {
        **{each: name(each) for each in ("page", "page_group", "host", "referrer_host", "country", "region")},
        **{each: name(each) for each in ("city", "device", "browser", "os", "viewport", "origin", "method")},
        **{each: name(each) for each in ("edge_location", "edge_result")},
        "status": sql("CAST(status AS VARCHAR)"),
    },
    {
        "page_views": sql("count(*)"),
        "visitors": sql("count(DISTINCT visitor_id)"),
        "sessions": sql("count(DISTINCT session_id)"),
        "engaged_seconds": sql("CAST(sum(engaged_seconds) AS DECIMAL(18, 3))"),
    },
    moment="occurred_at",
    rows=sql("NOT is_bot AND page IS NOT NULL"),
)


@cache
def sources() -> tuple[Source, ...]:
    """Every source, reports first, those of fewer keys before others."""
    # An event has a row in properties_daily for each of its properties: only one of them can be asked for.
    tables = [table for table in PUBLISHED if table.clock is SITE_DAY and table.name != "properties_daily"]
    reports = [_report(table) for table in tables]
    return (*sorted(reports, key=lambda each: len(each.keys)), _SESSIONS, _PAGE_VIEWS)


@cache
def _of_property(key: str) -> Source:
    """What is counted by the values of one property."""
    table = next(each for each in PUBLISHED if each.name == "properties_daily")
    whole, dimension = _report(table), _PROPERTY + key
    return replace(
        whole,
        dimensions={"event_type": whole.dimensions["event_type"], dimension: name("value")},
        keys=frozenset({"event_type", dimension}),
        rows=sql("property = {key}", key=text(key)),
    )


def property_of(dimension: str) -> str:
    """The property that a dimension is; empty where it is none."""
    return dimension.removeprefix(_PROPERTY) if dimension.startswith(_PROPERTY) else ""


def is_dimension(found: str) -> bool:
    """Whether something can be told apart by it."""
    return found in dimensions() or property_of(found) != ""


def _report(table: Table) -> Source:
    columns = table_columns(table.name)
    keys = [each for each in table.order if each not in ("site_id", "date")]
    numbers = [c for c in columns.values() if c.kind.startswith(_NUMBERS) and c.name not in keys]
    metrics = {c.name: _added(c) for c in numbers if _adds_up(table.name, c)}
    for each in numbers:
        ratio = _RATIOS_IN.get((table.name, each.name)) or _RATIOS.get(each.name)
        if ratio is not None and {ratio[0], ratio[1]} <= {c.name for c in numbers}:
            metrics[each.name] = sql(
                "round(CAST(sum({a}) AS DOUBLE) / nullif(sum({b}), 0), {digits})",
                a=name(ratio[0]),
                b=name(ratio[1]),
                digits=number(ratio[2]),
            )
    return Source(
        table.name,
        {
            each: name(each) if columns[each].kind == "VARCHAR" else sql("CAST({c} AS VARCHAR)", c=name(each))
            for each in keys
        },
        metrics,
        {c.name: sql("any_value({c})", c=name(c.name)) for c in numbers},
        frozenset(keys),
    )


def _adds_up(table: str, column: Described) -> bool:
    is_count = column.kind.startswith(("BIGINT", "DECIMAL"))
    return is_count and column.name not in _OF_ONE_DAY and (table, column.name) not in _OF_ONE_DAY_IN


def _added(column: Described) -> Sql:
    if column.name in _MONEY:  # none where rows have different currencies
        return sql(
            "CAST(CASE WHEN count(*) = count({c}) AND count(DISTINCT currency) <= 1 THEN sum({c}) END"
            " AS DECIMAL(38, 4))",
            c=name(column.name),
        )
    if column.name in _CONVERTED:  # none where a rate is missing
        return sql(
            "CAST(CASE WHEN count(*) = count({c}) THEN sum({c}) END AS DECIMAL(38, 4))", c=name(column.name)
        )
    return sql("CAST(sum({c}) AS {kind})", c=name(column.name), kind=kind(column.kind))


def metric_of(written: str) -> str:
    """Our name of a metric."""
    return METRIC_NAMES.get(written, written)


def dimension_of(written: str) -> str:
    """Our name of a dimension: `visit:country`, `country`, `time:day`."""
    if written in TIMES:
        return written
    if written in DIMENSION_NAMES:
        return DIMENSION_NAMES[written]
    prefix, colon, rest = written.partition(":")
    return rest if colon and prefix in ("visit", "event") else written


def metrics() -> dict[str, str]:
    """Every metric and what it means."""
    found: dict[str, str] = {}
    for source in sources():
        columns = table_columns(source.table)
        for each in (*source.delivered, *source.metrics):
            meaning = columns[each].meaning if each in columns else ""
            found[each] = found.get(each) or meaning
    return found


def dimensions() -> dict[str, str]:
    """Every dimension and what it means."""
    found = {each: f"The {each.partition(':')[2]} of the site's own time zone." for each in TIMES}
    for source in sources():
        columns = table_columns(source.table)
        for each in source.dimensions:
            found[each] = found.get(each) or (columns[each].meaning if each in columns else "")
    return found


def expression(source: Source, dimension: str) -> Sql:
    """A dimension over a row of a source; `time:hour` is said by api.hours_of_days."""
    return _OF_TIME[dimension] if dimension in _OF_TIME else source.dimensions[dimension]


def choose(
    metric: str,
    grouped: Iterable[str],
    filtered: Iterable[str],
    pinned: Iterable[str],
    *,
    is_by_day: bool,
    is_by_session: bool = False,
) -> tuple[Source, Sql] | None:
    """The source that answers for a metric, and its expression; None where there is none.

    `grouped`, `filtered`: dimensions that rows are told apart or chosen by; `pinned`: those of one value.
    `is_by_day`: whether each group is of one day; `is_by_session`: whether sessions are chosen by what was
    done in them.
    """
    needed = {each for each in (*grouped, *filtered) if each not in TIMES}
    one = {*grouped, *pinned}
    properties = {property_of(each) for each in needed} - {""}
    among = (
        sources() if not properties else tuple(map(_of_property, properties)) if len(properties) == 1 else ()
    )
    if is_by_session or "time:hour" in grouped:
        among = tuple(source for source in among if source.moment)
    able = [source for source in among if needed <= set(source.dimensions)]
    for source in able:
        if is_by_day and source.keys <= one and metric in source.delivered:
            return source, source.delivered[metric]
    for source in able:
        if metric in source.metrics:
            return source, source.metrics[metric]
    return None
