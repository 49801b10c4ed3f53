"""One visitor, funnels, retention, journeys, quality."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from fastapi import Path, Query
from starlette.requests import Request
from starlette.responses import Response

from api.access import Caller
from api.answers import csv_answer, instant, json_answer, stands_on, wants_csv
from api.asking import finality, first_day, meta_of
from api.problems import Problem
from api.ranges import Days, days_of
from api.routes.acts import acting
from api.routes.questions import META, Range, SiteId, today_of
from api.routing import (
    MAYBE_OBJECT,
    MAYBE_TEXT,
    TEXT,
    YES_NO,
    Routes,
    array,
    caller_of,
    obj,
)
from api.service import Service
from api.tables import Reading
from footfall.access import audit
from footfall.clients import Client, Site
from footfall.described import table_columns
from footfall.sql import Connection, Sql, joined, name, run, sql

routes = Routes("Questions")

#: Sessions and page views of one visitor in an answer.
MOST_OF_VISITOR = 2000
#: What is said of a session and of a page in it. Each column is a piece of each file that has the visitor,
#: read whole for one row: what the visitor, the session or the delivered files say is said there alone.
_OF_SESSION = (
    *("session_id", "site_id", "visitor_id", "started_at", "ended_at", "landing_page", "exit_page"),
    *("referrer_host", "channel", "source", "medium", "campaign", "term", "content"),
    *("country", "region", "city", "language", "screen", "device", "browser", "os", "consent_tier"),
    *("page_views", "events", "conversions", "revenue", "other_currency_amounts", "currency"),
    *("engaged_seconds", "duration_seconds", "is_bounce", "is_engaged", "is_bot", "final_at"),
)
_OF_PAGE = (
    *(
        "event_id",
        "session_id",
        "occurred_at",
        "page_view_number",
        "host",
        "page",
        "page_group",
        "title",
        "url",
    ),
    *("referrer_host", "seconds_to_next", "engaged_seconds", "max_scroll_percent", "status", "is_bot"),
)
VisitorId = Annotated[str, Path(min_length=1, max_length=200, description="As delivered files have it.")]
_MANY = 10_000


def visitor(
    request: Request,
    visitor_id: VisitorId,
    site_id: SiteId = None,
    limit: Annotated[int, Query(ge=1, le=MOST_OF_VISITOR)] = 200,
) -> Response:
    """The journey of one visitor: first touch, sessions, and the pages of each, the newest session first.

    What is not said of a page is in the delivered files, by its `event_id`.
    """
    caller, service = caller_of(request), request.app.state.service
    client = caller.owner
    sites = [caller.site(site_id).site_id] if site_id else [each.site_id for each in caller.sites()]
    if "\0" in visitor_id:
        raise Problem("unknown_visitor", "no id has a NUL byte")
    # Who looks at a person leaves a line, before anything is shown.
    acting(service, caller, "visitors.read", f"visitor {_digest(service, caller, visitor_id)}")
    tables = service.tables.of(client.client_id)

    def read(database: Connection, rows_of: Callable[[str], Sql]) -> dict[str, list[dict[str, Any]]]:
        condition = sql("list_contains(?, site_id)")
        return {
            table: _rows(database, rows_of(table), table, condition, [sites], order, most, columns)
            for table, order, most, columns in (
                ("visitors", sql("first_seen_at DESC"), MOST_OF_VISITOR, ()),
                ("sessions", sql("started_at DESC"), limit + 1, _OF_SESSION),
                ("page_views", sql("occurred_at DESC"), MOST_OF_VISITOR, _OF_PAGE),
            )
        }

    found = tables.of_visitor(visitor_id, read)
    if not any(found.values()):
        raise Problem("unknown_visitor", "nothing is published of a visitor of that id")
    sessions = found["sessions"]
    pages: dict[Any, list[dict[str, Any]]] = {}
    for view in reversed(found["page_views"]):
        pages.setdefault(view["session_id"], []).append(view)
    return json_answer(
        {
            "visitor_id": visitor_id,
            "visitor": found["visitors"][0] if found["visitors"] else None,
            "sessions": [{**each, "pages": pages.get(each["session_id"], [])} for each in sessions[:limit]],
            "is_whole": len(sessions) <= limit and len(found["page_views"]) < MOST_OF_VISITOR,
            "complete_through": _reached(tables),
            "stale_since": instant(tables.stale_since) if tables.stale_since else None,
        }
    )


def _digest(service: Service, caller: Caller, visitor_id: str) -> str:
    return audit.person(service.settings.audit, caller.owner.client_id, visitor_id)


def funnel(request: Request, name: str, site_id: SiteId = None, date_range: Range = "30d") -> Response:
    """Steps of a funnel of the client file, by the day on which they began."""
    caller = caller_of(request)
    known = [each.name for each in caller.owner.funnels]
    if name not in known:
        raise Problem("unknown_funnel", f"there is no funnel {name!r}", field="name", possible=known)
    return _table(request, "funnels", site_id, date_range, sql("funnel = ?"), [name], sql("date, step"))


def retention(request: Request, site_id: SiteId = None, date_range: Range = "91d") -> Response:
    """Visitors of each week who came back in the weeks after it; the range is of the cohorts' Mondays."""
    order = sql("cohort_week, weeks_later")
    return _table(
        request, "retention_weekly", site_id, date_range, sql("true"), [], order, sql("cohort_week")
    )


def journeys(request: Request, site_id: SiteId = None, date_range: Range = "7d") -> Response:
    """Pairs of pages that followed each other, by day."""
    order = sql("date, transitions DESC, from_page, to_page")
    return _table(request, "journeys", site_id, date_range, sql("true"), [], order)


def quality(request: Request, site_id: SiteId = None, date_range: Range = "30d") -> Response:
    """What was received of each day, what was repeated, refused, late or lost, and whether it is final."""
    columns = (
        "date",
        "received",
        "events",
        "duplicates",
        "quarantined",
        "late_added",
        "pixel_lost",
        "bot_events",
        "revenue_unreadable",
        "unattributed_reports",
        "revision",
        "is_final",
        "final_at",
    )
    return _table(
        request, "daily_metrics", site_id, date_range, sql("true"), [], sql("date"), columns=columns
    )


def _table(
    request: Request,
    table: str,
    site_id: str | None,
    date_range: str,
    condition: Sql,
    values: list[Any],
    order: Sql,
    day: Sql | None = None,
    columns: tuple[str, ...] = (),
) -> Response:
    """Rows of a published table over days, as they were delivered."""
    caller, service = caller_of(request), request.app.state.service
    site = caller.site(site_id)
    tables = service.tables.of(caller.owner.client_id)
    days = _days(service, tables, caller.owner, site, date_range)
    shown = columns or tuple(c for c in table_columns(table) if c not in ("client_id", "site_id"))
    relation = tables.relation(table, *days)
    with tables.database() as database:
        rows = _rows(
            database,
            relation,
            table,
            sql("site_id = ? AND {day} BETWEEN ? AND ? AND {c}", day=day or sql("date"), c=condition),
            [site.site_id, *days, *values],
            order,
            _MANY + 1,
            shown,
        )
    if len(rows) > _MANY:
        raise Problem("too_large", f"more than {_MANY} rows: ask for fewer days", field="date_range")
    certain = finality(tables, site.site_id, days)
    meta = meta_of(
        tables, site.timezone or caller.owner.timezone, certain, days, {table: tables.source(table)}
    )
    if wants_csv(request):
        return csv_answer(shown, [[row[c] for c in shown] for row in rows], stands_on(meta))
    return json_answer({"rows": rows, "days": [each.isoformat() for each in days], "meta": meta})


def _days(service: Service, tables: Reading, client: Client, site: Site, date_range: str) -> Days:
    today = today_of(service, client, site)
    said = [each.strip() for each in date_range.split(",")] if "," in date_range else date_range
    first = first_day(tables, site.site_id, today) if said == "all" else today
    return days_of(said, today, first)


def _rows(
    database: Connection,
    relation: Sql,
    table: str,
    condition: Sql,
    values: list[Any],
    order: Sql,
    most: int,
    columns: tuple[str, ...] = (),
) -> list[dict[str, Any]]:
    """Rows of a table's `relation` as documents; times as texts."""
    known = table_columns(table)
    shown = columns or tuple(c for c in known if c != "client_id")
    rows = run(
        database,
        "SELECT {columns} FROM {relation} AS found WHERE {condition} ORDER BY {order} LIMIT ?",
        [*values, most],
        columns=joined(", ", [_column(known[c].kind, c) for c in shown]),
        relation=relation,
        condition=condition,
        order=order,
    ).fetchall()
    return [{c: _shown(known[c].kind, value) for c, value in zip(shown, row, strict=True)} for row in rows]


def _column(kind: str, column: str) -> Sql:
    """A column; a time as milliseconds since 1970, so that no zone plays a part."""
    if kind != "TIMESTAMPTZ":
        return name(column)
    return sql("epoch_ms({c}) AS {c}", c=name(column))


def _shown(kind: str, value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if kind == "TIMESTAMPTZ" and value is not None:
        return instant(datetime.fromtimestamp(value // 1000, UTC) + timedelta(milliseconds=value % 1000))
    return value


def _reached(tables: Reading) -> str | None:
    reached = tables.complete_through()
    return instant(reached) if reached else None


_VALUE = {"type": ["number", "integer", "string", "boolean", "null"]}
_ROW = {"type": "object", "additionalProperties": _VALUE}
_TABLE = obj({"rows": array(_ROW), "days": array(TEXT), "meta": META})
_SESSION = {
    "type": "object",
    "required": ["pages"],
    "properties": {"pages": array(_ROW)},
}
VISITOR = obj(
    {
        "visitor_id": TEXT,
        "visitor": MAYBE_OBJECT,
        "sessions": array(_SESSION),
        "is_whole": YES_NO,
        "complete_through": MAYBE_TEXT,
        "stale_since": MAYBE_TEXT,
    }
)
routes.add(
    "GET",
    "/v1/visitors/{visitor_id}",
    visitor,
    permission="read",
    reach="site",
    gives=VISITOR,
)
for _path_of, _answer, _example in (
    ("/v1/funnels/{name}", funnel, None),
    ("/v1/retention", retention, {"query": "date_range=all"}),
    ("/v1/journeys", journeys, {"query": "date_range=7d"}),
    ("/v1/quality", quality, {"query": "date_range=7d"}),
):
    routes.add(
        "GET",
        _path_of,
        _answer,
        permission="read",
        reach="site",
        gives=_TABLE,
        is_csv=True,
        is_for_assistants=_answer is not journeys,
        example=_example,
    )
